"""The usual spectral convolution and an FNO of it, in plain torch: W7."""

import functools

import numpy as np
import problems as P
import torch

from adapters._torch_spectral import parameter


def spectral_convolution(x, weights):
    """Return the convolution as FNO's authors wrote it: in 2-D two weights, of either sign of the first wavenumber."""
    (*rows, n), (*_, m) = x.shape[2:], weights[0].shape
    axes = tuple(range(2, x.ndim))
    x_hat = torch.fft.rfftn(x, dim=axes)
    y_hat = torch.zeros(len(x), weights[0].shape[1], *rows, n // 2 + 1, dtype=x_hat.dtype)
    if not rows:
        y_hat[..., :m] = torch.einsum("bix,iox->box", x_hat[..., :m], weights[0])
    else:
        k = weights[0].shape[2]
        for part, w in zip((slice(k), slice(-k, None)), weights, strict=True):
            kept = (..., part, slice(m))
            y_hat[kept] = torch.einsum("bixy,ioxy->boxy", x_hat[kept], w)
    return torch.fft.irfftn(y_hat, s=x.shape[2:], dim=axes)


def split(w, modes):
    """Return the weights of a problem as the layer holds them."""
    return [w] if len(modes) == 1 else np.split(w, 2, axis=2)


class Block(torch.nn.Module):
    """A spectral convolution plus a linear map of the channels."""

    def __init__(self, theta, i, modes, dtype):
        super().__init__()
        weights = split(theta[f"spectral{i}"], modes)
        self.weights = torch.nn.ParameterList(parameter(w, dtype) for w in weights)
        self.skip = pointwise(theta, f"skip{i}", len(modes), dtype)

    def forward(self, x):
        return spectral_convolution(x, list(self.weights)) + self.skip(x)


class FNO(torch.nn.Module):
    """The architecture of problems.fno."""

    def __init__(self, p, dtype):
        super().__init__()
        theta, modes = p["theta"], p["modes"]
        linear = functools.partial(pointwise, theta, dim=len(modes), dtype=dtype)
        self.lift, self.hidden, self.out = map(linear, ("lift", "hidden", "out"))
        self.blocks = torch.nn.ModuleList(Block(theta, i, modes, dtype) for i in range(P.LAYERS))

    def forward(self, x):
        z = self.lift(x)
        for block in self.blocks[:-1]:
            z = torch.nn.functional.gelu(block(z))
        z = self.blocks[-1](z)
        return self.out(torch.nn.functional.gelu(self.hidden(z)))

    def gradients(self):
        """Return the gradients by the names of the problem's parameters."""
        linear = {"lift": self.lift, "hidden": self.hidden, "out": self.out}
        linear |= {f"skip{i}": block.skip for i, block in enumerate(self.blocks)}
        bar = {}
        for name, layer in linear.items():
            bar[f"{name}_w"] = layer.weight.grad.flatten(1).numpy().T
            bar[f"{name}_b"] = layer.bias.grad.numpy()
        for i, block in enumerate(self.blocks):
            parts = [w.grad.numpy() for w in block.weights]
            bar[f"spectral{i}"] = np.concatenate(parts, axis=2)
        return bar


def pointwise(theta, name, dim, dtype):
    """Return a convolution of one point with the weights of a linear map (fan_in, fan_out)."""
    w, b = theta[f"{name}_w"], theta[f"{name}_b"]
    layer = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d}[dim](*w.shape, 1)
    layer.weight = parameter(w.T.reshape(*w.T.shape, *[1] * dim), dtype)
    layer.bias = parameter(b, dtype)
    return layer
