"""A neural SDE fitted to an interest rate by moments of simulations: US Treasury bills of 3 months, 1959 to 2009.

The model dr = f(r) dt + g(r) dW has a small network for each of f and g. From the rate of each quarter, the same few
paths lead to the next; the loss is -log of the normal density, of their mean and variance, at the rate there. Beside it
stands Vasicek's model, whose f is a straight line and g a constant: an autoregression. For years not seen, both are
fitted four times, each without every fourth year.

What is learnt is how uncertain the rate is at each level. The drift can hardly be told from none, and so a quarter of
what is simulated from 1980 ends above all data. What looks like a function of the rate may be one of time: all but one
of the rates above 10 % are of 1979 to 1982.

Data: column tbilrate of macrodata in statsmodels, from FRED, Federal Reserve Bank of St. Louis; public domain.
"""

import sys

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm

import tapeless
from tapeless.fields import MLP, Activation, evaluate

try:
    from statsmodels.datasets import macrodata
except ImportError:
    sys.exit("The rates are a data set of statsmodels: pip install statsmodels")

UNIT, QUARTER = 5.0, 0.25  # networks see r / UNIT - 1, of the size of 1; time is in years
N_STEPS, N_PATHS = 4, 32  # of the simulation of a quarter
drift = MLP(1, [8])
diffusion = tapeless.DiffusionNetwork(1, [*drift.layers, Activation("softplus")])
data = macrodata.load_pandas().data
rates, years = data.tbilrate.to_numpy(), (data.year + (data.quarter - 0.5) / 4).to_numpy()

