"""Threads of the CUDA kernels on a core: the same code objects, compiled with a `cuda` that is not NVIDIA's.

What a thread finds in local memory before it has written there is NaN, or -1: nothing may depend on it. There are no
barriers, which the kernels of one trajectory a thread do without.
"""

import itertools
from types import ModuleType

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from .._jit import Family, inlined, pasted

_LABELS = itertools.count()  # two kernels in one process must not share a symbol
_THREAD = np.zeros(2, np.int64)  # the running thread, and how many there are


@intrinsic
def _number(typing, which):
    """Return a number of `_THREAD`, by its address."""

    def codegen(context, builder, signature, values):
        word = ir.IntType(64)
        at = builder.add(ir.Constant(word, _THREAD.ctypes.data), builder.mul(values[0], word(8)))
        return builder.load(builder.inttoptr(at, word.as_pointer()))

    return types.int64(types.int64), codegen


@pasted
def grid(dimensions):
    """Return the number of the thread."""
    return _number(0)


@pasted
def gridsize(dimensions):
    """Return how many threads there are."""
    return _number(1)


@intrinsic(prefer_literal=True)
def array(typing, shape, dtype):
    """Return an array on the stack, filled with ones bit by bit: NaN."""
    lengths = shape if isinstance(shape, types.BaseTuple) else (shape,)
    if not all(isinstance(n, types.IntegerLiteral) for n in lengths):
        return None
    lengths = [n.literal_value for n in lengths]
    kind = types.Array(dtype.dtype, len(lengths), "C")

    def codegen(context, builder, signature, values):
        item = context.get_data_type(kind.dtype)
        itemsize, word = context.get_abi_sizeof(item), context.get_value_type(types.intp)
        count = int(np.prod(lengths))
        data = cgutils.alloca_once(builder, item, size=word(count))
        cgutils.memset(builder, data, word(count * itemsize), 0xFF)
        strides = itemsize * np.cumprod([1, *lengths[:0:-1]])[::-1]
        made = context.make_array(kind)(context, builder)
        populate_array(
            made, data=data, shape=[word(n) for n in lengths], strides=[word(int(n)) for n in strides],
            itemsize=word(itemsize), meminfo=None,
        )  # fmt: skip
        return made._getvalue()

    return kind(shape, dtype), codegen


cuda = ModuleType("cuda")
cuda.grid, cuda.gridsize, cuda.local = grid, gridsize, ModuleType("local")
cuda.local.array = array


def device(function, inline):
    """Compile what is called by a kernel."""
    return pasted(function) if inline is pasted else inlined(function)


def bindings():
    """Return what `cuda` means; the names of ieee.py keep their meaning on a core."""
    return {"cuda": cuda}


def entry(function):
    """Return a kernel to be launched as one of CUDA's is."""
    return _Launcher(function)


class _Launcher:
    """A kernel whose threads run one after another, in any order."""

    def __init__(self, function, order=None):
        self._function, self._order = function, order
        self._kernel = Family(f"stand_in_{next(_LABELS)}", {"LANES": 1}, {})(function)

    def __getitem__(self, configuration):
        blocks, threads = configuration[:2]

        def launch(*arguments):
            _THREAD[1] = blocks * threads
            order = np.arange(blocks * threads)
            for thread in order if self._order is None else self._order(order):
                _THREAD[0] = thread
                self._kernel(*arguments)

        return launch

    def ordered(self, order):
        """Return the same kernel with another order of its threads, `order` of their numbers."""
        other = object.__new__(_Launcher)
        other._function, other._order, other._kernel = self._function, order, self._kernel
        return other
