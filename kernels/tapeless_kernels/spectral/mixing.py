"""Complex products of channels, mode by mode, and their transposes.

x is (waves, 2, row, batch, n_in), out the same with n_out, as `modes.py` has them, and weights (modes, 2, n_in, n_out):
real and imaginary parts apart, so that a vector holds channels.
"""

import functools

import numpy as np
from numba import types
from numba.extending import intrinsic

from .._jit import kernel, separate
from ..ieee import fma
from ..vector_ir import Loop, Vectors, int64, vector_bytes

Real = np.float64
ROWS = 4
COLUMN_VECTORS = (
    2 if vector_bytes() == 64 else 1
)  # 16 accumulators of AVX-512's 32 registers, 8 of AVX2's 16
# Whose conjugate is taken.
PLAIN, OF_A, OF_B = range(3)
# What `bindings` gives a meaning for each dtype:
complex_block = turn_square = None
ITEM = VECTOR = 1


@separate
def complex_multiply(
    a, a_at, a_part, a_row, a_k, b, b_at, b_part, b_row, out, out_at, out_part, out_row, n_rows, n_k,
    n_columns, conjugate,
):  # fmt: skip
    """out[r, c] = sum_k a[r, k] b[k, c] of complex numbers whose imaginary parts lie *_part behind the real ones.

    `conjugate` is PLAIN, OF_A or OF_B.
    """
    sign_a = Real(-1) if conjugate == OF_A else Real(1)
    sign_b = Real(-1) if conjugate == OF_B else Real(1)
    for r in range(n_rows):
        for c in range(n_columns):
            re, im = Real(0), Real(0)
            for k in range(n_k):
                a_k_at, b_k_at = a_at + r * a_row + k * a_k, b_at + k * b_row + c
                x, y = a[a_k_at], sign_a * a[a_k_at + a_part]
                u, v = b[b_k_at], sign_b * b[b_k_at + b_part]
                re = fma(-y, v, fma(x, u, re))
                im = fma(y, u, fma(x, v, im))
            at = out_at + r * out_row + c
            out[at], out[at + out_part] = re, im


@separate
def complex_multiply_blocks(
    a, a_at, a_part, a_row, a_k, b, b_at, b_part, b_row, out, out_at, out_part, out_row, n_rows, n_k,
    n_columns, conjugate,
):  # fmt: skip
    """`complex_multiply` in register blocks."""
    a_data, b_data = a.ctypes.data + a_at * ITEM, b.ctypes.data + b_at * ITEM
    out_data = out.ctypes.data + out_at * ITEM
    step = COLUMN_VECTORS * VECTOR
    for c in range(0, n_columns, step):
        n, at = min(step, n_columns - c), c * ITEM
        vectors = (n + VECTOR - 1) // VECTOR
        for r in range(0, n_rows, ROWS):
            shape = (min(ROWS, n_rows - r) - 1) * COLUMN_VECTORS + vectors - 1
            complex_block(
                shape * 3 + conjugate,
                a_data + r * a_row * ITEM, a_part * ITEM, a_row * ITEM, a_k * ITEM,
                b_data + at, b_part * ITEM, b_row * ITEM,
                out_data + r * out_row * ITEM + at, out_part * ITEM, out_row * ITEM, n_k, n,
            )  # fmt: skip


def _emit(v, rows, vectors, arguments, conjugate):
    """Emit the block for fixed numbers of rows and vectors of columns."""
    a, a_part, a_row, a_k, b, b_part, b_row, out, out_part, out_row, n_k, n_columns = arguments
    builder = v.builder
    masks = [None] * vectors
    masks[-1] = v.first_columns(n_columns, (vectors - 1) * v.width)

    def behind(base, stride, i):
        return builder.add(base, builder.mul(int64(i), stride))

    def negative(x):
        return builder.fneg(x)

    places = [(r, c) for r in range(rows) for c in range(vectors)]
    zeros = [v.constant(0)] * (2 * len(places))
    with Loop(builder, n_k, [a, b, *zeros]) as loop:
        a_at, b_at, *sums = loop.values
        columns = []
        for c in range(vectors):
            at = builder.add(b_at, int64(c * v.bytes))
            u, w = v.load(at, masks[c]), v.load(builder.add(at, b_part), masks[c])
            columns.append((u, negative(w) if conjugate == OF_B else w))
        for r in range(rows):
            at = behind(a_at, a_row, r)
            x, y = v.broadcast(at), v.broadcast(builder.add(at, a_part))
            y = negative(y) if conjugate == OF_A else y
            for c, (u, w) in enumerate(columns):
                i = 2 * (r * vectors + c)
                sums[i] = v.fma(negative(y), w, v.fma(x, u, sums[i]))
                sums[i + 1] = v.fma(y, u, v.fma(x, w, sums[i + 1]))
        loop.carry = [builder.add(a_at, a_k), builder.add(b_at, b_row), *sums]
    sums = loop.results[2:]
    for i, (r, c) in enumerate(places):
        at = builder.add(behind(out, out_row, r), int64(c * v.bytes))
        for total, address in zip(
            sums[2 * i : 2 * i + 2], (at, builder.add(at, out_part)), strict=True
        ):
            v.store(total, address, masks[c])


