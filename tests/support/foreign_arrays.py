"""Libraries of arrays on a GPU that are not CuPy's, made of NumPy: what they are asked, and with which stream."""

import sys
from types import ModuleType

import numpy as np

from fake_cupy import Capsule
from tapeless_kernels._cupy import CUDA


class Exporter:
    """Offers its memory by DLPack alone, whose older form it is; no library can make another."""

    def __init__(self, x, place=(CUDA, 0), requires_grad=False):
        self.memory, self.place, self.requires_grad = np.asarray(x), place, requires_grad
        self.streams = []  # that it was asked with

    def __dlpack_device__(self):
        return self.place

    def __dlpack__(self, *, stream=None):
        if stream == 0:
            raise BufferError("0 is no stream, says the array API.")
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient.")
        self.streams.append(stream)
        return Capsule(self.memory)


class Tensor(Exporter):
    """As torch's and jax's: has the array interface too, which does not say what is still to be waited for."""

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        return super().__dlpack__(stream=stream)

    @property
    def __cuda_array_interface__(self):
        if self.requires_grad:
            raise RuntimeError("Can't get __cuda_array_interface__ on Variable that requires grad.")
        return self.memory.__array_interface__

    @property
    def device(self):
        return f"gpu:{self.place[1]}"

    @property
    def shape(self):
        return self.memory.shape

    @property
    def dtype(self):
        return f"tensors.{self.memory.dtype}"


class OfNumba:
    """Has the array interface alone."""

    def __init__(self, x):
        self.memory = np.asarray(x)

    @property
    def __cuda_array_interface__(self):
        return self.memory.__array_interface__


def library(name, stream):
    """Return a module with a class of tensors and their `from_dlpack`, which waits by a stream."""
    module = ModuleType(name)
    module.Tensor = type("Tensor", (Tensor,), {"__module__": name})

    def from_dlpack(x):
        made = module.Tensor(x.__dlpack__(stream=stream).memory, x.__dlpack_device__())
        made.base = x
        return made

    module.from_dlpack = from_dlpack
    return module


def installed(patch, name="tensors", stream=7):
    """Have a library in sys.modules, by pytest's monkeypatch, and return it."""
    patch.setitem(sys.modules, name, made := library(name, stream))
    return made
