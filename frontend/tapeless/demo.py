"""The demo: a neural ODE learns to read handwritten digits in a few seconds."""

import pathlib
import subprocess
import time
from collections.abc import Iterable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tapeless import _kernels as kernels
from tapeless import _tables as tables
from tapeless._classifier import Classifier, load
from tapeless._demo_regularised import compare
from tapeless._demo_regularised import draw as draw_runs
from tapeless._report import draw
from tapeless._training import train
from tapeless._types import Path
from tapeless.fields import MLP
from tapeless_kernels._cache import cache_folder
from tapeless_kernels.launch import cpu

__all__ = ["MissingDependency", "Result", "digits", "load", "run"]

# Chosen among 35 settings by 5-fold cross-validation on the training digits: 98.7 +- 0.4 %. All that
# train for 60 epochs lie within 97 and 98.7 %; noise of 0.1 instead of 0.5 cost 0.8 points.
# The test digits chose nothing, not even the epoch to stop at.
HIDDEN = (64,)
SOLVER = {"method": "tsit5", "rtol": 1e-3, "atol": 1e-3}
TRAINING = {"batch": 128, "lr": 1e-2, "noise": 0.5}
EPOCHS = 60
SHARE = 4  # the second half's trainings have a fourth of the epochs
N_CLASSES = 10
SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


class MissingDependency(ImportError):
    """A package that only the demo needs is not installed."""


class Result(NamedTuple):
    """What a run of the demo found.

    Attributes
    ----------
    accuracies : dict of int to float
        Share of the test digits that were read rightly, by seed.
    gradient_errors : list of float
        Relative errors of the adjoint's slopes against central differences.
    model, picture : pathlib.Path
        The files written, for the first seed.
    interrupted : bool
        Whether Ctrl-C ended the training early.
    nfe : dict of str to list of float
        Evaluations of the field for a prediction, after each epoch of the second half's trainings: "plain" and
        "penalised".
    """

    accuracies: dict[int, float]
    gradient_errors: list[float]
    model: pathlib.Path
    picture: pathlib.Path
    interrupted: bool
    nfe: dict[str, list[float]]


def run(out: Path = "out", seeds: Iterable[int] = (0,), epochs: int = EPOCHS) -> Result:
    """Train on scikit-learn's digits, check the gradient, measure, and write model and report.

    The second half trains twice more, at a tighter tolerance: plainly, and with the solver's error penalised.

    Parameters
    ----------
    out : str or path-like
        Folder for ``digits.npz``, the model, ``digits.png``, the report, and ``regularised.png``, the second
        half; made if absent.
    seeds : sequence of int
        A model is trained from each. All but the accuracy is reported for the first.
    epochs : int
        Passes over the training digits.

    Returns
    -------
    Result
        Accuracies, errors of the gradient, and paths.

    Raises
    ------
    MissingDependency
        If scikit-learn, matplotlib or tqdm is not installed.
    ValueError
        If no seed is given, or `epochs` is not positive.
    """
    begun, seeds = time.perf_counter(), list(seeds)
    if not seeds:
        raise ValueError("demo.run: `seeds` must hold at least one seed; got none.")
    if epochs < 1:
        raise ValueError(f"demo.run: `epochs` must be positive; got {epochs}.")
    for package in ("sklearn", "matplotlib", "tqdm"):
        _need(package)
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    data, field = digits(), MLP(64, HIDDEN)
    tables.print_task(data, field, HIDDEN, SOLVER)
    _prepare_kernels()
    print()
    accuracies: dict[int, float] = {}
    first: Any = None  # the first seed's model and history
    for seed in seeds:
        model, history = _train(field, data, seed, epochs)
        accuracies[seed] = float(np.mean(model.predict(data[2]) == data[3]))
        first = first or (model, history)
        if history.interrupted:
            print(f"Interrupted after {history.n_steps} steps; what was learnt until then is kept.")
            break
    interrupted, (model, history) = history.interrupted, first

    errors = tables.print_gradient(model, data, seeds[0])
    tables.print_measurements(model, history, data, accuracies[seeds[0]], TRAINING["batch"])
    model_path, picture = out / "digits.npz", out / "digits.png"
    _save(model_path, model, data[2])
    draw(picture, model, history, *data[2:])
    print(f"\n{picture}: the curves of the training, and digits on their way through the field")
    print(f"{model_path}: the model, read back and compared; tapeless.demo.load reads it")
    if len(seeds) > 1:
        tables.print_seeds(accuracies)
    nfe: dict[str, list[float]] = {}
    if not interrupted:
        runs = compare(data, seeds[0], max(1, epochs // SHARE))
        nfe = {name: one.nfe for name, one in runs.items()}
        draw_runs(out / "regularised.png", runs)
        print(f"{out / 'regularised.png'}: evaluations of the field, epoch by epoch")
    print(f"\n{time.perf_counter() - begun:.0f} s in all, compilation included")
    return Result(accuracies, errors, model_path, picture, interrupted, nfe)


def digits() -> tuple[
    NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]
]:
    """Return the digits to learn from and those to be tested on.

    Returns
    -------
    tuple of ndarray
        Training images (n, 64) with pixels from 0 to 16 in float32, their labels (n,), and the
        same of the test.

    Raises
    ------
    MissingDependency
        If scikit-learn is not installed.
    """
    datasets, selection = _need("sklearn.datasets"), _need("sklearn.model_selection")
    images, labels = datasets.load_digits(return_X_y=True)
    images, test_images, labels, test_labels = selection.train_test_split(
        images.astype(np.float32), labels, test_size=0.25, stratify=labels, random_state=0
    )
    return images, labels, test_images, test_labels


def _need(name):
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        package = "scikit-learn" if name.startswith("sklearn") else name
        raise MissingDependency(
            f"tapeless demo: {package} is not installed, which only the demo needs; "
            'install it with: pip install "tapeless[demo]"'
        ) from error


def _prepare_kernels():
    """Compile or load what the training, the timing of one digit and the check in float64 need."""
    wide, double = cpu.WIDTHS[SINGLE], cpu.WIDTHS[DOUBLE]
    cached = {(kernel.dtype, kernel.lanes) for kernel in kernels.cached_kernels()}
    beside = None
    if (DOUBLE.name, double) not in cached and kernels.writable(cache_folder()):
        print("  kernels  compiling, about half a minute, once for all ...", flush=True)
        beside = kernels.compile_beside(DOUBLE, double, stdout=subprocess.DEVNULL)
    try:
        for dtype, lanes, adjoint in (
            (SINGLE, wide, True),
            (SINGLE, 1, False),
            (DOUBLE, double, True),
        ):
            if beside and dtype is DOUBLE:
                beside.wait()
            tables.print_kernels(dtype, lanes, kernels.compile_kernels(dtype, lanes, adjoint))
    finally:
        if beside:
            beside.kill()


def _train(field, data, seed, epochs):
    rng = np.random.default_rng(seed)
    model = Classifier.new(field, data[0], N_CLASSES, rng, SOLVER)
    steps = epochs * max(1, len(data[0]) // TRAINING["batch"])
    with _need("tqdm").tqdm(total=steps, desc=f"seed {seed}", unit=" steps") as bar:
        return model, train(model, data, rng, epochs=epochs, bar=bar, **TRAINING)


def _save(path, model, images):
    """Save the model, read it back, and compare what the two predict."""
    model.save(path)
    again = load(path)
    if not np.array_equal(again.scores(images), model.scores(images)):
        raise RuntimeError(f"demo.run: the model read back from {path} computes something else.")
