"""What a solve measures of its steps, as users have it, and gradients through it and through times."""

import numpy as np
import pytest

import tapeless
from differences import central_difference
from tapeless.regularise import Functional

FIELD = tapeless.fields.MLP(2, [16], time=True)
THETA = FIELD.init(rng=0)
Y0 = np.random.default_rng(0).normal(size=(40, 2))
SPAN = (0.0, 2.0)


def solve(y0=Y0, theta=THETA, span=SPAN, **options):
    return tapeless.solve_ode(FIELD, span, y0, theta, **options)


def test_steps_are_those_of_the_solve():
    sol = solve(rtol=1e-5, measure="states", t_eval=[0.5, 2.0])
    plain = solve(rtol=1e-5, t_eval=[0.5, 2.0])
    assert np.array_equal(sol.ys, plain.ys) and np.array_equal(sol.stats.nfe, plain.stats.nfe)
    steps = sol.steps
    there = ~np.isnan(steps.h)
    assert np.array_equal(there.sum(1), sol.stats.accepted)
    assert (steps.rejected.sum(1) <= sol.stats.rejected).all()
    np.testing.assert_allclose(np.nansum(steps.h, axis=1), 2.0)
    assert (steps.error[there] <= 1).all() and (steps.error[there] > 0).any()
    assert np.array_equal(steps.y[:, 0], Y0)
    for i in range(3):  # a trajectory's are its own in any batch
        alone = solve(Y0[i], rtol=1e-5, measure="states", t_eval=[0.5, 2.0]).steps
        n = sol.stats.accepted[i]
        for one, all_ in zip(alone, steps, strict=True):
            assert one.tobytes() == np.ascontiguousarray(all_[i, :n]).tobytes()


def test_stiffness_is_the_size_of_the_jacobian():
    @tapeless.field(dim=2)
    def linear(t, y, theta, dy):
        dy[0], dy[1] = -30 * y[0], -30 * y[1]

    sol = tapeless.solve_ode(linear, (0, 5), [1.0, 2.0], measure=True, rtol=1e-3, max_steps=500)
    stiffness = sol.steps.stiffness
    np.testing.assert_allclose(stiffness[stiffness > 0], 30.0, rtol=1e-3)
    assert sol.looks_stiff
    slow = tapeless.solve_ode(linear, (0, 0.1), [1.0, 2.0], measure=True, rtol=1e-6)
    assert not slow.looks_stiff


def test_equal_stages_and_single_steps_have_defined_results():
    @tapeless.field(dim=1, n_params=1, vjp="symbolic")
    def constant(t, y, theta, dy):
        dy[0] = theta[0] + 0 * y[0]

    sol = tapeless.solve_ode(constant, (0, 1), [[1.0]], [0.0], measure=True)
    assert not sol.steps.error.any() and not sol.steps.stiffness.any()
    assert np.array_equal(sol.steps.n_rounding, sol.stats.accepted)
    for kind in ("error", "error_squared", "stiffness"):
        for reduce in ("sum", "mean", "max"):
            functional = Functional(kind, reduce)
            bar = functional.vjp(sol.steps, np.ones(1))
            assert functional.value(sol.steps) == 0
            assert all(np.isfinite(x).all() for x in sol.vjp(None, steps_bar=bar))
    one = tapeless.solve_ode(constant, (0, 0), [[1.0]], [1.0], measure=True)
    assert one.steps.h.shape == (1, 0)
    assert all(np.isfinite(x).all() for x in one.vjp(one.ys))


@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize("kind", ["error", "error_squared", "stiffness"])
@pytest.mark.parametrize("reduce", ["sum", "mean", "max"])
def test_functionals_agree_with_differences_on_fixed_steps(kind, reduce, coupled):
    functional = Functional(kind, reduce)
    options = {"n_steps": 6, "measure": True, "rtol": 1e-5, "atol": 1e-5, "coupled": coupled}
    y0 = Y0[:4]  # of more trajectories one would be near a kink of the scale
    sol = solve(y0, **options)
    values = functional.value(sol.steps)
    assert np.shape(values) == (() if coupled else (4,))
    bar = functional.vjp(sol.steps, np.ones(np.shape(values)))
    y0_bar, theta_bar = sol.vjp(None, steps_bar=bar)
    rng = np.random.default_rng(1)
    for x, x_bar, at in ((y0, y0_bar, 0), (THETA, theta_bar, 1)):
        v = rng.standard_normal(x.shape)

        def loss(e, v=v, at=at):
            moved = [y0, THETA]
            moved[at] = moved[at] + e * v
            return functional.value(solve(*moved, **options).steps).sum()

        slope = central_difference(loss, 3e-5, order=4)
        np.testing.assert_allclose(np.vdot(x_bar, v), slope, rtol=1e-5)


