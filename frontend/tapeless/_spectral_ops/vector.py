"""Gradient, divergence and Laplacian of periodic fields, each with its transpose right below."""

from typing import Any

import numpy as np

from tapeless._complain import complain, describe
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
from tapeless._spectral_ops.transforms import (
    TWO_PI,
    differentiated,
    multiplied,
    squared_wavenumbers,
)
from tapeless._types import ArrayInput


@takes_arrays
def gradient(u: ArrayInput, axes: Axes = None, length: Lengths = TWO_PI) -> Field:
    """Return the first derivatives of a periodic field along several axes.

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
    ndarray, shape (len(axes), *u.shape)
        The derivatives, in the order of `axes`.

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
    >>> spectral.gradient(np.zeros((10, 32, 32)), axes=(1, 2)).shape
    (2, 10, 32, 32)
    """
    return _gradient("gradient", "u", u, axes, length)


@takes_arrays
def gradient_vjp(g_bar: ArrayInput, axes: Axes = None, length: Lengths = TWO_PI) -> Field:
    """Return the cotangent of u from that of `gradient`: minus its divergence.

    Parameters
    ----------
    g_bar : array, shape (len(axes), ...)
        Cotangent of the gradient.
    axes, length : int or sequence, float or sequence
        As for `gradient`: axes of the field, which lacks the first axis of `g_bar`.

    Returns
    -------
    ndarray, shape g_bar.shape[1:]
        Cotangent of u.

    Raises
    ------
    TypeError, ValueError
        As of `gradient`, and if `g_bar` has not one component for each axis.
    """
    return -_divergence("gradient_vjp", "g_bar", g_bar, axes, length)


@takes_arrays
def divergence(v: ArrayInput, axes: Axes = None, length: Lengths = TWO_PI) -> Field:
    """Return the divergence of a periodic vector field.

    Parameters
    ----------
    v : array, shape (len(axes), ...)
        Its components on a grid of the box, as `gradient` returns them.
    axes : int, sequence of int or None
        The axes of the coordinates in one component, ``v[0]``; all for None.
    length : float or sequence of float
        The periods, one for all or one for each of `axes`.

    Returns
    -------
    ndarray, shape v.shape[1:]
        The sum of the derivatives of each component along its axis.

    Raises
    ------
    TypeError
        If `v` is of no such dtype.
    ValueError
        If there are no such axes, one is empty, there is not one component for each, or a length is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import spectral
    >>> x = 2 * np.pi * np.arange(8) / 8
    >>> u = np.sin(x)[:, None] * np.cos(x)
    >>> bool(np.allclose(spectral.divergence(spectral.gradient(u)), spectral.laplacian(u)))
    True
    """
    return _divergence("divergence", "v", v, axes, length)


@takes_arrays
def divergence_vjp(d_bar: ArrayInput, axes: Axes = None, length: Lengths = TWO_PI) -> Field:
    """Return the cotangent of v from that of `divergence`: minus its gradient.

    Parameters
    ----------
    d_bar : array
        Cotangent of the divergence.
    axes, length : int or sequence, float or sequence
        As for `divergence`.

    Returns
    -------
    ndarray, shape (len(axes), *d_bar.shape)
        Cotangent of v.

    Raises
    ------
    TypeError, ValueError
        As of `divergence`.
    """
    return -_gradient("divergence_vjp", "d_bar", d_bar, axes, length)


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


def _gradient(caller: str, name: str, u: Any, axes: Any, length: Any) -> Field:
    u = as_field(caller, name, u)
    axes = as_axes(caller, axes, u, name)
    found = np.empty((len(axes), *u.shape), u.dtype)
    for i, period in enumerate(as_lengths(caller, length, len(axes))):
        found[i] = differentiated(u, axes[i], 1, period)
    return found


def _divergence(caller: str, name: str, v: Any, axes: Any, length: Any) -> Field:
    v = as_field(caller, name, v)
    if v.ndim < 2 or not len(v):
        wanted = "an array of components, then of the axes of a field"
        raise complain(ValueError, caller, name, wanted, describe(v))
    axes = as_axes(caller, axes, v[0], f"{name}[0]")
    if len(v) != len(axes):
        wanted = f"of {len(axes)} components, one for each of `axes`"
        raise complain(ValueError, caller, name, wanted, describe(v))
    lengths = as_lengths(caller, length, len(axes))
    total = np.zeros(v.shape[1:], v.dtype)
    for u, axis, period in zip(v, axes, lengths, strict=True):
        total += differentiated(u, axis, 1, period)
    return total


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
