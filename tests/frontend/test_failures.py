"""Trajectories that fail get a status and disturb no others; batches without any work too."""

import numpy as np
import pytest

from faults.problem import NAN, THETA, solve
from tapeless import SolverError, solve_ode
from tapeless.fields import MLP, Dense, Network
from tapeless_kernels.launch import cpu
from tapeless_kernels.status import MAX_STEPS, NON_FINITE, STEP_TOO_SMALL, SUCCESS

every_dtype = pytest.mark.parametrize("dtype", cpu.WIDTHS, ids=str)
METHODS = (
    {"method": "tsit5"},
    {"method": "bosh3", "t_eval": [0.0, 0.4, 1.0]},
    {"method": "rk4", "n_steps": 5},
)


@pytest.mark.parametrize("kwargs", [*METHODS, {"coupled": True}], ids=str)
@every_dtype
def test_empty_batch_gives_empty_results(kwargs, dtype):
    sol = solve(y0=np.empty((0, 2), dtype), **kwargs)
    shape = (0, 3, 2) if "t_eval" in kwargs else (0, 2)
    assert sol.ys.shape == shape and sol.ys.dtype == dtype and sol.success
    assert all(x.shape == (0,) for x in sol.stats)
    assert "shape (0, " in repr(sol) and sol.nbytes_adjoint == 0
    y0_bar, theta_bar = sol.vjp(np.empty(shape))
    assert y0_bar.shape == (0, 2) and y0_bar.dtype == dtype
    assert theta_bar.shape == THETA.shape and not theta_bar.any() and theta_bar.dtype == dtype


def test_empty_batch_with_numbers_of_its_own():
    none = np.empty(0)
    sol = solve(
        y0=np.empty((0, 2)),
        t_span=(none, none),
        rtol=none,
        first_step=none,
        t_eval=np.empty((0, 3)),
    )
    assert sol.ys.shape == (0, 3, 2) and sol.ts.shape == (0, 3)


@pytest.mark.parametrize("kwargs", METHODS, ids=str)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("batch", [3, 40, 70])
@every_dtype
def test_sample_that_is_not_finite_disturbs_no_other(kwargs, bad, batch, dtype):
    rng = np.random.default_rng(0)
    y0 = rng.standard_normal((batch, 2)).astype(dtype)
    whole = solve(y0=y0, **kwargs)
    for i in (1, batch - 1):  # the last fills the rest of its tile
        with_bad = y0.copy()
        with_bad[i, 1] = bad
        sol = solve(y0=with_bad, throw=False, **kwargs)
        assert sol.stats.status[i] == NON_FINITE and not sol.success and sol.stats.t[i] == 0
        others = np.delete(np.arange(batch), i)
        for mine, theirs in zip(sol.stats, whole.stats, strict=True):
            assert np.array_equal(mine[others], theirs[others])
        assert np.array_equal(sol.ys[others], whole.ys[others])
        ys_bar = rng.standard_normal(sol.ys.shape).astype(dtype)
        ys_bar[i] = 0
        y0_bar, theta_bar = sol.vjp(ys_bar)
        expected = whole.vjp(ys_bar)
        assert np.array_equal(y0_bar[others], expected[0][others]) and np.isfinite(y0_bar[i]).all()
        assert np.array_equal(theta_bar, expected[1])


@pytest.mark.parametrize("bad", [np.nan, np.inf], ids=str)
@pytest.mark.parametrize("batch", [3, 40, 70])
def test_sample_that_is_not_finite_ends_a_coupled_solve(bad, batch):
    y0 = np.ones((batch, 2))
    y0[1, 0] = bad
    for kwargs in ({}, {"method": "rk4", "n_steps": 5}):
        sol = solve(y0=y0, coupled=True, throw=False, **kwargs)
        assert sol.stats.status[1] == NON_FINITE and sol.stats.t[1] == 0


@pytest.mark.parametrize("batch", [3, 40, 70])
@pytest.mark.parametrize("method", ["bosh3", "dopri5", "tsit5"])
@every_dtype
def test_exploding_relu_network_fails_by_sample(batch, method, dtype):
    """The slope of e**(500 t) leaves float32 at t = 0.165 and float64 at t = 1.41; below 0 it rests."""
    field = MLP(1, [4], activation="relu")
    theta = np.array([1.0] * 4 + [0.0] * 4 + [125.0] * 4 + [0.0])
    y0 = np.where(np.arange(batch) % 3 == 0, -1.0, 1.0).astype(dtype)[:, None]
    kwargs = {
        "field": field, "theta": theta, "t_span": (0, 2), "throw": False, "max_steps": 4000,
        "method": method,
    }  # fmt: skip
    sol = solve(y0=y0, **kwargs)
    resting = y0[:, 0] < 0
    assert (sol.stats.status[resting] == SUCCESS).all() and (sol.ys[resting] == -1).all()
    # The last numbers may be crept up to by steps that change nothing.
    assert np.isin(sol.stats.status[~resting], (NON_FINITE, STEP_TOO_SMALL, MAX_STEPS)).all()
    end = np.log(np.finfo(dtype).max / 500) / 500
    assert (abs(sol.stats.t[~resting] - end) < 0.02).all()
    assert np.isnan(sol.ys[~resting]).all() and np.isfinite(sol.y).all()
    y0_bar, theta_bar = sol.vjp(np.ones_like(sol.ys))
    assert (y0_bar[resting] == 1).all() and (y0_bar[~resting] == 0).all()
    assert np.isfinite(theta_bar).all()
    with pytest.raises(SolverError, match=f"{(~resting).sum()} of {batch} trajectories failed"):
        solve(y0=y0, **kwargs | {"throw": True})


def test_error_carries_the_partial_solution():
    with pytest.raises(SolverError) as caught:
        solve(y0=NAN, t_eval=[0.0, 1.0])
    partial = caught.value.solution
    assert partial.stats.status.tolist() == [SUCCESS, NON_FINITE]
    assert np.isfinite(partial.ys[0]).all() and np.isnan(partial.ys[1, 1]).all()
    assert np.isfinite(partial.vjp(np.ones((2, 2, 2)))[1]).all()


def test_statuses_of_one_batch():
    field = Network(1, [Dense(1)])
    sol = solve_ode(
        field, ([0.0, 1e16, 0.0, 0.0], [1.0, 2e16, 1.0, 1.0]), [[1.0], [1.0], [np.nan], [0.0]],
        np.array([1000.0, 0.0]), max_steps=50, throw=False,
    )  # fmt: skip
    assert sol.stats.status.tolist() == [MAX_STEPS, STEP_TOO_SMALL, NON_FINITE, SUCCESS]
