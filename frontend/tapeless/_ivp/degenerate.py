"""solve_ivp where there is nothing to integrate: a span of length zero, or no components."""

import numpy as np

from tapeless._ivp.dense import OdeSolution
from tapeless._ivp.result import IvpStats, OdeResult
from tapeless._ivp.solve import REACHED, TERMINATED, as_slope


def solve_without_steps(fun, t0, t1, y0, times, dense_output, events, args):
    """Return a constant solution, after one evaluation, as SciPy does."""
    as_slope(fun(t0, y0.copy(), *args), t0, y0.dtype, y0.shape)
    status, message, end = 0, REACHED, t1
    if events is not None:
        events.start(t0, y0)
        root = events.step(t0, t1, y0, lambda: lambda t: y0.copy())
        if root is not None:
            status, message, end = 1, TERMINATED, root
    ts, ys = np.array([t0, end]), np.stack([y0, y0])
    sol = None
    if dense_output:
        step = end - t0 if end != t0 else 1.0
        sol = OdeSolution(ts, np.array([step]), ys, np.zeros((1, 2, len(y0)), y0.dtype))
    if times is not None:
        ts = times[(times <= end) if t1 >= t0 else (times >= end)]
        ys = np.repeat(y0[None], len(ts), axis=0)
    ts, ys = (ts, ys.T) if len(ts) else ([], [])
    t_events, y_events = (None, None) if events is None else events.results()
    return OdeResult(
        t=ts, y=ys, sol=sol, t_events=t_events, y_events=y_events, nfev=1, njev=0, nlu=0,
        status=status, message=message, success=True, stats=IvpStats(1, 0, 0, False, ""),
        backend="tapeless",
    )  # fmt: skip
