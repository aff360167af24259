"""The Laplacian of periodic fields and its inverse, each with its transpose right below."""

from typing import Any

import numpy as np

from tapeless._interchange import takes_arrays
from tapeless._spectral_ops.arguments import (
    Axes,
    Field,
    Floats,
    Lengths,
    as_axes,
    as_field,
    as_lengths,
)
from tapeless._spectral_ops.transforms import TWO_PI, multiplied, squared_wavenumbers
from tapeless._types import ArrayInput


@takes_arrays
def laplacian(u: ArrayInput, axes: Axes = None, length: Lengths = TWO_PI) -> Field:
    """Return the Laplacian of a periodic field, with all its modes: second derivatives keep those of Nyquist.

    Parameters
    ----------
    u : array
        Values on a grid of the box; real or complex.
    axes : int, sequence of int or None
        The axes of the coordinates; all for None. The others are a batch.
    length : float or sequence of float
        The periods, one for all or one for each of `axes`.

    Returns
    -------
    ndarray, shape and dtype of `u`
        The sum of the second derivatives.

    Raises
    ------
    TypeError
        If `u` is of no such dtype.
    ValueError
        If there are no such axes, one is empty, or a length is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import spectral
    >>> u = np.sin(2 * np.pi * np.arange(8) / 8)
    >>> bool(np.allclose(spectral.laplacian(u, length=1.0), -4 * np.pi**2 * u))
    True
    """
    u, axes, k2 = _box("laplacian", "u", u, axes, length)
    return multiplied(u, axes, -k2)


@takes_arrays
def laplacian_vjp(bar: ArrayInput, axes: Axes = None, length: Lengths = TWO_PI) -> Field:
    """Return the cotangent of u from that of `laplacian`, which is symmetric.

    Parameters
    ----------
    bar : array
        Cotangent of the Laplacian.
    axes, length : int or sequence, float or sequence
        As for `laplacian`.

    Returns
    -------
    ndarray, shape and dtype of `bar`
        Cotangent of u.

    Raises
    ------
    TypeError, ValueError
        As of `laplacian`.
    """
    bar, axes, k2 = _box("laplacian_vjp", "bar", bar, axes, length)
    return multiplied(bar, axes, -k2)


@takes_arrays
def inverse_laplacian(f: ArrayInput, axes: Axes = None, length: Lengths = TWO_PI) -> Field:
    """Return the field of mean zero whose Laplacian is f less its mean.

    Parameters
    ----------
    f : array
        Values on a grid of the box; real or complex. Its mean, which no Laplacian has, is left out.
    axes : int, sequence of int or None
        The axes of the coordinates; all for None. The others are a batch.
    length : float or sequence of float
        The periods, one for all or one for each of `axes`.

    Returns
    -------
    ndarray, shape and dtype of `f`
        The solution of Poisson's equation.

    Raises
    ------
    TypeError
        If `f` is of no such dtype.
    ValueError
        If there are no such axes, one is empty, or a length is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import spectral
    >>> u = np.cos(2 * np.pi * np.arange(8) / 8)
    >>> bool(np.allclose(spectral.inverse_laplacian(spectral.laplacian(u) + 3.0), u))
    True
    """
    f, axes, k2 = _box("inverse_laplacian", "f", f, axes, length)
    return multiplied(f, axes, -_inverse(k2))


@takes_arrays
def inverse_laplacian_vjp(bar: ArrayInput, axes: Axes = None, length: Lengths = TWO_PI) -> Field:
    """Return the cotangent of f from that of `inverse_laplacian`, which is symmetric.

    Parameters
    ----------
    bar : array
        Cotangent of the solution.
    axes, length : int or sequence, float or sequence
        As for `inverse_laplacian`.

    Returns
    -------
    ndarray, shape and dtype of `bar`
        Cotangent of f.

    Raises
    ------
    TypeError, ValueError
        As of `inverse_laplacian`.
    """
    bar, axes, k2 = _box("inverse_laplacian_vjp", "bar", bar, axes, length)
    return multiplied(bar, axes, -_inverse(k2))


def _box(
    caller: str, name: str, u: Any, axes: Any, length: Any
) -> tuple[Field, tuple[int, ...], Floats]:
    """Return a field, its axes, and the squares of its wavenumbers."""
    u = as_field(caller, name, u)
    axes = as_axes(caller, axes, u, name)
    return (
        u,
        axes,
        squared_wavenumbers(u, axes, as_lengths(caller, length, len(axes)), u.real.dtype),
    )


def _inverse(k2: Floats) -> Floats:
    """Return 1 / k2, and 0 for the mean."""
    return np.divide(1.0, k2, out=np.zeros_like(k2), where=k2 > 0)
