"""Normal numbers of Fourier modes, each a function of key, sample and wave numbers alone."""

import numpy as np

from .._jit import kernel
from ..drivers.normals import normal_pair
from ..drivers.philox import philox


@kernel
def draw_modes(z, samples, modes, key):
    """Fill z (samples, modes, 2) with two normals for each sample and mode; modes are three wave numbers as uint32."""
    for s in range(len(samples)):
        for m in range(len(modes)):
            a, b, c, d = philox(
                np.uint64(modes[m, 0]), np.uint64(modes[m, 1]), np.uint64(modes[m, 2]),
                np.uint64(samples[s]), key[0], key[1],
            )  # fmt: skip
            z[s, m, 0], z[s, m, 1] = normal_pair(
                np.uint32(a), np.uint32(b), np.uint32(c), np.uint32(d)
            )
