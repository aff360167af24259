"""Many small systems by solve_ode, with a Python function as the field: Lorenz on one thread."""

import functools

import numpy as np
from core import relative_error

import tapeless

from . import compile_kernels

setup_cache = compile_kernels
timeout = 300


@tapeless.field(dim=3, n_params=3, vjp="symbolic")
def lorenz(t, y, theta, dy):
    """Lorenz's system."""
    dy[0] = theta[0] * (y[1] - y[0])
    dy[1] = y[0] * (theta[1] - y[2]) - y[1]
    dy[2] = y[0] * y[1] - theta[2] * y[2]


THETA = np.array([10.0, 28.0, 8 / 3])


class Ensemble:
    """Trajectories from starts beside one another, to t = 1, where the system is not yet chaotic."""

    params = ([100, 10_000], ["shared", "own"])
    param_names = ("trajectories", "parameters")

    def setup(self, n, parameters):
        y0 = np.array([1.0, 1.0, 20.0]) + np.random.default_rng(7).standard_normal((n, 3))
        theta = THETA if parameters == "shared" else np.tile(THETA, (n, 1))
        self.run = functools.partial(
            tapeless.solve_ode, lorenz, (0.0, 1.0), y0, theta, method="dopri5", rtol=1e-6, atol=1e-6,
            threads=1,
        )  # fmt: skip
        self.solution, self.y0 = self.run(), y0
        self.bar = np.ones_like(self.solution.ys)

    def time_forward(self, n, parameters):
        self.run(adjoint=None)

    def time_gradient(self, n, parameters):
        self.run().vjp(self.bar)

    def track_error(self, n, parameters):
        """Relative error of the last states of ten trajectories."""
        options = {"args": (THETA,), "method": "DOP853", "rtol": 1e-12, "atol": 1e-12}
        exact = [
            tapeless.solve_ivp(lorenz, (0.0, 1.0), y, **options).y[:, -1] for y in self.y0[:10]
        ]
        return relative_error(self.solution.ys[:10], np.array(exact))


class Spread:
    """10,000 trajectories whose ends and parameters spread over a decade, each alone in its steps."""

    params = (["none", "ends", "parameters", "both"],)
    param_names = ("spread",)

    def setup(self, spread):
        rng, n = np.random.default_rng(3), 10_000
        y0 = np.array([1.0, 1.0, 20.0]) + rng.standard_normal((n, 3))
        t1 = 10 ** rng.uniform(0, 1, n) if spread in ("ends", "both") else 10.0
        theta = np.tile(THETA, (n, 1))
        if spread in ("parameters", "both"):
            theta[:, 1] *= 10 ** rng.uniform(-0.5, 0.5, n)
        self.run = functools.partial(
            tapeless.solve_ode, lorenz, (0.0, t1), y0, theta, method="dopri5", rtol=1e-6, atol=1e-6,
            threads=1, adjoint=None,
        )  # fmt: skip
        stats = self.run().stats
        self.steps = float((stats.accepted + stats.rejected).sum())

    def time_forward(self, spread):
        self.run()

    def track_steps(self, spread):
        """Steps tried: times are to be read per step."""
        return self.steps
