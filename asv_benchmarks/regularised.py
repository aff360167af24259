"""Regularised trainings of a digits classifier: evaluations of the field, times and accuracy, as a table and a plot.

    python asv_benchmarks/regularised.py            # writes docs/results/regularised.md and .png

The classifier is softmax(W y(1) + b) with y' = tanh(W2 [tanh(W1 [y; t] + b1); t] + b2), solved by Tsit5 in float64 at
rtol = atol = 1.4e-8 with one norm and step size for a batch (R3's problem, on scikit-learn's digits). Weights of
penalties are chosen on a part of the training digits, with a seed that is not among those reported; the test digits
choose nothing. One process for each core, one thread each.
"""

import argparse
import concurrent.futures
import functools
import os
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import tapeless
from tapeless._readout import Readout
from tapeless.losses import cross_entropy
from tapeless.optim import Adam, Cosine
from tapeless.regularise import RNODE, STEER, Annealed, Global, Local, WeightDecay

RESULTS = Path(__file__).parents[1] / "docs" / "results"
FIELD = tapeless.fields.MLP(64, [100], time=True, final_activation="tanh")
SOLVER = {"method": "tsit5", "rtol": 1.4e-8, "atol": 1.4e-8, "coupled": True, "threads": 1}
BATCH, RATE = 128, 5e-3
SEEDS, CHOOSING = (0, 1, 2), 100
ALLOWED = 0.005  # of accuracy, that a weight may cost on the digits it is chosen by


def annealed(start, n):
    """A weight that falls to a tenth, as R3's for the error does."""
    return Annealed(start, start / 10, n)


# Each makes the regularisers of a weight w and of n steps; the weights are those tried. A local step with the size of
# Hairer's first one is a short one: its error is far below the tolerance, hence those weights.
CONFIGURATIONS = {
    "vanilla": (lambda w, n: (), (0,)),
    "global E": (lambda w, n: (Global("error", annealed(w, n)),), (0.3, 1, 3)),
    "global S": (lambda w, n: (Global("stiffness", w),), (0.003, 0.03, 0.3)),
    "global E + S": (
        lambda w, n: (Global("error", annealed(w, n)), Global("stiffness", w * 3e-3)),
        (0.3, 1, 3),
    ),
    "local, unbiased": (lambda w, n: (Local(annealed(w, n), "unbiased"),), (1e6, 1e7, 1e8)),
    "local, biased": (lambda w, n: (Local(annealed(w, n), "biased"),), (1e6, 1e7, 1e8)),
    "local, exact": (lambda w, n: (Local(annealed(w, n), "exact"),), (0.3, 1, 3)),
    "STEER": (lambda w, n: (STEER(w),), (0.5,)),
    "weight decay": (lambda w, n: (WeightDecay(w),), (1e-4, 1e-3, 1e-2)),
    "RNODE": (lambda w, n: (RNODE(w, w),), (0.1, 1, 10)),
}


@functools.cache
def digits():
    """Return training, validation and test digits with their labels; pixels have mean 0 and size 1."""
    images, labels = load_digits(return_X_y=True)
    split = train_test_split(images, labels, test_size=0.25, stratify=labels, random_state=0)
    x, x_test, y, y_test = split
    centre, size = x.mean(axis=0), x.std()
    x, x_test = (x - centre) / size, (x_test - centre) / size
    x, x_valid, y, y_valid = train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)
    return (x, y), (x_valid, y_valid), (x_test, y_test)


