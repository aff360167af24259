"""How kernels reach a vector field: two C function pointers and a context, as include/tapeless.h declares them."""

from typing import NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array


class Field(NamedTuple):
    """The addresses of a field and of its transpose (0 if there is none), and what both are given."""

    address: int
    vjp_address: int
    context: int
    theta_stride: int


@intrinsic
def pointer_like(typing, address, pointer):
    """Return an integer address as a pointer of another pointer's type."""
    return pointer(
        types.int64, pointer
    ), lambda context, builder, signature, values: builder.inttoptr(values[0], values[1].type)


@intrinsic
def array_at(typing, address, dtype, shape):
    """Return the array of this dtype and shape, a tuple, at an address; it owns nothing."""
    kind = types.Array(dtype.dtype, len(shape), "C")

    def codegen(context, builder, signature, values):
        item = context.get_value_type(dtype.dtype)
        data = builder.inttoptr(values[0], item.as_pointer())
        lengths = cgutils.unpack_tuple(builder, values[2])
        itemsize = context.get_constant(types.intp, context.get_abi_sizeof(item))
        strides = [itemsize]
        for length in lengths[:0:-1]:
            strides.insert(0, builder.mul(strides[0], length))
        array = context.make_array(kind)(context, builder)
        populate_array(
            array, data=data, shape=lengths, strides=strides, itemsize=itemsize, meminfo=None
        )
        return array._getvalue()

    return kind(types.int64, dtype, shape), codegen


@intrinsic
def address_of(typing, pointer):
    """Return a pointer as an integer."""
    return types.int64(pointer), lambda context, builder, signature, values: builder.ptrtoint(
        values[0], ir.IntType(64)
    )


@intrinsic
def data_of(typing, array):
    """Return the address of an array's first number."""

    def codegen(context, builder, signature, values):
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        return builder.ptrtoint(data, ir.IntType(64))

    return types.int64(array), codegen


@intrinsic
def call_address(typing, address, *arguments):
    """Return what the C function at an address returns, an int32, for these arguments."""

    def codegen(context, builder, signature, values):
        arguments = cgutils.unpack_tuple(builder, values[1])
        kind = ir.FunctionType(ir.IntType(32), [value.type for value in arguments])
        return builder.call(builder.inttoptr(values[0], kind.as_pointer()), arguments)

    return types.int32(address, types.StarArgTuple.from_types(arguments)), codegen


def field_signature(real):
    """t, y, theta, theta_stride, cache, dy, lane_status, context, dim, lanes."""
    p, i, bytes_ = types.CPointer(real), types.int64, types.CPointer(types.uint8)
    return types.int32(p, p, p, i, p, p, bytes_, types.CPointer(i), i, i)


def field_vjp_signature(real):
    """t, y, theta, theta_stride, cache, dy_bar, y_bar, t_bar, theta_bar, context, dim, lanes."""
    p, i = types.CPointer(real), types.int64
    return types.int32(p, p, p, i, p, p, p, p, p, types.CPointer(i), i, i)


def field_jvp_signature(real):
    """t, y, theta, theta_stride, cache, t_dot, y_dot, theta_dot, dy, dy_dot, context, dim, lanes."""
    p, i = types.CPointer(real), types.int64
    return types.int32(p, p, p, i, p, p, p, p, p, p, types.CPointer(i), i, i)


def field_vjp_jvp_signature(real):
    """As `fields/tangent_vjp.py` names them: what a network's transpose and its tangent are given, and return."""
    p, i = types.CPointer(real), types.int64
    return types.int32(p, p, p, i, *[p] * 13, types.CPointer(i), i, i)


def _call(context, builder, signature, values, which):
    """Emit the call of field[which] on the arrays that follow it, y's shape giving dim and lanes."""
    byte = ir.IntType(8).as_pointer()
    field, *values = values
    address, ctx, stride = (builder.extract_value(field, i) for i in (which, 2, 3))
    arrays = [
        context.make_array(kind)(context, builder, value)
        for kind, value in zip(signature.args[1:], values, strict=True)
    ]
    data = [builder.bitcast(array.data, byte) for array in arrays]
    dim, lanes = (builder.extract_value(arrays[1].shape, i) for i in (0, 1))
    arguments = [*data[:3], stride, *data[3:], builder.inttoptr(ctx, byte), dim, lanes]
    kind = ir.FunctionType(ir.IntType(32), [x.type for x in arguments])
    return builder.call(builder.inttoptr(address, kind.as_pointer()), arguments)


def typed_call(field, arrays, which):
    """Return the signature and the code of a call of field[which] on these arrays."""
    if any(not isinstance(x, types.Array) or x.layout != "C" for x in arrays):
        return None  # a strided view would be read as if it were contiguous
    return types.int32(field, *arrays), lambda *parts: _call(*parts, which)


@intrinsic
def call_field(typing, field, t, y, theta, cache, dy, lane_status):
    """dy = f(t, y, theta) for every lane; fills `cache` with what the transpose needs."""
    return typed_call(field, (t, y, theta, cache, dy, lane_status), 0)


@intrinsic
def call_field_vjp(typing, field, t, y, theta, cache, dy_bar, y_bar, t_bar, theta_bar):
    """y_bar = (df/dy)^T dy_bar, t_bar likewise in each lane, and theta_bar += (df/dtheta)^T dy_bar."""
    return typed_call(field, (t, y, theta, cache, dy_bar, y_bar, t_bar, theta_bar), 1)
