"""torchsde: the solves of W6, and their gradients by backpropagation and by adjoints."""

import functools
import warnings

import numpy as np
import problems as P
import torch
import torchsde
from core import register

from adapters._torch_field import linear

# Added up in float32, steps of 1 / 100 end before 1, and a further tiny one would refine the tree of intervals.
STEP = 1.00001 / P.SDE_STEPS


class Equation(torch.nn.Module):
    """The drift and the diffusion as torchsde takes them."""

    noise_type = "diagonal"

    def __init__(self, p, dtype, sde_type):
        super().__init__()
        self.sde_type, self.nfe = sde_type, 0
        names = ("A1", "a1"), ("A2", "a2"), ("G1", "g1"), ("G2", "g2")
        self.layers = torch.nn.ModuleList(
            linear(p[weight], p[bias], dtype) for weight, bias in names
        )

    def f(self, t, y):
        """Return the drift."""
        self.nfe += 1
        return self.layers[1](torch.tanh(self.layers[0](y)))

    def g(self, t, y):
        """Return the diffusion's diagonal."""
        return torch.sigmoid(self.layers[3](torch.tanh(self.layers[2](y))))


def build(integrate, hint, case, dtype):
    """Build a solve, or the gradient of mean(y(1)**2) in y0 and all parameters."""
    p, (method, kind) = P.sde(), case.split("@")
    real = getattr(torch, dtype)
    equation = Equation(p, real, "ito" if method == "euler" else "stratonovich")
    y0 = torch.tensor(p["y0"], dtype=real, requires_grad=kind == "grad")
    ends = torch.tensor([p["t0"], p["t1"]], dtype=real)

    def solve():
        noise = torchsde.BrownianInterval(p["t0"], p["t1"], y0.shape, real, entropy=1, dt=hint)
        equation.nfe = 0
        return integrate(equation, y0, ends, bm=noise, method=method, dt=STEP)[-1]

    def gradient():
        equation.zero_grad(set_to_none=True)
        y0.grad = None
        y = solve()
        y.square().mean().backward()
        return y

    def finish(y):
        extra = P.moments(y.detach().numpy())
        if kind == "grad":
            theta_bar = np.concatenate([x.grad.numpy().ravel() for x in equation.parameters()])
            extra |= P.gradient_norms(y0.grad.numpy(), theta_bar)
        return {"nfe": equation.nfe, "steps": P.SDE_STEPS, "extra": extra}

    return (gradient if kind == "grad" else torch.no_grad()(solve)), finish


warnings.filterwarnings("ignore", module="torchsde")  # that adjoint_params is to be given, and such
reversible = functools.partial(torchsde.sdeint_adjoint, adjoint_method="adjoint_reversible_heun")
for path, hint in (("BrownianInterval", None), ("BrownianInterval(dt)", STEP)):
    for method, integrate, cases in (
        (path, torchsde.sdeint, P.FORWARD_CASES),
        (f"{path} backprop", torchsde.sdeint, P.GRADIENT_CASES),
        (f"{path} adjoint_reversible_heun", reversible, ["reversible_heun@grad"]),
    ):
        register("torchsde", "W6", method, cases, ("float32",))(
            functools.partial(build, integrate, hint)
        )
