"""torch: full transforms, the usual spectral convolution, a flow, and the training of an FNO: W7."""

import functools

import numpy as np
import problems as P
import torch
from core import register

from adapters._torch_fno import FNO, spectral_convolution, split
from adapters._torch_spectral import gradient, tensor, training

torch.set_num_threads(1)


def transform(case, dtype):
    """Build one full transform."""
    p = P.fft_input(case)
    run = functools.partial(
        getattr(torch.fft, p["kind"] + "n"), tensor(p["x"], dtype), dim=p["axes"]
    )
    return run, lambda y: {"y": y.numpy()}


def convolution(case, dtype):
    """Build a convolution, or with it the gradients in x and the weights."""
    p = P.convolution(case)
    x = tensor(p["x"], dtype)
    weights = [tensor(w, dtype) for w in split(p["w"], p["modes"])]
    if case.endswith("fwd"):
        run = functools.partial(torch.no_grad()(spectral_convolution), x, weights)
        return run, lambda y: {"y": y.numpy()}
    run = gradient(lambda: spectral_convolution(x, weights), [x, *weights], p["y_bar"], dtype)

    def finish(out):
        y, (x_bar, *w_bars) = out
        w_bar = np.concatenate([bar.numpy() for bar in w_bars], axis=2)
        return {"y": y.detach().numpy(), "grads": {"x": x_bar.numpy(), "w": w_bar}}

    return run, finish


def flow(case, dtype):
    """Build the steps of IF-RK4."""
    q = P.navier_stokes()
    q |= {name: tensor(x, dtype) for name, x in q.items() if isinstance(x, np.ndarray)}

    @torch.no_grad()
    def run():
        w = q["w"]
        for _ in range(P.NS_STEPS):
            w = P.navier_stokes_step(q, w, torch.fft.rfft2, torch.fft.irfft2)
        return w

    return run, lambda w: {"y": w.numpy(), "steps": P.NS_STEPS}


def steps(case, dtype):
    """Build one step of training."""
    p = P.fno(case)

    def make():
        return FNO(p, dtype)

    return training(make, tensor(p["x"], dtype), tensor(p["target"], dtype), FNO.gradients)


KINDS = [case for case in P.FFT_CASES if "dct" not in case]
register("torch", "W7", "fft", KINDS)(transform)
register("torch", "W7", "SpectralConv", [*P.CONVOLUTION_CASES, P.CONVOLUTION_MEMORY])(convolution)
register("torch", "W7", "IF-RK4", [P.NS])(flow)
register("torch", "W7", "FNO", P.FNO_CASES)(steps)
