"""numba-cuda-mlir, which is to follow numba-cuda, as far as it compiles our kernels; docs/design.md says how far."""

from typing import NamedTuple

import numpy as np
import pytest

from tapeless_kernels import _cuda
from tapeless_kernels._jit import pasted
from tapeless_kernels.cuda.sums import sum_kernel

FLOAT32 = np.dtype(np.float32)
cuda = None  # bound


class Pair(NamedTuple):
    """What the kernels keep their scratch in: arrays of a thread, by name."""

    a: np.ndarray
    b: np.ndarray


@pasted
def local_pair():
    return Pair(cuda.local.array((2, 1), np.float32), cuda.local.array(1, np.float32))


def copy_kernel(x, out):
    i = cuda.grid(1)
    if i < out.shape[0]:
        pair = local_pair()
        pair.a[0, 0] = x[i]
        out[i] = pair.a[0, 0]


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(_cuda.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="numba-cuda-mlir"):
        _cuda.successor_ptx(sum_kernel, {}, (), (9, 0))


def test_sum_compiles():
    pytest.importorskip("numba_cuda_mlir", reason="numba-cuda-mlir is tried where it is installed")
    code = _cuda.successor_ptx(
        sum_kernel, {"Real": np.float32}, (np.zeros((2, 3), FLOAT32), 0, np.zeros((2, 1), FLOAT32)), (9, 0)
    )  # fmt: skip
    assert ".target sm_90" in code and ".entry" in code and ".f64" not in code


@pytest.mark.xfail(
    reason="numba-cuda-mlir 0.6.0 fails on a NamedTuple of local arrays", strict=True
)
def test_records_in_local_memory_compile():
    pytest.importorskip("numba_cuda_mlir", reason="numba-cuda-mlir is tried where it is installed")
    numbers = np.zeros(3, FLOAT32)
    assert ".entry" in _cuda.successor_ptx(copy_kernel, {}, (numbers, numbers), (9, 0))
