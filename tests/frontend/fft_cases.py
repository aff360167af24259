"""What tests of transforms share: lengths, norms, numbers, and how close results must be."""

import numpy as np
import pytest

from tapeless import fft
from tapeless._fft_table import FOURIER, REAL

LENGTHS = (1, 2, 3, 4, 7, 8, 13, 30, 97)
NORMS = ("backward", "ortho", "forward")
EVERY_DTYPE = "fdg"
names = pytest.mark.parametrize("row", fft.TRANSFORMS, ids=lambda row: row.name)
fourier = pytest.mark.parametrize("row", FOURIER, ids=lambda row: row.name)
cosines = pytest.mark.parametrize("row", REAL, ids=lambda row: row.name)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def normal(shape, dtype="float64", is_complex=False, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if is_complex:
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(np.result_type(dtype, np.complex64) if is_complex else dtype)


def numbers(kind, shape, dtype="float64", seed=0):
    """Return random numbers, complex where the transform takes such."""
    return normal(shape, dtype, kind not in ("r2c", "dct", "dst"), seed)


def functions(row):
    return getattr(fft, row.name), getattr(fft, f"{row.name}_vjp")


def assert_close(got, wanted, rounding=30):
    """Compare to a few units of rounding of the largest number."""
    assert got.dtype == wanted.dtype and got.shape == wanted.shape
    eps = np.finfo(got.dtype).eps
    size = np.abs(wanted).max(initial=np.finfo(got.dtype).tiny)
    assert np.abs(got - wanted).max(initial=0) <= rounding * eps * size


def length_of(row, x, axis=-1):
    """Return the length of a transform, of the least that there is."""
    return x.shape[axis] if row.kind != "c2r" else 2 * (x.shape[axis] - 1)
