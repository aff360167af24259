"""How kernels reach the tangents of a vector field: a C function pointer and a context, as the field itself."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .field_abi import typed_call


def field_tangents_signature(real):
    """t, y, theta, theta_stride, cache, t_dot, y_dot, theta_dot, dy_dot, context, n, dim, lanes.

    The tangents are n of each kind, one after the other: t_dot (n, lanes), y_dot and dy_dot (n, dim, lanes), and
    theta_dot (n, n_params), or (n, n_params, lanes) where theta_stride is not 0. `cache` is what the field
    has kept at this t and y. Whether there is a theta_dot the context says: without one it is not read.
    """
    p, i = types.CPointer(real), types.int64
    return types.int32(p, p, p, i, p, p, p, p, p, types.CPointer(i), i, i, i)


@intrinsic
def call_field_jvp(typing, tangent, t, y, theta, cache, t_dot, y_dot, theta_dot, dy_dot):
    """dy_dot = the derivatives of f(t, y, theta) along the directions (t_dot, y_dot, theta_dot).

    `tangent` is a Field of the tangent's address; t_dot (n * lanes,) says how many directions there are, and rows
    of y_dot and dy_dot beyond n * dim are left alone.
    """
    arrays = (t, y, theta, cache, t_dot, y_dot, theta_dot, dy_dot)
    if any(not isinstance(x, types.Array) or x.layout != "C" for x in arrays):
        return None  # a strided view would be read as if it were contiguous

    def codegen(context, builder, signature, values):
        byte = ir.IntType(8).as_pointer()
        tangent, *values = values
        address, ctx, stride = (builder.extract_value(tangent, i) for i in (0, 2, 3))
        made = [
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args[1:], values, strict=True)
        ]
        data = [builder.bitcast(array.data, byte) for array in made]
        dim, lanes = cgutils.unpack_tuple(builder, made[1].shape)
        n = builder.udiv(builder.extract_value(made[4].shape, 0), lanes)
        arguments = [*data[:3], stride, *data[3:], builder.inttoptr(ctx, byte), n, dim, lanes]
        kind = ir.FunctionType(ir.IntType(32), [x.type for x in arguments])
        return builder.call(builder.inttoptr(address, kind.as_pointer()), arguments)

    return types.int32(tangent, *arrays), codegen


def vjp_along_signature(real):
    """t, y, theta, theta_stride, cache, dy_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot, context, dim, lanes.

    The transpose at a fixed dy_bar, and its derivative along y_dot: y_bar is what the transpose returns, y_bar_dot that
    changes by, and to theta_bar_dot is added what that which the transpose adds to theta_bar changes by.
    """
    p, i = types.CPointer(real), types.int64
    return types.int32(p, p, p, i, *[p] * 6, types.CPointer(i), i, i)


@intrinsic
def call_vjp_along(
    typing, along, t, y, theta, cache, dy_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot
):
    """y_bar = (df/dy)^T dy_bar; y_bar_dot is its derivative along y_dot, theta_bar_dot += that of (df/dtheta)^T dy_bar.

    `along` is a Field of that function's address; `cache` is what the field has kept at this t and y, and dy_bar may
    be written to.
    """
    return typed_call(
        along, (t, y, theta, cache, dy_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot), 0
    )
