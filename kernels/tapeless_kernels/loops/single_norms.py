"""Norms of one trajectory, with a tolerance for each component; a complex component is a pair of reals."""

from .._jit import inlined, kernel
from ..activations import power
from ..ieee import fma
from ..tile import Real, contract_whole
from . import single_state as at

# Hairer's counts: so many steps near the bound look stiff, so many in a row far from it do not.
TIMES_STIFF, TIMES_CALM = 15, 6


@inlined
def modulus(x, m, pairs):
    """Return |x_m|, of a real or of the complex number whose parts are 2m and 2m + 1."""
    if pairs == 0:
        return abs(x[m, 0])
    re, im = abs(x[2 * m, 0]), abs(x[2 * m + 1, 0])
    large, small = (re, im) if re > im else (im, re)
    if not small > Real(0):  # 0, or NaN: of what is not finite nothing is hidden
        return re + im
    ratio = small / large
    return large * power(fma(ratio, ratio, Real(1)), Real(0.5))


@kernel
def scaled_mean(s, v):
    """Return the mean of (|v| / (atol + rtol |y|))**2."""
    pairs = s.n[at.PAIRS]
    count, total = s.n[at.DIM] >> pairs, Real(0)
    for m in range(count):
        ratio = modulus(v, m, pairs) / fma(s.rtol[m], modulus(s.y, m, pairs), s.atol[m])
        total = fma(ratio, ratio, total)
    return total / Real(count)


@inlined
def error_mean(s, which):
    """Return the mean of (|e| / (atol + rtol max(|y|, |y_next|)))**2 of one error estimate."""
    pairs = s.n[at.PAIRS]
    count, total = s.n[at.DIM] >> pairs, Real(0)
    contract_whole(s.e, s.h, s.error[which], s.k, 0, s.n[at.STAGES] + s.n[at.FSAL])
    for m in range(count):
        a, b = modulus(s.y, m, pairs), modulus(s.y_next, m, pairs)
        scale = fma(s.rtol[m], a if a > b else b, s.atol[m])
        if pairs:
            re, im = s.e[2 * m, 0], s.e[2 * m + 1, 0]
            square = fma(re, re, im * im) / (scale * scale)
        else:
            ratio = s.e[m, 0] / scale
            square = ratio * ratio
        # Not finite where a state is not: beside an infinite scale any error would pass.
        total += fma(Real(0), b, square)
    return total / Real(count)


@inlined
def error_ratio(s):
    """Return the squared error ratio of a step: at most 1 is good enough."""
    q = error_mean(s, 0)
    if s.n[at.N_ERRORS] == 2 and q > Real(0):
        # The error as DOP853 measures it: Hairer, Norsett and Wanner, Solving ODEs I, II.10.
        return q * (q / fma(Real(0.01), error_mean(s, 1), q))
    return q


@inlined
def is_finite(s, v):
    """Whether all components are."""
    total = Real(0)
    for m in range(s.n[at.DIM]):
        total += Real(0) * v[m, 0]
    return total == Real(0)


@inlined
def look_for_stiffness(s):
    """Count the steps that the bound of stability limits: h |k_x - k_y| / |z_x - z_y| is near it.

    The estimate is Shampine's (1977), the counts those of Hairer's DOPRI5: Hairer and Wanner,
    Solving ODEs II (2nd ed., 1996), section IV.2.
    """
    n, x = s.n, s.x
    slopes = states = Real(0)
    for m in range(n[at.DIM]):
        k = s.k[n[at.PAIR_X], m, 0] - s.k[n[at.PAIR_Y], m, 0]
        z = s.pair[1, m, 0] - s.pair[0, m, 0]
        slopes, states = fma(k, k, slopes), fma(z, z, states)
    bound = Real(x[at.STABILITY] / x[at.STEP])
    if states > Real(0) and slopes > bound * bound * states:
        if n[at.STIFF] == 0:
            x[at.STIFF_SINCE] = x[at.T]
        n[at.CALM] = 0
        n[at.STIFF] += 1
        if n[at.STIFF] >= TIMES_STIFF:
            n[at.LOOKS_STIFF] = 1
    elif n[at.STIFF] > 0:
        n[at.CALM] += 1
        if n[at.CALM] >= TIMES_CALM:
            n[at.STIFF] = n[at.CALM] = 0
