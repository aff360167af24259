"""Derivatives and integrals of periodic fields along an axis, each with its transpose right below."""

import math

import numpy as np

from tapeless._complain import complain, describe
from tapeless._interchange import takes_arrays
from tapeless._spectral_ops.arguments import (
    Axes,
    Field,
    Floats,
    Lengths,
    as_axes,
    as_axis,
    as_field,
    as_length,
    as_lengths,
    whole,
)
from tapeless._spectral_ops.transforms import TWO_PI, differentiated, waves
from tapeless._types import ArrayInput, Integer


def wavenumbers(n: Integer, length: float = TWO_PI, half: bool = False) -> Floats:
    """Return the wavenumbers of a grid of n points of a period, in the order of its spectrum.

    Parameters
    ----------
    n : int
        Number of points, at least 1.
    length : float
        The period.
    half : bool
        Whether those of `rfft` are wanted, 0 and above, instead of those of `fft`.

    Returns
    -------
    ndarray of float64, shape (n // 2 + 1,) or (n,)
        ``2 pi m / length`` for the mode numbers m. That of the Nyquist mode of an even n is negative in a full
        spectrum and positive in half a one, as with `numpy.fft`.

    Raises
    ------
    ValueError
        If `n` is no positive integer, or `length` not positive and finite.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import spectral
    >>> spectral.wavenumbers(4, length=np.pi)
    array([ 0.,  2., -4., -2.])
    """
    n, length = whole("wavenumbers", "n", n, 1), as_length("wavenumbers", length)
    return waves(n, bool(half), length)


@takes_arrays
def derivative(
    u: ArrayInput, order: Integer = 1, axis: Integer = -1, length: float = TWO_PI
) -> Field:
    r"""Return a derivative of a periodic field: modes times :math:`(\mathrm{i} k)^{order}`.

    Parameters
    ----------
    u : array
        Values on equidistant points of a period, the end left out; real or complex.
    order : int
        Which derivative, at least 0.
    axis : int
        The axis of the coordinate.
    length : float
        The period along it.

    Returns
    -------
    ndarray, shape and dtype of `u`
        The derivative of the trigonometric interpolant.

    Raises
    ------
    TypeError
        If `u` is of no such dtype.
    ValueError
        If `order` is no integer of at least 0, there is no such axis, it is empty, or `length` is not positive.

    Notes
    -----
    On an even number n of points the mode n / 2 is a cosine whose sine vanishes on the grid. Odd derivatives turn it
    into that sine and drop it; even ones keep it. So two first derivatives are the second one but for this mode.

    References
    ----------
    .. [1] Trefethen, *Spectral Methods in MATLAB* (2000), chapter 3.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import spectral
    >>> x = 2 * np.pi * np.arange(9) / 9
    >>> bool(np.allclose(spectral.derivative(np.sin(2 * x)), 2 * np.cos(2 * x)))
    True
    """
    caller = "derivative"
    u, order = as_field(caller, "u", u), whole(caller, "order", order, 0)
    axis, length = as_axis(caller, axis, u), as_length(caller, length)
    return differentiated(u, axis, order, length)


@takes_arrays
def derivative_vjp(
    du_bar: ArrayInput, order: Integer = 1, axis: Integer = -1, length: float = TWO_PI
) -> Field:
    """Return the cotangent of u from that of `derivative`, which is skew for odd orders and symmetric for even ones.

    Parameters
    ----------
    du_bar : array
        Cotangent of the derivative.
    order, axis, length : int, int, float
        As for `derivative`.

    Returns
    -------
    ndarray, shape and dtype of `du_bar`
        Cotangent of u.

    Raises
    ------
    TypeError, ValueError
        As of `derivative`.
    """
    caller = "derivative_vjp"
    du_bar, order = as_field(caller, "du_bar", du_bar), whole(caller, "order", order, 0)
    axis, length = as_axis(caller, axis, du_bar, "du_bar"), as_length(caller, length)
    return differentiated(du_bar, axis, order, length, transposed=True)


