"""The coefficients of exponential Runge-Kutta methods of order 4 for a diagonal L, and the phi functions of them."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
N_POINTS = 32  # of a circle: the mean of a function that is entire is off by its 32nd Taylor term
RADIUS = 2.0  # of the circle: its points stay 1 away from 0 for every |z| < 1
LARGEST_ORDER = 4


class Coefficients(NamedTuple):
    r"""The factors of one exponential Runge-Kutta step, each of the shape of L.

    With slopes :math:`N_i = N(z_i)` and :math:`z_1 = u` a step is

    .. math::
        z_2 &= c_{half} u + a_{21} N_1, \qquad z_3 = c_{half} u + a_{32} N_2, \\
        z_4 &= c_{whole} u + a_{41} N_1 + a_{43} N_3, \\
        u' &= c_{whole} u + b_1 N_1 + b_2 (N_2 + N_3) + b_4 N_4.

    Attributes
    ----------
    half, whole : ndarray
        exp(h L / 2) and exp(h L).
    a21, a32, a41, a43 : ndarray
        Of the slopes in the stages.
    b1, b2, b4 : ndarray
        Of the slopes in the step.
    """

    half: Array
    whole: Array
    a21: Array
    a32: Array
    a41: Array
    a43: Array
    b1: Array
    b2: Array
    b4: Array


def _of_each_value(of: Callable[[Array, float], Coefficients], L: Array, h: float) -> Coefficients:
    """Compute coefficients once for each value: an isotropic L has far fewer of them than entries."""
    values, where = np.unique(L, return_inverse=True)
    wide = values.astype(np.result_type(values, np.float64))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        found = of(wide, h)
        return Coefficients(*(c[where].reshape(L.shape).astype(L.dtype) for c in found))


def _etdrk4(L: Array, h: float) -> Coefficients:
    z = h * L
    half = 0.5 * z
    q = 0.5 * h * phi_of(1, half)
    b1, b2, b4 = h * _mean_on_circle(_weights, z)
    return Coefficients(np.exp(half), np.exp(z), q, q, np.expm1(half) * q, 2 * q, b1, b2, b4)


def _ifrk4(L: Array, h: float) -> Coefficients:
    half, whole = np.exp(0.5 * h * L), np.exp(h * L)
    one = np.ones_like(L)
    return Coefficients(
        half, whole, h / 2 * half, h / 2 * one, 0 * one, h * half, h / 6 * whole, h / 3 * half, h / 6 * one
    )  # fmt: skip


def _etdrk4_slopes(L: Array, h: float) -> Coefficients:
    """Return the derivatives of `_etdrk4` in L, by phi_k' = phi_k - k phi_{k+1}."""
    z = h * L
    half, e = 0.5 * z, np.exp(0.5 * h * L)
    q, q_slope = 0.5 * h * phi_of(1, half), 0.25 * h * h * (phi_of(1, half) - phi_of(2, half))
    of1, of2, of3 = (phi_of(k, z) - k * phi_of(k + 1, z) for k in (1, 2, 3))
    b1, b2, b4 = of1 - 3 * of2 + 4 * of3, 2 * of2 - 4 * of3, 4 * of3 - of2
    a41 = 0.5 * h * e * q + np.expm1(half) * q_slope
    return Coefficients(
        0.5 * h * e, h * np.exp(z), q_slope, q_slope, a41, 2 * q_slope, h * h * b1, h * h * b2, h * h * b4
    )  # fmt: skip


def _ifrk4_slopes(L: Array, h: float) -> Coefficients:
    """Return the derivatives of `_ifrk4` in L."""
    half, whole = np.exp(0.5 * h * L), np.exp(h * L)
    zero, h2 = np.zeros_like(L), h * h
    return Coefficients(
        h / 2 * half, h * whole, h2 / 4 * half, zero, zero, h2 / 2 * half, h2 / 6 * whole, h2 / 6 * half, zero
    )  # fmt: skip


METHODS = {"etdrk4": (_etdrk4, _etdrk4_slopes), "ifrk4": (_ifrk4, _ifrk4_slopes)}


def method_factors(method: str, L: Array, h: float, slopes: bool = False) -> Coefficients:
    """Return the coefficients of a method, or their derivatives in L."""
    return _of_each_value(METHODS[method][slopes], L, h)


def _weights(z: Array) -> Array:
    """Return b1, b2 and b4 for h = 1; powers of 1/z never overflow where |z| is at least 1."""
    w, e = 1 / z, np.exp(z)
    return np.stack(
        [
            ((-4 * w - 1) * w) * w + e * (((4 * w - 3) * w + 1) * w),
            ((4 * w + 2) * w) * w + e * (((2 - 4 * w) * w) * w),
            ((-4 * w - 3) * w - 1) * w + e * (((4 * w - 1) * w) * w),
        ]
    )


def phi_of(order: int, z: Array) -> Array:
    """Return phi_k(z) of a flat array of double precision."""
    return _mean_on_circle(partial(_phi_by_recurrence, order), z) if order else np.exp(z)


def _phi_by_recurrence(order: int, z: Array) -> Array:
    value, inverse, factorial = np.exp(z), 1 / z, 1.0
    for k in range(order):
        value, factorial = (value - 1 / factorial) * inverse, factorial * (k + 1)
    return value


def _mean_on_circle(f: Callable[[Array], Array], z: Array) -> Array:
    """Return entire functions that lose digits near 0, of a flat array: where |z| < 1 their means on circles around z.

    f(conj z) = conj f(z) is taken for granted where z is real: half of the circle has the real part of all.
    """
    near, is_complex = np.abs(z) < 1, z.dtype.kind == "c"
    n = N_POINTS if is_complex else N_POINTS // 2
    points = RADIUS * np.exp((1 + is_complex) * 1j * np.pi * (np.arange(n) + 0.5) / n)
    mean = f(z[near][:, None] + points).mean(axis=-1)
    far = f(z[~near])
    out = np.empty((*far.shape[:-1], len(z)), z.dtype)
    out[..., ~near], out[..., near] = far, mean if is_complex else mean.real
    return out
