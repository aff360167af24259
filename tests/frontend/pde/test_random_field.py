"""Gaussian random fields: the laws of their modes, and one field at any resolution, in any batch and dtype."""

import numpy as np
import pytest

from tapeless.pde import gaussian_random_field

LAW = {"alpha": 2.0, "tau": 5.0, "sigma": 25.0}


def variance(k2, volume, *, alpha, tau, sigma):
    """Return that of each mode's coefficient: half of the amplitude's, of a basis of unit norm."""
    return sigma**2 * (k2 + tau**2) ** -alpha / volume


def test_each_mode_in_1d_has_its_variance_and_nothing_to_do_with_others():
    n, samples, length = 16, 40_000, 1.5
    u = gaussian_random_field(n, 0, length=length, batch=samples, **LAW)
    c = np.fft.fft(u) / n
    k = np.fft.fftfreq(n, length / n) * 2 * np.pi
    expected = variance(k**2, length, **LAW)
    found = (np.abs(c) ** 2).mean(axis=0)
    np.testing.assert_allclose(found[1:8], expected[1:8], rtol=0.02)
    assert found[0] < 1e-28 and found[8] < 1e-28  # no mean, and no mode that two stand for
    z = np.concatenate([c.real[:, 1:8], c.imag[:, 1:8]], axis=1) / np.tile(
        np.sqrt(expected[1:8] / 2), 2
    )
    np.testing.assert_allclose(z.T @ z / samples, np.eye(14), atol=0.03)
    np.testing.assert_allclose((z**4).mean(axis=0), 3, atol=0.2)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.02)


