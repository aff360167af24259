"""Calls with arrays of each library: what taking them in and giving results back adds to the call with NumPy's."""

import numpy as np

from tapeless import fields, losses, solve_ode

SOLVE = "solve_ode and vjp of 8 x 2"
LOSS = "mse of 8 x 2"


def maker(library):
    """Return what makes arrays of a library; asv skips those that are not installed."""
    try:
        if library == "torch":
            import torch

            return torch.tensor
        if library == "jax":
            import jax

            jax.config.update("jax_enable_x64", True)
            return jax.numpy.array
    except ImportError:
        raise NotImplementedError from None
    return np.array


class Arrays:
    """The loss is the shortest call there is: two arrays in, one out."""

    params = ([SOLVE, LOSS], ["numpy", "torch", "jax"])
    param_names = ("call", "library")

    def setup(self, call, library):
        of = maker(library)
        self.field = fields.MLP(2, [16])
        y0 = np.random.default_rng(9).standard_normal((8, 2))
        self.y0, self.theta = of(y0), of(self.field.init(rng=0))
        self.call = self.solve if call == SOLVE else self.loss

    def solve(self):
        sol = solve_ode(self.field, (0.0, 1.0), self.y0, self.theta, threads=1)
        return sol.vjp(sol.ys)

    def loss(self):
        return losses.mse(self.y0, self.y0)

    def time_call(self, call, library):
        self.call()
