"""tapeless through torch: gradients of neural ODEs (W2), their training (W11), convolutions and FNOs (W7)."""

import functools

import numpy as np
import problems as P
import torch
from core import register

import tapeless
from adapters._torch_fno import FNO as TorchFNO
from adapters._torch_spectral import gradient as gradient_by_torch
from adapters._torch_spectral import tensor, training
from tapeless.interop.torch import FNO, NeuralODE, SpectralConv

torch.set_num_threads(1)
SMALL = P.TRAINING_CASES
OPTIONS = {"rtol": P.RTOL, "atol": P.ATOL, "coupled": True, "threads": 1}


def module(p, dtype, options):
    """Return the neural ODE of a problem."""
    field = tapeless.fields.MLP(p["D"], [p["H"], p["H"]], activation="tanh")
    theta = np.concatenate([p[name].ravel() for name in P.PARAMS])
    real = getattr(torch, dtype)
    return NeuralODE(field, (p["t0"], p["t1"]), theta, dtype=real, **OPTIONS, **options)


def gradient(options, case, dtype):
    """Build the gradient of sum(y(1)**2) in all parameters and y0."""
    p = P.mlp(case)
    model = module(p, dtype, options)
    y0 = torch.tensor(p["y0"], dtype=model.theta.dtype, requires_grad=True)

    def run():
        model.theta.grad = y0.grad = None
        y = model(y0)
        y.square().sum().backward()
        return y

    def finish(y):
        (field,) = model._sources
        layers = field.unflatten(model.theta.grad.numpy()).values()
        named = dict(zip(P.PARAMS, layers, strict=True))
        return {"y": y.detach().numpy(), "grads": named | {"y0": y0.grad.numpy()}}

    return run, finish


def steps(options, case, dtype):
    """Build a training from the initial parameters by torch.optim."""
    p, real = P.training(case), getattr(torch, dtype)
    y0, target = (torch.tensor(p[name], dtype=real) for name in ("y0", "target"))

    def run():
        model = module(p, dtype, options)
        adam = torch.optim.Adam(model.parameters(), P.RATE, P.BETAS, P.EPS)
        for _ in range(P.TRAINING_STEPS):
            adam.zero_grad(set_to_none=True)
            loss = torch.mean((model(y0) - target) ** 2)
            loss.backward()
            adam.step()
            loss.item()
        return model

    return run, lambda model: {"y": model.theta.detach().numpy()}


def convolution(case, dtype):
    """Build a convolution, or with it the gradients in x and the weights."""
    p = P.convolution(case)
    channels = len(p["w"])
    layer = SpectralConv(channels, channels, p["modes"], dtype=getattr(torch, dtype), threads=1)
    with torch.no_grad():
        layer.theta.copy_(torch.from_numpy(layer.operator.flatten(p["w"])))
    x = tensor(p["x"], dtype)
    if case.endswith("fwd"):
        return functools.partial(torch.no_grad()(layer), x), lambda y: {"y": y.numpy()}

    def finish(out):
        y, (x_bar, theta_bar) = out
        w_bar = layer.operator.unflatten(theta_bar.numpy())["weights"]
        return {"y": y.detach().numpy(), "grads": {"x": x_bar.numpy(), "w": w_bar}}

    return gradient_by_torch(lambda: layer(x), [x, layer.theta], p["y_bar"], dtype), finish


def with_layers(case, dtype):
    """Build one step of training of an FNO written in torch, with our convolution in each of its blocks."""
    p = P.fno(case)

    class Spectral(torch.nn.Module):
        def __init__(self, block, i):
            super().__init__()
            real = getattr(torch, dtype)
            self.conv = SpectralConv(P.WIDTH, P.WIDTH, p["modes"], dtype=real, threads=1)
            weights = self.conv.operator.flatten(p["theta"][f"spectral{i}"])
            with torch.no_grad():
                self.conv.theta.copy_(torch.from_numpy(weights))
            self.skip = block.skip

        def forward(self, x):
            return self.conv(x) + self.skip(x)

    def make():
        model = TorchFNO(p, dtype)
        blocks = [Spectral(block, i) for i, block in enumerate(model.blocks)]
        model.blocks = torch.nn.ModuleList(blocks)
        return model

    return training(make, tensor(p["x"], dtype), tensor(p["target"], dtype), layer_gradients)


def layer_gradients(model):
    """Return the gradients by the names of the problem's parameters."""
    bar = {
        f"spectral{i}": block.conv.operator.unflatten(block.conv.theta.grad.numpy())["weights"]
        for i, block in enumerate(model.blocks)
    }
    linear = {"lift": model.lift, "hidden": model.hidden, "out": model.out}
    linear |= {f"skip{i}": block.skip for i, block in enumerate(model.blocks)}
    for name, layer in linear.items():
        bar[f"{name}_w"] = layer.weight.grad.flatten(1).numpy().T
        bar[f"{name}_b"] = layer.bias.grad.numpy()
    return bar


def whole(case, dtype):
    """Build one step of training of our FNO, all of it in one call; its parameters are its own."""
    p = P.fno(case)

    def make():
        options = {"width": P.WIDTH, "n_layers": P.LAYERS, "projection": P.PROJECTION}
        return FNO(1, 1, p["modes"], dtype=getattr(torch, dtype), threads=1, **options)

    return training(make, tensor(p["x"][:, :1], dtype), tensor(p["target"], dtype))


for method in ("tsit5", "dopri5"):
    options = {"method": method}
    register("tapeless", "W2", f"torch {method}", SMALL)(functools.partial(gradient, options))
    register("tapeless", "W11", f"torch {method}", SMALL)(functools.partial(steps, options))
register("tapeless", "W7", "torch SpectralConv", P.CONVOLUTION_CASES)(convolution)
register("tapeless", "W7", "torch FNO of SpectralConv", P.FNO_CASES)(with_layers)
register("tapeless", "W7", "torch FNO", P.FNO_CASES)(whole)
