"""Transposes of the transforms on each engine: by whole matrices, by dot products, of any length."""

import functools
import itertools

import numpy as np
import pytest

from fft_cases import LENGTHS, NORMS, assert_close, dtypes, functions, length_of, names, numbers
from tapeless import _fft_core as core
from tapeless import fft
from tapeless._fft_table import FOURIER

pytestmark = pytest.mark.usefixtures("engine")


def real_pairs(x):
    """Return real and imaginary parts as one vector: that of a real array is itself."""
    x = np.ascontiguousarray(x)
    return x.view(np.finfo(x.dtype).dtype).ravel()


def jacobian(f, x):
    """Return the matrix of a linear function of real and imaginary parts."""
    columns = []
    for i in range(real_pairs(x).size):
        unit = np.zeros_like(x)
        real_pairs_of = unit.view(np.finfo(x.dtype).dtype).reshape(-1)
        real_pairs_of[i] = 1
        columns.append(real_pairs(f(unit)))
    return np.stack(columns, 1)


@names
def test_transpose_is_that_of_the_whole_matrix(row):
    transform, transform_vjp = functions(row)
    types = ({},) if row in FOURIER else [{"type": t} for t in (1, 2, 3, 4)]
    for m, n, norm, options in itertools.product((2, 3), (2, 3, 4), NORMS, types):
        x = numbers(row.kind, (m,) if row.over == "axis" else (2, m))
        if row.over == "axis":
            given, of_input = {"n": n}, {"n_x": m}
        else:
            given, of_input = {"s": (3, n), "axes": (0, 1)}, {"s_x": (2, m)}
        given |= {"norm": norm, **options}
        forward = functools.partial(transform, **given)
        back = functools.partial(transform_vjp, **given, **of_input)
        matrix, y = jacobian(forward, x), forward(x)
        assert np.abs(jacobian(back, y) - matrix.T).max() < 1e-14 * max(1, np.abs(matrix).max())


@names
@dtypes
def test_transpose_by_products_of_any_length(row, dtype):
    transform, transform_vjp = functions(row)
    n_checks = 0
    for m, norm, ortho in itertools.product(LENGTHS, NORMS, (None, True, False)):
        if m == 1 and row.kind == "c2r":
            continue
        options = {} if row in FOURIER else {"orthogonalize": ortho}
        if row in FOURIER and ortho is not None:
            continue
        x = numbers(row.kind, (3, m, 2) if row.over == "axis" else (m, 2, m), dtype)
        x = np.concatenate([x, x], axis=0)[::2]
        if row.over == "axis":
            given, lengths = {"axis": 1}, {"n": length_of(row, x, 1)}
        else:
            given, lengths = {"axes": (0, 2)}, {"s": (m, length_of(row, x))}
        y = transform(x, norm=norm, **given, **options)
        y_bar = numbers("c2c" if y.dtype.kind == "c" else "r2c", y.shape, dtype, seed=1)
        x_bar = transform_vjp(y_bar, norm=norm, **given, **lengths, **options)
        assert x_bar.dtype == x.dtype and x_bar.shape == x.shape
        forward, back = np.vdot(y_bar, y).real, np.vdot(x_bar, x).real
        size = np.linalg.norm(y_bar) * np.linalg.norm(y)
        assert abs(forward - back) <= 30 * np.finfo(dtype).eps * size
        n_checks += 1
    assert n_checks >= 3 * (len(LENGTHS) - 1)


def test_lengths_of_real_inputs_are_taken_from_either_argument():
    x = numbers("r2c", 7)
    y = fft.rfft(x)
    assert_close(fft.rfft_vjp(y, 7), fft.rfft_vjp(y, n_x=7))
    assert fft.rfft_vjp(y).shape == (6,) and fft.rfft_vjp(y[:1]).shape == (1,)
    assert fft.rfft_vjp(y, 7, n_x=3).shape == (3,) and fft.rfft_vjp(y, 6, n_x=9).shape == (9,)
    assert fft.rfftn_vjp(y, s_x=7).shape == (7,) and fft.rfftn_vjp(y, -1, s_x=(7,)).shape == (7,)
    assert fft.irfft_vjp(x).shape == (4,) and fft.irfft_vjp(x, n_x=2).shape == (2,)


def test_cotangent_of_what_the_forward_leaves_out_is_zero():
    for n in (6, 7):
        y_bar = fft.irfft_vjp(numbers("r2c", n))
        assert y_bar[0].imag == 0 and (y_bar[-1].imag == 0) == (n % 2 == 0)


def test_unchecked_functions_have_transposes():
    x, axes = numbers("r2c", (2, 4, 7)), (1, 2)
    y = core.r2c(x, axes)
    assert_close(y, np.fft.rfftn(x, axes=axes))
    assert_close(core.c2r(y, axes, 7), x)
    assert_close(core.r2c_vjp(y, axes, 7), fft.rfftn_vjp(y, (4, 7), axes))
    assert_close(core.c2r_vjp(x, axes), fft.irfftn_vjp(x, axes=axes))
    assert_close(core.c2c(core.c2c(y, axes), axes, False, 2), y)
