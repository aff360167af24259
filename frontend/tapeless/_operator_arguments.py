"""Arguments of operators: fields on a grid, and cotangents of them, as kernels take them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._flat import ready
from tapeless._types import ArrayInput

Floats = NDArray[np.floating]


def as_field(caller: str, x: ArrayInput, channels: int, n_axes: int) -> Floats:
    """Return x (batch, channels, *grid), if it is real and has so many channels and axes."""
    found = check.as_state(caller, "x", x)
    if found.ndim != 2 + n_axes or found.shape[1] != channels:
        wanted = f"of shape (batch, {channels}, {', '.join('n' * n_axes)})"
        raise complain(ValueError, caller, "x", wanted, describe(found))
    return ready(found)


def as_cotangent(caller: str, y_bar: ArrayInput, shape: tuple[int, ...], dtype: Any) -> Floats:
    """Return y_bar in a dtype, if it is real and has the shape of y."""
    found = check.as_state(caller, "y_bar", y_bar)
    if found.shape != shape:
        raise complain(ValueError, caller, "y_bar", f"of the shape of y, {shape}", describe(found))
    return ready(found, dtype)


def as_tangent(caller: str, x_dot: ArrayInput, shape: tuple[int, ...], dtype: Any) -> Floats:
    """Return x_dot in a dtype, if it is real and has the shape of x."""
    found = check.as_state(caller, "x_dot", x_dot)
    if found.shape != shape:
        raise complain(ValueError, caller, "x_dot", "of the shape of x", describe(found))
    return found.astype(dtype, copy=False)
