"""tapeless.solve_ode with a Python function as the field: W4."""

import functools

import problems as P
from core import register

import tapeless


@tapeless.field(dim=3, n_params=3)
def lorenz(t, y, theta, dy):
    """The field of problems/nonstiff.py."""
    dy[0] = theta[0] * (y[1] - y[0])
    dy[1] = y[0] * (theta[1] - y[2]) - y[1]
    dy[2] = y[0] * y[1] - theta[2] * y[2]


def build(method, case, dtype):
    """Build a solve on one thread."""
    p = P.ensemble(case)
    span, y0, theta = (p["t0"], p["t1"]), p["y0"], p["theta"]
    options = {"method": method, "rtol": p["rtol"], "atol": p["atol"], "threads": 1}

    def finish(solution):
        nfe = solution.stats.nfe
        extra = {"nfe_mean": float(nfe.mean()), "ok": solution.success}
        return {"y": solution.ys[: P.CHECKED], "nfe": int(nfe.max()), "extra": extra}

    return (lambda: tapeless.solve_ode(lorenz, span, y0, theta, **options)), finish


for method in ("dopri5", "tsit5", "vern7", "dop853"):
    register("tapeless", "W4", method, P.ENSEMBLE_CASES, ("float64",))(
        functools.partial(build, method)
    )
