"""Arrays for kernels: how many tiles, and memory that starts on cache lines."""

import math

import numpy as np


def n_tiles(n, lanes):
    """Return how many tiles hold n trajectories."""
    return -(-n // lanes)


def carve(wanted):
    """Return uninitialised arrays of the wanted (shape, dtype), each on a cache line, cut from one block."""
    places, size = [], 0
    for shape, dtype in wanted:
        dtype = np.dtype(dtype)
        places.append((shape, dtype, size))
        size += -(-math.prod(shape) * dtype.itemsize // 64) * 64
    block = np.empty(size + 64, np.uint8)
    first = -block.ctypes.data % 64
    return [np.ndarray(shape, dtype, block, first + at) for shape, dtype, at in places]


def contiguous(x, dtype):
    """Return a copy of x as kernels read it: of this dtype, C-contiguous and writable."""
    return np.array(x, dtype, order="C")
