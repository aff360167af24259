"""Memory for large arrays that is used again when nobody holds it: touching new pages costs more than a transform."""

import math
import sys
import threading

import numpy as np
from numpy.typing import NDArray

LEAST = 1 << 18  # bytes; smaller arrays are NumPy's
MOST = 1 << 28  # bytes that are kept in all
ALONE = 3  # references to a block that only the list, a loop's name and the count itself hold

_blocks: list[NDArray[np.uint8]] = []
_lock = threading.Lock()


def empty(shape: tuple[int, ...], dtype: np.dtype) -> NDArray[np.floating]:
    """Return an uninitialised array; a large one may lie where another has been that is held no more."""
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes < LEAST:
        return np.empty(shape, dtype)
    with _lock:
        best = None
        for block in _blocks:
            fits = n_bytes <= block.nbytes <= 2 * n_bytes and sys.getrefcount(block) == ALONE
            if fits and (best is None or block.nbytes < best.nbytes):
                best = block
        if best is None:
            best = np.empty(n_bytes, np.uint8)
            _make_room(n_bytes)
            if n_bytes <= MOST:
                _blocks.append(best)
        return best[:n_bytes].view(dtype).reshape(shape)


def _make_room(n_bytes: int) -> None:
    """Drop blocks that nobody else holds, oldest first, until so many bytes fit; those in use cost nothing extra."""
    idle = [i for i, block in enumerate(_blocks) if sys.getrefcount(block) == ALONE]
    total = sum(block.nbytes for block in _blocks) + n_bytes
    for i in idle:
        if total <= MOST:
            break
        total -= _blocks[i].nbytes
        _blocks[i] = np.empty(0, np.uint8)
    _blocks[:] = [block for block in _blocks if block.nbytes]
