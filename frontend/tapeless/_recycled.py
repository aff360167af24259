"""Memory for large arrays that is used again when nobody holds it: touching new pages costs more than a transform."""

import math
import sys
import threading

import numpy as np
from numpy.typing import NDArray

LEAST = 1 << 18  # bytes; smaller arrays are NumPy's
MOST = 1 << 28  # bytes that are kept in all

_blocks: list[NDArray[np.uint8]] = []
_lock = threading.Lock()


def _references(i: int) -> int:
    """Return how many references there are to a block; arrays that lie in it each hold one."""
    return sys.getrefcount(_blocks[i])


_blocks.append(np.empty(0, np.uint8))
ALONE = _references(0)  # to a block that only the list holds; how many differs between interpreters
_blocks.clear()


def empty(shape: tuple[int, ...], dtype: np.dtype) -> NDArray[np.floating]:
    """Return an uninitialised array; a large one may lie where another has been that is held no more."""
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes < LEAST:
        return np.empty(shape, dtype)
    with _lock:
        best = None
        for i in range(len(_blocks)):
            size = _blocks[i].nbytes
            if n_bytes <= size <= 2 * n_bytes and _references(i) == ALONE:
                best = i if best is None or size < _blocks[best].nbytes else best
        if best is not None:
            block = _blocks[best]
        else:
            block = np.empty(n_bytes, np.uint8)
            if _make_room(n_bytes):
                _blocks.append(block)
        return block[:n_bytes].view(dtype).reshape(shape)


def release() -> None:
    """Give back what nobody holds, as a measurement of memory wants it."""
    with _lock:
        _make_room(MOST)


def _make_room(n_bytes: int) -> bool:
    """Drop blocks that nobody else holds, oldest first, until so many bytes fit, and return whether they do."""
    total, i = sum(block.nbytes for block in _blocks) + n_bytes, 0
    while n_bytes <= MOST < total and i < len(_blocks):
        if _references(i) == ALONE:
            total -= _blocks.pop(i).nbytes
        else:
            i += 1
    return total <= MOST