# Increments of W, whose means and covariances over the paths are exactly those of their law.
half = np.linalg.qr(np.random.default_rng(0).normal(size=(N_PATHS // 2, N_STEPS)))[0].T
half *= np.sqrt(N_PATHS // 2 * QUARTER / N_STEPS)
increments = np.concatenate([half, -half], axis=1)


def solve(theta, starts, end, **options):
    y0 = starts[:, None] / UNIT - 1
    return tapeless.solve_sde(drift, diffusion, (0.0, end), y0, theta, **options)


def moments(theta, now):
    """Return the solution a quarter later, deviations of its paths from their mean, the mean and the variance."""
    path, starts = np.tile(increments, len(now)), np.repeat(now, N_PATHS)
    sol = solve(theta, starts, QUARTER, path=path, n_steps=N_STEPS)
    ends = UNIT * (1 + sol.ys.reshape(-1, N_PATHS))
    mean = ends.mean(axis=1, keepdims=True)
    return sol, ends - mean, mean[:, 0], ends.var(axis=1)


def fit(now, then, n_steps=150):
    """Return theta and the losses before each step."""
    rng, losses = np.random.default_rng(0), []
    theta = np.concatenate([drift.init(rng), diffusion.init(rng)])
    adam = tapeless.optim.Adam(lr=tapeless.optim.Cosine(0.03, n_steps))
    for _ in range(n_steps):
        sol, deviations, mean, variance = moments(theta, now)
        losses.append(-norm.logpdf(then, mean, np.sqrt(variance)).mean())
        of_mean = (mean - then) / variance  # the derivatives of a quarter's loss
        of_variance = (1 / variance - of_mean**2) / 2
        bar = of_mean[:, None] + 2 * of_variance[:, None] * deviations
        theta = adam.step(theta, sol.vjp(UNIT / bar.size * bar.reshape(-1, 1))[1])
    return theta, losses


def fit_vasicek(now, then):
    """Return slope and constant of the next rate's mean, and its variance."""
    line = np.polyfit(now, then, 1)
    return *line, np.var(then - np.polyval(line, now))


def both(theta, vasicek, now, then):
    """Return what each quarter adds to the loss of networks, and of Vasicek's model."""
    laws = moments(theta, now)[2:], (vasicek[0] * now + vasicek[1], vasicek[2])
    return [-norm.logpdf(then, mean, np.sqrt(variance)) for mean, variance in laws]


def binned(now, changes):
    """Return mean rates of eight bins, and what changes there say of f and g, with standard errors."""
    bins, f, g = np.array_split(np.argsort(now), 8), [], []
    for x in (changes[b] for b in bins):
        sd, root = x.std(), np.sqrt(len(x))
        f.append([x.mean(), sd / root])
        g.append([sd, np.std((x - x.mean()) ** 2) / (2 * sd * root)])
    f, g = np.array(f).T / QUARTER, np.array(g).T / np.sqrt(QUARTER)
    return np.array([now[b].mean() for b in bins]), f, g


def fan(ax, begin, theta, kappa, level, sigma):
    """Draw five years of simulations, and return the share that ends above all of the data."""
    ahead, start = np.linspace(0.0, 5.0, 21), np.full(2000, rates[begin])
    sol = solve(theta, start, 5.0, rng=begin, n_steps=80, t_eval=ahead, adjoint=None)
    paths, t = UNIT * (1 + sol.ys[:, :, 0].T), years[begin] + ahead
    ax.fill_between(t, *np.quantile(paths, [0.05, 0.95], axis=1), color="C0", alpha=0.2)
    ax.plot(t, paths[:, :3], color="C0", linewidth=0.6)
    middle = level + (rates[begin] - level) * np.exp(-kappa * ahead)
    reach = 1.645 * sigma * np.sqrt(-np.expm1(-2 * kappa * ahead) / (2 * kappa))
    ax.plot(t, np.column_stack([middle - reach, middle + reach]), "--", color="C1")
    return np.mean(paths[-1] > rates.max())


def compare(ax, levels, found, network, vasicek, title, unit):
    ax.errorbar(levels, *found, fmt="ko", capsize=3, label="changes, +- 1 standard error")
    ax.plot(r, network, color="C0", label="networks")
    ax.plot(r, vasicek, "--", color="C1", label="Vasicek")
    ax.plot(rates, 0 * rates + 0.02, "|", color="0.5", transform=ax.get_xaxis_transform())
    ax.set(xlabel="rate, % per year; ticks: the data", title=title, ylabel=unit)


now, then = rates[:-1], rates[1:]
(theta, losses), vasicek = fit(now, then), fit_vasicek(now, then)
after, of_vasicek = (s.mean() for s in both(theta, vasicek, now, then))
print(f"loss {losses[0]:.3f} before, {after:.3f} after; Vasicek {of_vasicek:.3f}")
unseen = np.empty((2, len(now)))
for fold in range(4):
    out = np.floor(years[1:]) % 4 == fold
    models = fit(now[~out], then[~out])[0], fit_vasicek(now[~out], then[~out])
    unseen[:, out] = both(*models, now[out], then[out])
gain = unseen[1] - unseen[0]
print("years not seen: {:.3f}; Vasicek {:.3f}".format(*unseen.mean(axis=1)), end=", ")
print(f"gain {gain.mean():.2f} +- {gain.std() / np.sqrt(len(gain)):.2f}")

a, c, variance = vasicek
kappa, level = -np.log(a) / QUARTER, c / (1 - a)
sigma = np.sqrt(variance * 2 * kappa / (1 - a**2))
kappa_error = np.sqrt(variance / np.sum((now - now.mean()) ** 2)) / a / QUARTER
print(f"Vasicek's rate reverts by {kappa:.2f} +- {kappa_error:.2f} per year to {level:.1f} %")
r = np.linspace(0.1, 15.3, 153)
f = UNIT * evaluate(drift, 0.0, r[:, None] / UNIT - 1, theta[: drift.n_params])[:, 0]
g = UNIT * evaluate(diffusion, 0.0, r[:, None] / UNIT - 1, theta[drift.n_params :])[:, 0]
at = np.searchsorted(r, [2.0, 6.0, 12.0])
print(f"g at 2, 6 and 12 %: {g[at].round(2)}, Vasicek's {sigma:.2f}; f there: {f[at].round(2)}")
levels, of_f, of_g = binned(now, then - now)
none = np.sum(abs(of_f[0]) < 2 * of_f[1])
print(f"f from changes is within 2 standard errors of 0 in {none} of {len(levels)} bins")

figure = Figure(figsize=(12, 8), layout="constrained")
axes = figure.subplot_mosaic("AA;BC")
axes["A"].plot(years, rates, color="k", linewidth=1)
for begin in (24, 84, 164):
    above = fan(axes["A"], begin, theta, kappa, level, sigma)
    print(f"five years after {years[begin]:.0f}, {above:.0%} of simulated rates are above all data")
title = "Black: the data. Five years simulated by fits to all of it: 5 to 95 %, and three paths"
axes["A"].set(ylabel="3-month Treasury bill, % per year", title=title)
compare(axes["B"], levels, of_f, f, kappa * (level - r), "Drift f", "% per year$^2$")
compare(axes["C"], levels, of_g, g, sigma + 0 * r, "Diffusion g", "% per year$^{3/2}$")
axes["B"].axhline(0, color="0.8", zorder=0)
handles = axes["B"].get_legend_handles_labels()
figure.legend(*handles, loc="outside lower center", ncols=4, frameon=False)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "interest_rates.png", dpi=110)
