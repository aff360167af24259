"""Integrals of series by their coefficients; each transpose right below.

What a residual needs that is computed in coefficient space: series over boxes whose axes have a Fourier, a Chebyshev
or a Legendre basis each.
"""

from collections.abc import Sequence

import numpy as np

from tapeless._interchange import takes_arrays
from tapeless._spectral_ops.arguments import (
    Axes,
    Field,
    Floats,
    Lengths,
    as_field,
    like,
    real_of,
    same_pair,
)
from tapeless._spectral_ops.expansions import Expansion, prepare
from tapeless._spectral_ops.series import Bases
from tapeless._spectral_ops.transforms import TWO_PI, shaped, times
from tapeless._types import ArrayInput, Integer


@takes_arrays
def parseval(
    a: ArrayInput,
    b: ArrayInput,
    bases: Bases | Sequence[Bases] = "fourier",
    axes: Axes = None,
    length: Lengths = TWO_PI,
    n: Integer | None = None,
) -> Field:
    r"""Return the inner product of two fields from the coefficients of their series.

    Parameters
    ----------
    a, b : array
        Coefficients; complex where a basis is "fourier", as from ``rfftn(u, norm="forward")``.
    bases : "fourier", "chebyshev" or "legendre", or a sequence of them
        What they are coefficients of, one for all or one for each of `axes`.
    axes : int, sequence of int or None
        The axes of the coefficients; all for None. The others are a batch.
    length : float or sequence of float
        The periods of Fourier series, one for all or one for each of `axes`; those of polynomials do not matter.
    n : int, optional
        If the fields are real and half their modes are held along the last Fourier axis: the number of points there.

    Returns
    -------
    ndarray, shape of `a` without `axes`
        The integral of :math:`\bar u v w` with the weight w of the bases; real where the fields are.

    Raises
    ------
    TypeError
        If an array is of no such dtype, or real coefficients are said to be those of a Fourier series.
    ValueError
        If the shapes differ, there are no such axes, bases or periods, or `a` is no half spectrum of `n` points.

    Notes
    -----
    The weight is :math:`1 / \sqrt{1 - x^2}` for a Chebyshev basis and 1 for the others. The squares of the functions
    integrate to the period (Fourier), :math:`\pi` and then :math:`\pi / 2` (Chebyshev), :math:`2 / (2 k + 1)`
    (Legendre). In half spectra all modes count twice but the mean and, for an even n, that of Nyquist. The latter is
    weighed as in a sum over the grid, where its square is 1; the cosine between the points has half of it.

    References
    ----------
    .. [1] Du, Chalapathi and Krishnapriyan, Neural spectral methods: self-supervised learning in the spectral domain,
       ICLR (2024), arXiv:2312.05225.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import spectral
    >>> u = np.cos(2 * np.pi * np.arange(8) / 8)
    >>> c = np.fft.rfft(u, norm="forward")
    >>> print(np.round(spectral.parseval(c, c, length=1.0, n=8), 12))
    0.5
    """
    caller = "parseval"
    a, b, _ = same_pair(caller, "a", a, "b", b)
    axes, parts = prepare(caller, "a", a, bases, axes, length, n)
    with np.errstate(over="ignore", invalid="ignore"):
        found = _weighed(a.conj() * b, parts).sum(axis=axes)
    return np.asarray(found.real if n is not None else found)


@takes_arrays
def parseval_vjp(
    bar: ArrayInput,
    a: ArrayInput,
    b: ArrayInput,
    bases: Bases | Sequence[Bases] = "fourier",
    axes: Axes = None,
    length: Lengths = TWO_PI,
    n: Integer | None = None,
) -> tuple[Field, Field]:
    """Return the cotangents of both series from that of `parseval`.

    Parameters
    ----------
    bar : array, shape of `a` without `axes`
        Cotangent of the inner products.
    a, b, bases, axes, length, n : array, array, str or sequence, int or sequence, float or sequence, int
        As for `parseval`.

    Returns
    -------
    a_bar, b_bar : ndarray, shape of `a`
        Cotangents of the coefficients, each with its real and its imaginary part.

    Raises
    ------
    TypeError, ValueError
        As of `parseval`, and if `bar` is not of the shape and kind of its values.
    """
    caller = "parseval_vjp"
    a, b, dtype = same_pair(caller, "a", a, "b", b)
    axes, parts = prepare(caller, "a", a, bases, axes, length, n)
    shape = tuple(size for i, size in enumerate(a.shape) if i not in axes)
    bar = like(caller, "bar", bar, shape, real_of(dtype) if n is not None else dtype)
    bar = np.expand_dims(bar, axes)
    with np.errstate(over="ignore", invalid="ignore"):
        return _weighed(bar.conj() * b, parts), _weighed(bar * a, parts)


@takes_arrays
def squared_norm(
    c: ArrayInput,
    bases: Bases | Sequence[Bases] = "fourier",
    axes: Axes = None,
    length: Lengths = TWO_PI,
    n: Integer | None = None,
) -> Floats:
    r"""Return the squared norm of a field from the coefficients of its series: what a residual is to be small in.

    Parameters
    ----------
    c : array
        Coefficients, as for `parseval`.
    bases, axes, length, n : str or sequence, int or sequence, float or sequence, int
        As for `parseval`.

    Returns
    -------
    ndarray of float, shape of `c` without `axes`, precision of `c`
        The integral of :math:`|u|^2 w`. For a Chebyshev series, :math:`\pi c_0^2 + \pi / 2 \sum_{k > 0} c_k^2`.

    Raises
    ------
    TypeError, ValueError
        As of `parseval`.

    References
    ----------
    .. [1] Du, Chalapathi and Krishnapriyan, Neural spectral methods: self-supervised learning in the spectral domain,
       ICLR (2024), arXiv:2312.05225.

    Examples
    --------
    >>> from tapeless import spectral
    >>> print(spectral.squared_norm([0.0, 3.0], "legendre"))  # of 3 x
    6.0
    """
    caller = "squared_norm"
    c = as_field(caller, "c", c)
    axes, parts = prepare(caller, "c", c, bases, axes, length, n)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(_weighed((c.conj() * c).real, parts).sum(axis=axes))


@takes_arrays
def squared_norm_vjp(
    bar: ArrayInput,
    c: ArrayInput,
    bases: Bases | Sequence[Bases] = "fourier",
    axes: Axes = None,
    length: Lengths = TWO_PI,
    n: Integer | None = None,
) -> Field:
    """Return the cotangent of the coefficients from that of `squared_norm`.

    Parameters
    ----------
    bar : array, shape of `c` without `axes`
        Cotangent of the squared norms.
    c, bases, axes, length, n : array, str or sequence, int or sequence, float or sequence, int
        As for `squared_norm`.

    Returns
    -------
    ndarray, shape and dtype of `c`
        Cotangent of the coefficients.

    Raises
    ------
    TypeError, ValueError
        As of `squared_norm`, and if `bar` is not real and of the shape of its values.
    """
    caller = "squared_norm_vjp"
    c = as_field(caller, "c", c)
    axes, parts = prepare(caller, "c", c, bases, axes, length, n)
    shape = tuple(size for i, size in enumerate(c.shape) if i not in axes)
    bar = like(caller, "bar", bar, shape, real_of(c.dtype))
    with np.errstate(over="ignore", invalid="ignore"):
        return _weighed(2 * np.expand_dims(bar, axes) * c, parts)


def _weighed(c: Field, parts: list[Expansion]) -> Field:
    """Return coefficients times the integrals of the squares of their functions."""
    for part in parts:
        c = times(c, shaped(part.norms(), part.axis, c.ndim))
    return c
