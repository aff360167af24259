"""SciPy's explicit methods: W10."""

import functools

import problems as P
from core import register
from scipy.integrate import solve_ivp

from adapters._nonstiff_fields import returning


def build(method, compiled, dense, case, dtype):
    """Build a solve with the final state for output, or with the solution as a function of time."""
    p = P.nonstiff(case)
    fun = returning(p["name"]) if compiled else p["f"]
    options = {"method": method, "rtol": p["rtol"], "atol": p["atol"]}
    options |= {"dense_output": True} if dense else {"t_eval": [p["t1"]]}

    def run():
        return solve_ivp(fun, (p["t0"], p["t1"]), p["y0"], **options)

    def finish(solution):
        facts = {"y": solution.y[:, -1], "nfe": solution.nfev}
        return facts | ({"steps": len(solution.t) - 1} if dense else {})

    return run, finish


for method in ("RK45", "DOP853"):
    for compiled in (False, True):
        for dense in (False, True):
            name = method + " dense" * dense + ", Numba rhs" * compiled
            register("scipy", "W10", name, P.NONSTIFF_CASES, ("float64",))(
                functools.partial(build, method, compiled, dense)
            )
