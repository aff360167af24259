"""Every layer as the vector field of a tile: an evaluation, its transpose and its tangent, with their rates."""

import ctypes

import numpy as np

from tapeless.fields import (
    LAYERS,
    Activation,
    Bilinear,
    ConcatTime,
    Dense,
    FourierFeatures,
    GatedCell,
    LayerNorm,
    LowRankDense,
    Network,
    Residual,
    Skip,
    SpectralDense,
)
from tapeless_kernels.launch import cpu

from . import compile_kernels
from .timing import least_seconds

setup_cache = compile_kernels
timeout = 300

N = 64
OF_EACH = {
    Dense: [Dense(N)],
    LowRankDense: [LowRankDense(N, 8)],
    SpectralDense: [SpectralDense(N)],
    Bilinear: [Dense(8), Bilinear(N)],
    Activation: [Activation("gelu")],
    LayerNorm: [LayerNorm()],
    FourierFeatures: [FourierFeatures(N), Dense(N)],
    GatedCell: [GatedCell()],
    ConcatTime: [ConcatTime(), Dense(N)],
    Residual: [Residual((Dense(N),))],
    Skip: [Skip((Dense(N),)), Dense(N)],
}
_P, _I = ctypes.c_void_p, ctypes.c_int64


class Layer:
    """A network of one layer, or of what it needs besides, on 64 rows and one tile."""

    params = ([kind.__name__ for kind in LAYERS], ["float32", "float64"])
    param_names = ("layer", "dtype")

    def setup(self, name, dtype):
        real = np.dtype(dtype)
        lanes = cpu.WIDTHS[real]
        (kind,) = (kind for kind in LAYERS if kind.__name__ == name)
        field = Network(N, OF_EACH[kind])
        self.program = field.program
        source = self.source = cpu.bound(field.program, real, lanes, True)
        rng = np.random.default_rng(0)
        theta = field.init(rng).astype(real)
        source.prepare_vjp(theta)
        rows = [rng.standard_normal((N, lanes)).astype(real) for _ in range(2)]
        kept = np.zeros((source.n_cache + 1, lanes), real)
        t, out, theta_bar = np.zeros(lanes, real), np.zeros((N, lanes), real), np.zeros_like(theta)
        status, more = np.zeros(lanes, np.uint8), np.zeros((N, lanes), real)
        self.arrays = [t, rows[0], theta, kept, out, status, rows[1], theta_bar, more]
        at = [x.ctypes.data for x in self.arrays]
        context, self.lanes = source.field.context, lanes
        forward = ctypes.CFUNCTYPE(ctypes.c_int32, *[_P] * 3, _I, *[_P] * 4, _I, _I)
        backward = ctypes.CFUNCTYPE(ctypes.c_int32, *[_P] * 3, _I, *[_P] * 5, _I, _I)
        tangent = ctypes.CFUNCTYPE(ctypes.c_int32, *[_P] * 3, _I, *[_P] * 7, _I, _I)
        self.calls = {
            "forward": (
                forward(source.field.address),
                (*at[:3], 0, at[3], at[4], at[5], context, N, lanes),
            ),
            "vjp": (
                backward(source.field.vjp_address),
                (*at[:3], 0, at[3], at[6], at[4], at[7], context, N, lanes),
            ),
            "jvp": (
                tangent(source.jvp_address()),
                (*at[:3], 0, at[3], at[0], at[6], at[2], at[4], at[8], context, N, lanes),
            ),
        }
        for call, arguments in self.calls.values():
            assert call(*arguments) == 0

    def microseconds(self, what):
        call, arguments = self.calls[what]

        def repeat(n):
            for _ in range(n):
                call(*arguments)

        return 1e6 * least_seconds(repeat)

    def rate(self, what, products):
        """Return GFLOP/s, counting the forward products so many times: the input's, the weights'."""
        return 1e-3 * products * self.program.flops * self.lanes / self.microseconds(what)

    def track_forward(self, name, dtype):
        return self.microseconds("forward")

    def track_vjp(self, name, dtype):
        return self.microseconds("vjp")

    def track_jvp(self, name, dtype):
        return self.microseconds("jvp")

    def track_forward_rate(self, name, dtype):
        return self.rate("forward", 1)

    def track_vjp_rate(self, name, dtype):
        return self.rate("vjp", 2)

    track_forward.unit = track_vjp.unit = track_jvp.unit = "us"
    track_forward_rate.unit = track_vjp_rate.unit = "GFLOP/s"
