"""Transforms on each engine: values, layouts, types and axes as NumPy and SciPy have them."""

import itertools

import numpy as np
import pytest
import scipy.fft

from fft_cases import (
    EVERY_DTYPE,
    LENGTHS,
    NORMS,
    assert_close,
    cosines,
    dtypes,
    fourier,
    functions,
    names,
    numbers,
)
from layouts import layouts
from tapeless import fft
from tapeless._fft_table import FOURIER

pytestmark = pytest.mark.usefixtures("engine")


@fourier
@dtypes
def test_values_are_those_of_numpy(row, dtype):
    transform, _ = functions(row)
    reference = getattr(np.fft, row.name)
    lengths = LENGTHS if row.over == "axis" else (1, 4, 7)
    for m, norm in itertools.product(lengths, NORMS):
        x = numbers(row.kind, (2, m, 3) if row.over == "axis" else (m, 2, m), dtype)
        if row.over == "axis":
            for n in (m, m + 1, max(m - 2, 1), 2 * m):
                assert_close(transform(x, n, 1, norm), reference(x, n, axis=1, norm=norm))
            if m > 1 or row.kind != "c2r":
                assert_close(transform(x, axis=1), reference(x, axis=1))
        else:
            for s in ((m, 2), (2, m + 3), (3, max(m - 1, 1))):
                for axes in ((-2, -1), (2, 0)):
                    wanted = reference(x, s, axes, norm)
                    assert_close(transform(x, s, axes, norm), wanted)
            if m > 1 or row.kind != "c2r":
                assert_close(transform(x), reference(x))


@fourier
def test_large_lengths(row):
    transform, _ = functions(row)
    for n in (4096, 4099, 10007):
        x = numbers(row.kind, (1, n))
        assert_close(transform(x), getattr(np.fft, row.name)(x))


@cosines
@dtypes
def test_cosines_and_sines_are_those_of_scipy(row, dtype):
    transform, _ = functions(row)
    reference = getattr(scipy.fft, row.name)
    for m, kind, norm, ortho in itertools.product(
        (1, 2, 5, 8), (1, 2, 3, 4), NORMS, (None, True, False)
    ):
        if m == 1 and kind == 1 and row.kind == "dct":
            continue
        options = {"norm": norm, "orthogonalize": ortho}
        x = numbers(row.kind, (2, m, 3), dtype)
        if row.over == "axis":
            for n in (m, m + 2, max(m - 1, 2)):
                wanted = reference(x, kind, n, axis=1, **options)
                assert_close(transform(x, kind, n, 1, **options), wanted)
        else:
            wanted = reference(x, kind, (m + 1, 2), axes=(1, 2), **options)
            assert_close(transform(x, kind, (m + 1, 2), (1, 2), **options), wanted)
    z = x + 1j * x[::-1]
    got = transform(z, 2, orthogonalize=True)
    assert_close(got.real, transform(z.real.copy(), 2, orthogonalize=True))
    assert_close(got.imag, transform(z.imag.copy(), 2, orthogonalize=True))


@names
@pytest.mark.parametrize("dtype", EVERY_DTYPE)
def test_any_layout_gives_the_same_and_no_input_is_written(row, dtype):
    x = numbers(row.kind, (4, 5), dtype)
    transform, transform_vjp = functions(row)
    kept, y = x.copy(), transform(x)
    y_kept, bar = y.copy(), transform_vjp(y)
    for array in (x, y):
        array.flags.writeable = False
    assert y.dtype.char.lower() == dtype and bar.dtype.char.lower() == dtype
    for f, given, wanted in ((transform, x, y), (transform_vjp, y, bar)):
        for other in layouts(given):
            other.flags.writeable = False
            assert_close(f(other), wanted)
        if dtype == "d":
            assert_close(f(given.tolist()), wanted)
    assert np.array_equal(x, kept) and np.array_equal(y, y_kept)


@names
def test_integers_booleans_and_half_precision(row):
    x = np.arange(12).reshape(3, 4) % 5
    transform, transform_vjp = functions(row)
    for dtype in (np.int8, np.uint64, bool):
        given = x.astype(dtype)
        for f in (transform, transform_vjp):
            assert_close(f(given), f(given.astype(np.float64)))
    for f in (transform, transform_vjp):
        assert_close(f(x.astype(np.float16)), f(x.astype(np.float32)))


