"""Bad arguments are named, unusual ones are taken, and what is not finite passes through."""

import inspect

import numpy as np
import pytest

from layouts import layouts
from tapeless import spectral as sp

U = np.random.default_rng(7).standard_normal((4, 6))
C = np.fft.rfft(U, norm="forward")


@pytest.mark.parametrize(
    ("call", "kind", "what"),
    [
        (lambda: sp.derivative(U, length=0), ValueError, "`length` must be a positive finite number; got 0"),
        (lambda: sp.derivative(U, length=-1.0), ValueError, "`length`"),
        (lambda: sp.laplacian(U, length=np.nan), ValueError, "laplacian: `length`"),
        (lambda: sp.laplacian(U, length=(1, 2, 3)), ValueError, "or 2 of them, one for each axis"),
        (lambda: sp.wavenumbers(4, np.inf), ValueError, "wavenumbers: `length`"),
        (lambda: sp.derivative(U, length="long"), TypeError, "derivative: `length`"),
        (lambda: sp.derivative(U, axis=2), np.exceptions.AxisError, "`axis` must be an axis of `u`, which has 2"),
        (lambda: sp.derivative(U, axis=1.0), TypeError, "`axis` must be an integer"),
        (lambda: sp.derivative(3.0), ValueError, "`axis` must be an axis of `u`, which has 0"),
        (lambda: sp.laplacian(U, axes=(0, 0)), ValueError, "`axes` must be different axes"),
        (lambda: sp.laplacian(U, axes=()), ValueError, "`axes` must be different axes of `u`, at least one"),
        (lambda: sp.laplacian(U, axes=(0, 3)), IndexError, "an axis of `u`"),
        (lambda: sp.laplacian(U, axes=0.5), TypeError, "`axes` must be None, an integer or a sequence"),
        (lambda: sp.derivative(U[:, :0]), ValueError, "`u` must be not empty along axis 1"),
        (lambda: sp.derivative(U, order=-1), ValueError, "`order` must be an integer of at least 0"),
        (lambda: sp.derivative(U, order=0.5), ValueError, "`order` must be an integer"),
        (lambda: sp.derivative(U.astype(np.float16)), TypeError, "`u` must be of dtype float32"),
        (lambda: sp.derivative("field"), TypeError, "derivative: `u`"),
        (lambda: sp.derivative(np.array([None, 1])), TypeError, "derivative: `u`"),
        (lambda: sp.divergence(U, axes=(0, 1)), ValueError, r"an axis of `v\[0\]`"),
        (lambda: sp.divergence(np.zeros((3, 4, 5))), ValueError, "`v` must be of 2 components"),
        (lambda: sp.divergence(np.zeros(3)), ValueError, "`v` must be an array of components"),
        (lambda: sp.gradient_vjp(np.zeros((3, 4, 5))), ValueError, "gradient_vjp: `g_bar` must be of 2"),
        (lambda: sp.interpolate(U, 0), ValueError, "`n` must be an integer of at least 1"),
        (lambda: sp.interpolate(U, (3, 4, 5)), ValueError, "`n` must be an integer or 2 of them"),
        (lambda: sp.interpolate(U, None), ValueError, "interpolate: `n`"),
        (lambda: sp.product(U, U[:3]), ValueError, "product: `v` must be of the shape of `u`"),
        (lambda: sp.product_vjp(1j * U, U, U), TypeError, "`bar` must be real"),
        (lambda: sp.product_vjp(U[0], U, U), ValueError, r"`bar` must be of shape \(4, 6\)"),
        (lambda: sp.evaluate(U, [1.0, 2.0]), ValueError, r"`x` must be of shape \(n_points, 2\)"),
        (lambda: sp.evaluate(U[0], [1j]), TypeError, "evaluate: `x` must be of dtype float32"),
        (lambda: sp.filter(U, "round"), ValueError, "filter: `kind` must be one of 'exponential'"),
        (lambda: sp.filter(U, order=0), ValueError, "`order` must be an integer of at least 1"),
        (lambda: sp.filter(U, "raised_cosine", 3), ValueError, "`order` must be even"),
        (lambda: sp.filter(U, cutoff=0), ValueError, "`cutoff` must be positive"),
        (lambda: sp.filter(U, alpha=-1), ValueError, "`alpha` must be at least 0"),
        (lambda: sp.dealias(U, degree=0), ValueError, "`degree`"),
        (lambda: sp.sobolev_norm(U, np.inf), ValueError, "`s` must be a finite number"),
        (lambda: sp.sobolev_norm(U, "1"), TypeError, "`s` must be a number"),
        (lambda: sp.sobolev_norm(U, 1000), ValueError, "`s` must be so small"),
        (lambda: sp.sobolev_norm_vjp(1j, U, 1), TypeError, "`bar` must be real"),
        (lambda: sp.energy_spectrum_vjp(U, U), ValueError, "`bar` must be of shape"),
        (lambda: sp.energy_spectrum(U, length=(1e-9, 1)), ValueError, "`length` must be such that there are fewer"),
        (lambda: sp.integral_vjp(U, U), ValueError, r"`bar` must be of shape \(\)"),
        (lambda: sp.chebyshev_nodes(1), ValueError, "`n` must be an integer of at least 2"),
        (lambda: sp.chebyshev_nodes(0, "gauss"), ValueError, "`n` must be an integer of at least 1"),
        (lambda: sp.chebyshev_nodes(4, "radau"), ValueError, "`points` must be one of 'lobatto', 'gauss'"),
        (lambda: sp.chebyshev_weights(4, weight="x"), ValueError, "`weight` must be one of"),
        (lambda: sp.chebyshev_transform([1.0]), ValueError, r"`u.shape\[axis\]` must be an integer of at least 2"),
        (lambda: sp.legendre_nodes(0), ValueError, "`n`"),
        (lambda: sp.series_derivative(U, basis="hermite"), ValueError, "`basis` must be one of"),
        (lambda: sp.series_derivative(U, basis="fourier"), TypeError, "complex for a Fourier series"),
        (lambda: sp.series_derivative(C, basis="fourier", n=9), ValueError, "of a half spectrum of 4, 6 or 7; got 9"),
        (lambda: sp.series_evaluate(U, U), ValueError, r"`x` must be of shape \(n_points,\)"),
        (lambda: sp.series_integrate_vjp([1.0]), ValueError, "an integer of at least 2"),
        (lambda: sp.squared_norm(U), TypeError, "squared_norm: `c` must be complex for a Fourier series"),
        (lambda: sp.squared_norm(C, axes=1, n=4), ValueError, "`n` must be the points of a half spectrum of 4"),
        (lambda: sp.squared_norm(U, "chebyshev", n=4), ValueError, "`n` must be None without a Fourier basis"),
        (lambda: sp.squared_norm(U, ("chebyshev",)), ValueError, "or one for each of 2 axes"),
        (lambda: sp.squared_norm(U, 3), ValueError, "`bases` must be one of"),
        (lambda: sp.parseval(C, C[:2]), ValueError, "`b` must be of the shape of `a`"),
        (lambda: sp.parseval_vjp(1j, C, C, n=6), TypeError, "`bar` must be real"),
        (lambda: sp.series_product_vjp(C, C, C, n=6), ValueError, r"`bar` must be of shape \(9, 7\)"),
    ],
)  # fmt: skip
def test_nonsense_is_named(call, kind, what):
    with pytest.raises(kind, match=what):
        call()