@takes_arrays
def integrate(u: ArrayInput, axis: Integer = -1, length: float = TWO_PI) -> Field:
    """Return the periodic antiderivative of mean zero of a field less its mean.

    Parameters
    ----------
    u : array
        Values on equidistant points of a period, the end left out; real or complex.
    axis : int
        The axis of the coordinate.
    length : float
        The period along it.

    Returns
    -------
    ndarray, shape and dtype of `u`
        The antiderivative. The antiderivative of u itself is this one and its mean times x: see `integral`.

    Raises
    ------
    TypeError
        If `u` is of no such dtype.
    ValueError
        If there is no such axis, it is empty, or `length` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import spectral
    >>> x = 2 * np.pi * np.arange(8) / 8
    >>> bool(np.allclose(spectral.integrate(5 + np.cos(x)), np.sin(x)))
    True
    """
    u = as_field("integrate", "u", u)
    axis, length = as_axis("integrate", axis, u), as_length("integrate", length)
    return differentiated(u, axis, -1, length)


@takes_arrays
def integrate_vjp(bar: ArrayInput, axis: Integer = -1, length: float = TWO_PI) -> Field:
    """Return the cotangent of u from that of `integrate`, which is skew.

    Parameters
    ----------
    bar : array
        Cotangent of the antiderivative.
    axis, length : int, float
        As for `integrate`.

    Returns
    -------
    ndarray, shape and dtype of `bar`
        Cotangent of u.

    Raises
    ------
    TypeError, ValueError
        As of `integrate`.
    """
    caller = "integrate_vjp"
    bar = as_field(caller, "bar", bar)
    axis, length = as_axis(caller, axis, bar, "bar"), as_length(caller, length)
    return differentiated(bar, axis, -1, length, transposed=True)


@takes_arrays
def integral(u: ArrayInput, axes: Axes = None, length: Lengths = TWO_PI) -> Field:
    """Return the integral of a periodic field over its box: its mean times the volume.

    Parameters
    ----------
    u : array
        Values on a grid of the box; real or complex.
    axes : int, sequence of int or None
        The axes to integrate over; all for None.
    length : float or sequence of float
        The periods, one for all or one for each of `axes`.

    Returns
    -------
    ndarray, shape of `u` without `axes`, dtype of `u`
        The integrals, exact for fields of fewer modes than points.

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
    >>> x = np.arange(8) / 8
    >>> print(spectral.integral(np.sin(2 * np.pi * x) ** 2, length=1.0))
    0.5
    """
    u = as_field("integral", "u", u)
    axes = as_axes("integral", axes, u)
    volume = math.prod(as_lengths("integral", length, len(axes)))
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(u.mean(axis=axes) * u.real.dtype.type(volume))


@takes_arrays
def integral_vjp(
    bar: ArrayInput, u: ArrayInput, axes: Axes = None, length: Lengths = TWO_PI
) -> Field:
    """Return the cotangent of u from that of `integral`: the same at each point, times the volume of its cell.

    Parameters
    ----------
    bar : array, shape of `u` without `axes`
        Cotangent of the integrals.
    u : array
        The field; only its shape and dtype are of interest.
    axes, length : int or sequence, float or sequence
        As for `integral`.

    Returns
    -------
    ndarray, shape and dtype of `u`
        Cotangent of u.

    Raises
    ------
    TypeError, ValueError
        As of `integral`, and if `bar` is not of the shape of its values.
    """
    caller = "integral_vjp"
    u, bar = as_field(caller, "u", u), as_field(caller, "bar", bar)
    axes = as_axes(caller, axes, u)
    wanted = tuple(n for i, n in enumerate(u.shape) if i not in axes)
    if bar.shape != wanted:
        raise complain(ValueError, caller, "bar", f"of shape {wanted}", describe(bar))
    lengths = as_lengths(caller, length, len(axes))
    cell = math.prod([length / u.shape[axis] for axis, length in zip(axes, lengths, strict=True)])
    spread = np.expand_dims(bar * bar.real.dtype.type(cell), axes)
    return np.broadcast_to(spread, u.shape).astype(u.dtype)
