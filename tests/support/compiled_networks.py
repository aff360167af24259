"""Networks behind their C functions, called as the loops call them, and points to call them at."""

import ctypes

import numpy as np
from numba import types

from naive_networks import DIM
from tapeless_kernels.field_abi import field_jvp_signature, field_signature, field_vjp_signature
from tapeless_kernels.fields import program, tangent
from tapeless_kernels.fields.lower import lower
from tapeless_kernels.launch import cpu

GUARD = 7.25


class Compiled:
    """A network behind its two C functions, called as the loop calls them, on memory with guards."""

    def __init__(self, layers, dtype, lanes):
        self.program, self.dtype, self.lanes = lower(layers, DIM), dtype, lanes
        kernels, p = cpu.family(dtype, lanes), self.program
        real = {4: types.float32, 8: types.float64}[dtype.itemsize]
        self.scratch = self.new(p.n_scratch * lanes)
        self.panel = self.new(kernels.bind["PANEL_SIZE"])
        self.weights = self.new(p.n_params)
        self._turn = kernels(program.turn_all)
        context = np.zeros(8, np.int64)
        context[program.OPERATIONS] = p.operations.ctypes.data
        context[program.N_OPERATIONS], context[program.N_PARAMS] = len(p.operations), p.n_params
        context[program.N_KEPT], context[program.N_SCRATCH] = p.n_kept, p.n_scratch
        context[program.SCRATCH] = self.scratch.ctypes.data
        context[program.PANEL] = self.panel.ctypes.data
        context[program.WEIGHTS] = self.weights.ctypes.data
        self.context = context
        p_, i = ctypes.c_void_p, ctypes.c_int64
        self._f = ctypes.CFUNCTYPE(ctypes.c_int32, p_, p_, p_, i, p_, p_, p_, p_, i, i)(
            kernels.address(program.program_field, field_signature(real))
        )
        self._vjp = ctypes.CFUNCTYPE(ctypes.c_int32, p_, p_, p_, i, *[p_] * 6, i, i)(
            kernels.address(program.program_field_vjp, field_vjp_signature(real))
        )

        self._jvp = ctypes.CFUNCTYPE(ctypes.c_int32, *[p_] * 3, i, *[p_] * 7, i, i)(
            kernels.address(tangent.program_field_jvp, field_jvp_signature(real))
        )

    def new(self, n):
        """Return n numbers that nothing has written, followed by 64 that nothing may write."""
        x = np.full(n + 64, GUARD, self.dtype)
        x[:n] = np.nan
        return x

    def untouched(self, *arrays):
        own = self.scratch, self.panel, self.weights
        return all((x[-64:] == GUARD).all() for x in (*own, *arrays))

    def __call__(self, t, y, theta):
        """Return dy, and what is kept for the transpose."""
        kept, dy = self.new(self.program.n_kept * self.lanes), self.new(y.size)
        lane_status = np.zeros(self.lanes, np.uint8)
        code = self._f(
            t.ctypes.data, y.ctypes.data, theta.ctypes.data, 0, kept.ctypes.data, dy.ctypes.data,
            lane_status.ctypes.data, self.context.ctypes.data, DIM, self.lanes,
        )  # fmt: skip
        assert code == 0 and not lane_status.any() and self.untouched(kept, dy)
        return dy[:-64].reshape(y.shape), kept

    def vjp(self, t, y, theta, kept, dy_bar, theta_bar):
        """Return y_bar, and add to theta_bar; kept and dy_bar must stay as they are."""
        self.scratch[:-64] = np.nan  # what an evaluation left there is not to be relied on
        self._turn(self.program.operations, theta, self.weights)
        y_bar, before = self.new(y.size), (kept.copy(), dy_bar.copy())
        t_bar = self.new(self.lanes)
        guarded = np.append(theta_bar, np.full(64, GUARD, self.dtype))
        code = self._vjp(
            t.ctypes.data, y.ctypes.data, theta.ctypes.data, 0, kept.ctypes.data,
            dy_bar.ctypes.data, y_bar.ctypes.data, t_bar.ctypes.data, guarded.ctypes.data,
            self.context.ctypes.data, DIM, self.lanes,
        )  # fmt: skip
        assert code == 0 and self.untouched(y_bar, t_bar, guarded)
        self.t_bar = t_bar[:-64]
        assert np.array_equal(before[0], kept) and np.array_equal(before[1], dy_bar)
        theta_bar[...] = guarded[:-64]
        return y_bar[:-64].reshape(y.shape)

    def jvp(self, t, y, theta, t_dot, y_dot, theta_dot):
        """Return dy and dy_dot."""
        self.scratch[:-64] = np.nan
        kept, dy, dy_dot = (
            self.new(self.program.n_kept * self.lanes),
            self.new(y.size),
            self.new(y.size),
        )
        arrays = t, y, theta, kept, t_dot, y_dot, theta_dot, dy, dy_dot
        at = [x.ctypes.data for x in arrays]
        code = self._jvp(*at[:3], 0, *at[3:], self.context.ctypes.data, DIM, self.lanes)
        assert code == 0 and self.untouched(kept, dy, dy_dot)
        return dy[:-64].reshape(y.shape), dy_dot[:-64].reshape(y.shape)


def point(compiled, seed):
    """Return t, y, theta and a cotangent of dy, of the numbers that float32 has too."""
    rng, dtype, lanes = np.random.default_rng(seed), compiled.dtype, compiled.lanes
    t, y, theta, dy_bar = (
        rng.standard_normal(shape).astype(np.float32)
        for shape in ((64,), (64, DIM), (compiled.program.n_params,), (64, DIM))
    )
    theta *= np.float32(0.5)
    rows = [np.ascontiguousarray(x[:lanes].T, dtype) for x in (t, y, dy_bar)]
    return rows[0], rows[1], theta.astype(dtype), rows[2]
