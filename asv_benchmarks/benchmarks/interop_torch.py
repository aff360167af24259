"""What torch adds to a call of ours, and a step of training through it; NumPy's calls stand beside."""

import numpy as np

import tapeless
from tapeless.fields import MLP

from .timing import least_in_turns

CASES = {"D2H50B1": (2, 50, 1), "D2H50B64": (2, 50, 64), "D16H64B64": (16, 64, 64)}
OPTIONS = {"rtol": 1e-5, "atol": 1e-6, "coupled": True, "threads": 1}


class Solve:
    """A solve and its gradient through torch and through NumPy, float32."""

    params = (tuple(CASES),)
    param_names = ("case",)

    def setup(self, case):
        try:
            import torch
        except ImportError:
            raise NotImplementedError("torch is not installed") from None
        from tapeless.interop.torch import NeuralODE

        torch.set_num_threads(1)
        dim, hidden, batch = CASES[case]
        field = MLP(dim, [hidden, hidden])
        theta = field.init(rng=0, dtype=np.float32)
        y0 = np.random.default_rng(1).standard_normal((batch, dim)).astype(np.float32)
        model = NeuralODE(field, (0.0, 1.0), theta, **OPTIONS)
        states, bar = torch.from_numpy(y0), torch.ones(batch, dim)
        adam = torch.optim.Adam(model.parameters(), 1e-4)

        def numpy_forward():
            tapeless.solve_ode(field, (0.0, 1.0), y0, theta, adjoint=None, **OPTIONS)

        def numpy_gradient():
            tapeless.solve_ode(field, (0.0, 1.0), y0, theta, **OPTIONS).vjp(bar.numpy())

        def forward():
            with torch.no_grad():
                model(states)

        def gradient():
            torch.autograd.grad(model(states), model.theta, bar)

        def step():
            adam.zero_grad()
            model(states).square().mean().backward()
            adam.step()

        self.numpy_forward, self.numpy_gradient = numpy_forward, numpy_gradient
        self.forward, self.gradient, self.step = forward, gradient, step

    def time_forward(self, case):
        self.forward()

    def time_gradient(self, case):
        self.gradient()

    def time_step(self, case):
        self.step()

    def track_forward_overhead(self, case):
        return _overhead(self.forward, self.numpy_forward)

    def track_gradient_overhead(self, case):
        return _overhead(self.gradient, self.numpy_gradient)

    track_forward_overhead.unit = track_gradient_overhead.unit = "seconds"


def _overhead(through_torch, through_numpy):
    """Return the difference of the least times of both."""
    a, b = least_in_turns(through_torch, through_numpy, repeats=500)
    return a - b
