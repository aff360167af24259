"""Pictures of a solution: over time, and in the plane of two components."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tapeless._axes import axes, component, finish, legend, named
from tapeless._complain import complain, describe
from tapeless_kernels.status import SUCCESS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tapeless._solution import Solution

FAILED = {"color": "tab:red", "marker": "x", "linestyle": "none", "zorder": 3}


class _Paths(NamedTuple):
    """The trajectories of a solution, with the batch axis, and the last outputs of those that failed."""

    t: NDArray[np.float64]  # (batch, n_times)
    y: NDArray[Any]  # (batch, n_times, dim)
    t_end: NDArray[np.float64]  # (n_failed,)
    y_end: NDArray[Any]  # (n_failed, dim)
    alpha: float


def _paths(caller: str, sol: "Solution") -> _Paths:
    single = sol.y.ndim == 1
    if sol.ys.ndim != (2 if single else 3):
        raise ValueError(
            f"{caller}: the solution holds the final states alone, which make no line; give solve_ode output "
            "times, say t_eval=np.linspace(t0, t1, 100) with interpolate=True."
        )
    ys = sol.ys[None] if single else sol.ys
    ts = np.broadcast_to(sol.ts, ys.shape[:2])
    # Their last outputs: the last states may be too large to be drawn beside them.
    (failed,) = np.nonzero(np.atleast_1d(sol.stats.status) != SUCCESS)
    last = np.isfinite(ys[failed]).all(axis=2).sum(axis=1) - 1
    failed, last = failed[last >= 0], last[last >= 0]
    return _Paths(
        ts,
        ys,
        ts[failed, last],
        ys[failed, last],
        min(1.0, max(0.12, 2 / np.sqrt(max(1, len(ys))))),  # so that many do not make one blot
    )


def over_time(sol: "Solution", ax: Any, components: Any, names: Any) -> "Axes":
    """Draw the components of all trajectories over time."""
    caller = "Solution.plot"
    paths, ax = _paths(caller, sol), axes(caller, ax)
    dim = paths.y.shape[2]
    chosen = range(dim) if components is None else components
    chosen = chosen if isinstance(chosen, Iterable) else [chosen]
    chosen = [component(caller, "components", i, dim) for i in chosen]
    if not chosen:
        raise complain(ValueError, caller, "components", "at least one component", "none")
    for k, i in enumerate(chosen):
        lines = ax.plot(paths.t.T, paths.y[:, :, i].T, color=f"C{k}", alpha=paths.alpha)
        if lines:
            ax.plot(
                [], [], color=f"C{k}", label=named(caller, names, i, dim)
            )  # opaque in the legend
    for k, i in enumerate(chosen):
        if len(paths.t_end):
            label = "failed" if k == 0 else None
            ax.plot(paths.t_end, paths.y_end[:, i], label=label, **FAILED)
    ax.set_xlabel("t")
    if len(chosen) == 1:
        ax.set_ylabel(named(caller, names, chosen[0], dim))
    if len(chosen) > 1 or len(paths.t_end):
        legend(ax)
    return finish(ax)


def in_plane(sol: "Solution", x: Any, y: Any, ax: Any, names: Any) -> "Axes":
    """Draw all trajectories in the plane of two components, with dots where they begin to be known."""
    caller = "Solution.plot_phase"
    paths, ax = _paths(caller, sol), axes(caller, ax)
    dim = paths.y.shape[2]
    if dim < 2:
        wanted = "a component other than `x`, of which this solution has none"
        raise complain(ValueError, caller, "y", wanted, describe(y))
    i, j = component(caller, "x", x, dim), component(caller, "y", y, dim)
    ax.plot(paths.y[:, :, i].T, paths.y[:, :, j].T, color="C0", alpha=paths.alpha)
    ax.plot(paths.y[:, 0, i], paths.y[:, 0, j], "o", color="C0", markersize=4, label=_first(sol.ts))
    if len(paths.t_end):
        ax.plot(paths.y_end[:, i], paths.y_end[:, j], label="failed", **FAILED)
    ax.set(xlabel=named(caller, names, i, dim), ylabel=named(caller, names, j, dim))
    legend(ax)
    return finish(ax)


def _first(ts: NDArray[np.float64]) -> str:
    """Return what the legend says of the first states."""
    return f"t = {ts[0]:.3g}" if ts.ndim == 1 else "first output"