@names
def test_empty_batch(row):
    transform, transform_vjp = functions(row)
    x = numbers(row.kind, (0, 4, 5))
    y = transform(x) if row.over == "axis" else transform(x, axes=(1, 2))
    full = numbers(row.kind, (1, 4, 5))
    wanted = transform(full) if row.over == "axis" else transform(full, axes=(1, 2))
    assert y.shape == (0, *wanted.shape[1:]) and y.dtype == wanted.dtype
    bar = transform_vjp(y) if row.over == "axis" else transform_vjp(y, axes=(1, 2))
    assert bar.shape[0] == 0


@fourier
def test_no_number_that_is_not_finite_warns(row):
    x = numbers(row.kind, (3, 4))
    x[0, 0] = np.inf
    transform, transform_vjp = functions(row)
    y = transform(x)
    assert not np.isfinite(y).all() and not np.isfinite(transform_vjp(y)).all()


@fourier
def test_out(row):
    transform, _ = functions(row)
    x = numbers(row.kind, (4, 6))
    wanted = transform(x)
    strided = np.zeros((2 * wanted.shape[0], wanted.shape[1]), wanted.dtype)[::2]
    wide = np.zeros(wanted.shape, np.clongdouble if wanted.dtype.kind == "c" else np.longdouble)
    narrow = np.zeros(wanted.shape, np.complex64 if wanted.dtype.kind == "c" else np.float32)
    record = np.zeros(wanted.shape, [("byte", np.int8), ("y", wanted.dtype)])["y"]
    for out in (
        record,
        np.zeros_like(wanted),
        strided,
        wide,
        narrow,
        wanted.astype(wanted.dtype.newbyteorder()),
    ):
        assert transform(x, out=out) is out
        assert np.abs(out - wanted).max() <= 1e-6 * np.abs(wanted).max()
    if row.kind == "c2c":
        assert_close(transform(x, out=x), wanted)
        x = numbers(row.kind, (5, 6))
        wanted = transform(x[:-1])
        assert_close(transform(x[:-1], out=x[1:]), wanted)
    read_only = np.zeros_like(wanted)
    read_only.flags.writeable = False
    x = x[: len(wanted)]
    for out, kind in (
        (wanted[:, :-1], ValueError), (read_only, ValueError), ([1, 2], TypeError),
        (np.zeros(wanted.shape, int), TypeError),
    ):  # fmt: skip
        with pytest.raises(kind, match=f"^{row.name}: `out` must be"):
            transform(x, out=out)


@pytest.mark.parametrize(
    "row", [row for row in FOURIER if row.over != "axis"], ids=lambda row: row.name
)
def test_repeated_axes_as_numpy_does(row):
    transform, transform_vjp = functions(row)
    x = numbers(row.kind, (4, 5))
    for axes, s in (
        ((0, 0), None),
        ((1, 0, 1), None),
        ((1, 0, 1), (3, 6, 7)),
        ((0, 1, 1), (3, 6, 7)),
    ):
        wanted = getattr(np.fft, row.name)(x, s, axes)
        assert_close(transform(x, s, axes), wanted)
        assert_close(transform(x, s, axes, out=np.zeros_like(wanted)), wanted)
        with pytest.raises(ValueError, match="`axes` must be distinct"):
            transform_vjp(wanted, None, axes)
    if row.kind == "c2c":
        assert np.array_equal(transform(x, axes=()), x)
        assert transform(np.float64(3), axes=()).shape == ()
    with pytest.raises(ValueError, match="`axes` must be distinct"):
        fft.dctn(x.real, axes=(0, 0))


def test_lengths_of_several_axes():
    x = numbers("c2c", (3, 4, 5))
    assert_close(fft.fftn(x, (2, -1), (0, 2)), np.fft.fftn(x, (2, 5), (0, 2)))
    assert_close(fft.fftn(x, (2, None), (0, 2)), np.fft.fftn(x, (2, 5), (0, 2)))
    assert_close(fft.fftn(x, (2, 7)), np.fft.fftn(x, (2, 7), (1, 2)))
    assert_close(fft.fftn(x, 7, 1), np.fft.fft(x, 7, 1))
    assert_close(fft.irfftn(x, (3, None), (0, 2)), np.fft.irfftn(x, (3, 8), (0, 2)))
    assert_close(fft.irfftn(x, (3, -1), (0, 2)), np.fft.irfftn(x, (3, -1), (0, 2)))
