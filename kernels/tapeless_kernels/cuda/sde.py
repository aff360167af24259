"""Steps of SDEs on CUDA, a trajectory for each thread, on its own Brownian path. No GPU has run them yet.

Drift and diffusion are compiled into the kernel; the way down the path's tree lies in local memory.
"""

import numpy as np

from .. import _cuda
from .._jit import rebind
from ..drivers import normals
from ..drivers.brownian import QUAD, Path, increments_between
from ..launch.python import call_field_inlined, field_bindings
from ..sde_buffers import Equation, Work
from ..steppers.stochastic import step
from ..tableaus.stochastic import StochasticArrays, arrays_of
from ..tile import Real

# What `SdeKernel` gives a meaning:
cuda = None
DIM = CHANNELS = MIXED = STAGES = KIND = N_BASIS = DRIFT_PARAMS = LEVELS = ROWS = WORDS = 1


def sde_kernel(method, key, first, t0, span, times, y0, theta, ys):
    """Integrate trajectory i of y0 (DIM, n) over the steps between `times`; ys (DIM, n) is where it ends."""
    i = cuda.grid(1)
    if i < y0.shape[1]:
        quads, channels = (
            cuda.local.array(CHANNELS, np.uint32),
            cuda.local.array(CHANNELS, np.uint32),
        )
        at = cuda.local.array(3, np.int64)
        for c in range(CHANNELS):
            quads[c], channels[c] = (first + i) // QUAD, c
        at[0] = at[1] = -1
        at[2] = (first + i) % QUAD
        path = Path(
            key, quads, channels, cuda.local.array((WORDS, QUAD, CHANNELS), np.uint32),
            cuda.local.array((LEVELS, 2, ROWS, CHANNELS), Real), cuda.local.array((ROWS, CHANNELS), Real),
            cuda.local.array((ROWS, CHANNELS), Real), cuda.local.array((2, ROWS, CHANNELS), Real),
            cuda.local.array(11, np.float64), at,
        )  # fmt: skip
        work = Work(
            cuda.local.array((2, 1), Real), cuda.local.array((1, 1), Real), cuda.local.array((5, CHANNELS, 1), Real),
            cuda.local.array((CHANNELS, 1), Real), cuda.local.array((STAGES, DIM, 1), Real),
            cuda.local.array((STAGES, MIXED, 1), Real), cuda.local.array((1, 1), Real)[:0],
            cuda.local.array((1, 1), Real), cuda.local.array((1, 1), Real), cuda.local.array(1, Real),
            cuda.local.array((DIM, 1), Real), cuda.local.array((1, 1, 1), Real)[:0], cuda.local.array(1, Real),
            cuda.local.array(1, np.uint8), cuda.local.array(1, np.uint8),
        )  # fmt: skip
        y, z = cuda.local.array((DIM, 1), Real), cuda.local.array((1, DIM, 1), Real)
        noise = cuda.local.array((3, CHANNELS, 1), Real)
        equation = Equation(0, 0, 0, 0, 0, 0, DRIFT_PARAMS, 0)
        arrays = StochasticArrays(method[0], method[1], method[2], method[3], STAGES, KIND, N_BASIS)
        for j in range(STAGES):
            for m in range(DIM):
                work.f[j, m, 0] = Real(0)
            for m in range(MIXED):
                work.g[j, m, 0] = Real(0)
        for m in range(DIM):
            y[m, 0] = y0[m, i]
        for n in range(times.shape[0] - 1):
            increments_between(path, t0, span, times[n], times[n + 1])
            for row in range(ROWS):
                for c in range(CHANNELS):
                    noise[row, c, 0] = path.parts[0, row, c]
            work.time[0, 0], work.h[0, 0] = Real(times[n]), Real(times[n + 1] - times[n])
            step(equation, arrays, work.h[0], y, theta, noise, (z, z, z), work)
            for m in range(DIM):
                y[m, 0] = work.y_next[m, 0]
        for m in range(DIM):
            ys[m, i] = y[m, 0]


def no_field(field, t, y, theta, cache, dy, lane_status):
    """Stand for a field that is not there."""
    return 0


def no_tangent(tangent, t, y, theta, cache, t_dot, y_dot, theta_dot, dy_dot):
    """Stand for a tangent that is not called."""
    return 0


def matrix_field(field, t, y, theta, cache, dy, lane_status):
    """Call a diffusion of one trajectory that fills a matrix."""
    user_field(t[0], y[:, 0], theta, dy[:, 0].reshape((DIM, CHANNELS)))
    return 0


user_field = None


class SdeKernel:
    """The kernel for one method, drift, diffusion, dtype, and depth of the path's tree, compiled on first use.

    `channels` are those of a matrix; None: the diffusion is a vector.
    """

    def __init__(self, method, dtype, dim, drift, diffusion, drift_params, depth, channels=None):
        dtype = np.dtype(dtype)
        arrays = arrays_of(method, dtype, channels or 1, False)
        self.method = arrays[:4]
        bind, self._made = field_bindings(drift, None, _cuda.device)
        other, made = field_bindings(diffusion, None, _cuda.device)
        self._made |= made
        sizes = {
            "DIM": dim, "CHANNELS": channels or dim, "MIXED": dim * (channels or 1), "STAGES": arrays.stages,
            "KIND": arrays.kind, "N_BASIS": arrays.n_basis, "DRIFT_PARAMS": drift_params, "LEVELS": depth + 1,
            "ROWS": 1 if method.area == "none" else 3, "WORDS": dtype.itemsize // 4, "LANES": 1,
        }  # fmt: skip
        one = _bound(call_field_inlined, {"user_field": bind["user_field"]}, self._made)
        two = call_field_inlined if channels is None else matrix_field
        two = _bound(two, {"user_field": other["user_field"], **sizes}, self._made)
        names = {"call_drift": one, "call_diffusion": two, "call_joint": _bound(no_field, {}, {})}
        names["call_tangent"] = _bound(no_tangent, {}, {})
        for name in list(names):
            self._made[getattr(names[name], "py_func", names[name])] = names[name]
        self._kernel = rebind(
            sde_kernel, {**sizes, **normals.bindings(dtype), **_cuda.bindings(), **names}, self._made, _cuda.device
        )  # fmt: skip

    def __getitem__(self, configuration):
        """Return the kernel, to be launched with so many blocks and threads."""
        return _cuda.entry(self._kernel)[configuration]

    def ptx(self, arguments, cc):
        """Return its PTX for arguments such as these; needs no GPU."""
        return _cuda.compile_ptx(self._kernel, _cuda.signature(arguments), cc)


def _bound(function, bind, made):
    function = getattr(function, "py_func", function)
    return _cuda.device(rebind(function, bind, dict(made), _cuda.device), None)
