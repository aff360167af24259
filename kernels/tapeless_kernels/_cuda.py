"""The only import of numba.cuda: device functions, PTX without a GPU, and what ptxas says of it."""

import functools
import importlib.util
import math
import re
from types import SimpleNamespace
from typing import NamedTuple
from unittest import mock

import numpy as np
from llvmlite import ir

from ._jit import pasted
from .ieee import bits_of, exact_fma, float_of

MISSING = (
    "GPU kernels need numba-cuda and, to be compiled without a GPU, NVIDIA's compilers: "
    'pip install "tapeless[cuda]", or "tapeless[portability]" on a machine that has no GPU.'
)


@functools.cache
def numba_cuda():
    """Return numba.cuda as the package numba-cuda has it; Numba's own is frozen."""
    if importlib.util.find_spec("numba_cuda") is None:
        raise ImportError(MISSING)
    try:
        from numba import cuda
    except ImportError as reason:
        raise ImportError(MISSING) from reason
    return cuda


def simulated():
    """Whether NUMBA_ENABLE_CUDASIM has replaced the compiler by threads of Python."""
    return bool(numba_cuda().config.ENABLE_CUDASIM)


def device(function, inline):
    """Compile `function` for the device, into its callers: by NVVM, unless Numba must paste it."""
    paste = inline is pasted or simulated()  # the simulator knows no other word
    how = {"inline": "always"} if paste else {"forceinline": True}
    return numba_cuda().jit(device=True, **how)(function)


def entry(function):
    """Return a kernel to be launched."""
    return numba_cuda().jit(function)


def stream(pointer):
    """Return a stream of another library's, by its pointer; 0 is the default stream."""
    return numba_cuda().external_stream(pointer) if pointer else 0


def array(x):
    """Return an array of another library's on a device as Numba's, without a copy."""
    return numba_cuda().as_cuda_array(x, sync=False)


@functools.cache
def bindings():
    """Return what `cuda` and the names of ieee.py mean in device code.

    The simulator is plain Python, whose own fma rounds twice.
    """
    cuda = numba_cuda()
    if simulated():
        return {
            "cuda": cuda,
            "fma": exact_fma,
            "to_bits": bits_of,
            "from_bits": float_of,
            "square_root": np.sqrt,
        }
    from numba.cuda import types
    from numba.cuda.extending import intrinsic

    bits = {types.float32: types.int32, types.float64: types.int64}
    floats = {integer: real for real, integer in bits.items()}
    kinds = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}

    @intrinsic
    def fma(typing, a, b, c):
        if a not in bits or not a == b == c:
            return None
        return a(a, a, a), lambda context, builder, signature, values: builder.fma(*values)

    @intrinsic
    def to_bits(typing, x):
        if x not in bits:
            return None
        return bits[x](x), lambda context, builder, signature, values: builder.bitcast(
            values[0], ir.IntType(x.bitwidth)
        )

    @intrinsic
    def from_bits(typing, x):
        if x not in floats:
            return None
        return floats[x](x), lambda context, builder, signature, values: builder.bitcast(
            values[0], kinds[floats[x]]
        )

    return {
        "cuda": cuda,
        "fma": fma,
        "to_bits": to_bits,
        "from_bits": from_bits,
        "square_root": math.sqrt,
    }


def signature(arguments):
    """Return the types of a kernel's arguments, NumPy arrays standing for device arrays."""
    from numba.cuda.typing.typeof import typeof

    return tuple(typeof(argument) for argument in arguments)


def compile_ptx(kernel, signature, cc):
    """Return the PTX of a kernel, a plain function, for a compute capability; needs no GPU."""
    cuda = numba_cuda()
    from numba.cuda import dispatcher

    # A device function asks the current device what to compile for, even where none is needed.
    here = SimpleNamespace(compute_capability=cc)
    with mock.patch.object(dispatcher, "get_current_device", lambda: here):
        ptx, _ = cuda.compile(kernel, signature, cc=cc, device=False, abi="numba", output="ptx")
    return ptx


class Resources(NamedTuple):
    """What ptxas reports of a kernel."""

    registers: int
    stack: int  # bytes of each thread
    spills: int  # bytes stored and loaded


def resources(ptx, cc):
    """Assemble the PTX of one kernel for a compute capability, and return its Resources."""
    try:
        from cuda.bindings import nvjitlink
    except ImportError as reason:
        raise ImportError(MISSING) from reason
    arch = f"-arch=sm_{cc[0]}{cc[1]}"
    handle = nvjitlink.create(3, [arch, "-verbose", "-Xptxas=-v"])
    try:
        code = ptx.encode()
        nvjitlink.add_data(handle, nvjitlink.InputType.PTX, code, len(code), "kernel")
        nvjitlink.complete(handle)
        log = bytearray(nvjitlink.get_info_log_size(handle))
        nvjitlink.get_info_log(handle, log)
    finally:
        nvjitlink.destroy(handle)

    def total(pattern):
        return sum(map(int, re.findall(pattern, log.decode())))

    return Resources(
        total(r"Used (\d+) registers"),
        total(r"(\d+) bytes stack frame"),
        total(r"(\d+) bytes spill"),
    )
