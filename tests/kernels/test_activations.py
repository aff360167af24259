"""Activations and their first two derivatives: in units of the last place, at their limits, and as vector code."""

import re

import mpmath
import numpy as np
import pytest

from activation_kernels import (
    BITS,
    CURVED,
    applied,
    both,
    compiled,
    curved,
    derivative,
    edges,
    every,
    in_plain_python,
    samples,
    second,
    thinned,
    ulps,
)
from activation_references import (
    CURVATURES,
    DTYPES,
    GELU_ZERO,
    REFERENCES,
    SILU_ZERO,
    ULPS,
    WIDER,
    of_normal,
)
from differences import central_difference
from tapeless_kernels.activations import (
    ACTIVATIONS,
    KEEPS_OUTPUT,
    activate,
    activate_vjp,
    activate_vjp_jvp,
    bindings,
)

SILU = [a.name for a in CURVED].index("silu")


@pytest.fixture(scope="module", autouse=True)
def empty_cache(tmp_path_factory):
    """A kernel loaded from the cache brings no LLVM code to look at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAPELESS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


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
    rng = np.random.default_rng(0)
    dots, bars, bar_dots = rng.standard_normal((3, x.size))

    def first(step):
        at = x + step * dots
        value = applied(activation, at) if activation.keeps_output else at
        return (bars + step * bar_dots) * derivative(activation, value)

    slope = central_difference(first, 1e-5)
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
