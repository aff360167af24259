"""Products of small matrices in register blocks; every sum is one chain of fma upward."""

import numpy as np

from .._jit import separate
from ..fields import block
from ..fields.block import ADD, FRESH, MAX_ROWS, ONTO, TALLEST, VECTORS
from ..fields.dense import added_shape, tall_rows
from ..ieee import fma
from ..vector_ir import vector_bytes

Real = np.float64
# What `bindings` gives a meaning for each dtype:
fresh_block = onto_block = add_block = None
ITEM = VECTOR = 1


@separate
def multiply(
    a, a_at, a_row, a_k, b, b_at, b_row, out, out_at, out_row, n_rows, n_k, n_columns, mode
):
    """out[r, c] = sum_k a[r, k] b[k, c] on flat arrays, for n_columns of whole vectors and n_k > 0.

    A chain begins at 0 in the mode FRESH, at out in the mode ONTO; in the mode ADD at 0, and is added to out.
    """
    for r in range(n_rows):
        for c in range(n_columns):
            at = out_at + r * out_row + c
            total = out[at] if mode == ONTO else Real(0)
            for k in range(n_k):
                total = fma(a[a_at + r * a_row + k * a_k], b[b_at + k * b_row + c], total)
            out[at] = out[at] + total if mode == ADD else total


@separate
def multiply_blocks(
    a, a_at, a_row, a_k, b, b_at, b_row, out, out_at, out_row, n_rows, n_k, n_columns, mode
):
    """`multiply` in register blocks."""
    vectors, row, step, wide = n_columns // VECTOR, a_row * ITEM, a_k * ITEM, b_row * ITEM
    to_next = out_row * ITEM
    for first in range(0, vectors, VECTORS):
        n, c = min(VECTORS, vectors - first), first * VECTOR * ITEM
        a_r, b_c = a.ctypes.data + a_at * ITEM, b.ctypes.data + b_at * ITEM + c
        o, r = out.ctypes.data + out_at * ITEM + c, 0
        while r < n_rows:
            rows = tall_rows(n_rows - r, n)
            shape = added_shape(rows, n)
            if mode == FRESH:
                fresh_block(shape, a_r, row, step, b_c, wide, 0, 0, o, to_next, n_k, 0)
            elif mode == ONTO:
                onto_block(shape, a_r, row, step, b_c, wide, o, to_next, o, to_next, n_k, 0)
            else:
                add_block(shape, a_r, row, step, b_c, wide, 0, 0, o, to_next, n_k, 0)
            r, a_r, o = r + rows, a_r + rows * row, o + rows * to_next


def bindings(itemsize):
    """Return what the names of this file mean for one float type on the host."""
    rows, vectors = range(1, MAX_ROWS + 1), range(1, VECTORS + 1)
    low = tuple((r, v) for r in rows for v in vectors)
    tall = tuple((TALLEST[v], v) for v in vectors[:-1])  # where `added_shape` looks for them
    return {
        "fresh_block": block.make_block(itemsize, low + tall, FRESH),
        "onto_block": block.make_block(itemsize, low + tall, ONTO),
        "add_block": block.make_block(itemsize, low + tall, ADD),
        "multiply": multiply_blocks,
        "ITEM": itemsize,
        "VECTOR": vector_bytes() // itemsize,
    }
