"""A CuPy made of NumPy, of which only what the package calls is there, and a device that the CPU plays over it.

`test_cupy_api.py` holds that CuPy itself has all of it, with these names of parameters.
"""

import numpy as np

from tapeless._interchange.libraries import _KINDS, Library
from tapeless_kernels import _cuda, _cupy
from tapeless_kernels.cuda.device import Device
from tapeless_kernels.cuda.stand_in import OnDevice, Plain, StandIn

# What tests ask, and CuPy has not: how often a stream was waited for, and a pool emptied; where an array is.
OURS = {"waited", "freed", "index"}
ASKED = set()  # names that arrays were asked for
WAITS = []  # pairs of streams: the first was made to wait for the second


class CUDARuntimeError(RuntimeError):
    """As CuPy's."""


class Stream:
    """As CuPy's: `ptr` is 0 for the default one."""

    def __init__(self, ptr):
        self.ptr, self.waited = ptr, 0

    def __enter__(self):
        ENTERED.append(self)
        return self

    def __exit__(self, *reason):
        assert ENTERED.pop() is self

    def synchronize(self):
        self.waited += 1


ENTERED = [Stream(0)]  # the last is the current one


class Capsule:
    """As DLPack's, for memory on a device."""

    def __init__(self, memory):
        self.memory = memory


class Card:
    """As cupy.cuda.Device."""

    attributes = {"MaxSharedMemoryPerBlockOptin": 227 * 1024}  # noqa: RUF012

    __hash__ = None  # which is so of CuPy's too

    def __init__(self, index=0):
        self.id = index

    def __eq__(self, other):
        return self.id == other.id


class Array(OnDevice):
    """As CuPy's."""

    index = 0

    def __getattribute__(self, name):
        ASKED.add(name)
        return super().__getattribute__(name)

    @property
    def __cuda_array_interface__(self):
        return self.__array_interface__

    @property
    def device(self):
        return Card(self.index)

    def __dlpack_device__(self):
        return _cupy.CUDA, self.index

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        WAITS.append((stream, ENTERED[-1].ptr))
        return Capsule(self.view(np.ndarray))


# That it is made of NumPy's is not to make it one of those.
_KINDS[Array] = Library("cupy", "cupy")


class Pool:
    """As cupy.cuda.MemoryPool."""

    def __init__(self):
        self.freed = 0

    def free_bytes(self):
        return 5

    def free_all_blocks(self):
        self.freed += 1


class Runtime:
    """As cupy.cuda.runtime."""

    CUDARuntimeError = CUDARuntimeError

    def __init__(self, driver, built_for, count, free):
        self._driver, self._built_for, self._count, self._free = driver, built_for, count, free

    def driverGetVersion(self):
        return self._driver

    def runtimeGetVersion(self):
        return self._built_for

    def getDeviceCount(self):
        if self._count is None:
            raise CUDARuntimeError
        return self._count

    def memGetInfo(self):
        return self._free, 2 * self._free


class Cuda:
    """As cupy.cuda."""

    Device = Card

    def __init__(self, runtime):
        self.runtime = runtime

    def get_current_stream(self):
        return ENTERED[-1]


class Fake:
    """As the module cupy."""

    __name__, ndarray = "cupy", Array

    def __init__(self, driver=13000, built_for=13000, count=1, free=100):
        self.cuda, self._pool = Cuda(Runtime(driver, built_for, count, free)), Pool()

    def get_default_memory_pool(self):
        return self._pool

    def empty(self, shape, dtype):
        return np.empty(shape, dtype).view(Array)

    def zeros(self, shape, dtype):
        return np.zeros(shape, dtype).view(Array)

    def full(self, shape, fill_value, dtype):
        return np.full(shape, fill_value, dtype).view(Array)

    def asarray(self, a, dtype=None):
        if isinstance(a, Array):
            return a if dtype is None else a.astype(dtype, copy=False)
        if hasattr(a, "__cuda_array_interface__"):
            shared = _Interface(a.__cuda_array_interface__, a)
            return np.asarray(shared, dtype).view(Array)
        return np.array(a, dtype).view(Array)

    def ascontiguousarray(self, a):
        return np.ascontiguousarray(a).view(Array)

    def moveaxis(self, a, source, destination):
        return np.moveaxis(a, source, destination)

    def isfinite(self, x):
        return np.isfinite(x)

    def asnumpy(self, a, stream=None):
        if not isinstance(a, Array):
            raise TypeError(
                "CuPy reads the memory of a GPU as that of the host here, or copies without the stream"
            )
        return np.array(a.view(np.ndarray))

    def from_dlpack(self, array):
        kind, _ = array.__dlpack_device__()
        if kind != _cupy.CUDA:
            raise TypeError(f"Unsupported array type: {kind}")
        stream = ENTERED[-1].ptr or 1  # the array API's word for the default one
        try:
            capsule = array.__dlpack__(stream=stream, max_version=(1, 0), copy=None)
        except TypeError:
            capsule = array.__dlpack__(stream=stream)
        return capsule.memory.view(Array)


class _Interface:
    """Memory in the words of NumPy, and who keeps it alive."""

    def __init__(self, interface, owner):
        self.__array_interface__, self.owner = interface, owner


class Played(Device):
    """A Device over this CuPy, whose kernels the CPU plays."""

    target = Plain

    def __init__(self, stream=None, raw_module=None):
        super().__init__(stream)
        self.raw_module, self.player = raw_module, StandIn()

    def launch(self, kernel, n, arguments):
        self.player.launch(kernel, n, arguments)


def installed(patch, cupy):
    """Have the package find this CuPy, and a Numba that is asked for nothing, by pytest's monkeypatch."""
    patch.setattr(_cupy, "cupy", lambda: cupy)
    patch.setattr(_cuda, "numba_cuda", lambda: None)
    return cupy
