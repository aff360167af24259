"""A half-known model: Lotka and Volterra's equations plus a small network, fitted to hares and lynxes together."""

import math
import sys

import numpy as np
from matplotlib.figure import Figure

import tapeless

# Pelts of hare and lynx, in thousands, every year from 1900 to 1920.
hare = [30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1]
hare += [40.3, 57, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2, 24.7]
lynx = [4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4]
lynx += [8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6]
logs = np.log(np.column_stack([hare, lynx]))
KNOWN = 15  # years from 1901 on that are fitted; the five after them are not shown to the fit
DECAYS = (1.0, 0.1, 0.01, 0.001)  # what the squared weights of the network cost


@tapeless.field(dim=2, n_params=4, vjp="symbolic")
def lotka_volterra(t, z, theta, dz):
    """Of the logarithms, so that the network adds to rates of growth, and nothing gets negative."""
    dz[0] = theta[0] - theta[1] * math.exp(z[1])
    dz[1] = theta[2] * math.exp(z[0]) - theta[3]


def solve(field, theta, t_eval):
    options = {"method": "dopri5", "rtol": 1e-6, "atol": 1e-6}
    return tapeless.solve_ode(field, (0.0, 20.0), logs[0], theta, t_eval=t_eval, **options)


def fit(field, theta, scale, decay, n_steps=1500):
    """Return theta, and the mean squared errors of the logarithms in the years fitted and after."""
    adam, x = tapeless.optim.Adam(lr=0.01), theta / scale
    for _ in range(n_steps):
        sol = solve(field, x * scale, np.arange(21.0))
        error = sol.ys - logs
        error[KNOWN + 1 :] = 0
        gradient = sol.vjp(error / KNOWN)[1] * scale
        gradient[4:] += 2 * decay * x[4:]  # the four rates cost nothing: they explain what they can
        x = adam.step(x, gradient)
    squares = np.mean((solve(field, x * scale, np.arange(21.0)).ys - logs) ** 2, axis=1)
    return x * scale, squares[1 : KNOWN + 1].mean(), squares[KNOWN + 1 :].mean()


rates, network = np.array([0.5, 0.025, 0.025, 0.8]), tapeless.fields.MLP(2, [8])
both = lotka_volterra + network
alone, *losses_alone = fit(lotka_volterra, rates, rates, 0.0)
print(
    f"Lotka-Volterra alone   loss {losses_alone[0]:.4f}, after {losses_alone[1]:.4f}, rates {alone}"
)
start, ones = np.concatenate([alone, 0.3 * network.init(rng=0)]), np.ones(network.n_params)
fits = [fit(both, start, np.r_[rates, ones], decay) for decay in DECAYS]
for decay, (theta, *losses) in zip(DECAYS, fits, strict=True):
    print(
        f"with network, {decay:<8} loss {losses[0]:.4f}, after {losses[1]:.4f}, rates {theta[:4]}"
    )

figure, t = Figure(figsize=(11.5, 6), layout="constrained"), np.linspace(0.0, 20.0, 201)
axes = figure.subplot_mosaic("AAC;BBC")
curves = [("Lotka-Volterra alone", lotka_volterra, alone, "0.5")]
for i, color in ((1, "tab:blue"), (3, "tab:orange")):
    curves.append((f"with network, decay {DECAYS[i]}", both, fits[i][0], color))
for k, (ax, name) in enumerate(zip((axes["A"], axes["B"]), ("hare", "lynx"), strict=True)):
    for label, field, theta, color in curves:
        ax.plot(1900 + t, np.exp(solve(field, theta, t).ys[:, k]), color=color, label=label)
    ax.plot(1900 + np.arange(21), np.exp(logs[:, k]), "ko", markersize=4, label="pelts")
    ax.axvspan(1900 + KNOWN + 0.5, 1920.5, color="0.94", zorder=0)
    ax.set(ylabel=f"{name}, thousands", xlim=(1899.5, 1920.5), xticks=range(1900, 1921, 5))
axes["A"].set_title("Fitted to 1901 to 1915; the years on grey were not shown")
handles = axes["B"].get_legend_handles_labels()
figure.legend(*handles, loc="outside lower left", ncols=4, frameon=False)
for i, (name, color) in enumerate([("years fitted", "tab:green"), ("years after", "tab:red")]):
    axes["C"].loglog(DECAYS, [f[1 + i] for f in fits], "o-", color=color, label=name)
    axes["C"].axhline(losses_alone[i], color=color, linestyle="--", label=f"{name}, alone")
axes["C"].set(xlabel="cost of the network's weights", ylabel="mean squared error of logarithms")
axes["C"].legend(frameon=False)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "half_known.png", dpi=110)
