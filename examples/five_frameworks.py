"""One neural ODE, one loss curve: trained from NumPy, torch and jax by our kernels, by torchdiffeq and by diffrax.

The same initial weights, data, tolerances and steps of Adam; libraries that are missing are left out.
"""

import sys
import time

import numpy as np
from matplotlib.figure import Figure

import tapeless

QUICK = "--quick" in sys.argv
N_STEPS, BATCH, RATE = (15 if QUICK else 150), 64, 0.01
SOLVE = {"rtol": 1e-6, "atol": 1e-6}
AGREE = 1e-4  # relative: losses differ by the solvers' errors, which steps carry on
SPAN = (0.0, 1.0)
field = tapeless.fields.MLP(2, [32])
start = field.init(rng=0)


@tapeless.field(dim=2)
def spiral(t, y, theta, dy):
    dy[0] = -0.1 * y[0] ** 3 + 2.0 * y[1] ** 3
    dy[1] = -2.0 * y[0] ** 3 - 0.1 * y[1] ** 3


y0 = np.random.default_rng(0).uniform(-1.5, 1.5, (BATCH, 2))
target = tapeless.solve_ode(spiral, SPAN, y0, rtol=1e-10, atol=1e-10, adjoint=None).ys


def by_numpy():
    theta, adam = start.copy(), tapeless.optim.Adam(RATE)
    while True:
        sol = tapeless.solve_ode(field, SPAN, y0, theta, threads=1, **SOLVE)
        loss, bar = tapeless.losses.mse(sol.ys, target)
        theta = adam.step(theta, sol.vjp(bar)[1])
        yield loss


def torch_steps(solve, parameters):
    import torch

    torch.set_num_threads(1)
    state, wanted = torch.tensor(y0), torch.tensor(target)
    adam = torch.optim.Adam(parameters, RATE)
    while True:
        adam.zero_grad()
        loss = torch.nn.functional.mse_loss(solve(state), wanted)
        loss.backward()
        adam.step()
        yield loss.item()


def by_torch():
    import torch

    from tapeless.interop.torch import solve_ode

    theta = torch.tensor(start, requires_grad=True)
    return torch_steps(lambda y: solve_ode(field, SPAN, y, theta, threads=1, **SOLVE), [theta])


def by_torchdiffeq():
    import torch
    from torchdiffeq import odeint

    w1, b1, w2, b2 = (torch.tensor(x, requires_grad=True) for x in field.unflatten(start).values())
    times = torch.tensor(SPAN, dtype=torch.float64)

    def slope(t, y):
        return torch.tanh(y @ w1 + b1) @ w2 + b2

    return torch_steps(lambda y: odeint(slope, y, times, **SOLVE)[-1], [w1, b1, w2, b2])


def jax_steps(solve, parameters):
    import jax
    import jax.numpy as jnp
    import optax

    jax.config.update("jax_enable_x64", True)
    parameters, adam = jax.tree.map(jnp.asarray, parameters), optax.adam(RATE)

    @jax.jit
    def step(parameters, state):
        loss, bar = jax.value_and_grad(lambda p: jnp.mean((solve(p) - target) ** 2))(parameters)
        updates, state = adam.update(bar, state)
        return optax.apply_updates(parameters, updates), state, loss

    state = adam.init(parameters)
    while True:
        parameters, state, loss = step(parameters, state)
        yield float(loss)


def by_jax():
    from tapeless.interop.jax import solve_ode

    return jax_steps(lambda theta: solve_ode(field, SPAN, y0, theta, threads=1, **SOLVE), start)


def by_diffrax():
    import diffrax
    import jax.numpy as jnp

    def slope(t, y, layers):
        w1, b1, w2, b2 = layers
        return jnp.tanh(y @ w1 + b1) @ w2 + b2

    def solve(layers):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(slope), diffrax.Tsit5(), *SPAN, None, jnp.asarray(y0), layers,
            stepsize_controller=diffrax.PIDController(**SOLVE),
        ).ys[-1]  # fmt: skip

    return jax_steps(solve, tuple(field.unflatten(start).values()))


runs, curves, times = {}, {}, {}
for make in (by_numpy, by_torch, by_jax, by_torchdiffeq, by_diffrax):
    name, begun = make.__name__[3:], time.perf_counter()
    try:
        runs[name] = make()
        curves[name] = [next(runs[name])]
    except ImportError as error:
        print(f"{name} is left out: {error}")
        runs.pop(name, None)
        continue
    times[name] = [time.perf_counter() - begun]
for _ in range(N_STEPS - 1):  # in turns, so that a busy machine meets all of them
    for name, losses in runs.items():
        begun = time.perf_counter()
        curves[name].append(next(losses))
        times[name].append(time.perf_counter() - begun)

least = {name: 1e3 * min(t[1:]) for name, t in times.items()}
for name, curve in curves.items():
    off = np.max(np.abs(np.array(curve) / curves["numpy"] - 1))
    print(
        f"{name}: {least[name]:.2f} ms a step at least, {1e3 * np.median(times[name][1:]):.2f} in the "
        f"median, first step {times[name][0]:.2f} s, loss {curve[-1]:.6f}, off by {off:.1e}"
    )
    assert off < AGREE, f"{name} learns another curve"

figure = Figure(figsize=(11, 4), layout="constrained")
left, right = figure.subplots(1, 2)
for i, (name, curve) in enumerate(curves.items()):
    left.semilogy(curve, lw=9 - 1.7 * i, alpha=0.7, label=name)
left.set(xlabel="step of Adam", ylabel="mean squared error", title="One loss curve")
left.legend()
bars = right.barh(list(least), list(least.values()), color=[f"C{i}" for i in range(len(least))])
right.bar_label(bars, [f"{x:.2f} ms" for x in least.values()], padding=3)
right.set(xscale="log", xlabel="ms, the least, one core", title="Time of a step")
right.tick_params(axis="x", which="minor", labelbottom=False)
right.set_xlim(right=3 * max(least.values()))
right.invert_yaxis()
figure.savefig("five_frameworks.png", dpi=110)
