"""Checks and conversions of arguments, shared by the functions of this package."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._types import Integer

Field: TypeAlias = NDArray[np.inexact[Any]]
Floats: TypeAlias = NDArray[np.floating[Any]]
Axes: TypeAlias = Integer | Sequence[int] | None
Lengths: TypeAlias = float | Sequence[float]

FIELDS = tuple(np.dtype(t) for t in (np.float32, np.float64, np.complex64, np.complex128))


def as_field(caller: str, name: str, u: Any) -> Field:
    """Return u as a native array of float32, float64, complex64 or complex128; integers become float64."""
    u = check.as_array(caller, name, u)
    dtype = u.dtype.newbyteorder("=")
    if dtype in FIELDS:
        return u.astype(dtype, copy=False)
    if dtype.kind in "iub":
        return u.astype(np.float64)
    wanted = "of dtype float32, float64, complex64 or complex128"
    raise complain(TypeError, caller, name, wanted, describe(u), "Convert it with astype.")


def like(caller: str, name: str, bar: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Field:
    """Return a cotangent of the shape and dtype of what it belongs to."""
    bar = as_field(caller, name, bar)
    if bar.shape != shape:
        raise complain(ValueError, caller, name, f"of shape {shape}", describe(bar))
    if bar.dtype.kind == "c" and dtype.kind != "c":
        raise complain(TypeError, caller, name, "real, as what it belongs to is", describe(bar))
    return bar.astype(dtype, copy=False)


def same_pair(
    caller: str, first: str, a: Any, second: str, b: Any
) -> tuple[Field, Field, np.dtype[Any]]:
    """Return both arrays in one dtype that holds them, and that dtype."""
    a, b = as_field(caller, first, a), as_field(caller, second, b)
    if a.shape != b.shape:
        wanted = f"of the shape of `{first}`, {a.shape}"
        raise complain(ValueError, caller, second, wanted, describe(b))
    dtype = np.result_type(a, b)
    return a.astype(dtype, copy=False), b.astype(dtype, copy=False), dtype


def whole(caller: str, name: str, x: Any, least: int) -> int:
    """Return x as an int of at least `least`."""
    if isinstance(x, (bool, np.bool_)) or not isinstance(x, (int, np.integer)) or x < least:
        raise complain(ValueError, caller, name, f"an integer of at least {least}", describe(x))
    return int(x)


def as_axis(caller: str, axis: Any, u: Field, name: str = "u") -> int:
    """Return an axis of u, counted from 0, along which there is something."""
    if isinstance(axis, (bool, np.bool_)) or not isinstance(axis, (int, np.integer)):
        raise complain(TypeError, caller, "axis", "an integer", describe(axis))
    if not -u.ndim <= axis < u.ndim:
        wanted = f"an axis of `{name}`, which has {u.ndim}"
        raise complain(np.exceptions.AxisError, caller, "axis", wanted, describe(axis))
    axis = int(axis) % u.ndim
    if not u.shape[axis]:
        raise complain(ValueError, caller, name, f"not empty along axis {axis}", describe(u))
    return axis


def as_axes(caller: str, axes: Any, u: Field, name: str = "u") -> tuple[int, ...]:
    """Return axes of u, counted from 0, each once; all of them for None."""
    if axes is None:
        axes = range(u.ndim)
    elif isinstance(axes, (int, np.integer)):
        axes = (axes,)
    try:
        found = tuple(as_axis(caller, axis, u, name) for axis in axes)
    except TypeError:
        wanted = "None, an integer or a sequence of them"
        raise complain(TypeError, caller, "axes", wanted, describe(axes)) from None
    if not found or len(set(found)) < len(found):
        wanted = f"different axes of `{name}`, at least one"
        raise complain(ValueError, caller, "axes", wanted, describe(axes))
    return found


def as_length(caller: str, length: Any) -> float:
    """Return the length of a period: a positive finite number."""
    return as_lengths(caller, length, 1)[0]


def as_lengths(caller: str, length: Any, n: int) -> tuple[float, ...]:
    """Return n lengths of periods, from one of them or from n."""
    if type(length) in (float, int) and 0 < length < np.inf:
        return (float(length),) * n
    wanted = "a positive finite number" + (f", or {n} of them, one for each axis" if n > 1 else "")
    found = check.as_real(caller, "length", length)
    if found.shape not in ((), (n,)):
        raise complain(ValueError, caller, "length", wanted, describe(length))
    if not (np.isfinite(found).all() and (found > 0).all()):
        raise complain(ValueError, caller, "length", wanted, describe(length))
    return tuple(float(one) for one in np.broadcast_to(found, n))


def finite(caller: str, name: str, x: Any) -> float:
    """Return x as a finite float."""
    if isinstance(x, (bool, np.bool_)) or not isinstance(x, (int, float, np.integer, np.floating)):
        raise complain(TypeError, caller, name, "a number", describe(x))
    if not np.isfinite(x):
        raise complain(ValueError, caller, name, "a finite number", describe(x))
    return float(x)


def real_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return float32 for complex64, float64 for complex128, and real dtypes as they are."""
    return np.empty(0, dtype).real.dtype


def point_count(caller: str, name: str, n: Any, points: Any) -> int:
    """Return n if there are so many of these points."""
    check.one_of(caller, "points", points, ("lobatto", "gauss"))
    return whole(caller, name, n, 2 if points == "lobatto" else 1)
