"""Neural ODEs on one thread: W1 (forward), W2 (gradient) and W3 (fixed steps) of the peers' harness."""

import problems as P
from adapters.tapeless_adapter import forward, gradient
from core import relative_error

from . import compile_kernels

setup_cache = compile_kernels
timeout = 300

NETWORKS = list(P.MLP_SIZES)
DTYPES = ["float32", "float64"]
ADAPTIVE = {"method": "tsit5", "rtol": P.RTOL, "atol": P.ATOL, "threads": 1}
FIXED = {"method": "rk4_38", "n_steps": 100, "threads": 1}


def skip_unless(wanted):
    """Skip a combination of parameters, as asv wants it said in setup."""
    if not wanted:
        raise NotImplementedError


class _Adaptive:
    params = (NETWORKS, DTYPES, ["coupled", "per sample"])
    param_names = ("network", "dtype", "steps")

    def setup(self, network, dtype, steps):
        skip_unless(steps == "coupled" or P.MLP_SIZES[network][2] > 1)
        skip_unless(dtype == "float32" or network != "D64H128B256")
        options = ADAPTIVE | {"coupled": steps == "coupled"}
        self.run, self.finish = self.build(options, network, dtype)
        self.run()  # what is made on first use is not timed


class Forward(_Adaptive):
    """W1: y(1), with nothing kept for a gradient."""

    build = staticmethod(forward)

    def time_solve(self, network, dtype, steps):
        self.run()

    def track_evaluations(self, network, dtype, steps):
        return self.finish(self.run())["nfe"]

    def track_error(self, network, dtype, steps):
        return relative_error(self.finish(self.run())["y"], P.mlp_reference(network)["y"])

    track_evaluations.unit = "evaluations of the slowest sample"
    track_error.unit = "relative error"


class Gradient(_Adaptive):
    """W2: the gradient of sum(y(1)**2) with respect to y0 and all parameters."""

    build = staticmethod(gradient)

    def time_solve_and_vjp(self, network, dtype, steps):
        self.run()

    def peakmem_solve_and_vjp(self, network, dtype, steps):
        self.run()

    def track_bytes_kept(self, network, dtype, steps):
        solution, *_ = self.run()
        return solution.nbytes_adjoint

    def track_error(self, network, dtype, steps):
        return gradient_error(self.finish(self.run())["grads"], P.mlp_reference(network))

    track_bytes_kept.unit = "bytes"
    track_error.unit = "relative error"


class FixedSteps:
    """W3: 100 steps of RK4, which all libraries take alike; the reference takes the same steps."""

    params = (NETWORKS, DTYPES, ["forward", "gradient"])
    param_names = ("network", "dtype", "what")

    def setup(self, network, dtype, what):
        skip_unless(dtype == "float32" or network != "D64H128B256")
        build = forward if what == "forward" else gradient
        self.run, self.finish = build(FIXED, network, dtype)
        self.run()

    def time_rk4(self, network, dtype, what):
        self.run()

    def peakmem_rk4(self, network, dtype, what):
        self.run()

    def track_error(self, network, dtype, what):
        facts, reference = self.finish(self.run()), P.mlp_reference_rk4(network)
        if what == "forward":
            return relative_error(facts["y"], reference["y"])
        return gradient_error(facts["grads"], reference)

    track_error.unit = "relative error"


def gradient_error(gradients, reference):
    """Return the largest relative error over y0 and the parameter arrays."""
    return max(relative_error(x, reference[f"g_{name}"]) for name, x in gradients.items())
