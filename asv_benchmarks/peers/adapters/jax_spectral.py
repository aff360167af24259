"""JAX, jitted: full transforms, the usual spectral convolution, a flow, and the training of an FNO: W7."""

import functools

import jax
import jax.numpy as jnp
import jax.scipy.fft
import numpy as np
import optax
import problems as P
from core import register


def array(x, dtype):
    """Return a JAX array of the real dtype, or of the complex one that goes with it."""
    return jnp.asarray(P.cast(x, dtype))


def blocking(f, *arguments):
    """Return a function that runs the jitted f to its end."""
    compiled = jax.jit(f)
    return lambda: jax.block_until_ready(compiled(*arguments))


def transform(case, dtype):
    """Build one full transform."""
    p = P.fft_input(case)
    if p["kind"] == "dct2":
        f = functools.partial(jax.scipy.fft.dct, type=2)
    else:
        f = functools.partial(getattr(jnp.fft, p["kind"] + "n"), axes=p["axes"])
    return blocking(f, array(p["x"], dtype)), lambda y: {"y": np.asarray(y)}


def spectral_convolution(x, w, modes):
    """Return the convolution as FNO's authors wrote it, in JAX."""
    points, m = x.shape[2:], modes[-1]
    axes = tuple(range(2, x.ndim))
    x_hat = jnp.fft.rfftn(x, axes=axes)
    y_hat = jnp.zeros((len(x), w.shape[1], *x_hat.shape[2:]), x_hat.dtype)
    if len(points) == 1:
        parts = [(..., slice(m))]
    else:
        parts = [(..., rows, slice(m)) for rows in (slice(modes[0]), slice(-modes[0], None))]
    for at in parts:
        mixed = jnp.einsum("bi...,io...->bo...", x_hat[at], w[at])
        y_hat = y_hat.at[at].set(mixed)
    return jnp.fft.irfftn(y_hat, points, axes)


def convolution(case, dtype):
    """Build a convolution, or with it the gradients in x and the weights."""
    p = P.convolution(case)
    x, w, y_bar = (array(p[name], dtype) for name in ("x", "w", "y_bar"))
    f = functools.partial(spectral_convolution, modes=p["modes"])
    if case.endswith("fwd"):
        return blocking(f, x, w), lambda y: {"y": np.asarray(y)}

    def pull_back(x, w, y_bar):
        y, vjp = jax.vjp(f, x, w)
        return y, vjp(y_bar)

    def finish(out):
        y, (x_bar, w_bar) = out
        return {
            "y": np.asarray(y),
            # JAX's cotangents of complex numbers are dL/dRe - i dL/dIm.
            "grads": {"x": np.asarray(x_bar), "w": np.asarray(w_bar).conj()},
        }

    return blocking(pull_back, x, w, y_bar), finish


def flow(case, dtype):
    """Build the steps of IF-RK4, all in one program."""
    q = P.navier_stokes()
    q |= {name: array(x, dtype) for name, x in q.items() if isinstance(x, np.ndarray)}

    def step(w, _):
        return P.navier_stokes_step(q, w, jnp.fft.rfft2, jnp.fft.irfft2), None

    run = blocking(lambda w: jax.lax.scan(step, w, length=P.NS_STEPS)[0], q["w"])
    return run, lambda w: {"y": np.asarray(w), "steps": P.NS_STEPS}


def fno_loss(theta, modes, x, target):
    """Return the mean over samples of |y - target| / |target|."""

    def mix(name, z):
        # Of five ways to write this (einsum, convolution, channels last), the fastest in 2-D, the third in 1-D.
        y = theta[f"{name}_w"].T @ z.reshape(*z.shape[:2], -1) + theta[f"{name}_b"][:, None]
        return y.reshape(len(z), -1, *z.shape[2:])

    gelu = functools.partial(jax.nn.gelu, approximate=False)
    z = mix("lift", x)
    for i in range(P.LAYERS):
        z = spectral_convolution(z, theta[f"spectral{i}"], modes) + mix(f"skip{i}", z)
        z = gelu(z) if i < P.LAYERS - 1 else z
    apart = mix("out", gelu(mix("hidden", z))) - target

    def norm(x):
        return jnp.linalg.norm(x.reshape(len(x), -1), axis=1)

    return (norm(apart) / norm(target)).mean()


def steps(case, dtype):
    """Build one step of training, a program that may reuse the memory of its parameters."""
    p = P.fno(case)
    x, target = array(p["x"], dtype), array(p["target"], dtype)
    adam = optax.adam(P.RATE, *P.BETAS, P.EPS)

    def loss_and_gradient(theta):
        loss, bar = jax.value_and_grad(fno_loss)(theta, p["modes"], x, target)
        return loss, jax.tree.map(jnp.conj, bar)

    @functools.partial(jax.jit, donate_argnums=0)
    def step(carry):
        theta, state = carry
        loss, bar = loss_and_gradient(theta)
        updates, state = adam.update(bar, state, theta)
        return (optax.apply_updates(theta, updates), state), loss

    def initial():
        return {name: array(value, dtype) for name, value in p["theta"].items()}

    carry = initial(), adam.init(initial())

    def run():
        nonlocal carry
        carry, loss = step(carry)
        return jax.block_until_ready((carry, loss))[1]

    def finish(_):
        loss, bar = jax.jit(loss_and_gradient)(initial())
        return {"y": np.asarray(loss), "grads": {name: np.asarray(b) for name, b in bar.items()}}

    return run, finish


KINDS = [case for case in P.FFT_CASES if "dct3" not in case]
register("jax", "W7", "fft", KINDS)(transform)
register("jax", "W7", "SpectralConv", [*P.CONVOLUTION_CASES, P.CONVOLUTION_MEMORY])(convolution)
register("jax", "W7", "IF-RK4", [P.NS])(flow)
register("jax", "W7", "FNO", P.FNO_CASES)(steps)
