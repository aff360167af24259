"""Spans that are empty, tiny or far from zero, and the steps that `solve_ode` counts."""

import numpy as np
import pytest

from ode_problem import ADAPTIVE, every_adaptive_method, every_dtype, every_method
from tapeless import solve_ode
from tapeless.fields import MLP
from tapeless_kernels.status import MAX_STEPS, SUCCESS


@every_method
@every_dtype
def test_empty_span_returns_y0_and_the_identity(problem, method, dtype):
    y0, n_steps = problem.y0.astype(dtype), None if method in ADAPTIVE else 5
    for kwargs in ({}, {"coupled": True}, {"t_eval": [1.0, 1.0]}):
        sol = solve_ode(
            problem.field, (1, 1), y0, problem.theta, method=method, n_steps=n_steps, **kwargs
        )
        assert (sol.stats.status == SUCCESS).all()
        assert (sol.stats.accepted == 0).all() and (sol.stats.nfe == 0).all()
        ys_bar = np.random.default_rng(0).standard_normal(sol.ys.shape).astype(dtype)
        y0_bar, theta_bar = sol.vjp(ys_bar)
        outputs = kwargs.get("t_eval", [1])
        assert np.array_equal(sol.ys.reshape(20, -1), np.tile(y0, len(outputs)))
        assert np.array_equal(y0_bar, ys_bar.reshape(20, -1, 3).sum(1)) and not theta_bar.any()


def test_empty_spans_among_others(problem):
    t1 = np.where(np.arange(20) % 3 == 0, 0.0, 2.0)
    sol = solve_ode(problem.field, (0, t1), problem.y0, problem.theta)
    whole = solve_ode(problem.field, (0, 2), problem.y0, problem.theta)
    assert np.array_equal(sol.ys, np.where(t1[:, None] == 0, problem.y0, whole.ys))


@every_adaptive_method
@every_dtype
@pytest.mark.parametrize(
    "t_span",
    [(0, 1e-12), (0, -1e-30), (0, 1e-50), (0, 5e-324), (1, 1 + 1e-15), (1e6, 1e6 - 1e-9)],
    ids=str,
)
def test_tiny_spans_arrive(problem, method, dtype, t_span):
    sol = solve_ode(problem.field, t_span, problem.y0.astype(dtype), problem.theta, method=method)
    assert sol.success and (sol.stats.t == t_span[1]).all() and (sol.stats.accepted < 12).all()
    np.testing.assert_allclose(sol.ys, problem.y0, rtol=1e-6, atol=1e-2 if t_span[0] > 1 else 1e-6)
    y0_bar, theta_bar = sol.vjp(np.ones_like(sol.ys))
    np.testing.assert_allclose(y0_bar, 1, rtol=1e-6)
    assert np.isfinite(theta_bar).all()


@pytest.mark.parametrize("t0", [1e8, 1e12, 1e13, -1e13], ids=str)
@every_adaptive_method
def test_steps_are_those_between_representable_times(method, t0):
    """Near 1e13 numbers lie 0.002 apart: each step is that from one to another, and they add up."""
    field = MLP(3, [8])
    theta, y0 = 0.5 * field.init(rng=0), np.random.default_rng(0).standard_normal((20, 3))
    for span in (10.0, -10.0):
        kwargs = {"method": method, "rtol": 1e-5, "atol": 1e-5}
        near = solve_ode(field, (0, span), y0, theta, rtol=1e-9, atol=1e-9)
        far = solve_ode(field, (t0, t0 + span), y0, theta, **kwargs)
        np.testing.assert_allclose(far.ys, near.ys, atol=2e-3)
        far = solve_ode(field, (t0, t0 + span), y0, theta, first_step=1e-9, **kwargs)
        np.testing.assert_allclose(far.ys, near.ys, atol=2e-3)


def test_stats_count_evaluations_and_steps(problem):
    def stats(**kwargs):
        return solve_ode(problem.field, (0, 2), problem.y0 * 8, problem.theta, **kwargs).stats

    s = stats(method="dopri5", rtol=1e-5)  # the first slope, and one more to choose the first step
    assert np.array_equal(s.nfe, 2 + 6 * (s.accepted + s.rejected)) and s.rejected.any()
    s = stats(method="dopri5", first_step=0.1)
    assert np.array_equal(s.nfe, 1 + 6 * (s.accepted + s.rejected))
    s = stats(method="heun21")
    assert np.array_equal(s.nfe, 2 + 2 * (s.accepted + s.rejected))
    s = stats(method="bosh3")
    assert np.array_equal(s.nfe, 2 + 3 * (s.accepted + s.rejected))
    s = stats(method="rk4", n_steps=100)
    assert (s.nfe == 400).all() and (s.accepted == 100).all() and not s.rejected.any()
    np.testing.assert_allclose(s.last_step, 0.02)
    s = stats(method="rk4", n_steps=100, t_eval=[0.5, 0.513], interpolate=False)
    assert (s.accepted == 101).all() and (s.nfe == 404).all()
    s = stats(method="dopri5", n_steps=100)
    assert (s.nfe == 601).all()


def test_last_step_has_the_sign_of_the_direction(problem):
    for t_span in ((0, 2), (2, 0)):
        sol = solve_ode(problem.field, t_span, problem.y0, problem.theta)
        assert (np.sign(sol.stats.last_step) == np.sign(t_span[1] - t_span[0])).all()


def test_max_steps_bounds_the_tries(problem):
    sol = solve_ode(
        problem.field, (0, 2), problem.y0 * 8, problem.theta, rtol=1e-8, max_steps=3, throw=False
    )
    assert (sol.stats.status == MAX_STEPS).all()
    assert (sol.stats.accepted + sol.stats.rejected == 3).all() and (sol.stats.t < 2).all()
    assert np.isnan(sol.ys).all() and np.isfinite(sol.y).all()
