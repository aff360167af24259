"""Series by their coefficients: derivatives and integrals; each with its transpose right below."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._interchange import takes_arrays
from tapeless._spectral_ops.arguments import (
    Field,
    Floats,
    as_axis,
    as_field,
    as_length,
    whole,
)
from tapeless._spectral_ops.bases import (
    POLYNOMIALS,
    Basis,
    numbers,
    polynomial_derivative,
    polynomial_derivative_vjp,
    polynomials_of,
)
from tapeless._spectral_ops.transforms import TWO_PI, power, shaped, times
from tapeless._types import ArrayInput, Integer

BASES = ("fourier", *POLYNOMIALS)
Polynomials = Literal["chebyshev", "legendre"]
Bases = Literal["fourier", "chebyshev", "legendre"]


@takes_arrays
def series_derivative(
    c: ArrayInput,
    order: Integer = 1,
    axis: Integer = -1,
    basis: Bases = "chebyshev",
    length: float = TWO_PI,
    n: Integer | None = None,
) -> Field:
    """Return the coefficients of a derivative of a series from those of the series.

    Parameters
    ----------
    c : array
        Coefficients; real or complex for polynomials, complex for "fourier".
    order : int
        Which derivative, at least 0.
    axis : int
        The axis of the coefficients.
    basis : "chebyshev", "legendre" or "fourier"
        What they are coefficients of.
    length : float
        The period of a Fourier series. Polynomials are on [-1, 1].
    n : int, optional
        Of a Fourier series the number of points, if `c` is the half spectrum of a real field.

    Returns
    -------
    ndarray, shape and dtype of `c`
        As many coefficients: the highest ones of a derivative of polynomials are 0.

    Raises
    ------
    TypeError
        If `c` is of no such dtype.
    ValueError
        If there is no such order, axis, basis or period, or `c` is no half spectrum of `n` points.

    Examples
    --------
    >>> from tapeless import spectral
    >>> spectral.series_derivative([0.0, 0.0, 0.0, 1.0])  # of 4 x**3 - 3 x
    array([3., 0., 6., 0.])
    """
    caller = "series_derivative"
    c, order = as_field(caller, "c", c), whole(caller, "order", order, 0)
    axis = as_axis(caller, axis, c, "c")
    if check.one_of(caller, "basis", basis, BASES) == "fourier":
        return times(c, _symbol(caller, "c", c, order, axis, length, n))
    c = np.moveaxis(c, axis, -1)
    for _ in range(order):
        c = polynomial_derivative(c, POLYNOMIALS[basis])
    return np.moveaxis(c, -1, axis).copy()


@takes_arrays
def series_derivative_vjp(
    dc_bar: ArrayInput,
    order: Integer = 1,
    axis: Integer = -1,
    basis: Bases = "chebyshev",
    length: float = TWO_PI,
    n: Integer | None = None,
) -> Field:
    """Return the cotangent of the coefficients from that of `series_derivative`.

    Parameters
    ----------
    dc_bar : array
        Cotangent of the derivative's coefficients.
    order, axis, basis, length, n : int, int, str, float, int
        As for `series_derivative`.

    Returns
    -------
    ndarray, shape and dtype of `dc_bar`
        Cotangent of the coefficients.

    Raises
    ------
    TypeError, ValueError
        As of `series_derivative`.
    """
    caller = "series_derivative_vjp"
    bar, order = as_field(caller, "dc_bar", dc_bar), whole(caller, "order", order, 0)
    axis = as_axis(caller, axis, bar, "dc_bar")
    if check.one_of(caller, "basis", basis, BASES) == "fourier":
        return times(bar, _symbol(caller, "dc_bar", bar, order, axis, length, n).conj())
    bar = np.moveaxis(bar, axis, -1)
    for _ in range(order):
        bar = polynomial_derivative_vjp(bar, POLYNOMIALS[basis])
    return np.moveaxis(bar, -1, axis).copy()


@takes_arrays
def series_integrate(c: ArrayInput, axis: Integer = -1, basis: Polynomials = "chebyshev") -> Field:
    """Return the coefficients of the antiderivative of a series of polynomials that is 0 at -1.

    Parameters
    ----------
    c : array
        Coefficients; real or complex.
    axis : int
        The axis of the coefficients.
    basis : "chebyshev" or "legendre"
        What they are coefficients of.

    Returns
    -------
    ndarray, shape of `c` with one more along `axis`, dtype of `c`
        The coefficients; their sum is the integral over [-1, 1].

    Raises
    ------
    TypeError
        If `c` is of no such dtype.
    ValueError
        If there is no such axis or basis, or it is empty.

    Examples
    --------
    >>> from tapeless import spectral
    >>> spectral.series_integrate([3.0])  # 3 x + 3
    array([3., 3.])
    """
    caller = "series_integrate"
    c, polynomials = as_field(caller, "c", c), polynomials_of(caller, basis)
    axis = as_axis(caller, axis, c, "c")
    c = np.moveaxis(c, axis, -1)
    raised, lowered, signs = _integration(polynomials, c)
    found = np.zeros((*c.shape[:-1], c.shape[-1] + 1), c.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        found[..., 1:] = raised * c
        found[..., 1:-2] -= lowered[2:] * c[..., 2:]
        found[..., 0] = -(signs * found[..., 1:]).sum(axis=-1)
    return np.moveaxis(found, -1, axis)


@takes_arrays
def series_integrate_vjp(
    bar: ArrayInput, axis: Integer = -1, basis: Polynomials = "chebyshev"
) -> Field:
    """Return the cotangent of the coefficients from that of `series_integrate`.

    Parameters
    ----------
    bar : array
        Cotangent of the antiderivative's coefficients, at least two along `axis`.
    axis, basis : int, str
        As for `series_integrate`.

    Returns
    -------
    ndarray, shape of `bar` with one less along `axis`, dtype of `bar`
        Cotangent of the coefficients.

    Raises
    ------
    TypeError, ValueError
        As of `series_integrate`.
    """
    caller = "series_integrate_vjp"
    bar, polynomials = as_field(caller, "bar", bar), polynomials_of(caller, basis)
    axis = as_axis(caller, axis, bar, "bar")
    whole(caller, "bar.shape[axis]", bar.shape[axis], 2)
    bar = np.moveaxis(bar, axis, -1)
    raised, lowered, signs = _integration(polynomials, bar[..., 1:])
    with np.errstate(over="ignore", invalid="ignore"):
        kept = bar[..., 1:] - signs * bar[..., :1]
        found = raised * kept
        found[..., 2:] -= lowered[2:] * kept[..., :-2]
    return np.moveaxis(found, -1, axis)


def _integration(basis: Basis, c: Field) -> tuple[Floats, Floats, Floats]:
    """Return how each coefficient enters that above and that below it, and the polynomials from 1 on at -1."""
    n, dtype = c.shape[-1], c.real.dtype
    signs = (-1.0) ** np.arange(1, n + 1)
    return numbers(basis.raised, n, dtype), numbers(basis.lowered, n, dtype), signs.astype(dtype)


def _symbol(
    caller: str, name: str, c: Field, order: int, axis: int, length: Any, n: Any
) -> NDArray[Any]:
    size, length = c.shape[axis], as_length(caller, length)
    if c.dtype.kind != "c":
        raise complain(TypeError, caller, name, "complex for a Fourier series", describe(c))
    half = n is not None
    n = whole(caller, "n", n, 1) if half else size
    if half and n // 2 + 1 != size:
        wanted = f"the points of a half spectrum of {size}, {2 * size - 2} or {2 * size - 1}"
        raise complain(ValueError, caller, "n", wanted, describe(n))
    return shaped(power(n, half, order, length, c.real.dtype), axis, c.ndim)
