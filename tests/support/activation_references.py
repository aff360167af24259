"""Activations and their first two derivatives by libm and mpmath, and how close ours must be."""

import functools
from typing import NamedTuple

import mpmath
import numpy as np
from scipy import special

DTYPES = (np.float32, np.float64)
WIDER = {np.float32: np.float64, np.float64: np.longdouble}
ULPS = 4
SILU_ZERO = mpmath.findroot(lambda x: 1 + x + mpmath.exp(x), -1.28)
GELU_ZERO = mpmath.findroot(lambda x: mpmath.ncdf(x) + x * mpmath.npdf(x), -0.75)


def sigmoid(x):
    e = np.exp(-abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))


def silu(x):
    return np.maximum(x, -20000) * sigmoid(x)  # 0 inf otherwise


def silu_derivative(x):
    x = np.clip(x, -20000, 20000)
    e = np.exp(-abs(x))
    return np.where(x < 0, e * (1 + x + e), 1 + e * (1 + x)) / (1 + e) ** 2


@functools.cache
def _exact_normal(x):
    """Return the normal distribution, and with x times its density, of a float64 in 30 digits."""
    with mpmath.workdps(30):
        x = mpmath.mpf(x)
        distribution = mpmath.erfc(-x / mpmath.sqrt(2)) / 2
        return x * distribution, distribution + x * mpmath.npdf(x)


def of_normal(place, x):
    if x.dtype == np.float64:  # for float32
        density = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
        return x * special.ndtr(x) if place == 0 else special.ndtr(x) + x * density
    y = np.where(x > 0, x if place == 0 else 1, 0 * x)
    for i in np.flatnonzero(abs(x) < 40):
        y[i] = np.longdouble(mpmath.nstr(_exact_normal(float(x[i]))[place], 25))
    return y


def one(x):
    return np.ones_like(x)


class Reference(NamedTuple):
    """An activation by libm, its limits, its derivative, and where they are asked for."""

    function: object
    limits: tuple  # at -inf and inf
    derivative: object
    domain: tuple = (-np.inf, np.inf)  # of the derivative's argument
    within: float = np.inf  # bound on the function's argument
    ulps: float = ULPS
    every: int = 1  # of the samples in float64


REFERENCES = {
    "identity": Reference(lambda x: x, (-np.inf, np.inf), one),
    "tanh": Reference(np.tanh, (-1, 1), lambda y: (1 - y) * (1 + y), (-1, 1)),
    "softplus": Reference(softplus, (0, np.inf), lambda y: -np.expm1(-y), (0, np.inf)),
    "silu": Reference(silu, (0, np.inf), silu_derivative),
    "relu": Reference(lambda x: np.maximum(x, 0), (0, np.inf), lambda y: y > 0, (0, np.inf)),
    "sigmoid": Reference(sigmoid, (0, 1), lambda y: y * (1 - y), (0, 1)),
    "sin": Reference(np.sin, (np.nan, np.nan), np.cos, (-1e5, 1e5), within=1e5),
    "elu": Reference(
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        (-1, np.inf),
        lambda y: np.where(y > 0, 1, y + 1),
        (-1, np.inf),
    ),
    "gelu": Reference(
        functools.partial(of_normal, 0),
        (0, np.inf),
        functools.partial(of_normal, 1),
        ulps=8.5,
        every=5,
    ),
}


def silu_curvature(x):
    a = np.minimum(abs(x), 20000)
    e = np.exp(-a)
    return e * (2 * (1 + e) - a * (1 - e)) / (1 + e) ** 3


def gelu_curvature(x):
    a = np.minimum(abs(x), 200)
    return (2 - a * a) * np.exp(-a * a / 2) / np.sqrt(2 * x.dtype.type(np.pi))


# By the argument of the first derivative; with the largest error, in ulps or, where it crosses 0, in eps.
CURVATURES = {
    "identity": (np.zeros_like, 0),
    "tanh": (lambda y: -2 * y, 0),
    "softplus": (lambda y: np.exp(-y), 2),
    "silu": (silu_curvature, None),
    "relu": (np.zeros_like, 0),
    "sigmoid": (lambda y: 1 - 2 * y, 0.5),
    "sin": (lambda x: -np.sin(x), ULPS),
    "elu": (lambda y: np.where(y > 0, 0, one(y)), 0),
    "gelu": (gelu_curvature, None),
}
