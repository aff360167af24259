"""Geometric Brownian motion, dS = mu S dt + sigma S dW: Euler-Maruyama and Milstein against the exact solution.

All step sizes follow one and the same path, so that what differs is the method's error. Writes
geometric_brownian.png.
"""

import numpy as np
from matplotlib.figure import Figure

import tapeless

MU, SIGMA, N = 0.5, 0.8, 20_000
path = tapeless.BrownianPath(1, 0.0, 1.0, (N,), resolution=2.0**-10)
exact = np.exp(MU - SIGMA**2 / 2 + SIGMA * path(0.0, 1.0))


def solve(n_steps, milstein):
    """Return S at all steps."""
    t = np.linspace(0.0, 1.0, n_steps + 1)
    states = [np.ones(N)]
    for dw in path(t[:-1], t[1:]):
        step = MU / n_steps + SIGMA * dw
        if milstein:
            step += SIGMA**2 / 2 * (dw**2 - 1 / n_steps)
        states.append(states[-1] * (1 + step))
    return t, np.array(states)


steps = 2 ** np.arange(3, 10)
figure = Figure(figsize=(10, 4), layout="constrained")
left, right = figure.subplots(1, 2)
for name, milstein, order in (("Euler-Maruyama", False, 0.5), ("Milstein", True, 1.0)):
    errors = [abs(solve(n, milstein)[1][-1] - exact).mean() for n in steps]
    slope = np.polyfit(np.log(1 / steps), np.log(errors), 1)[0]
    print(f"{name}: strong order {slope:.2f}, of theory {order}")
    right.loglog(1 / steps, errors, "o-", label=f"{name}, slope {slope:.2f}")

fine = np.linspace(0.0, 1.0, 513)
w = np.cumsum(np.vstack([np.zeros(N), path(fine[:-1], fine[1:])])[:, :3], axis=0)
left.plot(fine, np.exp((MU - SIGMA**2 / 2) * fine[:, None] + SIGMA * w), color="0.3", lw=1)
for i, line in enumerate(solve(16, False)[1][:, :3].T):
    left.plot(np.linspace(0, 1, 17), line, "o--", ms=3, color=f"C{i}", lw=1)
left.set(xlabel="t", ylabel="S", title="Three paths: exact (grey), 16 Euler-Maruyama steps")
right.set(xlabel="step", ylabel="mean |error| at t = 1", title=f"Strong convergence, {N:,} paths")
right.legend()
figure.savefig("geometric_brownian.png", dpi=120)
