"""Periodic fields on other grids, and products that do not alias; each with its transpose below."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._interchange import takes_arrays
from tapeless._spectral_ops import engine as fft
from tapeless._spectral_ops.arguments import (
    Axes,
    Field,
    as_axes,
    as_field,
    like,
    same_pair,
    whole,
)
from tapeless._spectral_ops.resampling import resampled, resampled_vjp
from tapeless._types import ArrayInput, Integer


@takes_arrays
def interpolate(u: ArrayInput, n: Integer | Sequence[int], axes: Axes = None) -> Field:
    r"""Return a periodic field on a grid of another resolution, finer or coarser: modes filled up or cut off.

    Parameters
    ----------
    u : array
        Values on a grid of the box; real or complex.
    n : int or sequence of int
        How many points there shall be along each of `axes`, one number for all or one for each.
    axes : int, sequence of int or None
        The axes of the coordinates; all for None. The others are a batch.

    Returns
    -------
    ndarray, shape of `u` with n points along `axes`, dtype of `u`
        Values of the trigonometric interpolant, less the modes that a coarser grid does not have.

    Raises
    ------
    TypeError
        If `u` is of no such dtype.
    ValueError
        If `n` are no positive integers, one for each axis, there are no such axes, or one is empty.

    Notes
    -----
    The mode of Nyquist of an even number n of points is half of each of :math:`\pm n / 2` on a finer grid, which keeps
    real fields real. Onto an even coarser grid both are added up, which is what they are on its points.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import spectral
    >>> x, fine = np.arange(8) / 8, np.arange(20) / 20
    >>> u = spectral.interpolate(np.sin(2 * np.pi * x), 20)
    >>> bool(np.allclose(u, np.sin(2 * np.pi * fine)))
    True
    """
    caller = "interpolate"
    u = as_field(caller, "u", u)
    axes = as_axes(caller, axes, u)
    found = resampled(u, axes, _sizes(caller, n, len(axes)))
    return found.copy() if found is u else found


@takes_arrays
def interpolate_vjp(bar: ArrayInput, n: Integer | Sequence[int], axes: Axes = None) -> Field:
    """Return the cotangent of u from that of `interpolate`.

    Parameters
    ----------
    bar : array
        Cotangent of what `interpolate` returned.
    n : int or sequence of int
        How many points `u` has along each of `axes`.
    axes : int or sequence
        As for `interpolate`.

    Returns
    -------
    ndarray, shape of `bar` with n points along `axes`, dtype of `bar`
        Cotangent of u.

    Raises
    ------
    TypeError, ValueError
        As of `interpolate`.
    """
    caller = "interpolate_vjp"
    bar = as_field(caller, "bar", bar)
    axes = as_axes(caller, axes, bar, "bar")
    found = resampled_vjp(bar, axes, _sizes(caller, n, len(axes)))
    return found.copy() if found is bar else found


@takes_arrays
def product(u: ArrayInput, v: ArrayInput, axes: Axes = None) -> Field:
    """Return the product of two periodic fields without aliases: on a grid 3/2 as fine, then cut off.

    Parameters
    ----------
    u, v : array
        Values of two fields on the same grid of the box; real or complex.
    axes : int, sequence of int or None
        The axes of the coordinates; all for None. The others are a batch.

    Returns
    -------
    ndarray, shape of `u`, dtype that holds both
        The modes of the product of both interpolants that the grid has, each exact. The product of two sums of modes
        up to K has modes up to 2 K: with K below n / 4 nothing is cut off.

    Raises
    ------
    TypeError
        If a field is of no such dtype.
    ValueError
        If the shapes differ, there are no such axes, or one is empty.

    Notes
    -----
    With modes up to K = n // 2, those of the product that alias on M points land at M - 2 K and above: beyond K if M is
    at least 3 K + 1, and more than 3/2 n of them where n is even, for then the mode of Nyquist is kept too.

    References
    ----------
    .. [1] Orszag, On the elimination of aliasing in finite-difference schemes by filtering high-wavenumber components,
       *Journal of the Atmospheric Sciences* 28 (1971).

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import spectral
    >>> x = 2 * np.pi * np.arange(8) / 8
    >>> u = np.cos(3 * x)  # the square has the mode 6, which 8 points take for the mode 2
    >>> print(spectral.product(u, u).round(12), (u * u).round(12)[:3], sep="\\n")
    [0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5]
    [1.  0.5 0. ]
    """
    caller = "product"
    u, v, _ = same_pair(caller, "u", u, "v", v)
    axes = as_axes(caller, axes, u)
    fine, sizes = _fine(u, axes), [u.shape[axis] for axis in axes]
    with np.errstate(over="ignore", invalid="ignore"):
        found = resampled(u, axes, fine) * resampled(v, axes, fine)
    return resampled(found, axes, sizes)


@takes_arrays
def product_vjp(
    bar: ArrayInput, u: ArrayInput, v: ArrayInput, axes: Axes = None
) -> tuple[Field, Field]:
    """Return the cotangents of u and v from that of `product`.

    Parameters
    ----------
    bar : array, shape of `u`
        Cotangent of the product.
    u, v, axes : array, array, int or sequence
        As for `product`.

    Returns
    -------
    u_bar, v_bar : ndarray, shape of `u`
        Cotangents of the fields; real for a real one.

    Raises
    ------
    TypeError, ValueError
        As of `product`, and if `bar` is not of the shape of its values.
    """
    caller = "product_vjp"
    real_u, real_v = (np.asarray(check.as_array(caller, "u", w)).dtype.kind != "c" for w in (u, v))
    u, v, dtype = same_pair(caller, "u", u, "v", v)
    axes = as_axes(caller, axes, u)
    bar = like(caller, "bar", bar, u.shape, dtype)
    fine, sizes = _fine(u, axes), [u.shape[axis] for axis in axes]
    bar = resampled_vjp(bar, axes, fine)
    with np.errstate(over="ignore", invalid="ignore"):
        u_bar = resampled_vjp(bar * resampled(v, axes, fine).conj(), axes, sizes)
        v_bar = resampled_vjp(bar * resampled(u, axes, fine).conj(), axes, sizes)
    return u_bar.real if real_u else u_bar, v_bar.real if real_v else v_bar


def _fine(u: Field, axes: Sequence[int]) -> list[int]:
    """Return sizes of grids on which no product of two modes has an alias among those of u."""
    real = u.dtype.kind == "f"
    return [fft.next_fast_len(3 * (u.shape[axis] // 2) + 1, real=real) for axis in axes]


def _sizes(caller: str, n: Any, count: int) -> list[int]:
    if isinstance(n, (int, np.integer)):
        return [whole(caller, "n", n, 1)] * count
    try:
        n = list(n)
    except TypeError:
        n = []
    if len(n) != count:
        wanted = f"an integer or {count} of them, one for each axis"
        raise complain(ValueError, caller, "n", wanted, describe(n))
    return [whole(caller, "n", one, 1) for one in n]
