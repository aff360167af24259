"""The only import of CuPy: arrays on a CUDA device, their memory and streams, why there may be none; and CUDA C."""

import functools
import importlib
import pathlib
import re

MISSING = (
    'CuPy is not installed, which holds arrays on a CUDA device: pip install "tapeless[cuda]" on a '
    "machine with an NVIDIA GPU."
)
NO_DRIVER = (
    "There is no NVIDIA driver on this machine, or none that CuPy can load: install one, from version 580 "
    "for CUDA 13; `nvidia-smi` says what is there."
)
TOO_OLD = (
    "The NVIDIA driver knows CUDA {driver}, and CuPy was built for CUDA {runtime}: install a newer driver, or "
    "the CuPy of an older CUDA, say cupy-cuda12x."
)
NO_DEVICE = (
    "The NVIDIA driver finds no GPU: look at `nvidia-smi`, and at the environment variable "
    "CUDA_VISIBLE_DEVICES, which can hide them."
)
CUDA = 2  # what DLPack calls the memory of a CUDA device
# A multiplication and an addition contract only where the source says fma (kernels/README.md, 6).
OPTIONS = ("-std=c++17", "--fmad=false")


@functools.cache
def cupy():
    """Return CuPy; it can be imported where there is no driver."""
    try:
        return importlib.import_module("cupy")
    except ImportError as reason:
        raise ImportError(MISSING) from reason


def check_driver(cupy):
    """Raise a RuntimeError that says what is missing, unless CuPy can reach a device."""
    runtime = cupy.cuda.runtime
    try:
        driver = runtime.driverGetVersion()
    except runtime.CUDARuntimeError:
        driver = 0
    if driver == 0:
        raise RuntimeError(NO_DRIVER)
    wanted = runtime.runtimeGetVersion()
    if driver // 1000 < wanted // 1000:  # minor versions are compatible with each other
        raise RuntimeError(TOO_OLD.format(driver=_version(driver), runtime=_version(wanted)))
    try:
        n = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as reason:
        raise RuntimeError(NO_DEVICE) from reason
    if n == 0:
        raise RuntimeError(NO_DEVICE)


def _version(number):
    return f"{number // 1000}.{number % 1000 // 10}"


def is_device_array(x):
    """Return whether x is an array on a CUDA device, CuPy's or another's, without an import of CuPy."""
    # DLPack is asked first: a tensor of torch that requires grad raises when it is asked for the other.
    if hasattr(type(x), "__dlpack_device__") and x.__dlpack_device__()[0] == CUDA:
        return True
    return hasattr(x, "__cuda_array_interface__")


def as_cupy(cupy, x):
    """Return an array of another library on a CUDA device as CuPy's, on the same memory; others as they are.

    By DLPack where there is a choice: it is told CuPy's current stream, and has that wait for what the library still
    does to the array. Of the array interface torch names no stream.
    """
    if isinstance(x, cupy.ndarray) or not (hasattr(type(x), "__dlpack__") and is_device_array(x)):
        return x
    return cupy.from_dlpack(x)


def index_of(cupy, x):
    """Return the index of the CUDA device that holds an array of any library."""
    by_dlpack = hasattr(type(x), "__dlpack_device__")
    return int(x.__dlpack_device__()[1]) if by_dlpack else cupy.asarray(x).device.id


def free_bytes(cupy):
    """Return the bytes that can be had on the current device: the driver's, and those CuPy's pool holds unused."""
    free, _ = cupy.cuda.runtime.memGetInfo()
    return free + cupy.get_default_memory_pool().free_bytes()


def give_back(cupy):
    """Give what CuPy's pool holds unused back to the driver."""
    cupy.get_default_memory_pool().free_all_blocks()


def stream_of(cupy, stream):
    """Return a stream of CuPy: the one given, or the current one."""
    return cupy.cuda.get_current_stream() if stream is None else stream


def code_of(source):
    """Return the text of a `.cu` file, that of the `.cuh` files beside it in the place of their includes.

    So compilers and their caches see all of it; faults are told by the lines of each file.
    """
    lines = []
    for i, line in enumerate(source.read_text().splitlines(), 1):
        included = re.fullmatch(r'#include "(\w+\.cuh)"', line)
        if included:
            part = source.with_name(included[1]).read_text()
            lines += [f'#line 1 "{included[1]}"', part, f'#line {i + 1} "{source.name}"']
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


@functools.cache
def raw_kernel(source, expression, options=(), module=None, together=()):
    """Return the kernel `expression`, say "total<float>", of the file `source`, as cupy.RawModule has it.

    It is compiled when it is first asked for, with those of `together`, in which it is. `module` makes modules in
    CuPy's place: tests run kernels on the CPU.
    """
    return _raw_module(source, together or (expression,), options, module).get_function(expression)


@functools.cache
def _raw_module(source, expressions, options, module):
    if module is None:
        check_driver(cupy())
        module = cupy().RawModule
    code = code_of(pathlib.Path(source))
    return module(code=code, options=(*OPTIONS, *options), name_expressions=expressions)