@functools.cache
def make_complex_block(itemsize):
    """Return an intrinsic for one block of `complex_multiply`, strides in bytes; `case` picks shape and conjugate."""

    @intrinsic
    def complex_block(
        typing, case, a, a_part, a_row, a_k, b, b_part, b_row, out, out_part, out_row, n_k, n_columns
    ):  # fmt: skip
        def codegen(context, builder, signature, values):
            done = builder.append_basic_block("done")
            switch = builder.switch(values[0], done)
            i = 0
            for rows in range(1, ROWS + 1):
                for vectors in range(1, COLUMN_VECTORS + 1):
                    for conjugate in (PLAIN, OF_A, OF_B):
                        block = builder.append_basic_block(f"complex_{i}")
                        switch.add_case(int64(i), block)
                        builder.position_at_end(block)
                        _emit(Vectors(builder, itemsize), rows, vectors, values[1:], conjugate)
                        builder.branch(done)
                        i += 1
            builder.position_at_end(done)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 13), codegen

    return complex_block


@kernel
def mix(x, weights, out, places, part, batch, n_in, n_out, first, last):
    """out = x weights in modes first to last - 1; `places` and `part` are of a single field: see `modes.py`."""
    size = n_in * n_out
    for mode in range(first, last):
        of_x, of_out = batch * n_in, batch * n_out
        complex_multiply(
            x, places[mode] * of_x, part * of_x, n_in, 1,
            weights, mode * 2 * size, size, n_out,
            out, places[mode] * of_out, part * of_out, n_out, batch, n_in, n_out, PLAIN,
        )  # fmt: skip


@kernel
def mix_vjp_x(weights, out_bar, x_bar, places, part, batch, n_in, n_out, panel, first, last):
    """x_bar = out_bar weights^H; `panel` takes a mode's weights turned round."""
    size, of_x, of_out = n_in * n_out, batch * n_in, batch * n_out
    for mode in range(first, last):
        for k in range(2):
            turn_matrix(weights, (2 * mode + k) * size, n_out, panel, k * size, n_in, n_in, n_out)
        complex_multiply(
            out_bar, places[mode] * of_out, part * of_out, n_out, 1,
            panel, 0, size, n_in,
            x_bar, places[mode] * of_x, part * of_x, n_in, batch, n_out, n_in, OF_B,
        )  # fmt: skip


@kernel
def mix_vjp_weights(x, out_bar, weights_bar, places, part, batch, n_in, n_out, first, last):
    """weights_bar = x^H out_bar, summed over the batch."""
    size, of_x, of_out = n_in * n_out, batch * n_in, batch * n_out
    for mode in range(first, last):
        complex_multiply(
            x, places[mode] * of_x, part * of_x, 1, n_in,
            out_bar, places[mode] * of_out, part * of_out, n_out,
            weights_bar, mode * 2 * size, size, n_out, n_in, batch, n_out, OF_A,
        )  # fmt: skip


@kernel
def turn_matrix(a, at, a_row, out, out_at, out_row, n_rows, n_columns):
    """out[c, r] = a[r, c]."""
    for r in range(n_rows):
        for c in range(n_columns):
            out[out_at + c * out_row + r] = a[at + r * a_row + c]


@kernel
def turn_matrix_blocks(a, at, a_row, out, out_at, out_row, n_rows, n_columns):
    """`turn_matrix` by squares of a vector's size."""
    whole_rows, whole = n_rows // VECTOR * VECTOR, n_columns // VECTOR * VECTOR
    source, target = a.ctypes.data + at * ITEM, out.ctypes.data + out_at * ITEM
    for c in range(0, whole, VECTOR):
        for r in range(0, whole_rows, VECTOR):
            turn_square(
                source + (r * a_row + c) * ITEM, a_row * ITEM,
                target + (c * out_row + r) * ITEM, out_row * ITEM,
            )  # fmt: skip
        for r in range(whole_rows, n_rows):
            for i in range(c, c + VECTOR):
                out[out_at + i * out_row + r] = a[at + r * a_row + i]
    for c in range(whole, n_columns):
        for r in range(n_rows):
            out[out_at + c * out_row + r] = a[at + r * a_row + c]


@functools.cache
def make_turn_square(itemsize):
    """Return an intrinsic that transposes VECTOR rows of VECTOR numbers, all by address."""

    @intrinsic
    def turn_square(typing, a, a_row, out, out_row):
        def codegen(context, builder, signature, values):
            a, a_row, out, out_row = values
            v = Vectors(builder, itemsize)
            places = [int64(i) for i in range(v.width)]
            rows = [v.load(builder.add(a, builder.mul(i, a_row))) for i in places]
            for i, row in zip(places, v.turn(rows), strict=True):
                v.store(row, builder.add(out, builder.mul(i, out_row)))
            return context.get_dummy_value()

        return types.void(*[types.int64] * 4), codegen

    return turn_square


def bindings(itemsize):
    """Return what the names of this file mean for one float type on the host."""
    return {
        "complex_block": make_complex_block(itemsize),
        "complex_multiply": complex_multiply_blocks,
        "turn_square": make_turn_square(itemsize),
        "turn_matrix": turn_matrix_blocks,
        "ITEM": itemsize,
        "VECTOR": vector_bytes() // itemsize,
    }
