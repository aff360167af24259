"""numbalsoda's dop853 called for one trajectory after the other from compiled code: W4."""

import numba as nb
import numpy as np
import problems as P
from core import register
from numbalsoda import dop853, lsoda_sig


@nb.cfunc(lsoda_sig)
def lorenz(t, y, dy, theta):
    """The field of problems/nonstiff.py."""
    dy[0] = theta[0] * (y[1] - y[0])
    dy[1] = y[0] * (theta[1] - y[2]) - y[1]
    dy[2] = y[0] * y[1] - theta[2] * y[2]


@nb.njit
def solve_all(address, y0, theta, times, rtol, atol):
    """Return the last states."""
    ends = np.empty_like(y0)
    for i in range(y0.shape[0]):
        ys, _ = dop853(address, y0[i], times, theta, rtol, atol)
        ends[i] = ys[-1]
    return ends


@register("numbalsoda", "W4", "dop853, loop", P.ENSEMBLE_CASES, ("float64",))
def build(case, dtype):
    """Build a solve."""
    p = P.ensemble(case)
    times = np.array([p["t0"], p["t1"]])
    arguments = lorenz.address, p["y0"], p["theta"], times, p["rtol"], p["atol"]
    return (lambda: solve_all(*arguments)), lambda ends: {"y": ends[: P.CHECKED]}
