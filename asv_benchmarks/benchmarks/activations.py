"""Activations and their derivatives on numbers that lie in the first-level cache."""

import functools

import numpy as np

from tapeless_kernels import activations
from tapeless_kernels._jit import kernel
from tapeless_kernels.launch import cpu

from . import compile_kernels
from .timing import least_seconds

setup_cache = compile_kernels
timeout = 300

N = 2048


@functools.cache
def loops(dtype):
    """Return loops over rounds: of an activation, and of its transpose on a fresh cotangent."""
    family = cpu.family(dtype, cpu.WIDTHS[dtype])
    activate, activate_vjp = family(activations.activate), family(activations.activate_vjp)

    @kernel
    def forward(n, kind, x, bar, out):
        for _ in range(n):
            activate(kind, x, 0, out, 0, N)

    @kernel
    def vjp(n, kind, x, bar, out):
        for _ in range(n):
            for i in range(N):  # it is scaled in place, and would come to subnormal numbers
                out[i] = bar[i]
            activate_vjp(kind, x, 0, out, 0, N)

    return forward, vjp


class Elementwise:
    """Each activation on normally distributed numbers; a copy of them is part of the time."""

    params = ([a.name for a in activations.ACTIVATIONS], ["float32", "float64"])
    param_names = ("activation", "dtype")

    def setup(self, name, dtype):
        real = np.dtype(dtype)
        (activation,) = (a for a in activations.ACTIVATIONS if a.name == name)
        x = np.random.default_rng(0).standard_normal(N).astype(real)
        self.forward, self.vjp = loops(real)
        self.arguments = activation.code, x, x.copy(), np.empty_like(x)
        for loop in (self.forward, self.vjp):
            loop(1, *self.arguments)

    def each(self, loop):
        """Return nanoseconds for one number."""
        return 1e9 / N * least_seconds(lambda n: loop(n, *self.arguments))

    def track_forward(self, name, dtype):
        return self.each(self.forward)

    def track_vjp(self, name, dtype):
        return self.each(self.vjp)

    track_forward.unit = track_vjp.unit = "ns"
