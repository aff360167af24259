"""What the examples of neural operators share: a training, errors at other resolutions, the solver that is as exact."""

import functools
import sys
import time

import numpy as np

import tapeless
from tapeless.losses import relative_l2
from tapeless.operators import OperatorObjective

QUICK = "--quick" in sys.argv  # less of everything, for the tests
BATCH = 8  # of what is evaluated at once: larger ones leave the cache


def picture(name):
    """Return where the picture goes: the argument, if there is one."""
    return next((a for a in sys.argv[1:] if not a.startswith("--")), name)


def coarser(fields, n):
    """Return n points along each axis of space, of fields (batch, channels, ...) that have a multiple of it."""
    every = fields.shape[2] // n
    return np.ascontiguousarray(fields[(..., *(slice(None, None, every),) * (fields.ndim - 2))])


def train(model, pairs, unseen, epochs, batch_size, lr):
    """Fit the model to pairs (x, y) by Adam, its rate along a cosine, and return the fit and its seconds."""
    n_steps = epochs * -(-len(pairs[0]) // batch_size)
    begun = time.perf_counter()
    fit = tapeless.fit(
        OperatorObjective(model, relative_l2), model.init(0, np.float32), pairs, validation=unseen,
        optimiser=tapeless.optim.Adam(tapeless.optim.Cosine(lr, n_steps)), epochs=epochs, batch_size=batch_size, rng=0,
    )  # fmt: skip
    return fit, time.perf_counter() - begun


def in_batches(f, x, size):
    return np.concatenate([f(x[i : i + size]) for i in range(0, len(x), size)])


def cheapest(solve, truth, error, grids, steps):
    """Return n, n_steps and the error of the fastest of ``solve(n, n_steps)`` that err by at most `error`, if any."""
    found = {}
    for n in grids:
        for n_steps in steps:
            reached = solve(n, n_steps)
            # What is not finite has failed: its steps were too long.
            off = relative_l2(reached, truth)[0] if np.isfinite(reached).all() else np.inf
            if off <= error:
                (spent,) = least_seconds(functools.partial(solve, n, n_steps), turns=3)
                found[spent] = n, n_steps, off
                break
    return found[min(found)] if found else None


def least_seconds(*functions, turns=7):
    """Return the least time of each, called in turns."""
    least = np.full(len(functions), np.inf)
    for _ in range(turns):
        for i, f in enumerate(functions):
            begun = time.perf_counter()
            f()
            least[i] = min(least[i], time.perf_counter() - begun)
    return least


def draw_losses(ax, history):
    epochs = np.arange(1, len(history.loss) + 1)
    ax.semilogy(epochs, history.loss, label="training, before each step")
    ax.semilogy(epochs, history.validation, label="unseen, after each epoch")
    ax.set(title="Relative L2 error", xlabel="epoch")
    ax.legend(frameon=False)


def draw_errors(ax, errors, trained):
    ax.semilogx(list(errors), list(errors.values()), "o-", base=2)
    ax.axvline(trained, color="0.6", linestyle="--", zorder=0)
    ax.set(ylim=(0, 1.5 * max(errors.values())), xticks=list(errors), xticklabels=list(errors))
    ax.set(title=f"Error on unseen functions; trained on {trained}", xlabel="points along an axis")
