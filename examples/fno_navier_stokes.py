"""A Fourier neural operator that takes a driven vorticity at t = 0 to that at t = 5, learnt from our own solver's data.

Viscosity and forcing are those of Li et al. (2020), section 5.3. Their initial fields are so weak that forcing decides
the flow; these are larger, as in `navier_stokes.py`. The operator is shown the forcing beside the field, in place of
coordinates, which are not periodic. It is trained on 32 x 32 points and asked on up to 128 x 128.

The time is held against the solver that is as exact: the fastest grid and number of steps that err by no more than
the operator, from the same fields on 32 x 32 points to the same points.
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

LAW = {"alpha": 2.5, "tau": 7.0, "sigma": 25.0}
NU, T1, N = 1e-3, 5.0, 32
FINE, FINEST = 64, 128  # of the data to learn from, and of what they are held against
RESOLUTIONS = (32, 64) if QUICK else (32, 64, 128)
N_TRAIN, EPOCHS, MODES, WIDTH = (48, 6, 6, 12) if QUICK else (1024, 20, 8, 20)
N_TEST = 8 if QUICK else 40
BATCH = 8  # of what is done at once on finer grids, for memory


def forcing(n):
    return pde.navier_stokes_forcing((n, n), dtype=np.float32)


def data(n_functions, first, n, dt=0.1):
    """Return w(., 0) and w(., T1), of shape (n_functions, 1, n, n)."""
    w0 = pde.gaussian_random_field(
        (n, n), 0, **LAW, batch=n_functions, first_sample=first, dtype=np.float32
    )

    def solve(w0):
        return pde.solve_navier_stokes(w0, T1, NU, dt=dt, forcing=forcing(n), adjoint=None).ys

    return w0[:, None], in_batches(solve, w0, BATCH)[:, None]


def shown(w0):
    """Return what the operator is shown: the field, and the forcing at the scale of 1."""
    driven = np.broadcast_to(10 * forcing(w0.shape[2]), w0.shape)
    return np.concatenate([w0, driven], axis=1)


def solve(w0, n, n_steps):
    """Return w(., T1) on the points of w0, by a solve on n x n points."""
    start, options = (
        spectral.interpolate(w0[:, 0], n, axes=(1, 2)),
        {"adjoint": None, "throw": False},
    )
    end = pde.solve_navier_stokes(start, T1, NU, n_steps=n_steps, forcing=forcing(n), **options).ys
    return spectral.interpolate(end, w0.shape[2], axes=(1, 2))[:, None]


pairs, unseen = data(N_TRAIN, 0, FINE), data(N_TEST, 10**6, FINE)
tests = data(N_TEST, 2 * 10**6, RESOLUTIONS[-1], dt=0.05)
again = data(4, 2 * 10**6, FINEST, dt=0.025)[1]
off = relative_l2(data(4, 2 * 10**6, FINE)[1], coarser(again, FINE))[0]
print(
    f"{N_TRAIN} functions to learn from, within {off:.0e} of twice the points, four times the steps"
)

model = FNO(2, 1, (MODES, MODES), width=WIDTH, projection=64, coordinates=False, threads=1)
on_grid = [(shown(coarser(w0, N)), coarser(w1, N)) for w0, w1 in (pairs, unseen)]
fit, seconds = train(model, *on_grid, epochs=EPOCHS, batch_size=16, lr=4e-3)
print(f"{model}: {fit.n_steps} steps of Adam in {seconds:.0f} s")
print(f"error {fit.history.loss[-1]:.4f} in training, {fit.history.validation[-1]:.4f} on unseen")


def operator(w0):
    return model(shown(w0), fit.theta)


found = {n: in_batches(operator, coarser(tests[0], n), BATCH) for n in RESOLUTIONS}
errors = {n: relative_l2(w, coarser(tests[1], n))[0] for n, w in found.items()}
print("test error at", ", ".join(f"{n}: {error:.4f}" for n, error in errors.items()))
w0, w1 = (coarser(a, N) for a in tests)
mean = np.broadcast_to(on_grid[0][1].mean(axis=0), w1.shape)
print(f"the mean of the functions learnt from errs by {relative_l2(mean, w1)[0]:.4f}")

steps = 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64
compare(operator, solve, w0, w1, (12, 16, 20, 24, 32), steps)

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
figure.savefig(picture("fno_navier_stokes.png"), dpi=85)
