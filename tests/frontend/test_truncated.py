"""Truncated transforms against NumPy's, their transposes, and what the modes stand for."""

import itertools

import numpy as np
import pytest

import fft_cases
from fft_cases import LENGTHS, NORMS, dtypes, functions, normal
from layouts import layouts
from tapeless import _transform_cost as cost
from tapeless import fft

GRIDS = (
    (2, 1), (3, 2), (4, 6), (5, 7), (8, 9), (13, 12),
    (2, 2, 1), (4, 5, 6), (7, 8, 3),
)  # fmt: skip
names = pytest.mark.parametrize("row", fft.TRUNCATED, ids=lambda row: row.name)
methods = pytest.mark.parametrize("method", ["product", "fft"])


def numpys(row):
    return getattr(np.fft, row.name.removeprefix("truncated_"))


def cases(row):
    """Yield grids with the numbers of modes that are kept of them: one, some, all that there are."""
    half = int(row.kind != "c2c")
    for grid in [(n,) for n in LENGTHS] if row.over == "axis" else GRIDS:
        most = [n // 2 for n in grid]
        most[-1] += half
        if min(most) >= 1:
            for modes in {(1,) * len(grid), tuple((m + 1) // 2 for m in most), tuple(most)}:
                yield grid, modes


def places(row, grid, modes):
    """Return where modes lie in a whole spectrum, or in half of one."""
    found = [np.r_[0:m, n - m : n] for m, n in zip(modes, grid, strict=True)]
    if row.kind != "c2c":
        found[-1] = np.arange(modes[-1])
    return found


def spectrum_of(row, y, grid, axes, modes):
    """Return the spectrum that has modes y along axes, and is 0 elsewhere."""
    lengths = list(grid)
    if row.kind != "c2c":
        lengths[-1] = grid[-1] // 2 + 1
    moved = np.moveaxis(y, axes, range(len(axes)))
    spectrum = np.zeros((*lengths, *moved.shape[len(axes) :]), y.dtype)
    spectrum[np.ix_(*places(row, grid, modes))] = moved
    return np.moveaxis(spectrum, range(len(axes)), axes)


def shape_with(lengths):
    """Return a shape with two other axes, where lengths lie in it, and the axes: the first comes last."""
    axes = (*range(2, 1 + len(lengths)), 0)
    shape = [0] * (2 + len(lengths))
    for axis, n in zip(axes, lengths, strict=True):
        shape[axis] = n
    shape[1], shape[-1] = 2, 3
    return tuple(shape), axes


def options_of(row, axes):
    return {"axis": axes[0]} if row.over == "axis" else {"axes": axes}


def sized(row, sizes):
    return sizes[0] if row.over == "axis" else sizes


def counts(row, modes):
    return tuple(map(len, places(row, [2 * m for m in modes], modes)))


def setting(row, grid, modes, dtype="float64", seed=0):
    """Return the input of a transform, what says the size of its result and of the input, and the axes."""
    shape, axes = shape_with(grid if row.forward else counts(row, modes))
    is_complex = row.kind == "c2c" or not row.forward
    of_result, of_input = (modes, grid) if row.forward else (grid, modes)
    x = normal(shape, dtype, is_complex, seed)
    return x, sized(row, of_result), sized(row, of_input), axes


def assert_close(got, wanted, rounding=30):
    assert got.flags.c_contiguous
    fft_cases.assert_close(got, wanted, rounding)


@names
@methods
@dtypes
def test_values_are_those_of_numpy(row, method, dtype):
    transform, _ = functions(row)
    for (grid, modes), norm in itertools.product(cases(row), NORMS):
        x, size, _, axes = setting(row, grid, modes, dtype)
        got = transform(x, size, norm=norm, method=method, **options_of(row, axes))
        if row.forward:
            wanted = numpys(row)(x, norm=norm, **options_of(row, axes))
            for axis, place in zip(axes, places(row, grid, modes), strict=True):
                wanted = np.take(wanted, place, axis)
        else:
            spectrum = spectrum_of(row, x, grid, axes, modes)
            wanted = numpys(row)(spectrum, sized(row, grid), norm=norm, **options_of(row, axes))
        assert_close(got, wanted)


@names
@methods
@dtypes
def test_transposes_by_products(row, method, dtype):
    transform, transform_vjp = functions(row)
    for (grid, modes), norm in itertools.product(cases(row), NORMS):
        x, size, size_x, axes = setting(row, grid, modes, dtype)
        x = np.repeat(x, 2, axis=1)[:, ::2]
        given = {"norm": norm, "method": method, **options_of(row, axes)}
        y = transform(x, size, **given)
        y_bar = normal(y.shape, dtype, y.dtype.kind == "c", seed=1)
        x_bar = transform_vjp(y_bar, size_x, **given)
        assert x_bar.dtype == x.dtype and x_bar.shape == x.shape
        forward, back = np.vdot(y_bar, y).real, np.vdot(x_bar, x).real
        size = np.linalg.norm(y_bar) * np.linalg.norm(y) + np.linalg.norm(x_bar) * np.linalg.norm(x)
        assert abs(forward - back) <= 10 * np.finfo(dtype).eps * size


@methods
@pytest.mark.parametrize("n", [8, 9])
def test_mean_and_nyquist_count_once_and_others_stand_for_their_mirror_images(method, n):
    j, m = np.arange(n), n // 2 + 1
    for k in range(m):
        wave = np.cos(2 * np.pi * k * j / n)
        alone = k in (0, n / 2)
        unit = (np.arange(m) == k) + 0j
        got = fft.truncated_irfft(unit, n, norm="forward", method=method)
        np.testing.assert_allclose(got, wave if alone else 2 * wave, atol=1e-14)
        np.testing.assert_allclose(fft.truncated_rfft_vjp(unit, n, method=method), wave, atol=1e-14)
        imaginary = fft.truncated_irfft(1j * unit, n, norm="forward", method=method)
        assert (np.abs(imaginary).max() < 1e-14) == alone
        y_bar = fft.truncated_irfft_vjp(normal(n), m, method=method)
        assert (abs(y_bar[k].imag) < 1e-15) == alone


@methods
def test_wave_without_its_conjugate_is_halved(method):
    # Of the axes before the last, m waves are below 0 and m - 1 above: irfftn takes the real part.
    y = np.zeros((4, 3), complex)
    y[2, 0] = 1  # wave -2, whose conjugate would be wave 2
    x = fft.truncated_irfftn(y, (8, 8), norm="forward", method=method)
    back = fft.truncated_rfftn(x, (2, 3), norm="forward", method=method)
    np.testing.assert_allclose(back, 0.5 * y, atol=1e-15)
    y = fft.truncated_rfftn(normal((8, 8)), (4, 5), method=method)  # Nyquist's is its own
    assert abs(y[4, 0].imag) < 1e-13


@methods
def test_modes_of_one_grid_give_the_field_on_another(method):
    def field(n, m):
        x, z = np.meshgrid(
            2 * np.pi * np.arange(n) / n, 2 * np.pi * np.arange(m) / m, indexing="ij"
        )
        return 1 + np.sin(2 * x - 3 * z) + np.cos(x) * np.sin(3 * z)

    options = {"norm": "forward", "method": method}
    for coarse, fine in itertools.permutations([(8, 10), (7, 9), (13, 30)], 2):
        y = fft.truncated_rfftn(field(*coarse), (3, 4), **options)
        x = fft.truncated_irfftn(y, fine, **options)
        np.testing.assert_allclose(x, field(*fine), atol=1e-13)
        y = fft.truncated_fftn(1j * field(*coarse), (3, 4), **options)
        x = fft.truncated_ifftn(y, fine, **options)
        np.testing.assert_allclose(x, 1j * field(*fine), atol=1e-13)


@names
@methods
def test_any_layout_gives_the_same_and_no_input_is_written(row, method):
    grid, modes = ((6,), (2,)) if row.over == "axis" else ((4, 6), (2, 3))
    x, size, size_x, axes = setting(row, grid, modes)
    transform, transform_vjp = functions(row)
    given = {"method": method, "norm": "ortho", **options_of(row, axes)}
    y = transform(x, size, **given)
    for f, array, length in ((transform, x, size), (transform_vjp, y, size_x)):
        wanted, before = f(array, length, **given), array.copy()
        for other in [array, *layouts(array)]:
            other.flags.writeable = False
            assert_close(f(other, length, **given), wanted)
        assert_close(f(array.tolist(), length, **given), wanted)
        assert np.array_equal(array, before)


@names
@methods
def test_integers_and_half_precision_are_promoted(row, method):
    given = np.arange(12).reshape(2, 6) % 5
    for f in functions(row):
        is_to_modes = row.forward == (f.__name__ == row.name)
        length = sized(row, (3 if is_to_modes else 13,))
        for dtype in (np.int8, np.uint64, bool):
            x = given.astype(dtype)
            wanted = f(x.astype(np.float64), length, method=method)
            assert_close(f(x, length, method=method), wanted)
        wanted = f(given.astype(np.float32), length, method=method)
        assert_close(f(given.astype(np.float16), length, method=method), wanted)


@names
@pytest.mark.parametrize("method", ["product", "fft", None])
def test_empty_batch(row, method):
    grid, modes = ((6,), (2,)) if row.over == "axis" else ((4, 6), (2, 3))
    x, size, size_x, axes = setting(row, grid, modes, "float32")
    transform, transform_vjp = functions(row)
    given = {"method": method, **options_of(row, axes)}
    y, none = transform(x, size, **given), transform(x[:, :0], size, **given)
    assert none.shape == y[:, :0].shape and none.dtype == y.dtype
    bar = transform_vjp(none, size_x, **given)
    assert bar.shape == x[:, :0].shape and bar.dtype == x.dtype


@names
@methods
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_field(row, method, value):
    grid, modes = ((6,), (2,)) if row.over == "axis" else ((4, 6), (2, 3))
    x, size, size_x, axes = setting(row, grid, modes)
    x = np.moveaxis(x, axes, range(-len(axes), 0))
    transform, transform_vjp = functions(row)
    for f, array, length in (
        (transform, x, size), (transform_vjp, transform(x, size), size_x),
    ):  # fmt: skip
        for norm in NORMS:
            wanted = f(array, length, norm=norm, method=method)
            spoilt = array.copy()
            spoilt[0, 0].flat[0] = value
            got = f(spoilt, length, norm=norm, method=method)
            assert not np.isfinite(got[0, 0]).all()
            np.testing.assert_allclose(got[1:], wanted[1:], atol=1e-14)
            np.testing.assert_allclose(got[0, 1:], wanted[0, 1:], atol=1e-14)


@names
def test_threads_change_no_bit(row):
    grid, modes = ((64,), (5,)) if row.over == "axis" else ((8, 64), (2, 5))
    x, size, size_x, axes = setting(row, grid, modes)
    transform, transform_vjp = functions(row)
    given = {"method": "product", **options_of(row, axes)}
    y, x_bar = (
        transform(x, size, **given),
        transform_vjp(transform(x, size, **given), size_x, **given),
    )
    for threads in (1, 2, 3, np.int64(50)):
        assert np.array_equal(transform(x, size, threads=threads, **given), y)
        assert np.array_equal(transform_vjp(y, size_x, threads=threads, **given), x_bar)


def test_axes_are_the_last_by_default_and_an_integer_is_one():
    x = normal((3, 8, 10))
    y = np.fft.rfftn(x, axes=(1, 2))[:, [0, 1, -2, -1], :3]
    assert_close(fft.truncated_rfftn(x, [2, 3]), y)
    assert_close(fft.truncated_rfftn(x, np.array([2, 3]), axes=np.array([-2, -1])), y)
    assert_close(fft.truncated_rfftn(x, 3), np.fft.rfft(x)[..., :3])
    assert_close(fft.truncated_rfftn(x, np.int8(2), 0), np.fft.rfft(x, axis=0)[:2])
    assert fft.truncated_irfftn(y, (8, 10)).shape == x.shape
    assert fft.truncated_irfftn(y, 10).shape == (3, 4, 10)


def test_real_input_is_complex_to_the_complex_ones():
    x = normal((4, 6))
    assert_close(fft.truncated_fftn(x, (2, 2)), fft.truncated_fftn(x + 0j, (2, 2)))
    assert_close(fft.truncated_irfft(x, 12), fft.truncated_irfft(x + 0j, 12))


@pytest.mark.parametrize(("rates", "chosen", "n"), [((0, 1), "product", 34), ((1, 0), "fft", 38)])
def test_the_faster_method_is_taken(rates, chosen, n, monkeypatch):
    monkeypatch.setattr(cost, "rates", lambda *_: rates)
    x = normal((3, n, n), "float32")  # a choice is kept, and no other test has these grids
    for f, given in (
        (fft.truncated_rfftn, x), (fft.truncated_fftn, x + 1j * x),
        (fft.truncated_irfftn_vjp, x), (fft.truncated_ifft, x),
    ):  # fmt: skip
        size = n if f is fft.truncated_ifft else (5, 6)
        wanted = f(given, size, method=chosen)
        assert np.array_equal(f(given, size), wanted)
        other = f(given, size, method="fft" if chosen == "product" else "product")
        assert not np.array_equal(other, wanted)
