"""A loop of NumPy over the steps of Euler-Maruyama, on all paths at once: the ensemble of W6."""

import numpy as np
import problems as P
from core import register


@register("numpy", "W6", "hand-written loop", [P.GBM])
def build(case, dtype):
    """Build a solve in place: y += mu y dt + sigma y sqrt(dt) N."""
    p, rng = P.gbm(), np.random.default_rng(0)
    dt = (p["t1"] - p["t0"]) / P.ENSEMBLE_STEPS
    growth, scale = 1 + p["mu"] * dt, p["sigma"] * dt**0.5
    y0 = p["y0"].astype(dtype)

    def run():
        y, factor = y0.copy(), np.empty_like(y0)
        for _ in range(P.ENSEMBLE_STEPS):
            rng.standard_normal(dtype=dtype, out=factor)
            factor *= scale
            factor += growth
            y *= factor
        return y

    return run, lambda y: {"steps": P.ENSEMBLE_STEPS, "extra": P.moments(y)}
