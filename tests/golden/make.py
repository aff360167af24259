"""Make neural_ode.npz by peers: python tests/golden/make.py, where torch, torchdiffeq, jax and diffrax are installed.

Two networks, from which diffrax and torchdiffeq compute states and the gradient of a weighted sum of
them, in float64 at tolerances where both agree to nearly eight digits. No line of tapeless runs here.
"""

import itertools
import json
import pathlib
from importlib.metadata import version

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import torch
import torchdiffeq

jax.config.update("jax_enable_x64", True)
PATH = pathlib.Path(__file__).with_name("neural_ode.npz")
PACKAGES = ("numpy", "jax", "diffrax", "torch", "torchdiffeq")
TIMES = (0.0, 0.4, 1.1, 2.0)
SIZES = (3, 16, 8, 3)
# The activation, and whether every layer sees the time.
CASES = {"tanh": ("tanh", False), "softplus with time": ("softplus", True)}
TOLERANCE = 1e-12


def problem(time, seed):
    """Return weights (fan_in, fan_out), biases, initial states and the weights of the loss."""
    rng = np.random.default_rng(seed)
    pairs = list(itertools.pairwise(SIZES))
    weights = [rng.standard_normal((a + time, b)) / np.sqrt(a) for a, b in pairs]
    biases = [0.3 * rng.standard_normal(b) for _, b in pairs]
    y0 = rng.standard_normal((5, SIZES[0]))
    return weights, biases, y0, rng.standard_normal((5, len(TIMES), SIZES[0]))


def by_diffrax(activation, time, weights, biases, y0, ys_bar):
    act = {"tanh": jnp.tanh, "softplus": jax.nn.softplus}[activation]

    def field(t, y, parameters):
        for i, (w, b) in enumerate(zip(*parameters, strict=True)):
            y = jnp.append(y, t) if time else y
            y = y @ w + b
            y = act(y) if i < len(weights) - 1 else y
        return y

    def solve(y, parameters):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(field), diffrax.Dopri8(), TIMES[0], TIMES[-1], None, y, parameters,
            saveat=diffrax.SaveAt(ts=jnp.array(TIMES)),
            stepsize_controller=diffrax.PIDController(
                rtol=TOLERANCE, atol=TOLERANCE, step_ts=jnp.array(TIMES)
            ),
            max_steps=10_000,
        ).ys  # fmt: skip

    def loss(y0, parameters):
        ys = jax.vmap(solve, (0, None))(y0, parameters)
        return (ys * ys_bar).sum(), ys

    parameters = tuple(map(jnp.array, weights)), tuple(map(jnp.array, biases))
    (y0_bar, bars), ys = jax.grad(loss, (0, 1), has_aux=True)(jnp.array(y0), parameters)
    return ys, y0_bar, *bars


def by_torchdiffeq(activation, time, weights, biases, y0, ys_bar):
    act = {"tanh": torch.tanh, "softplus": torch.nn.functional.softplus}[activation]
    y, *leaves = (torch.tensor(x, requires_grad=True) for x in (y0, *weights, *biases))
    w, b = leaves[: len(weights)], leaves[len(weights) :]

    def field(t, x):
        for i in range(len(w)):
            x = torch.cat([x, t.expand(len(x), 1)], 1) if time else x
            x = x @ w[i] + b[i]
            x = act(x) if i < len(w) - 1 else x
        return x

    ys = torchdiffeq.odeint(
        field, y, torch.tensor(TIMES, dtype=torch.float64), method="dopri8", rtol=TOLERANCE,
        atol=TOLERANCE,
    ).swapaxes(0, 1)  # fmt: skip
    (ys * torch.tensor(ys_bar)).sum().backward()
    bars = [x.grad for x in leaves]
    return ys.detach(), y.grad, bars[: len(w)], bars[len(w) :]


def flat(weights, biases):
    """Return the parameters as tapeless orders them: each weight row by row, then its bias."""
    pairs = zip(weights, biases, strict=True)
    return np.concatenate([np.asarray(x).ravel() for pair in pairs for x in pair])


def main():
    """Write the file."""
    about = {
        "versions": {package: version(package) for package in PACKAGES},
        "command": "python tests/golden/make.py",
        "cases": CASES,
        "sizes": SIZES,
        "times": TIMES,
    }
    arrays = {}
    for seed, (name, (activation, time)) in enumerate(CASES.items()):
        given = problem(time, seed)
        arrays |= {f"{name}/theta": flat(*given[:2])}
        arrays |= {f"{name}/y0": given[2], f"{name}/ys_bar": given[3]}
        for solve in (by_diffrax, by_torchdiffeq):
            peer = solve.__name__.removeprefix("by_")
            ys, y0_bar, *bars = solve(activation, time, *given)
            arrays |= {f"{name}/{peer}/ys": ys, f"{name}/{peer}/y0_bar": y0_bar}
            arrays |= {f"{name}/{peer}/theta_bar": flat(*bars)}
    np.savez_compressed(PATH, about=np.array(json.dumps(about)), **arrays)


if __name__ == "__main__":
    main()
