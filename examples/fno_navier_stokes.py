"""A Fourier neural operator that takes a driven vorticity at t = 0 to that at t = 5, learnt from our own solver's data.

Viscosity and forcing are those of Li et al. (2020), section 5.3. Their initial fields are so weak that forcing decides
the flow; these are larger, as in `navier_stokes.py`. The operator is shown the forcing beside the field, in place of
coordinates, which are not periodic. It is trained on 32 x 32 points and asked on up to 128 x 128.

The time is held against the solver that is as exact: the fastest grid and number of steps that err by no more than
the operator, from the same fields on 32 x 32 points to the same points.
"""

import numpy as np
from _operators import (
    BATCH,
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

LAW = {"alpha": 2.5, "tau": 7.0, "sigma": 25.0}
NU, T1, N = 1e-3, 5.0, 32
FINE, FINEST = 64, 128  # of the data to learn from, and of those for tests
RESOLUTIONS = (32, 64) if QUICK else (32, 64, 128)
N_TRAIN, EPOCHS, MODES, WIDTH = (48, 6, 6, 12) if QUICK else (512, 15, 8, 20)
N_TEST = 8 if QUICK else 40


def forcing(n):
    return pde.navier_stokes_forcing((n, n), dtype=np.float32)


def data(n_functions, first, n, dt=0.1):
    """Return w(., 0) and w(., T1), of shape (n_functions, 1, n, n)."""
    w0 = pde.gaussian_random_field(
        (n, n), 0, **LAW, batch=n_functions, first_sample=first, dtype=np.float32
    )

    def solve(w0):
        return pde.solve_navier_stokes(
            w0, T1, NU, dt=dt, forcing=forcing(n), adjoint=None
        ).ys

    return w0[:, None], in_batches(solve, w0, BATCH)[:, None]


def shown(w0):
    """Return what the operator is shown: the field, and the forcing at the scale of 1."""
    driven = np.broadcast_to(10 * forcing(w0.shape[2]), w0.shape)
    return np.concatenate([w0, driven], axis=1)


def solver(w0):
    """Return the solver from the points of w0 to the same, by n x n points and so many steps."""
    options = {"adjoint": None, "throw": False}

    def end(start, n_steps):
        drive = forcing(start.shape[1])
        return pde.solve_navier_stokes(start, T1, NU, n_steps=n_steps, forcing=drive, **options).ys

    def solve(n, n_steps):
        start = spectral.interpolate(w0[:, 0], n, axes=(1, 2))
        reached = in_batches(lambda w: end(w, n_steps), start, BATCH)
        return spectral.interpolate(reached, w0.shape[2], axes=(1, 2))[:, None]

    return solve


pairs, unseen = data(N_TRAIN, 0, FINE), data(N_TEST, 10**6, FINE)
tests = data(N_TEST, 2 * 10**6, RESOLUTIONS[-1], dt=0.05)
again = data(4, 2 * 10**6, FINEST, dt=0.025)[1]
off = relative_l2(data(4, 2 * 10**6, FINE)[1], coarser(again, FINE))[0]
print(f"{N_TRAIN} functions to learn from, within {off:.0e} of twice the points, four times the steps")

model = FNO(2, 1, (MODES, MODES), width=WIDTH, projection=64, coordinates=False, threads=1)
on_grid = [(shown(coarser(w0, N)), coarser(w1, N)) for w0, w1 in (pairs, unseen)]
fit, seconds = train(model, *on_grid, epochs=EPOCHS, batch_size=16, lr=4e-3)
print(f"{model}: {fit.n_steps} steps of Adam in {seconds:.0f} s")
print(f"error {fit.history.loss[-1]:.4f} in training, {fit.history.validation[-1]:.4f} on unseen")


def predict(x):
    return in_batches(lambda x: model(x, fit.theta), x, BATCH)


found = {n: predict(shown(coarser(tests[0], n))) for n in RESOLUTIONS}
errors = {n: relative_l2(w, coarser(tests[1], n))[0] for n, w in found.items()}
print("test error at", ", ".join(f"{n}: {error:.4f}" for n, error in errors.items()))
w0, w1 = (coarser(a, N) for a in tests)
mean = np.broadcast_to(on_grid[0][1].mean(axis=0), w1.shape)
print(f"the mean of the functions learnt from errs by {relative_l2(mean, w1)[0]:.4f}")

x, solve = shown(w0), solver(w0)
n, n_steps, off = cheapest(
    solve, w1, errors[N], (12, 16, 20, 24, 32), (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
)
times = least_seconds(lambda: predict(x), lambda: solve(n, n_steps)) / N_TEST
print(f"the solver errs by {off:.4f} with {n} x {n} points and {n_steps} steps")
print("ms a function: operator {:.2f}, solver {:.2f}".format(*1e3 * times), end=", ")
print(f"operator / solver {times[0] / times[1]:.1f}")

figure = Figure(figsize=(12.5, 9), layout="constrained")
axes = figure.subplot_mosaic("abcd;efgh;LLRR")
n = RESOLUTIONS[-1]
for row, start, end, guess in zip(("abcd", "efgh"), *tests, found[n], strict=False):
    titles = "t = 0", f"t = {T1:g}, solver", f"t = {T1:g}, operator", "operator less solver"
    panels = start[0], end[0], guess[0], (guess - end)[0]
    for name, title, w in zip(row, titles, panels, strict=True):
        largest = np.abs(end if name in row[1:3] else w).max()
        image = axes[name].imshow(
            w.T, cmap="RdBu_r", vmin=-largest, vmax=largest, origin="lower", extent=(0, 1, 0, 1)
        )
        figure.colorbar(image, ax=axes[name], shrink=0.8)
        axes[name].set(title=title, xticks=[], yticks=[])
    axes[row[0]].set(ylabel=f"unseen, {n} x {n}: error {relative_l2(guess, end)[0]:.4f}")
draw_losses(axes["L"], fit.history)
draw_errors(axes["R"], errors, N)
figure.savefig(picture("fno_navier_stokes.png"), dpi=110)
