"""Methods for SDEs against closed forms: geometric Brownian motion and the Ornstein-Uhlenbeck process.

All methods and steps follow the same paths, so that what differs is their error. Geometric Brownian motion,
dS = a S dt + b S dW, has diagonal noise and is exp((a - b^2 / 2) t + b W). The process of Ornstein and Uhlenbeck,
dX = k (m - X) dt + b dW, has additive noise, and in its closed form the integral of exp(k u) dW(u): over a short step
nearly that of a straight line, which the path's increment W and area H give. As its drift is linear, what keeps methods
for additive noise at order 1.5 is zero, and they have order 2.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import tapeless

A, B, START = 0.5, 0.8, 1.0
K, M, B_OU, START_OU = 2.0, 1.0, 0.5, 2.5
N, STEPS, FINE = 4000, 2 ** np.arange(3, 10), np.linspace(0.0, 1.0, 1025)


@tapeless.field(dim=1, n_params=1)
def growth(t, y, theta, dy):
    dy[0] = theta[0] * y[0]


@tapeless.diffusion(dim=1, n_params=1)
def proportional(t, y, theta, dg):
    dg[0] = theta[0] * y[0]


@tapeless.field(dim=1, n_params=2)
def reversion(t, y, theta, dy):
    dy[0] = theta[0] * (theta[1] - y[0])


@tapeless.diffusion(dim=1, n_params=1)
def constant(t, y, theta, dg):
    dg[0] = theta[0]


def from_0(increments):
    return np.concatenate([np.zeros((1, N, 1)), np.cumsum(increments, axis=0)])


path = tapeless.BrownianPath(1, 0.0, 1.0, (N, 1), "space-time", resolution=2.0**-10)
noise, t = path(FINE[:-1], FINE[1:]), FINE[:, None, None]
gbm = START * np.exp((A - B**2 / 2) * t + B * from_0(noise.W))
e = np.exp(K * t)
integral = from_0(e[:-1] * (noise.W / 2 + noise.H) + e[1:] * (noise.W / 2 - noise.H))
ou = M + (START_OU - M + B_OU * integral) / e


def solve(fields, y0, method, theta, n_steps):
    """Return times and states, of shape (9, N, 1), on the one path."""
    options = {"path": path, "t_eval": np.linspace(0.0, 1.0, 9)}
    sol = tapeless.solve_sde(
        *fields, (0.0, 1.0), y0, theta, method=method, n_steps=n_steps, **options
    )
    return sol.ts, np.moveaxis(sol.ys, 1, 0)


def compare(title, fields, exact, methods, paths, errors):
    """Print the orders of methods, and plot their errors, and three paths by the first and the last of them."""
    paths.plot(FINE, exact[:, :3, 0], color="0.6", linewidth=1, label=["exact", None, None])
    tops = {}
    for i, (method, theta, order) in enumerate(methods):
        ends = [solve(fields, exact[0], method, theta, n)[1][-1] for n in STEPS]
        found = np.array([abs(end - exact[-1]).mean() for end in ends])
        slope = np.polyfit(np.log(1 / STEPS), np.log(found), 1)[0]
        print(f"{title}, {method}: strong order {slope:.2f}, of theory {order}")
        style = {"markerfacecolor": "none", "markersize": 9 - i, "label": f"{method}, {slope:.2f}"}
        errors.loglog(1 / STEPS, found, "o^sDv"[i] + "-", **style)
        tops.setdefault(order, 1.5 * found[0])
        if i in (0, len(methods) - 1):
            t, states = solve(fields, exact[0], method, theta, 8)
            style = {"color": f"C{i}", "linewidth": 0.7, "markersize": 5}
            label = [f"{method}, 8 steps", None, None]
            paths.plot(t, states[:, :3, 0], "o^sDv"[i] + "--", label=label, **style)
    for order, top in tops.items():
        errors.loglog(1 / STEPS, top * (STEPS[0] / STEPS) ** order, ":", color="0.4")
        errors.text(1.15 / STEPS[0], top, f"{order}", va="center")
    paths.set(xlabel="t", ylabel="state", title=f"{title}: 3 of {N} paths")
    paths.legend(frameon=False)
    errors.set(xlabel="step", ylabel="mean |error| at t = 1", xlim=(1.4e-3, 0.25))
    errors.set_title("Strong errors; dotted, slopes of theory")
    errors.legend(title="measured slope", frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


ito, stratonovich, theta_ou = [A, B], [A - B**2 / 2, B], [K, M, B_OU]
methods = [("euler_maruyama", ito, 0.5), ("milstein_free", ito, 1.0), ("heun", stratonovich, 1.0)]
methods += [("slowrk", stratonovich, 1.5), ("sriw1", ito, 1.5)]
methods_ou = [("euler_maruyama", theta_ou, 1.0), ("sra1", theta_ou, 2.0), ("shark", theta_ou, 2.0)]
figure = Figure(figsize=(12, 8), layout="constrained")
top, bottom = figure.subplots(2, 2, width_ratios=(1.2, 1))
compare("Geometric Brownian motion", (growth, proportional), gbm, methods, *top)
compare("Ornstein-Uhlenbeck process", (reversion, constant), ou, methods_ou, *bottom)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "closed_forms.png", dpi=110)