@pytest.mark.parametrize("shape", [(8, 9), (7, 6), (1, 5), (5, 1), (3, 4, 5)], ids=str)
def test_each_mode_in_2d_and_3d_has_its_variance(shape):
    samples, lengths = 20_000, (1.0, 2.0, 1.5)[: len(shape)]
    law = {"alpha": 2.5, "tau": 7.0, "sigma": 3.0}
    w = gaussian_random_field(shape, 1, length=lengths, batch=samples, **law)
    assert w.shape == (samples, *shape)
    axes = tuple(range(1, w.ndim))
    c = np.fft.fftn(w, axes=axes) / np.prod(shape)
    found = (np.abs(c) ** 2).mean(axis=0)
    k = np.meshgrid(
        *(np.fft.fftfreq(n, s / n) * 2 * np.pi for n, s in zip(shape, lengths, strict=True)),
        indexing="ij",
    )
    expected = variance(sum(x**2 for x in k), np.prod(lengths), **law)
    kept = np.ones(shape, bool)
    for axis, n in enumerate(shape):
        if n % 2 == 0:
            kept[(slice(None),) * axis + (n // 2,)] = False
    kept[(0,) * len(shape)] = False
    np.testing.assert_allclose(
        found[kept] / expected[kept], 1, atol=0.04
    )  # 0.7 % each, of up to 71
    assert abs(np.mean(found[kept] / expected[kept]) - 1) < 0.01
    assert (found[~kept] < 1e-25).all()
    z = c[:, kept] / np.sqrt(expected[kept])
    both = (
        np.abs(z.T @ z.conj()) / samples
    )  # of two modes, and of no mode with itself or its conjugate
    assert np.abs(both - np.eye(len(both))).max() < 0.05


def test_mean_is_drawn_when_wanted():
    u = gaussian_random_field(4, 0, batch=40_000, zero_mean=False, length=2.0, **LAW)
    expected = variance(0, 2.0, **LAW)
    assert u.mean(axis=1).var() == pytest.approx(expected, rel=0.02)
    without = gaussian_random_field(4, 0, batch=40_000, length=2.0, **LAW)
    np.testing.assert_allclose(u - u.mean(axis=1, keepdims=True), without, atol=1e-14)


@pytest.mark.parametrize(
    ("coarse", "fine"), [(32, 64), (31, 96), ((9, 12), (24, 15)), ((4, 5, 6), (8, 7, 12))]
)
def test_same_modes_come_back_at_another_resolution(coarse, fine):
    first, second = (gaussian_random_field(shape, 5, **LAW) for shape in (coarse, fine))
    a, b = (np.fft.fftn(u) / u.size for u in (first, second))
    last = [(n - 1) // 2 for n in first.shape]
    rows = np.ix_(*(np.arange(-most, most + 1) for most in last))
    np.testing.assert_allclose(b[rows], a[rows], rtol=0, atol=1e-15)
    assert np.abs(b).sum() > np.abs(b[rows]).sum()


def test_where_grids_share_points_smooth_fields_agree():
    law = {"alpha": 8.0, "tau": 5.0, "sigma": 25.0**4}
    coarse, fine = (gaussian_random_field((n, n), 3, **law) for n in (64, 128))
    np.testing.assert_allclose(fine[::2, ::2], coarse, atol=1e-6 * np.abs(coarse).max())


def test_key_sample_and_nothing_else_choose_a_field():
    many = gaussian_random_field((6, 8), 9, batch=5, **LAW)
    assert np.array_equal(many, gaussian_random_field((6, 8), 9, batch=5, **LAW))
    assert np.array_equal(many[3], gaussian_random_field((6, 8), 9, first_sample=3, **LAW))
    assert np.array_equal(
        many[2:4], gaussian_random_field((6, 8), 9, first_sample=2, batch=2, **LAW)
    )
    for other in (10, 9 + 2**32, 2**64 - 1):
        assert not np.isclose(many[0], gaussian_random_field((6, 8), other, **LAW)).any()
    one, two, three = (
        gaussian_random_field(8, None, rng=seed, **LAW) for seed in (1, np.random.default_rng(1), 2)
    )
    assert np.array_equal(one, two) and not np.array_equal(one, three)


def test_single_precision_is_the_same_field():
    single, double = (
        gaussian_random_field((16, 16), 2, dtype=t, **LAW) for t in (np.float32, np.float64)
    )
    assert single.dtype == np.float32 and np.array_equal(single, double.astype(np.float32))


def test_an_empty_batch_and_one_point():
    assert gaussian_random_field((4, 6), 0, batch=0, **LAW).shape == (0, 4, 6)
    assert gaussian_random_field(1, 0, **LAW).tolist() == [0.0]
    assert gaussian_random_field(np.int64(4), 0, **LAW).shape == (4,)


BAD = {
    "shape": (((0,), 0), {}, "gaussian_random_field: `shape` must be a positive integer; got 0"),
    "shape float": ((4.0, 0), {}, "`shape` must be a positive integer"),
    "axes": (((2, 2, 2, 2), 0), {}, "`shape` must be an integer or from 1 to 3 of them"),
    "no axes": (((), 0), {}, "`shape` must be an integer or from 1 to 3"),
    "key": ((4, -1), {}, "`key` must be an integer from 0"),
    "key float": ((4, 1.0), {}, "`key` must be an integer from 0"),
    "key and rng": ((4, 1), {"rng": 1}, "`rng` must be left out where there is a key"),
    "alpha": ((4, 0), {"alpha": 0.0}, "`alpha` must be a positive finite number"),
    "alpha nan": ((4, 0), {"alpha": np.nan}, "`alpha` must be a positive finite number"),
    "tau": ((4, 0), {"tau": -1.0}, "`tau` must be a finite number of at least 0"),
    "tau and mean": ((4, 0), {"tau": 0, "zero_mean": False}, "`tau` must be positive, for there to be a mean"),
    "sigma": ((4, 0), {"sigma": np.inf}, "`sigma` must be a positive finite number"),
    "length": ((4, 0), {"length": -1.0}, "`length` must be a positive number"),
    "lengths": (((4, 4), 0), {"length": (1.0, 2.0, 3.0)}, "`length` must be a positive number, or 2 of them"),
    "batch": ((4, 0), {"batch": -1}, "`batch` must be a positive integer"),
    "sample": ((4, 0), {"first_sample": 2**32}, "`first_sample` must be an integer from 0"),
    "dtype": ((4, 0), {"dtype": np.float16}, "`dtype` must be float32 or float64"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "kwargs", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_named(arguments, kwargs, message):
    with pytest.raises(ValueError, match=message):
        gaussian_random_field(*arguments, **(LAW | kwargs))
