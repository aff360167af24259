"""Random words by counting: Philox4x32-10 of Salmon, Moraes, Dror and Shaw (2011), SC'11, section 3.3.

A word depends on its counter and key alone, whoever asks for it and when. Words of 32 bits lie in numbers of 64: so
the products vectorise without being packed.
"""

import numpy as np

from .._jit import inlined

ROUNDS = 10
HALF, MASK = np.uint64(32), np.uint64(0xFFFFFFFF)
MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
INCREMENTS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))  # golden ratio, sqrt(3) - 1


@inlined
def philox(c0, c1, c2, c3, k0, k1):
    """Return four words, from a counter of four words and a key of two."""
    for _ in range(ROUNDS):
        x, y = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c2 = (y >> HALF) ^ c1 ^ k0, (x >> HALF) ^ c3 ^ k1
        c1, c3 = y & MASK, x & MASK
        k0, k1 = (k0 + INCREMENTS[0]) & MASK, (k1 + INCREMENTS[1]) & MASK
    return c0, c1, c2, c3
