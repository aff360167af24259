"""Arguments of transforms: numbers, axes and lengths, norms, outputs."""

import operator
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.exceptions import AxisError

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._fft_core import COMPLEX, TRANSPOSED, Array, Axes

Norm: TypeAlias = Literal["backward", "ortho", "forward"] | None
INORMS = {None: 0, "backward": 0, "ortho": 1, "forward": 2}
Lengths = tuple[int, ...]
Entries = tuple[Any, ...]
Asked = Entries | None


def as_numbers(caller: str, name: str, x: Any, kind: str) -> Array:
    """Return x as a native array of float or complex numbers, real for r2c and complex for c2r."""
    x = check.as_array(caller, name, x)
    if x.dtype not in COMPLEX:
        x = _converted(caller, name, x)
    if not is_regular(x):
        x = x.copy()
    if kind == "r2c":
        if x.dtype.kind == "c":
            raise complain(TypeError, caller, name, "real", describe(x), "Transform its parts.")
    elif kind == "c2r" and x.dtype.kind != "c":
        x = x.astype(COMPLEX[x.dtype])
    return x


def _converted(caller: str, name: str, x: Array) -> Array:
    """Return x in native byte order; integers and booleans become float64, and float16 float32."""
    kind, dtype = x.dtype.kind, x.dtype.newbyteorder("=")
    if kind in "iub":
        return x.astype(np.float64)
    if dtype == np.float16:
        return x.astype(np.float32)
    if dtype in COMPLEX:
        return x.astype(dtype)
    wanted = "an array of real or complex numbers"
    raise complain(TypeError, caller, name, wanted, describe(x), "Convert it with astype.")


def is_regular(x: Array) -> bool:
    """Say whether entries lie whole numbers of entries apart, as those of a field of records may not."""
    flags = x.flags
    if not flags.aligned:
        return False
    return flags.c_contiguous or not any(stride % x.itemsize for stride in x.strides)


def as_index(caller: str, name: str, x: Any) -> int:
    """Return x as an int."""
    try:
        return operator.index(x)
    except TypeError:
        raise complain(TypeError, caller, name, "an integer", describe(x)) from None


def as_axis(caller: str, name: str, axis: Any, ndim: int) -> int:
    """Return an axis counted from the first."""
    i = as_index(caller, name, axis)
    if not -ndim <= i < ndim:
        wanted = f"an axis of the array, from {-ndim} to {ndim - 1}" if ndim else "left out"
        raise complain(AxisError, caller, name, wanted, f"{i}, of an array of {ndim} axes")
    return i % ndim


def as_length(caller: str, name: str, n: Any) -> int:
    """Return the length of a transform."""
    length = as_index(caller, name, n)
    if length < 1:
        raise _too_short(caller, name, length)
    return length


def _too_short(caller: str, name: str, length: int) -> ValueError:
    wanted = "at least 1 point along each axis that is transformed"
    error: ValueError = complain(ValueError, caller, name, wanted, length)
    return error


def as_inorm(caller: str, norm: Any, forward: bool) -> int:
    """Return 0, 1 or 2: what a transform is divided by, 1, sqrt(n) or n."""
    try:
        inorm = INORMS[norm]
    except (KeyError, TypeError):
        wanted = "'backward', 'ortho' or 'forward'"
        raise complain(ValueError, caller, "norm", wanted, describe(norm)) from None
    return inorm if forward else 2 - inorm


def as_real_kind(
    caller: str, kind: str, forward: bool, type: Any, norm: Any, orthogonalize: Any
) -> tuple[int, int, bool]:
    """Return the type of a cosine or sine transform or of its inverse, `inorm`, and whether it is orthogonal."""
    if not isinstance(type, (int, np.integer)) or type not in TRANSPOSED:
        raise complain(ValueError, caller, "type", "1, 2, 3 or 4", describe(type))
    if orthogonalize is not None and not isinstance(orthogonalize, (bool, np.bool_)):
        wanted = "True, False or None"
        raise complain(TypeError, caller, "orthogonalize", wanted, describe(orthogonalize))
    inorm = as_inorm(caller, norm, forward)
    ortho = inorm == 1 if orthogonalize is None else bool(orthogonalize)
    return int(type) if forward else TRANSPOSED[int(type)], inorm, ortho


def check_points(caller: str, name: str, kind: str, type: int, lengths: Lengths) -> None:
    """Raise if there are too few points for cosines of type 1, which are those of their first and last ones."""
    if kind == "dct" and type == 1 and 1 in lengths:
        raise complain(ValueError, caller, name, "at least 2 points for type 1", 1)


