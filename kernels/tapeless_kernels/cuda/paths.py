"""Brownian paths on a GPU, by the same source: one thread for a quad of samples and a channel, its state its own.

No number was taken on a GPU yet: nvJitLink assembles these kernels, and the simulator runs them.
"""

import numpy as np

from .. import _cuda
from .._jit import rebind
from ..drivers import normals
from ..drivers.brownian import QUAD, Path, query
from ..tile import Real

cuda = _cuda.numba_cuda()
LEVELS, ROWS, WORDS = 11, 1, 2  # bound for each kernel


def path_kernel(key, t0, span, s, t, first, out):
    """Write the increments over each (s, t) of samples from `first` on to out (queries, ROWS, samples, channels)."""
    i = cuda.grid(1)
    samples, channels = out.shape[2], out.shape[3]
    quad, channel = first // QUAD + i // channels, i % channels
    start, stop = quad * QUAD - first, (quad + 1) * QUAD - first
    start, stop = (start if start > 0 else 0), (stop if stop < samples else samples)
    if start < samples:
        of_quad, of_channel = cuda.local.array(1, np.uint32), cuda.local.array(1, np.uint32)
        at, mine = cuda.local.array(3, np.int64), cuda.local.array(3, np.int64)
        of_quad[0], of_channel[0] = quad, channel
        at[0] = at[1] = at[2] = -1
        mine[0], mine[1], mine[2] = first, start, stop
        path = Path(
            key, of_quad, of_channel, cuda.local.array((WORDS, QUAD, 1), np.uint32),
            cuda.local.array((LEVELS, 2, ROWS, QUAD), Real), cuda.local.array((ROWS, QUAD), Real),
            cuda.local.array((ROWS, QUAD), Real), cuda.local.array((2, ROWS, QUAD), Real),
            cuda.local.array(11, np.float64), at,
        )  # fmt: skip
        query(path, t0, span, s, t, mine, out[:, :, :, channel : channel + 1])


class PathKernel:
    """The kernel for one float type, depth and number of rows, compiled on first use."""

    def __init__(self, dtype, depth, rows):
        dtype = np.dtype(dtype)
        bind = {"LANES": 1, "LEVELS": depth + 1, "ROWS": rows, "WORDS": dtype.itemsize // 4}
        bind |= normals.bindings(dtype) | _cuda.bindings()
        self._kernel = rebind(path_kernel, bind, {}, _cuda.device)

    def __getitem__(self, configuration):
        """Return the kernel, to be launched with so many blocks and threads."""
        return _cuda.entry(self._kernel)[configuration]

    def ptx(self, arguments, cc):
        """Return its PTX for arguments such as these; needs no GPU."""
        return _cuda.compile_ptx(self._kernel, _cuda.signature(arguments), cc)
