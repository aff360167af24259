"""Dense output, outputs, stops, jumps, events, failures and interruptions of solve_ivp."""

import ctypes
import gc
import pickle
import resource
import signal
import threading
import time
import tracemalloc

import numba
import numpy as np
import pytest

import tapeless
from tapeless.methods import EXPLICIT
from tapeless_kernels.tableaus.interpolant import dense_order

ADAPTIVE = [tableau for tableau in EXPLICIT if tableau.error is not None]
adaptive = pytest.mark.parametrize("tableau", ADAPTIVE, ids=lambda tableau: tableau.name)
every = pytest.mark.parametrize("tableau", EXPLICIT, ids=lambda tableau: tableau.name)


def pendulum(t, y):
    return np.array([y[1], -np.sin(y[0]) + 0.1 * np.cos(t)])


def step_of(tableau):
    return {"first_step": 0.05} if tableau.error is None else {}


# ---------------------------------------------------------------- dense output


@every
@pytest.mark.parametrize("span", [(0.0, 3.0), (3.0, 0.0)])
def test_dense_output_is_continuous_and_meets_the_steps(tableau, span):
    sol = tapeless.solve_ivp(
        pendulum, span, [1.0, 0.0], tableau.name, dense_output=True, **step_of(tableau)
    )
    assert np.array_equal(sol.sol(sol.t), sol.y)
    beside = [np.nextafter(sol.t[1:-1], towards) for towards in (-np.inf, np.inf)]
    for times in beside:
        np.testing.assert_allclose(sol.sol(times), sol.y[:, 1:-1], rtol=1e-13, atol=1e-14)


@every
def test_dense_output_has_its_order(tableau):
    """Of one step of size h, the error between its ends falls as h**(order + 1), or as the step's."""
    order = min(dense_order(tableau), tableau.order)
    exact = tapeless.solve_ivp(
        pendulum, (0, 1), [1.0, 0.0], "dop853", rtol=1e-13, atol=1e-15, dense_output=True
    ).sol
    errors = []
    for h in (0.4, 0.2):
        sol = tapeless.solve_ivp(
            pendulum, (0, h), [1.0, 0.0], tableau.name, first_step=h, rtol=1e9, atol=1e9,
            dense_output=True,
        )  # fmt: skip
        assert len(sol.t) == 2
        times = np.linspace(0, h, 21)
        errors.append(np.abs(sol.sol(times) - exact(times)).max())
    slope = np.log2(errors[0] / errors[1])
    assert slope > order + 0.5, (slope, errors)


def test_a_dense_solution_pickles_and_takes_any_times(rng=7):
    sol = tapeless.solve_ivp(pendulum, (0, 3), [1.0, 0.0], dense_output=True)
    again = pickle.loads(pickle.dumps(sol))
    times = np.random.default_rng(rng).uniform(-0.5, 3.5, 200)
    assert np.array_equal(again.sol(times), sol.sol(times))
    assert np.array_equal(sol.sol(times), np.stack([sol.sol(t) for t in times], axis=1))
    assert np.array_equal(sol.sol(times[::2]), sol.sol(times)[:, ::2])
    assert sol.sol([]).shape == (2, 0) and sol.sol(1).shape == (2,)
    assert "2 components from t = 0 to 3" in repr(sol.sol)
    with pytest.raises(ValueError, match=r"`t` must be a float or a 1-D array\. Got .* \(1, 1\)"):
        sol.sol([[1.0]])


@adaptive
def test_extra_stages_are_evaluated_on_demand_only(tableau):
    plain = tapeless.solve_ivp(pendulum, (0, 3), [1.0, 0.0], tableau.name)
    dense = tapeless.solve_ivp(pendulum, (0, 3), [1.0, 0.0], tableau.name, dense_output=True)
    assert np.array_equal(plain.y, dense.y)
    extra = tableau.interpolant.n_extra if tableau.interpolant else 0
    at_end = 0 if tableau.fsal else 1
    assert dense.nfev == plain.nfev + extra * plain.stats.accepted + at_end
    one = tapeless.solve_ivp(
        pendulum, (0, 3), [1.0, 0.0], tableau.name, t_eval=[0.01], interpolate=True
    )
    assert one.nfev == plain.nfev + extra


@adaptive
def test_low_interpolants_give_way_to_steps(tableau):
    times = np.linspace(0, 3, 31)
    sol = tapeless.solve_ivp(pendulum, (0, 3), [1.0, 0.0], tableau.name, t_eval=times)
    assert np.array_equal(sol.t, times)
    landed = tapeless.solve_ivp(
        pendulum, (0, 3), [1.0, 0.0], tableau.name, t_eval=times, interpolate=False
    )
    assert landed.stats.accepted >= 30
    by_interpolant = dense_order(tableau) >= tableau.order - 1
    assert (sol.stats == landed.stats) == (not by_interpolant)
    reference = tapeless.solve_ivp(
        pendulum, (0, 3), [1.0, 0.0], rtol=1e-10, atol=1e-12, t_eval=times
    )
    for found in (sol, landed):
        np.testing.assert_allclose(found.y, reference.y, atol=0.02)


# ---------------------------------------------------------------- stops and jumps


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


# ---------------------------------------------------------------- events


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


# ---------------------------------------------------------------- failures


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


def test_ten_thousand_random_small_problems():
    """None hangs, crashes, leaks or returns without a reason."""
    generator = np.random.default_rng(3)
    cubic = numba.njit(lambda t, y, a, b: a @ y + b * y**3 - 0.1 * np.sin(5 * t) * y)
    methods = ["RK23", "RK45", "DOP853", "tsit5", "vern6", "vern7", "rkf45", "cash_karp", "heun21"]
    before = None
    for i in range(10_000):
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
        if i == 2000:
            gc.collect()
            tracemalloc.start()
            before = tracemalloc.take_snapshot(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if i == 4000:
            tracemalloc.stop()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before[1]
    assert grown < 50_000  # kB
