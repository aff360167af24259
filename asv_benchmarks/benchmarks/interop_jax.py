"""What a call costs from jax beside the NumPy call: a small network, batch 64, jitted; on one thread."""

import numpy as np

import tapeless

from . import compile_kernels
from .timing import least_in_turns

setup_cache = compile_kernels
timeout = 300

SPAN, REPEATS = (0.0, 1.0), 300


class Calls:
    """A forward pass, and one with its gradient."""

    params = (["forward", "gradient"], ["float32", "float64"])
    param_names = ("call", "dtype")

    def setup(self, call, dtype):
        try:
            import jax

            import tapeless.interop.jax as tj
        except ImportError:
            raise NotImplementedError("needs jax") from None
        jax.config.update("jax_enable_x64", dtype == "float64")
        field = tapeless.fields.MLP(2, [32])
        theta = field.init(rng=0, dtype=dtype)
        y0 = np.random.default_rng(0).standard_normal((64, 2)).astype(dtype)

        def solve(y0, theta):
            return tj.solve_ode(field, SPAN, y0, theta, threads=1)

        def loss(y0, theta):
            return (solve(y0, theta) ** 2).sum() / 2

        jitted = jax.jit(solve if call == "forward" else jax.value_and_grad(loss, (0, 1)))
        operands = jax.device_put((y0, theta))

        def by_numpy():
            adjoint = None if call == "forward" else "store"
            sol = tapeless.solve_ode(field, SPAN, y0, theta, threads=1, adjoint=adjoint)
            return sol if call == "forward" else sol.vjp(sol.ys)

        self.by_jax = lambda: jax.block_until_ready(jitted(*operands))
        self.by_numpy = by_numpy
        self.by_jax()
        self.by_numpy()

    def time_call(self, call, dtype):
        self.by_jax()

    def track_above_numpy(self, call, dtype):
        by_jax, by_numpy = least_in_turns(self.by_jax, self.by_numpy, repeats=REPEATS)
        return 1e6 * (by_jax - by_numpy)

    track_above_numpy.unit = "us above the NumPy call"
