"""A Fourier neural operator that takes u(x, 0) to u(x, 1) by Burgers' equation, learnt from our own solver's data.

The initial fields are those of Li et al. (2020), section 5.1, without their mean. The viscosity is 0.01 where theirs is
0.1, of which little but one decayed sine would be left at t = 1. The equation is the same everywhere on the circle, so
the operator is not shown the coordinate. It is trained on 128 points and asked on up to 1024.

The time is held against the solver that is as exact: the fastest grid and number of steps that err by no more than
the operator, from the same fields on 128 points to the same points.
"""

import numpy as np
from _operators import (
    QUICK,
    coarser,
    compare,
    draw_errors,
    draw_losses,
    in_batches,
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
    u0 = pde.gaussian_random_field(n, 0, **LAW, batch=n_functions, first_sample=first, dtype=dtype)

    def solve(u0):
        return pde.solve_burgers(u0, T1, NU, dt=dt, adjoint=None).ys

    return u0[:, None], in_batches(solve, u0, 64)[:, None]


def solve(u0, n, n_steps):
    """Return u(., 1) on the points of u0, by a solve on n points."""
    start = spectral.interpolate(u0[:, 0], n, axes=1)
    end = pde.solve_burgers(start, T1, NU, n_steps=n_steps, adjoint=None, throw=False).ys
    return spectral.interpolate(end, u0.shape[2], axes=1)[:, None]


pairs, unseen, tests = data(N_TRAIN, 0), data(N_TEST, 10**6), data(N_TEST, 2 * 10**6)
again = data(8, 2 * 10**6, n=2 * FINE, dt=DT / 2, dtype=np.float64)[1]
off = relative_l2(tests[1][:8], coarser(again, FINE))[0]
print(f"{N_TRAIN} functions to learn from, within {off:.0e} of twice the points and steps")

model = FNO(1, 1, MODES, width=WIDTH, projection=64, coordinates=False, threads=1)
on_grid = [tuple(coarser(a, N) for a in pair) for pair in (pairs, unseen)]
fit, seconds = train(model, *on_grid, epochs=EPOCHS, batch_size=32, lr=2e-3)
print(f"{model}: {fit.n_steps} steps of Adam in {seconds:.0f} s")
print(f"error {fit.history.loss[-1]:.4f} in training, {fit.history.validation[-1]:.4f} on unseen")


def operator(u0):
    return model(u0, fit.theta)


found = {n: operator(coarser(tests[0], n)) for n in RESOLUTIONS}
errors = {n: relative_l2(u, coarser(tests[1], n))[0] for n, u in found.items()}
print("test error at", ", ".join(f"{n}: {error:.4f}" for n, error in errors.items()))
x, y = (coarser(a, N) for a in tests)
steps = 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64
compare(operator, solve, x, y, (24, 32, 48, 64, 96, 128), steps)

figure = Figure(figsize=(12, 7), layout="constrained")
axes = figure.subplot_mosaic("AAABBB;CCDDEE")
draw_losses(axes["A"], fit.history)
draw_errors(axes["B"], errors, N)
grid = np.arange(FINE) / FINE
for ax, start, end, guess in zip((axes[k] for k in "CDE"), *tests, found[FINE], strict=False):
    ax.plot(grid, start[0], color="0.7", label="t = 0")
    ax.plot(grid, end[0], color="k", label="t = 1, solver")
    ax.plot(grid, guess[0], "--", color="C1", label="t = 1, operator")
    ax.set(xlabel="x", title=f"Unseen, on {FINE} points: error {relative_l2(guess, end)[0]:.4f}")
axes["C"].legend(frameon=False)
figure.savefig(picture("fno_burgers.png"), dpi=110)
