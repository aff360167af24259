"""Every fault of a caller in C is a code; nothing outside the memory that was given is written."""

import re

import numpy as np
import pytest

import tapeless
from tapeless_kernels import status
from tapeless_kernels.capi import codes
from tapeless_kernels.capi.members import MEMBERS

Y0, THETA = np.array([[1.0, 1.0], [1.5, 1.2]]), np.array([1.1, 0.4, 0.3, 0.9])
TIMES = np.array([2.0, 5.0])


def offset(member):
    return 8 * [one.name for one in MEMBERS].index(member)


BAD = [
    *[(codes.BAD_SIZE, name, -1) for name in ("n", "n_params", "n_cache", "n_times", "n_steps", "budget")],
    (codes.BAD_SIZE, "dim", 0), (codes.BAD_SIZE, "dim", -3), (codes.BAD_SIZE, "max_steps", 0),
    (codes.BAD_SIZE, "n", (1 << 40) + 1), (codes.BAD_SIZE, "n", (1 << 63) - 1), (codes.BAD_SIZE, "dim", 1 << 62),
    (codes.BAD_OPTION, "method", -1), (codes.BAD_OPTION, "method", 15), (codes.BAD_OPTION, "method", 1 << 60),
    (codes.BAD_OPTION, "controller", 3), (codes.BAD_OPTION, "interpolate", 2), (codes.BAD_OPTION, "keep", -1),
    (codes.BAD_OPTION, "own_theta", 7), (codes.BAD_OPTION, "own_times", 2),
]  # fmt: skip


@pytest.mark.parametrize(("code", "member", "value"), BAD)
def test_size_or_option(c_solve, code, member, value):
    c = c_solve(Y0, THETA).make_room()
    setattr(c.ode, member, value)
    for name in ("ode_sizes", "solve"):
        c.ode.wrong = 0
        assert c.call(name) == code
        assert c.ode.wrong == offset(member)
    assert c.intact() and (c.ys == -7).all()


def test_sizes_whose_product_is_too_large(c_solve):
    c = c_solve(Y0, THETA).make_room()
    c.ode.n = c.ode.dim = 1 << 40
    assert c.call("ode_sizes") == codes.BAD_SIZE
    assert c.call("solve") == codes.BAD_SIZE


@pytest.mark.parametrize("size", [0, -8, 8, 8 * len(MEMBERS) - 8, 8 * len(MEMBERS) + 8])
def test_struct_of_another_version(c_solve, size):
    c = c_solve(Y0, THETA).make_room()
    assert c.call("ode_init", size) == codes.WRONG_STRUCT
    c.ode.size = size
    for name in ("ode_sizes", "solve"):
        assert c.call(name) == codes.WRONG_STRUCT
    assert c.vjp(c.ys)[0] == codes.WRONG_STRUCT


@pytest.mark.parametrize("member", ["y0", "ys", "theta", "field", "vjp", "times"])
def test_null_pointer(c_solve, ffi, member):
    c = c_solve(Y0, THETA, TIMES).make_room()
    setattr(c.ode, member, ffi.NULL)
    assert c.go_on() == codes.BAD_POINTER
    assert c.ode.wrong == offset(member)


@pytest.mark.parametrize("member", ["y0", "ys", "theta", "times", "counts", "reached"])
def test_address_that_is_not_aligned(c_solve, ffi, member):
    c = c_solve(Y0, THETA, TIMES).make_room()
    given = getattr(c.ode, member)
    setattr(c.ode, member, ffi.cast(ffi.typeof(given), int(ffi.cast("intptr_t", given)) + 1))
    assert c.go_on() == codes.BAD_POINTER
    assert c.ode.wrong == offset(member)


def test_struct_that_is_null(ffi):
    for name in ("ode_sizes", "solve"):
        call = ffi.cast(f"tapeless_{name}_f64", tapeless.address(name))
        assert call(ffi.NULL) == codes.BAD_POINTER
    vjp = ffi.cast("tapeless_solve_vjp_f64", tapeless.address("solve_vjp"))
    assert vjp(ffi.NULL, ffi.NULL, ffi.NULL, ffi.NULL) == codes.BAD_POINTER
    init = ffi.cast("tapeless_ode_init_f64", tapeless.address("ode_init"))
    assert init(ffi.NULL, 0) == codes.BAD_POINTER


NUMBERS = [
    *[(name, x) for name in ("t0", "t1", "first_step", "rtol", "atol") for x in (np.nan, np.inf)],
    ("first_step", -0.1), ("rtol", -1e-3), ("atol", -1e-6),
]  # fmt: skip


@pytest.mark.parametrize(("member", "value"), NUMBERS)
def test_number(c_solve, member, value):
    c = c_solve(Y0, THETA, **{member: value})
    assert c.solve() == codes.BAD_NUMBER
    assert c.ode.wrong == offset(member)


def test_tolerances_that_are_both_0(c_solve):
    assert c_solve(Y0, THETA, rtol=0.0, atol=0.0).solve() == codes.BAD_NUMBER


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_arrays_that_are_not_finite(c_solve, bad):
    y0, theta, numbers = Y0.copy(), THETA.copy(), np.ones((5, 2))
    y0[1, 1] = theta[3] = numbers[4, 1] = bad
    for c, member in (
        (c_solve(y0, THETA), "y0"),
        (c_solve(Y0, theta), "theta"),
        (c_solve(Y0, THETA), "numbers"),
    ):
        if member == "numbers":
            c.ode.numbers = c.pointer(numbers, "double*")
        assert c.solve() == codes.BAD_NUMBER
        assert c.ode.wrong == offset(member)
    c = c_solve(Y0, THETA)
    assert c.solve() == 0
    ys_bar = c.ys.copy()
    ys_bar[1, 0] = bad
    assert c.vjp(ys_bar)[0] == codes.BAD_NUMBER


