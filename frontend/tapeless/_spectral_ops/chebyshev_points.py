"""Chebyshev points, their quadratures and their differentiation matrices."""

from typing import Literal

import numpy as np

from tapeless import _check as check
from tapeless._spectral_ops.arguments import Floats, point_count
from tapeless._spectral_ops.chebyshev import (
    Points,
    chebyshev_inverse,
    chebyshev_transform,
    chebyshev_transform_vjp,
)
from tapeless._spectral_ops.series import series_derivative
from tapeless._types import Integer


def chebyshev_nodes(n: Integer, points: Points = "lobatto") -> Floats:
    r"""Return Chebyshev points on [-1, 1] in increasing order.

    Parameters
    ----------
    n : int
        How many, at least 1, and 2 for "lobatto".
    points : "lobatto" or "gauss"
        The extrema of a Chebyshev polynomial, with both ends, or the zeros of the next.

    Returns
    -------
    ndarray of float64, shape (n,)
        :math:`-\cos(\pi j / (n - 1))` or :math:`-\cos(\pi (j + 1/2) / n)`, symmetric to the bit.

    Raises
    ------
    ValueError
        If there are no such points.

    Examples
    --------
    >>> from tapeless import spectral
    >>> spectral.chebyshev_nodes(3)
    array([-1.,  0.,  1.])
    """
    n = point_count("chebyshev_nodes", "n", n, points)
    last, shift = (n - 1, 0) if points == "lobatto" else (n, 1)
    # As sines, which are odd in rounding too.
    return np.sin(np.pi * (2 * np.arange(n) + shift - last) / (2 * last))


def chebyshev_weights(
    n: Integer, points: Points = "lobatto", weight: Literal["uniform", "chebyshev"] = "uniform"
) -> Floats:
    r"""Return the weights of a quadrature on Chebyshev points.

    Parameters
    ----------
    n : int
        How many points, at least 1, and 2 for "lobatto".
    points : "lobatto" or "gauss"
        As for `chebyshev_nodes`.
    weight : "uniform" or "chebyshev"
        Whether to integrate f or :math:`f / \sqrt{1 - x^2}`.

    Returns
    -------
    ndarray of float64, shape (n,)
        Of Clenshaw and Curtis ("lobatto") or Fejer ("gauss") for "uniform": exact for polynomials of degrees below n.
        Of Gauss and Chebyshev for "chebyshev": exact below 2 n on "gauss" points and below 2 n - 2 on "lobatto" ones.

    Raises
    ------
    ValueError
        If there are no such points, or no such weight.

    Notes
    -----
    Each is the transpose of `chebyshev_transform` applied to the integrals of the polynomials.

    References
    ----------
    .. [1] Waldvogel, Fast construction of the Fejer and Clenshaw-Curtis quadrature rules, *BIT* 46 (2006).

    Examples
    --------
    >>> from tapeless import spectral
    >>> spectral.chebyshev_weights(3) * 3
    array([1., 4., 1.])
    """
    n = point_count("chebyshev_weights", "n", n, points)
    moments = np.zeros(n)
    if check.one_of("chebyshev_weights", "weight", weight, ("uniform", "chebyshev")) == "uniform":
        moments[::2] = 2 / (1 - np.arange(0, n, 2) ** 2)
    else:
        moments[0] = np.pi
    return chebyshev_transform_vjp(moments, points=points).real


def differentiation_matrix(n: Integer, points: Points = "lobatto") -> Floats:
    """Return the matrix that maps values on Chebyshev points to those of the derivative there.

    Parameters
    ----------
    n : int
        How many points, at least 1, and 2 for "lobatto".
    points : "lobatto" or "gauss"
        Which points.

    Returns
    -------
    ndarray of float64, shape (n, n)
        The matrix, from the derivatives of the coefficients. Its transpose is the transpose of the map.

    Raises
    ------
    ValueError
        If there are no such points.

    References
    ----------
    .. [1] Trefethen, *Spectral Methods in MATLAB* (2000), chapter 6.

    Examples
    --------
    >>> from tapeless import spectral
    >>> spectral.differentiation_matrix(2)
    array([[-0.5,  0.5],
           [-0.5,  0.5]])
    """
    n = point_count("differentiation_matrix", "n", n, points)
    c = series_derivative(chebyshev_transform(np.eye(n), 0, points), axis=0)
    return chebyshev_inverse(c, 0, points).real
