"""torchdiffeq's odeint_adjoint: W12."""

import functools

import problems as P
import torch
import torchdiffeq
from core import register

from adapters.torch_ode import gradient


def odeint(norm, tol, field, y0):
    """Return y(1); `norm` is that of the solve backward."""
    t = torch.tensor([0.0, 1.0], dtype=y0.dtype)
    options = {"norm": norm} if norm else {}
    return torchdiffeq.odeint_adjoint(
        field, y0, t, rtol=tol, atol=tol / 10, method="dopri5", adjoint_options=options
    )[-1]


def build(norm, case, dtype):
    """Build the gradient of sum(y(1)**2) in all parameters and y0."""
    size, tolerance = case.split("@")
    return gradient(functools.partial(odeint, norm, float(tolerance)), size, dtype)


for name, norm in (("odeint_adjoint", None), ("odeint_adjoint seminorm", "seminorm")):
    register("torchdiffeq", "W12", f"dopri5 {name}", P.at_tolerances(P.MLP_SIZES))(
        functools.partial(build, norm)
    )
