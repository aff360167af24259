"""Products of series that keep all modes, by values on grids that hold them; the transpose right below."""

from collections.abc import Sequence

import numpy as np

from tapeless._interchange import takes_arrays
from tapeless._spectral_ops.arguments import Axes, Field, like, same_pair
from tapeless._spectral_ops.expansions import (
    analysis,
    analysis_vjp,
    prepare,
    synthesis,
    synthesis_vjp,
)
from tapeless._spectral_ops.series import Bases
from tapeless._spectral_ops.transforms import TWO_PI
from tapeless._types import ArrayInput, Integer


@takes_arrays
def series_product(
    a: ArrayInput,
    b: ArrayInput,
    bases: Bases | Sequence[Bases] = "fourier",
    axes: Axes = None,
    n: Integer | None = None,
) -> Field:
    """Return the coefficients of the product of two series: all its modes, without aliases.

    Parameters
    ----------
    a, b : array
        Coefficients, as for `parseval`.
    bases, axes, n : str or sequence, int or sequence, int
        As for `parseval`.

    Returns
    -------
    ndarray, dtype that holds both
        Along axes of polynomials 2 m - 1 coefficients for m of them. Along Fourier axes of n points the spectrum, or
        half of it, of ``4 (n // 2) + 1`` points: that is the `n` for what follows.

    Raises
    ------
    TypeError, ValueError
        As of `parseval`.

    Notes
    -----
    Values are multiplied on grids that hold the product: by fast transforms along Fourier and Chebyshev axes. A
    coefficient is then right to rounding of the largest one.

    Examples
    --------
    >>> from tapeless import spectral
    >>> spectral.series_product([0.0, 1.0], [0.0, 1.0], "chebyshev").round(12) + 0.0
    array([0.5, 0. , 0.5])
    """
    caller = "series_product"
    a, b, _ = same_pair(caller, "a", a, "b", b)
    _, parts = prepare(caller, "a", a, bases, axes, TWO_PI, n)
    with np.errstate(over="ignore", invalid="ignore"):
        return analysis(synthesis(a, parts) * synthesis(b, parts), parts)


@takes_arrays
def series_product_vjp(
    bar: ArrayInput,
    a: ArrayInput,
    b: ArrayInput,
    bases: Bases | Sequence[Bases] = "fourier",
    axes: Axes = None,
    n: Integer | None = None,
) -> tuple[Field, Field]:
    """Return the cotangents of both series from that of `series_product`.

    Parameters
    ----------
    bar : array
        Cotangent of the product's coefficients.
    a, b, bases, axes, n : array, array, str or sequence, int or sequence, int
        As for `series_product`.

    Returns
    -------
    a_bar, b_bar : ndarray, shape of `a`
        Cotangents of the coefficients, each with its real and its imaginary part.

    Raises
    ------
    TypeError, ValueError
        As of `series_product`, and if `bar` is not of the shape and kind of its values.
    """
    caller = "series_product_vjp"
    a, b, dtype = same_pair(caller, "a", a, "b", b)
    _, parts = prepare(caller, "a", a, bases, axes, TWO_PI, n)
    shape = list(a.shape)
    for part in parts:
        shape[part.axis] = part.product // 2 + 1 if part.half else part.product
    bar = analysis_vjp(like(caller, "bar", bar, tuple(shape), dtype), parts)
    with np.errstate(over="ignore", invalid="ignore"):
        return (
            synthesis_vjp(bar * synthesis(b, parts).conj(), parts),
            synthesis_vjp(bar * synthesis(a, parts).conj(), parts),
        )
