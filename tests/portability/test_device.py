"""The layer over CuPy and Numba, with a CuPy made of NumPy: launches, streams, and what is said to be missing."""

import importlib

import numpy as np
import pytest

import fake_cupy
from fake_cupy import Fake, Stream
from foreign_arrays import Tensor
from tapeless_kernels import _cuda, _cupy
from tapeless_kernels.cuda.arrays import Given
from tapeless_kernels.cuda.device import Device


@pytest.fixture
def found(monkeypatch):
    """Return what is installed, and have Numba's side recorded."""
    cupy = fake_cupy.installed(monkeypatch, Fake())
    monkeypatch.setattr(_cuda, "stream", lambda pointer: f"stream {pointer}")
    monkeypatch.setattr(_cuda, "array", lambda x: ("numba", x.shape))
    return cupy


@pytest.mark.parametrize(("n", "blocks"), [(1, 1), (128, 1), (129, 2), (1000, 8)])
def test_launch(found, n, blocks):
    launched = []

    class Kernel:
        def __getitem__(self, configuration):
            return lambda *arguments: launched.append((configuration, arguments))

    device = Device(Stream(77))
    given = Given(
        device.zeros((3, n), "f8"), device.zeros((5, 1), "f8"), device.zeros((2, 1), "f8")
    )
    device.launch(Kernel(), n, (given, 4, device.full(n, -1, np.int8)))
    [(configuration, arguments)] = launched
    assert configuration == (blocks, 128, "stream 77")
    assert arguments == (
        Given(("numba", (3, n)), ("numba", (5, 1)), ("numba", (2, 1))), 4, ("numba", (n,))
    )  # fmt: skip
    device.synchronise()
    assert device.stream.waited == 1


def test_memory_and_copies(found):
    device = Device()
    assert device.stream.ptr == 0
    assert device.free_bytes() == 105
    device.give_back()
    assert found.get_default_memory_pool().freed == 1
    x = device.array(np.asfortranarray(np.ones((2, 3))))
    assert device.holds(x) and x.flags.c_contiguous and not device.holds(np.ones(2))
    assert type(device.host(x)) is np.ndarray
    assert device.elsewhere(x) is None
    device, far = Device(Stream(77)), Tensor(np.ones(2))
    for take in (device.array, device.host):
        take(far)
        assert far.streams.pop() == 77  # also where another stream is the current one
    x.index = 2
    assert device.elsewhere(x) == 2


REASONS = {
    "no driver": (Fake(driver=0), "no NVIDIA driver.*nvidia-smi"),
    "driver too old": (Fake(driver=12040), r"knows CUDA 12\.4.*built for CUDA 13\.0.*newer driver"),
    "no device": (Fake(count=0), "finds no GPU.*CUDA_VISIBLE_DEVICES"),
    "no device, said by an error": (Fake(count=None), "finds no GPU"),
}


@pytest.mark.parametrize("name", REASONS)
def test_what_is_missing_is_said(name, monkeypatch):
    cupy, match = REASONS[name]
    monkeypatch.setattr(_cupy, "cupy", lambda: cupy)
    with pytest.raises(RuntimeError, match=match):
        Device()


def test_a_driver_of_an_older_minor_version_will_do():
    _cupy.check_driver(Fake(driver=13000, built_for=13010))


def test_missing_cupy_is_named(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"CuPy is not installed.*tapeless\[cuda\]"):
        _cupy.cupy.__wrapped__()
