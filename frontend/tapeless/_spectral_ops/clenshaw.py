"""Values of series of polynomials at any points, by Clenshaw's recurrence; with the transpose below."""

from typing import Any

import numpy as np

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._interchange import takes_arrays
from tapeless._spectral_ops.arguments import Field, Floats, as_axis, as_field, like
from tapeless._spectral_ops.bases import (
    Basis,
    numbers,
    polynomial_derivative,
    polynomials_of,
    vandermonde,
)
from tapeless._spectral_ops.series import Polynomials
from tapeless._types import ArrayInput, Integer


@takes_arrays
def series_evaluate(
    c: ArrayInput, x: ArrayInput, axis: Integer = -1, basis: Polynomials = "chebyshev"
) -> Field:
    """Return values of a series of polynomials at any points, by Clenshaw's recurrence.

    Parameters
    ----------
    c : array
        Coefficients; real or complex.
    x : array, shape (n_points,)
        The points, in [-1, 1] for what follows to be well conditioned.
    axis : int
        The axis of the coefficients.
    basis : "chebyshev" or "legendre"
        What they are coefficients of.

    Returns
    -------
    ndarray, shape (..., n_points), dtype of `c`
        The values; before the points the other axes of `c`.

    Raises
    ------
    TypeError
        If `c` is of no such dtype, or `x` not real.
    ValueError
        If `x` has not one axis, there is no such axis or basis, or it is empty.

    References
    ----------
    .. [1] Clenshaw, A note on the summation of Chebyshev series, *Mathematics of Computation* 9 (1955).

    Examples
    --------
    >>> from tapeless import spectral
    >>> spectral.series_evaluate([1.0, 0.0, 1.0], [0.0, 0.5])  # 2 x**2
    array([0. , 0.5])
    """
    caller = "series_evaluate"
    c, x, polynomials = _points(caller, c, x, axis, basis)
    return _clenshaw(c, x, polynomials)


@takes_arrays
def series_evaluate_vjp(
    bar: ArrayInput,
    c: ArrayInput,
    x: ArrayInput,
    axis: Integer = -1,
    basis: Polynomials = "chebyshev",
) -> tuple[Field, Floats]:
    """Return the cotangents of the coefficients and of the points from that of `series_evaluate`.

    Parameters
    ----------
    bar : array, shape (..., n_points)
        Cotangent of the values.
    c, x, axis, basis : array, array, int, str
        As for `series_evaluate`.

    Returns
    -------
    c_bar : ndarray, shape and dtype of `c`
        Cotangent of the coefficients.
    x_bar : ndarray, shape of `x`, precision of `c`
        Cotangent of the points.

    Raises
    ------
    TypeError, ValueError
        As of `series_evaluate`, and if `bar` is not of the shape of its values.
    """
    caller = "series_evaluate_vjp"
    c, x, polynomials = _points(caller, c, x, axis, basis)
    bar = like(caller, "bar", bar, (*c.shape[:-1], len(x)), c.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        c_bar = bar @ vandermonde(polynomials, c.shape[-1], x).T
        slope = bar.conj() * _clenshaw(polynomial_derivative(c, polynomials), x, polynomials)
        x_bar = slope.real.sum(axis=tuple(range(slope.ndim - 1)))
    return np.moveaxis(c_bar, -1, axis), x_bar


def _clenshaw(c: Field, x: Floats, basis: Basis) -> Field:
    """Return sum c_k phi_k(x): b_k = c_k + alpha_k x b_{k+1} + beta_{k+1} b_{k+2}, down to b_0."""
    n = c.shape[-1]
    alpha, beta = (numbers(sequence, n + 1, x.dtype) for sequence in (basis.alpha, basis.beta))
    b = np.zeros((*c.shape[:-1], len(x)), c.dtype)
    above = b
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(n - 1, -1, -1):
            b, above = c[..., i, None] + alpha[i] * x * b + beta[i + 1] * above, b
    return b


def _points(caller: str, c: Any, x: Any, axis: Any, basis: Any) -> tuple[Field, Floats, Basis]:
    """Return the coefficients along the last axis, the points in their precision, and the basis."""
    c, x, polynomials = (
        as_field(caller, "c", c),
        check.as_state(caller, "x", x),
        polynomials_of(caller, basis),
    )
    axis = as_axis(caller, axis, c, "c")
    if x.ndim != 1:
        raise complain(ValueError, caller, "x", "of shape (n_points,)", describe(x))
    return np.moveaxis(c, axis, -1), x.astype(c.real.dtype, copy=False), polynomials
