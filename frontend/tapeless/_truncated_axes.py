"""Truncated transforms over any axes, unchecked, each with its transpose below it.

What they take is a native array of single or double precision, and distinct non-negative axes.
"""

from typing import NamedTuple

import numpy as np

from tapeless import _pruned as pruned
from tapeless._fft_core import REAL, Array, Axes
from tapeless._kept_modes import kept
from tapeless._kept_waves import kept_waves

Lengths = tuple[int, ...]


class How(NamedTuple):
    """The way that transforms are done."""

    method: str | None  # by products, by FFT, or by the faster of them
    threads: int  # of the products


def real_modes(x: Array, axes: Axes, modes: Lengths, form: str, how: How) -> Array:
    """y = the modes of real fields, in a form of `Modes`."""
    fields, lead = _fields(x, axes)
    grid = kept(fields.shape[1:], modes, x.dtype)
    y = grid.analyse_complex(fields, form, how.method or grid.faster, how.threads)
    return _back(y, lead, axes)


def real_modes_vjp(y_bar: Array, axes: Axes, lengths: Lengths, form: str, how: How) -> Array:
    """x_bar = the transpose of `real_modes`, for fields of such lengths along the axes."""
    bars, lead = _fields(y_bar, axes)
    *signed, last = bars.shape[1:]
    grid = kept(lengths, (*(k // 2 for k in signed), last), REAL[y_bar.dtype])
    x_bar = grid.synthesise_complex(bars, form, how.method or grid.faster, how.threads)
    return _back(x_bar, lead, axes)


def complex_modes(x: Array, axes: Axes, modes: Lengths, how: How) -> Array:
    """y = A x, the modes of complex fields, axis by axis."""
    for axis, m in zip(reversed(axes), reversed(modes), strict=True):
        waves = kept_waves(x.shape[axis], m, x.dtype)
        if (how.method or waves.faster) == "fft":
            x = pruned.lowest_waves(x, axis, m)
        else:
            signals, lead = _fields(x, (axis,))
            x = _back(waves.analyse(signals, "product", how.threads), lead, (axis,))
    return x


def complex_modes_vjp(y_bar: Array, axes: Axes, lengths: Lengths, how: How) -> Array:
    """x_bar = A^H y_bar, which is the inverse times the number of points."""
    for axis, n in zip(axes, lengths, strict=True):
        waves = kept_waves(n, y_bar.shape[axis] // 2, y_bar.dtype)
        if (how.method or waves.faster) == "fft":
            y_bar = pruned.lowest_waves_vjp(y_bar, axis, n)
        else:
            bars, lead = _fields(y_bar, (axis,))
            y_bar = _back(waves.synthesise(bars, "product", how.threads), lead, (axis,))
    return y_bar


def scaled(y: Array, factor: float) -> Array:
    """Return complex y times a factor; as real numbers, for a complex product makes inf to NaN."""
    if factor == 1:
        return y
    return (np.ascontiguousarray(y).view(REAL[y.dtype]) * factor).view(y.dtype)


def _fields(x: Array, axes: Axes) -> tuple[Array, Lengths]:
    """Return x as fields (n, *lengths) whose last axes are those given, C-contiguous, and the shape of n."""
    moved = x.transpose(_order(x.ndim, axes))
    lead, lengths = moved.shape[: -len(axes)], moved.shape[-len(axes) :]
    return np.ascontiguousarray(moved).reshape(-1, *lengths), lead


def _back(y: Array, lead: Lengths, axes: Axes) -> Array:
    """Return fields (n, *lengths) with axes where they were."""
    order = _order(len(lead) + len(axes), axes)
    y = y.reshape(*lead, *y.shape[1:])
    return np.ascontiguousarray(y.transpose([order.index(i) for i in range(len(order))]))


def _order(ndim: int, axes: Axes) -> Axes:
    """Return all axes, those given last: in less time than numpy.moveaxis takes."""
    return (*(i for i in range(ndim) if i not in axes), *axes)
