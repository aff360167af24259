"""Steps of optimisers on a million parameters beside NumPy's, and of whole trainings: W11 of the peers' harness."""

import numpy as np
import problems as P
from adapters.tapeless_training_adapter import steps
from core import relative_error

from tapeless import optim

from . import compile_kernels

setup_cache = compile_kernels
timeout = 300

N = 1_000_000


def numpy_adam(theta, g, m, v, n, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Return theta after a step, as it is usually written."""
    m += (1 - beta1) * (g - m)
    v += (1 - beta2) * (g * g - v)
    return theta - lr / (1 - beta1**n) * m / (np.sqrt(v / (1 - beta2**n)) + eps)


class Optimisers:
    """One step in place, on a million parameters."""

    params = ([kind.__name__ for kind in optim.OPTIMISERS], ["float32", "float64"])
    param_names = ("optimiser", "dtype")

    def setup(self, name, dtype):
        rng = np.random.default_rng(0)
        self.theta, self.bar = rng.standard_normal((2, N)).astype(dtype)
        self.optimiser = getattr(optim, name)()
        self.time_step(name, dtype)

    def time_step(self, name, dtype):
        self.optimiser.step(self.theta, self.bar, out=self.theta)


class OptimisersBeside:
    """Adam in NumPy, for the ratio."""

    params = (["float32", "float64"],)
    param_names = ("dtype",)

    def setup(self, dtype):
        rng = np.random.default_rng(0)
        self.arrays = [x.astype(dtype) for x in rng.standard_normal((2, N))]
        self.means = [np.zeros(N, dtype) for _ in range(2)]

    def time_numpy_adam(self, dtype):
        numpy_adam(*self.arrays, *self.means, 5)


class Training:
    """W11: ten steps of Adam through `fit`."""

    params = (P.TRAINING_CASES, ["float32", "float64"])
    param_names = ("network", "dtype")

    def setup(self, network, dtype):
        options = {"method": "tsit5", "coupled": True, "rtol": P.RTOL, "atol": P.ATOL, "threads": 1}
        self.run, self.finish = steps(options, network, dtype)
        self.run()

    def time_ten_steps(self, network, dtype):
        self.run()

    def track_error(self, network, dtype):
        return relative_error(self.finish(self.run())["y"], P.training_reference(network)["y"])

    track_error.unit = "relative error"
