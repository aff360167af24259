"""Truncated transforms, checked: to modes and to fields, which are each other's transposes."""

import math
from typing import Any, Literal, TypeAlias

import numpy as np

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._fft_arguments import (
    Entries,
    Lengths,
    as_axes,
    as_axis,
    as_inorm,
    as_length,
    as_lengths,
    as_numbers,
    check_distinct,
)
from tapeless._fft_core import REAL, Array, Axes, swapped
from tapeless._fft_table import ROWS, Transform
from tapeless._kept_modes import MAX_AXES, METHODS, check_modes, threads_for
from tapeless._truncated_axes import (
    How,
    complex_modes,
    complex_modes_vjp,
    real_modes,
    real_modes_vjp,
    scaled,
)
from tapeless._types import ArrayInput

Method: TypeAlias = Literal["product", "fft"] | None


def to_modes(
    caller: str, x: ArrayInput, modes: Any, axes: Any, norm: Any, method: Any, threads: Any
) -> Array:
    """Run a transform to modes, or the transpose of one from them: those that take the number of modes."""
    row = ROWS[caller.removesuffix("_vjp")]
    is_real, name = row.kind != "c2c", "x" if row.name == caller else "x_bar"
    fields = _as_single_or_double(caller, name, x, "r2c" if is_real else "c2r")
    places, asked = _as_places(caller, row, "modes", fields.ndim, modes, axes)
    points = as_lengths(caller, name, fields.shape, places, None, "c2c")
    counts = check_modes(caller, asked, points, half=is_real)
    factor = _factor(row, points, as_inorm(caller, norm, row.forward))
    how = _as_how(caller, method, threads, fields.size)
    if not fields.size:
        kept = (*(2 * m for m in counts[:-1]), counts[-1] if is_real else 2 * counts[-1])
        return _without_fields(fields, places, kept, np.result_type(fields, np.complex64))
    with np.errstate(all="ignore"):  # what is not finite passes through, as it does in an FFT
        if is_real:
            y = real_modes(fields, places, counts, _form(row), how)
        else:
            y = complex_modes(fields, places, counts, how)
        return scaled(y, factor)


def to_fields(
    caller: str, y: ArrayInput, lengths: Any, axes: Any, norm: Any, method: Any, threads: Any
) -> Array:
    """Run a transform from modes, or the transpose of one to them: those that take the points of the fields."""
    row = ROWS[caller.removesuffix("_vjp")]
    is_real, name = row.kind != "c2c", "y" if row.name == caller else "y_bar"
    modes = _as_single_or_double(caller, name, y, "c2r")
    length = "n" if row.over == "axis" else "s"
    places, asked = _as_places(caller, row, length, modes.ndim, lengths, axes)
    points = tuple(as_length(caller, length, n) for n in asked)
    counts = _as_counts(caller, name, modes, places, is_real)
    _check_room(caller, length, counts, points, is_real)
    factor = _factor(row, points, as_inorm(caller, norm, row.forward))
    n_fields = modes.size // math.prod([modes.shape[i] for i in places])
    how = _as_how(caller, method, threads, n_fields * math.prod(points))
    if not modes.size:
        return _without_fields(modes, places, points, REAL[modes.dtype] if is_real else modes.dtype)
    with np.errstate(all="ignore"):
        modes = scaled(modes, factor)
        if is_real:
            return real_modes_vjp(modes, places, points, _form(row), how)
        return complex_modes_vjp(modes, places, points, how)


def _as_single_or_double(caller: str, name: str, x: ArrayInput, kind: str) -> Array:
    """Return x as a native array of float32, float64 or, where it is to be complex, such complex numbers."""
    found = as_numbers(caller, name, x, kind)
    if found.dtype.char not in "fdFD":
        wanted = "of single or double precision"
        raise complain(TypeError, caller, name, wanted, describe(found), "Convert it with astype.")
    return found


def _as_places(
    caller: str, row: Transform, name: str, ndim: int, several: Any, axes: Any
) -> tuple[Axes, Entries]:
    """Return the axes, counted from the first, and what was asked for along each."""
    if row.over == "axis":
        return (as_axis(caller, "axis", axes, ndim),), (several,)
    if several is None:
        raise complain(TypeError, caller, name, "an integer or a sequence of them", "None")
    places, asked = as_axes(caller, name, ndim, several, axes, "r2c")
    check_distinct(caller, places)
    if asked is None or len(asked) > MAX_AXES:
        got = describe(several)
        raise complain(ValueError, caller, name, f"1 to {MAX_AXES} integers, one an axis", got)
    return places, asked


def _as_how(caller: str, method: Any, threads: Any, size: int) -> How:
    """Return the way that a transform of fields of so many numbers is done."""
    return How(check.one_of(caller, "method", method, METHODS), threads_for(caller, threads, size))


def _as_counts(caller: str, name: str, y: Array, axes: Axes, is_real: bool) -> Lengths:
    """Return the number of modes of each axis of y; those of both signs are two for each."""
    modes = []
    for i, axis in enumerate(axes):
        count, one_sign = y.shape[axis], is_real and i == len(axes) - 1
        if count < 1 or (count % 2 and not one_sign):
            kinds = "modes 0 to m - 1" if one_sign else "modes 0 to m - 1 and -m to -1"
            wanted = f"of {kinds}, m >= 1, along axis {axis}"
            raise complain(ValueError, caller, name, wanted, describe(y))
        modes.append(count if one_sign else count // 2)
    return tuple(modes)


def _check_room(caller: str, name: str, modes: Lengths, points: Lengths, is_real: bool) -> None:
    """Raise if there are fewer points along an axis than tell its modes apart."""
    for i, (m, n) in enumerate(zip(modes, points, strict=True)):
        least = max(1, 2 * m - 2) if is_real and i == len(modes) - 1 else 2 * m
        if n < least:
            wanted = f"at least {least} points along an axis of {m} modes"
            advice = "Take fewer modes, or more points."
            raise complain(ValueError, caller, name, wanted, n, advice)


def _form(row: Transform) -> str:
    """Return in which form modes are: sums over points, or amplitudes of waves, as for the inverse."""
    return "plain" if row.kind == "r2c" else "scaled"


def _factor(row: Transform, points: Lengths, inorm: int) -> float:
    """Return what modes are scaled by; the scaled form has been divided by the number of points."""
    n = math.prod(points)
    power: float = (row.kind == "c2r") - inorm / 2
    return n**power


def _without_fields(x: Array, axes: Axes, lengths: Lengths, dtype: np.dtype) -> Array:
    """Return what comes of an array without entries."""
    shape = x.shape
    for axis, n in zip(axes, lengths, strict=True):
        shape = swapped(shape, axis, n)
    return np.empty(shape, dtype)
