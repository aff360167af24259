"""Fields that have tangents, which tests of forward mode share."""

import numpy as np

import tapeless
from tapeless.fields import MLP

NETWORK = MLP(3, [8], time=True)
THETA = NETWORK.init(rng=1)
TIMES = np.linspace(0.0, 1.0, 4)


@tapeless.field(dim=3, n_params=3, vjp="symbolic", jvp="symbolic")
def lorenz(t, y, theta, dy):
    dy[0] = theta[0] * (y[1] - y[0])
    dy[1] = y[0] * (theta[1] - y[2]) - y[1]
    dy[2] = y[0] * y[1] - theta[2] * y[2] + t


OWN = np.array([10.0, 28.0, 8 / 3]) * np.random.default_rng(5).uniform(0.7, 1.0, (400, 3))
ENDS = np.random.default_rng(6).uniform(0.05, 1.0, 400)
