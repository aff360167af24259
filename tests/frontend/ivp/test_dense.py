"""Dense output and output times of solve_ivp."""

import pickle

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
