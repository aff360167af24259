"""Events, stops and jumps of solve_ivp."""

import ctypes

import numba
import numpy as np
import pytest

import tapeless


def pendulum(t, y):
    return np.array([y[1], -np.sin(y[0]) + 0.1 * np.cos(t)])


@pytest.mark.parametrize("method", ["RK45", "DOP853", "rkf45", "euler"])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("backward", [False, True])
def test_a_jump_is_no_obstacle(method, compiled, dtype, backward):
    """Steps end at the jump, and no evaluation is on the other side of it, nor on it."""
    seen = []

    def jumps(t, y):
        return np.array([1.0 if t < 0.3 else (np.nan if t == 0.3 else -2.0)]).astype(y.dtype)

    def watched(t, y):
        seen.append(t)
        return jumps(t, y)

    span, last = ((1.0, 0.0), 1.1) if backward else ((0.0, 1.0), -1.1)
    options = {"first_step": 0.25} if method == "euler" else {"first_step": 0.5}
    jump = float(dtype(0.3))
    sol = tapeless.solve_ivp(
        numba.njit(jumps) if compiled else watched, span, np.zeros(1, dtype), method,
        jump_ts=[jump, 7.0], **options,
    )  # fmt: skip
    assert sol.success, sol.message
    assert jump in sol.t
    np.testing.assert_allclose(sol.y[0, -1], last, rtol=1e-6)
    if not compiled:
        first = [
            t < jump for t in seen[: seen.index(next(t for t in seen if (t > jump) != backward))]
        ]
        assert all(first) if not backward else not any(first)
    assert sol.stats.rejected == 0


def test_must_hit_times_are_hit():
    stops = [2.0, 0.1, 0.1, 1.7, 5.0, -1.0, 0.0]
    sol = tapeless.solve_ivp(pendulum, (0, 3), [1.0, 0.0], step_ts=stops, jump_ts=0.5)
    assert {0.1, 0.5, 1.7, 2.0} <= set(sol.t.tolist()) and sol.t[-1] == 3.0
    back = tapeless.solve_ivp(pendulum, (3, 0), [1.0, 0.0], step_ts=stops)
    assert {0.1, 1.7, 2.0} <= set(back.t.tolist()) and (np.diff(back.t) < 0).all()
    with pytest.raises(ValueError, match="`step_ts` must be a time, or a 1-D array of them"):
        tapeless.solve_ivp(pendulum, (0, 3), [1.0, 0.0], step_ts=[np.nan])


def test_a_root_to_four_eps():
    def event(t, y):
        return y[0] - 0.5

    event.terminal = True
    sol = tapeless.solve_ivp(
        lambda t, y: -y, (0, 10), [1.0], events=event, rtol=1e-12, atol=1e-14, dense_output=True
    )
    (root,) = sol.t_events[0]
    assert abs(root - np.log(2)) < 1e-11
    assert sol.t[-1] == root == sol.sol.t_max and sol.y[0, -1] == sol.y_events[0][0, 0]
    assert abs(sol.sol(root)[0] - 0.5) <= 4e-15
    # The zero of what the interpolant says, to 4 eps.
    low, high = sol.sol([root - 8e-16, root + 8e-16])[0] - 0.5
    assert low >= 0 >= high


def test_the_first_event_wins_and_others_are_recorded():
    def at(time, terminal):
        def event(t, y):
            return t - time

        event.terminal = terminal
        return event

    events = [at(0.6, True), at(0.5, False), at(0.55, True), at(0.7, False)]
    sol = tapeless.solve_ivp(lambda t, y: [1.0], (0, 1), [0.0], first_step=1.0, events=events)
    assert sol.status == 1 and sol.message == "A termination event occurred."
    assert [t.tolist() for t in sol.t_events] == [[], [0.5], [0.55], []]
    assert sol.t[-1] == 0.55 and sol.y_events[2].shape == (1, 1)


