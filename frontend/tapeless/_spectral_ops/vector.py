"""Gradient and divergence of periodic fields, each with its transpose right below."""

from typing import Any

import numpy as np

from tapeless._complain import complain, describe
from tapeless._interchange import takes_arrays
from tapeless._spectral_ops.arguments import Axes, Field, Lengths, as_axes, as_field, as_lengths
from tapeless._spectral_ops.transforms import TWO_PI, differentiated
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
