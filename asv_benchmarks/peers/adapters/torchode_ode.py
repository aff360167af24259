"""torchode: W1, W2. Its torch.jit.script path fails on torch 2.13 and is left out."""

import functools

import problems as P
import torch
import torchode
from core import register

from adapters._torch_field import field_and_state

SIZES = list(P.MLP_SIZES)
STEPPERS = {"dopri5": torchode.Dopri5, "tsit5": torchode.Tsit5}


def make_solve(stepper, field, y0):
    """Return a function that solves from y0, every sample with its own steps."""
    term = torchode.ODETerm(field)
    controller = torchode.IntegralController(atol=P.ATOL, rtol=P.RTOL, term=term).to(y0.dtype)
    solver = torchode.AutoDiffAdjoint(stepper(term=term), controller)
    zeros = torch.zeros(len(y0), dtype=y0.dtype)

    def solve():
        problem = torchode.InitialValueProblem(y0=y0, t_start=zeros, t_end=zeros + 1)
        return solver.solve(problem)

    return solve


def facts(solution):
    """Return the final state and the counts of the slowest sample."""
    steps = solution.stats["n_steps"]
    return {
        "y": solution.ys[:, -1].detach().numpy(),
        "nfe": int(solution.stats["n_f_evals"].max()),
        "steps": int(steps.max()),
        "extra": {"steps_min": int(steps.min())},
    }


def forward(stepper, case, dtype):
    """Build a forward solve."""
    field, y0 = field_and_state(case, dtype, needs_gradient=False)
    return torch.no_grad()(make_solve(stepper, field, y0)), facts


def gradient(stepper, case, dtype):
    """Build the gradient of sum(y(1)**2) in all parameters and y0."""
    field, y0 = field_and_state(case, dtype, needs_gradient=True)
    solve = make_solve(stepper, field, y0)

    def run():
        field.clear(y0)
        solution = solve()
        solution.ys[:, -1].square().sum().backward()
        return solution

    return run, lambda solution: facts(solution) | {"grads": field.gradients(y0)}


for name, stepper in STEPPERS.items():
    register("torchode", "W1", name, SIZES)(functools.partial(forward, stepper))
register("torchode", "W2", "dopri5 backprop", SIZES)(
    functools.partial(gradient, STEPPERS["dopri5"])
)
