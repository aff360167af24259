"""diffrax, and hand-written lax.scan loops in JAX: W1, W2, W3. Compile time is in first_s."""

import functools

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import problems as P
from core import register

SIZES = list(P.MLP_SIZES)
BATCHED = [size for size in SIZES if not size.endswith("B1")]
SOLVERS = {"tsit5": diffrax.Tsit5, "dopri5": diffrax.Dopri5}
N_STEPS = 100


class RK38(diffrax.AbstractERK):
    """RK4 by the 3/8 rule, the method that torchdiffeq calls rk4."""

    tableau = diffrax.ButcherTableau(
        c=np.array([1 / 3, 2 / 3, 1.0]),
        b_sol=np.array([1 / 8, 3 / 8, 3 / 8, 1 / 8]),
        b_error=np.zeros(4),
        a_lower=(np.array([1 / 3]), np.array([-1 / 3, 1.0]), np.array([1.0, -1.0, 1.0])),
    )
    interpolation_cls = diffrax.ThirdOrderHermitePolynomialInterpolation.from_k

    def order(self, terms):
        return 4


def field(t, y, theta):
    """The MLP of problems/mlp.py."""
    W1, b1, W2, b2, W3, b3 = theta
    return jnp.tanh(jnp.tanh(y @ W1 + b1) @ W2 + b2) @ W3 + b3


def arrays(case, dtype):
    """Return the parameters and the initial state of one case."""
    p = P.mlp(case.split("@")[0])
    return tuple(jnp.asarray(p[name], dtype) for name in P.PARAMS), jnp.asarray(p["y0"], dtype)


def compiled(function, theta, y0):
    """Return a run() that calls the jitted function and blocks until it is done."""
    jitted = jax.jit(function)
    return lambda: jax.block_until_ready(jitted(theta, y0))


def solve_adaptive(solver, adjoint, vmap, theta, y0):
    """Return y(1) and the number of attempted steps (of the slowest sample under vmap)."""

    def solve(y):
        zero, one = (jnp.asarray(t, y.dtype) for t in (0, 1))
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            solver(),
            zero,
            one,
            None,
            y,
            theta,
            adjoint=adjoint,
            stepsize_controller=diffrax.PIDController(rtol=P.RTOL, atol=P.ATOL),
            max_steps=4096,
        )
        return solution.ys[0], solution.stats["num_steps"]

    ys, steps = (jax.vmap(solve) if vmap else solve)(y0)
    return ys, jnp.max(steps)


def solve_fixed(adjoint, theta, y0):
    """Return y(1) and the number of steps of RK4."""
    zero, one, h = (jnp.asarray(t, y0.dtype) for t in (0, 1, 1 / N_STEPS))
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        RK38(),
        zero,
        one,
        h,
        y0,
        theta,
        adjoint=adjoint,
        stepsize_controller=diffrax.ConstantStepSize(),
        max_steps=N_STEPS + 2,
    )
    return solution.ys[0], N_STEPS


def solve_scan(theta, y0):
    """Return the same by a plain loop."""
    h = jnp.asarray(1.0 / N_STEPS, y0.dtype)

    def step(y, _):
        k1 = field(0, y, theta)
        k2 = field(0, y + h / 3 * k1, theta)
        k3 = field(0, y + h * (k2 - k1 / 3), theta)
        k4 = field(0, y + h * (k1 - k2 + k3), theta)
        return y + (k1 + 3 * (k2 + k3) + k4) * (h / 8), None

    return jax.lax.scan(step, y0, None, length=N_STEPS)[0], N_STEPS


def adaptive_nfe(steps):
    """Both methods reuse their last stage: six evaluations a step, two for the first step size."""
    return 6 * int(steps) + 2


def fixed_nfe(steps):
    """Four evaluations a step."""
    return 4 * int(steps)


def forward(solve, count_nfe, case, dtype):
    """Build a forward solve."""

    def finish(out):
        y, steps = out
        return {"y": np.asarray(y), "steps": int(steps), "nfe": count_nfe(steps)}

    return compiled(solve, *arrays(case, dtype)), finish


def gradient(solve, count_nfe, case, dtype):
    """Build the gradient of sum(y(1)**2) in all parameters and y0."""
    theta, y0 = arrays(case, dtype)

    def loss(theta, y0):
        y, steps = solve(theta, y0)
        return jnp.sum(y**2), (y, steps)

    derivative = jax.value_and_grad(loss, (0, 1), has_aux=True)

    def finish(out):
        (_, (y, steps)), (theta_bar, y0_bar) = out
        named = dict(zip(P.PARAMS, map(np.asarray, theta_bar), strict=True))
        program = jax.jit(derivative).lower(theta, y0).compile()
        return {
            "y": np.asarray(y),
            "steps": int(steps),
            "nfe": count_nfe(steps),
            "grads": named | {"y0": np.asarray(y0_bar)},
            "extra": {"xla_temp_bytes": program.memory_analysis().temp_size_in_bytes},
        }

    return compiled(derivative, theta, y0), finish


def register_adaptive(build, workload, method, cases, solver, adjoint, vmap=False):
    """Register an adaptive solve of W1 or W2."""
    solve = functools.partial(solve_adaptive, SOLVERS[solver], adjoint, vmap)
    register("diffrax", workload, method, cases)(functools.partial(build, solve, adaptive_nfe))


def register_fixed(lib, method, build, solve):
    """Register a fixed-step solve of W3."""
    suffix = "@grad" if build is gradient else "@fwd"
    cases = [size + suffix for size in SIZES]
    register(lib, "W3", method, cases)(functools.partial(build, solve, fixed_nfe))


CHECKPOINTED = diffrax.RecursiveCheckpointAdjoint()
STORED = diffrax.RecursiveCheckpointAdjoint(checkpoints=N_STEPS)
BACKSOLVE = diffrax.BacksolveAdjoint()

for name in SOLVERS:
    checkpointed = f"{name} RecursiveCheckpointAdjoint"
    register_adaptive(forward, "W1", name, SIZES, name, CHECKPOINTED)
    register_adaptive(forward, "W1", f"{name} vmap", BATCHED, name, CHECKPOINTED, vmap=True)
    register_adaptive(gradient, "W2", checkpointed, SIZES, name, CHECKPOINTED)
register_adaptive(gradient, "W2", "dopri5 BacksolveAdjoint", SIZES, "dopri5", BACKSOLVE)
register_adaptive(
    gradient,
    "W2",
    "dopri5 RecursiveCheckpointAdjoint vmap",
    BATCHED,
    "dopri5",
    CHECKPOINTED,
    vmap=True,
)

checkpointed = functools.partial(solve_fixed, CHECKPOINTED)
register_fixed("diffrax", "rk4", forward, checkpointed)
register_fixed("diffrax", "rk4 RecursiveCheckpointAdjoint", gradient, checkpointed)
register_fixed(
    "diffrax",
    f"rk4 RecursiveCheckpointAdjoint(checkpoints={N_STEPS})",
    gradient,
    functools.partial(solve_fixed, STORED),
)
register_fixed(
    "diffrax", "rk4 BacksolveAdjoint", gradient, functools.partial(solve_fixed, BACKSOLVE)
)
register_fixed("jax", "lax.scan loop", forward, solve_scan)
register_fixed("jax", "lax.scan loop grad", gradient, solve_scan)
