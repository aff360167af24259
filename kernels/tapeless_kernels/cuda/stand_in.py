"""A CUDA device that the CPU plays: to test and to debug host code and kernels where there is no GPU.

It runs the code objects of the kernels under njit, with another meaning for `cuda`: one call for each thread, in any
order. What a thread has not written is NaN. Launches are recorded, memory is limited, and its arrays are of a type of
their own, which like CuPy's does not mix with those of the host.
"""

import itertools
import time
import types as python_types
import weakref
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from .. import activations
from .._jit import Family, inlined, rebind
from ..ieee import bits_of, exact_fma, float_of
from ..launch.python import field_bindings
from .device import THREADS, as_numba, blocks_for

_THREAD = np.zeros(1, np.int64)  # the index of the thread that runs
_ADDRESS = _THREAD.ctypes.data
_LABELS = itertools.count()
ORDERS = ("forward", "reverse", "random")


@intrinsic
def _grid(typing, n_dimensions):
    def generate(context, builder, signature, values):
        integer = ir.IntType(64)
        return builder.load(builder.inttoptr(ir.Constant(integer, _ADDRESS), integer.as_pointer()))

    return types.int64(n_dimensions), generate


@intrinsic(prefer_literal=True)
def _local_array(typing, shape, dtype):
    literals = (shape,) if isinstance(shape, types.Integer) else tuple(shape)
    lengths = [x.literal_value for x in literals]
    array = types.Array(dtype.dtype, len(lengths), "C")

    def generate(context, builder, signature, values):
        item = context.get_abi_sizeof(context.get_data_type(array.dtype))
        strides = [item * int(np.prod(lengths[i + 1 :])) for i in range(len(lengths))]
        n_bytes, byte = item * int(np.prod(lengths)), ir.IntType(8)
        with builder.goto_entry_block():
            room = builder.alloca(ir.ArrayType(ir.IntType(64), -(-n_bytes // 8)))
        data = builder.bitcast(room, byte.as_pointer())
        # All bits are set: NaN, and -1 or 255 in integers.
        cgutils.memset(builder, data, context.get_constant(types.intp, n_bytes), 255)
        made = context.make_array(array)(context, builder)
        arrayobj.populate_array(
            made, builder.bitcast(data, context.get_data_type(array.dtype).as_pointer()),
            [context.get_constant(types.intp, n) for n in lengths],
            [context.get_constant(types.intp, n) for n in strides],
            context.get_constant(types.intp, item), None,
        )  # fmt: skip
        return made._getvalue()

    return array(shape, dtype), generate


def as_it_is(function, inline):
    """Compile nothing."""
    return function


class Compiled:
    """Compiles kernels for the CPU, to be called once for each thread: half a minute for the first call of a solve."""

    @staticmethod
    def compile(function, inline):
        """Compile what kernels call and does not depend on how they are bound."""
        return inlined(function)

    @staticmethod
    def fields(f, f_vjp):
        """Return what puts a field into kernels, as `field_bindings` does."""
        return field_bindings(f, f_vjp, lambda function, inline: inlined(function))

    @staticmethod
    def bindings(dtype):
        """Return the meanings of names that depend on the target."""
        return {**activations.bindings(dtype), "cuda": module_of(_grid, _local_array)}

    @staticmethod
    def entry(kernel, bind, made):
        """Return a kernel, a function of its arguments that is one thread."""
        return Family(f"stand_in{next(_LABELS)}", bind, made)(kernel)


class Plain:
    """Leaves kernels to Python, as `launch.python.PlainKernels` does: some milliseconds for a step."""

    compile = staticmethod(as_it_is)
    fields = staticmethod(lambda f, f_vjp: field_bindings(f, f_vjp, as_it_is))

    @staticmethod
    def bindings(dtype):
        """Return the meanings of names that depend on the target."""
        return {
            "power": activations.bindings(dtype)["power"],
            "fma": exact_fma,
            "to_bits": bits_of,
            "from_bits": float_of,
            "square_root": np.sqrt,
            "cuda": module_of(lambda _: _THREAD[0], plain_array),
        }

    @staticmethod
    def entry(kernel, bind, made):
        """Return a kernel, a function of its arguments that is one thread."""
        return np.errstate(all="ignore")(rebind(kernel, bind, made, as_it_is))


def plain_array(shape, dtype):
    """Return a local array that nothing was written to."""
    array = np.empty(shape, dtype)
    array.view(np.uint8)[...] = 255  # NaN, and -1 or 255 in integers
    return array


def module_of(grid, local_array):
    """Return what `cuda` means."""
    cuda, cuda.local = python_types.ModuleType("cuda"), python_types.ModuleType("cuda.local")
    cuda.grid, cuda.local.array = grid, local_array
    return cuda


class OutOfMemory(MemoryError):
    """An allocation was larger than what is left, as with CuPy."""


class OnDevice(np.ndarray):
    """An array of the stand-in; it does not mix with arrays of the host."""

    def __getitem__(self, index):
        found = super().__getitem__(index)
        return np.asarray(found).view(type(self)) if isinstance(found, np.generic) else found

    def __setitem__(self, index, value):
        if type(value) is np.ndarray and value.ndim > 0:
            raise TypeError("an array on the host is put into one on the device")
        super().__setitem__(index, value)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        for x in (*inputs, *(out or ())):
            if type(x) is np.ndarray and x.ndim > 0:
                raise TypeError(f"{ufunc.__name__} of an array on the device and one on the host")
        inputs = [x.view(np.ndarray) if isinstance(x, OnDevice) else x for x in inputs]
        if out is not None:
            options["out"] = tuple(x.view(np.ndarray) for x in out)
        found = getattr(ufunc, method)(*inputs, **options)
        return np.asarray(found).view(type(self))


def no_cuda_c(code, options, name_expressions):
    """Complain: what runs CUDA C on the CPU is with the tests, and not in the package."""
    raise NotImplementedError(
        "a StandIn runs kernels in Python; one in CUDA C, say that of networks, needs a Device, or a StandIn with a "
        "`raw_module` that has the CPU run it"
    )


class Launch(NamedTuple):
    """One launch, as it was recorded."""

    kernel: str
    blocks: int
    threads: int
    stream: object
    arguments: tuple  # (dtype, shape) of arrays, others as they are


class StandIn:
    """A device of so many bytes; threads run forward, in reverse, or in a random order.

    Attributes
    ----------
    launches : list of Launch
        What was launched.
    peak : int
        The most bytes that were in use.
    """

    xp, index = np, 0

    def __init__(
        self, memory=1 << 30, order="forward", seed=0, *, target=Plain, stream=None, raw_module=None
    ):
        self.memory, self.order, self.target, self.stream = memory, order, target, stream
        self.raw_module = no_cuda_c if raw_module is None else raw_module
        self.launches, self.used, self.peak, self.n_given_back = [], 0, 0, 0
        self._rng = np.random.default_rng(seed)

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        pass

    def holds(self, x):
        """Return whether x is on the device."""
        return isinstance(x, OnDevice)

    def elsewhere(self, x):
        """Return None: there is one such device."""
        return None

    def array(self, x, dtype=None):
        """Return x on the device, contiguous: a copy if it is on the host, or of another layout or dtype."""
        if self.holds(x) and (dtype is None or x.dtype == dtype) and x.flags.c_contiguous:
            return x
        found = self.empty(np.shape(x), np.asarray(x).dtype if dtype is None else dtype)
        found.view(np.ndarray)[...] = x
        return found

    def host(self, x):
        """Return a copy of x on the host; x itself if it is there."""
        return np.array(x.view(np.ndarray)) if self.holds(x) else x

    def empty(self, shape, dtype):
        """Return an array filled with what shows if it is read; a MemoryError if there is no room."""
        found = np.empty(shape, dtype)
        if self.used + found.nbytes > self.memory:
            raise OutOfMemory(f"out of memory allocating {found.nbytes} bytes of {self.memory}")
        found.view(np.uint8)[...] = 255
        self.used += found.nbytes
        self.peak = max(self.peak, self.used)
        weakref.finalize(found, self._free, found.nbytes)
        return found.view(OnDevice)

    def full(self, shape, value, dtype):
        """Return an array of one value."""
        found = self.empty(shape, dtype)
        found.view(np.ndarray)[...] = value
        return found

    def zeros(self, shape, dtype):
        """Return an array of zeros."""
        return self.full(shape, 0, dtype)

    def copy(self, x):
        """Return a copy of an array on the device."""
        found = self.empty(x.shape, x.dtype)
        found[...] = x
        return found

    def _free(self, n_bytes):
        self.used -= n_bytes

    def free_bytes(self):
        """Return the bytes that can be had."""
        return self.memory - self.used

    def shared_bytes(self):
        """Return the bytes of shared memory that a block may have: those of compute capability 9.0."""
        return 227 * 1024

    def give_back(self):
        """Do nothing: there is no pool."""
        self.n_given_back += 1

    def launch(self, kernel, n, arguments):
        """Run a kernel's threads one after the other, those beyond n in the last block too."""
        signature = tuple(as_numba(x, lambda x: (x.dtype.name, x.shape)) for x in arguments)
        blocks = blocks_for(n)
        name = kernel.__name__.partition("_stand_in")[0]
        self.launches.append(Launch(name, blocks, THREADS, self.stream, signature))
        arguments = [as_numba(x, self._checked) for x in arguments]
        threads = np.arange(blocks * THREADS)
        if self.order == "random":
            self._rng.shuffle(threads)
        for thread in threads[::-1] if self.order == "reverse" else threads:
            _THREAD[0] = thread
            kernel(*arguments)

    @staticmethod
    def _checked(x):
        if not isinstance(x, OnDevice):
            raise TypeError("a kernel was given an array on the host")
        if not x.flags.c_contiguous:
            raise TypeError(
                "a kernel was given an array that is not contiguous: it would be compiled once more"
            )
        return x.view(np.ndarray)

    def synchronise(self):
        """Do nothing: all is done."""

    def event(self):
        """Return the time now, for what is launched has ended."""
        return time.perf_counter()

    def milliseconds(self, start, end):
        """Return the time between two events: of the CPU's playing, which tells nothing of a GPU's."""
        return 1e3 * (end - start)
