"""Fused multiply-add and the bits of a float: LLVM instructions on the CPU, exact rationals in plain Python."""

import math
from fractions import Fraction

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ._jit import inlined

_BITS = {types.float32: types.int32, types.float64: types.int64}


@intrinsic
def fma(typing, a, b, c):
    """a * b + c, rounded once."""
    if a not in _BITS or not a == b == c:
        return None

    def codegen(context, builder, signature, values):
        real = values[0].type
        name = f"llvm.fma.f{a.bitwidth}"
        function = builder.module.globals.get(name) or ir.Function(
            builder.module, ir.FunctionType(real, [real] * 3), name
        )
        return builder.call(function, values)

    return a(a, a, a), codegen


@inlined
def square_root(x):
    """Return the square root, rounded once; on CUDA it is of `math`, which has no ufuncs."""
    return np.sqrt(x)


@intrinsic
def to_bits(typing, x):
    """Return the bits of a float as a signed integer of the same width."""
    if x not in _BITS:
        return None
    return _BITS[x](x), lambda context, builder, signature, values: builder.bitcast(
        values[0], ir.IntType(x.bitwidth)
    )


@intrinsic
def from_bits(typing, bits):
    """Return the float whose bits these are."""
    real = {types.int32: types.float32, types.int64: types.float64}.get(bits)
    if real is None:
        return None
    kind = ir.FloatType() if bits == types.int32 else ir.DoubleType()
    return real(bits), lambda context, builder, signature, values: builder.bitcast(values[0], kind)


def exact_fma(a, b, c):
    """`fma` in plain Python: exact, then rounded once, where the type is an IEEE float."""
    real = type(a)
    if real not in (np.float32, np.float64, float):
        return a * b + c
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)) or 0 in (a, b):
        return real(a * b + c)
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    if exact == 0:
        return real(a * b + c)
    return round_fraction(exact, real)


def round_fraction(exact, real):
    """Round a rational to the nearest float of the type `real`, ties to even."""
    if real is not np.float32:
        return real(exact.numerator / exact.denominator)
    near = np.float32(exact.numerator / exact.denominator)  # rounded twice: at most one step away
    steps = (np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf)))
    finite = [step for step in steps if np.isfinite(step)]
    # On a tie the even significand wins, as IEEE 754 says.
    return min(finite, key=lambda s: (abs(Fraction(float(s)) - exact), s.view(np.int32) & 1))


def bits_of(x):
    """`to_bits` in plain Python."""
    return x.view({4: np.int32, 8: np.int64}[x.itemsize])


def float_of(bits):
    """`from_bits` in plain Python."""
    return bits.view({4: np.float32, 8: np.float64}[bits.itemsize])
