"""What solve_ivp takes for a right-hand side: one problem, many kinds of functions, the same result."""

import ctypes
import threading

import cffi
import numba
import numpy as np
import pytest
import scipy
from numba import types

import tapeless

PARAMS = (1.5, 0.25)
SPAN, Y0 = (0.0, 4.0), np.array([1.0, -0.5])


def fun(t, y, rate, drive):
    return np.array([y[1], -rate * y[0] + drive * np.cos(t)])


@numba.njit
def compiled(t, y, rate, drive):
    return np.array([y[1], -rate * y[0] + drive * np.cos(t)])


@numba.njit
def compiled_in_place(t, y, rate, drive, dy):
    dy[0] = y[1]
    dy[1] = -rate * y[0] + drive * np.cos(t)


@numba.njit
def compiled_tuple(t, y, rate, drive):
    return y[1], -rate * y[0] + drive * np.cos(t)


@numba.njit
def compiled_list(t, y, rate, drive):
    return [y[1], -rate * y[0] + drive * np.cos(t)]


@numba.njit
def compiled_that_writes_to_y(t, y, rate, drive):
    y[0], y[1] = y[1], -rate * y[0] + drive * np.cos(t)
    return y


REAL, POINTER = types.float64, types.CPointer(types.float64)


@numba.cfunc(types.int32(REAL, POINTER, POINTER, POINTER, types.voidptr))
def c_scalar(t, y, dy, p, data):
    dy[0] = y[1]
    dy[1] = -p[0] * y[0] + p[1] * np.cos(t)
    return 0


@numba.cfunc(types.void(REAL, POINTER, POINTER, POINTER))
def c_void(t, y, dy, p):
    dy[0] = y[1]
    dy[1] = -p[0] * y[0] + p[1] * np.cos(t)


@numba.cfunc(
    types.int32(
        POINTER, POINTER, POINTER, types.int64, POINTER, POINTER, types.CPointer(types.uint8),
        types.voidptr, types.int64, types.int64,
    )
)  # fmt: skip
def c_tile(t, y, theta, stride, cache, dy, lane_status, context, dim, lanes):
    dy[0] = y[1]
    dy[1] = -theta[0] * y[0] + theta[1] * np.cos(t[0])
    return 0


D = ctypes.POINTER(ctypes.c_double)
from_ctypes = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_double, D, D, D, ctypes.c_void_p)(
    c_scalar.address
)
ffi = cffi.FFI()
from_cffi = ffi.cast(
    "int(*)(double, const double *, double *, const double *, void *)", c_scalar.address
)
tile_from_cffi = ffi.cast(
    "int32_t(*)(const double *, const double *, const double *, int64_t, double *, double *, uint8_t *, "
    "void *, int64_t, int64_t)",
    c_tile.address,
)
KINDS = {
    "numba": compiled,
    "numba in place": compiled_in_place,
    "numba tuple": compiled_tuple,
    "numba list": compiled_list,
    "numba that writes to y": compiled_that_writes_to_y,
    "cfunc": c_scalar,
    "cfunc of numbalsoda's signature": c_void,
    "tile cfunc": c_tile,
    "ctypes": from_ctypes,
    "cffi": from_cffi,
    "tile cffi": tile_from_cffi,
    "LowLevelCallable": scipy.LowLevelCallable(from_ctypes),
    "python list": lambda t, y, *p: fun(t, y, *p).tolist(),
    "python tuple": lambda t, y, *p: tuple(fun(t, y, *p)),
    "python float32": lambda t, y, *p: fun(t, y, *p).astype(np.longdouble),
    "python strided": lambda t, y, *p: np.repeat(fun(t, y, *p), 2)[::2],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["RK45", "DOP853", "rkf45", "tsit5"])
def test_all_kinds_give_the_same_bits(kind, method):
    options = {"method": method, "args": PARAMS, "rtol": 1e-6, "dense_output": True}
    expected = tapeless.solve_ivp(fun, SPAN, Y0, **options)
    found = tapeless.solve_ivp(KINDS[kind], SPAN, Y0, **options)
    assert np.array_equal(found.t, expected.t) and np.array_equal(found.y, expected.y)
    assert found.stats == expected.stats and found.backend == "tapeless"
    times = np.linspace(*SPAN, 33)
    assert np.array_equal(found.sol(times), expected.sol(times))


