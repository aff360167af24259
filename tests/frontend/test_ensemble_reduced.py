"""Means, extremes and first passages of the trajectories of an ensemble."""

import numpy as np
import pytest

import tapeless
from ensemble_problem import FUZZ, ensemble, hunt, solve
from tapeless_kernels.status import NON_FINITE


@tapeless.field(dim=2, n_params=1)
def oscillator(t, y, theta, dy):
    dy[0] = theta[0] * y[1]
    dy[1] = -theta[0] * y[0]


def swings(n, sign=1, **options):
    """Return frequencies, ends and the reduced solution of oscillators that start at (1, 0)."""
    rng = np.random.default_rng(n)
    w, t1 = rng.uniform(1, 3, n), sign * rng.uniform(0.1, 6, n)
    y0 = np.tile([1.0, 0.0], (n, 1))
    given = {"rtol": 1e-9, "atol": 1e-9, "reduce": True, "max_steps": 50_000}
    given |= {"first_passage": (0, 0.3)} | options
    return w, t1, tapeless.solve_ode(oscillator, (0, t1), y0, w[:, None], **given).reduced


@pytest.mark.parametrize("method", ["dopri5", "bosh3", "tsit5"])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("n", [3, 1000])
def test_reductions_are_those_of_the_trajectory(n, sign, method):
    w, t1, found = swings(n, sign, method=method)
    turn, where = np.pi / w, np.arccos(0.3) / w
    tolerance = {"rtol": 0, "atol": 3e-7}
    np.testing.assert_allclose(found.mean[:, 0], np.sin(w * t1) / (w * t1), **tolerance)
    np.testing.assert_allclose(found.mean[:, 1], (np.cos(w * t1) - 1) / (w * t1), **tolerance)
    least = np.where(abs(t1) < turn, np.cos(w * t1), -1)
    largest = np.where(abs(t1) < 2 * turn, np.maximum(np.cos(w * t1), 1), 1)
    np.testing.assert_allclose(found.min[:, 0], least, **tolerance)
    np.testing.assert_allclose(found.max[:, 0], largest, **tolerance)
    expected = np.where(abs(t1) < where, np.nan, sign * where)
    np.testing.assert_allclose(found.first_passage, expected, **tolerance)
    assert n == 3 or np.isnan(found.first_passage).any()


def test_reductions_of_a_trajectory_are_the_same_alone():
    given, wanted = ensemble(), {"reduce": True, "first_passage": (1, 1.0)}
    whole = solve(hunt, slice(None), given, **wanted)
    assert (whole.reduced.min < whole.reduced.max).all()
    for chosen in ([7], range(900, 990)):
        alone = solve(hunt, list(chosen), given, **wanted)
        for x, y in zip(whole.reduced, alone.reduced, strict=True):
            assert np.array_equal(x[list(chosen)], y, equal_nan=True)


def test_mean_has_order_four():
    """That of the interpolant's integral: halving steps of a method of order 4 takes errors to a sixteenth."""
    errors = []
    for n_steps in (80, 160, 320):
        found = tapeless.solve_ode(
            oscillator, (0, 2), [1.0, 0.0], [2.0], method="rk4", n_steps=n_steps, reduce=True
        )
        errors.append(abs(found.reduced.mean[0] - np.sin(4) / 4))
    slopes = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (abs(slopes - 4) < 0.15).all()


def test_mean_where_the_interpolant_overflows_is_no_success():
    y0 = np.array([[-1.5069389]], np.float32)
    given = {"method": "rk4", "n_steps": 1, "throw": False}
    blow_up, theta = FUZZ["blow_up"], [-2.27205462]
    assert tapeless.solve_ode(blow_up, (0, 10), y0, theta, **given).success
    found = tapeless.solve_ode(blow_up, (0, 10), y0, theta, reduce=True, **given)
    assert found.stats.status == NON_FINITE and not found.success


def test_reductions_of_one_trajectory_and_of_no_time():
    y0 = np.array([1.0, 0.5])
    sol = tapeless.solve_ode(hunt, (0, 3), y0, [1.0, 1.0], reduce=True)
    assert sol.reduced.mean.shape == (2,) and sol.reduced.first_passage is None
    still = tapeless.solve_ode(hunt, (3, 3), y0, [1.0, 1.0], reduce=True, first_passage=(0, 1.0))
    assert np.array_equal(still.reduced.mean, y0) and np.array_equal(still.reduced.min, y0)
    assert still.reduced.first_passage == 3
    plain = tapeless.solve_ode(hunt, (0, 3), y0, [1.0, 1.0])
    assert plain.reduced == (None, None, None, None) and np.allclose(plain.ys, sol.ys, rtol=1e-3)


@pytest.mark.parametrize("given", [(2, 0.0), (0, np.nan), 3, (0.5, 1.0), "01", (-1, 0.0)])
def test_first_passage_that_is_none(given):
    with pytest.raises(
        ValueError, match="solve_ode: `first_passage` must be a pair of a component"
    ):
        tapeless.solve_ode(hunt, (0, 1), np.ones(2), [1.0, 1.0], first_passage=given)
