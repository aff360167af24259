"""diffrax under vmap: W4. Compile time is in first_s."""

import functools

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import problems as P
from core import register

SOLVERS = {"dopri5": diffrax.Dopri5, "tsit5": diffrax.Tsit5, "dopri8": diffrax.Dopri8}


def lorenz(t, y, theta):
    """The field of problems/nonstiff.py."""
    return jnp.stack(
        [theta[0] * (y[1] - y[0]), y[0] * (theta[1] - y[2]) - y[1], y[0] * y[1] - theta[2] * y[2]]
    )


def build(solver, case, dtype):
    """Build a solve of all trajectories, each with its own steps."""
    p = P.ensemble(case)

    def solve(y0, theta):
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(lorenz), SOLVERS[solver](), p["t0"], p["t1"], None, y0, theta,
            saveat=diffrax.SaveAt(t1=True), max_steps=4096,
            stepsize_controller=diffrax.PIDController(rtol=p["rtol"], atol=p["atol"]),
        )  # fmt: skip
        return solution.ys[0], solution.stats["num_steps"]

    def finish(out):
        return {"y": np.asarray(out[0])[: P.CHECKED], "steps": int(out[1].max())}

    jitted = jax.jit(jax.vmap(solve, in_axes=(0, None)))
    y0, theta = jnp.asarray(p["y0"]), jnp.asarray(p["theta"])
    return (lambda: jax.block_until_ready(jitted(y0, theta))), finish


for solver in SOLVERS:
    register("diffrax", "W4", f"{solver}, vmap", P.ENSEMBLE_CASES, ("float64",))(
        functools.partial(build, solver)
    )
