"""diffrax: the solves of W6 and their gradients. Compile time is in first_s.

An UnsafeBrownianPath has no gradient in reverse, so that one by increments drawn beforehand stands for it.
"""

import functools

import diffrax
import jax
import jax.numpy as jnp
import lineax
import numpy as np
import problems as P
from core import register

SOLVERS = {
    "euler": diffrax.Euler,
    "heun": diffrax.Heun,
    "midpoint": diffrax.Midpoint,
    "reversible_heun": diffrax.ReversibleHeun,
}
STEP = 1 / P.SDE_STEPS


def drift(t, y, w):
    """Return the drift of the batch."""
    return jnp.tanh(y @ w["A1"] + w["a1"]) @ w["A2"] + w["a2"]


def diffusion(t, y, w):
    """Return the diffusion as a diagonal operator on the batch."""
    return lineax.DiagonalLinearOperator(
        jax.nn.sigmoid(jnp.tanh(y @ w["G1"] + w["g1"]) @ w["G2"] + w["g2"])
    )


def tree(y, key):
    """Return a path whose tolerance is half a step."""
    ends, shape = (jnp.asarray(t, y.dtype) for t in (0, 1)), jax.ShapeDtypeStruct(y.shape, y.dtype)
    return diffrax.VirtualBrownianTree(*ends, tol=STEP / 2, shape=shape, key=key)


def unsafe(y, key):
    """Return independent increments, whatever the intervals."""
    return diffrax.UnsafeBrownianPath(shape=jax.ShapeDtypeStruct(y.shape, y.dtype), key=key)


def interpolated(y, key):
    """Return the sums of increments drawn beforehand, which the solver interpolates."""
    increments = STEP**0.5 * jax.random.normal(key, (P.SDE_STEPS, *y.shape), y.dtype)
    values = jnp.concatenate([jnp.zeros_like(y)[None], jnp.cumsum(increments, 0)])
    return diffrax.LinearInterpolation(jnp.linspace(0, 1, P.SDE_STEPS + 1, dtype=y.dtype), values)


def solve(path, adjoint, method, w, y0, key):
    """Return y(1) and the number of steps."""
    terms = diffrax.MultiTerm(diffrax.ODETerm(drift), diffrax.ControlTerm(diffusion, path(y0, key)))
    times = (jnp.asarray(t, y0.dtype) for t in (0, 1, STEP))
    solution = diffrax.diffeqsolve(
        terms, SOLVERS[method](), *times, y0, w, adjoint=adjoint, max_steps=P.SDE_STEPS + 4
    )
    return solution.ys[0], solution.stats["num_steps"]


def build(path, adjoint, case, dtype):
    """Build a solve, or the gradient of mean(y(1)**2) in y0 and all parameters."""
    p, (method, kind) = P.sde(), case.split("@")
    w = {name: jnp.asarray(p[name], dtype) for name in P.SDE_PARAMS}
    y0, key = jnp.asarray(p["y0"], dtype), jax.random.PRNGKey(1)

    def loss(w, y0, key):
        y, steps = solve(path, adjoint, method, w, y0, key)
        return jnp.mean(y**2), (y, steps)

    if kind == "grad":
        compiled = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))
    else:
        compiled = jax.jit(functools.partial(solve, path, adjoint, method))

    def finish(out):
        y, steps = out[0][1] if kind == "grad" else out
        extra = P.moments(y)
        if kind == "grad":
            theta_bar = np.concatenate([np.ravel(out[1][0][name]) for name in P.SDE_PARAMS])
            extra |= P.gradient_norms(out[1][1], theta_bar)
        return {"steps": int(steps), "extra": extra}

    return (lambda: jax.block_until_ready(compiled(w, y0, key))), finish


CHECKPOINTED = diffrax.RecursiveCheckpointAdjoint()
STORED = diffrax.RecursiveCheckpointAdjoint(checkpoints=P.SDE_STEPS)
for path, name, adjoint in (
    (tree, "VirtualBrownianTree", CHECKPOINTED),
    (unsafe, "UnsafeBrownianPath", diffrax.ForwardMode()),
    (interpolated, "LinearInterpolation of increments", CHECKPOINTED),
):
    register("diffrax", "W6", name, P.FORWARD_CASES, ("float32",))(
        functools.partial(build, path, adjoint)
    )
    if path is unsafe:
        continue
    for suffix, adjoint in (("", CHECKPOINTED), (f"(checkpoints={P.SDE_STEPS})", STORED)):
        method = f"{name} RecursiveCheckpointAdjoint{suffix}"
        register("diffrax", "W6", method, P.GRADIENT_CASES, ("float32",))(
            functools.partial(build, path, adjoint)
        )
