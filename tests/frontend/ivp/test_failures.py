"""Failures and interruptions of solve_ivp, and what they leave."""

import gc
import resource
import signal
import threading
import time
import tracemalloc

import numba
import numpy as np
import pytest

import tapeless


def pendulum(t, y):
    return np.array([y[1], -np.sin(y[0]) + 0.1 * np.cos(t)])


def test_a_blow_up_says_where_and_what():
    sol = tapeless.solve_ivp(lambda t, y: y**2, (0, 2), [1.0, 0.5], rtol=1e-8)
    assert sol.status == -1 and abs(sol.t[-1] - 1) < 1e-6
    assert sol.message.startswith("Required step size is less than spacing between numbers.")
    for part in ("at t = 1 of 2", "component 0", "Look"):
        assert part in sol.message


def test_a_nan_says_which_component():
    sol = tapeless.solve_ivp(lambda t, y: [1.0, np.nan if t > 0.5 else 1.0], (0, 1), [0.0, 0.0])
    assert sol.status == -1 and sol.t[-1] <= 0.5
    assert "component 1 of dy/dt is nan at t = 0.5" in sol.message
    fixed = tapeless.solve_ivp(
        lambda t, y: [1.0, np.nan if t > 0.5 else 1.0], (0, 1), [0.0, 0.0], "rk4", first_step=0.1
    )
    assert (
        fixed.status == -1 and "component 1" in fixed.message and "smaller steps" in fixed.message
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("first_step", [None, 0.1])
def test_a_slope_that_is_not_finite_from_the_start_ends_the_solve_at_once(value, first_step):
    """SciPy looks for a step for ever."""
    sol = tapeless.solve_ivp(lambda t, y: y * value, (0, 1), [0.5, 1.0], first_step=first_step)
    assert sol.status == -1 and sol.nfev == 1 and sol.t.tolist() == [0.0]
    assert f"component 0 of dy/dt is {value} at t = 0" in sol.message


@pytest.mark.parametrize("method", ["RK23", "RK45", "DOP853", "rkf45"])
def test_a_state_that_overflows_is_not_accepted(method):
    """Its error is 0 beside an infinite tolerance."""
    sol = tapeless.solve_ivp(lambda t, y: [1e308], (0, 10), [1e308], method, first_step=5.0)
    assert sol.status == -1 and np.isfinite(sol.y).all() and sol.t[-1] < 1


def test_max_steps_ends_a_solve():
    sol = tapeless.solve_ivp(pendulum, (0, 100), [1.0, 0.0], max_steps=10)
    assert sol.status == -1 and sol.stats.accepted + sol.stats.rejected == 10
    assert (
        "`max_steps` = 10. Raise `max_steps`" in sol.message
        and len(sol.t) == 11 - sol.stats.rejected
    )
    for value in (0, 1.5, None):
        with pytest.raises(ValueError, match="`max_steps` must be a positive integer"):
            tapeless.solve_ivp(pendulum, (0, 1), [1.0, 0.0], max_steps=value)


@pytest.mark.parametrize("method", ["RK45", "DOP853", "tsit5", "vern6", "vern7"])
def test_stiffness_is_noticed(method):
    def van_der_pol(t, y):
        return [y[1], 1000 * (1 - y[0] ** 2) * y[1] - y[0]]

    stiff = tapeless.solve_ivp(van_der_pol, (0, 100), [2.0, 0.0], method, max_steps=5000)
    assert stiff.stats.looks_stiff and "method='Radau'" in stiff.stats.advice
    assert "the problem looks stiff since t =" in stiff.message
    calm = tapeless.solve_ivp(pendulum, (0, 100), [1.0, 0.0], method, rtol=1e-6)
    assert not calm.stats.looks_stiff and calm.stats.advice == ""


def test_methods_without_an_estimate_want_a_step():
    with pytest.raises(ValueError, match="`first_step` must be given with method='euler'"):
        tapeless.solve_ivp(pendulum, (0, 1), [1.0, 0.0], "euler")
    sol = tapeless.solve_ivp(lambda t, y: y, (0, 1), [1.0], "euler", first_step=0.25)
    assert sol.t.tolist() == [0, 0.25, 0.5, 0.75, 1.0] and sol.y[0].tolist() == [
        1.25**i for i in range(5)
    ]
    assert sol.nfev == 4


@pytest.mark.parametrize(
    "span", [(0, np.nan), (np.nan, 1), (np.inf, 1), (0, np.inf), (0, 1, 2), 3.0, None, ("a", "b")]
)
def test_spans_that_are_none(span):
    with pytest.raises(ValueError, match="solve_ivp: `t_span` must be"):
        tapeless.solve_ivp(pendulum, span, [1.0, 0.0])


@pytest.mark.parametrize("name", ["rtol", "atol"])
def test_tolerances_that_are_none(name):
    for value, error in ((np.nan, ValueError), ("x", TypeError), (1j, TypeError)):
        with pytest.raises(error, match=f"solve_ivp: `{name}` must be"):
            tapeless.solve_ivp(pendulum, (0, 1), [1.0, 0.0], **{name: value})


def test_tiny_steps_end_by_max_steps_and_not_never():
    begun = time.perf_counter()
    fast = numba.njit(lambda t, y: -y)
    sol = tapeless.solve_ivp(fast, (0, 1), [1.0], max_step=1e-300, max_steps=100_000, t_eval=[1.0])
    assert sol.status == -1 and "max_steps" in sol.message and time.perf_counter() - begun < 60


def test_flags_and_counts_of_other_types():
    sol = tapeless.solve_ivp(
        pendulum, (0, 1), [1.0, 0.0], np.str_("RK45"), dense_output=np.True_, events=[],
        max_steps=10**30,
    )  # fmt: skip
    assert sol.sol is not None and sol.t_events == sol.y_events == []
    assert tapeless.solve_ivp(pendulum, (0, 1), [1.0, 0.0], dense_output=0).sol is None


def test_many_components_in_little_time():
    y0 = np.linspace(0, 1, 200_001)
    begun = time.perf_counter()
    sol = tapeless.solve_ivp(lambda t, y: -y, (0, 1), y0, t_eval=[0.5, 1.0], rtol=1e-6)
    assert time.perf_counter() - begun < 60
    np.testing.assert_allclose(sol.y, y0[:, None] * np.exp([-0.5, -1.0]), rtol=1e-4)


def test_arguments_are_left_alone():
    y0, times = np.array([1.0, 0.0]), np.linspace(0, 1, 5)
    y0.flags.writeable = times.flags.writeable = False
    sol = tapeless.solve_ivp(pendulum, (0, 1), y0[::-1][::-1], t_eval=times, rtol=1e-8)
    assert sol.y.flags.writeable and not np.shares_memory(sol.t, times)
    first = sol.y.copy()
    tapeless.solve_ivp(pendulum, (0, 1), y0 + 1, t_eval=times, rtol=1e-8)
    assert np.array_equal(sol.y, first)


@pytest.fixture
def heard():
    """Have SIGINT raise KeyboardInterrupt also where whoever started this process ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("compiled", [False, True])
def test_ctrl_c_keeps_what_was_reached(compiled):
    main, calls = threading.main_thread().ident, []

    def interrupts(t, y):
        calls.append(t)
        if len(calls) == 10_000:
            signal.pthread_kill(main, signal.SIGINT)
        return -y

    function = numba.njit(lambda t, y: -y) if compiled else interrupts
    timer = threading.Timer(1.0, lambda: signal.pthread_kill(main, signal.SIGINT))
    if compiled:
        tapeless.solve_ivp(function, (0, 0.1), [1.0])
        timer.start()
    with pytest.raises(KeyboardInterrupt) as caught:
        tapeless.solve_ivp(function, (0, 1e9), [1.0], max_step=1e-3, max_steps=10**12, t_eval=[0.0])
    partial = caught.value.solution
    assert partial.status == -1 and partial.t.tolist() == [0.0] and partial.stats.accepted > 1000
    assert "KeyboardInterrupt was raised" in partial.message


@pytest.mark.parametrize("n_problems", [2_500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_random_small_problems(n_problems):
    """None hangs, crashes, leaks or returns without a reason."""
    generator = np.random.default_rng(3)
    cubic = numba.njit(lambda t, y, a, b: a @ y + b * y**3 - 0.1 * np.sin(5 * t) * y)
    methods = ["RK23", "RK45", "DOP853", "tsit5", "vern6", "vern7", "rkf45", "cash_karp", "heun21"]
    before = None
    for i in range(n_problems):
        n = int(generator.integers(1, 5))
        y0 = generator.normal(size=n) * 10.0 ** generator.integers(-8, 8)
        t0, t1 = generator.normal(size=2) * 10.0 ** generator.integers(-6, 3)
        options = {
            "rtol": 10.0 ** generator.uniform(-12, 0),
            "atol": 10.0 ** generator.uniform(-14, 1),
            "max_steps": 300,
            "dense_output": i % 3 == 0,
            "args": (
                generator.normal(size=(n, n)) * 10.0 ** generator.uniform(-2, 3),
                generator.normal(),
            ),
        }
        if i % 4 == 1:
            options["t_eval"] = np.linspace(t0, t1, 4)
        if i % 5 == 0:
            options["events"] = lambda t, y, *args: y[0]
        sol = tapeless.solve_ivp(cubic, (t0, t1), y0, methods[i % len(methods)], **options)
        assert sol.success == (sol.status == 0) and sol.message
        assert np.isfinite(sol.y).all()
        assert not sol.success or len(sol.t) == 0 or sol.t[-1] == t1
        if i == n_problems // 5:
            gc.collect()
            tracemalloc.start()
            before = tracemalloc.take_snapshot(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if i == n_problems // 5 * 2:
            tracemalloc.stop()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before[1]
    assert grown < 50_000  # kB
