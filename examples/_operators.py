"""What the examples of neural operators share: a training, and a comparison with the solver that is as exact.

Seconds are those of the process, so that other programs on the machine count less.
"""

import functools
import sys
import time

import numpy as np

import tapeless
from tapeless.losses import relative_l2
from tapeless.operators import OperatorObjective

QUICK = "--quick" in sys.argv  # less of everything, for the tests


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
    begun = time.process_time()
    fit = tapeless.fit(
        OperatorObjective(model, relative_l2), model.init(0, np.float32), pairs, validation=unseen,
        optimiser=tapeless.optim.Adam(tapeless.optim.Cosine(lr, n_steps)), epochs=epochs, batch_size=batch_size, rng=0,
    )  # fmt: skip
    return fit, time.process_time() - begun


def in_batches(f, x, size):
    return np.concatenate([f(x[i : i + size]) for i in range(0, len(x), size)])


def compare(operator, solve, x, y, grids, steps):
    """Print what the operator takes for x, and what the cheapest of ``solve(x, n, n_steps)`` that err no more."""
    found, most = [], relative_l2(operator(x), y)[0]
    for n in grids:
        for n_steps in steps:
            solver = functools.partial(solve, n=n, n_steps=n_steps)
            reached = solver(x)
            # What is not finite has failed: its steps were too long.
            error = relative_l2(reached, y)[0] if np.isfinite(reached).all() else np.inf
            if error <= most:
                found.append((n, n_steps, error, solver))
                break
    spent = least_seconds(*(functools.partial(solver, x) for *_, solver in found))
    n, n_steps, error, solver = found[np.argmin(spent)]
    print(f"the solver errs by {error:.4f} with n = {n} and {n_steps} steps")
    for size in (1, len(x)):
        runs = [functools.partial(in_batches, f, x, size) for f in (operator, solver)]
        taken = 1e3 * least_seconds(*runs) / len(x)
        print(f"{size} at once, ms each: operator {taken[0]:.3f}, solver {taken[1]:.3f}", end=", ")
        print(f"solver / operator {taken[1] / taken[0]:.2f}")


def least_seconds(*functions, turns=7):
    """Return the least time of each, called in turns."""
    least = np.full(len(functions), np.inf)
    for _ in range(turns):
        for i, f in enumerate(functions):
            begun = time.process_time()
            f()
            least[i] = min(least[i], time.process_time() - begun)
    return least


def draw_losses(ax, history):
    epochs = np.arange(1, len(history.loss) + 1)
    ax.semilogy(epochs, history.loss, label="training, before each step")
    ax.semilogy(epochs, history.validation, label="unseen, after each epoch")
    ax.set(title="Relative L2 error", xlabel="epoch")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(frameon=False)


def draw_errors(ax, errors, trained):
    ax.semilogx(list(errors), list(errors.values()), "o-", base=2)
    ax.axvline(trained, color="0.6", linestyle="--", zorder=0)
    ax.set(ylim=(0, 1.5 * max(errors.values())), xticks=list(errors), xticklabels=list(errors))
    ax.set(title=f"Error on unseen functions; trained on {trained}", xlabel="points along an axis")
