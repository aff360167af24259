"""Fit a predator-prey model to the Hudson Bay Company's pelts, from 2,000 random starts at once."""

import sys
import time

import numpy as np
from matplotlib.figure import Figure

import tapeless

QUICK = "--quick" in sys.argv  # less of everything, for the tests
# Pelts of hare and lynx, in thousands, every year from 1900 to 1920.
hare = [30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1]
hare += [40.3, 57, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2, 24.7]
lynx = [4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4]
lynx += [8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6]
pelts = np.column_stack([hare, lynx])


@tapeless.field(dim=2, n_params=4, vjp="symbolic")
def lotka_volterra(t, y, theta, dy):
    alpha, beta, delta, gamma = theta[0], theta[1], theta[2], theta[3]
    dy[0] = (alpha - beta * y[1]) * y[0]
    dy[1] = (delta * y[0] - gamma) * y[1]


def solve(theta, t_eval):
    y0 = np.tile(pelts[0], (len(theta), 1))
    options = {"method": "dopri5", "rtol": 1e-5, "atol": 1e-5, "max_steps": 2000, "throw": False}
    return tapeless.solve_ode(lotka_volterra, (0.0, 20.0), y0, theta, t_eval=t_eval, **options)


def loss(theta):
    """Mean squared error of the logarithms, and its gradient, of each row of theta by itself."""
    sol = solve(theta, np.arange(21.0))
    good = np.all(sol.ys > 0, axis=(1, 2))  # a trajectory that failed is nan from there on
    ys = np.where(good[:, None, None], sol.ys, pelts)
    error = np.log(ys / pelts)
    theta_bar = sol.vjp(2 * error / ys / pelts.size)[1]  # zero where a trajectory failed
    return np.where(good, np.mean(error**2, axis=(1, 2)), np.inf), theta_bar


rng = np.random.default_rng(0)
x = np.log([0.5, 0.025, 0.025, 0.8]) + 0.7 * rng.normal(
    size=(200 if QUICK else 2000, 4)
)  # logarithms of theta
starts, adam, n_steps = np.exp(x), tapeless.optim.Adam(lr=0.1, betas=(0.9, 0.99)), 300
loss(starts)  # compiles
begin = time.perf_counter()
for _ in range(n_steps):
    theta = np.exp(x)
    x = adam.step(x, loss(theta)[1] * theta)
elapsed = time.perf_counter() - begin
theta = np.exp(x)
losses = loss(theta)[0]
order = np.argsort(losses)
best, reached = order[0], np.mean(losses <= 1.05 * losses.min())
for name, value in zip(["alpha", "beta", "delta", "gamma"], theta[best], strict=True):
    print(f"{name:5} {value:.5f}")
print(f"loss {losses[best]:.6f}, within 5 % of it {reached:.1%} of the starts")
print(f"{np.sum(np.isinf(losses))} of {len(theta)} trajectories failed at the end")
print(f"{1e3 * elapsed / n_steps:.1f} ms per step of all {len(theta)} starts")

t = np.linspace(0.0, 20.0, 201)
figure = Figure(figsize=(11, 4.4), layout="constrained")
left, right = figure.subplots(1, 2)
near = solve(theta[order[: int(reached * len(theta))]][::10], t).ys
for k, (name, color) in enumerate([("hare", "tab:blue"), ("lynx", "tab:red")]):
    left.plot(1900 + t, near[:, :, k].T, color=color, alpha=0.2, linewidth=0.8)
    left.plot(1900 + t, near[0, :, k], color=color, label=f"{name}, best fit")
    left.plot(1900 + np.arange(21), pelts[:, k], "o", color=color, markersize=5, label=name)
left.set(xlabel="year", ylabel="pelts, thousands", xticks=range(1900, 1921, 5), ylim=(0, 90))
left.set_title("The best fit and, thin, starts that end within 5 % of it")
left.legend(ncols=2, frameon=False, loc="upper center")
right.loglog(starts[:, 0], starts[:, 3], ".", color="0.8", markersize=3, zorder=0)
dots = right.scatter(*theta[order[::-1]][:, [0, 3]].T, 12, losses[order[::-1]], vmax=0.9)
note = f"{reached:.0%} of the starts\nend here"
right.annotate(note, theta[best, [0, 3]], (0.006, 6), arrowprops={"arrowstyle": "->"}, ha="center")
figure.colorbar(dots, label="loss")
right.set(xlabel="alpha, growth of hares per year", ylabel="gamma, death of lynx per year")
right.set(title="Starts, grey, and where they end", xlim=(3e-4, 30), ylim=(0.03, 50))
name = next((a for a in sys.argv[1:] if a != "--quick"), "hare_lynx.png")
figure.savefig(name, dpi=130)
