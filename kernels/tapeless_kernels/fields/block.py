"""The register block of every matrix product: rows times vectors of accumulators, one fma chain over k upward."""

import functools

from numba import types
from numba.extending import intrinsic

from ..vector_ir import Loop, Vectors, int64, vector_bytes

MAX_ROWS = 6  # with 4 vectors 24 of AVX-512's 32 registers, with 2 12 of AVX2's 16
VECTORS = 4 if vector_bytes() == 64 else 2
MAX_LINE = 8  # vectors of a single row: so many chains hide the latency of an fma


def _emit(v, rows, vectors, arguments, bias, masked):
    """Emit out[r, c] = start[r, c] + sum_k a[r, k] b[k, c] for fixed numbers of rows and vectors."""
    a, a_row, a_k, b, b_k, start, start_row, out, out_row, n_k, n_columns = arguments
    builder = v.builder
    masks = [None] * vectors
    if masked:  # n_columns end in the last vector
        masks[-1] = v.first_columns(n_columns, (vectors - 1) * v.width)

    def row(base, stride, r):
        return builder.add(base, builder.mul(int64(r), stride))

    def load(base, c):
        return v.load(builder.add(base, int64(c * v.bytes)), masks[c])

    sums = []
    for r in range(rows):
        base = row(start, start_row, r)
        sums += [v.broadcast(base)] * vectors if bias else [load(base, c) for c in range(vectors)]
    with Loop(builder, n_k, [a, b, *sums]) as loop:
        a_at, b_at, *sums = loop.values
        columns = [load(b_at, c) for c in range(vectors)]
        for r in range(rows):
            factor = v.broadcast(row(a_at, a_row, r))
            for c in range(vectors):
                sums[r * vectors + c] = v.fma(factor, columns[c], sums[r * vectors + c])
        loop.carry = [builder.add(a_at, a_k), builder.add(b_at, b_k), *sums]
    sums = loop.results[2:]
    for r in range(rows):
        base = row(out, out_row, r)
        for c in range(vectors):
            v.store(sums[r * vectors + c], builder.add(base, int64(c * v.bytes)), masks[c])


@functools.cache
def make_block(itemsize, shapes, bias=False, masked=False):
    """Return an intrinsic for one block of out = start + a b, all operands by address.

    ::

        block(shape, a, a_row, a_k, b, b_k, start, start_row, out, out_row, n_k, n_columns)

    adds a[r, k] b[k, c] to start[r, c], k upward from 0 to n_k - 1 >= 0; `shape` picks one of
    `shapes`, pairs of rows r and vectors of contiguous columns c. Strides are in bytes. With
    `bias`, start is one value a row. With `masked`, n_columns end somewhere in the last vector, and
    only they are touched.
    """

    @intrinsic
    def block(typing, shape, a, a_row, a_k, b, b_k, start, start_row, out, out_row, n_k, n_columns):
        def codegen(context, builder, signature, values):
            done = builder.append_basic_block("done")
            switch = builder.switch(values[0], done)
            for i, (rows, vectors) in enumerate(shapes):
                case = builder.append_basic_block(f"block_{rows}_{vectors}")
                switch.add_case(int64(i), case)
                builder.position_at_end(case)
                _emit(Vectors(builder, itemsize), rows, vectors, values[1:], bias, masked)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 12), codegen

    return block


@functools.cache
def make_turn(itemsize):
    """Return an intrinsic turn(a, a_row, out, out_row) that transposes VECTOR rows of VECTOR numbers."""

    @intrinsic
    def turn(typing, a, a_row, out, out_row):
        def codegen(context, builder, signature, values):
            a, a_row, out, out_row = values
            v = Vectors(builder, itemsize)
            places = [int64(i) for i in range(v.width)]
            rows = [v.load(builder.add(a, builder.mul(i, a_row))) for i in places]
            for i, row in zip(places, v.turn(rows), strict=True):
                v.store(row, builder.add(out, builder.mul(i, out_row)))
            return context.get_dummy_value()

        return types.void(*[types.int64] * 4), codegen

    return turn


@functools.cache
def make_turned_line(itemsize):
    """Return an intrinsic turned_line(w, w_row, b, out, n) for VECTOR sums out[r] += sum_m w[r, m] b[m].

    m runs upward over n > 0 groups of VECTOR; each square of w is transposed in registers.
    """

    @intrinsic
    def turned_line(typing, w, w_row, b, out, n):
        def codegen(context, builder, signature, values):
            w, w_row, b, out, n = values
            v = Vectors(builder, itemsize)
            with Loop(builder, n, [w, b, v.load(out)]) as loop:
                w_at, b_at, total = loop.values
                rows = [
                    v.load(builder.add(w_at, builder.mul(int64(i), w_row))) for i in range(v.width)
                ]
                for i, row in enumerate(v.turn(rows)):
                    factor = v.broadcast(builder.add(b_at, int64(i * itemsize)))
                    total = v.fma(row, factor, total)
                step = int64(v.bytes)
                loop.carry = [builder.add(w_at, step), builder.add(b_at, step), total]
            v.store(loop.results[2], out)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 5), codegen

    return turned_line


def bindings(itemsize):
    """Return the blocks of one float type under the names that `dense` calls them by."""
    rows, vectors = range(1, MAX_ROWS + 1), range(1, VECTORS + 1)
    full = tuple((r, VECTORS) for r in rows)
    return {
        "block_from_bias": make_block(itemsize, full, bias=True),
        "block_onto": make_block(itemsize, full),
        "block_onto_tail": make_block(
            itemsize, tuple((r, v) for r in rows for v in vectors), masked=True
        ),
        "line_onto": make_block(
            itemsize, tuple((1, v) for v in range(1, MAX_LINE + 1)), masked=True
        ),
        "turn": make_turn(itemsize),
        "turned_line": make_turned_line(itemsize),
        "ITEM": itemsize,
        "VECTOR": vector_bytes() // itemsize,
        "COLUMNS": VECTORS * vector_bytes() // itemsize,
    }