def run(name, weight, seed, epochs, on_test):
    """Train once; return what is reported, on the test digits or on those that weights are chosen by."""
    train, valid, test = digits()
    make, _ = CONFIGURATIONS[name]
    objective = Readout(FIELD, 10, cross_entropy, **SOLVER)
    n_steps = epochs * -(-len(train[0]) // BATCH)
    theta = objective.init(np.random.default_rng(seed), np.float64)
    begun = time.perf_counter()
    fit = tapeless.fit(
        objective, theta, train, optimiser=Adam(Cosine(RATE, n_steps)), epochs=epochs,
        batch_size=BATCH, rng=seed, regularise=make(weight, n_steps), progress=False,
    )  # fmt: skip
    training = time.perf_counter() - begun
    x, y = test if on_test else valid
    accuracy = float(np.mean(objective.predict(fit.theta, x).argmax(axis=1) == y))
    sol = objective.solve(fit.theta, x, adjoint=None)
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        objective.predict(fit.theta, x)
        times.append(time.perf_counter() - begun)
    return {
        "nfe": float(np.mean(sol.stats.nfe)), "prediction": min(times), "training": training,
        "accuracy": accuracy, "history": fit.history.nfe,
    }  # fmt: skip


def mean(runs, key):
    return float(np.mean([r[key] for r in runs]))


def choose(found):
    """Return, of each configuration, the weight with the fewest evaluations of those accurate enough."""
    least = found["vanilla", 0]["accuracy"] - ALLOWED
    chosen = {}
    for name, (_, weights) in CONFIGURATIONS.items():
        good = [w for w in weights if found[name, w]["accuracy"] >= least]
        best = max(weights, key=lambda w: found[name, w]["accuracy"])
        chosen[name] = min(good, key=lambda w: found[name, w]["nfe"]) if good else best
    return chosen


def table(results, chosen, epochs):
    """Return the table in Markdown."""
    plain = results["vanilla"]
    lines = [
        f"Means of seeds {', '.join(map(str, SEEDS))}, {epochs} epochs; in brackets the ratio to vanilla. NFE and the "
        "time of a prediction are of all 450 test digits at once, training of 1,077.",
        "",
        "| regularisation | weight | NFE | prediction, ms | training, s | accuracy, % |",
        "|---|---|---|---|---|---|",
    ]
    for name, runs in results.items():
        weight = f"{chosen[name]:g}" if chosen[name] else ""
        ratios = {k: mean(runs, k) / mean(plain, k) for k in ("nfe", "prediction", "training")}
        lines.append(
            f"| {name} | {weight} | {mean(runs, 'nfe'):.1f} ({ratios['nfe']:.2f}) | "
            f"{1e3 * mean(runs, 'prediction'):.1f} ({ratios['prediction']:.2f}) | "
            f"{mean(runs, 'training'):.1f} ({ratios['training']:.2f}) | "
            f"{100 * mean(runs, 'accuracy'):.2f} ({100 * (mean(runs, 'accuracy') - mean(plain, 'accuracy')):+.2f}) |"
        )
    return "\n".join(lines)


def draw(results, path):
    """Draw evaluations during the training, and what is left of them beside what it costs in accuracy."""
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for i, (name, runs) in enumerate(results.items()):
        style = {"color": f"C{i}", "label": name}
        left.plot(np.mean([r["history"] for r in runs], axis=0), **style)
        right.plot(mean(runs, "nfe"), 100 * mean(runs, "accuracy"), "o", **style)
        for r in runs:
            right.plot(r["nfe"], 100 * r["accuracy"], ".", color=f"C{i}", alpha=0.4)
    left.set(xlabel="epoch", ylabel="evaluations of the field in a solve")
    right.set(xlabel="evaluations in a prediction", ylabel="accuracy on test digits, %")
    right.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        trials = [(name, w) for name, (_, ws) in CONFIGURATIONS.items() for w in ws]
        jobs = [pool.submit(run, name, w, CHOOSING, options.epochs, False) for name, w in trials]
        found = {trial: job.result() for trial, job in zip(trials, jobs, strict=True)}
        for (name, w), r in found.items():
            print(f"{name:16} {w:8g} NFE {r['nfe']:6.1f}, accuracy {r['accuracy']:.2%}", flush=True)
        chosen = choose(found)
        final = [(name, seed) for name in CONFIGURATIONS for seed in SEEDS]
        jobs = [
            pool.submit(run, name, chosen[name], seed, options.epochs, True) for name, seed in final
        ]
        results = {name: [] for name in CONFIGURATIONS}
        for (name, _), job in zip(final, jobs, strict=True):
            results[name].append(job.result())
    text = table(results, chosen, options.epochs)
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "regularised.md").write_text(
        "# Regularised trainings\n\nWritten by `python asv_benchmarks/regularised.py`, which says what is solved.\n\n"
        + text
        + "\n"
    )
    draw(results, options.out / "regularised.png")


if __name__ == "__main__":
    main()
