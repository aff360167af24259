"""Brownian paths on the CPU: their kernels for each float type, and their room."""

import functools
import itertools

import numpy as np

from .._jit import Family
from ..drivers import brownian, normals
from ..drivers.brownian import QUAD, Path

COLUMNS = 1024  # samples by channels of one block: its rows, of which a query touches a few, stay in the cache


@functools.cache
def family(dtype):
    """Return the kernels of one float type."""
    return Family(f"brownian_{dtype.name}_1", {"LANES": 1, **normals.bindings(dtype)})


class Block:
    """The samples from `start` to `stop` of a path, those of whole quads, and where its last query was."""

    def __init__(self, key, first, start, stop, channels, rows, depth, dtype):
        quads = range((first + start) // QUAD, (first + stop - 1) // QUAD + 1)
        n = len(quads) * channels
        shape, self._query = (rows, QUAD * n), family(dtype)(brownian.query)
        self._samples = np.array([first, start, stop])
        way, of_quads = (depth + 1, 2, *shape), np.repeat(np.array(quads, np.uint32), channels)
        words, of_channels = (dtype.itemsize // 4, QUAD, n), np.arange(channels, dtype=np.uint32)
        self.path = Path(
            key, of_quads, np.tile(of_channels, len(quads)), np.empty(words, np.uint32), np.empty(way, dtype),
            np.empty(shape, dtype), np.empty(shape, dtype), np.empty((2, *shape), dtype), np.empty(11), np.full(3, -1),
        )  # fmt: skip

    @property
    def n_bytes(self):
        """The bytes that it occupies."""
        return sum(array.nbytes for array in self.path)

    def __call__(self, t0, span, s, t, out):
        """Write the increments over each (s, t) of its samples."""
        self._query(self.path, t0, span, s, t, self._samples, out)


def blocks(key, first, samples, channels, rows, depth, dtype):
    """Return the blocks of a path; `key` is a number of 64 bits."""
    key = np.array([key & 0xFFFFFFFF, key >> 32], np.uint64)
    size = max(COLUMNS // channels // QUAD, 1) * QUAD
    cuts = sorted({0, samples, *range(size - first % QUAD, samples, size)})
    return [
        Block(key, first, start, stop, channels, rows, depth, dtype)
        for start, stop in itertools.pairwise(cuts)
    ]
