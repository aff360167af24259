"""Periodic fields times functions of the mode number, along one axis or several.

A real field goes through its half spectrum, a complex one through the full one. Both have the Nyquist mode of an even
number of points at index n // 2.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless._spectral_ops import engine as fft
from tapeless._spectral_ops.arguments import Field, Floats

TWO_PI = 2 * np.pi


def modes(n: int, half: bool) -> Floats:
    """Return the mode numbers of the spectrum of n points: 0, 1, ..., then the negative ones of a full spectrum."""
    return np.fft.rfftfreq(n, 1 / n) if half else np.fft.fftfreq(n, 1 / n)


def waves(n: int, half: bool, length: float) -> Floats:
    """Return the wavenumbers of the spectrum of n points of a period."""
    with np.errstate(over="ignore", invalid="ignore"):
        return TWO_PI / length * modes(n, half)


def multiplicity(n: int, half: bool) -> Floats:
    """Return how often each entry of a spectrum occurs in the full one."""
    m = modes(n, half)
    return np.where((m > 0) & (2 * m < n), 2.0, 1.0) if half else np.ones(n)


def shaped(values: NDArray[Any], axis: int, ndim: int) -> NDArray[Any]:
    """Return an array of one axis as one that broadcasts along `axis`."""
    return values.reshape([-1 if i == axis else 1 for i in range(ndim)])


def times(u: Field, factor: NDArray[Any], out: Field | None = None) -> Field:
    """Return u times a factor, in the precision of u; what is not finite passes through in silence."""
    kind = np.result_type(u.real.dtype, np.complex64) if factor.dtype.kind == "c" else u.real.dtype
    with np.errstate(over="ignore", invalid="ignore"):
        return np.multiply(u, factor.astype(kind, copy=False), out=out)


@lru_cache(maxsize=64)
def power(n: int, half: bool, order: int, length: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return (i k)^order for each entry of the spectrum of n points, and 0 for the mean where order < 0.

    The mode n / 2 of an even number of points is cos(n x / 2) on the grid: the sine is zero there. Its odd derivatives
    are multiples of that sine, so they are dropped; its even ones are multiples of itself.
    """
    k = waves(n, half, length)
    if order % 2 and not n % 2:
        k[n // 2] = 0
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        turned = (1, 1j, -1, -1j)[order % 4] * np.where(k == 0, float(order == 0), k**order)
        found = turned.astype(np.result_type(dtype, np.complex64) if order % 2 else dtype)
    found.flags.writeable = False  # for it is kept
    return found


def along(u: Field, axis: int, factor: NDArray[Any]) -> Field:
    """Return u with each mode along an axis multiplied by its factor: see `modes` for their order.

    On real fields the factor of -m is the conjugate of that of m, and that of the Nyquist mode real.
    """
    n, factor = u.shape[axis], shaped(factor, axis, u.ndim)
    if u.dtype.kind == "f":
        c = fft.rfft(u, axis=axis)
        return fft.irfft(times(c, factor, out=c), n, axis=axis)
    c = fft.fft(u, axis=axis)
    return fft.ifft(times(c, factor, out=c), axis=axis)


def differentiated(
    u: Field, axis: int, order: int, length: float, transposed: bool = False
) -> Field:
    """Return u with its modes along an axis multiplied by (i k)^order, or by the conjugate."""
    factor = power(u.shape[axis], u.dtype.kind == "f", order, length, u.real.dtype)
    return along(u, axis, factor.conj() if transposed else factor)


def halves(shape: Sequence[int], axes: Sequence[int], half: bool) -> list[tuple[int, int, bool]]:
    """Return each axis, its number of points and whether half its spectrum is held: the last one's of a real field."""
    last = len(axes) - 1
    return [(axis, shape[axis], half and i == last) for i, axis in enumerate(axes)]


def squared_wavenumbers(
    u: Field, axes: Sequence[int], lengths: Sequence[float], dtype: Any = np.float64
) -> Floats:
    """Return the sum of the squares of the wavenumbers of the spectrum of u, of an extent that broadcasts to it."""
    total = np.zeros((1,) * u.ndim, dtype)
    parts = halves(u.shape, axes, u.dtype.kind == "f")
    for (axis, n, half), length in zip(parts, lengths, strict=True):
        k = waves(n, half, length)
        with np.errstate(over="ignore"):
            total = total + shaped((k * k).astype(dtype), axis, u.ndim)
    return total


def multiplicities(u: Field, axes: Sequence[int]) -> Floats:
    """Return how often each entry of the spectrum of u stands for one of the full spectrum."""
    axis, n, half = halves(u.shape, axes, u.dtype.kind == "f")[-1]
    return shaped(multiplicity(n, half), axis, u.ndim)


def spectrum(u: Field, axes: Sequence[int]) -> Field:
    """Return the coefficients of the Fourier series of u: half of them if it is real."""
    transform = fft.rfftn if u.dtype.kind == "f" else fft.fftn
    return transform(u, axes=axes, norm="forward")


def multiplied(u: Field, axes: Sequence[int], factor: NDArray[Any]) -> Field:
    """Return u with its modes along several axes multiplied by an array, even in each mode number."""
    if u.dtype.kind == "f":
        c = fft.rfftn(u, axes=axes)
        return fft.irfftn(times(c, factor, out=c), [u.shape[axis] for axis in axes], axes=axes)
    c = fft.fftn(u, axes=axes)
    return fft.ifftn(times(c, factor, out=c), axes=axes)
