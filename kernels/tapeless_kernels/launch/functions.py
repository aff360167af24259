"""Functions of the user's as fields of one trajectory: C functions by their address, and Numba functions."""

import itertools
import weakref

import numpy as np
from numba import typeof, types
from numba.extending import intrinsic, overload

from .._jit import users_callback, users_helper
from ..field_abi import Field, address_of, array_at, call_address, field_signature
from .cpu import family

RAISED, WRONG_SHAPE = 1, 2  # what an adapted Numba function returns instead of 0
_LABELS = itertools.count()  # two adaptors in one process must not share a symbol


# ---------------------------------------------------------------- C functions of one trajectory


def scalar_field(t, y, theta, theta_stride, cache, dy, lane_status, context, dim, lanes):
    """The field of a C function: its address, its parameters' and its data are the context."""
    return call_address(context[0], t[0], y, dy, context[1], context[2])


def scalar_field_of_void(t, y, theta, theta_stride, cache, dy, lane_status, context, dim, lanes):
    """The field of a C function that returns nothing."""
    call_address(context[0], t[0], y, dy, context[1], context[2])
    return 0


class ScalarField:
    """A C function of one trajectory as a field of float64."""

    def __init__(self, address, params, data, returns, keep=None):
        function = scalar_field if returns else scalar_field_of_void
        kernels = family(np.dtype(np.float64), 1)
        self._keep = params, keep
        self._context = np.array([address, params.ctypes.data, data], np.int64)
        address = kernels.address(function, field_signature(types.float64))
        self.field, self.n_cache = Field(address, 0, self._context.ctypes.data, 0), 0


class TileField:
    """A C function of include/tapeless.h's field type, which keeps nothing in a cache."""

    def __init__(self, address, keep=None):
        self._keep = keep
        self.field, self.n_cache = Field(address, 0, 0, 0), 0


# ---------------------------------------------------------------- Numba functions


def _write(out, values):
    """Copy what a function returned into the slope; return whether it fits."""


@overload(_write)
def _overload_write(out, values):
    if isinstance(values, (types.Array, types.UniTuple, types.List, types.ListType)):
        if isinstance(values, types.Array) and values.ndim != 1:
            return lambda out, values: False

        def write(out, values):
            if len(values) != len(out):
                return False
            for i in range(len(out)):
                out[i] = values[i]
            return True

        return write
    if isinstance(values, types.Tuple):
        n = len(values)

        def write_mixed(out, values):
            if len(out) != n:
                return False
            array = np.array(values)
            for i in range(n):
                out[i] = array[i]
            return True

        return write_mixed
    if isinstance(values, types.Number):

        def write_scalar(out, values):
            out[0] = values
            return len(out) == 1

        return write_scalar
    return lambda out, values: False


def _stored(kind):
    """Return functions that put a value of a Numba type at an address, take it from there, and let it go."""

    @intrinsic
    def put(typing, address, value):
        def codegen(context, builder, signature, values):
            context.nrt.incref(builder, kind, values[1])
            data = context.get_data_type(kind)
            packed = context.data_model_manager[kind].as_data(builder, values[1])
            builder.store(packed, builder.inttoptr(values[0], data.as_pointer()))
            return context.get_dummy_value()

        return types.void(types.int64, kind), codegen

    def load(context, builder, address):
        data = context.get_data_type(kind)
        packed = builder.load(builder.inttoptr(address, data.as_pointer()))
        return context.data_model_manager[kind].from_data(builder, packed)

    @intrinsic
    def get(typing, address):
        def codegen(context, builder, signature, values):
            value = load(context, builder, values[0])
            context.nrt.incref(builder, kind, value)
            return value

        return kind(types.int64), codegen

    @intrinsic
    def let_go(typing, address):
        def codegen(context, builder, signature, values):
            context.nrt.decref(builder, kind, load(context, builder, values[0]))
            return context.get_dummy_value()

        return types.void(types.int64), codegen

    return put, get, let_go


class _Adaptor:
    """A Numba function compiled as a field, for arguments of certain types."""

    def __init__(self, function, args, dtype, in_place):
        kind = typeof(args)
        put, get, let_go = _stored(kind)
        scalar, real = dtype.type, np.finfo(dtype).dtype
        parts = 2 if dtype.kind == "c" else 1

        if in_place:

            def evaluate(t, y, args, dy):
                function(*((t, y) + args + (dy,)))  # noqa: RUF005
                return True

        else:

            def evaluate(t, y, args, dy):
                return _write(dy, function(*((t, y) + args)))  # noqa: RUF005

        evaluate = users_helper(evaluate)

        def field(t, y, theta, theta_stride, cache, dy, lane_status, context, dim, lanes):
            state = array_at(address_of(cache), scalar, (dim // parts,))
            given = array_at(address_of(y), scalar, (dim // parts,))
            slope = array_at(address_of(dy), scalar, (dim // parts,))
            for i in range(len(state)):  # the function may write to what it is given
                state[i] = given[i]
            args = get(address_of(context))
            try:
                fits = evaluate(t[0], state, args, slope)
            except Exception:
                return RAISED
            return 0 if fits else WRONG_SHAPE

        field.__name__ = field.__qualname__ = f"user_field_{next(_LABELS)}"
        signature = field_signature(types.float32 if real.itemsize == 4 else types.float64)
        self.callback = users_callback(field, signature)
        self.put = users_helper(lambda address, args: put(address, args), types.int64, kind)
        self.let_go = users_helper(lambda address: let_go(address), types.int64)
        self.n_bytes = _size_of(kind)


def _size_of(kind):
    from numba.core.registry import cpu_target

    context = cpu_target.target_context
    return context.get_abi_sizeof(context.get_data_type(kind))


_ADAPTORS = weakref.WeakKeyDictionary()


def adaptor(function, args, dtype, in_place):
    """Return the adaptor of a Numba function for arguments like `args`, compiled on first use."""
    made = _ADAPTORS.get(function)
    if made is None:
        made = _ADAPTORS[function] = {}
    key = args and typeof(args), dtype, in_place
    if key not in made:
        made[key] = _Adaptor(function, args, dtype, in_place)
    return made[key]


class NumbaField:
    """A Numba function f(t, y, *args), or f(t, y, *args, dy), as a field."""

    def __init__(self, function, args, dtype, dim, in_place):
        adapted = adaptor(function, args, dtype, in_place)
        self._keep, context = adapted, 0
        if args:
            memory = np.zeros(adapted.n_bytes // 8 + 2, np.int64)
            context = memory.ctypes.data
            adapted.put(context, args)
            self._keep = adapted, args, memory  # whose memory is read
            release = weakref.finalize(self, adapted.let_go, context)
            release.atexit = False
        self.field, self.n_cache = Field(adapted.callback.address, 0, context, 0), dim
