"""Values on Gauss points and coefficients of Legendre series, by matrices; each transpose right below."""

from functools import lru_cache
from typing import Any

import numpy as np

from tapeless._interchange import takes_arrays
from tapeless._spectral_ops.arguments import Field, Floats, as_axis, as_field, real_of, whole
from tapeless._spectral_ops.bases import LEGENDRE, vandermonde
from tapeless._types import ArrayInput, Integer


def legendre_nodes(n: Integer) -> Floats:
    """Return the Gauss-Legendre points on [-1, 1] in increasing order.

    Parameters
    ----------
    n : int
        How many, at least 1.

    Returns
    -------
    ndarray of float64, shape (n,)
        The zeros of the Legendre polynomial of degree n.

    Raises
    ------
    ValueError
        If `n` is no positive integer.

    Examples
    --------
    >>> from tapeless import spectral
    >>> 3 * spectral.legendre_nodes(2) ** 2
    array([1., 1.])
    """
    return _gauss(whole("legendre_nodes", "n", n, 1))[0].copy()


def legendre_weights(n: Integer) -> Floats:
    """Return the Gauss-Legendre weights.

    Parameters
    ----------
    n : int
        How many points, at least 1.

    Returns
    -------
    ndarray of float64, shape (n,)
        Weights whose sums over `legendre_nodes` are integrals, exact for polynomials of degrees below 2 n.

    Raises
    ------
    ValueError
        If `n` is no positive integer.

    Examples
    --------
    >>> from tapeless import spectral
    >>> spectral.legendre_weights(2)
    array([1., 1.])
    """
    return _gauss(whole("legendre_weights", "n", n, 1))[1].copy()


@takes_arrays
def legendre_transform(u: ArrayInput, axis: Integer = -1) -> Field:
    """Return the coefficients of the Legendre series through values on Gauss points.

    Parameters
    ----------
    u : array
        Values on `legendre_nodes`; real or complex.
    axis : int
        The axis of the points.

    Returns
    -------
    ndarray, shape and dtype of `u`
        Coefficients of the polynomials of degrees 0 to n - 1, by Gauss quadrature: a matrix product.

    Raises
    ------
    TypeError
        If `u` is of no such dtype.
    ValueError
        If there is no such axis, or it is empty.

    References
    ----------
    .. [1] Canuto, Hussaini, Quarteroni and Zang, *Spectral Methods: Fundamentals in Single Domains* (2006), 2.3.

    Examples
    --------
    >>> from tapeless import spectral
    >>> x = spectral.legendre_nodes(4)
    >>> spectral.legendre_transform(5 * x**3).round(12) + 0.0
    array([0., 3., 0., 2.])
    """
    u, axis, (_, analysis) = _prepare("legendre_transform", "u", u, axis)
    return _product(analysis, u, axis)


@takes_arrays
def legendre_transform_vjp(c_bar: ArrayInput, axis: Integer = -1) -> Field:
    """Return the cotangent of the values from that of `legendre_transform`.

    Parameters
    ----------
    c_bar : array
        Cotangent of the coefficients.
    axis : int
        As for `legendre_transform`.

    Returns
    -------
    ndarray, shape and dtype of `c_bar`
        Cotangent of the values.

    Raises
    ------
    TypeError, ValueError
        As of `legendre_transform`.
    """
    c_bar, axis, (_, analysis) = _prepare("legendre_transform_vjp", "c_bar", c_bar, axis)
    return _product(analysis.T, c_bar, axis)


@takes_arrays
def legendre_inverse(c: ArrayInput, axis: Integer = -1) -> Field:
    """Return the values of a Legendre series on Gauss points, as many as it has coefficients.

    Parameters
    ----------
    c : array
        Coefficients of the polynomials of degrees 0 to n - 1; real or complex.
    axis : int
        The axis of the coefficients.

    Returns
    -------
    ndarray, shape and dtype of `c`
        Values on `legendre_nodes`.

    Raises
    ------
    TypeError
        If `c` is of no such dtype.
    ValueError
        If there is no such axis, or it is empty.

    Examples
    --------
    >>> from tapeless import spectral
    >>> spectral.legendre_inverse([5.0, 0.0])
    array([5., 5.])
    """
    c, axis, (synthesis, _) = _prepare("legendre_inverse", "c", c, axis)
    return _product(synthesis, c, axis)


@takes_arrays
def legendre_inverse_vjp(u_bar: ArrayInput, axis: Integer = -1) -> Field:
    """Return the cotangent of the coefficients from that of `legendre_inverse`.

    Parameters
    ----------
    u_bar : array
        Cotangent of the values.
    axis : int
        As for `legendre_inverse`.

    Returns
    -------
    ndarray, shape and dtype of `u_bar`
        Cotangent of the coefficients.

    Raises
    ------
    TypeError, ValueError
        As of `legendre_inverse`.
    """
    u_bar, axis, (synthesis, _) = _prepare("legendre_inverse_vjp", "u_bar", u_bar, axis)
    return _product(synthesis.T, u_bar, axis)


def _product(matrix: Floats, u: Field, axis: int) -> Field:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.moveaxis(np.moveaxis(u, axis, -1) @ matrix.T, -1, axis)


def _prepare(caller: str, name: str, u: Any, axis: Any) -> tuple[Field, int, tuple[Floats, Floats]]:
    u = as_field(caller, name, u)
    axis = as_axis(caller, axis, u, name)
    return u, axis, _matrices(u.shape[axis], real_of(u.dtype))


@lru_cache(maxsize=32)
def _gauss(n: int) -> tuple[Floats, Floats]:
    from scipy.special import roots_legendre  # loaded on first use

    return roots_legendre(n)


@lru_cache(maxsize=32)
def _matrices(n: int, dtype: np.dtype[Any]) -> tuple[Floats, Floats]:
    """Return the matrix from coefficients to values, and its inverse."""
    x, weights = _gauss(n)
    polynomials = vandermonde(LEGENDRE, n, x)
    analysis = polynomials * weights / LEGENDRE.norms(np.arange(n, dtype=float))[:, None]
    return np.ascontiguousarray(polynomials.T, dtype), analysis.astype(dtype)
