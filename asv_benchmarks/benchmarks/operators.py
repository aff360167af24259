"""Spectral convolutions and the training of Fourier neural operators: W7 of the peers' harness."""

import problems as P
from adapters.tapeless_spectral_adapter import convolution, steps
from core import relative_error

timeout = 300  # kernels that the cache lacks are compiled by the first setup
DTYPES = ["float32", "float64"]


def worst_error(found, reference):
    """Return the largest relative error of what an adapter returned; its gradients are "g_" + name in the reference."""
    grads = found.get("grads", {})
    pairs = [(found["y"], reference["y"]), *((g, reference[f"g_{k}"]) for k, g in grads.items())]
    return max(relative_error(a, b) for a, b in pairs)


class Convolutions:
    """A spectral convolution, alone or with its gradients, by products and by FFT."""

    params = (P.CONVOLUTION_CASES, DTYPES, ["product", "fft"])
    param_names = ("case", "dtype", "method")

    def setup(self, case, dtype, method):
        self.run, self.finish = convolution(method, case, dtype)
        self.run()

    def time_convolution(self, case, dtype, method):
        self.run()

    def track_error(self, case, dtype, method):
        return worst_error(self.finish(self.run()), P.convolution_reference(case))

    track_error.unit = "relative error"


class Training:
    """A step of training an FNO: forward, relative L2 loss, gradient, Adam."""

    params = (list(P.FNO_CASES), DTYPES)
    param_names = ("case", "dtype")

    def setup(self, case, dtype):
        self.run, self.finish = steps(case, dtype)
        self.run()

    def time_step(self, case, dtype):
        self.run()

    def track_error(self, case, dtype):
        return worst_error(self.finish(self.run()), P.fno_reference(case))

    track_error.unit = "relative error"
