"""The only place that calls FFTs: along one axis, in place or into arrays that are there, by ducc0 or scipy.fft.

Spectra have the factor 1/n, so that a field is the plain sum of its modes.
"""

import functools
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Complexes = NDArray[np.complexfloating]
Floats = NDArray[np.floating]


@functools.cache
def _ducc() -> ModuleType | None:
    """Return ducc0.fft, of about twice the speed of scipy.fft, where it is installed."""
    try:
        import ducc0.fft
    except ImportError:
        return None
    found: ModuleType = ducc0.fft
    return found


def to_real(out: Floats, half: Complexes) -> None:
    """Write the real sums of half spectra along the last axis; a half spectrum is only read."""
    n = out.shape[-1]
    ducc = _ducc()
    if ducc is not None:
        ducc.c2r(half, axes=(half.ndim - 1,), lastsize=n, forward=False, out=out)
        return
    from scipy import fft

    out[...] = fft.irfft(half, n, norm="forward")


def to_half(out: Complexes, field: Floats) -> None:
    """Write the half spectra of real fields along the last axis."""
    ducc = _ducc()
    if ducc is not None:
        ducc.r2c(field, axes=(field.ndim - 1,), inorm=2, out=out)
        return
    from scipy import fft

    out[...] = fft.rfft(field, norm="forward")


def to_sums(x: Complexes, axis: int) -> None:
    """Replace spectra along an axis by their sums."""
    _in_place(x, axis, False)


def to_spectra(x: Complexes, axis: int) -> None:
    """Replace complex values along an axis by their spectra."""
    _in_place(x, axis, True)


def _in_place(x: Complexes, axis: int, forward: bool) -> None:
    ducc = _ducc()
    if ducc is not None:
        ducc.c2c(x, axes=(axis,), forward=forward, inorm=2 if forward else 0, out=x)
        return
    from scipy import fft

    transform: Any = fft.fft if forward else fft.ifft
    made = transform(x, axis=axis, norm="forward", overwrite_x=True)
    if not np.shares_memory(made, x):
        x[...] = made
