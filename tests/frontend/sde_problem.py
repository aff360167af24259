"""The equation that tests of `solve_sde` share, the paths that drive it and the ways to step along them."""

import math

import numpy as np

import tapeless
from tapeless import BrownianPath


@tapeless.field(dim=2, n_params=2, vjp="symbolic")
def drift(t, y, theta, dy):
    dy[0] = -theta[0] * y[0] + math.sin(y[1] + t)
    dy[1] = math.cos(y[0]) - theta[1] * y[1]


@tapeless.diffusion(dim=2, n_params=1, vjp="symbolic", jvp="symbolic")
def diagonal(t, y, theta, dg):
    dg[0] = theta[0] * math.sin(y[0]) + 0.8
    dg[1] = 0.7 * math.cos(theta[0] * y[1] + t)


@tapeless.diffusion(dim=2, channels=2, n_params=1, vjp="symbolic")
def general(t, y, theta, dg):
    dg[0, 0] = theta[0] * math.sin(y[1])
    dg[0, 1] = 0.5 * y[0]
    dg[1, 0] = 0.6 * math.cos(y[0])
    dg[1, 1] = 0.5


THETA = np.array([1.0, 0.5, 0.7])
SPAN = (0.0, 1.0)


def states(n, dtype=np.float64):
    return np.random.default_rng(n).standard_normal((n, 2)).astype(dtype)


def path_of(n, field=diagonal, **options):
    options = {"levy_area": "space-time", "resolution": 2.0**-12} | options
    return BrownianPath(9, 0.0, 1.0, (n, field.channels), **options)


WAYS = {
    "grid": {"method": "sriw1", "dt": 0.07},
    "reversible": {"method": "reversible_heun", "n_steps": 12},
    "adaptive": {"method": "sriw1", "rtol": 1e-2, "atol": 1e-2},
}
