"""A small training, which tests of `fit` share."""

import numpy as np

from tapeless import Objective, losses, optim
from tapeless.fields import MLP

FIELD = MLP(2, [8])
THETA = FIELD.init(rng=0)
N = 50
Y0 = np.random.default_rng(1).standard_normal((N, 2))
DATA = Y0, np.stack([Y0[:, 1], -Y0[:, 0]], axis=1)
objective = Objective(FIELD, (0.0, 1.0), losses.mse, rtol=1e-4)
QUICK = {"batch_size": 16, "rng": 3, "optimiser": optim.Adam(0.02)}


def quadratic(theta, *batch):
    return float(theta @ theta), 2 * theta
