"""Gradients by steps taken back, beside the same steps stored and those of the base method; one thread, equal steps."""

import numpy as np
from core import relative_error

import tapeless

from . import compile_kernels

setup_cache = compile_kernels
timeout = 300

STEPS = [50, 500, 5000]
WAYS = {
    "base, store": ("tsit5", "store"),
    "pair, store": (tapeless.reversible("tsit5"), "store"),
    "pair, reversible": (tapeless.reversible("tsit5"), "reversible"),
    "Heun, store": ("reversible_heun", "store"),
    "Heun, reversible": ("reversible_heun", "reversible"),
    "alf, store": ("alf", "store"),
    "alf, reversible": ("alf", "reversible"),
}


def problem(dtype):
    """Return a solve of the size of D2H50B64, of a field that does not grow: all methods come back."""
    field = tapeless.fields.MLP(2, [50, 50])
    y0 = np.random.default_rng(0).standard_normal((64, 2)).astype(dtype)
    return field, (0.0, 1.0), y0, field.init(rng=0)


class GradientReversible:
    """The gradient of sum(y(1)**2). The ratios of the ways are the targets."""

    params = (list(WAYS), ["float32", "float64"])
    param_names = ("way", "dtype")
    n_steps = 200

    def setup(self, way, dtype):
        self.arguments = problem(dtype)
        method, adjoint = WAYS[way]
        self.options = {"method": method, "adjoint": adjoint, "threads": 1}
        self.gradient(self.n_steps)

    def gradient(self, n_steps):
        sol = tapeless.solve_ode(*self.arguments, n_steps=n_steps, **self.options)
        return sol, *sol.vjp(2 * sol.ys)

    def time_solve_and_vjp(self, way, dtype):
        self.gradient(self.n_steps)

    def track_error(self, way, dtype):
        _, _, theta_bar = self.gradient(self.n_steps)
        stored = self.options | {"adjoint": "store"}
        sol = tapeless.solve_ode(*self.arguments, n_steps=self.n_steps, **stored)
        return relative_error(theta_bar, sol.vjp(2 * sol.ys)[1])

    track_error.unit = "relative error, to steps stored"


class MemoryReversible:
    """What a gradient of one tile keeps, and the peak of the process, against the number of steps."""

    params = (["base, store", "pair, reversible"], STEPS)
    param_names = ("way", "n_steps")

    def setup(self, way, n_steps):
        self.field = tapeless.fields.MLP(2, [50, 50])
        self.theta, self.y0 = self.field.init(rng=0), np.ones((32, 2))
        method, adjoint = WAYS[way]
        self.options = {"method": method, "adjoint": adjoint, "threads": 1, "n_steps": n_steps}

    def gradient(self):
        sol = tapeless.solve_ode(self.field, (0.0, 1.0), self.y0, self.theta, **self.options)
        sol.vjp(self.y0)
        return sol

    def peakmem_solve_and_vjp(self, way, n_steps):
        self.gradient()

    def track_bytes_kept(self, way, n_steps):
        return self.gradient().nbytes_adjoint

    track_bytes_kept.unit = "bytes"
