"""Elementary functions, written once for float32 and float64: fma and bits; no branch, table, libm.

Every clamp and choice is a ternary of values at hand, so that a lane loop around it vectorises, and
keeps NaN. The reductions are those of Cody and Waite (1980), Software Manual for the Elementary
Functions, with pieces of ln(2) and pi made for fma; the polynomials are minimax.

Largest errors found, in ulps (float32, float64): tanh 2.6, 2.7; sigmoid 2.5, 2.4; softplus 1.8, 2.2;
silu 3.4, 3.1; elu 0.9, 1.2; gelu 7.3, 7.5; sin and cos 2.2, 2.5; exp 1.1, 1.1; log 1.0, 1.4. Derivatives,
as functions of what they are given: silu' 3.9, 3.5; gelu' 7.9, 8.1; softplus' 1.1, 1.2; tanh' and sigmoid' 0.5.
"""

import numpy as np

from . import elementary_constants as known
from ._jit import inlined, retarget
from .ieee import fma, from_bits, to_bits

# Bound for each float type by `bindings`; here for float64.
C, Int = known.FLOAT64, np.int64
exp_polynomial, exp2_polynomial = known.polynomial10, known.polynomial9
log_polynomial, log2_polynomial = known.polynomial9, known.polynomial6
sin_polynomial = known.polynomial8
normal_polynomial, gelu_polynomial = known.polynomial24, known.polynomial16


@inlined
def power_of_two(n):
    """2**k from n = k + C.shift."""
    return from_bits(Int(to_bits(n) << C.exponent_at))


@inlined
def expm1_near_0(r):
    """e**r - 1 for |r| <= ln(2) / 2."""
    return fma(r * r, exp_polynomial(C.exp_tail, r), r)


@inlined
def exp_parts(x, shift):
    """(2**k, e**r - 1) where x = k ln(2) + r; 2**k is raised as the shift was."""
    n = fma(x, C.log2_e, shift)
    k = n - shift
    r = fma(-k, C.ln2_rest, fma(-k, C.ln2, x))
    return power_of_two(n), expm1_near_0(r)


@inlined
def exp(x):
    """e**x."""
    bounded = C.exp_least if x < C.exp_least else x
    s, q = exp_parts(bounded, C.shift_up if x < C.zero else C.shift_down)
    y = fma(q, s, s) * (C.tiny if x < C.zero else C.huge)
    return C.inf if x > C.exp_largest else y


@inlined
def huge_exp_minus(a):
    """huge e**-a for a >= 0: a normal number where the exponential is not."""
    a = C.vanished if a > C.vanished else a
    s, q = exp_parts(-a, C.shift_up)
    return fma(q, s, s)


@inlined
def log_parts(x):
    """(k, f) where x = 2**k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), for x > 0 normal."""
    bits = to_bits(x)
    k = Int(Int(bits - C.sqrt_half_bits) >> C.exponent_at)
    f = from_bits(Int(bits - Int(k << C.exponent_at))) - C.one
    return from_bits(Int(k + C.round_bits)) - C.round, f


@inlined
def log1p_near_0(f):
    """log(1 + f) = log((1 + s) / (1 - s)), s = f / (2 + f), for -0.3 <= f <= 1."""
    s = f / (C.two + f)
    z = s * s
    return fma(-s, fma(-z, log_polynomial(C.log_tail, z), f), f)


@inlined
def log(x):
    """log(x)."""
    a = abs(x)
    small = x < C.least_normal
    k, f = log_parts(a * C.subnormal_factor if small else a)
    k += C.subnormal_k if small else C.zero
    y = fma(k, C.ln2, fma(k, C.ln2_rest, log1p_near_0(f)))
    y = y if x < C.inf else x
    return y if x > C.zero else (-C.inf if x == C.zero else C.nan)


@inlined
def power(x, e):
    """x**e = 2**(e log2(x)) for x > 0 finite, to 1e-6 (float32) and 1e-13 (float64) while |e| <= 4.

    Made for step-size controllers: subnormal x counts as the least normal number or half of it, and
    what should be subnormal is 0; from 2**127.5 (2**1023.5) on, the power is inf.
    """
    k, f = log_parts(x)
    s = f / (C.two + f)
    b = e * (s * log2_polynomial(C.log2_slope, s * s))
    exponent = fma(e, k, b)
    n = exponent + C.shift
    d = fma(e, k, C.shift - n) + b
    s = power_of_two(n)
    y = fma(d * exp2_polynomial(C.exp2_slope, d), s, s)
    y = C.inf if exponent > C.exp2_largest else y
    y = C.zero if exponent < C.exp2_least else y
    return y if x == x else x


