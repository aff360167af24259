import functools
import re
from typing import NamedTuple

import mpmath
import numba
import numpy as np
import pytest
from scipy import special

from tapeless_kernels._jit import OPTIONS, Family, retarget
from tapeless_kernels.activations import (
    ACTIVATIONS,
    KEEPS_OUTPUT,
    activate,
    activate_vjp,
    activate_vjp_jvp,
    bindings,
)
from tapeless_kernels.ieee import bits_of, exact_fma, float_of

DTYPES = (np.float32, np.float64)
WIDER = {np.float32: np.float64, np.float64: np.longdouble}
BITS = {np.float32: np.int32, np.float64: np.int64}
ULPS = 4
PLAIN = {"fma": exact_fma, "to_bits": bits_of, "from_bits": float_of}
CURVED = [a for a in ACTIVATIONS if a.name != "identity"]
SILU = [a.name for a in CURVED].index("silu")
SILU_ZERO = mpmath.findroot(lambda x: 1 + x + mpmath.exp(x), -1.28)
GELU_ZERO = mpmath.findroot(lambda x: mpmath.ncdf(x) + x * mpmath.npdf(x), -0.75)

every = pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
curved = pytest.mark.parametrize("activation", CURVED, ids=lambda a: a.name)
both = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)


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


@pytest.fixture(scope="module", autouse=True)
def empty_cache(tmp_path_factory):
    """A kernel loaded from the cache brings no LLVM code to look at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAPELESS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


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


def test_registry():
    assert [a.code for a in ACTIVATIONS] == list(range(len(ACTIVATIONS)))
    assert KEEPS_OUTPUT == tuple(a.keeps_output for a in ACTIVATIONS)
    assert [a.name for a in ACTIVATIONS] == list(REFERENCES)
    for dtype in DTYPES:
        names = {a.name for a in CURVED} | {a.derivative for a in CURVED}
        assert names | {a.curvature for a in CURVED if a.curvature} < set(bindings(dtype))


@every
@both
def test_values(activation, dtype):
    reference = REFERENCES[activation.name]
    x = np.concatenate([samples(dtype), edges(dtype)])
    x = thinned(x[abs(x) <= reference.within], reference)
    y, exact = applied(activation, x), reference.function(x.astype(WIDER[dtype]))
    worst = np.argmax(error := ulps(y, exact, dtype))
    assert error[worst] <= reference.ulps, (x[worst], y[worst], exact[worst])


@every
@both
def test_derivatives(activation, dtype):
    reference = REFERENCES[activation.name]
    value = np.concatenate([samples(dtype), edges(dtype)])
    value = value[(value >= reference.domain[0]) & (value <= reference.domain[1])]
    if activation.name == "silu":
        value = value[abs(value - float(SILU_ZERO)) > 0.01]  # see below
    if activation.name == "gelu" and dtype is np.float32:
        value = value[abs(value - float(GELU_ZERO)) > 1e-6]  # the reference cancels there
    value = thinned(value, reference)
    y = derivative(activation, value)
    exact = np.asarray(reference.derivative(value.astype(WIDER[dtype])), WIDER[dtype])
    worst = np.argmax(error := ulps(y, exact, dtype))
    assert error[worst] <= reference.ulps, (value[worst], y[worst], exact[worst])


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


@every
@both
def test_second_derivatives(activation, dtype):
    (function, most), domain = CURVATURES[activation.name], REFERENCES[activation.name].domain
    value = np.concatenate([samples(dtype), edges(dtype)])
    value = value[(value >= domain[0]) & (value <= domain[1])]
    y, exact = second(activation, value), function(value.astype(WIDER[dtype]))
    if most is None:
        error, most = abs(y.astype(exact.dtype) - exact) / np.finfo(dtype).eps, 1.5
        error[np.isnan(y)] = np.inf
    else:
        error = ulps(y, exact, dtype)
    worst = np.argmax(error)
    assert error[worst] <= most, (value[worst], y[worst], exact[worst], error[worst])


@curved
def test_second_derivatives_are_those_of_the_first(activation):
    """Along a tangent: by central differences of what `activate_vjp` returns, in float64."""
    x = np.linspace(-4.03, 3.99, 200)
    h = 1e-5
    rng = np.random.default_rng(0)
    dots, bars, bar_dots = rng.standard_normal((3, x.size))

    def first(step):
        at = x + step * dots
        value = applied(activation, at) if activation.keeps_output else at
        return (bars + step * bar_dots) * derivative(activation, value)

    slope = (first(h) - first(-h)) / (2 * h)
    value, dot = (
        (applied(activation, x), dots * first(0) / bars) if activation.keeps_output else (x, dots)
    )
    found, bar = bar_dots.copy(), bars.copy()
    compiled(activate_vjp_jvp, np.float64)(
        activation.code, value.copy(), dot.copy(), 0, bar, found, 0, x.size
    )
    np.testing.assert_allclose(found, slope, rtol=1e-8, atol=1e-8)


@both
def test_derivative_of_silu_at_its_zero(dtype):
    distances = 10.0 ** np.linspace(-17, -1, 300)
    x = float(SILU_ZERO) + np.concatenate([-distances, distances])
    x = np.unique(x.astype(dtype))
    y = derivative(CURVED[SILU], x)
    with mpmath.workdps(40):
        zero = mpmath.findroot(lambda x: 1 + x + mpmath.exp(x), SILU_ZERO)
        assert abs(zero - SILU_ZERO) < 1e-15
        e = [mpmath.exp(mpmath.mpf(float(v))) for v in x]
        exact = [e * (1 + float(v) + e) / (1 + e) ** 2 for v, e in zip(x, e, strict=True)]
        exact = np.array([np.longdouble(mpmath.nstr(v, 25)) for v in exact])
    assert ulps(y, exact, dtype).max() <= ULPS


def test_derivative_of_gelu_at_its_zero():
    distances = 10.0 ** np.linspace(-17, -0.5, 300)
    x = np.unique(float(GELU_ZERO) + np.concatenate([-distances, distances]))
    for dtype in DTYPES:
        value = np.unique(x.astype(dtype))
        y = derivative(next(a for a in CURVED if a.name == "gelu"), value)
        exact = of_normal(1, value.astype(np.longdouble))
        assert ulps(y, exact, dtype).max() <= 5


@both
def test_odd_functions_are_odd_to_the_bit(dtype):
    x = np.concatenate([samples(dtype), edges(dtype), [0.0]]).astype(dtype)
    for activation in ACTIVATIONS:
        if activation.name in ("identity", "tanh", "sin"):
            left, right = applied(activation, -x), -applied(activation, x)
            np.testing.assert_array_equal(left.view(BITS[dtype]), right.view(BITS[dtype]))


@both
def test_bounded_functions_stay_within_their_bounds(dtype):
    """Even sin where it knows its argument no longer, and where 1 - y**2 would be negative."""
    x = np.concatenate([samples(dtype), edges(dtype)])
    for activation in ACTIVATIONS:
        if activation.name in ("tanh", "sigmoid", "sin"):
            assert abs(applied(activation, x)).max() == 1


@every
@both
def test_limits_zeros_and_nan(activation, dtype):
    limits = REFERENCES[activation.name].limits
    y = applied(activation, np.array([-np.inf, np.inf, np.nan, 0.0, -0.0], dtype))
    np.testing.assert_array_equal(y[:3], [*limits, np.nan])
    assert not np.signbit(y[3])
    if activation.name in ("identity", "tanh", "sin", "silu"):
        assert y[4] == 0 and np.signbit(y[4])
    elif activation.name == "relu":
        assert y[4] == 0 and not np.signbit(y[4])
    assert np.isnan(derivative(activation, np.array([np.nan], dtype))).all() == (
        activation.name != "identity"
    )
    ends = second(activation, np.array([np.inf, -np.inf, np.nan], dtype))
    assert np.isnan(ends[2]) == (activation.name != "identity")
    if activation.name in ("silu", "gelu"):
        assert not ends[:2].any()


@every
@both
def test_offsets(activation, dtype):
    x = np.linspace(-3, 3, 100).astype(dtype)
    expected, n = applied(activation, x[5:75]), 70
    out = np.full(100, dtype(7))
    compiled(activate, dtype)(activation.code, x, 5, out, 9, n)
    np.testing.assert_array_equal(out[9 : 9 + n], expected)
    assert (out[:9] == 7).all() and (out[9 + n :] == 7).all()
    value, bar = abs(x) / 4, np.full(100, dtype(3))
    compiled(activate_vjp, dtype)(activation.code, value, 5, bar, 9, n)
    np.testing.assert_array_equal(bar[9 : 9 + n], 3 * derivative(activation, value[5:75]))
    assert (bar[:9] == 3).all() and (bar[9 + n :] == 3).all()


@curved
@both
def test_plain_python_gives_the_same_bits(activation, dtype):
    x = np.concatenate([np.linspace(-12, 12, 61), np.geomspace(1e-42, 110, 30), [-800, 0, -0.0]])
    x = np.concatenate([x, -np.geomspace(1e-42, 110, 30), [-1.2785, -1.2784]]).astype(dtype)
    reference = REFERENCES[activation.name]
    value = x[(x >= reference.domain[0]) & (x <= reference.domain[1])]
    for function, argument in ((applied, x), (derivative, value), (second, value)):
        fast, plain = (
            function(activation, argument),
            function(activation, argument, in_plain_python),
        )
        np.testing.assert_array_equal(fast.view(BITS[dtype]), plain.view(BITS[dtype]))


@both
def test_loops_are_vectorised(dtype):
    real = {np.float32: "float", np.float64: "double"}[dtype]
    second(CURVED[0], applied(CURVED[0], np.ones(1, dtype)))  # compiled now, if not before
    # `activate` copies first, and tanh has two loops.
    n = len(CURVED)
    for function, n_loops in ((activate, 2 + n), (activate_vjp, n), (activate_vjp_jvp, n)):
        dispatcher = compiled(function, dtype)
        (llvm,), (asm,) = dispatcher.inspect_llvm().values(), dispatcher.inspect_asm().values()
        loops = re.findall(r"^vector\.body\w*:.*?^\S", llvm, re.MULTILINE | re.DOTALL)
        assert len(loops) == n_loops
        assert all(re.search(rf"<\d+ x {real}>", loop) for loop in loops)
        assert "pred.store" not in llvm and "maskmov" not in asm  # vector code, 4 times slower
        if dtype is np.float32:
            assert "double" not in llvm


@numba.njit(**OPTIONS)
def loop_of(exp, log, power, x, e, exps, logs, powers):
    for i in range(x.size):
        exps[i] = exp(x[i])
        logs[i] = log(x[i])
        powers[i] = power(abs(x[i]), e)


def exp_log_power(x, e):
    functions = (family(x.dtype.type).bind[name] for name in ("exp", "log", "power"))
    out = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    loop_of(*functions, x, x.dtype.type(e), *out)
    return out


@both
def test_exp_log_and_power(dtype):
    info = np.finfo(dtype)
    x = np.concatenate([samples(dtype), edges(dtype)])
    exact = x.astype(WIDER[dtype])
    with np.errstate(over="ignore"):
        exps, bounded = np.exp(exact), abs(exact) < np.log(WIDER[dtype](info.max))
    for e, tolerance in ((0.1, 5e-7), (0.5, 5e-7), (-0.7, 5e-7), (1, 5e-7), (-4, 1e-6)):
        if dtype is np.float64:
            tolerance *= 1e-7
        got_exps, got_logs, got_powers = exp_log_power(x, e)
        with np.errstate(over="ignore", divide="ignore"):
            powers = abs(exact) ** WIDER[dtype](dtype(e))
        normal = (powers >= info.smallest_normal) & (powers < 2.0 ** (info.maxexp - 1))
        normal &= abs(x) >= info.smallest_normal
        assert (abs(got_powers[normal] / powers[normal] - 1) < tolerance).all()
    assert ulps(got_exps[bounded], exps[bounded], dtype).max() <= 2
    assert (got_exps[(x > 0) & ~bounded] == np.inf).all()
    assert ulps(got_logs[x > 0], np.log(exact[x > 0]), dtype).max() <= 2


@both
def test_exp_log_and_power_at_the_ends(dtype):
    x = np.array([-np.inf, -1, 0, 1, np.inf, np.nan], dtype)
    exps, logs, powers = exp_log_power(x, 0.5)
    np.testing.assert_array_equal(exps[[0, 2, 4, 5]], [0, 1, np.inf, np.nan])
    np.testing.assert_array_equal(logs, [np.nan, np.nan, -np.inf, 0, np.inf, np.nan])
    np.testing.assert_array_equal(powers[[1, 3, 5]], [1, 1, np.nan])
    huge = np.array([1e30, 1e-30], dtype)
    np.testing.assert_array_equal(exp_log_power(huge, 1000)[2], [np.inf, 0])
    np.testing.assert_array_equal(exp_log_power(huge, -1000)[2], [0, np.inf])
    np.testing.assert_array_equal(exp_log_power(huge, 0)[2], [1, 1])
