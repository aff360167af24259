"""The exponential, the logarithm and powers: in units of the last place, and at their ends."""

import numba
import numpy as np

from activation_kernels import both, edges, family, samples, ulps
from activation_references import WIDER
from tapeless_kernels._jit import OPTIONS


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
