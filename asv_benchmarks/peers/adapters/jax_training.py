"""diffrax with optax: W11, a jitted step called from Python, and all steps in one program."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import problems as P
from core import register

from adapters.jax_ode import CHECKPOINTED, SOLVERS, solve_adaptive


def steps(solver, vmap, in_one, case, dtype):
    """Build a training from the initial parameters."""
    p = P.training(case)
    theta = tuple(jnp.asarray(p[name], dtype) for name in P.PARAMS)
    y0, target = jnp.asarray(p["y0"], dtype), jnp.asarray(p["target"], dtype)
    adam = optax.adam(P.RATE, *P.BETAS, P.EPS)

    def loss(theta):
        y, _ = solve_adaptive(solver, CHECKPOINTED, vmap, theta, y0)
        return jnp.mean((y - target) ** 2)

    def step(carry, _):
        theta, state = carry
        value, bar = jax.value_and_grad(loss)(theta)
        updates, state = adam.update(bar, state, theta)
        return (optax.apply_updates(theta, updates), state), value

    if in_one:
        train = jax.jit(lambda carry: jax.lax.scan(step, carry, None, length=P.TRAINING_STEPS))

        def run():
            return jax.block_until_ready(train((theta, adam.init(theta))))
    else:
        jitted = jax.jit(lambda carry: step(carry, None))

        def run():
            carry = theta, adam.init(theta)
            for _ in range(P.TRAINING_STEPS):
                carry, value = jitted(carry)
                float(value)  # what a training prints or checks
            return jax.block_until_ready((carry, value))

    def finish(out):
        (theta, _), _ = out
        return {"y": np.concatenate([np.asarray(x).ravel() for x in theta])}

    return run, finish


for name, solver in SOLVERS.items():
    for label, vmap in ((name, False), (f"{name} vmap", True)):
        for form, in_one in (("", False), (" scan", True)):
            register("diffrax", "W11", f"{label}{form}", P.TRAINING_CASES)(
                functools.partial(steps, solver, vmap, in_one)
            )
