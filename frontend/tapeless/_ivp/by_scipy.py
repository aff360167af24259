"""Solvers that solve_ivp passes to SciPy."""

import numpy as np

from tapeless._ivp import field as fields
from tapeless._ivp.result import OdeResult


def solve_by_scipy(
    fun, t_span, y0, method, t_eval, dense_output, events, vectorized, args, options
):
    """Return what SciPy's solve_ivp does."""
    from scipy.integrate import solve_ivp

    state = np.asarray(y0)
    kind = np.dtype(complex if state.dtype.kind == "c" else float)
    field = None if vectorized else fields.compiled(fun, args, kind, state.size)
    if field is not None:
        fun = field.fun or fields.python_function(field, kind)
    found = solve_ivp(
        fun, t_span, y0, method, t_eval, dense_output, events, vectorized, args or None, **options
    )
    return OdeResult(**found, stats=None, backend="scipy")
