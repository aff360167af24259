"""torchdiffeq, and a plain torch loop without a library: W1, W2, W3."""

import functools

import problems as P
import torch
import torchdiffeq
from core import register

from adapters._torch_field import field_and_state

SIZES = list(P.MLP_SIZES)
FORWARD = [size + "@fwd" for size in SIZES]
GRADIENT = [size + "@grad" for size in SIZES]
N_STEPS = 100


def odeint(solver, method, field, y0):
    """Return y(1) by torchdiffeq.odeint or odeint_adjoint."""
    t = torch.tensor([0.0, 1.0], dtype=y0.dtype)
    options = {"step_size": 1 / N_STEPS} if method == "rk4" else None
    return solver(field, y0, t, rtol=P.RTOL, atol=P.ATOL, method=method, options=options)[-1]


def plain_loop(field, y):
    """Return y(1) by RK4 (3/8) written out."""
    h = 1.0 / N_STEPS
    for _ in range(N_STEPS):
        k1 = field(0, y)
        k2 = field(0, y + h / 3 * k1)
        k3 = field(0, y + h * (k2 - k1 / 3))
        k4 = field(0, y + h * (k1 - k2 + k3))
        y = y + (k1 + 3 * (k2 + k3) + k4) * (h / 8)
    return y


def count_nfe(field, run):
    """Return how often one run evaluates the field."""
    calls = 0

    def count(*_):
        nonlocal calls
        calls += 1

    with field.register_forward_hook(count):
        run()
    return calls


def forward(solve, case, dtype):
    """Build a forward solve."""
    field, y0 = field_and_state(case, dtype, needs_gradient=False)

    def run():
        with torch.no_grad():
            return solve(field, y0)

    return run, lambda y: {"y": y.numpy(), "nfe": count_nfe(field, run)}


def gradient(solve, case, dtype):
    """Build the gradient of sum(y(1)**2) in all parameters and y0."""
    field, y0 = field_and_state(case, dtype, needs_gradient=True)

    def run():
        field.clear(y0)
        y = solve(field, y0)
        y.square().sum().backward()
        return y

    def finish(y):
        nfe = count_nfe(field, run)
        return {"y": y.detach().numpy(), "nfe": nfe, "grads": field.gradients(y0)}

    return run, finish


for workload, method, forward_cases, gradient_cases in (
    ("W1", "dopri5", SIZES, ()),
    ("W2", "dopri5", (), SIZES),
    ("W3", "rk4", FORWARD, GRADIENT),
):
    backprop = functools.partial(odeint, torchdiffeq.odeint, method)
    continuous = functools.partial(odeint, torchdiffeq.odeint_adjoint, method)
    for name, build, solve, cases in (
        (method, forward, backprop, forward_cases),
        (f"{method} backprop", gradient, backprop, gradient_cases),
        (f"{method} odeint_adjoint", gradient, continuous, gradient_cases),
    ):
        register("torchdiffeq", workload, name, cases)(functools.partial(build, solve))

register("torch", "W3", "plain loop", FORWARD)(functools.partial(forward, plain_loop))
register("torch", "W3", "plain loop backprop", GRADIENT)(functools.partial(gradient, plain_loop))