# SciPy hands out its own state, which a function that writes to it destroys.
@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"numba that writes to y"}))
def test_all_kinds_go_to_scipy_too(kind):
    options = {"method": "LSODA", "args": PARAMS, "rtol": 1e-6}
    expected = tapeless.solve_ivp(fun, SPAN, Y0, **options)
    found = tapeless.solve_ivp(KINDS[kind], SPAN, Y0, **options)
    np.testing.assert_allclose(found.y, expected.y, rtol=1e-12, atol=1e-12)
    assert found.backend == "scipy"


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("method", ["RK23", "RK45", "DOP853", "vern7"])
def test_dtypes_are_kept(dtype, method):
    seen = set()

    def watched(t, y, rate):
        seen.add((y.dtype, y.flags.owndata, y.flags.writeable))
        return rate * y

    rate = dtype(-0.5 + (2j if np.dtype(dtype).kind == "c" else 0))
    y0 = np.array([1.0, 2.0], dtype)
    sol = tapeless.solve_ivp(
        watched, (0, 2), y0, method, args=(rate,), dense_output=True, rtol=1e-4, atol=1e-5
    )
    assert seen == {(np.dtype(dtype), True, True)}
    assert sol.y.dtype == sol.sol(1.0).dtype == dtype
    np.testing.assert_allclose(sol.y[:, -1], y0 * np.exp(2 * rate), rtol=2e-3)
    fast = numba.njit(lambda t, y, rate: rate * y)
    again = tapeless.solve_ivp(fast, (0, 2), y0, method, args=(rate,), rtol=1e-4, atol=1e-5)
    assert np.array_equal(again.y, sol.y)


@pytest.mark.parametrize("given", [np.float16, np.int64, bool, ">f8", np.longdouble, object])
def test_other_dtypes_become_float64(given):
    sol = tapeless.solve_ivp(lambda t, y: -y, (0, 1), np.ones(2).astype(given))
    assert sol.y.dtype == np.float64


def test_each_call_has_a_y_of_its_own():
    kept = []

    def greedy(t, y):
        kept.append(y)
        slope = -y
        y[:] = np.nan
        return slope

    sol = tapeless.solve_ivp(greedy, (0, 1), [1.0])
    assert len({id(y) for y in kept}) == len(kept) == sol.nfev
    np.testing.assert_allclose(sol.y[0, -1], np.exp(-1), rtol=1e-3)


def test_a_returned_array_may_be_used_again():
    slope = np.empty(2)

    def thrifty(t, y):
        slope[:] = y[1], -y[0]
        return slope

    sol = tapeless.solve_ivp(thrifty, (0, 1), [1.0, 0.0], rtol=1e-8)
    np.testing.assert_allclose(sol.y[0, -1], np.cos(1.0), rtol=1e-6)


def test_a_tapeless_field():
    field = tapeless.fields.MLP(3, [8, 8], time=True)
    theta = field.init(rng=1)
    y0 = np.array([0.3, -0.2, 0.9])
    found = tapeless.solve_ivp(field, (0, 2), y0, "tsit5", args=(theta,), rtol=1e-6, atol=1e-8)
    expected = tapeless.solve_ode(field, (0, 2), y0, theta, rtol=1e-6, atol=1e-8, controller="i")
    np.testing.assert_allclose(found.y[:, -1], expected.ys, rtol=1e-5)
    by_scipy = tapeless.solve_ivp(field, (0, 2), y0, "Radau", args=(theta,), rtol=1e-6)
    np.testing.assert_allclose(by_scipy.y[:, -1], expected.ys, rtol=1e-4)
    single = tapeless.solve_ivp(field, (0, 2), y0.astype(np.float32), "tsit5", args=(theta,))
    assert single.y.dtype == np.float32
    with pytest.raises(ValueError, match=r"`args` must be \(theta,\) with theta of shape"):
        tapeless.solve_ivp(field, (0, 2), y0, args=(theta[1:],))
    with pytest.raises(ValueError, match=r"`y0` must be of shape \(3,\)"):
        tapeless.solve_ivp(field, (0, 2), y0[1:], args=(theta,))


def test_user_data_reaches_a_low_level_callable():
    @numba.cfunc(types.int32(REAL, POINTER, POINTER, POINTER, types.CPointer(REAL)))
    def by_data(t, y, dy, p, data):
        dy[0] = data[0] * y[0]
        return 0

    rate = ctypes.c_double(-2.0)
    data = ctypes.cast(ctypes.pointer(rate), ctypes.c_void_p)
    function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_double, D, D, D, ctypes.c_void_p)(
        by_data.address
    )
    sol = tapeless.solve_ivp(
        scipy.LowLevelCallable(function, data), (0, 1), [1.0], rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(sol.y[0, -1], np.exp(-2.0), rtol=1e-7)


def test_c_functions_of_doubles_want_float64():
    for y0 in (Y0.astype(np.float32), Y0 + 0j):
        with pytest.raises(TypeError, match="`y0` must be float64 for a C function of doubles"):
            tapeless.solve_ivp(c_scalar, SPAN, y0, args=PARAMS)


def test_solves_within_solves_and_in_threads():
    def outer(t, y):
        return -tapeless.solve_ivp(lambda s, z: z * 0 + 1.0, (0, 1), y * 0).y[:, -1] * y

    inner = tapeless.solve_ivp(outer, (0, 1), [1.0])
    np.testing.assert_allclose(inner.y[0, -1], np.exp(-1), rtol=1e-3)
    found = [None] * 8

    def solve(i):
        fun_of_i = compiled if i % 2 else fun
        found[i] = tapeless.solve_ivp(fun_of_i, SPAN, Y0, args=PARAMS, rtol=1e-8).y

    threads = [threading.Thread(target=solve, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(y, found[0]) for y in found)
