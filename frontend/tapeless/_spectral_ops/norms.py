"""Sobolev norms and energy spectra of periodic fields, each with its gradient right below."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    finite,
    like,
    real_of,
)
from tapeless._spectral_ops.transforms import (
    TWO_PI,
    multiplicities,
    multiplied,
    spectrum,
    squared_wavenumbers,
)
from tapeless._types import ArrayInput

MOST_SHELLS = 1 << 24


@takes_arrays
def sobolev_norm(
    u: ArrayInput,
    s: float,
    axes: Axes = None,
    length: Lengths = TWO_PI,
    homogeneous: bool = False,
    squared: bool = False,
) -> Floats:
    r"""Return the Sobolev norm of a periodic field, of any real order.

    Parameters
    ----------
    u : array
        Values on a grid of the box; real or complex.
    s : float
        The order: 0 for the L2 norm, 1 to count first derivatives too, negative to count large scales most.
    axes : int, sequence of int or None
        The axes of the coordinates; all for None. The others are a batch.
    length : float or sequence of float
        The periods, one for all or one for each of `axes`.
    homogeneous : bool
        Whether to weigh by :math:`|k|^{2 s}`, without the mean, instead of :math:`(1 + |k|^2)^s`.
    squared : bool
        Whether to return the square, which has a derivative at 0 too.

    Returns
    -------
    ndarray of float, shape of `u` without `axes`, precision of `u`
        The norms.

    Raises
    ------
    TypeError
        If `u` is of no such dtype, or `s` is no number.
    ValueError
        If `s` is not finite, there are no such axes, one is empty, or a length is not positive.

    Notes
    -----
    With the coefficients c of the Fourier series and the volume V of the box,

    .. math::
        \|u\|_{H^s}^2 = V \sum_k (1 + |k|^2)^s |c_k|^2,

    which for s = 0 is the integral of :math:`|u|^2`. The mode of Nyquist counts once, as in sums over the grid. All is
    added up in double precision.

    References
    ----------
    .. [1] Adams and Fournier, *Sobolev Spaces* (2003), 7.62.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import spectral
    >>> u = np.sin(2 * 2 * np.pi * np.arange(8) / 8)
    >>> print(np.round(spectral.sobolev_norm(u, -1.0) ** 2 / np.pi, 12))  # 1 / (1 + 2**2)
    0.2
    """
    caller = "sobolev_norm"
    u, axes, weights, volume = _prepare(caller, u, s, axes, length, homogeneous)
    c = np.abs(spectrum(u, axes)).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        found = volume * (weights * multiplicities(u, axes) * (c * c)).sum(axis=axes)
        return np.asarray(found if squared else np.sqrt(found)).astype(u.real.dtype)


@takes_arrays
def sobolev_norm_vjp(
    bar: ArrayInput,
    u: ArrayInput,
    s: float,
    axes: Axes = None,
    length: Lengths = TWO_PI,
    homogeneous: bool = False,
    squared: bool = False,
) -> Field:
    """Return the cotangent of u from that of `sobolev_norm`; where the norm is 0 that of the norm is taken to be 0.

    Parameters
    ----------
    bar : array, shape of `u` without `axes`
        Cotangent of the norms.
    u, s, axes, length, homogeneous, squared : array, float, int or sequence, float or sequence, bool, bool
        As for `sobolev_norm`.

    Returns
    -------
    ndarray, shape and dtype of `u`
        Cotangent of u.

    Raises
    ------
    TypeError, ValueError
        As of `sobolev_norm`, and if `bar` is not real and of the shape of its values.
    """
    caller = "sobolev_norm_vjp"
    given = as_field(caller, "u", u).dtype
    u, axes, weights, volume = _prepare(caller, u, s, axes, length, homogeneous)
    shape = tuple(n for i, n in enumerate(u.shape) if i not in axes)
    bar = like(caller, "bar", bar, shape, np.dtype(np.float64))
    wide = u.astype(np.result_type(u, np.float64), copy=False)
    weighed = multiplied(wide, axes, weights)
    cell = volume / math.prod([u.shape[axis] for axis in axes])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if squared:
            scale = 2 * cell * bar
        else:
            norm = np.sqrt(cell * (wide.conj() * weighed).real.sum(axis=axes).clip(0))
            scale = np.where(norm == 0, 0.0, cell * bar / norm)
        return (np.expand_dims(scale, axes) * weighed).astype(given)


@takes_arrays
def energy_spectrum(
    u: ArrayInput, axes: Axes = None, length: Lengths = TWO_PI
) -> tuple[Floats, Floats]:
    r"""Return the energy of a periodic field in shells of wavenumbers.

    Parameters
    ----------
    u : array
        Values on a grid of the box; real or complex. For a velocity, add up the spectra of its components.
    axes : int, sequence of int or None
        The axes of the coordinates; all for None. The others are a batch.
    length : float or sequence of float
        The periods, one for all or one for each of `axes`.

    Returns
    -------
    k : ndarray of float64, shape (n_shells,)
        The middles of the shells, multiples of the least wavenumber of the box.
    energy : ndarray of float, shape (..., n_shells), precision of `u`
        Half the sum of :math:`|c_k|^2` over each shell, which reaches half a step below and above its middle. All
        together are half the mean of :math:`|u|^2`.

    Raises
    ------
    TypeError
        If `u` is of no such dtype.
    ValueError
        If there are no such axes, one is empty, or a length is not positive.

    Notes
    -----
    Shells of wavenumbers above the Nyquist one of an axis are cut off by the corners of the box of modes.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import spectral
    >>> k, energy = spectral.energy_spectrum(np.cos(2 * 2 * np.pi * np.arange(8) / 8))
    >>> k, energy.round(12) + 0.0
    (array([0., 1., 2., 3., 4.]), array([0.  , 0.  , 0.25, 0.  , 0.  ]))
    """
    caller = "energy_spectrum"
    u = as_field(caller, "u", u)
    axes = as_axes(caller, axes, u)
    shells, k = _shells(caller, u, axes, length)
    c = np.abs(spectrum(u, axes)).astype(np.float64)
    last = range(-len(axes), 0)
    with np.errstate(over="ignore", invalid="ignore"):
        parts = np.moveaxis(0.5 * multiplicities(u, axes) * (c * c), axes, last)
        batch = parts.shape[: -len(axes)]
        rows = parts.reshape(int(np.prod(batch)), shells.size)
        of = np.moveaxis(shells, axes, last).ravel()
        sums = [np.bincount(of, row, len(k)) for row in rows]
    energy = np.array(sums, float).reshape(*batch, len(k))
    return k, energy.astype(u.real.dtype)


@takes_arrays
def energy_spectrum_vjp(
    bar: ArrayInput, u: ArrayInput, axes: Axes = None, length: Lengths = TWO_PI
) -> Field:
    """Return the cotangent of u from that of the energies of `energy_spectrum`.

    Parameters
    ----------
    bar : array, shape (..., n_shells)
        Cotangent of the energies.
    u, axes, length : array, int or sequence, float or sequence
        As for `energy_spectrum`.

    Returns
    -------
    ndarray, shape and dtype of `u`
        Cotangent of u.

    Raises
    ------
    TypeError, ValueError
        As of `energy_spectrum`, and if `bar` is not real and of the shape of the energies.
    """
    caller = "energy_spectrum_vjp"
    u = as_field(caller, "u", u)
    axes = as_axes(caller, axes, u)
    shells, k = _shells(caller, u, axes, length)
    batch = tuple(n for i, n in enumerate(u.shape) if i not in axes)
    bar = like(caller, "bar", bar, (*batch, len(k)), real_of(u.dtype))
    # One factor for each mode, of each field of the batch: the batch goes where it is in u.
    of = np.moveaxis(shells, axes, range(-len(axes), 0))
    factors = np.moveaxis(bar[..., of.reshape(of.shape[-len(axes) :])], range(-len(axes), 0), axes)
    return multiplied(u, axes, factors / math.prod([u.shape[axis] for axis in axes]))


def _shells(
    caller: str, u: Field, axes: tuple[int, ...], length: Any
) -> tuple[NDArray[np.intp], Floats]:
    """Return the shell of each entry of the spectrum, and the middles of all."""
    lengths = as_lengths(caller, length, len(axes))
    k0 = TWO_PI / max(lengths)
    radii = np.sqrt(squared_wavenumbers(u, axes, lengths)) / k0
    if not radii.max() < MOST_SHELLS:
        wanted = (
            f"such that there are fewer than {MOST_SHELLS} shells as wide as the least wavenumber"
        )
        raise complain(ValueError, caller, "length", wanted, describe(length))
    # A little more than 1/2, so that rounding does not part equal wavenumbers between two shells.
    shells = (radii + (0.5 + 1e-9)).astype(np.intp)
    return shells, k0 * np.arange(int(shells.max()) + 1)


def _prepare(
    caller: str, u: Any, s: Any, axes: Any, length: Any, homogeneous: Any
) -> tuple[Field, tuple[int, ...], Floats, float]:
    """Return a field, its axes, the weights of its modes, and the volume of the box."""
    u, s = as_field(caller, "u", u), finite(caller, "s", s)
    axes = as_axes(caller, axes, u)
    lengths = as_lengths(caller, length, len(axes))
    k2 = squared_wavenumbers(u, axes, lengths)
    with np.errstate(over="ignore", divide="ignore"):
        weights = np.where(k2 > 0, k2**s, 0.0) if homogeneous else (1 + k2) ** s
    if not np.isfinite(weights).all():
        raise complain(
            ValueError, caller, "s", "so small that the weights do not overflow", describe(s)
        )
    return u, axes, weights, math.prod(lengths)
