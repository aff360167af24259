"""FFTs along an axis of which only the lowest waves of both signs are kept, with the transpose below.

Waves are 0 to m - 1 and -m to -1, as an FFT orders them. What one axis leaves out the next need not transform.
"""

import numpy as np

from tapeless import _fft_core as core
from tapeless._fft_core import Array


def lowest_waves(x: Array, axis: int, m: int) -> Array:
    """y_k = sum_j x_j exp(-2 pi i jk / n) of the waves that are kept, for complex x."""
    spectrum = core.c2c(x, (axis,))
    up, down = _parts(spectrum, axis, m)
    return np.concatenate([up, down], axis)


def lowest_waves_vjp(y_bar: Array, axis: int, n: int) -> Array:
    """x_bar_j = sum_k y_bar_k exp(+2 pi i jk / n)."""
    m = y_bar.shape[axis] // 2
    spectrum = np.zeros(core.swapped(y_bar.shape, axis, n), y_bar.dtype)
    for part, bar in zip(_parts(spectrum, axis, m), _parts(y_bar, axis, m), strict=True):
        part[...] = bar
    return core.c2c_vjp(spectrum, (axis,))


def _parts(spectrum: Array, axis: int, m: int) -> tuple[Array, Array]:
    """Return the waves from 0 up, and those that end with -1."""
    n, before = spectrum.shape[axis], (slice(None),) * axis
    return spectrum[(*before, slice(m))], spectrum[(*before, slice(n - m, n))]
