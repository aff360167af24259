"""Spectra and fields on grids of other sizes, with the transpose right below."""

from collections.abc import Sequence

import numpy as np

from tapeless._spectral_ops import engine as fft
from tapeless._spectral_ops.arguments import Field


def resized(c: Field, n: int, m: int, axis: int, half: bool, weight: float) -> Field:
    r"""Return the spectrum on m points that has the modes of one on n points: cut off, or filled up with zeros.

    The Nyquist mode of the lesser grid, if that is even, stands for two of the finer one, :math:`\pm n / 2`. Going up
    each gets `weight` of it, going down it gets `weight` of their sum: 1/2 and 1 are interpolation and sampling, and
    the transpose of either is the other way with the same weight.
    """
    if n == m:
        return c
    least = min(n, m)
    kept, size = least // 2, m // 2 + 1 if half else m
    found = np.zeros((*c.shape[:axis], size, *c.shape[axis + 1 :]), c.dtype)
    to, of = np.moveaxis(found, axis, 0), np.moveaxis(c, axis, 0)
    to[: kept + 1] = of[: kept + 1]
    negative = (least - 1) // 2  # how many there are beside that of Nyquist
    if not half and negative:
        to[-negative:] = of[-negative:]
    if not least % 2:
        with np.errstate(invalid="ignore"):
            if half:
                to[kept] *= weight if m > n else 2 * weight
            elif m > n:
                to[kept] *= weight
                to[-kept] = to[kept]
            else:
                to[kept] = weight * (of[kept] + of[-kept])
    return found


def resampled(u: Field, axes: Sequence[int], sizes: Sequence[int]) -> Field:
    """Return the trigonometric interpolant of u on grids of other sizes."""
    for axis, m in zip(axes, sizes, strict=True):
        u = _resampled(u, axis, m, "forward", 0.5 if m > u.shape[axis] else 1.0)
    return u


def resampled_vjp(bar: Field, axes: Sequence[int], sizes: Sequence[int]) -> Field:
    """Return the cotangent of u, of these sizes, from that of `resampled`."""
    for axis, n in zip(axes[::-1], sizes[::-1], strict=True):
        bar = _resampled(bar, axis, n, "backward", 1.0 if n > bar.shape[axis] else 0.5)
    return bar


def _resampled(u: Field, axis: int, m: int, norm: str, weight: float) -> Field:
    n = u.shape[axis]
    if n == m:
        return u
    if u.dtype.kind == "f":
        c = resized(fft.rfft(u, axis=axis, norm=norm), n, m, axis, True, weight)
        return fft.irfft(c, m, axis=axis, norm=norm)
    c = resized(fft.fft(u, axis=axis, norm=norm), n, m, axis, False, weight)
    return fft.ifft(c, axis=axis, norm=norm)