@inlined
def tanh(x):
    """tanh(x) = m / (m + 1) where m = (e**2|x| - 1) / 2, with the sign of x.

    With 2|x| = k ln(2) + 2 h, m = 2**k (e**2h - 1) / 2 + (2**k - 1) / 2. One piece of ln(2) does:
    its error in 2|x| grows like k, and falls like k 2**-k in tanh(x).
    """
    a = abs(x)
    a = C.saturated if a > C.saturated else a
    n = fma(a, C.two_log2_e, C.shift)
    h = fma(C.shift - n, C.half_ln2, a)
    s, q = power_of_two(n), fma(h * h, exp_polynomial(C.half_exp_tail, h), h)
    m = fma(q, s, fma(s, C.half, -C.half))
    return from_bits(Int(to_bits(m / (m + C.one)) | (to_bits(x) & C.sign_bit)))


@inlined
def tanh_derivative(y):
    """1 - y**2 at y = tanh(x)."""
    return fma(-y, y, C.one)


@inlined
def sigmoid(x):
    """1 / (1 + e**-x)."""
    e = huge_exp_minus(abs(x)) * C.tiny
    return (e if x < C.zero else C.one) / (C.one + e)


@inlined
def sigmoid_derivative(y):
    """y (1 - y) at y = sigmoid(x)."""
    return fma(-y, y, y)


@inlined
def softplus(x):
    """log(1 + e**x) = max(x, 0) + log(1 + e**-|x|)."""
    e = huge_exp_minus(abs(x)) * C.tiny
    return (x if x > C.zero else C.zero) + log1p_near_0(e)


@inlined
def softplus_derivative(y):
    """1 - e**-y at y = softplus(x)."""
    most = C.two * C.saturated
    y = most if y > most else y
    s, q = exp_parts(-y, C.shift)
    return fma(-q, s, C.one - s)


@inlined
def silu(x):
    """x sigmoid(x)."""
    x = -C.vanished if x < -C.vanished else x
    huge_e = huge_exp_minus(abs(x))
    y = (x * huge_e if x < C.zero else x) / fma(huge_e, C.tiny, C.one)
    return y * C.tiny if x < C.zero else y


@inlined
def silu_derivative(x):
    """(1 + e + e x) / (1 + e)**2 if x >= 0, else e g / (1 + e)**2; e = e**-|x|, g = 1 + x + e.

    Near its zero x0 = -1 - e0, e0 = e**x0, g is d + e0 (e**d - 1), d = x - x0: nothing cancels.
    """
    a = abs(x)
    a = C.vanished if a > C.vanished else a
    d = x - C.silu_root
    near = abs(d) < C.half * C.half
    s, q = exp_parts(d - C.silu_root_rest if near else -a, C.shift_up)
    huge_e = fma(q, s, s) * (C.exp_of_silu_root if near else C.one)
    e, t = huge_e * C.tiny, C.one + (-a if x < C.zero else a)
    far_g = t + (e if x < C.zero else C.zero)
    near_g = d + fma(C.exp_of_silu_root, q, -C.silu_root_rest)
    g = near_g if near else far_g
    b = C.one + e
    lost = e - (b - C.one)
    huge_y = fma(huge_e, g, C.zero if x < C.zero else C.huge) / fma(b, b, (b + b) * lost)
    return huge_y * C.tiny


@inlined
def relu(x):
    """max(x, 0), relu(-0) = 0. With x for x + 0, LLVM masks the stores of a loop in place: 4 times slower."""
    return C.zero if x < C.zero else x + C.zero


@inlined
def relu_derivative(y):
    """1 where y = relu(x) > 0, else 0."""
    y = C.one if y > C.zero else y
    return C.zero if y <= C.zero else y


@inlined
def elu(x):
    """x for x > 0, else e**x - 1."""
    least = -C.two * C.saturated  # e**x - 1 is -1 below
    low = least if x < least else x
    s, q = exp_parts(C.zero if low > C.zero else low, C.shift)
    return x + C.zero if x > C.zero else fma(q, s, s - C.one)  # as in `relu`


