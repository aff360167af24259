"""Unchecked transforms between fields and their lowest modes, over axes, each with its transpose below it.

What they take is a native array of single or double precision, and distinct non-negative axes. Modes along an axis are
waves 0 to m - 1 and -m to -1, as an FFT orders them; for real fields, of the last axis the first alone.
"""

from typing import NamedTuple

import numpy as np

from tapeless import _fft_core as core
from tapeless._fft_core import REAL, Array, Axes
from tapeless._kept_modes import kept
from tapeless_kernels.spectral.modes import wavenumbers

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
    """x_bar = the transpose of `real_modes`, on fields of such lengths along the axes."""
    bars, lead = _fields(y_bar, axes)
    *signed, last = bars.shape[1:]
    grid = kept(lengths, (*(k // 2 for k in signed), last), REAL[y_bar.dtype])
    x_bar = grid.synthesise_complex(bars, form, how.method or grid.faster, how.threads)
    return _back(x_bar, lead, axes)


def complex_modes(x: Array, axes: Axes, modes: Lengths, how: How) -> Array:
    """y = the modes of complex fields, axis by axis: what one leaves out, the next need not transform."""
    for axis, m in zip(reversed(axes), reversed(modes), strict=True):
        x = _waves(x, axis, m, how)
    return x


def complex_modes_vjp(y_bar: Array, axes: Axes, lengths: Lengths, how: How) -> Array:
    """x_bar = A^H y_bar, and so that times the number of points, A^-1 y_bar where all modes are kept."""
    for axis, n in zip(axes, lengths, strict=True):
        y_bar = _waves_vjp(y_bar, axis, n, how)
    return y_bar


def _waves(x: Array, axis: int, m: int, how: How) -> Array:
    """F = R + iI of the modes of real and imaginary parts, and F(-k) = conj R(k) + i conj I(k)."""
    n = x.shape[axis]
    grid = kept((n,), (m + 1,), REAL[x.dtype])
    method = how.method or grid.faster
    if method == "fft":
        return np.take(core.c2c(x, (axis,)), _places(m, n), axis)
    fields, lead = _fields(x, (axis,))
    parts = np.concatenate([fields.real, fields.imag])
    r, i = np.split(grid.analyse_complex(parts, "plain", method, how.threads), 2)
    y = np.empty((len(fields), 2 * m), x.dtype)
    up, down = y[:, :m], y[:, : m - 1 : -1]  # of the waves 0 to m - 1, and -1 to -m
    up.real, up.imag = r.real[:, :m] - i.imag[:, :m], r.imag[:, :m] + i.real[:, :m]
    down.real, down.imag = r.real[:, 1:] + i.imag[:, 1:], i.real[:, 1:] - r.imag[:, 1:]
    return _back(y, lead, (axis,))


def _waves_vjp(y_bar: Array, axis: int, n: int, how: How) -> Array:
    """R_bar(k) = F_bar(k) + conj F_bar(-k), and I_bar(k) = -i F_bar(k) + i conj F_bar(-k)."""
    m = y_bar.shape[axis] // 2
    grid = kept((n,), (m + 1,), REAL[y_bar.dtype])
    method = how.method or grid.faster
    if method == "fft":
        padded = np.zeros(core.swapped(y_bar.shape, axis, n), y_bar.dtype)
        padded[(slice(None),) * axis + (_places(m, n),)] = y_bar
        return core.c2c_vjp(padded, (axis,))
    bars, lead = _fields(y_bar, (axis,))
    up, down = bars[:, :m], bars[:, : m - 1 : -1]
    parts = np.zeros((2, len(bars), m + 1), y_bar.dtype)
    r_bar, i_bar = parts
    r_bar[:, :m], i_bar.real[:, :m], i_bar.imag[:, :m] = up, up.imag, -up.real
    r_bar[:, 1:] += down.conj()
    i_bar.real[:, 1:] += down.imag
    i_bar.imag[:, 1:] += down.real
    found = grid.synthesise_complex(parts.reshape(-1, m + 1), "plain", method, how.threads)
    x_bar = np.empty((len(bars), n), y_bar.dtype)
    x_bar.real, x_bar.imag = np.split(found, 2)
    return _back(x_bar, lead, (axis,))


def scaled(y: Array, factor: float) -> Array:
    """Return complex y times a factor; as real numbers, for a complex product makes inf to NaN."""
    if factor == 1:
        return y
    return (np.ascontiguousarray(y).view(REAL[y.dtype]) * factor).view(y.dtype)


def _places(m: int, n: int) -> Array:
    """Return where the modes of both signs lie in a spectrum of n points."""
    return wavenumbers((m, 1))[0] % n


def _fields(x: Array, axes: Axes) -> tuple[Array, Lengths]:
    """Return x as fields (n, *lengths) whose last axes are those given, C-contiguous, and the shape of n."""
    moved = np.moveaxis(x, axes, range(-len(axes), 0))
    lead, lengths = moved.shape[: -len(axes)], moved.shape[-len(axes) :]
    return np.ascontiguousarray(moved).reshape(-1, *lengths), lead


def _back(y: Array, lead: Lengths, axes: Axes) -> Array:
    """Return fields (n, *lengths) with axes where they were."""
    y = y.reshape(*lead, *y.shape[1:])
    return np.ascontiguousarray(np.moveaxis(y, range(-len(axes), 0), axes))
