"""Libraries whose arrays we take: what makes an array of each, and the type that results have."""

import numpy as np
import pytest

from array_exporters import Exporter
from layouts import read_only


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
    # As before version 1 of the protocol; none but a versioned capsule says that memory is read-only.
    "DLPack alone": lambda: (lambda x: Exporter(x.copy(), knows=()), np.ndarray),
    "DLPack alone, read-only": lambda: (lambda x: Exporter(read_only(x)), np.ndarray),
}
