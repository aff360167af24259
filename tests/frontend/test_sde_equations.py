"""`solve_sde` on equations of the field, by what is known of their laws."""

import math

import numpy as np
import pytest

import tapeless
from equations import lorenz
from sde_problem import SPAN
from tapeless import SolverError, solve_sde


def test_lorenz_with_additive_noise_keeps_to_its_attractor():
    @tapeless.diffusion(dim=3)
    def noise(t, y, theta, dg):
        dg[0] = dg[1] = dg[2] = 0.5

    theta = [10.0, 28.0, 8 / 3]
    sol = solve_sde(
        lorenz, noise, (0.0, 10.0), np.ones((50, 3)), theta, rng=0, rtol=1e-3, atol=1e-3
    )
    assert sol.method == "sra1" and sol.noise == "additive" and sol.success
    assert (abs(sol.ys[:, :2]) < 35).all() and ((sol.ys[:, 2] > -5) & (sol.ys[:, 2] < 60)).all()
    assert np.std(sol.ys[:, 0]) > 4


def test_double_well_visits_both_wells_as_often():
    @tapeless.field(dim=1)
    def well(t, y, theta, dy):
        dy[0] = y[0] - y[0] ** 3

    @tapeless.diffusion(dim=1)
    def noise(t, y, theta, dg):
        dg[0] = 0.7

    sol = solve_sde(
        well, noise, (0.0, 40.0), np.zeros((4000, 1)), n_steps=1600, method="shark", rng=1
    )
    grid = np.linspace(-3, 3, 2001)
    density = np.exp((grid**2 - grid**4 / 2) / 0.7**2)
    second = (grid**2 * density).sum() / density.sum()  # of the invariant law
    assert abs(sol.ys.mean()) < 4 * sol.ys.std() / math.sqrt(4000)
    assert abs((sol.ys**2).mean() - second) < 4 * (sol.ys**2).std() / math.sqrt(4000)


def test_square_root_process_reports_where_it_leaves_its_domain():
    @tapeless.field(dim=1, n_params=2)
    def reverting(t, y, theta, dy):
        dy[0] = theta[0] * (theta[1] - y[0])

    @tapeless.diffusion(dim=1, n_params=1, noise="diagonal")
    def root(t, y, theta, dg):
        dg[0] = theta[0] * math.sqrt(y[0])

    calm = solve_sde(
        reverting, root, SPAN, np.full((2000, 1), 0.5), [2.0, 0.5, 0.2], n_steps=256, rng=0
    )
    assert abs(calm.ys.mean() - 0.5) < 4 * calm.ys.std() / math.sqrt(2000)
    variance = 0.5 * 0.2**2 / (2 * 2.0) * (1 - math.exp(-4.0))
    assert abs(calm.ys.var() / variance - 1) < 0.12
    with pytest.raises(
        SolverError, match=r"trajectories failed.*a value that is not finite"
    ) as caught:
        solve_sde(
            reverting, root, SPAN, np.full((100, 1), 0.05), [2.0, 0.05, 1.0], n_steps=64, rng=0
        )
    sol = caught.value.solution
    failed = sol.stats.status != 1
    assert 0 < failed.sum() < 100 and np.isnan(sol.ys[failed]).all() and np.isfinite(sol.y).all()
    assert (sol.stats.t[failed] < 1.0).all() and (sol.stats.accepted[failed] < 64).all()
