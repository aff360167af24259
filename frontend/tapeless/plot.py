"""Pictures of vector fields, of error against work, and of trainings; matplotlib is imported when one is drawn."""

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tapeless import _check as check
from tapeless._axes import GREY, axes, finish, legend
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._interchange import takes_arrays
from tapeless._ode import solve_ode
from tapeless._portrait import phase_portrait
from tapeless._types import ArrayInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["history", "phase_portrait", "work_precision"]

SMALLEST = 1e-17  # an error of zero has no logarithm
REPEATS = 3
TOLERANCES = tuple(10.0**-digits for digits in range(3, 11))


@takes_arrays
def work_precision(
    field: VectorField,
    t_span: tuple[float, float],
    y0: ArrayInput,
    theta: ArrayInput | None = None,
    *,
    methods: Iterable[str] = ("bosh3", "tsit5", "vern7", "dop853"),
    tolerances: Iterable[float] = TOLERANCES,
    work: Literal["nfe", "seconds"] = "nfe",
    reference: ArrayInput | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Solve by several methods at several tolerances, and draw the error at the end against the work.

    Parameters
    ----------
    field : field
        The vector field.
    t_span : tuple (t0, t1)
        Initial and final time.
    y0 : array, shape (batch, dim) or (dim,)
        Initial states.
    theta : array, optional
        Parameters of the field.
    methods : sequence of str
        Names of adaptive methods, of `tapeless.methods.table`.
    tolerances : sequence of float
        Each is `rtol` and `atol` of a solve.
    work : "nfe" or "seconds"
        Evaluations of the field by a trajectory in the mean, or the time of a solve, the least of three.
    reference : array, shape of `y0`, optional
        The states at the end; by default those of dop853 at tolerances of 1e-13, in float64.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        What was drawn on: a line for each method, of errors relative to ``max(1, |reference|)``, the largest
        of all components and trajectories.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError, ValueError
        If an argument is not what it must be.
    SolverError
        If a trajectory fails.
    """
    caller = "work_precision"
    check.one_of(caller, "work", work, ("nfe", "seconds"))
    methods = [methods] if isinstance(methods, str) else list(methods)
    steps = [float(tolerance) for tolerance in tolerances]
    if not methods or not steps:
        name = "methods" if not methods else "tolerances"
        raise complain(ValueError, caller, name, "at least one", "none")
    ax, states = axes(caller, ax), check.as_state(caller, "y0", y0)
    options: Any = {"adjoint": None, "max_steps": 10_000_000}
    if reference is None:
        exact: Any = {"method": "dop853", "rtol": 1e-13, "atol": 1e-13}
        end = solve_ode(field, t_span, states.astype(np.float64), theta, **exact, **options).ys
    else:
        end = check.as_state(caller, "reference", reference)
        if end.shape != states.shape:
            wanted = f"of the shape of `y0`, {states.shape}"
            raise complain(ValueError, caller, "reference", wanted, describe(end))
    for method in methods:
        points = []
        for step in steps:
            seconds = np.inf
            for _ in range(REPEATS if work == "seconds" else 1):
                begun = time.perf_counter()
                sol = solve_ode(
                    field, t_span, states, theta, method=method, rtol=step, atol=step, **options
                )
                seconds = min(seconds, time.perf_counter() - begun)
            error = np.max(np.abs(sol.ys - end) / np.maximum(1.0, np.abs(end)), initial=0.0)
            cost = seconds if work == "seconds" else np.mean(sol.stats.nfe)
            points.append((cost, max(float(error), SMALLEST)))
        ax.loglog(*np.array(points).T, marker=".", label=method)
    what = "evaluations of the field" if work == "nfe" else "seconds of a solve"
    ax.set(xlabel=what, ylabel=f"error at t = {float(t_span[1]):g}")
    legend(ax)
    return finish(ax)


def history(
    history: Mapping[str, Any] | Any, *, xlabel: str = "epoch", ax: "Axes | None" = None
) -> "Axes":
    """Draw the losses of a training, and its evaluations of the field on an axis of their own.

    Parameters
    ----------
    history : mapping or object
        With a sequence `loss`; if it has them, `validation` and `nfe` are drawn too. One of another length
        than `loss` is spread over the same range; NaN and None are left out. An `nfe` may have three numbers in
        each place: mean, least and most.
    xlabel : str
        What the places in `loss` are.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        What the losses were drawn on.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is no `loss`, or it is empty.

    Examples
    --------
    >>> import tapeless
    >>> ax = tapeless.plot.history({"loss": [1.0, 0.3, 0.1], "nfe": [20, 26, 32]})
    >>> [line.get_label() for line in ax.lines]
    ['loss']
    """
    caller = "history"
    series = {}
    for name in ("loss", "validation", "nfe"):
        found = history.get(name) if isinstance(history, Mapping) else getattr(history, name, None)
        if found is not None and len(found):
            series[name] = np.array(found, dtype=np.float64)
    if "loss" not in series:
        wanted = "a mapping or an object with a sequence `loss` that is not empty"
        raise complain(ValueError, caller, "history", wanted, describe(history))
    ax, last = axes(caller, ax), len(series["loss"])
    from matplotlib.ticker import MaxNLocator

    losses = [series[name] for name in ("loss", "validation") if name in series]
    positive = all((values[np.isfinite(values)] > 0).all() for values in losses)
    for name, values in zip(("loss", "validation"), losses, strict=False):
        _line(ax, values, last, label=name)
    ax.set(xlabel=xlabel, ylabel="loss", yscale="log" if positive else "linear")
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    finish(ax)
    if "nfe" in series:
        beside = ax.twinx()
        _evaluations(beside, series["nfe"], last)
        ax.set_zorder(beside.get_zorder() + 1)
        ax.patch.set_visible(False)  # which would hide what is behind
    if len(losses) > 1:
        legend(ax)
    return ax


def _line(ax: "Axes", values: NDArray[np.float64], last: int, **style: Any) -> None:
    """Draw a series over 1 to `last`."""
    at, known = np.linspace(1, last, len(values)), np.isfinite(values)
    marker = "." if np.count_nonzero(known) < 30 else None
    width = 0.8 if np.count_nonzero(known) > 500 else 1.5  # noise is not to be one broad band
    ax.plot(at[known], values[known], marker=marker, **{"linewidth": width} | style)


def _evaluations(ax: "Axes", nfe: NDArray[np.float64], last: int) -> None:
    if nfe.ndim == 2 and nfe.shape[1] == 3:
        nfe, least, most = nfe.T
        at = np.linspace(1, last, len(nfe))
        ax.fill_between(at, least, most, color=GREY, alpha=0.3, linewidth=0)
    _line(ax, nfe, last, color=GREY, linewidth=0.8)
    ax.set_ylabel("evaluations of the field", color="0.4")
    ax.tick_params(axis="y", labelcolor="0.4")
    ax.spines["top"].set_visible(False)
    ax.set_ylim(0, 1.6 * max(1.0, np.nanmax(nfe, initial=0)))
