"""diffrax: W10. Compile time is in first_s."""

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
        [10.0 * (y[1] - y[0]), y[0] * (28.0 - y[2]) - y[1], y[0] * y[1] - 8.0 / 3.0 * y[2]]
    )


def pleiades(t, y, theta):
    """The field of problems/nonstiff.py."""
    dx, dy = (q[None, :] - q[:, None] for q in (y[:7], y[7:14]))
    pull = jnp.arange(1.0, 8.0)[None, :] / (dx * dx + dy * dy + jnp.eye(7)) ** 1.5
    return jnp.concatenate([y[14:], (pull * dx).sum(1), (pull * dy).sum(1)])


FIELDS = {"lorenz": lorenz, "pleiades": pleiades}


def build(solver, dense, case, dtype):
    """Build a solve with the final state for output, or with the solution as a function of time."""
    p = P.nonstiff(case)

    def solve(y0):
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(FIELDS[p["name"]]),
            SOLVERS[solver](),
            p["t0"],
            p["t1"],
            None,
            y0,
            saveat=diffrax.SaveAt(t1=True, dense=dense),
            stepsize_controller=diffrax.PIDController(rtol=p["rtol"], atol=p["atol"]),
            max_steps=4096,
        )
        return solution.ys[0], solution.stats["num_steps"], solution.interpolation

    def finish(out):
        return {"y": np.asarray(out[0]), "steps": int(out[1])}

    jitted, y0 = jax.jit(solve), jnp.asarray(p["y0"])
    return (lambda: jax.block_until_ready(jitted(y0))), finish


for solver in SOLVERS:
    for dense in (False, True):
        register("diffrax", "W10", solver + " dense" * dense, P.NONSTIFF_CASES, ("float64",))(
            functools.partial(build, solver, dense)
        )
