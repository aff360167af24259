"""The axes that pictures are drawn on: those given, or those of a new figure, without pyplot."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tapeless._complain import complain, describe
from tapeless._types import Integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY = "0.6"
LIMITS = "a pair of finite numbers, the lesser first"


def axes(caller: str, ax: Any) -> "Axes":
    """Return `ax`, or axes of a new figure."""
    try:
        from matplotlib.axes import Axes
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"{caller}: needs matplotlib, which is not installed; install it with "
            "pip install 'tapeless[plot]'."
        ) from error
    if ax is None:
        return Figure(layout="constrained").subplots()
    if not isinstance(ax, Axes):
        raise complain(TypeError, caller, "ax", "a matplotlib Axes or None", describe(ax))
    return ax


def finish(ax: "Axes") -> "Axes":
    """Set what all pictures share, and return the axes."""
    ax.grid(color="0.92", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def legend(ax: "Axes") -> None:
    """Draw a legend where something has a name."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False)


def component(caller: str, name: str, x: Any, dim: int) -> int:
    """Return x if it is a component of a state of so many."""
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool) and -dim <= x < dim:
        return int(x) % dim
    wanted = f"a component, 0 to {dim - 1}"
    raise complain(ValueError, caller, name, wanted, describe(x))


def named(caller: str, names: Any, i: Integer, dim: int) -> str:
    """Return the name of a component, of those given or else y0, y1 and so on."""
    if names is None:
        return f"y{i}"
    names = [names] if isinstance(names, str) else list(names)
    if len(names) != dim:
        wanted = f"{dim} names, one for each component"
        raise complain(ValueError, caller, "names", wanted, f"{len(names)} of them")
    return str(names[i])


def limits(caller: str, name: str, x: Any) -> tuple[float, float]:
    """Return x as a pair of numbers in order."""
    try:
        least, most = (float(number) for number in x)
    except (TypeError, ValueError):
        raise complain(ValueError, caller, name, LIMITS, describe(x)) from None
    if not (np.isfinite([least, most]).all() and least < most):
        raise complain(ValueError, caller, name, LIMITS, describe(x))
    return least, most
