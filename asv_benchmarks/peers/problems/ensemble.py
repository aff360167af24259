"""W4: 10,000 Lorenz systems from starts beside one another, to t = 10, where they have become chaotic."""

import numpy as np

from .cache import cached
from .nonstiff import lorenz_f

CHECKED = 20  # trajectories that are compared with the reference
ENSEMBLE_CASES = [f"lorenz10k@{tolerance}" for tolerance in ("1e-5", "1e-6", "1e-7", "1e-8")]


def ensemble(case):
    """Return initial states (10000, 3), parameters, time span and tolerances of a case."""
    tolerance = float(case.split("@")[1])
    y0 = np.array([1.0, 1.0, 20.0]) + np.random.default_rng(7).standard_normal((10_000, 3))
    theta = np.array([10.0, 28.0, 8.0 / 3.0])
    return {"y0": y0, "theta": theta, "t0": 0.0, "t1": 10.0, "rtol": tolerance, "atol": tolerance}


def ensemble_reference():
    """Return the last states of the first trajectories by SciPy's DOP853, to rounding."""

    def compute():
        from scipy.integrate import solve_ivp

        p = ensemble(ENSEMBLE_CASES[0])
        given = {"method": "DOP853", "rtol": 1e-13, "atol": 1e-13}
        ends = [
            solve_ivp(lorenz_f, (0.0, p["t1"]), y0, **given).y[:, -1] for y0 in p["y0"][:CHECKED]
        ]
        return {"y": np.stack(ends)}

    return cached("ensemble-lorenz", compute)
