"""Right-hand sides of solve_ivp that fail, raise, return what they must not, or are none."""

import ctypes

import numba
import numpy as np
import pytest
from numba import types

import tapeless

Y0 = np.array([1.0, -0.5])
REAL, POINTER = types.float64, types.CPointer(types.float64)


def test_a_c_function_that_fails_stops_the_solve():
    @numba.cfunc(types.int32(REAL, POINTER, POINTER, POINTER, types.voidptr))
    def fails_at_half(t, y, dy, p, data):
        dy[0] = 1.0
        return 3 if t > 0.5 else 0

    sol = tapeless.solve_ivp(fails_at_half, (0, 1), [0.0], max_step=0.1)
    assert sol.status == -1 and not sol.success and 0.3 < sol.t[-1] <= 0.5
    assert "`fun` reported a failure at t = 0.5" in sol.message


def test_a_c_function_that_fails_where_an_event_wants_the_interpolant():
    """DOP853's extra stages lie at a tenth, a fifth and seven ninths of the step."""

    @numba.cfunc(types.int32(REAL, POINTER, POINTER, POINTER, types.voidptr))
    def fails(t, y, dy, p, data):
        dy[0] = 1.0
        return 3 if 0.099 < t < 0.101 else 0

    call = {"method": "DOP853", "first_step": 1.0, "rtol": 1e3, "atol": 1e3}
    assert tapeless.solve_ivp(fails, (0, 1), [0.0], **call).success
    sol = tapeless.solve_ivp(fails, (0, 1), [0.0], **call, events=lambda t, y: y[0] - 0.5)
    assert sol.status == -1 and "`fun` reported a failure at t = 0.1" in sol.message
    assert sol.t_events[0].size == 0


@pytest.mark.parametrize("where", ["python", "numba", "numba in place"])
def test_exceptions_pass_through_with_the_solution(where):
    def raises(t, y):
        if t > 0.5:
            raise ZeroDivisionError("half past")
        return -y

    def raises_in_place(t, y, dy):
        if t > 0.5:
            raise ZeroDivisionError("half past")
        dy[:] = -y

    function = raises if where == "python" else numba.njit(raises)
    function = numba.njit(raises_in_place) if where == "numba in place" else function
    with pytest.raises(ZeroDivisionError, match="half past") as caught:
        tapeless.solve_ivp(function, (0, 1), [1.0], max_step=0.1, dense_output=True)
    partial = caught.value.solution
    assert partial.status == -1 and "ZeroDivisionError was raised" in partial.message
    assert 0.3 < partial.t[-1] <= 0.5
    np.testing.assert_allclose(partial.y[0], np.exp(-partial.t), rtol=1e-4)
    np.testing.assert_allclose(partial.sol(0.2), np.exp(-0.2), rtol=1e-4)


@pytest.mark.parametrize(
    "returned, error, sentence",
    [
        (None, TypeError, "it returned None at t = 0. A `return` may be missing"),
        ([1.0], ValueError, r"it returned an array of shape \(1,\)"),
        ([[1.0, 2.0]], ValueError, r"it returned an array of shape \(1, 2\)"),
        (3.0, ValueError, r"it returned an array of shape \(\)"),
        (np.ones((2, 1)), ValueError, r"it returned an array of shape \(2, 1\)"),
        (np.ones(2) * 1j, TypeError, "it returned complex numbers at t = 0. Make `y0` complex"),
        ([1j, 0.0], TypeError, "it returned complex numbers"),
        ("up", TypeError, "it returned 'up'"),
        ([1.0, [2.0]], TypeError, "it returned list"),
        ({"dy": 1.0}, TypeError, "it returned"),
    ],
)
def test_what_a_callable_must_not_return(returned, error, sentence):
    with pytest.raises(error, match="solve_ivp: `fun` must return.*" + sentence):
        tapeless.solve_ivp(lambda t, y: returned, (0, 1), Y0)


def test_a_numba_function_of_the_wrong_shape():
    with pytest.raises(ValueError, match=r"it returned an array of shape \(3,\)"):
        tapeless.solve_ivp(numba.njit(lambda t, y: np.zeros(3)), (0, 1), Y0)


@pytest.mark.parametrize("given", [None, 3.0, "f", [1.0], ctypes.CDLL(None).abs])
def test_what_is_no_function(given):
    with pytest.raises(TypeError, match="solve_ivp: `fun` must be"):
        tapeless.solve_ivp(given, (0, 1), Y0)
