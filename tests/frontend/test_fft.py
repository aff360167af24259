import functools
import itertools

import numpy as np
import pytest
import scipy.fft

from layouts import layouts
from tapeless import _fft_core as core
from tapeless import _fft_libraries, fft
from tapeless._fft_table import FOURIER, REAL

LENGTHS = (1, 2, 3, 4, 7, 8, 13, 30, 97)
NORMS = ("backward", "ortho", "forward")
EVERY_DTYPE = "fdg"
names = pytest.mark.parametrize("row", fft.TRANSFORMS, ids=lambda row: row.name)
fourier = pytest.mark.parametrize("row", FOURIER, ids=lambda row: row.name)
cosines = pytest.mark.parametrize("row", REAL, ids=lambda row: row.name)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.fixture(autouse=True, params=[*fft.engines(), "public"])
def engine(request, monkeypatch):
    """Run each test on each engine, and on scipy.fft's public functions."""
    name = request.param
    if name == "public":
        name = "scipy"
        monkeypatch.setitem(_fft_libraries._engines, name, _fft_libraries.scipy_public())
    with fft.engine(name):
        yield


def numbers(kind, shape, dtype="float64", seed=0):
    """Return random numbers, complex where the transform takes such."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if kind != "r2c" and kind not in ("dct", "dst"):
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(np.result_type(dtype, np.complex64) if x.dtype.kind == "c" else dtype)


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


def test_unchecked_functions_have_transposes():
    x, axes = numbers("r2c", (2, 4, 7)), (1, 2)
    y = core.r2c(x, axes)
    assert_close(y, np.fft.rfftn(x, axes=axes))
    assert_close(core.c2r(y, axes, 7), x)
    assert_close(core.r2c_vjp(y, axes, 7), fft.rfftn_vjp(y, (4, 7), axes))
    assert_close(core.c2r_vjp(x, axes), fft.irfftn_vjp(x, axes=axes))
    assert_close(core.c2c(core.c2c(y, axes), axes, False, 2), y)
