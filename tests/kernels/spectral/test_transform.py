"""Fields to their kept modes and back: tables against 25 digits, transforms against NumPy's, transposes."""

import itertools

import mpmath
import numpy as np
import pytest

from tapeless_kernels.spectral import launch, trig
from tapeless_kernels.spectral import modes as kept

CASES = [  # a grid, and the modes kept of it: up to all there are, odd, even, prime and single points
    *(
        ((n,), (m,))
        for n in (1, 2, 3, 4, 5, 8, 12, 17, 30, 64)
        for m in {1, n // 4 + 1, n // 2 + 1}
    ),
    ((100,), (37,)),
    ((2, 1), (1, 1)),
    ((2, 2), (1, 2)),
    ((3, 5), (1, 3)),
    ((8, 8), (4, 5)),
    ((7, 12), (3, 2)),
    ((16, 9), (2, 5)),
    ((20, 64), (10, 33)),
    ((13, 36), (4, 17)),
    ((2, 2, 1), (1, 1, 1)),
    ((3, 4, 5), (1, 2, 3)),
    ((8, 6, 10), (3, 3, 6)),
    ((5, 12, 8), (2, 1, 3)),
]
both = pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)], ids=str)


def ulps(found, exact):
    return abs(np.longdouble(found) - exact) / np.spacing(np.maximum(abs(found), 1e-300))