def as_axes(caller: str, name: str, ndim: int, s: Any, axes: Any, kind: str) -> tuple[Axes, Asked]:
    """Return the axes, counted from the first, and the lengths that were asked for, of which None or -1 are all."""
    asked = None if s is None else _several(caller, name, s)
    if axes is not None:
        places = tuple([as_axis(caller, "axes", i, ndim) for i in _several(caller, "axes", axes)])
    else:
        n_axes = ndim if asked is None else len(asked)
        places = tuple(range(max(ndim - n_axes, 0), ndim))
    if asked is not None and len(asked) != len(places):
        got = f"{len(asked)} for {len(places)} axes"
        raise complain(ValueError, caller, name, "one length for each axis", got)
    if not places and kind in ("r2c", "c2r"):
        raise complain(AxisError, caller, "axes", "at least one axis", "none")
    return places, asked


def as_axes_vjp(
    caller: str, ndim: int, s: Any, s_x: Any, axes: Any, kind: str
) -> tuple[Axes, tuple[Asked, Asked]]:
    """Return the axes, and the lengths of the transform and of its input as far as they were said."""
    if s is None:
        places, of_input = as_axes(caller, "s_x", ndim, s_x, axes, kind)
        return places, (None, of_input)
    places, of_transform = as_axes(caller, "s", ndim, s, axes, kind)
    return places, (of_transform, as_axes(caller, "s_x", ndim, s_x, places, kind)[1])


def check_distinct(caller: str, axes: Axes) -> None:
    """Raise if an axis is named twice."""
    if len(set(axes)) != len(axes):
        advice = "Take an axis that is repeated in a call of its own."
        raise complain(ValueError, caller, "axes", "distinct", axes, advice)


def _several(caller: str, name: str, x: Any) -> Entries:
    """Return one integer or several as a tuple."""
    if isinstance(x, Iterable) and not isinstance(x, str):
        return tuple(x)
    return (as_index(caller, name, x),)


def as_lengths(
    caller: str, name: str, shape: Lengths, axes: Axes, asked: Asked, kind: str
) -> Lengths:
    """Return the lengths of a transform of an array of that shape."""
    found = [shape[i] for i in axes]
    if kind == "c2r" and (asked is None or asked[-1] is None):
        found[-1] = 2 * (found[-1] - 1)
    if asked is not None:
        for j, n in enumerate(_lengths(caller, name, asked)):
            found[j] = n or found[j]
    if 0 in found:
        raise _too_short(caller, name, 0)
    return tuple(found)


def as_lengths_vjp(
    caller: str, names: tuple[str, str], shape: Lengths, axes: Axes,
    asked: tuple[Asked, Asked], kind: str,
) -> tuple[Lengths, Lengths]:  # fmt: skip
    """Return the lengths of a transform and of its input, from the shape that its output has."""
    if len(axes) > 1:
        check_distinct(caller, axes)
    found = [shape[i] for i in axes]
    if 0 in found:
        raise _too_short(caller, "y_bar", 0)
    n = None if asked[0] is None else _lengths(caller, names[0], asked[0])
    n_x = None if asked[1] is None else _lengths(caller, names[1], asked[1])
    if kind == "r2c":
        last = None if n is None else n[-1]
        last_x = None if n_x is None else n_x[-1]
        found[-1] = _real_length(caller, names, found[-1], last, last_x)
    if n is not None:
        for wanted, m in zip(n, found, strict=True):
            if wanted is not None and wanted != m:
                raise complain(ValueError, caller, names[0], f"{m}, as the cotangent has", wanted)
    lengths = tuple(found)
    if kind == "c2r":
        found[-1] = found[-1] // 2 + 1
    if n_x is not None:
        found = [wanted or m for wanted, m in zip(n_x, found, strict=True)]
    return lengths, tuple(found)


def _real_length(
    caller: str, names: tuple[str, str], m: int, n: int | None, n_x: int | None
) -> int:
    """Return which of the two lengths of real signals with m coefficients it is."""
    found = n or n_x or 2 * m - 2 or 1
    if found // 2 + 1 != m:
        wanted = f"{2 * m - 2} or {2 * m - 1} for {m} coefficients"
        raise complain(ValueError, caller, names[n is None], wanted, found)
    return found


def _lengths(caller: str, name: str, asked: Entries) -> list[int | None]:
    """Return lengths, or None where they stand for all of an axis."""
    return [
        None if n is None or (name[0] == "s" and as_index(caller, name, n) == -1)
        else as_length(caller, name, n)
        for n in asked
    ]  # fmt: skip
