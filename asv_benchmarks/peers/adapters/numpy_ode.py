"""SciPy and hand-written NumPy: W1, W3."""

import numpy as np
import problems as P
from core import register
from scipy.integrate import solve_ivp

SIZES = list(P.MLP_SIZES)


def cast(p, dtype):
    """Return the problem with its arrays in another dtype."""
    return {k: v.astype(dtype) if isinstance(v, np.ndarray) else v for k, v in p.items()}


@register("scipy", "W1", "RK45 (flattened batch)", SIZES, ("float64",))
def _(case, dtype):
    p = P.mlp(case)
    shape = p["y0"].shape

    def field(t, y):
        return P.mlp_f(p, y.reshape(shape)).ravel()

    def run():
        return solve_ivp(field, (0.0, 1.0), p["y0"].ravel(), rtol=P.RTOL, atol=P.ATOL)

    def finish(solution):
        y = solution.y[:, -1].reshape(shape)
        return {"y": y, "nfe": solution.nfev, "steps": len(solution.t) - 1}

    return run, finish


@register("numpy", "W3", "hand-written loop", [size + "@fwd" for size in SIZES])
def _(case, dtype):
    p = cast(P.mlp(case.split("@")[0]), dtype)
    return (lambda: P.rk4_forward(p, 100)), lambda out: {"y": out[0], "nfe": 400}


@register("numpy", "W3", "hand-written discrete adjoint", [size + "@grad" for size in SIZES])
def _(case, dtype):
    p = cast(P.mlp(case.split("@")[0]), dtype)
    return (
        (lambda: P.rk4_grad(p, 100)),
        lambda out: {"y": out[0], "grads": out[1], "nfe": 400},
    )
