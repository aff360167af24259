"""A Fourier neural operator that takes u(x, 0) to u(x, 1) by Burgers' equation, learnt from our own solver's data.

The initial fields are those of Li et al. (2020), section 5.1, without their mean; the viscosity is 0.01 where theirs is
0.1, of which little but one decayed sine would be left at t = 1. Equation and law are the same everywhere on the circle, so the
operator is not shown the coordinate. It is trained on 128 points and asked on up to 1024.

The time is held against the solver that is as exact: the fastest grid and number of steps that err by no more than
the operator, from the same fields on 128 points to the same points.
"""

import numpy as np
from _operators import (
    QUICK,
    cheapest,
    coarser,
    draw_errors,
    draw_losses,
    in_batches,
    least_seconds,
    picture,
    train,
)
from matplotlib.figure import Figure

from tapeless import pde, spectral
from tapeless.losses import relative_l2
from tapeless.operators import FNO

LAW = {"alpha": 2, "tau": 5, "sigma": 25}
NU, T1, FINE, N, DT = 0.01, 1.0, 1024, 128, 5e-3
RESOLUTIONS = (64, 128, 256, 512, 1024)
N_TRAIN, EPOCHS, MODES, WIDTH = (96, 15, 12, 16) if QUICK else (1024, 100, 16, 32)
N_TEST = 20 if QUICK else 100


def data(n_functions, first, n=FINE, dt=DT, dtype=np.float32):
    """Return u(., 0) and u(., 1), of shape (n_functions, 1, n)."""
    u0 = pde.gaussian_random_field(
        n, 0, **LAW, batch=n_functions, first_sample=first, dtype=dtype
    )

    def solve(u0):
        return pde.solve_burgers(u0, T1, NU, dt=dt, adjoint=None).ys

    return u0[:, None], in_batches(solve, u0, 64)[:, None]


def solver(u0):
    """Return the solver from the points of u0 to the same, by n points and so many steps."""

    def solve(n, n_steps):
        start = spectral.interpolate(u0[:, 0], n, axes=1)
        end = pde.solve_burgers(start, T1, NU, n_steps=n_steps, adjoint=None, throw=False)
        return spectral.interpolate(end.ys, u0.shape[2], axes=1)[:, None]

    return solve


pairs, unseen, tests = data(N_TRAIN, 0), data(N_TEST, 10**6), data(N_TEST, 2 * 10**6)
again = data(8, 2 * 10**6, n=2 * FINE, dt=DT / 2, dtype=np.float64)[1]
off = relative_l2(tests[1][:8], coarser(again, FINE))[0]
print(f"{N_TRAIN} functions to learn from, within {off:.0e} of twice the points and steps")

model = FNO(1, 1, MODES, width=WIDTH, projection=64, coordinates=False, threads=1)
on_grid = [tuple(coarser(a, N) for a in pair) for pair in (pairs, unseen)]
fit, seconds = train(model, *on_grid, epochs=EPOCHS, batch_size=32, lr=2e-3)
print(f"{model}: {fit.n_steps} steps of Adam in {seconds:.0f} s")
print(f"error {fit.history.loss[-1]:.4f} in training, {fit.history.validation[-1]:.4f} on unseen")


def predict(n):
    return model(coarser(tests[0], n), fit.theta)


errors = {n: relative_l2(predict(n), coarser(tests[1], n))[0] for n in RESOLUTIONS}
print("test error at", ", ".join(f"{n}: {error:.4f}" for n, error in errors.items()))

x, y = (coarser(a, N) for a in tests)
solve = solver(x)
n, n_steps, off = cheapest(
    solve, y, errors[N], (24, 32, 48, 64, 96, 128), (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
)
times = least_seconds(lambda: model(x, fit.theta), lambda: solve(n, n_steps)) / N_TEST
print(f"the solver errs by {off:.4f} with {n} points and {n_steps} steps")
print("us a function: operator {:.1f}, solver {:.1f}".format(*1e6 * times), end=", ")
print(f"operator / solver {times[0] / times[1]:.1f}")

figure = Figure(figsize=(12, 7), layout="constrained")
axes = figure.subplot_mosaic("AAABBB;CCDDEE")
draw_losses(axes["A"], fit.history)
draw_errors(axes["B"], errors, N)
grid, found = np.arange(FINE) / FINE, predict(FINE)
for ax, start, end, guess in zip((axes[k] for k in "CDE"), *tests, found, strict=False):
    ax.plot(grid, start[0], color="0.7", label="t = 0")
    ax.plot(grid, end[0], color="k", label="t = 1, solver")
    ax.plot(grid, guess[0], "--", color="C1", label="t = 1, operator")
    ax.set(xlabel="x", title=f"Unseen, on {FINE} points: error {relative_l2(guess, end)[0]:.4f}")
axes["C"].legend(frameon=False)
figure.savefig(picture("fno_burgers.png"), dpi=110)
