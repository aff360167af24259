"""A register-blocked matrix product as explicit vector IR, in a Numba intrinsic."""

import functools

import llvmlite.binding
import numba as nb
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

INT32, INT64 = ir.IntType(32), ir.IntType(64)
# 16 sums in the 32 registers of AVX-512, 8 in the 16 of AVX2: both hide the latency of fma.
AVX512 = llvmlite.binding.get_host_cpu_features().get("avx512f", False)
LANES = {"float32": 16, "float64": 8} if AVX512 else {"float32": 8, "float64": 4}
ELEMENTS = {"float32": (ir.FloatType(), "f32"), "float64": (ir.DoubleType(), "f64")}


def emit(builder, arguments, n_rows, n_vectors, dtype):
    """Emit the loop over k, with n_rows x n_vectors accumulators in registers."""
    a, a_stride, w, w_stride, bias, out, out_stride, n = arguments
    lanes, itemsize = LANES[dtype], np.dtype(dtype).itemsize
    element, suffix = ELEMENTS[dtype]
    vector = ir.VectorType(element, lanes)
    undefined = ir.Constant(vector, ir.Undefined)
    first_lane = ir.Constant(ir.VectorType(INT32, lanes), [0] * lanes)
    name = f"llvm.fma.v{lanes}{suffix}"
    fma = builder.module.globals.get(name) or ir.Function(
        builder.module, ir.FunctionType(vector, [vector] * 3), name
    )

    def at(address, row, stride, column=0):
        offset = builder.mul(ir.Constant(INT64, row), stride)
        in_row = ir.Constant(INT64, column * lanes * itemsize)
        return builder.add(builder.add(address, offset), in_row)

    def load_vector(address):
        loaded = builder.load(builder.inttoptr(address, vector.as_pointer()))
        loaded.align = itemsize
        return loaded

    def load_broadcast(address):
        scalar = builder.load(builder.inttoptr(address, element.as_pointer()))
        one = builder.insert_element(undefined, scalar, ir.Constant(INT32, 0))
        return builder.shuffle_vector(one, undefined, first_lane)

    zero, one = ir.Constant(INT64, 0), ir.Constant(INT64, 1)
    start = [load_vector(at(bias, 0, zero, c)) for c in range(n_vectors)]
    before = builder.block
    loop, after = builder.append_basic_block("k"), builder.append_basic_block("end")
    builder.branch(loop)

    builder.position_at_end(loop)
    k = builder.phi(INT64)
    sums = [[builder.phi(vector) for _ in range(n_vectors)] for _ in range(n_rows)]
    w_row = builder.add(w, builder.mul(k, w_stride))
    weights = [load_vector(at(w_row, 0, zero, c)) for c in range(n_vectors)]
    a_column = builder.add(a, builder.mul(k, ir.Constant(INT64, itemsize)))
    updated = []
    for r in range(n_rows):
        scale = load_broadcast(at(a_column, r, a_stride))
        updated.append(
            [builder.call(fma, [scale, weights[c], sums[r][c]]) for c in range(n_vectors)]
        )
    k_next = builder.add(k, one)
    k.add_incoming(zero, before)
    k.add_incoming(k_next, loop)
    for r in range(n_rows):
        for c in range(n_vectors):
            sums[r][c].add_incoming(start[c], before)
            sums[r][c].add_incoming(updated[r][c], loop)
    builder.cbranch(builder.icmp_signed("<", k_next, n), loop, after)

    builder.position_at_end(after)
    for r in range(n_rows):
        for c in range(n_vectors):
            address = builder.inttoptr(at(out, r, out_stride, c), vector.as_pointer())
            builder.store(updated[r][c], address).align = itemsize


def make_block(n_rows, n_vectors, dtype):
    """Return kernel(a, a_stride, w, w_stride, bias, out, out_stride, n): out = a w + bias.

    Addresses and strides are in bytes; out is n_rows x (n_vectors LANES), n the length of the sum.
    """

    @intrinsic
    def block(typing_context, a, a_stride, w, w_stride, bias, out, out_stride, n):
        def generate(context, builder, signature, arguments):
            emit(builder, arguments, n_rows, n_vectors, dtype)
            return context.get_dummy_value()

        return types.void(*[types.intp] * 8), generate

    return block


@functools.cache
def make_dense(fan_out, dtype):
    """Return dense(x, weight, bias, out); fan_out is a multiple of the lanes, the batch of 8."""
    itemsize = np.dtype(dtype).itemsize
    vectors, remainder = divmod(fan_out, LANES[dtype])
    if remainder:
        raise ValueError(f"fan_out {fan_out} is no multiple of {LANES[dtype]}")
    n_vectors = next(n for n in (4 if AVX512 else 2, 2, 1) if vectors % n == 0)
    n_rows = min(8, (16 if AVX512 else 8) // n_vectors)
    width = n_vectors * LANES[dtype]
    block = make_block(n_rows, n_vectors, dtype)

    @nb.njit
    def dense(x, weight, bias, out):
        batch, fan_in = x.shape
        in_stride, out_stride = fan_in * itemsize, fan_out * itemsize
        for j in range(0, fan_out, width):
            for i in range(0, batch, n_rows):
                block(
                    x.ctypes.data + i * in_stride,
                    in_stride,
                    weight.ctypes.data + j * itemsize,
                    out_stride,
                    bias.ctypes.data + j * itemsize,
                    out.ctypes.data + i * out_stride + j * itemsize,
                    out_stride,
                    fan_in,
                )

    return dense
