"""`solve_ode` against SciPy, samples against solves of their own, and what a solution says of itself."""

import numpy as np
import pytest
import scipy.integrate

import tapeless
from ode_problem import ADAPTIVE, ORDERS, TIMES, every_adaptive_method, every_dtype, every_method
from tapeless import solve_ode
from tapeless.methods import EXPLICIT


def numpy_field(problem):
    """Return the field as SciPy takes it."""
    p = problem.field.unflatten(problem.theta)

    def f(t, y):
        hidden = np.tanh(np.append(y, t) @ p["dense0.weight"] + p["dense0.bias"])
        return np.append(hidden, t) @ p["dense1.weight"] + p["dense1.bias"]

    return f


def exact(problem, y0, t_span, times=None):
    """Return the states at `times`, or at the end, by SciPy's DOP853 and NumPy."""
    times = [t_span[1]] if times is None else times
    done = scipy.integrate.solve_ivp(
        numpy_field(problem), t_span, y0, "DOP853", t_eval=times, rtol=1e-12, atol=1e-12
    )
    return done.y.T


def exact_batch(problem, t_span, times=None):
    ys = np.array([exact(problem, y, t_span, times) for y in problem.y0])
    return ys[:, 0] if times is None else ys


def settings(method):
    """Return what makes a method accurate to about 1e-6 on this problem; Euler's, to 1e-4."""
    if method not in ADAPTIVE:
        return {"n_steps": min(10_000, round(100 ** (4 / ORDERS[method])))}
    return {"rtol": 1e-7, "atol": 1e-7, "max_steps": 20000}


def accuracy(method):
    """Return what `settings` must reach."""
    return 1e-3 if method == "euler" else 1e-5


@every_method
@pytest.mark.parametrize("t_span", [(0.0, 2.0), (2.0, 0.0), (-1.0, 1.0)], ids=str)
def test_final_states_are_those_of_scipy(problem, method, t_span):
    sol = solve_ode(
        problem.field, t_span, problem.y0, problem.theta, method=method, **settings(method)
    )
    assert sol.success and sol.ts == t_span[1]
    np.testing.assert_allclose(sol.ys, exact_batch(problem, t_span), atol=accuracy(method))


@every_method
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("interpolate", [False, True], ids=["steps", "Hermite"])
def test_outputs_are_those_of_scipy(problem, method, backward, interpolate):
    t_span, times = ((2.0, 0.0), TIMES[::-1]) if backward else ((0.0, 2.0), TIMES)
    sol = solve_ode(
        problem.field, t_span, problem.y0, problem.theta, method=method, t_eval=times,
        interpolate=interpolate, **settings(method),
    )  # fmt: skip
    assert sol.ys.shape == (20, 5, 3) and np.array_equal(sol.ts, times)
    # The interpolant is of order 3, and these steps are long: Hairer, Norsett and Wanner I, II.6.
    atol = 5e-3 if interpolate else accuracy(method)
    np.testing.assert_allclose(sol.ys, exact_batch(problem, t_span, times), atol=atol)


@pytest.mark.parametrize(
    ("method", "theirs"), [("bosh3", "RK23"), ("dopri5", "RK45"), ("dop853", "DOP853")]
)
def test_steps_are_those_of_scipy(problem, method, theirs):
    """SciPy has the I controller too, and the same bounds of its factors; it only dares less after rejections."""
    kwargs = {"rtol": 1e-8, "atol": 1e-9, "first_step": 1e-3}
    sol = solve_ode(
        problem.field, (0, 3), problem.y0[0], problem.theta, method=method, controller="i", **kwargs
    )
    done = scipy.integrate.solve_ivp(numpy_field(problem), (0, 3), problem.y0[0], theirs, **kwargs)
    assert sol.stats.accepted == len(done.t) - 1 >= 10 and sol.stats.rejected == 0
    np.testing.assert_allclose(sol.ys, done.y[:, -1], rtol=1e-13)


