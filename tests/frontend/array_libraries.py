"""Libraries whose arrays we take: what makes an array of each, and the type that results have."""

import numpy as np
import pytest


class Exporter:
    """Offers its memory by DLPack, and nothing else; as before version 1 unless `versioned`."""

    def __init__(self, x, versioned=False):
        self.x, self.versioned = x.copy(), versioned
        self.x.flags.writeable = not versioned  # none but a versioned capsule says so

    def __dlpack_device__(self):
        return (1, 0)

    def __dlpack__(self, **how):
        if not self.versioned and how:
            raise TypeError("__dlpack__() got an unexpected keyword argument")
        return self.x.__dlpack__(**how)


def torch_tensor():
    torch = pytest.importorskip("torch")
    return lambda x: torch.tensor(x), torch.Tensor


def jax_array():
    jax = pytest.importorskip("jax")
    return jax.numpy.array, jax.Array


def strict_array():
    strict = pytest.importorskip("array_api_strict")
    return lambda x: strict.asarray(x, copy=True), type(strict.asarray(0))


# For each library: what makes its arrays, and the type that results have.
LIBRARIES = {
    "torch": torch_tensor,
    "jax": jax_array,
    "array_api_strict": strict_array,
    "DLPack alone": lambda: (Exporter, np.ndarray),
    "DLPack alone, read-only": lambda: (lambda x: Exporter(x, versioned=True), np.ndarray),
}
