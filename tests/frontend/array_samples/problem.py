"""What samples share: a field, its parameters, states, times and objective, and the lines that were drawn."""

import numpy as np
import pytest

from tapeless import Objective, fields, losses, solve_ode

FIELD = fields.MLP(2, [3])
THETA = FIELD.init(rng=0)
TWICE = np.concatenate([THETA, THETA])  # of two such fields
Y0 = np.random.default_rng(0).standard_normal((4, 2))
TIMES = np.array([0.25, 1.0])
OBJECTIVE = Objective(FIELD, (0.0, 1.0), losses.mse)


def solve(y0=Y0, theta=THETA, **how):
    return solve_ode(FIELD, (0.0, 1.0), y0, theta, **how)


def decay(t, y):
    return -y


def drawn(draw):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    axes = draw()
    found = [line.get_xydata().tolist() for line in axes.lines]
    pyplot.close("all")
    return found
