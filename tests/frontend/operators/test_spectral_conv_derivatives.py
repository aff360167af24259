"""Transposes of spectral convolutions by dot products, tangents by differences, gradients by torch's convention."""

import numpy as np
import pytest

from differences import central_difference
from tapeless.operators import SpectralConv

KINDS = ("dense", "separable", "cp", "tucker")
CASES = [  # grid, modes, another grid
    ((1,), 1, (2,)),
    ((2,), 2, (5,)),
    ((13,), 7, (12,)),
    ((16,), 9, (31,)),
    ((2, 1), (1, 1), (3, 2)),
    ((6, 8), (3, 5), (8, 9)),
    ((7, 11), (2, 6), (4, 10)),
    ((2, 5, 6), (1, 2, 4), (3, 4, 7)),
]
every = pytest.mark.parametrize("dtype", [np.float32, np.float64])
every_kind = pytest.mark.parametrize("kind", KINDS)
every_method = pytest.mark.parametrize("method", ["product", "fft"])
every_case = pytest.mark.parametrize(("grid", "modes", "other"), CASES, ids=str)


def setting(kind, modes, grid, method, dtype, batch=3):
    """Return a layer, its parameters and a field."""
    conv = SpectralConv(4, 4 if kind == "separable" else 3, modes, weights=kind, method=method)
    x = np.random.default_rng(1).standard_normal((batch, 4, *grid)).astype(dtype)
    return conv, conv.init(rng=2, dtype=dtype), x


def assert_dots_agree(pairs, others, dtype):
    """Hold that sums of dot products are equal, but for rounding of their terms."""
    left, right = (
        [np.multiply(a, b, dtype=float).ravel() for a, b in both] for both in (pairs, others)
    )
    size = sum(abs(terms).sum() for terms in [*left, *right])
    apart = sum(terms.sum() for terms in left) - sum(terms.sum() for terms in right)
    assert abs(apart) <= 4 * np.finfo(dtype).eps * size


@every
@every_kind
@every_method
@every_case
def test_pullbacks_are_transposes_of_tangents(grid, modes, other, method, kind, dtype):
    conv, theta, x = setting(kind, modes, grid, method, dtype)
    rng = np.random.default_rng(3)
    x_dot = rng.standard_normal(x.shape).astype(dtype)
    theta_dot = rng.standard_normal(theta.shape).astype(dtype)
    y, y_dot = conv.jvp(x, theta, x_dot, theta_dot)
    assert y.dtype == y_dot.dtype == dtype and np.array_equal(y, conv(x, theta))
    y_bar = rng.standard_normal(y.shape).astype(dtype)
    x_bar, theta_bar = conv.vjp(x, theta, y_bar)
    assert x_bar.dtype == theta_bar.dtype == dtype
    assert x_bar.shape == x.shape and theta_bar.shape == theta.shape
    assert_dots_agree([(y_bar, y_dot)], [(x_bar, x_dot), (theta_bar, theta_dot)], dtype)


@every
@every_kind
@every_method
@every_case
def test_pullbacks_from_other_grids_are_transposes(grid, modes, other, method, kind, dtype):
    """The result is linear in x."""
    conv, theta, x = setting(kind, modes, grid, method, dtype)
    y, pullback = conv.pullback(x, theta, shape=other)
    y_bar = np.random.default_rng(4).standard_normal(y.shape).astype(dtype)
    x_bar, theta_bar = pullback(y_bar)
    assert_dots_agree([(y_bar, y)], [(x_bar, x)], dtype)
    if kind in ("dense", "separable"):  # and in theta
        assert_dots_agree([(y_bar, y)], [(theta_bar, theta)], dtype)
    again = conv.vjp(x, theta, y_bar)
    assert np.array_equal(again[0], x_bar) and np.array_equal(again[1], theta_bar)


@every_kind
@pytest.mark.parametrize(("grid", "modes"), [((9,), 4), ((4, 6), (2, 4)), ((3, 4, 4), (1, 2, 3))])
def test_tangents_are_differences(grid, modes, kind):
    conv, theta, x = setting(kind, modes, grid, None, np.float64)
    rng = np.random.default_rng(5)
    x_dot, theta_dot = rng.standard_normal(x.shape), rng.standard_normal(theta.shape)
    _, y_dot = conv.jvp(x, theta, x_dot, theta_dot)
    slope = central_difference(lambda s: conv(x + s * x_dot, theta + s * theta_dot), 1e-4)
    np.testing.assert_allclose(slope, y_dot, atol=1e-6)


@every_method
def test_the_cotangent_of_a_complex_weight_is_conj_x_times_y_bar(method):
    """dL/dRe + i dL/dIm, as torch has it: of mode k, sum over samples of conj(X_k) Y_bar_k."""
    conv = SpectralConv(2, 3, 4, method=method)
    rng = np.random.default_rng(0)
    x, y_bar = rng.standard_normal((5, 2, 12)), rng.standard_normal((5, 3, 12))
    theta = conv.init(rng=0)
    w_bar = conv.unflatten(conv.vjp(x, theta, y_bar)[1])["weights"]
    spectrum, bars = np.fft.rfft(x)[..., :4], np.fft.rfft(y_bar)[..., :4] / 12
    bars[..., 1:] *= 2
    expected = np.einsum("bik,bok->iok", spectrum.conj(), bars)
    expected[..., 0] = expected[..., 0].real
    np.testing.assert_allclose(w_bar, expected, atol=1e-14)

    def value(step):
        """Return what is summed as the imaginary part of one weight moves."""
        w = conv.unflatten(theta)["weights"].copy()
        w[1, 2, 3] += 1j * step
        return (y_bar * conv(x, conv.flatten(w))).sum()

    assert w_bar[1, 2, 3].imag == pytest.approx(central_difference(value, 1e-6), rel=1e-8)


@every_kind
def test_a_pullback_can_be_called_again(kind):
    conv, theta, x = setting(kind, (2, 3), (6, 7), None, np.float64)
    y, pullback = conv.pullback(x, theta)
    y_bar = np.random.default_rng(6).standard_normal(y.shape)
    first, other, again = pullback(y_bar), pullback(2 * y_bar), pullback(y_bar)
    for a, b, c in zip(first, other, again, strict=True):
        assert a.tobytes() == c.tobytes()
        np.testing.assert_allclose(b, 2 * a, rtol=1e-12, atol=1e-12)