def test_hermite_outputs_converge_with_order_four(problem):
    times, errors = [0.34, 0.99, 1.53], []
    expected = exact_batch(problem, (0, 2), times)
    for n in (20, 40):
        sol = solve_ode(
            problem.field, (0, 2), problem.y0, problem.theta, method="rk4", n_steps=n, t_eval=times,
            interpolate=True,
        )  # fmt: skip
        errors.append(abs(sol.ys - expected).max())
    assert 3 < np.log2(errors[0] / errors[1]) < 5


@every_adaptive_method
@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize("controller", ["i", "pi", "h312"])
def test_error_follows_the_tolerance(problem, method, coupled, controller):
    expected = exact_batch(problem, (0, 2))
    # Fehlberg's pair keeps the result whose error it estimates, the others a better one.
    errors, most = [], 60 if method == "rkf45" else 30
    for tolerance in (1e-3, 1e-6):
        sol = solve_ode(
            problem.field, (0, 2), problem.y0, problem.theta, method=method, rtol=tolerance,
            atol=tolerance, coupled=coupled, controller=controller,
        )  # fmt: skip
        errors.append(abs(sol.ys - expected).max())
        assert errors[-1] < most * tolerance
    assert errors[1] < max(errors[0] / 30, tolerance)


@pytest.mark.parametrize("method", ["rk4", "dopri5"])
def test_coupled_steps_are_shared_and_others_are_not(problem, method):
    kwargs = {"method": method} | ({"n_steps": 9} if method == "rk4" else {})
    y0 = problem.y0 * np.linspace(0, 20, 20)[:, None]
    sol = solve_ode(problem.field, (0, 2), y0, problem.theta, coupled=True, **kwargs)
    assert np.ptp(sol.stats.nfe) == 0 and np.ptp(sol.stats.last_step) == 0
    alone = solve_ode(problem.field, (0, 2), y0, problem.theta, **kwargs)
    assert (np.ptp(alone.stats.nfe) > 0) == (method == "dopri5")
    if method == "rk4":
        assert np.array_equal(alone.ys, sol.ys)


def test_spans_tolerances_and_first_steps_of_each_sample_are_its_own(problem):
    rng = np.random.default_rng(3)
    own = {
        "rtol": 10 ** rng.uniform(-8, -3, 20),
        "atol": 10 ** rng.uniform(-8, -3, 20),
        "first_step": 10 ** rng.uniform(-3, 0, 20),
    }
    t0, t1 = rng.uniform(-1, 1, 20), rng.uniform(-1, 1, 20)
    sol = solve_ode(problem.field, (t0, t1), problem.y0, problem.theta, **own)
    assert np.array_equal(sol.ts, t1) and np.array_equal(sol.stats.t, t1)
    for i in range(20):
        numbers = {name: float(x[i]) for name, x in own.items()}
        one = solve_ode(
            problem.field, (float(t0[i]), float(t1[i])), problem.y0[i], problem.theta, **numbers
        )
        assert np.array_equal(one.ys, sol.ys[i]) and one.stats.nfe == sol.stats.nfe[i]
        np.testing.assert_allclose(
            one.ys, exact(problem, problem.y0[i], (t0[i], t1[i]))[0], atol=0.02
        )


@pytest.mark.parametrize("interpolate", [False, True], ids=["steps", "Hermite"])
def test_output_times_of_each_sample_are_its_own(problem, interpolate):
    times = np.sort(np.random.default_rng(4).uniform(0, 2, (20, 4)))
    times[3] = [0, 0, 2, 2]  # at the ends, and twice
    kwargs = {"interpolate": interpolate, "rtol": 1e-7}
    sol = solve_ode(problem.field, (0, 2), problem.y0, problem.theta, t_eval=times, **kwargs)
    assert sol.ts.shape == (20, 4)
    for i in (0, 3, 19):
        one = solve_ode(
            problem.field, (0, 2), problem.y0[i], problem.theta, t_eval=times[i], **kwargs
        )
        assert np.array_equal(one.ys, sol.ys[i])
        expected = exact(problem, problem.y0[i], (0, 2), np.unique(times[i]))
        np.testing.assert_allclose(
            np.unique(one.ys, axis=0), np.unique(expected, axis=0), atol=5e-3
        )
    assert np.array_equal(sol.ys[3, 0], problem.y0[3])
    assert np.array_equal(sol.ys[3, 2], sol.ys[3, 3])