@inlined
def elu_derivative(y):
    """1 where y = elu(x) > 0, else y + 1."""
    return (C.zero if y > C.zero else y) + C.one


@inlined
def normal_parts(x):
    """(huge e**(-a**2 / 2), r, a), a = |x| bounded: the normal distribution at -a is r e**(-a**2 / 2)."""
    a = abs(x)
    a = C.normal_vanished if a > C.normal_vanished else a
    square = a * a
    t = (a - C.normal_scale) / (a + C.normal_scale)
    r = normal_polynomial(C.normal_tail, t) / fma(C.one + C.half, a, C.one)
    e = huge_exp_minus(C.half * square)
    return fma(e, -C.half * fma(a, a, -square), e), r, a


@inlined
def gelu(x):
    """x times the normal distribution at x."""
    huge_e, r, a = normal_parts(x)
    huge_y = a * r * huge_e
    return (x if x > C.zero else C.zero) - huge_y * C.tiny


@inlined
def gelu_derivative(x):
    """Normal distribution at x, plus x times its density.

    Near its zero x0 it is (x - x0) q(x - x0): nothing cancels.
    """
    huge_e, r, a = normal_parts(x)
    far = huge_e * fma(C.half_over_root_pi, a, -r) * C.tiny
    d = x - C.gelu_root
    near = (d - C.gelu_root_rest) * gelu_polynomial(C.gelu_slope, d)
    y = C.one + far if x > C.zero else -far
    return near if abs(d) < C.half * (C.half + C.half * C.half) else y


@inlined
def less_pi(a, q):
    """a - q pi; three pieces of pi keep the difference good where it cancels."""
    return fma(-q, C.pi_rest_of_rest, fma(-q, C.pi_rest, fma(-q, C.pi, a)))


@inlined
def sin_near_0(r):
    """sin(r) for |r| <= pi / 2; never beyond +-1."""
    z = r * r
    y = fma(r * z, sin_polynomial(C.sin_tail, z), r)
    y = C.one if y > C.one else y
    return -C.one if y < -C.one else y


@inlined
def sin(x):
    """sin(x) = (-1)**k sin(|x| - k pi), with the sign of x.

    To 4 ulps while |x| <= 1e6 (float64: 1e14); beyond 1e7 (1e16) it is any number in [-1, 1].
    """
    a = abs(x)
    n = fma(a, C.one_over_pi, C.round)
    y = sin_near_0(less_pi(a, n - C.round))
    sign = Int(to_bits(n) << C.sign_at) ^ (to_bits(x) & C.sign_bit)
    return from_bits(Int(to_bits(y) ^ sign))


@inlined
def cos(x):
    """cos(x) = (-1)**k sin((k + 1/2) pi - |x|)."""
    a = abs(x)
    n = fma(a, C.one_over_pi, -C.half) + C.round
    y = sin_near_0(-less_pi(a, (n - C.round) + C.half))
    return from_bits(Int(to_bits(y) ^ Int(to_bits(n) << C.sign_at)))


ELEMENTARY = (
    exp,
    log,
    power,
    tanh,
    tanh_derivative,
    sigmoid,
    sigmoid_derivative,
    softplus,
    softplus_derivative,
    silu,
    silu_derivative,
    relu,
    relu_derivative,
    elu,
    elu_derivative,
    gelu,
    gelu_derivative,
    sin,
    cos,
)


# What the names above mean in each float type.
MEANINGS = {
    np.dtype(np.float32): {
        "C": known.FLOAT32,
        "Int": np.int32,
        "exp_polynomial": known.polynomial5,
        "exp2_polynomial": known.polynomial5,
        "log_polynomial": known.polynomial4,
        "log2_polynomial": known.polynomial3,
        "sin_polynomial": known.polynomial4,
        "normal_polynomial": known.polynomial12,
        "gelu_polynomial": known.polynomial8,
    },
    np.dtype(np.float64): {},
}


def bindings(dtype, functions=ELEMENTARY):
    """Return functions by name, in one float type."""
    meanings, made = MEANINGS[np.dtype(dtype)], {}
    return {
        f.__name__: retarget(f, meanings, made, lambda function, inline: inlined(function))
        for f in functions
    }
