"""The second half of the demo: the same digits, once plainly and once with the solver's error penalised."""

import time
from typing import Any, NamedTuple

import numpy as np

from tapeless._fit import fit
from tapeless._readout import Readout
from tapeless._report import BLUE, FAINT, INK, ORANGE, STYLE
from tapeless.fields import MLP
from tapeless.losses import cross_entropy
from tapeless.optim import Adam, Cosine
from tapeless.regularise import Annealed, Global

# A tolerance at which steps cost something, and one step size for a batch, as those who train classifiers do.
SOLVER: dict[str, Any] = {"method": "tsit5", "rtol": 1.4e-8, "atol": 1.4e-8, "coupled": True}
WEIGHT, BATCH, RATE = 1.0, 128, 5e-3


class Run(NamedTuple):
    """A training: evaluations and accuracy on the test digits after each epoch, and seconds in all."""

    nfe: list[float]
    accuracy: list[float]
    seconds: float


def compare(data: tuple[Any, ...], seed: int, epochs: int) -> dict[str, Run]:
    """Train twice from the same start, print epoch by epoch, and return both runs."""
    print(
        "\nThe same digits once more, by y' = tanh(W2 [tanh(W1 [y; t] + b1); t] + b2) at a tolerance of 1.4e-8:\n"
        "plainly, and with the solver's own error estimate added to the loss (sum of |h| E over the steps).\n"
        f"  {'epoch':>5} {'NFE, plain':>12} {'penalised':>10} {'accuracy, plain':>17} {'penalised':>10}",
        flush=True,
    )
    images, labels, test_images, test_labels = data
    mean, scale = images.mean(axis=0), images.std()
    x, x_test = ((a - mean).astype(np.float64) / scale for a in (images, test_images))
    objective = Readout(
        MLP(64, [100], time=True, final_activation="tanh"), 10, cross_entropy, **SOLVER
    )
    n_steps = epochs * -(-len(x) // BATCH)
    weight = Annealed(WEIGHT, WEIGHT / 10, n_steps)
    start = objective.init(np.random.default_rng(seed), np.float64)
    runs: dict[str, Run] = {}
    for name, one in (("plain", None), ("penalised", Global("error", weight))):
        nfe: list[float] = []
        accuracy: list[float] = []

        def note(found: Any, name: str = name, nfe: Any = nfe, accuracy: Any = accuracy) -> None:
            sol = objective.solve(found.theta, x_test, adjoint=None)
            outputs = objective.outputs(found.theta, sol.ys)
            nfe.append(float(np.mean(sol.stats.nfe)))
            accuracy.append(float(np.mean(outputs.argmax(axis=1) == test_labels)))
            if name == "penalised":
                other, i = runs["plain"], len(nfe) - 1
                print(
                    f"  {i + 1:>5} {other.nfe[i]:>12.0f} {nfe[i]:>10.0f} {other.accuracy[i]:>17.2%} "
                    f"{accuracy[i]:>10.2%}",
                    flush=True,
                )

        begun = time.perf_counter()
        fit(
            objective, start, (x, labels), optimiser=Adam(Cosine(RATE, n_steps)), epochs=epochs,
            batch_size=BATCH, rng=seed, regularise=one, callback=note, progress=False,
        )  # fmt: skip
        runs[name] = Run(nfe, accuracy, time.perf_counter() - begun)
    plain, penalised = runs["plain"], runs["penalised"]
    if penalised.nfe and plain.nfe:
        print(
            f"  A prediction takes {penalised.nfe[-1] / plain.nfe[-1]:.2f} of the evaluations; accuracy changed by "
            f"{100 * (penalised.accuracy[-1] - plain.accuracy[-1]):+.2f} points.\n"
            f"  The trainings took {plain.seconds:.1f} s and {penalised.seconds:.1f} s."
        )
    return runs


def draw(path, runs):
    """Write evaluations and accuracy, epoch by epoch, as a PNG."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(10, 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for (name, run), colour in zip(runs.items(), (BLUE, ORANGE), strict=False):
            epochs = np.arange(1, len(run.nfe) + 1)
            left.plot(epochs, run.nfe, color=colour, label=name)
            right.plot(epochs, [100 * a for a in run.accuracy], color=colour, label=name)
        left.set(title="Evaluations of the field for a prediction", xlabel="epoch", ylim=(0, None))
        right.set(title="Accuracy on test digits, %", xlabel="epoch")
        left.legend(labelcolor=INK)
        for ax in (left, right):
            ax.grid(color=FAINT, alpha=0.2)
        figure.savefig(path, dpi=130)