@pytest.mark.parametrize("times", [[5, 2], [-1, 5], [5, 11], [5, np.nan]])
def test_times(c_solve, times):
    c = c_solve(Y0, THETA, np.array(times, float))
    assert c.solve() == (codes.BAD_NUMBER if np.isnan(times[1]) else codes.UNSORTED)
    assert c.ode.wrong == offset("times")


def test_method_without_an_error_estimate_needs_steps(c_solve):
    c = c_solve(Y0, THETA, method=1)  # euler
    assert c.call("solve") == codes.BAD_OPTION and c.ode.wrong == offset("n_steps")


def test_workspace(c_solve, ffi):
    c = c_solve(Y0, THETA).make_room()
    c.add_block()
    c.ode.workspace_bytes -= 1
    assert c.call("solve") == codes.SMALL_WORKSPACE and c.ode.wrong == offset("workspace_bytes")
    c.ode.workspace = ffi.NULL
    assert c.call("solve") == codes.SMALL_WORKSPACE and c.ode.wrong == offset("workspace")
    assert c.ode.workspace_needed == c.workspace.n_bytes


def test_block_without_room_for_an_iteration(c_solve):
    c = c_solve(Y0, THETA).make_room()
    c.add_block()
    for n in (-1, 0, c.ode.record_overhead, c.ode.record_overhead + c.ode.iteration_bytes - 1):
        c.ode.record_bytes = n
        assert c.call("solve") == codes.SMALL_RECORD
    assert c.intact()


def test_vjp_of_what_is_not_solved(c_solve):
    c = c_solve(Y0, THETA).make_room()
    assert c.vjp(c.ys)[0] == codes.NOT_SOLVED  # nothing was
    c.add_block()
    c.iterations = 4
    assert c.call("solve") == status.BUFFER_FULL
    assert c.vjp(c.ys)[0] == codes.NOT_SOLVED  # not to the end
    assert c.go_on() == 0 and c.vjp(c.ys)[0] == 0
    other = c_solve(Y0, THETA)
    other.make_room().ode.workspace = c.ode.workspace
    assert other.vjp(c.ys)[0] == 0  # the same problem
    other.ode.n = 1
    assert other.vjp(c.ys)[0] == codes.NOT_SOLVED


def test_vjp_without_a_record(c_solve):
    c = c_solve(Y0, THETA, keep=0)
    assert c.solve() == 0
    assert c.vjp(c.ys)[0] == codes.NO_RECORD
    c.ode.keep, c.ode.workspace_bytes = 1, 1 << 30
    assert c.vjp(c.ys)[0] == codes.NOT_SOLVED


def test_going_on_with_what_was_not_begun(c_solve):
    c = c_solve(Y0, THETA, going=1).make_room()
    c.add_block()
    assert c.call("solve") == codes.NOT_SOLVED
    assert c.intact()


@pytest.mark.parametrize("tiles", ["", "_tiles"])
def test_field_that_returns_a_code(c_solve, ffi, tiles):
    code = ffi.new("int32_t*", -12345)
    c = c_solve(Y0, THETA, field="returns", tiles=tiles, context=ffi.cast("void*", code))
    assert c.solve() == status.FIELD_ERROR
    assert (c.status == status.INTERRUPTED).any() and c.ode.n_failed > 0
    assert c.vjp(c.ys)[0] == codes.NOT_SOLVED
    code[0] = 0  # and now it does not
    assert c.solve() == 0 and (c.status == status.SUCCESS).all()


def test_field_that_writes_nan_or_stops_a_lane(c_solve):
    y0 = np.array([[1.0, 1.0], [39.9, 0.01], [-0.1, 0.5]])
    c = c_solve(y0, THETA, field="breaks")
    assert c.solve() == 0 and c.ode.n_failed == 2
    assert list(c.status) == [status.SUCCESS, status.NON_FINITE, status.FIELD_FAILED]
    assert np.isfinite(c.ys[0]).all() and np.isnan(c.ys[1:]).all()
    code, y0_bar, theta_bar = c.vjp(np.ones_like(c.ys))
    assert code == 0 and np.isfinite(y0_bar).all() and np.isfinite(theta_bar).all()


def test_each_code_has_its_sentence(ffi):
    message = ffi.cast("tapeless_message", tapeless.address("message"))
    lane = ffi.cast("tapeless_lane_message", tapeless.address("lane_message"))
    for code in (*codes.ENUM.values(), *range(5)):
        assert re.fullmatch(r"[a-z`].*[^.]", ffi.string(message(code)).decode())
        assert ffi.string(message(code)).decode() == codes.MEANING[code]
    for code, cause in status.CAUSE.items():
        assert ffi.string(lane(code)).decode() == f"the trajectory {cause}"
    for code in (-1, 5, 15, 99, -(1 << 31), (1 << 31) - 1):
        assert ffi.string(message(code)) == b"no such code"
    assert ffi.string(lane(-1)) == ffi.string(lane(1000)) == b"no such code"
