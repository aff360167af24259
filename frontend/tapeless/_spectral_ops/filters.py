"""Filters of periodic fields: factors of each mode, so that every one is its own transpose."""

from typing import Any, Literal

import numpy as np

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._interchange import takes_arrays
from tapeless._spectral_ops.arguments import Axes, Field, Floats, as_axes, as_field, finite, whole
from tapeless._spectral_ops.transforms import along, modes
from tapeless._types import ArrayInput, Integer

KINDS = ("exponential", "raised_cosine", "sharp")
Kind = Literal["exponential", "raised_cosine", "sharp"]


@takes_arrays
def dealias(u: ArrayInput, axes: Axes = None, degree: Integer = 2) -> Field:
    """Return a periodic field without the modes whose products alias: Orszag's 2/3 rule.

    Parameters
    ----------
    u : array
        Values on a grid of the box; real or complex.
    axes : int, sequence of int or None
        The axes of the coordinates; all for None. The others are a batch.
    degree : int
        How many factors a product has, at least 1: 2 for the 2/3 rule, 3 for the 1/2 rule.

    Returns
    -------
    ndarray, shape and dtype of `u`
        The field with those modes of numbers m along each axis for which ``(degree + 1) abs(m) < n``.

    Raises
    ------
    TypeError
        If `u` is of no such dtype.
    ValueError
        If there are no such axes, one is empty, or `degree` is no positive integer.

    Notes
    -----
    A product of such fields has aliases, but none among the modes that this keeps; `product` has none at all. The
    bound itself is left out: with n / 3 kept, its double would come back as -n / 3.

    References
    ----------
    .. [1] Orszag, On the elimination of aliasing in finite-difference schemes by filtering high-wavenumber components,
       *Journal of the Atmospheric Sciences* 28 (1971).

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import spectral
    >>> x = 2 * np.pi * np.arange(12) / 12
    >>> u = np.cos(3 * x)
    >>> bool(np.allclose(spectral.dealias(u + np.cos(4 * x)), u))
    True
    """
    return _dealias("dealias", "u", u, axes, degree)


@takes_arrays
def dealias_vjp(bar: ArrayInput, axes: Axes = None, degree: Integer = 2) -> Field:
    """Return the cotangent of u from that of `dealias`, which is symmetric.

    Parameters
    ----------
    bar : array
        Cotangent of the field without those modes.
    axes, degree : int or sequence, int
        As for `dealias`.

    Returns
    -------
    ndarray, shape and dtype of `bar`
        Cotangent of u.

    Raises
    ------
    TypeError, ValueError
        As of `dealias`.
    """
    return _dealias("dealias_vjp", "bar", bar, axes, degree)


def _dealias(caller: str, name: str, u: Any, axes: Any, degree: Any) -> Field:
    u, degree = as_field(caller, name, u), whole(caller, "degree", degree, 1)
    for axis in as_axes(caller, axes, u, name):
        n, half = u.shape[axis], u.dtype.kind == "f"
        kept = ((degree + 1) * abs(modes(n, half)) < n).astype(float)
        u = along(u, axis, kept)
    return u