@pytest.mark.parametrize(
    "mode", [{"adjoint": "every", "stride": 3}, {"adjoint": "binomial", "budget": 200_000}]
)
def test_every_adjoint_gives_the_same_bits(mode):
    bars = []
    for adjoint in ({}, mode):
        sol = solve(rtol=1e-6, measure=True, time_gradients=True, t_eval=[0.7, 2.0], **adjoint)
        bar = Functional("error").vjp(sol.steps, np.ones(40))
        bars.append(sol.vjp(sol.ys, steps_bar=bar, times=True))
    for one, other in zip(*bars, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("batch", [3, 40])
@pytest.mark.parametrize("interpolate", [False, True])
def test_gradients_of_times_agree_with_differences(batch, interpolate):
    times = np.array([0.5, 1.1, 1.7])
    options = {"n_steps": 400, "interpolate": interpolate, "method": "dopri5"}

    def loss(t0=0.0, t1=2.0, t_eval=times):
        return solve(Y0[:batch], span=(t0, t1), t_eval=t_eval, **options).ys.sum()

    sol = solve(Y0[:batch], t_eval=times, time_gradients=True, **options)
    found = sol.vjp(np.ones_like(sol.ys), times=True)
    e = 1e-5
    wanted = central_difference(lambda s: loss(t0=s), e)
    np.testing.assert_allclose(found.t0, wanted, rtol=1e-6)
    for i, unit in enumerate(np.eye(3)):
        wanted = central_difference(lambda s, unit=unit: loss(t_eval=times + s * unit), e)
        np.testing.assert_allclose(found.t_eval[i], wanted, rtol=1e-6)
    assert abs(found.t1) < 1e-6  # nothing is asked for there


def test_gradients_of_the_end_and_of_times_of_its_own_for_each_trajectory():
    t1 = np.linspace(1.0, 2.0, 40)
    sol = solve(span=(0.0, t1), time_gradients=True, rtol=1e-9, atol=1e-9)
    found = sol.vjp(sol.ys, times=True)
    assert found.t0.shape == () and found.t1.shape == (40,) and found.t_eval is None
    slopes = np.array(
        [tapeless.fields.evaluate(FIELD, t, y, THETA) for t, y in zip(t1, sol.ys, strict=True)]
    )
    np.testing.assert_allclose(found.t1, (slopes * sol.ys).sum(1), rtol=1e-6, atol=1e-9)
    single = solve(Y0[0], span=(0.0, 1.0), time_gradients=True)
    assert single.vjp(single.ys, times=True).t1.shape == ()


@pytest.mark.parametrize("batch", [1, 40])
def test_the_time_of_a_first_passage_is_differentiated(batch):
    @tapeless.field(dim=2, n_params=1, vjp="symbolic")
    def decay(t, y, theta, dy):
        dy[0] = -theta[0] * y[0] * (1 + t)
        dy[1] = y[0]

    y0 = np.stack([np.linspace(1.0, 2.0, batch), np.zeros(batch)], axis=1)

    def passages(y0, rate, t0=0.0):
        return tapeless.solve_ode(
            decay, (t0, 3.0), y0, [rate], first_passage=(0, 0.5), rtol=1e-10, atol=1e-12,
            time_gradients=True,
        )  # fmt: skip

    sol = passages(y0, 1.0)
    weights = np.linspace(1.0, 2.0, batch)
    g = sol.vjp(None, first_passage_bar=weights, times=True)
    for found, moved in (
        (g.theta[0], lambda e: passages(y0, 1 + e)),
        (g.y0[:, 0].sum(), lambda e: passages(y0 + np.array([e, 0]), 1.0)),
        (g.t0, lambda e: passages(y0, 1.0, e)),
    ):
        slope = central_difference(lambda e, moved=moved: moved(e).reduced.first_passage, 1e-5)
        np.testing.assert_allclose(found, weights @ slope, rtol=1e-4)
    never = tapeless.solve_ode(decay, (0, 1), y0, [0.01], first_passage=(0, 0.5))
    assert not any(x.any() for x in never.vjp(None, first_passage_bar=weights))


@pytest.mark.parametrize("batch", [3, 40])
def test_steps_that_are_not_finite_leave_no_nan_in_gradients(batch):
    @tapeless.field(dim=1, n_params=1, vjp="symbolic")
    def explodes(t, y, theta, dy):
        dy[0] = theta[0] * y[0] * y[0]

    y0 = np.linspace(0.2, 2.0, batch)[:, None]  # those above 0.5 are infinite before t = 2
    sol = tapeless.solve_ode(
        explodes, (0.0, 2.0), y0, [1.0], t_eval=[0.1, 2.0], measure=True, time_gradients=True, throw=False
    )  # fmt: skip
    assert not sol.success and sol.stats.status[0] == 1
    bar = Functional("stiffness").vjp(sol.steps, np.ones(batch))
    gradient = sol.vjp(np.ones_like(sol.ys), steps_bar=bar, times=True)
    assert all(np.isfinite(x).all() for x in gradient)
    again = sol.vjp(np.ones_like(sol.ys), steps_bar=bar, times=True)
    assert again.t_eval.tobytes() == gradient.t_eval.tobytes()
    wanted = tapeless.solve_ode(
        explodes, (0.0, 2.0), y0, [1.0], t_eval=[0.1, 2.0], time_gradients=True, throw=False
    )
    plain = sol.vjp(np.ones_like(sol.ys), times=True).t_eval
    assert np.array_equal(wanted.vjp(np.ones_like(sol.ys), times=True).t_eval, plain)
    alone = tapeless.solve_ode(
        explodes, (0.0, 2.0), y0[0], [1.0], t_eval=[0.1, 2.0], measure=True, time_gradients=True
    )
    one = Functional("stiffness").vjp(alone.steps, 1.0)
    assert alone.vjp(np.ones((2, 1)), steps_bar=one, times=True).y0 == gradient.y0[0]
