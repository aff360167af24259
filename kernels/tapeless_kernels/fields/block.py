"""The register block of every matrix product: rows times vectors of accumulators, one fma chain over k upward."""

import functools

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..vector_ir import Loop, Vectors, int64, vector_bytes

LINE = 64  # bytes that the caches move at once
MAX_ROWS = 6  # with 4 vectors 24 of AVX-512's 32 registers, with 2 12 of AVX2's 16
VECTORS = 4 if vector_bytes() == 64 else 2
MAX_LINE = 8  # vectors of a single row: so many chains hide the latency of an fma
# Of fewer vectors there are taller blocks: too few chains wait for each other.
TALLEST = (0, *(MAX_ROWS * VECTORS // v for v in range(1, VECTORS + 1)))
# Where sums start: at one value a row, at `start`, at 0 to be added, at 0.
FROM_ROWS, ONTO, ADD, FRESH = range(4)


def _emit(v, rows, vectors, arguments, mode, masked):
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
        if mode in (ADD, FRESH):
            sums += [v.constant(0)] * vectors
        elif mode == FROM_ROWS:
            sums += [v.broadcast(base)] * vectors
        else:
            sums += [load(base, c) for c in range(vectors)]
    with Loop(builder, n_k, [a, b, *sums]) as loop:
        a_at, b_at, *sums = loop.values
        columns = [load(b_at, c) for c in range(vectors)]
        for r in range(rows):
            factor = v.broadcast(row(a_at, a_row, r))
            for c in range(vectors):
                sums[r * vectors + c] = v.fma(factor, columns[c], sums[r * vectors + c])
        loop.carry = [builder.add(a_at, a_k), builder.add(b_at, b_k), *sums]
    sums = loop.results[2:]
    places = [
        builder.add(row(out, out_row, r), int64(c * v.bytes))
        for r in range(rows)
        for c in range(vectors)
    ]
    ends = masks * rows
    if mode == ADD:  # before the first is stored: a load right behind a masked store waits for it
        before = [v.load(*place) for place in zip(places, ends, strict=True)]
        sums = [builder.fadd(x, total) for x, total in zip(before, sums, strict=True)]
    for total, place, end in zip(sums, places, ends, strict=True):
        v.store(total, place, end)


@functools.cache
def make_block(itemsize, shapes, mode, masked=False):
    """Return an intrinsic for one block of out = start + a b, all operands by address.

    ::

        block(shape, a, a_row, a_k, b, b_k, start, start_row, out, out_row, n_k, n_columns)

    adds a[r, k] b[k, c] to start[r, c], k upward from 0 to n_k - 1 >= 0; `shape` picks one of
    `shapes`, pairs of rows r and vectors of contiguous columns c. Strides are in bytes. In the mode
    FROM_ROWS start is one value a row; in the mode ADD sums start at 0 and are added to out, in the mode FRESH they are
    out. With `masked`, n_columns end somewhere in the last vector, and only they are touched.
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
                _emit(Vectors(builder, itemsize), rows, vectors, values[1:], mode, masked)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 12), codegen

    return block


@functools.cache
def make_turn(itemsize):
    """Return an intrinsic turn(a, a_row, out, out_row, sums) that transposes VECTOR rows of VECTOR numbers.

    It also adds the turned rows to the vector `sums`, one after the other.
    """

    @intrinsic
    def turn(typing, a, a_row, out, out_row, sums):
        def codegen(context, builder, signature, values):
            a, a_row, out, out_row, sums = values
            v = Vectors(builder, itemsize)
            places = [int64(i) for i in range(v.width)]
            rows = [v.load(builder.add(a, builder.mul(i, a_row))) for i in places]
            total = v.load(sums)
            for i, row in zip(places, v.turn(rows), strict=True):
                v.store(row, builder.add(out, builder.mul(i, out_row)))
                total = builder.fadd(total, row)
            v.store(total, sums)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 5), codegen

    return turn


@intrinsic
def bring_near(typing, address, n_bytes):
    """Ask for the cache lines of n_bytes > 0 at an address, which are read soon."""

    def codegen(context, builder, signature, values):
        address, n_bytes = values
        byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        name, kind = "llvm.prefetch.p0", ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        prefetch = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        to_read, to_first_level, data = flag(0), flag(3), flag(1)
        with Loop(builder, builder.sdiv(n_bytes, int64(LINE))) as loop:
            at = builder.add(address, builder.mul(loop.index, int64(LINE)))
            pointer = builder.inttoptr(at, byte)
            builder.call(prefetch, [pointer, to_read, to_first_level, data])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


def bindings(itemsize):
    """Return the blocks of one float type under the names that `dense` calls them by."""
    rows, vectors = range(1, MAX_ROWS + 1), range(1, VECTORS + 1)
    full = tuple((r, VECTORS) for r in rows)
    low = tuple((r, v) for r in rows for v in vectors)
    tall = tuple((TALLEST[v], v) for v in vectors[:-1])
    lines = tuple((1, v) for v in range(1, MAX_LINE + 1))
    return {
        "block_from_rows": make_block(itemsize, full, FROM_ROWS),
        "block_onto": make_block(itemsize, full, ONTO),
        "block_added": make_block(itemsize, low + tall, ADD, masked=True),
        "block_lines": make_block(itemsize, low, ONTO, masked=True),
        "line_onto": make_block(itemsize, lines, ONTO, masked=True),
        "turn": make_turn(itemsize),
        "ITEM": itemsize,
        "VECTOR": vector_bytes() // itemsize,
        "COLUMNS": VECTORS * vector_bytes() // itemsize,
    }
