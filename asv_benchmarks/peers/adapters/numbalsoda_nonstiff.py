"""numbalsoda's dop853, Hairer's code called from Numba: W10."""

import functools

import numba as nb
import numpy as np
import problems as P
from core import register
from numbalsoda import dop853, lsoda_sig

from adapters._nonstiff_fields import IN_PLACE

MAX_STEPS = 1_000_000


def c_function(field, dim, counts):
    """Return the field as C code calls it; if it counts, in its one parameter."""

    @nb.cfunc(lsoda_sig)
    def f(t, y, dy, params):
        field(t, nb.carray(y, (dim,)), nb.carray(dy, (dim,)))
        if counts:
            params[0] += 1.0

    return f


def build(n_outputs, case, dtype):
    """Build a solve with outputs at equal distances, which the method interpolates."""
    p = P.nonstiff(case)
    field, counted = (c_function(IN_PLACE[p["name"]], p["y0"].size, c) for c in (False, True))
    times, params = np.linspace(p["t0"], p["t1"], n_outputs), np.zeros(1)

    def solve(f):
        return dop853(f.address, p["y0"], times, params, p["rtol"], p["atol"], MAX_STEPS)

    def finish(out):
        ys, success = out
        params[0] = 0.0
        solve(counted)
        return {"y": ys[-1], "nfe": int(params[0]), "extra": {"ok": bool(success)}}

    return (lambda: solve(field)), finish


for n_outputs in (2, 201):
    register("numbalsoda", "W10", f"dop853, {n_outputs} outputs", P.NONSTIFF_CASES, ("float64",))(
        functools.partial(build, n_outputs)
    )