@takes_arrays
def filter(
    u: ArrayInput,
    kind: Kind = "exponential",
    order: Integer = 8,
    axes: Axes = None,
    cutoff: float = 1.0,
    alpha: float = 36.0,
) -> Field:
    r"""Return a periodic field with its high modes damped, along each axis by a function of :math:`\eta = |m| / m_c`.

    Parameters
    ----------
    u : array
        Values on a grid of the box; real or complex.
    kind : "exponential", "raised_cosine" or "sharp"
        Which function, see the notes.
    order : int
        The filter's order p, positive and, for "raised_cosine", even; "sharp" has none.
    axes : int, sequence of int or None
        The axes of the coordinates; all for None. The others are a batch.
    cutoff : float
        The mode :math:`m_c` as a part of n / 2, positive.
    alpha : float
        How strong "exponential" is at :math:`m_c`, at least 0: the default leaves ``exp(-36)``, rounding in float64.

    Returns
    -------
    ndarray, shape and dtype of `u`
        The filtered field.

    Raises
    ------
    TypeError
        If `u` is of no such dtype.
    ValueError
        If there is no such kind, order or cutoff, there are no such axes, or one is empty.

    Notes
    -----
    - "exponential": :math:`\exp(-\alpha \eta^p)`;
    - "raised_cosine": :math:`I_s(p/2, p/2)` of :math:`s = (1 + \cos \pi \eta) / 2`, 0 above 1, with the regularised
      incomplete beta function. For p = 2 it is s itself, for p = 8 the sharpened raised cosine
      :math:`s^4 (35 - 84 s + 70 s^2 - 20 s^3)`. It is flat to order p at 0, and as flat at 1;
    - "sharp": 1 up to :math:`\eta = 1`, 0 above.

    References
    ----------
    .. [1] Vandeven, Family of spectral filters for discontinuous problems, *Journal of Scientific Computing* 6 (1991).
    .. [2] Hesthaven, Gottlieb and Gottlieb, *Spectral Methods for Time-Dependent Problems* (2007), section 9.2.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import spectral
    >>> x = 2 * np.pi * np.arange(16) / 16
    >>> np.abs(spectral.filter(np.cos(x) + np.cos(8 * x)) - np.cos(x)).max() < 1e-5
    np.True_
    """
    return _filter("filter", "u", u, kind, order, axes, cutoff, alpha)


@takes_arrays
def filter_vjp(
    bar: ArrayInput,
    kind: Kind = "exponential",
    order: Integer = 8,
    axes: Axes = None,
    cutoff: float = 1.0,
    alpha: float = 36.0,
) -> Field:
    """Return the cotangent of u from that of `filter`, which is symmetric.

    Parameters
    ----------
    bar : array
        Cotangent of the filtered field.
    kind, order, axes, cutoff, alpha : str, int, int or sequence, float, float
        As for `filter`.

    Returns
    -------
    ndarray, shape and dtype of `bar`
        Cotangent of u.

    Raises
    ------
    TypeError, ValueError
        As of `filter`.
    """
    return _filter("filter_vjp", "bar", bar, kind, order, axes, cutoff, alpha)


def _filter(
    caller: str, name: str, u: Any, kind: Any, order: Any, axes: Any, cutoff: Any, alpha: Any
) -> Field:
    u, kind = as_field(caller, name, u), check.one_of(caller, "kind", kind, KINDS)
    order, cutoff = whole(caller, "order", order, 1), finite(caller, "cutoff", cutoff)
    alpha = finite(caller, "alpha", alpha)
    if kind == "raised_cosine" and order % 2:
        raise complain(ValueError, caller, "order", "even for a raised cosine", describe(order))
    if cutoff <= 0:
        raise complain(ValueError, caller, "cutoff", "positive", describe(cutoff))
    if alpha < 0:
        raise complain(ValueError, caller, "alpha", "at least 0", describe(alpha))
    for axis in as_axes(caller, axes, u, name):
        n, half = u.shape[axis], u.dtype.kind == "f"
        eta = abs(modes(n, half)) / (cutoff * n / 2)
        u = along(u, axis, _factors(kind, eta, order, alpha))
    return u


def _factors(kind: str, eta: Floats, order: int, alpha: float) -> Floats:
    if kind == "exponential":
        with np.errstate(over="ignore", under="ignore"):
            return np.exp(-alpha * eta**order)
    inside = eta <= 1
    if kind == "sharp":
        return inside.astype(float)
    from scipy.special import betainc  # loaded on first use

    s = np.cos(np.pi / 2 * np.minimum(eta, 1)) ** 2
    return np.where(inside, betainc(order / 2, order / 2, s), 0.0)