@pytest.mark.parametrize("wave", ["cosine", "sine"])
def test_waves_are_right_to_an_ulp_and_symmetric_to_the_bit(wave):
    exact = {"cosine": mpmath.cospi, "sine": mpmath.sinpi}[wave]
    of = getattr(trig, wave)
    for q in (1, 2, 3, 4, 5, 6, 7, 8, 12, 100, 101, 360, 1024):
        p = np.arange(-3 * q, 4 * q + 1, max(1, q // 53))
        found = of(p, q)
        with mpmath.workdps(40):
            expected = [
                np.longdouble(mpmath.nstr(exact(mpmath.mpf(2 * int(i)) / q), 25)) for i in p
            ]
        assert ulps(found, np.array(expected)).max() <= 1.5, q
        mirrored = of(-p, q)
        assert np.array_equal(mirrored, found if wave == "cosine" else -found), q
        assert np.array_equal(of(p + 5 * q, q), found), q


def test_waves_at_quarters_are_exact():
    assert np.array_equal(trig.cosine(np.arange(5) * 25, 100), [1, 0, -1, 0, 1])
    assert np.array_equal(trig.sine(np.arange(5) * 25, 100), [0, 1, 0, -1, 0])
    assert np.array_equal(trig.cosine([1], 8), trig.sine([1], 8))


def unpacked(found, modes, dtype):
    """Return modes (waves, 2, row, n) as complex ones (n, waves, m)."""
    at = launch.row_places(modes, dtype)
    return np.moveaxis(found[:, 0, at] + 1j * found[:, 1, at], -1, 0)


def packed(values, modes, dtype):
    """Return complex modes (n, waves, m) as kernels take them, with NaN where no mode is."""
    n, waves, _ = values.shape
    out = np.full((waves, 2, launch.row_size(modes, dtype), n), np.nan, dtype)
    at, turned = launch.row_places(modes, dtype), np.moveaxis(values, 0, -1)
    out[:, 0, at], out[:, 1, at] = turned.real, turned.imag
    return out


def index(shape, modes):
    """Return where kept modes lie in a half spectrum (n, ...)."""
    waves = [k % n for k, n in zip(kept.wavenumbers(modes), shape, strict=True)]
    return (slice(None), *np.ix_(*waves))


def analysed(x, modes, form, n_threads=1):
    t = launch.Transform(x.shape[1:], modes, x.dtype)
    waves = int(np.prod([2 * m for m in modes[:-1]]))
    out = np.full((waves, 2, launch.row_size(modes, x.dtype), len(x)), np.nan, x.dtype)
    return t.to_modes(x, form, out, n_threads)


def synthesised(values, shape, modes, form, n_threads=1):
    y = np.full((values.shape[3], *shape), np.nan, values.dtype)
    t = launch.Transform(shape, modes, values.dtype)
    return t.from_modes(values, form, y, n_threads)


@both
@pytest.mark.parametrize(("shape", "modes"), CASES, ids=str)
def test_transforms_are_those_of_numpy(dtype, shape, modes):
    rng, eps, n = np.random.default_rng(len(shape)), np.finfo(dtype).eps, 27
    x = rng.standard_normal((n, *shape)).astype(dtype)
    axes, size = tuple(range(1, len(shape) + 1)), np.prod(shape)
    spectrum = np.fft.rfftn(x.astype(float), axes=axes)[index(shape, modes)].reshape(
        n, -1, modes[-1]
    )
    twice = launch.half_spectrum(shape[-1], modes[-1])
    bound = 20 * eps * np.sqrt(size)
    for form, factor in (("plain", 1), ("scaled", twice / size)):
        found = unpacked(analysed(x, modes, form), modes, dtype)
        np.testing.assert_allclose(found, spectrum * factor, rtol=0, atol=bound * np.max(factor))

    values = rng.standard_normal((n, spectrum.shape[1], modes[-1], 2)).astype(dtype)
    values = values[..., 0] + 1j * values[..., 1]
    whole = np.zeros((n, *shape[:-1], shape[-1] // 2 + 1), complex)
    whole[index(shape, modes)] = values.reshape(n, *(2 * m for m in modes[:-1]), modes[-1])
    expected = np.fft.irfftn(whole, shape, axes)
    found = synthesised(packed(values, modes, dtype), shape, modes, "scaled")
    atol = 20 * eps * np.sqrt(spectrum[0].size) / size
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol * 4)


@both
@pytest.mark.parametrize(("shape", "modes"), CASES, ids=str)
def test_ways_there_and_back_are_transposes(dtype, shape, modes):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((3, *shape)).astype(dtype)
    for form in ("plain", "scaled"):
        found = unpacked(analysed(x, modes, form), modes, dtype)
        bar = rng.standard_normal((*found.shape, 2)).astype(dtype)
        bar = bar[..., 0] + 1j * bar[..., 1]
        x_bar = synthesised(packed(bar, modes, dtype), shape, modes, form).astype(float)
        left = np.vdot(bar.astype(complex), found).real
        size = abs(bar).ravel() @ abs(found).ravel() + abs(x).ravel() @ abs(x_bar).ravel()
        assert abs(left - (x * x_bar).sum()) <= 20 * np.finfo(dtype).eps * size


@both
def test_fields_have_the_same_bits_alone_in_a_batch_and_with_any_threads(dtype):
    rng = np.random.default_rng(6)
    for shape, modes in (((48,), (9,)), ((12, 18), (3, 5)), ((6, 8, 10), (2, 3, 4))):
        x = rng.standard_normal((53, *shape)).astype(dtype)
        at = launch.row_places(modes, dtype)
        whole = analysed(x, modes, "scaled")
        field = synthesised(whole, shape, modes, "scaled")
        for n_threads, part in itertools.product((1, 2, 3, 7), (slice(0, 53), slice(11, 12))):
            found = analysed(x[part], modes, "scaled", n_threads)
            assert np.array_equal(found[:, :, at], whole[:, :, at, part])
            y = synthesised(
                np.ascontiguousarray(whole[..., part]), shape, modes, "scaled", n_threads
            )
            assert np.array_equal(y, field[part])


@both
def test_mixing_has_the_same_bits_with_any_threads_and_of_a_sample_alone(dtype):
    rng = np.random.default_rng(7)
    modes, (batch, n_in, n_out) = (3, 4), (5, 7, 19)
    row = launch.row_size(modes, dtype)
    x = rng.standard_normal((6, 2, row, batch, n_in)).astype(dtype)
    bar = rng.standard_normal((6, 2, row, batch, n_out)).astype(dtype)
    weights = rng.standard_normal((24, 2, n_in, n_out)).astype(dtype)
    at = launch.row_places(modes, dtype)

    def run(x, bar, n_threads):
        out, x_bar, weights_bar = np.zeros_like(bar), np.zeros_like(x), np.zeros_like(weights)
        launch.mixed(x, weights, out, modes, n_threads)
        launch.mixed_vjp(x, weights, bar, x_bar, weights_bar, modes, n_threads)
        return out[:, :, at], x_bar[:, :, at], weights_bar

    whole = run(x, bar, 1)
    for n_threads in (2, 3):
        assert all(map(np.array_equal, whole, run(x, bar, n_threads)))
    alone = run(np.ascontiguousarray(x[:, :, :, 2:3]), np.ascontiguousarray(bar[:, :, :, 2:3]), 1)
    assert np.array_equal(alone[0], whole[0][:, :, :, 2:3])
    assert np.array_equal(alone[1], whole[1][:, :, :, 2:3])
