"""Pairs of normal numbers from random words, by Box and Muller (1958), Annals of Mathematical Statistics 29.

Only IEEE operations, fma, and functions of `elementary.py`, which are made of these: the same bits everywhere. The
first word is the radius, of which float32 reaches 6.6 and float64, with the 32 bits of another word, 9.4; the
second is the angle. Both float types give the same numbers but for rounding.
"""

import numpy as np

from .._jit import inlined
from ..elementary import MEANINGS, log1p_near_0, log_parts, sin_near_0
from ..elementary_constants import FLOAT64 as C
from ..ieee import fma, square_root
from ..tile import Real

LOW, SIGN, SHIFT = np.uint32(0x7FFFFFFF), np.uint32(0x80000000), np.uint32(1)
LARGEST, QUARTER = np.int32(0x7FFFFFFF), np.int32(1 << 30)


@inlined
def fraction(n, more):
    """Return (n + (more + 1/2) / 2**32) / 2**31, of a signed n."""
    # A signed number is what vectors convert.
    rest = Real(np.int32(more ^ SIGN)) + Real(2.0**31 + 0.5)
    return fma(Real(n), Real(2.0**-31), rest * Real(2.0**-63))


@inlined
def short_fraction(n, more):
    """`fraction` in float32, where the further word does not count."""
    return (Real(n) + Real(0.5)) * Real(2.0**-31)


@inlined
def normal_pair(first, second, more_first, more_second):
    """Return two normal numbers."""
    n = np.int32(first >> SHIFT)
    u, rest = fraction(n, more_first), fraction(np.int32(LARGEST - n), ~more_first)
    k, f = log_parts(u)
    f = f if k < Real(0) else -rest  # exact near u = 1
    minus_log = -fma(k, C.ln2, fma(k, C.ln2_rest, log1p_near_0(f)))
    radius = square_root(Real(2) * minus_log)
    m = np.int32(np.int32(second & LOW) - QUARTER)  # of half a turn
    before = m < 0
    y = fraction(m, more_second)
    over = fraction(
        np.int32(QUARTER + m) if before else np.int32(QUARTER - m - 1),
        more_second if before else ~more_second,
    )  # 1/2 - |y|
    radius = -radius if np.int32(second) < 0 else radius
    return (
        radius * sin_near_0(fma(over, C.pi, over * C.pi_rest)),
        radius * sin_near_0(fma(y, C.pi, y * C.pi_rest)),
    )


def bindings(dtype):
    """Return what the names of this file, and of those that it imports, mean in one float type."""
    meanings = {"Real": dtype.type, **MEANINGS[dtype]}
    return meanings | {"fraction": short_fraction} if dtype.itemsize == 4 else meanings
