"""tapeless.solve_ivp: W10.

Runs under this harness and, through BENCH_ADAPTER_DIR, under the shared copy of it.
"""

import functools

import numpy as np
import problems as P
from core import register

import tapeless

try:
    from adapters._nonstiff_fields import IN_PLACE
except ImportError:  # under the shared harness this folder itself is on the path
    from _nonstiff_fields import IN_PLACE

CASES = [f"{name}@{tolerance}" for name in P.NONSTIFF for tolerance in ("1e-6", "1e-9")]


def facts(solution):
    """Return the final state and what it took."""
    stats = solution.stats
    return {
        "y": solution.y[:, -1],
        "nfe": solution.nfev,
        "steps": stats.accepted,
        "extra": {"rejected": stats.rejected, "ok": solution.success},
    }


def outputs(output, t0, t1):
    """Return the options that ask for the final state, 201 of them, or a function of time."""
    if output == "dense":
        return {"dense_output": True}
    return {"t_eval": [t1] if output == "final" else np.linspace(t0, t1, 201)}


def build(method, compiled, output, case, dtype):
    """Build a solve."""
    p = P.nonstiff(case)
    fun = IN_PLACE[p["name"]] if compiled else p["f"]
    options = {"method": method, "rtol": p["rtol"], "atol": p["atol"]}
    options |= outputs(output, p["t0"], p["t1"])
    arguments = fun, (p["t0"], p["t1"]), p["y0"]
    return (lambda: tapeless.solve_ivp(*arguments, **options)), facts


def register_solve(name, method, compiled, output):
    """Register a solve in all cases."""
    register("tapeless", "W10", name, CASES, ("float64",))(
        functools.partial(build, method, compiled, output)
    )


for method in ("RK45", "DOP853", "tsit5", "vern7"):
    register_solve(method, method, True, "final")
    register_solve(f"{method} dense", method, True, "dense")
for method in ("RK45", "DOP853"):
    register_solve(f"{method}, Python rhs", method, False, "final")
register_solve("DOP853, 201 outputs", "DOP853", True, "201")
