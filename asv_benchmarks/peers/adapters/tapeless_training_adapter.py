"""tapeless: W11, the steps of a training, all through `fit`."""

import functools

import numpy as np
import problems as P
from core import register

import tapeless
from tapeless import losses, optim


def steps(options, case, dtype):
    """Build a training from the initial parameters."""
    p = P.training(case)
    field = tapeless.fields.MLP(p["D"], [p["H"], p["H"]], activation="tanh")
    theta = np.concatenate([p[name].ravel() for name in P.PARAMS]).astype(dtype)
    data = p["y0"].astype(dtype), p["target"].astype(dtype)
    objective = tapeless.Objective(field, (p["t0"], p["t1"]), losses.mse, **options)
    adam = optim.Adam(P.RATE, P.BETAS, P.EPS)

    def run():
        return tapeless.fit(objective, theta, data, optimiser=adam, epochs=P.TRAINING_STEPS)

    def finish(fit):
        return {
            "y": fit.theta,
            "nfe": int(np.mean(fit.history.nfe)),
            "extra": {"loss": fit.history.loss[-1]},
        }

    return run, finish


for method in ("tsit5", "dopri5"):
    for name, coupled in ((method, True), (f"{method} per sample", False)):
        options = {
            "method": method,
            "coupled": coupled,
            "rtol": P.RTOL,
            "atol": P.ATOL,
            "threads": 1,
        }
        register("tapeless", "W11", name, P.TRAINING_CASES)(functools.partial(steps, options))
