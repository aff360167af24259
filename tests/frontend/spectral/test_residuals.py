"""Norms, products and residuals in coefficient space, against quadratures much finer than needed."""

import numpy as np
import pytest
from numpy.polynomial import chebyshev, legendre

from differences import central_difference
from tapeless import spectral as sp

RNG = np.random.default_rng(6)
LENGTH = 3.0
FINE = 200
X = LENGTH * np.arange(FINE) / FINE  # the trapezoidal rule
NODES = {
    "chebyshev": (
        sp.chebyshev_nodes(FINE, "gauss"),
        sp.chebyshev_weights(FINE, "gauss", "chebyshev"),
    ),
    "legendre": (sp.legendre_nodes(FINE), sp.legendre_weights(FINE)),
}
VALUE = {"chebyshev": chebyshev.chebval, "legendre": legendre.legval}


def half_spectrum(n, batch=()):
    """Return coefficients of a real field that is smooth."""
    u = RNG.standard_normal((*batch, n))
    return np.fft.rfft(u, norm="forward") * np.exp(-0.3 * np.arange(n // 2 + 1))


def waves(c, n, x=X):
    """Return the real field with these coefficients; the mode of Nyquist is a cosine."""
    k = 2 * np.pi / LENGTH * np.arange(n // 2 + 1)
    twice = np.where((np.arange(n // 2 + 1) > 0) & (2 * np.arange(n // 2 + 1) < n), 2, 1)
    return (c * twice @ np.exp(1j * np.outer(k, x))).real


def test_fourier_norms_are_integrals():
    for n in (9, 10):
        c = half_spectrum(n, (2,))
        c[..., n // 2] *= (
            n % 2
        )  # without the mode of Nyquist, whose square is not that of its sum over the grid
        wanted = LENGTH * np.mean(waves(c, n) ** 2, axis=-1)
        np.testing.assert_allclose(
            sp.squared_norm(c, axes=-1, length=LENGTH, n=n), wanted, rtol=1e-12
        )
    d = half_spectrum(9)
    wanted = LENGTH * np.mean(waves(half := half_spectrum(9), 9) * waves(d, 9))
    assert sp.parseval(half, d, length=LENGTH, n=9) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_half_spectra_weigh_the_mean_and_nyquist_once(n):
    u, v = RNG.standard_normal((2, 3, 4, n))
    half, full = (
        [f(w, axes=(0, 2), norm="forward") for w in (u, v)] for f in (np.fft.rfftn, np.fft.fftn)
    )
    wanted = LENGTH * 2 * (u * v).mean(axis=(0, 2))
    how = {"axes": (0, 2), "length": (2.0, LENGTH)}
    found = sp.parseval(*half, n=n, **how)
    assert found.dtype == float
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(sp.parseval(*full, **how), wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("basis", NODES)
def test_norms_of_polynomials_are_integrals(basis):
    x, weights = NODES[basis]
    c, d = RNG.standard_normal((2, 12))
    u, v = VALUE[basis](x, c), VALUE[basis](x, d)
    assert sp.squared_norm(c, basis) == pytest.approx(weights @ u**2, rel=1e-12)
    assert sp.parseval(c, d, basis) == pytest.approx(weights @ (u * v), rel=1e-12)
    if basis == "chebyshev":
        wanted = np.pi * c[0] ** 2 + np.pi / 2 * np.sum(c[1:] ** 2)
        assert sp.squared_norm(c, basis) == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("n", [1, 2, 3, 8, 9])
def test_products_of_fourier_series_keep_all_modes(n):
    a, b = half_spectrum(n), half_spectrum(n)
    c = sp.series_product(a, b, n=n)
    m = 4 * (n // 2) + 1
    assert c.shape == (m // 2 + 1,)
    # On a fine grid the Nyquist mode of an even n is that of interpolation, half of each of both.
    np.testing.assert_allclose(waves(c, m), waves(a, n) * waves(b, n), atol=1e-13)
    full = sp.series_product(np.fft.fft(np.fft.irfft(a, n)), np.fft.fft(np.fft.irfft(b, n)))
    np.testing.assert_allclose(full[: len(c)], c, atol=1e-13)


@pytest.mark.parametrize(
    ("basis", "product"), [("chebyshev", chebyshev.chebmul), ("legendre", legendre.legmul)]
)
@pytest.mark.parametrize("n", [1, 2, 7])
def test_products_of_polynomials_are_numpys(n, basis, product):
    a, b = RNG.standard_normal((2, n, 3))
    found = sp.series_product(a, b, basis, axes=0)
    for i in range(3):
        wanted = product(a[:, i], b[:, i])
        np.testing.assert_allclose(found[:, i], wanted, atol=1e-13)


def test_products_along_a_fourier_and_a_chebyshev_axis():
    """A field on a periodic interval and [-1, 1], against its values on a fine grid of both."""
    n, (t, weights) = 7, NODES["chebyshev"]
    a, b = half_spectrum(n, (2, 5))

    def values(c, n):
        return waves(np.moveaxis(chebyshev.chebval(t, c), 0, 1), n)  # points t, then x

    wanted = values(a, n) * values(b, n)
    bases = ("chebyshev", "fourier")
    c = sp.series_product(a, b, bases, n=n)
    assert c.shape == (9, 7)
    np.testing.assert_allclose(values(c, 13), wanted, atol=1e-13)
    norm = sp.squared_norm(c, bases, length=LENGTH, n=13)
    assert norm == pytest.approx(LENGTH * np.mean(weights @ wanted**2), rel=1e-12)


def gradient(loss, c):
    """Return the gradient by central differences, exact for losses of degree 2 and close for those of degree 4."""
    found = np.zeros(c.shape, c.dtype)
    for i in np.ndindex(c.shape):
        for unit in (1, 1j) if c.dtype.kind == "c" else (1,):
            along = np.zeros_like(c)
            along[i] = unit
            slope = central_difference(lambda s, along=along: loss(c + s * along), 1e-4)
            found[i] += unit * slope
    return found


class Poisson:
    """|u'' - f|^2 with its gradient."""

    def __init__(self, f, how, norm):
        self.f, self.how, self.norm = f, how, norm

    def residual(self, c):
        return sp.series_derivative(c, 2, **self.how) - self.f

    def __call__(self, c):
        return float(sp.squared_norm(self.residual(c), **self.norm))

    def gradient(self, c):
        bar = sp.squared_norm_vjp(1.0, self.residual(c), **self.norm)
        return sp.series_derivative_vjp(bar, 2, **self.how)


class Burgers:
    """|u u'|^2 with its gradient; `extra` is what a product takes, `norm` what the norm of a product does."""

    def __init__(self, how, extra, norm):
        self.how, self.extra, self.norm = how, extra, norm

    def residual(self, c):
        return sp.series_product(c, sp.series_derivative(c, **self.how), **self.extra)

    def __call__(self, c):
        return float(sp.squared_norm(self.residual(c), **self.norm))

    def gradient(self, c):
        bar = sp.squared_norm_vjp(1.0, self.residual(c), **self.norm)
        u_bar, du_bar = sp.series_product_vjp(
            bar, c, sp.series_derivative(c, **self.how), **self.extra
        )
        return u_bar + sp.series_derivative_vjp(du_bar, **self.how)


def k(n):
    return sp.wavenumbers(n, LENGTH, half=True)


@pytest.mark.parametrize("n", [9, 10])
def test_periodic_residuals(n):
    c, f = half_spectrum(n), half_spectrum(n)
    c[n // 2] *= n % 2
    f[n // 2] *= n % 2
    series = {"basis": "fourier", "length": LENGTH, "n": n}
    poisson = Poisson(f, series, {"length": LENGTH, "n": n})
    wanted = LENGTH * np.mean(waves(-(k(n) ** 2) * c - f, n) ** 2)
    assert poisson(c) == pytest.approx(wanted, rel=1e-10)
    np.testing.assert_allclose(poisson.gradient(c), gradient(poisson, c), rtol=1e-7, atol=1e-6)
    solved = -f / np.where(k(n) == 0, np.inf, k(n)) ** 2
    assert poisson(solved) == pytest.approx(
        LENGTH * abs(f[0]) ** 2
    )  # the mean, that no second derivative has

    burgers = Burgers(series, {"n": n}, {"length": LENGTH, "n": 4 * (n // 2) + 1})
    wanted = LENGTH * np.mean((waves(c, n) * waves(1j * k(n) * c, n)) ** 2)
    assert burgers(c) == pytest.approx(wanted, rel=1e-10)
    np.testing.assert_allclose(burgers.gradient(c), gradient(burgers, c), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("basis", NODES)
def test_residuals_of_polynomials(basis):
    x, weights = NODES[basis]
    value = VALUE[basis]
    derivative = {"chebyshev": chebyshev.chebder, "legendre": legendre.legder}[basis]
    c, f = RNG.standard_normal((2, 9)) * np.exp(-0.5 * np.arange(9))
    poisson = Poisson(f, {"basis": basis}, {"bases": basis})
    wanted = weights @ (value(x, derivative(c, 2)) - value(x, f)) ** 2
    assert poisson(c) == pytest.approx(wanted, rel=1e-10)
    np.testing.assert_allclose(poisson.gradient(c), gradient(poisson, c), rtol=1e-6, atol=1e-5)

    burgers = Burgers({"basis": basis}, {"bases": basis}, {"bases": basis})
    wanted = weights @ (value(x, c) * value(x, derivative(c))) ** 2
    assert burgers(c) == pytest.approx(wanted, rel=1e-10)
    np.testing.assert_allclose(burgers.gradient(c), gradient(burgers, c), rtol=1e-6, atol=1e-5)