def test_output_at_the_end_is_the_final_state(problem):
    final = solve_ode(problem.field, (0, 2), problem.y0, problem.theta)
    for interpolate in (False, True):
        ts = solve_ode(
            problem.field, (0, 2), problem.y0, problem.theta, t_eval=[0, 2], interpolate=interpolate
        )
        assert np.array_equal(ts.ys[:, 0], problem.y0) and np.array_equal(ts.ys[:, 1], final.ys)


@every_dtype
@every_method
def test_dtype_is_kept(problem, method, dtype):
    y0, n_steps = problem.y0.astype(dtype), None if method in ADAPTIVE else 100
    sol = solve_ode(problem.field, (0, 1), y0, problem.theta, method=method, n_steps=n_steps)
    y0_bar, theta_bar = sol.vjp(np.ones_like(sol.ys, dtype=np.float64))
    assert {x.dtype for x in (sol.ys, sol.y, y0_bar, theta_bar)} == {np.dtype(dtype)}
    assert sol.stats.t.dtype == sol.stats.last_step.dtype == np.float64
    np.testing.assert_allclose(sol.ys, exact_batch(problem, (0, 1)), atol=0.02)


def test_float32_gives_what_float64_does(problem):
    results = []
    for dtype in (np.float32, np.float64):
        sol = solve_ode(problem.field, (0, 2), problem.y0.astype(dtype), problem.theta, rtol=1e-5)
        results.append([sol.ys, *sol.vjp(np.ones_like(sol.ys))])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def test_one_state_is_a_batch_without_its_axis(problem):
    one = solve_ode(problem.field, (0, 2), problem.y0[0], problem.theta, t_eval=TIMES)
    batch = solve_ode(problem.field, (0, 2), problem.y0[:1], problem.theta, t_eval=TIMES)
    assert one.ys.shape == (5, 3) and one.y.shape == (3,)
    assert np.array_equal(one.ys, batch.ys[0])
    for mine, theirs in zip(one.stats, batch.stats, strict=True):
        assert np.ndim(mine) == 0 and mine == theirs[0]
    ys_bar = np.random.default_rng(0).standard_normal((5, 3))
    mine, theirs = one.vjp(ys_bar), batch.vjp(ys_bar[None])
    assert np.array_equal(mine[0], theirs[0][0]) and np.array_equal(mine[1], theirs[1])


def test_method_may_be_a_tableau(problem):
    for tableau in EXPLICIT[-2:]:
        a, b = (
            solve_ode(problem.field, (0, 2), problem.y0, problem.theta, method=m).ys
            for m in (tableau, tableau.name)
        )
        assert np.array_equal(a, b)


def test_without_adjoint_the_states_are_the_same(problem):
    sols = [
        solve_ode(problem.field, (0, 2), problem.y0, problem.theta, adjoint=adjoint, t_eval=TIMES)
        for adjoint in ("store", None)
    ]
    assert np.array_equal(sols[0].ys, sols[1].ys)
    assert sols[0].nbytes_adjoint > 0 == sols[1].nbytes_adjoint


def test_solution_says_what_it_is(problem):
    sol = solve_ode(problem.field, (0, 2), problem.y0, problem.theta)
    assert repr(sol).startswith(
        "Solution(ys of shape (20, 3) and dtype float64, success=True, nfe="
    )
    assert isinstance(sol, tapeless.Solution) and sol.success is True
