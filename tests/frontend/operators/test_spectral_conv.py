"""Spectral convolutions against numpy.fft, in any layout, on other grids, and their bits in batches and threads."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from layouts import layouts
from tapeless.operators import SpectralConv
from tapeless_kernels import _cache

KINDS = ("dense", "separable", "cp", "tucker")
CASES = [  # a grid, and its modes: few, up to the mean and Nyquist's, odd, even, prime and single points
    ((1,), 1),
    ((2,), 2),
    ((7,), 4),
    ((16,), 3),
    ((16,), 9),
    ((37,), 19),
    ((2, 1), (1, 1)),
    ((6, 8), (3, 5)),
    ((12, 9), (2, 5)),
    ((11, 20), (5, 3)),
    ((2, 4, 3), (1, 2, 2)),
    ((6, 5, 8), (2, 2, 5)),
]
every_kind = pytest.mark.parametrize("kind", KINDS)
every_method = pytest.mark.parametrize("method", ["product", "fft"])


def waves(modes):
    """Return the wavenumbers that are kept of each axis."""
    *others, last = (modes,) if isinstance(modes, int) else modes
    return [*(np.r_[0:m, -m:0] for m in others), np.arange(last)]


def reference(x, w, modes, shape=None):
    """Return irfftn(w rfftn(x)) by NumPy in float64; w is (in, out, *modes), or (channels, *modes)."""
    grid, axes = x.shape[2:], tuple(range(2, x.ndim))
    shape = grid if shape is None else shape
    at, to = (np.ix_(*(k % n for k, n in zip(waves(modes), s, strict=True))) for s in (grid, shape))
    found = np.fft.rfftn(x.astype(float), axes=axes)[(..., *at)] * (np.prod(shape) / np.prod(grid))
    mixed = "bi...,io...->bo..." if w.ndim == x.ndim else "bi...,i...->bi..."
    found = np.einsum(mixed, found, w)
    whole = np.zeros((*found.shape[:2], *shape[:-1], shape[-1] // 2 + 1), complex)
    whole[(..., *to)] = found
    return np.fft.irfftn(whole, shape, axes)


def conv_of(kind, modes, **options):
    n_out = 3 if kind == "separable" else 5
    return SpectralConv(3, n_out, modes, weights=kind, **options)


def assert_close(y, expected, dtype):
    assert y.dtype == dtype and y.shape == expected.shape
    scale = max(1, abs(expected).max())
    np.testing.assert_allclose(y, expected, rtol=0, atol=100 * np.finfo(dtype).eps * scale)


@every_kind
@every_method
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("grid", "modes"), CASES, ids=str)
def test_it_is_what_numpy_says(grid, modes, dtype, method, kind):
    conv = conv_of(kind, modes, method=method)
    theta = conv.init(rng=1, dtype=dtype)
    x = np.random.default_rng(2).standard_normal((4, 3, *grid)).astype(dtype)
    w = conv.unflatten(theta)["weights"]
    assert w.dtype == np.result_type(dtype, np.complex64)
    assert_close(conv(x, theta), reference(x, w, modes), dtype)


@every_method
def test_the_result_is_the_real_whole_spectrum(method):
    """All of the formula, without half spectra: y = sum_k W_k X_k e^{ikj} / n over k and -k, W_{-k} = conj(W_k)."""
    n, m = 9, 4
    conv = SpectralConv(2, 3, m, method=method)
    theta = conv.init(rng=0)
    w = conv.unflatten(theta)["weights"]
    w[..., 0] = w[..., 0].real  # of the mean only the real part counts
    x = np.random.default_rng(0).standard_normal((2, 2, n))
    spectrum, y = np.fft.fft(x), np.zeros((2, 3, n), complex)
    for k in range(1 - m, m):
        weight = w[..., k] if k >= 0 else w[..., -k].conj()
        wave = np.exp(2j * np.pi * k * np.arange(n) / n) / n
        y += np.einsum("bi,io,j->boj", spectrum[..., k], weight, wave)
    assert abs(y.imag).max() < 1e-15
    np.testing.assert_allclose(conv(x, theta), y.real, atol=1e-15)


@every_method
def test_imaginary_parts_of_the_mean_and_nyquist_change_nothing(method):
    conv = SpectralConv(2, 2, 5, method=method)
    x = np.random.default_rng(0).standard_normal((3, 2, 8))
    theta = conv.init(rng=0)
    w = conv.unflatten(theta)["weights"].copy()
    y = conv(x, theta)
    w[..., [0, 4]] += 0.7j
    np.testing.assert_allclose(conv(x, conv.flatten(w)), y, atol=1e-14)
    theta_bar = conv.vjp(x, theta, np.cos(3 * y))[1]
    w_bar = conv.unflatten(theta_bar)["weights"]
    assert abs(w_bar[..., [0, 4]].imag).max() < 1e-14 < abs(w_bar[..., 1:4].imag).min()


@every_method
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_layout_has_the_same_bits_and_is_not_written(method, dtype):
    rng = np.random.default_rng(3)
    conv = SpectralConv(2, 3, (3, 4), method=method)
    x, y_bar = (rng.standard_normal((5, n, 7, 12)).astype(dtype) for n in (2, 3))
    theta = conv.init(rng=0, dtype=dtype)
    y, (x_bar, theta_bar) = conv(x, theta), conv.vjp(x, theta, y_bar)
    n_compiled = len(_cache.COMPILATIONS)
    for given, values, bar in zip(layouts(x), layouts(theta), layouts(y_bar), strict=True):
        before = given.tobytes(), values.tobytes(), bar.tobytes()
        found, pullback = conv.pullback(given, values)
        bars = pullback(bar)
        assert found.tobytes() == conv(given, values).tobytes() == y.tobytes()
        assert bars[0].tobytes() == x_bar.tobytes() and bars[1].tobytes() == theta_bar.tobytes()
        assert (given.tobytes(), values.tobytes(), bar.tobytes()) == before
    assert len(_cache.COMPILATIONS) == n_compiled  # read-only arrays are another type to Numba


def test_integers_and_lists_are_float64_and_x_decides():
    conv = SpectralConv(1, 1, 2)
    theta = conv.init(rng=0)
    x = np.arange(5).reshape(1, 1, 5)
    assert conv(x, theta).tobytes() == conv(x.astype(float), list(theta)).tobytes()
    single = x.astype(np.float32)
    y, pullback = conv.pullback(single, theta)
    assert [a.dtype for a in (y, *pullback(np.ones((1, 1, 5))))] == [np.float32] * 3


@pytest.mark.parametrize(
    ("modes", "grid", "other"),
    [
        (4, (16,), (8,)),
        (4, (9,), (64,)),
        ((2, 3), (8, 9), (5, 6)),
        ((2, 2, 2), (6, 4, 5), (9, 8, 4)),
    ],
    ids=str,
)
@every_kind
@every_method
def test_other_grids_give_the_same_function(method, kind, modes, grid, other):
    """A function without modes beyond those that are kept: its values on one grid decide those on any other."""
    conv = conv_of(kind, modes, method=method)
    theta, rng = conv.init(rng=4), np.random.default_rng(5)
    modes_of_x = rng.standard_normal((2, 2, 3, *map(len, waves(modes))))
    values = {}
    for shape in (grid, other):
        x = np.zeros((2, 3, *shape))
        for i in np.ndindex(modes_of_x.shape[3:]):
            k = [int(of_axis[j]) for of_axis, j in zip(waves(modes), i, strict=True)]
            if any(2 * abs(k_i) >= n for k_i, n in zip(k, np.minimum(grid, other), strict=True)):
                continue  # Nyquist's mode of a grid is two modes of a finer one
            points = np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij")
            angle = 2 * np.pi * sum(k_i * p for k_i, p in zip(k, points, strict=True))
            a, b = modes_of_x[(slice(None), slice(None), slice(None), *i)][..., None]
            x += (a * np.cos(angle).ravel() + b * np.sin(angle).ravel()).reshape(x.shape)
        values[shape] = x
    expected = conv(values[other], theta)
    np.testing.assert_allclose(conv(values[grid], theta, shape=other), expected, atol=1e-12)
    np.testing.assert_allclose(
        conv(values[other], theta, shape=grid), conv(values[grid], theta), atol=1e-12
    )


@every_method
def test_other_grids_are_as_numpy_pads_and_crops(method):
    conv = SpectralConv(3, 2, 5, method=method)
    theta, x = conv.init(rng=0), np.random.default_rng(0).standard_normal((2, 3, 8))
    w = conv.unflatten(theta)["weights"]
    for shape in ((8,), (9,), (31,), (64,)):  # 5 modes of 8 points: Nyquist's too
        assert_close(conv(x, theta, shape=shape), reference(x, w, 5, shape), np.float64)


@every_kind
def test_a_sample_has_the_same_bits_alone_and_with_any_threads(kind):
    for modes, grid in ((7, (50,)), ((3, 4), (10, 12)), ((2, 2, 3), (6, 8, 9))):
        conv = conv_of(kind, modes, method="product", threads=1)
        theta, rng = conv.init(rng=0), np.random.default_rng(0)
        x = rng.standard_normal((7, 3, *grid))
        y_bar = rng.standard_normal((7, conv.out_channels, *grid))
        y, (x_bar, theta_bar) = conv(x, theta), conv.vjp(x, theta, y_bar)
        for i in range(7):
            part = slice(i, i + 1)
            assert np.array_equal(conv(x[part], theta), y[part])
            assert np.array_equal(conv.vjp(x[part], theta, y_bar[part])[0], x_bar[part])
        for threads in (2, 3):
            other = conv_of(kind, modes, method="product", threads=threads)
            assert other(x, theta).tobytes() == y.tobytes()
            bars = other.vjp(x, theta, y_bar)
            assert (bars[0].tobytes(), bars[1].tobytes()) == (x_bar.tobytes(), theta_bar.tobytes())


def test_calls_from_several_threads_do_not_mix():
    conv = SpectralConv(4, 4, (6, 7), method="product")
    theta, rng = conv.init(rng=0), np.random.default_rng(0)
    fields = rng.standard_normal((16, 3, 4, 64, 64))
    expected = [conv(x, theta) for x in fields]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            for y, wanted in zip(pool.map(lambda x: conv(x, theta), fields), expected, strict=True):
                assert np.array_equal(y, wanted)


@every_kind
@every_method
def test_an_empty_batch(kind, method):
    for modes, grid, other in (
        (3, (8,), (12,)),
        ((2, 3), (6, 8), (5, 7)),
        ((2, 1, 3), (4, 3, 5), (6, 5, 8)),
    ):
        conv = conv_of(kind, modes, method=method)
        theta, x = conv.init(rng=0), np.empty((0, 3, *grid))
        for shape in (None, other):
            y, pullback = conv.pullback(x, theta, shape=shape)
            assert y.shape == (0, conv.out_channels, *(shape or grid))
            x_bar, theta_bar = pullback(y)
            assert x_bar.shape == x.shape and np.array_equal(theta_bar, np.zeros(conv.n_params))
        assert conv.vjp(x, theta, y)[0].shape == x.shape
        assert [a.shape for a in conv.jvp(x, theta, x, theta)] == [
            (0, conv.out_channels, *grid)
        ] * 2


@every_kind
@every_method
def test_memory_that_is_not_written_is_not_read(monkeypatch, kind, method):
    """Rows of modes are padded; what lies there may be any number of an array that was there before."""
    conv = conv_of(kind, (2, 3), method=method)
    rng = np.random.default_rng(0)
    theta, x = conv.init(rng=0), rng.standard_normal((4, 3, 7, 10))

    def results():
        for shape in (None, (12, 9)):
            y, pullback = conv.pullback(x, theta, shape=shape)
            yield from (y, *pullback(np.cos(y)))
        yield from conv.jvp(x, theta, x, theta)

    expected = list(results())
    monkeypatch.setattr(
        "tapeless._recycled.empty", lambda shape, dtype: np.full(shape, np.finfo(dtype).max, dtype)
    )
    assert all(map(np.array_equal, results(), expected))


@every_method
def test_nan_and_inf_stay_in_their_sample(method):
    conv = SpectralConv(2, 3, 4, method=method)
    theta, x = conv.init(rng=0), np.random.default_rng(0).standard_normal((30, 2, 16))
    y = conv(x, theta)
    for bad, where in itertools.product((np.nan, np.inf), (0, 7, 29)):
        spoilt = x.copy()
        spoilt[where, 1, 5] = bad
        with np.errstate(invalid="ignore"):
            found = conv(spoilt, theta)
        assert np.isnan(found[where]).all()
        rest = np.arange(30) != where
        np.testing.assert_allclose(found[rest], y[rest], atol=1e-14)
    assert np.isnan(conv(x, np.full_like(theta, np.nan))).all()


def test_flatten_undoes_unflatten():
    for kind, modes in itertools.product(("dense", "separable"), (4, (2, 3), (1, 2, 3))):
        conv = conv_of(kind, modes)
        for dtype in (np.float32, np.float64):
            theta = conv.init(rng=0, dtype=dtype)
            again = conv.flatten(conv.unflatten(theta)["weights"])
            assert again.dtype == dtype and np.array_equal(again, theta)
    ones = SpectralConv(1, 1, 2).flatten([[[1, 0]]])
    assert ones.dtype == np.float64 and ones.tolist() == [1, 0, 0, 0]


@every_kind
def test_initial_weights_keep_the_size_of_modes(kind):
    conv = SpectralConv(24, 24, (6, 6), weights=kind)
    weights = [conv.unflatten(conv.init(rng))["weights"] for rng in range(20)]
    variance = (abs(np.array(weights)) ** 2).mean() * (1 if kind == "separable" else 24)
    assert variance == pytest.approx(1, rel=0.1)
    assert conv.init(rng=3).tobytes() == conv.init(np.random.default_rng(3)).tobytes()


def test_low_rank_weights_are_products_of_their_factors():
    cp, tucker = conv_of("cp", (2, 3), rank=2), conv_of("tucker", (2, 3), rank=2)
    assert cp.n_params == 2 * 2 * (4 + 3 + 3 + 5)
    # Two of three channels: of the 4 and 3 modes and the 5 channels two thirds too.
    assert tucker.n_params == 2 * (2 * 3 * 3 * 2 + 3 * 2 + 5 * 3 + 4 * 3 + 3 * 2)
    theta, at = cp.init(rng=0), 0
    factors = []
    for n in (4, 3, 3, 5):
        real, imaginary = theta[at : at + 4 * n].reshape(2, n, 2)
        factors.append(real + 1j * imaginary)
        at += 4 * n
    expected = np.einsum("ar,br,ir,or->ioab", *factors)
    np.testing.assert_allclose(cp.unflatten(theta)["weights"], expected, atol=1e-15)


def test_the_repr_tells_the_layer():
    assert repr(SpectralConv(1, 2, 3)) == "SpectralConv(1, 2, modes=(3,))"
    assert repr(conv_of("cp", (2, 3))) == "SpectralConv(3, 5, modes=(2, 3), weights='cp')"
