"""The gradient of W2 by the continuous adjoint, on one thread: W12 of the peers' harness."""

import problems as P
from adapters.tapeless_backsolve_adapter import gradient

from . import compile_kernels
from .solve import gradient_error, skip_unless

setup_cache = compile_kernels
timeout = 300


class Backsolve:
    """The gradient of sum(y(1)**2) with respect to y0 and all parameters."""

    params = (list(P.MLP_SIZES), ["1e-3", "1e-5", "1e-7"], ["coupled", "per sample"])
    param_names = ("network", "rtol", "steps")

    def setup(self, network, rtol, steps):
        skip_unless(steps == "coupled" or P.MLP_SIZES[network][2] > 1)
        options = {"method": "tsit5", "coupled": steps == "coupled"}
        self.run, self.finish = gradient(options, f"{network}@{rtol}", "float32")
        self.run()  # what is made on first use is not timed

    def time_solve_and_vjp(self, network, rtol, steps):
        self.run()

    def peakmem_solve_and_vjp(self, network, rtol, steps):
        self.run()

    def track_evaluations(self, network, rtol, steps):
        return self.finish(self.run())["nfe"]

    def track_error(self, network, rtol, steps):
        return gradient_error(self.finish(self.run())["grads"], P.mlp_reference(network))

    track_evaluations.unit = "evaluations of the slowest sample, both ways"
    track_error.unit = "relative error"
