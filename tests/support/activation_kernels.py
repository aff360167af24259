"""Activations as compiled and in plain Python, where they are asked for, and errors in units of the last place."""

import functools

import numpy as np
import pytest

from activation_references import DTYPES
from tapeless_kernels._jit import Family, retarget
from tapeless_kernels.activations import (
    ACTIVATIONS,
    activate,
    activate_vjp,
    activate_vjp_jvp,
    bindings,
)
from tapeless_kernels.ieee import bits_of, exact_fma, float_of

BITS = {np.float32: np.int32, np.float64: np.int64}
PLAIN = {"fma": exact_fma, "to_bits": bits_of, "from_bits": float_of}
CURVED = [a for a in ACTIVATIONS if a.name != "identity"]

every = pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
curved = pytest.mark.parametrize("activation", CURVED, ids=lambda a: a.name)
both = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)


@functools.cache
def family(dtype):
    return Family(f"test_activations_{dtype.__name__}", bindings(dtype))


def compiled(function, dtype):
    return family(dtype)(function)


def in_plain_python(function, dtype):
    return retarget(function, {**bindings(dtype), **PLAIN}, {}, lambda f, inline: f)


def applied(activation, x, place=compiled):
    out = np.empty_like(x)
    place(activate, x.dtype.type)(activation.code, x, 0, out, 0, x.size)
    return out


def derivative(activation, value, place=compiled):
    bar = np.ones_like(value)
    place(activate_vjp, value.dtype.type)(activation.code, value, 0, bar, 0, value.size)
    return bar


def second(activation, value, place=compiled):
    """Return the second derivative as what `activate_vjp_jvp` makes of tangents and cotangents of 1."""
    bar, bar_dot, dot = np.ones_like(value), np.zeros_like(value), np.ones_like(value)
    place(activate_vjp_jvp, value.dtype.type)(
        activation.code, value, dot, 0, bar, bar_dot, 0, value.size
    )
    np.testing.assert_array_equal(bar, derivative(activation, value, place))
    return bar_dot


def ulps(y, exact, dtype):
    """Errors in spacings of `dtype` at the exact value, those of its subnormals included."""
    info = np.finfo(dtype)
    exponent = np.where(exact == 0, info.minexp, np.frexp(exact)[1] - 1)
    spacing = np.ldexp(exact.dtype.type(1), np.maximum(exponent, info.minexp) - info.nmant)
    return np.where(np.isnan(y), np.inf, abs(y.astype(exact.dtype) - exact) / spacing)


def samples(dtype):
    """Every 4001st float32; in float64 random bits, and dense samples of where things happen."""
    if dtype is np.float32:
        x = np.arange(0, 2**32, 4001).astype(np.uint32).view(dtype)
    else:
        rng = np.random.default_rng(0)
        n = 20000
        signs = rng.choice([-1.0, 1.0], n)
        x = [rng.integers(0, 2**64, n, dtype=np.uint64).view(dtype)]
        x += [rng.uniform(-width, width, n) for width in (1, 4, 40, 760)]
        x += [signs * 10 ** rng.uniform(-20, 5, n), signs * 2.0 ** rng.integers(-1074, 17, n)]
        x = np.concatenate(x)
    return x[np.isfinite(x)]


def thinned(x, reference):
    """Return fewer samples where the reference is slow; contiguous, for kernels have one signature."""
    return x[:: reference.every].copy() if x.dtype == np.float64 else x


def edges(dtype):
    """Powers of two and what lies beside them and beside the clamps."""
    info = np.finfo(dtype)
    powers = 2.0 ** np.arange(info.minexp - info.nmant, info.maxexp)
    clamps = [9.1, 17.3, 18.2, 20, 36.7, 40, 87.3, 88.7, 103.3, 104, 120, 708.4, 745.1, 746, 800]
    x = np.concatenate([powers, clamps, [info.max]]).astype(dtype)
    x = np.concatenate([np.nextafter(x, dtype(0)), x, np.nextafter(x, dtype(info.max))])
    return np.concatenate([-x, x])
