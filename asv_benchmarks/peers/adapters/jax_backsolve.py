"""diffrax's BacksolveAdjoint: W12. Compile time is in first_s."""

import functools

import diffrax
import jax.numpy as jnp
import problems as P
from core import register

from adapters.jax_ode import SOLVERS, adaptive_nfe, field, gradient


def controller(tol, norm=None):
    """Return the step size controller of one tolerance."""
    options = {} if norm is None else {"norm": norm}
    return diffrax.PIDController(rtol=tol, atol=tol / 10, **options)


def solve(solver, seminorm, tol, theta, y0):
    """Return y(1) and the number of steps forward."""
    how = {}
    if seminorm:
        how["stepsize_controller"] = controller(tol, diffrax.adjoint_rms_seminorm)
    zero, one = (jnp.asarray(t, y0.dtype) for t in (0, 1))
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field), SOLVERS[solver](), zero, one, None, y0, theta,
        adjoint=diffrax.BacksolveAdjoint(**how), stepsize_controller=controller(tol), max_steps=4096,
    )  # fmt: skip
    return solution.ys[0], solution.stats["num_steps"]


def build(solver, seminorm, case, dtype):
    """Build the gradient of sum(y(1)**2) in all parameters and y0."""
    size, tolerance = case.split("@")
    run = functools.partial(solve, solver, seminorm, float(tolerance))
    return gradient(run, adaptive_nfe, size, dtype)


for solver in SOLVERS:
    for name, seminorm in (("BacksolveAdjoint", False), ("BacksolveAdjoint seminorm", True)):
        register("diffrax", "W12", f"{solver} {name}", P.at_tolerances(P.MLP_SIZES))(
            functools.partial(build, solver, seminorm)
        )
