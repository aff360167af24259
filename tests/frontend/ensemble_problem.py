"""Ensembles of predators and prey whose trajectories take from few steps to many."""

import pathlib
import runpy

import numpy as np

import tapeless

FUZZ = runpy.run_path(str(pathlib.Path(__file__).parents[1] / "fuzz/ensembles.py"))
N = 2500  # three chunks of lanes that are refilled


@tapeless.field(dim=2, n_params=2)
def hunt(t, y, theta, dy):
    dy[0] = y[0] * (theta[0] - y[1])
    dy[1] = y[1] * (y[0] - theta[1])


def ensemble(n=N, seed=0):
    """Return spans, states, parameters and tolerances that are spread over a decade."""
    rng = np.random.default_rng(seed)
    t1, theta = 10 ** rng.uniform(0, 1, n), 10 ** rng.uniform(-0.5, 0.5, (n, 2))
    return t1, rng.uniform(0.5, 2, (n, 2)), theta, 10 ** rng.uniform(-8, -4, n)


def solve(field, chosen, given, **options):
    t1, y0, theta, rtol = (x[chosen] for x in given)
    times = np.linspace(0.1, 1, 4) * t1[:, None]
    return tapeless.solve_ode(field, (0, t1), y0, theta, rtol=rtol, t_eval=times, **options)
