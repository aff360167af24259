"""The cubic Hermite interpolant of one step in one lane, its transpose, and its derivative in time."""

from .._jit import inlined, kernel
from ..tile import Real


@kernel
def hermite_weights(s, h):
    """Return the weights of y_0, k_0, y_1, k_1 at t_0 + s h (Hairer, Norsett, Wanner I, II.6, eq. 6.7)."""
    one, two, three = Real(1), Real(2), Real(3)
    r = one - s
    w_y1 = s * s * (three - two * s)
    return one - w_y1, h * s * r * r, w_y1, -h * s * s * r


@kernel
def hermite(out, s, h, lane, y, k0, y_next, k1):
    """out[:, lane] = the interpolant of the step from y to y_next at the fraction s of it."""
    a, b, c, d = hermite_weights(s, h)
    for m in range(out.shape[0]):
        out[m, lane] = a * y[m, lane] + b * k0[m, lane] + (c * y_next[m, lane] + d * k1[m, lane])


@kernel
def hermite_vjp(out_bar, s, h, lane, end, y_bar, k_bar):
    """Add to the cotangents of y_next and k1 if `end`, else to those of y and k0."""
    a, b, c, d = hermite_weights(s, h)
    w_y, w_k = (c, d) if end else (a, b)
    for m in range(out_bar.shape[0]):
        y_bar[m, lane] += w_y * out_bar[m, lane]
        k_bar[m, lane] += w_k * out_bar[m, lane]


@inlined
def hermite_slope(m, s, h, lane, y, k0, y_next, k1):
    """Return the derivative of component m with respect to s, and that with respect to h where s is held."""
    two, three, six = Real(2), Real(3), Real(6)
    rise = six * s * (Real(1) - s) * (y_next[m, lane] - y[m, lane])
    first = (Real(1) - s) * (Real(1) - three * s) * k0[m, lane]
    last = s * (three * s - two) * k1[m, lane]
    r = Real(1) - s
    return rise + h * (first + last), s * r * (r * k0[m, lane] - s * k1[m, lane])
