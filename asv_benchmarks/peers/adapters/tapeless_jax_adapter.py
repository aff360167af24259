"""tapeless called from jax: W1 and W2 by our kernels in jitted programs, W11 by optax's steps."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import problems as P
from core import register

import tapeless
import tapeless.interop.jax as tj
from adapters.jax_ode import BATCHED, SIZES


def problem(case, dtype):
    """Return a solve of y0 and theta with its options, and the operands."""
    p = P.mlp(case.split("@")[0])
    field = tapeless.fields.MLP(p["D"], [p["H"], p["H"]], activation="tanh")
    theta = jnp.asarray(np.concatenate([p[name].ravel() for name in P.PARAMS]), dtype)
    solve = functools.partial(
        tj.solve_ode, field, (p["t0"], p["t1"]), rtol=P.RTOL, atol=P.ATOL, threads=1
    )
    return field, solve, jnp.asarray(p["y0"], dtype), theta


def forward(options, case, dtype):
    """Build a forward solve."""
    _, solve, y0, theta = problem(case, dtype)
    jitted = jax.jit(functools.partial(solve, measure="nfe", **options))

    def finish(found):
        ys, nfe = map(np.asarray, found)
        return {"y": ys, "nfe": int(nfe.max())}

    return (lambda: jax.block_until_ready(jitted(y0, theta))), finish


def gradient(options, case, dtype):
    """Build the gradient of sum(y(1)**2) in all parameters and y0."""
    field, solve, y0, theta = problem(case, dtype)

    def loss(y0, theta):
        ys, nfe = solve(y0, theta, measure="nfe", **options)
        return jnp.sum(ys**2), (ys, nfe)

    jitted = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))

    def finish(found):
        (_, (ys, nfe)), (y0_bar, theta_bar) = found
        named = dict(zip(P.PARAMS, field.unflatten(np.asarray(theta_bar)).values(), strict=True))
        grads = named | {"y0": np.asarray(y0_bar)}
        return {"y": np.asarray(ys), "nfe": int(nfe.max()), "grads": grads}

    return (lambda: jax.block_until_ready(jitted(y0, theta))), finish


def steps(options, case, dtype):
    """Build a training from the initial parameters: a jitted step, called from Python."""
    _, solve, y0, theta = problem(case, dtype)
    target = jnp.asarray(P.training(case)["target"], dtype)
    adam = optax.adam(P.RATE, *P.BETAS, P.EPS)

    @jax.jit
    def step(theta, state):
        value, bar = jax.value_and_grad(
            lambda theta: jnp.mean((solve(y0, theta, **options) - target) ** 2)
        )(theta)
        updates, state = adam.update(bar, state, theta)
        return optax.apply_updates(theta, updates), state, value

    def run():
        now, state = theta, adam.init(theta)
        for _ in range(P.TRAINING_STEPS):
            now, state, value = step(now, state)
            float(value)  # what a training prints or checks
        return now

    return run, lambda theta: {"y": np.asarray(theta)}


for name, coupled in (("tsit5", True), ("tsit5 per sample", False)):
    options = {"method": "tsit5", "coupled": coupled}
    register("tapeless from jax", "W1", name, SIZES)(functools.partial(forward, options))
    register("tapeless from jax", "W2", name, BATCHED)(functools.partial(gradient, options))
    register("tapeless from jax", "W11", name, P.TRAINING_CASES)(functools.partial(steps, options))
