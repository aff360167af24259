"""Values on Chebyshev points and coefficients of Chebyshev series, by cosine transforms; each transpose right below."""

from typing import Any, Literal

import numpy as np

from tapeless._interchange import takes_arrays
from tapeless._spectral_ops import engine as fft
from tapeless._spectral_ops.arguments import Field, Floats, as_axis, as_field, point_count
from tapeless._spectral_ops.transforms import shaped, times
from tapeless._types import ArrayInput, Integer

Points = Literal["lobatto", "gauss"]


@takes_arrays
def chebyshev_transform(u: ArrayInput, axis: Integer = -1, points: Points = "lobatto") -> Field:
    """Return the coefficients of the Chebyshev series through values on Chebyshev points.

    Parameters
    ----------
    u : array
        Values on `chebyshev_nodes`; real or complex.
    axis : int
        The axis of the points.
    points : "lobatto" or "gauss"
        Which points.

    Returns
    -------
    ndarray, shape and dtype of `u`
        Coefficients of the polynomials of degrees 0 to n - 1.

    Raises
    ------
    TypeError
        If `u` is of no such dtype.
    ValueError
        If there is no such axis, it is empty or, for "lobatto", has one point, or there are no such points.

    References
    ----------
    .. [1] Trefethen, *Approximation Theory and Approximation Practice* (2013), chapter 3.

    Examples
    --------
    >>> from tapeless import spectral
    >>> x = spectral.chebyshev_nodes(4)
    >>> spectral.chebyshev_transform(4 * x**3).round(12) + 0.0
    array([0., 3., 0., 1.])
    """
    u, axis, n = _prepare("chebyshev_transform", "u", u, axis, points)
    c = _cosines(u, axis, points, 2)
    scale = _signs(n) / n
    if points == "lobatto":
        scale = _signs(n) / (n - 1)
        scale[-1] /= 2
    scale[0] /= 2
    return times(c, shaped(scale, axis, u.ndim))


@takes_arrays
def chebyshev_transform_vjp(
    c_bar: ArrayInput, axis: Integer = -1, points: Points = "lobatto"
) -> Field:
    """Return the cotangent of the values from that of `chebyshev_transform`.

    Parameters
    ----------
    c_bar : array
        Cotangent of the coefficients.
    axis, points : int, str
        As for `chebyshev_transform`.

    Returns
    -------
    ndarray, shape and dtype of `c_bar`
        Cotangent of the values.

    Raises
    ------
    TypeError, ValueError
        As of `chebyshev_transform`.
    """
    c_bar, axis, n = _prepare("chebyshev_transform_vjp", "c_bar", c_bar, axis, points)
    if points == "gauss":
        return _cosines(times(c_bar, shaped(_signs(n) / n, axis, c_bar.ndim)), axis, points, 3)
    # The matrix of type 1 is C diag(1, 2, ..., 2, 1) with a symmetric C, and its transpose that diagonal times C.
    c = _cosines(times(c_bar, shaped(_signs(n) / (n - 1), axis, c_bar.ndim)), axis, points, 1)
    return times(c, shaped(_ends(n), axis, c.ndim))


@takes_arrays
def chebyshev_inverse(c: ArrayInput, axis: Integer = -1, points: Points = "lobatto") -> Field:
    """Return the values of a Chebyshev series on Chebyshev points, as many as it has coefficients.

    Parameters
    ----------
    c : array
        Coefficients of the polynomials of degrees 0 to n - 1; real or complex.
    axis : int
        The axis of the coefficients.
    points : "lobatto" or "gauss"
        Which points.

    Returns
    -------
    ndarray, shape and dtype of `c`
        Values on `chebyshev_nodes`.

    Raises
    ------
    TypeError
        If `c` is of no such dtype.
    ValueError
        If there is no such axis, it is empty or, for "lobatto", has one entry, or there are no such points.

    Examples
    --------
    >>> from tapeless import spectral
    >>> spectral.chebyshev_inverse([0.0, 0.0, 1.0]).round(12) + 0.0  # 2 x**2 - 1
    array([ 1., -1.,  1.])
    """
    c, axis, n = _prepare("chebyshev_inverse", "c", c, axis, points)
    scale = _signs(n) / 2
    scale[0] *= 2
    if points == "lobatto":
        scale[-1] *= 2
    return _cosines(times(c, shaped(scale, axis, c.ndim)), axis, points, 3)


@takes_arrays
def chebyshev_inverse_vjp(
    u_bar: ArrayInput, axis: Integer = -1, points: Points = "lobatto"
) -> Field:
    """Return the cotangent of the coefficients from that of `chebyshev_inverse`.

    Parameters
    ----------
    u_bar : array
        Cotangent of the values.
    axis, points : int, str
        As for `chebyshev_inverse`.

    Returns
    -------
    ndarray, shape and dtype of `u_bar`
        Cotangent of the coefficients.

    Raises
    ------
    TypeError, ValueError
        As of `chebyshev_inverse`.
    """
    u_bar, axis, n = _prepare("chebyshev_inverse_vjp", "u_bar", u_bar, axis, points)
    if points == "lobatto":
        u_bar = times(u_bar, shaped(1 / _ends(n), axis, u_bar.ndim))
    return times(_cosines(u_bar, axis, points, 2), shaped(_signs(n) / 2, axis, u_bar.ndim))


def _cosines(u: Field, axis: int, points: str, kind: int) -> Field:
    """Return a cosine transform of u: type 1 on Lobatto points, on Gauss points that of `kind`."""
    return fft.dct(u, type=1 if points == "lobatto" else kind, axis=axis)


def _signs(n: int) -> Floats:
    """Return (-1)^k: cosine transforms have the points in decreasing order, where odd polynomials change sign."""
    signs = np.ones(n)
    signs[1::2] = -1
    return signs


def _ends(n: int) -> Floats:
    """Return 1, and 1/2 at both ends."""
    ends = np.ones(n)
    ends[[0, -1]] = 0.5
    return ends


def _prepare(caller: str, name: str, u: Any, axis: Any, points: Any) -> tuple[Field, int, int]:
    u = as_field(caller, name, u)
    axis = as_axis(caller, axis, u, name)
    return u, axis, point_count(caller, f"{name}.shape[axis]", u.shape[axis], points)
