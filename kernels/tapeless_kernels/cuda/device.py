"""What host code asks of a CUDA device: memory, copies, launches. Arrays are CuPy's, kernels Numba's.

`stand_in.py` has a device of the same methods that the CPU plays.
"""

import numpy as np

from .. import _cuda, _cupy
from .kernels import CudaTarget

THREADS = 128  # of a block: a warp for each of the four schedulers of a multiprocessor


def blocks_for(n):
    """Return the number of blocks for n threads."""
    return -(-n // THREADS)


class Device:
    """The current CUDA device, and a stream of it on which all is done in order.

    Parameters
    ----------
    stream : cupy.cuda.Stream, optional
        By default CuPy's current one.

    Raises
    ------
    ImportError
        If CuPy or numba-cuda is missing.
    RuntimeError
        If there is no driver, it is too old, or it finds no device.
    """

    target = CudaTarget
    raw_module = None  # what `_cupy.raw_kernel` makes modules with: CuPy's

    def __init__(self, stream=None):
        self.xp = _cupy.cupy()
        _cupy.check_driver(self.xp)
        _cuda.numba_cuda()
        self.stream = _cupy.stream_of(self.xp, stream)
        self.index = self.xp.cuda.Device().id

    def __enter__(self):
        self.stream.__enter__()
        return self

    def __exit__(self, *reason):
        self.stream.__exit__(*reason)

    def holds(self, x):
        """Return whether x is an array on a CUDA device."""
        return _cupy.is_device_array(x)

    def elsewhere(self, x):
        """Return the index of the device that holds x, None if it is this one."""
        index = _cupy.index_of(self.xp, x)
        return index if index != self.index else None

    def array(self, x, dtype=None):
        """Return x on the device, contiguous: a copy if it is on the host, or of another layout or dtype.

        What another library has on the device is waited for by the stream, not by the host.
        """
        with self:
            x = self.xp.asarray(_cupy.as_cupy(self.xp, x), dtype)
            return x if x.flags.c_contiguous else self.xp.ascontiguousarray(x)

    def host(self, x):
        """Return a copy of x on the host, once all before is done; x itself if it is there."""
        if not self.holds(x):
            return x
        with self:
            return self.xp.asnumpy(_cupy.as_cupy(self.xp, x), stream=self.stream)

    def empty(self, shape, dtype):
        """Return an array that nothing was written to; a MemoryError if there is no room."""
        return self.xp.empty(shape, dtype)

    def zeros(self, shape, dtype):
        """Return an array of zeros."""
        return self.xp.zeros(shape, dtype)

    def full(self, shape, value, dtype):
        """Return an array of one value."""
        return self.xp.full(shape, value, dtype)

    def copy(self, x):
        """Return a copy of an array on the device."""
        return x.copy()

    def free_bytes(self):
        """Return the bytes that can be had."""
        return _cupy.free_bytes(self.xp)

    def shared_bytes(self):
        """Return the bytes of shared memory that a block may have."""
        return self.xp.cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"]

    def give_back(self):
        """Give unused memory that is held in a pool back, so that blocks of other sizes can be had."""
        _cupy.give_back(self.xp)

    def launch(self, kernel, n, arguments):
        """Launch a kernel on n threads."""
        launched = kernel[blocks_for(n), THREADS, _cuda.stream(self.stream.ptr)]
        launched(*(as_numba(x, _cuda.array) for x in arguments))

    def synchronise(self):
        """Wait until all is done."""
        self.stream.synchronize()

    def event(self):
        """Return an event that is recorded now; `milliseconds` measures from it."""
        event = self.xp.cuda.Event()
        event.record(self.stream)
        return event

    def milliseconds(self, start, end):
        """Return the time between two events."""
        end.synchronize()
        return self.xp.cuda.get_elapsed_time(start, end)


def as_numba(x, convert):
    """Return an argument of a launch with `convert` applied to its arrays; host arrays are refused."""
    if isinstance(x, tuple):
        return type(x)(*(as_numba(part, convert) for part in x))
    if isinstance(x, np.ndarray) or hasattr(x, "__cuda_array_interface__"):
        return convert(x)
    return x
