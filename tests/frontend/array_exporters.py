"""Arrays that offer their memory by DLPack, truly or not, on the CPU or where they say."""

import ctypes

import numpy as np

CPU, CUDA = (1, 0), (2, 0)
# Of DLManagedTensor: void *data, then the type of device.
DEVICE_TYPE = ctypes.sizeof(ctypes.c_void_p)


class Exporter:
    """A library's array: says where it is, and knows the arguments that are named."""

    def __init__(self, x, device=CPU, knows=("max_version", "copy", "dl_device"), error=None):
        self.x, self.device, self.knows, self.error = x, device, knows, error

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **how):
        if self.error is not None:
            raise self.error
        unknown = how.keys() - set(self.knows) - {"stream"}
        if unknown:
            raise TypeError(f"__dlpack__() got an unexpected keyword argument {unknown.pop()!r}")
        return self.x.__dlpack__(**how)


class Liar(Exporter):
    """Says that it is on the CPU, and exports memory of a CUDA device."""

    def __dlpack__(self, **how):
        capsule = self.x.__dlpack__()
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
        address = pointer(capsule, b"dltensor") + DEVICE_TYPE
        ctypes.c_int32.from_address(address).value = CUDA[0]
        return capsule


class OnGPU:
    """A Numba array: no DLPack."""

    __cuda_array_interface__ = {}  # noqa: RUF012


def address(x):
    return np.from_dlpack(x).ctypes.data
