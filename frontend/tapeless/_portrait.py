"""The picture of a vector field in a plane."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tapeless import _check as check
from tapeless._axes import axes, component, limits, named
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._evaluate import Evaluator
from tapeless._interchange import takes_arrays
from tapeless._ode import solve_ode
from tapeless._types import ArrayInput, Integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

N_LINE, N_CONTOUR = 2000, 81  # points of a trajectory, and of a side of the grid for nullclines
NULLCLINES = ("tab:blue", "tab:green")


@takes_arrays
def phase_portrait(
    field: VectorField,
    theta: ArrayInput | None = None,
    xlim: tuple[float, float] = (-2.0, 2.0),
    ylim: tuple[float, float] = (-2.0, 2.0),
    *,
    y0: ArrayInput | None = None,
    t_span: tuple[float, float] = (0.0, 10.0),
    components: tuple[Integer, Integer] = (0, 1),
    at: ArrayInput | None = None,
    n_arrows: Integer = 20,
    nullclines: bool = False,
    names: Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw a vector field in a plane as arrows, with trajectories and nullclines if wanted.

    Parameters
    ----------
    field : field
        The vector field, of two components or more, at the time ``t_span[0]``.
    theta : array, shape (n_params,), optional
        Its parameters.
    xlim, ylim : tuple (least, most)
        The part of the plane.
    y0 : array, shape (n, dim) or (dim,), optional
        Where trajectories begin; they are solved over `t_span`.
    t_span : tuple (t0, t1)
        Initial and final time of trajectories.
    components : tuple of int
        Those along the two axes.
    at : array, shape (dim,), optional
        The state whose other components the arrows have; by default 0.
    n_arrows : int
        Arrows along each side. All have one length: darker ones are faster.
    nullclines : bool
        Whether to draw where the slopes of the two components are 0.
    names : sequence of str, optional
        Of the components of the state.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        What was drawn on.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError, ValueError
        If an argument is not what it must be.

    Examples
    --------
    >>> import tapeless
    >>> @tapeless.field(dim=2)
    ... def pendulum(t, y, theta, dy):
    ...     dy[0] = y[1]
    ...     dy[1] = -y[0] - 0.2 * y[1]
    >>> ax = tapeless.plot.phase_portrait(pendulum, y0=[[1.5, 0.0]])
    >>> ax.figure.savefig("portrait.png")  # doctest: +SKIP
    """
    caller = "phase_portrait"
    if not isinstance(field, VectorField):
        wanted = "a tapeless field, say tapeless.fields.MLP(2, hidden)"
        raise complain(TypeError, caller, "field", wanted, describe(field))
    plane = _plane(caller, components, field.dim)
    labels = [named(caller, names, i, field.dim) for i in plane]
    theta = _vector(caller, "theta", theta, field.n_params)
    state = _vector(caller, "at", at if at is not None else np.zeros(field.dim), field.dim)
    spans = limits(caller, "xlim", xlim), limits(caller, "ylim", ylim)
    n_arrows = check.positive_int(caller, "n_arrows", n_arrows)
    ax, t = axes(caller, ax), float(t_span[0])

    def slopes(n: int) -> tuple[NDArray[np.float64], ...]:
        inset = [(most - least) / (2 * n) for least, most in spans]
        sides = [np.linspace(a + d, b - d, n) for (a, b), d in zip(spans, inset, strict=True)]
        grid, evaluate = np.meshgrid(*sides), Evaluator(field)
        points = np.tile(state, (n * n, 1))
        points[:, plane] = np.column_stack([x.ravel() for x in grid])
        values = np.array([evaluate(t, point, theta)[plane] for point in points])
        return *grid, *values.T.reshape(2, n, n)

    _arrows(ax, slopes(n_arrows), spans)
    if nullclines:
        x, y, *both = slopes(N_CONTOUR)
        for slope, label, colour in zip(both, labels, NULLCLINES, strict=True):
            if np.nanmin(slope) < 0 < np.nanmax(slope):
                ax.contour(x, y, slope, [0.0], colors=colour, linestyles="--", linewidths=1.2)
                ax.plot([], [], "--", color=colour, linewidth=1.2, label=f"{label}' = 0")
    if y0 is not None:
        starts = np.atleast_2d(check.as_state(caller, "y0", y0))
        times = np.linspace(*t_span, N_LINE)
        options: Any = {"rtol": 1e-6, "atol": 1e-8, "throw": False, "adjoint": None}
        sol = solve_ode(field, t_span, starts, theta, t_eval=times, interpolate=True, **options)
        first, second = plane
        ax.plot(sol.ys[:, :, first].T, sol.ys[:, :, second].T, color="tab:orange")
        ax.plot(starts[:, first], starts[:, second], "o", color="tab:orange", markersize=4)
    ax.set(xlim=spans[0], ylim=spans[1], xlabel=labels[0], ylabel=labels[1])
    _legend_above(ax)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _legend_above(ax: "Axes") -> None:
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)


def _arrows(ax: "Axes", grid: tuple[NDArray[np.float64], ...], spans: Any) -> None:
    """Draw arrows of one length on the page, darker where the field is faster."""
    x, y, u, v = grid
    scaled = [w / (most - least) for w, (least, most) in zip((u, v), spans, strict=True)]
    speed = np.hypot(*scaled)
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v = (w / speed for w in scaled)
    rank = np.argsort(np.argsort(speed, axis=None)).reshape(speed.shape) / max(1, speed.size - 1)
    ax.quiver(
        x, y, np.nan_to_num(u), np.nan_to_num(v), 0.2 + 0.5 * rank, cmap="Greys", clim=(0, 1),
        angles="uv", pivot="mid", scale=1.5 * len(x), width=0.003, zorder=0,
    )  # fmt: skip


def _plane(caller: str, components: Any, dim: int) -> list[int]:
    try:
        x, y = components
    except (TypeError, ValueError):
        x = y = None
    if dim < 2 or x is None:
        wanted = f"a pair of components, of the {dim} that this field has"
        raise complain(ValueError, caller, "components", wanted, describe(components))
    return [component(caller, "components", i, dim) for i in (x, y)]


def _vector(caller: str, name: str, x: Any, n: int) -> NDArray[np.float64]:
    given = check.as_real(caller, name, np.zeros(0) if x is None else x)
    if given.shape != (n,):
        wanted = f"an array of shape ({n},) for this field"
        raise complain(ValueError, caller, name, wanted, describe(x if x is None else given))
    return given
