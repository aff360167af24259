"""What the adapters of torch and of neuraloperator share in W7: tensors, gradients, steps of training."""

import problems as P
import torch


def tensor(x, dtype):
    """Return an array as a tensor of the real dtype, or of the complex one that goes with it."""
    return torch.tensor(P.cast(x, dtype))


def parameter(x, dtype):
    """Return an array as a parameter."""
    return torch.nn.Parameter(tensor(x, dtype))


def gradient(forward, inputs, y_bar, dtype):
    """Return a function that runs forward() and pulls y_bar back to the inputs."""
    y_bar = tensor(y_bar, dtype)
    for x in inputs:
        x.requires_grad_(True)

    def run():
        y = forward()
        return y, torch.autograd.grad(y, inputs, y_bar)

    return run


def relative_l2(y, target):
    """Return the mean over samples of |y - target| / |target|."""
    apart, scale = (x.flatten(1).norm(dim=1) for x in (y - target, target))
    return (apart / scale).mean()


def training(make, x, target, gradients=None):
    """Build one step of training; loss and gradients are compared at the parameters that make() begins with."""
    model = make()
    adam = torch.optim.Adam(model.parameters(), P.RATE, P.BETAS, P.EPS)

    def step():
        adam.zero_grad(set_to_none=True)
        loss = relative_l2(model(x), target)
        loss.backward()
        adam.step()
        return loss.item()

    def finish(_):
        if gradients is None:
            return {}
        fresh = make()
        loss = relative_l2(fresh(x), target)
        loss.backward()
        return {"y": loss.item(), "grads": gradients(fresh)}

    return step, finish
