"""Frequencies of coefficients, and the rotation that puts frequency 0 in the middle."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tapeless._check import as_array, one_of, positive_int
from tapeless._complain import complain, describe
from tapeless._fft_arguments import as_axis
from tapeless._interchange import takes_arrays
from tapeless._types import ArrayInput, Integer

Array = NDArray[Any]
Floats = NDArray[np.floating]


def fftfreq(n: Integer, d: float = 1.0, device: Literal["cpu"] | None = None) -> Floats:
    """Return the frequencies of the coefficients of `fft`: those below 0 come last.

    Parameters
    ----------
    n : int
        The number of points.
    d : float
        The distance of samples.
    device : "cpu", optional
        Where the array is; there is no other place.

    Returns
    -------
    ndarray, shape (n,)
        ``[0, 1, ..., (n - 1) // 2, -(n // 2), ..., -1] / (n d)``, in cycles per unit of `d`.

    Raises
    ------
    ValueError
        If `n` is not a positive integer, `d` is 0 or no number, or the device another.

    Examples
    --------
    >>> from tapeless import fft
    >>> fft.fftfreq(5, 0.1)
    array([ 0.,  2.,  4., -4., -2.])
    """
    n, unit = _unit("fftfreq", n, d, device)
    k = np.arange(n)
    k[(n + 1) // 2 :] -= n
    return k * unit


def rfftfreq(n: Integer, d: float = 1.0, device: Literal["cpu"] | None = None) -> Floats:
    """Return the frequencies of the coefficients of `rfft`, none of which is below 0.

    Parameters
    ----------
    n : int
        The number of points of the real signal.
    d : float
        The distance of samples.
    device : "cpu", optional
        Where the array is; there is no other place.

    Returns
    -------
    ndarray, shape (n // 2 + 1,)
        ``[0, 1, ..., n // 2] / (n d)``, in cycles per unit of `d`.

    Raises
    ------
    ValueError
        If `n` is not a positive integer, `d` is 0 or no number, or the device another.

    Examples
    --------
    >>> from tapeless import fft
    >>> fft.rfftfreq(5, 0.1)
    array([0., 2., 4.])
    """
    n, unit = _unit("rfftfreq", n, d, device)
    return np.arange(n // 2 + 1) * unit


@takes_arrays
def fftshift(x: ArrayInput, axes: Integer | Sequence[Integer] | None = None) -> Array:
    """Rotate axes so that frequency 0 comes to their middle.

    Parameters
    ----------
    x : array
        Any array.
    axes : int or sequence of int, optional
        The axes that are rotated, by default all.

    Returns
    -------
    ndarray
        Of the shape and dtype of `x`; entry 0 is at n // 2.

    Raises
    ------
    TypeError
        If an axis is no integer.
    ValueError
        If an axis is not there: NumPy's AxisError, which is an IndexError too.

    Examples
    --------
    >>> from tapeless import fft
    >>> fft.fftshift(fft.fftfreq(5, 0.2))
    array([-2., -1.,  0.,  1.,  2.])
    """
    return _rotated("fftshift", x, axes, 1)


@takes_arrays
def fftshift_vjp(y_bar: ArrayInput, axes: Integer | Sequence[Integer] | None = None) -> Array:
    """Return the cotangent of what `fftshift` took: the rotation back.

    Parameters
    ----------
    y_bar : array
        The cotangent of what it returned.
    axes : int or sequence of int, optional
        The axes that were rotated, by default all.

    Returns
    -------
    ndarray
        Of the shape and dtype of `y_bar`.

    Raises
    ------
    TypeError
        If an axis is no integer.
    ValueError
        If an axis is not there.

    Examples
    --------
    >>> from tapeless import fft
    >>> fft.fftshift_vjp(fft.fftshift([0, 1, 2]))
    array([0, 1, 2])
    """
    return _rotated("fftshift_vjp", y_bar, axes, -1)


@takes_arrays
def ifftshift(x: ArrayInput, axes: Integer | Sequence[Integer] | None = None) -> Array:
    """Rotate axes so that their middle comes to the front: the inverse of `fftshift`.

    Parameters
    ----------
    x : array
        Any array.
    axes : int or sequence of int, optional
        The axes that are rotated, by default all.

    Returns
    -------
    ndarray
        Of the shape and dtype of `x`; entry n // 2 is at 0.

    Raises
    ------
    TypeError
        If an axis is no integer.
    ValueError
        If an axis is not there: NumPy's AxisError, which is an IndexError too.

    Examples
    --------
    >>> from tapeless import fft
    >>> fft.ifftshift([-2, -1, 0, 1, 2])
    array([ 0,  1,  2, -2, -1])
    """
    return _rotated("ifftshift", x, axes, -1)


@takes_arrays
def ifftshift_vjp(y_bar: ArrayInput, axes: Integer | Sequence[Integer] | None = None) -> Array:
    """Return the cotangent of what `ifftshift` took: the rotation back.

    Parameters
    ----------
    y_bar : array
        The cotangent of what it returned.
    axes : int or sequence of int, optional
        The axes that were rotated, by default all.

    Returns
    -------
    ndarray
        Of the shape and dtype of `y_bar`.

    Raises
    ------
    TypeError
        If an axis is no integer.
    ValueError
        If an axis is not there.

    Examples
    --------
    >>> from tapeless import fft
    >>> fft.ifftshift_vjp(fft.ifftshift([0, 1, 2]))
    array([0, 1, 2])
    """
    return _rotated("ifftshift_vjp", y_bar, axes, 1)


def _unit(caller: str, n: Any, d: Any, device: Any) -> tuple[int, float]:
    """Return n and the distance of frequencies."""
    one_of(caller, "device", device, (None, "cpu"))
    n = positive_int(caller, "n", n)
    try:
        distance = float(d)
    except (TypeError, ValueError):
        distance = 0.0
    if not abs(distance) > 0:
        raise complain(ValueError, caller, "d", "a number other than 0", describe(d))
    return n, 1.0 / (n * distance)


def _rotated(caller: str, x: ArrayInput, axes: Any, sign: int) -> Array:
    """Return x rotated by half the length of each axis, down for a positive sign and rounded so."""
    x = as_array(caller, "x" if caller in ("fftshift", "ifftshift") else "y_bar", x)
    if axes is None:
        axes = range(x.ndim)
    elif np.ndim(axes) == 0:
        axes = (axes,)
    axes = tuple(as_axis(caller, "axes", i, x.ndim) for i in axes)
    return np.roll(x, [sign * (x.shape[i] // 2) for i in axes], axes)
