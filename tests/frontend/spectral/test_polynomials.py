"""Chebyshev and Legendre series against numpy.polynomial, quadratures against integrals."""

import numpy as np
import pytest
from numpy.polynomial import chebyshev, legendre

from tapeless import spectral as sp

RNG = np.random.default_rng(4)
NUMPY = {"chebyshev": chebyshev, "legendre": legendre}
VALUE = {"chebyshev": chebyshev.chebval, "legendre": legendre.legval}
DERIVATIVE = {"chebyshev": chebyshev.chebder, "legendre": legendre.legder}
INTEGRAL = {"chebyshev": chebyshev.chebint, "legendre": legendre.legint}
DTYPES = (np.float32, np.float64, np.complex64, np.complex128)
KINDS = [
    (n, points)
    for n in (1, 2, 3, 8, 13)
    for points in ("lobatto", "gauss")
    if n > 1 or points == "gauss"
]


def draw(shape, dtype):
    c = RNG.standard_normal(shape)
    return (c + 1j * RNG.standard_normal(shape) if np.dtype(dtype).kind == "c" else c).astype(dtype)


def close(found, wanted, dtype):
    assert found.dtype == dtype
    scale = max(1.0, np.abs(wanted).max())
    np.testing.assert_allclose(found, wanted, atol=100 * np.finfo(dtype).eps * scale, rtol=0)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize(("n", "points"), KINDS)
def test_chebyshev_transforms(n, points, dtype):
    x = sp.chebyshev_nodes(n, points)
    c = draw((2, n, 3), dtype)
    values = np.moveaxis(chebyshev.chebval(x, np.moveaxis(c, 1, 0)), -1, 1)
    close(sp.chebyshev_inverse(c, 1, points), values, dtype)
    close(sp.chebyshev_transform(values.astype(dtype), 1, points), c, dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("n", [1, 2, 3, 8, 13])
def test_legendre_transforms(n, dtype):
    x = sp.legendre_nodes(n)
    c = draw((2, n, 3), dtype)
    values = np.moveaxis(legendre.legval(x, np.moveaxis(c, 1, 0)), -1, 1)
    close(sp.legendre_inverse(c, 1), values, dtype)
    close(sp.legendre_transform(values.astype(dtype), 1), c, dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("basis", NUMPY)
@pytest.mark.parametrize("n", [1, 2, 3, 8, 13])
def test_calculus_of_coefficients(n, basis, dtype):
    c = draw((n, 2), dtype)
    for order in range(4):
        wanted = np.zeros((n, 2), c.dtype)
        derived = DERIVATIVE[basis](c.astype(complex), order)
        wanted = wanted.astype(complex)
        wanted[: len(derived)] = derived
        close(sp.series_derivative(c, order, 0, basis), wanted, dtype)
    close(sp.series_integrate(c, 0, basis), INTEGRAL[basis](c, lbnd=-1), dtype)
    x = RNG.uniform(-1, 1, 7)
    close(sp.series_evaluate(c, x, 0, basis), VALUE[basis](x, c), dtype)


@pytest.mark.parametrize(("n", "points"), KINDS)
def test_quadratures_are_exact_to_their_degrees(n, points):
    x = sp.chebyshev_nodes(n, points)
    assert np.array_equal(x, -x[::-1]) and (np.diff(x) > 0).all()
    uniform, weighted = (sp.chebyshev_weights(n, points, w) for w in ("uniform", "chebyshev"))
    for k in range(n):
        assert uniform @ x**k == pytest.approx((1 + (-1) ** k) / (k + 1), abs=1e-14)
    for k in range(2 * n if points == "gauss" else 2 * n - 2):
        wanted = np.pi * (k == 0)
        assert weighted @ chebyshev.chebval(x, np.eye(1, k + 1, k)[0]) == pytest.approx(
            wanted, abs=1e-13
        )
    x, weights = sp.legendre_nodes(n), sp.legendre_weights(n)
    for k in range(2 * n):
        assert weights @ x**k == pytest.approx((1 + (-1) ** k) / (k + 1), abs=1e-14)


@pytest.mark.parametrize(("n", "points"), KINDS)
def test_differentiation_matrices_are_exact_on_polynomials(n, points):
    x, matrix = sp.chebyshev_nodes(n, points), sp.differentiation_matrix(n, points)
    for k in range(n):
        np.testing.assert_allclose(matrix @ x**k, k * x ** max(k - 1, 0), atol=1e-12)


def test_analytic_functions_converge_exponentially():
    for transform, nodes, basis in (
        (sp.chebyshev_transform, sp.chebyshev_nodes, "chebyshev"),
        (sp.legendre_transform, sp.legendre_nodes, "legendre"),
    ):
        errors, x = [], np.linspace(-1, 1, 50)
        for n in (6, 12, 24):
            c = sp.series_derivative(transform(np.exp(np.sin(2 * nodes(n)))), basis=basis)
            wanted = 2 * np.cos(2 * x) * np.exp(np.sin(2 * x))
            errors.append(np.abs(sp.series_evaluate(c, x, basis=basis) - wanted).max())
        assert errors[0] > 0.1 and errors[1] < 0.1 and errors[2] < 1e-6


def test_the_sum_of_an_antiderivative_is_the_integral():
    x = sp.chebyshev_nodes(20)
    c = sp.series_integrate(sp.chebyshev_transform(np.exp(x)))
    assert c.sum() == pytest.approx(np.e - 1 / np.e, rel=1e-15)
    assert sp.series_evaluate(c, [-1.0])[0] == pytest.approx(0, abs=1e-15)
