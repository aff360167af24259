"""The phi functions and the coefficients of exponential Runge-Kutta methods, for arguments that are checked."""

from typing import Any

import numpy as np

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._interchange import takes_arrays
from tapeless._pde.factors import LARGEST_ORDER, Array, Coefficients, method_factors, phi_of
from tapeless._pde.numbers import as_number
from tapeless._types import ArrayInput


@takes_arrays
def phi(order: int, z: ArrayInput) -> Array:
    r"""Return :math:`\varphi_k(z) = \int_0^1 e^{(1-s) z} s^{k-1} / (k-1)! \, ds`, and exp(z) for k = 0.

    Parameters
    ----------
    order : int
        The k of the function, from 0 to 4.
    z : array, any shape
        Real or complex; integers become float64.

    Returns
    -------
    ndarray, shape of `z`
        Its values, computed in double precision and of the dtype of `z`. Overflow gives inf.

    Raises
    ------
    TypeError
        If `z` is of another dtype.
    ValueError
        If `order` is not from 0 to 4.

    Notes
    -----
    Where \|z\| < 1, digits would cancel in the recurrence :math:`\varphi_{k+1} = (\varphi_k - 1/k!) / z`. There the
    mean over 32 points of a circle around z is taken [1]_, on which the recurrence keeps its digits. It is the
    complex mean for complex z, and its real part for real z alone.

    References
    ----------
    .. [1] Kassam and Trefethen, Fourth-order time-stepping for stiff PDEs, *SIAM J. Sci. Comput.* 26 (2005),
       section 3.

    Examples
    --------
    >>> from tapeless import pde
    >>> pde.phi(1, [0.0, -1e-9, -10.0]).round(6)
    array([1.      , 1.      , 0.099995])
    """
    whole = isinstance(order, (int, np.integer)) and not isinstance(order, (bool, np.bool_))
    if not whole or not 0 <= order <= LARGEST_ORDER:
        wanted = f"an integer from 0 to {LARGEST_ORDER}"
        raise complain(ValueError, "phi", "order", wanted, describe(order))
    given = as_number("phi", "z", z)
    wide = given.astype(np.result_type(given, np.float64))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return phi_of(int(order), wide.ravel()).reshape(given.shape).astype(given.dtype)


@takes_arrays
def etdrk4_coefficients(L: ArrayInput, h: float) -> Coefficients:
    r"""Return the factors of a step of ETDRK4, the exponential time differencing of Cox and Matthews.

    Parameters
    ----------
    L : array, any shape
        The diagonal of the linear part, real or complex.
    h : float
        The step.

    Returns
    -------
    Coefficients
        Of the shape of `L` and its dtype; computed in double precision.

    Raises
    ------
    TypeError
        If `L` is no array of numbers.
    ValueError
        If `L` or `h` is not finite.

    Notes
    -----
    Order 4. As h L goes to 0 the step becomes that of the classical Runge-Kutta method.

    References
    ----------
    .. [1] Cox and Matthews, Exponential time differencing for stiff systems, *J. Comput. Phys.* 176 (2002),
       eqs. (26)-(29).
    .. [2] Kassam and Trefethen, Fourth-order time-stepping for stiff PDEs, *SIAM J. Sci. Comput.* 26 (2005).

    Examples
    --------
    >>> from tapeless import pde
    >>> [float(c) for c in pde.etdrk4_coefficients(0.0, 0.5)[2:6]]  # those of RK4
    [0.25, 0.25, 0.0, 0.5]
    """
    return _coefficients("etdrk4_coefficients", "etdrk4", L, h)


@takes_arrays
def ifrk4_coefficients(L: ArrayInput, h: float) -> Coefficients:
    """Return the factors of a step of IFRK4, the classical Runge-Kutta method with an integrating factor.

    Parameters
    ----------
    L : array, any shape
        The diagonal of the linear part, real or complex.
    h : float
        The step.

    Returns
    -------
    Coefficients
        Of the shape of `L` and its dtype; computed in double precision.

    Raises
    ------
    TypeError
        If `L` is no array of numbers.
    ValueError
        If `L` or `h` is not finite.

    Notes
    -----
    Order 4, and of larger error than ETDRK4 where h L is large: steady states are not kept.

    References
    ----------
    .. [1] Lawson, Generalized Runge-Kutta processes for stable systems with large Lipschitz constants,
       *SIAM J. Numer. Anal.* 4 (1967).

    Examples
    --------
    >>> from tapeless import pde
    >>> [float(c) for c in pde.ifrk4_coefficients(0.0, 0.5)[2:6]]
    [0.25, 0.25, 0.0, 0.5]
    """
    return _coefficients("ifrk4_coefficients", "ifrk4", L, h)


def _coefficients(caller: str, method: str, L: Any, h: Any) -> Coefficients:
    diagonal, step_size = as_number(caller, "L", L), check.as_real(caller, "h", h)
    if step_size.ndim or not np.isfinite(step_size):
        raise complain(ValueError, caller, "h", "a finite number", describe(h))
    if not np.isfinite(diagonal).all():
        raise complain(ValueError, caller, "L", "finite", "NaN or inf in it")
    return method_factors(method, diagonal, float(step_size))