LINEAR = (
    sp.derivative, sp.integrate, sp.gradient, sp.laplacian, sp.inverse_laplacian, sp.dealias, sp.filter,
    sp.chebyshev_transform, sp.chebyshev_inverse, sp.legendre_transform, sp.legendre_inverse,
    sp.series_derivative, sp.series_integrate, sp.integral,
)  # fmt: skip


def named(f):
    return f.__name__


@pytest.mark.parametrize("f", LINEAR, ids=named)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_passes_through(f, bad):
    u = U.copy()
    u[1, 2] = bad
    assert not np.isfinite(f(u)).all()
    u = u.astype(complex)
    assert not np.isfinite(f(u)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_passes_through_all_others(bad):
    u = U.copy()
    u[1, 2] = bad
    x = np.array([[0.1, 0.2]])
    assert not np.isfinite(sp.product(u, U)).all()
    assert not np.isfinite(sp.product_vjp(u, U, U)[0]).all()
    assert not np.isfinite(sp.interpolate(u, 9)).all()
    assert not np.isfinite(sp.evaluate(u, x)).all()
    assert not np.isfinite(sp.evaluate(U, bad * x)).all()
    assert not np.isfinite(sp.sobolev_norm(u, -1))
    assert not np.isfinite(sp.sobolev_norm_vjp(1.0, u, -1)).all()
    assert not np.isfinite(sp.energy_spectrum(u)[1]).all()
    assert not np.isfinite(sp.squared_norm(u + 0j))
    assert not np.isfinite(sp.series_product(u, U, "chebyshev")).all()
    assert not np.isfinite(sp.series_evaluate(u, [0.5])).all()


@pytest.mark.parametrize("f", LINEAR, ids=named)
def test_unusual_arrays_are_taken_and_left_as_they_are(f):
    how = {"axes": 1} if "axes" in inspect.signature(f).parameters else {}
    wanted = f(U, **how)
    for u in (*layouts(U), U.tolist()):
        np.testing.assert_allclose(f(u, **how), wanted, atol=1e-13)
        assert f(u, **how).dtype == np.float64
    whole = np.arange(24).reshape(4, 6)
    np.testing.assert_allclose(f(whole, **how), f(whole.astype(float), **how))
    empty = f(U[:0].astype(np.float32), **how)
    assert empty.size == 0 and empty.dtype == np.float32


@pytest.mark.parametrize("length", [5e-324, 1e-200, 1e300])
def test_periods_of_any_size_pass_in_silence(length):
    for f in (
        sp.derivative,
        sp.integrate,
        sp.laplacian,
        sp.inverse_laplacian,
        sp.gradient,
        sp.integral,
    ):
        assert f(U, length=length).dtype == float
    sp.wavenumbers(6, length)
    sp.evaluate(U[0], [0.1], length=length)


@pytest.mark.parametrize("kind", [float, complex])
def test_empty_batches(kind):
    u = np.zeros((0, 6), kind)
    x = np.zeros(3)
    assert sp.product(u, u, axes=1).shape == (0, 6)
    assert [bar.shape for bar in sp.product_vjp(u, u, u, axes=1)] == [(0, 6), (0, 6)]
    assert sp.interpolate(u, 9, axes=1).shape == (0, 9)
    assert sp.evaluate(u, x, axes=1).shape == (0, 3)
    assert sp.evaluate(np.zeros(6, kind), x[:0]).shape == (0,)
    u_bar, x_bar = sp.evaluate_vjp(np.zeros((0, 3)), u, x, axes=1)
    assert u_bar.shape == (0, 6) and not x_bar.any()
    assert sp.sobolev_norm(u, 1, axes=1).shape == (0,)
    assert sp.sobolev_norm_vjp(np.zeros(0), u, 1, axes=1).shape == (0, 6)
    k, energy = sp.energy_spectrum(u, axes=1)
    assert energy.shape == (0, len(k)) and sp.energy_spectrum_vjp(energy, u, axes=1).shape == (0, 6)
    assert sp.squared_norm(u + 0j, axes=1).shape == (0,)
    assert sp.series_product(u, u, "chebyshev", axes=1).shape == (0, 11)
    assert sp.series_evaluate(u, x).shape == (0, 3)
    assert sp.divergence(np.zeros((1, 0, 6), kind), axes=1).shape == (0, 6)


def test_what_is_returned_is_no_view_of_what_was_given():
    u = U.copy()
    for found in (
        sp.interpolate(u, (4, 6)), sp.interpolate_vjp(u, (4, 6)), sp.series_derivative(u, 0), sp.derivative(u, 0),
    ):  # fmt: skip
        assert not np.shares_memory(found, u)
    nodes = sp.legendre_nodes(5)
    nodes[:] = 0
    assert sp.legendre_nodes(5).any()
