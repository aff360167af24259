"""The gradient of `solve_ode`: by central differences, of each sample by itself, and of what was reached."""

import numpy as np
import pytest

from differences import central_difference
from ode_problem import ORDERS, TIMES, every_adaptive_method, every_method
from tapeless import solve_ode
from tapeless_kernels.status import MAX_STEPS, SUCCESS


def loss(problem, y0, theta, weights, **kwargs):
    sol = solve_ode(problem.field, (0, 2), y0, theta, **kwargs)
    return (sol.ys * weights).sum(), sol


def check_gradient(problem, tolerance, **kwargs):
    """Compare the gradient with central differences in random directions."""
    rng = np.random.default_rng(5)
    shape = solve_ode(problem.field, (0, 2), problem.y0, problem.theta, **kwargs).ys.shape
    weights = rng.standard_normal(shape)
    _, sol = loss(problem, problem.y0, problem.theta, weights, **kwargs)
    y0_bar, theta_bar = sol.vjp(weights)
    for _ in range(4):
        dy, dtheta = rng.standard_normal(y0_bar.shape), rng.standard_normal(theta_bar.shape)

        def moved(s, dy=dy, dtheta=dtheta):
            return loss(problem, problem.y0 + s * dy, problem.theta + s * dtheta, weights, **kwargs)

        slope = central_difference(lambda s, moved=moved: moved(s)[0], 1e-5)
        expected = (y0_bar * dy).sum() + theta_bar @ dtheta
        assert abs(slope - expected) <= tolerance * (1 + abs(expected))


@every_method
@pytest.mark.parametrize(
    "kwargs",
    [{}, {"t_eval": TIMES, "interpolate": False}, {"t_eval": TIMES, "interpolate": True}],
    ids=["final", "steps", "Hermite"],
)
def test_gradient_on_fixed_steps_is_that_of_central_differences(problem, method, kwargs):
    check_gradient(problem, 1e-7, method=method, n_steps=12, **kwargs)


@every_adaptive_method
@pytest.mark.parametrize("kwargs", [{}, {"coupled": True}, {"t_eval": TIMES, "interpolate": False}],
                         ids=["final", "coupled", "steps"])  # fmt: skip
def test_gradient_on_fine_adaptive_steps_is_that_of_central_differences(problem, method, kwargs):
    """The grid is held constant: what central differences see of its changes vanishes with the tolerance."""
    tolerance = 1e-7 if ORDERS[method] == 2 else 1e-9
    check_gradient(
        problem, 1e-4, method=method, rtol=tolerance, atol=tolerance, max_steps=20000, **kwargs
    )


def test_gradient_with_own_spans_and_output_times(problem):
    """Each sample's gradient is that of its own solve."""
    rng = np.random.default_rng(6)
    t0, t1 = rng.uniform(-1, 1, (2, 20))
    times = t0[:, None] + np.sort(rng.uniform(0, 1, (20, 3))) * (t1 - t0)[:, None]
    for interpolate in (False, True):
        kwargs = {"interpolate": interpolate, "rtol": 1e-4}
        sol = solve_ode(problem.field, (t0, t1), problem.y0, problem.theta, t_eval=times, **kwargs)
        ys_bar = rng.standard_normal(sol.ys.shape)
        y0_bar, theta_bar = sol.vjp(ys_bar)
        total = np.zeros_like(theta_bar)
        for i in range(20):
            one = solve_ode(
                problem.field,
                (t0[i], t1[i]),
                problem.y0[i],
                problem.theta,
                t_eval=times[i],
                **kwargs,
            )
            y_bar, part = one.vjp(ys_bar[i])
            assert np.array_equal(y_bar, y0_bar[i])
            total += part
        np.testing.assert_allclose(theta_bar, total, rtol=1e-12, atol=1e-12)


def test_vjp_twice_gives_the_same_bits(problem):
    sol = solve_ode(problem.field, (0, 2), problem.y0, problem.theta, t_eval=TIMES)
    ys_bar = np.random.default_rng(0).standard_normal(sol.ys.shape)
    first = sol.vjp(ys_bar)
    doubled = sol.vjp(2 * ys_bar)
    second = sol.vjp(ys_bar)
    for a, b, c in zip(first, second, doubled, strict=True):
        assert np.array_equal(a, b) and np.array_equal(2 * a, c)


def test_vjp_is_linear_in_the_cotangent(problem):
    sol = solve_ode(problem.field, (0, 2), problem.y0, problem.theta, t_eval=TIMES)
    a, b = np.random.default_rng(0).standard_normal((2, *sol.ys.shape))
    for x, y, both in zip(sol.vjp(a), sol.vjp(b), sol.vjp(a + b), strict=True):
        np.testing.assert_allclose(x + y, both, rtol=1e-10, atol=1e-10)


def test_vjp_after_failures_is_finite_and_that_of_what_was_reached(problem):
    """Trajectories that ran out of steps have the gradient of the outputs that they wrote."""
    y0 = problem.y0 * np.linspace(0, 30, 20)[:, None]
    kwargs = {"rtol": 1e-6, "max_steps": 12, "throw": False, "t_eval": TIMES}
    sol = solve_ode(problem.field, (0, 2), y0, problem.theta, **kwargs)
    status = sol.stats.status
    assert {SUCCESS, MAX_STEPS} == set(status) and not sol.success
    reached = TIMES <= sol.stats.t[:, None]
    assert np.array_equal(np.isfinite(sol.ys).all(-1), reached)
    ys_bar = np.where(reached[..., None], 1.0, np.nan) * np.ones(3)
    y0_bar, theta_bar = sol.vjp(ys_bar)
    assert np.isfinite(y0_bar).all() and np.isfinite(theta_bar).all()
    i = int(np.argmax(reached.any(1) & ~reached.all(1)))
    n = reached[i].sum()
    part = solve_ode(
        problem.field, (0, 2), y0[i], problem.theta, rtol=1e-6, t_eval=TIMES, max_steps=4096
    )
    assert np.array_equal(part.ys[:n], sol.ys[i, :n])
    cotangent = np.zeros((5, 3))
    cotangent[:n] = 1
    assert np.array_equal(part.vjp(cotangent)[0], y0_bar[i])
