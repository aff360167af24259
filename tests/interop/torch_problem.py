"""A solve through torch, and its gradients."""

import torch

import tapeless
from tapeless.interop.torch import solve_ode

FIELD = tapeless.fields.MLP(2, [5])


def solve(y0, theta, **options):
    return solve_ode(FIELD, (0.0, 1.0), y0, theta, **options)


def gradients(y0, theta):
    return torch.autograd.grad(solve(y0, theta).square().sum(), (y0, theta))
