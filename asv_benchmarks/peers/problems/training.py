"""W11: steps of Adam on the mean squared distance of y(1) from a target, for the neural ODEs of W1."""

import numpy as np

from .cache import cached
from .mlp import MLP_SIZES, PARAMS, mlp, rk4_grad

TRAINING_CASES = [case for case in MLP_SIZES if not case.startswith("D64")]
TRAINING_STEPS, RATE, BETAS, EPS = 10, 1e-3, (0.9, 0.999), 1e-8


def training(case):
    """Return what `mlp` does, with the target: the initial states, turned round."""
    p = mlp(case)
    return p | {"target": np.roll(p["y0"], 1, axis=1)}


def training_reference(case):
    """Return the parameters after all steps, flat, by 400 steps of RK4 in float64: the key is "y"."""

    def compute():
        p, means = training(case), {name: (0.0, 0.0) for name in PARAMS}
        for step in range(1, TRAINING_STEPS + 1):
            _, bar = rk4_grad(p, 400, lambda y: 2 * (y - p["target"]) / y.size)
            for name in PARAMS:
                (m, v), g = means[name], bar[name]
                m, v = BETAS[0] * m + (1 - BETAS[0]) * g, BETAS[1] * v + (1 - BETAS[1]) * g**2
                means[name] = m, v
                root = np.sqrt(v / (1 - BETAS[1] ** step)) + EPS
                p[name] = p[name] - RATE * m / (1 - BETAS[0] ** step) / root
        return {"y": np.concatenate([p[name].ravel() for name in PARAMS])}

    return cached(f"training-{case}", compute)
