"""Arrays for kernels: how many tiles, and memory that starts on cache lines."""

import math

import numpy as np


def n_tiles(n, lanes):
    """Return how many tiles hold n trajectories."""
    return -(-n // lanes)


def offsets(wanted):
    """Return where arrays of the wanted (shape, dtype) begin, each on a cache line, and where the last ends."""
    ends = [0]
    for shape, dtype in wanted:
        ends.append(ends[-1] + -(-math.prod(shape) * np.dtype(dtype).itemsize // 64) * 64)
    return ends


def carve(wanted):
    """Return uninitialised arrays of the wanted (shape, dtype), each on a cache line, cut from one block."""
    *places, size = offsets(wanted)
    block = np.empty(size + 64, np.uint8)
    first = -block.ctypes.data % 64
    return [
        np.ndarray(shape, dtype, block, first + place)
        for (shape, dtype), place in zip(wanted, places, strict=True)
    ]


def contiguous(x, dtype):
    """Return a copy of x as kernels read it: of this dtype, C-contiguous and writable."""
    return np.array(x, dtype, order="C")
