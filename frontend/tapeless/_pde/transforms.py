"""The Fourier transforms of the solvers: along one axis, in place or into arrays that are there.

Spectra have the factor 1/n, so that a field is the plain sum of its modes.
"""

import numpy as np
from numpy.typing import NDArray

from tapeless import _fft_core as core

Complexes = NDArray[np.complexfloating]
Floats = NDArray[np.floating]


def to_real(out: Floats, half: Complexes) -> None:
    """Write the real sums of half spectra along the last axis; a half spectrum is only read."""
    core.c2r(half, (half.ndim - 1,), out.shape[-1], False, 0, out)


def to_half(out: Complexes, field: Floats) -> None:
    """Write the half spectra of real fields along the last axis."""
    core.r2c(field, (field.ndim - 1,), True, 2, out)


def to_sums(x: Complexes, axis: int) -> None:
    """Replace spectra along an axis by their sums."""
    core.c2c(x, (axis,), False, 0, x)


def to_spectra(x: Complexes, axis: int) -> None:
    """Replace complex values along an axis by their spectra."""
    core.c2c(x, (axis,), True, 2, x)
