"""torchdiffeq with torch.optim: W11."""

import functools

import numpy as np
import problems as P
import torch
import torchdiffeq
from core import register

from adapters._torch_field import Field
from adapters.torch_ode import odeint


def steps(method, case, dtype):
    """Build a training from the initial parameters."""
    p, real = P.training(case), getattr(torch, dtype)
    y0, target = (torch.tensor(p[name], dtype=real) for name in ("y0", "target"))

    def run():
        field = Field(p, real)
        adam = torch.optim.Adam(field.parameters(), P.RATE, P.BETAS, P.EPS)
        for _ in range(P.TRAINING_STEPS):
            adam.zero_grad(set_to_none=True)
            loss = torch.mean((odeint(torchdiffeq.odeint, method, field, y0) - target) ** 2)
            loss.backward()
            adam.step()
            loss.item()
        return field

    def finish(field):
        parts = []
        for layer in (field.first, field.second, field.third):
            parts += [layer.weight.detach().numpy().T.ravel(), layer.bias.detach().numpy()]
        return {"y": np.concatenate(parts)}

    return run, finish


register("torchdiffeq", "W11", "dopri5", P.TRAINING_CASES)(functools.partial(steps, "dopri5"))
