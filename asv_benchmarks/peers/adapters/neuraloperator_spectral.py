"""neuraloperator: its spectral convolution and its FNO: W7, float32, as its layer computes in complex64 alone.

It counts modes of both signs, so that n_modes = 2 (m - 1) keeps m of the last axis and 2 m of another axis the m from
either side of zero: those of `problems.kept`, in the order of rising wavenumbers.
"""

import functools

import numpy as np
import problems as P
import torch
from core import register
from neuralop.layers.spectral_convolution import SpectralConv
from neuralop.models import FNO

from adapters._torch_spectral import gradient, tensor, training

torch.set_num_threads(1)


def n_modes(modes):
    """Return the argument that keeps as many modes as the problem does."""
    return (*(2 * m for m in modes[:-1]), 2 * (modes[-1] - 1))


def reordered(w):
    """Swap the halves of weights along all axes of both signs: zero first or rising wavenumbers."""
    return np.fft.fftshift(w, axes=range(2, w.ndim - 1))


def convolution(case, dtype):
    """Build a convolution, or with it the gradients in x and the weights."""
    p = P.convolution(case)
    x, channels = tensor(p["x"], dtype), len(p["w"])
    layer = SpectralConv(channels, channels, n_modes(p["modes"]), bias=False)
    (weight,) = layer.parameters()
    with torch.no_grad():
        weight.copy_(tensor(reordered(p["w"]), dtype))
    if case.endswith("fwd"):
        return functools.partial(torch.no_grad()(layer), x), lambda y: {"y": y.numpy()}

    def finish(out):
        y, (x_bar, w_bar) = out
        grads = {"x": x_bar.numpy(), "w": reordered(w_bar.numpy())}
        return {"y": y.detach().numpy(), "grads": grads}

    return gradient(lambda: layer(x), [x, weight], p["y_bar"], dtype), finish


def steps(case, dtype):
    """Build one step of training, of parameters of its own: where no MLP follows a block its gelu is applied twice."""
    p = P.fno(case)

    def make():
        return FNO(
            n_modes(p["modes"]), in_channels=1, out_channels=1, hidden_channels=P.WIDTH,
            n_layers=P.LAYERS, lifting_channel_ratio=0, use_channel_mlp=False,
            projection_channel_ratio=P.PROJECTION / P.WIDTH,
        )  # fmt: skip

    # It appends the coordinates itself.
    return training(make, tensor(p["x"][:, :1], dtype), tensor(p["target"], dtype))


CASES = [*P.CONVOLUTION_CASES, P.CONVOLUTION_MEMORY]
register("neuraloperator", "W7", "SpectralConv", CASES, ("float32",))(convolution)
register("neuraloperator", "W7", "FNO", P.FNO_CASES, ("float32",))(steps)