def test_c_functions_as_events():
    @numba.cfunc("float64(float64, CPointer(float64), CPointer(float64))")
    def event(t, y, p):
        return y[0] - p[1]

    double, array = ctypes.c_double, ctypes.POINTER(ctypes.c_double)
    by_ctypes = ctypes.CFUNCTYPE(double, double, array, array)(event.address)
    by_ctypes.terminal = True
    for found in (event, by_ctypes):
        sol = tapeless.solve_ivp(
            lambda t, y, a, b: -a * y, (0, 1), [1.0], events=found, args=(2.0, 0.5), rtol=1e-8
        )
        np.testing.assert_allclose(sol.t_events[0], np.log(2) / 2, rtol=1e-7)
        assert sol.status == (found is by_ctypes)


def test_compiled_events_and_fields():
    @numba.njit
    def event(t, y, level):
        return y[0] - level

    sol = tapeless.solve_ivp(
        numba.njit(lambda t, y, level: np.array([y[1], -y[0]])), (0, 20), [1.0, 0.0],
        events=event, args=(0.25,), rtol=1e-9, atol=1e-11,
    )  # fmt: skip
    first = np.arccos(0.25)
    expected = [first, *(2 * np.pi * k + s * first for k in (1, 2, 3) for s in (-1, 1))]
    np.testing.assert_allclose(sol.t_events[0], [t for t in expected if t <= 20], atol=1e-6)


def test_two_zeros_in_a_step_are_hidden_until_steps_are_small():
    def event(t, y):
        return (t - 0.5) ** 2 - 1e-4

    call = {"fun": lambda t, y: [1.0], "t_span": (0, 1), "y0": [0.0], "events": event}
    assert tapeless.solve_ivp(**call, first_step=1.0).t_events[0].size == 0
    assert tapeless.solve_ivp(**call, max_step=0.015).t_events[0].size == 2


def test_events_that_return_nan():
    def sometimes(t, y):
        return np.nan if t < 0.5 else t - 0.75

    call = {"fun": lambda t, y: [1.0], "t_span": (0, 1), "y0": [0.0]}
    call |= {"max_step": 0.125, "first_step": 0.125}
    with pytest.warns(RuntimeWarning, match="event 0 of `events` is NaN at t = 0") as caught:
        sol = tapeless.solve_ivp(**call, events=sometimes)
    assert caught[0].filename == __file__ and len(caught) == 1
    np.testing.assert_allclose(sol.t_events[0], 0.75)

    def in_between(t, y):
        return np.nan if 0.55 < t < 0.6 else t - 0.57

    with (
        pytest.warns(RuntimeWarning, match="is NaN"),
        pytest.raises(ValueError, match=r"event 0 of `events` is NaN .* changes sign") as caught,
    ):
        tapeless.solve_ivp(**call, events=in_between)
    assert caught.value.solution.t[-1] == 0.5


@pytest.mark.parametrize("value", [None, "x", [1.0, 2.0], 1j])
def test_events_must_return_a_number(value):
    with pytest.raises(TypeError, match=r"`events` must return one real number; event 0 returned"):
        tapeless.solve_ivp(pendulum, (0, 1), [1.0, 0.0], events=lambda t, y: value)


@pytest.mark.parametrize("events", [3.0, [None], "xy"])
def test_events_must_be_callable(events):
    with pytest.raises(TypeError, match="`events` must be a callable"):
        tapeless.solve_ivp(pendulum, (0, 1), [1.0, 0.0], events=events)


def test_an_event_that_raises():
    def event(t, y):
        if t > 0.5:
            raise KeyError("late")
        return 1.0

    with pytest.raises(KeyError, match="late") as caught:
        tapeless.solve_ivp(pendulum, (0, 1), [1.0, 0.0], events=event, max_step=0.1)
    assert 0.3 < caught.value.solution.t[-1] <= 0.5
