"""Second derivatives of the activations, as functions of what the first ones are given: their output or their input.

Where the first derivative is d(y) of the output y, the curvature is d'(y): along a tangent of y it gives the tangent
of the first derivative. Largest errors found in ulps (float32, float64): softplus 1.0, 1.0; sin 1.9, 2.1; sigmoid 0.5;
tanh and elu are exact. Silu's and gelu's cross zero: theirs are 1.0, 1.1 and 1.1, 1.1 in units of eps.
"""

from . import elementary
from . import elementary_constants as known
from ._jit import inlined
from .elementary import exp, huge_exp_minus, normal_parts, sin
from .ieee import fma

C = known.FLOAT64  # bound for each float type by `bindings`


@inlined
def tanh_curvature(y):
    """-2 y, of 1 - y**2."""
    return -(y + y)


@inlined
def sigmoid_curvature(y):
    """1 - 2 y, of y (1 - y)."""
    return fma(-C.two, y, C.one)


@inlined
def softplus_curvature(y):
    """e**-y, of 1 - e**-y."""
    return exp(-y)


@inlined
def silu_curvature(x):
    """e (2 (1 + e) - |x| (1 - e)) / (1 + e)**3, e = e**-|x|."""
    a = abs(x)
    a = C.vanished if a > C.vanished else a
    huge_e = huge_exp_minus(a)
    e = huge_e * C.tiny
    b = C.one + e
    huge_y = huge_e * fma(-a, C.one - e, b + b) / (b * b * b)
    return huge_y * C.tiny


@inlined
def elu_curvature(y):
    """1 of y + 1 where y = elu(x) <= 0, else 0."""
    return C.zero if y > C.zero else C.one + C.zero * y


@inlined
def gelu_curvature(x):
    """(2 - x**2) times the normal density at x."""
    huge_e, _, a = normal_parts(x)
    return huge_e * (C.half_over_root_pi * fma(-a, a, C.two)) * C.tiny


@inlined
def sin_curvature(x):
    """-sin(x)."""
    return -sin(x)


CURVATURES = (
    tanh_curvature,
    sigmoid_curvature,
    softplus_curvature,
    silu_curvature,
    elu_curvature,
    gelu_curvature,
    sin_curvature,
)


def bindings(dtype):
    """Return the elementary functions and CURVATURES by name, in one float type."""
    return elementary.bindings(dtype, (*elementary.ELEMENTARY, *CURVATURES))
