"""Products of small matrices in register blocks: out = a b, every sum one chain of fma from 0 upward."""

import numpy as np

from .._jit import separate
from ..fields import block
from ..fields.block import MAX_ROWS, TALLEST, VECTORS
from ..fields.dense import added_shape, tall_rows
from ..ieee import fma
from ..vector_ir import vector_bytes

Real = np.float64
# What `bindings` gives a meaning for each dtype:
product_block = None
ITEM = VECTOR = 1


@separate
def multiply(a, a_at, a_row, a_k, b, b_at, b_row, out, out_at, out_row, n_rows, n_k, n_columns):
    """out[r, c] = sum_k a[r, k] b[k, c] on flat arrays, for n_columns of whole vectors and n_k > 0."""
    for r in range(n_rows):
        for c in range(n_columns):
            total = Real(0)
            for k in range(n_k):
                total = fma(a[a_at + r * a_row + k * a_k], b[b_at + k * b_row + c], total)
            out[out_at + r * out_row + c] = total


@separate
def multiply_blocks(
    a, a_at, a_row, a_k, b, b_at, b_row, out, out_at, out_row, n_rows, n_k, n_columns
):
    """`multiply` in register blocks."""
    a_data, b_data = a.ctypes.data + a_at * ITEM, b.ctypes.data + b_at * ITEM
    out_data, vectors = out.ctypes.data + out_at * ITEM, n_columns // VECTOR
    for first in range(0, vectors, VECTORS):
        n, c = min(VECTORS, vectors - first), first * VECTOR * ITEM
        r = 0
        while r < n_rows:
            rows = tall_rows(n_rows - r, n)
            product_block(
                added_shape(rows, n), a_data + r * a_row * ITEM, a_row * ITEM, a_k * ITEM,
                b_data + c, b_row * ITEM, 0, 0, out_data + r * out_row * ITEM + c, out_row * ITEM, n_k, 0,
            )  # fmt: skip
            r += rows


def bindings(itemsize):
    """Return what the names of this file mean for one float type on the host."""
    rows, vectors = range(1, MAX_ROWS + 1), range(1, VECTORS + 1)
    low = tuple((r, v) for r in rows for v in vectors)
    tall = tuple((TALLEST[v], v) for v in vectors[:-1])  # where `added_shape` looks for them
    return {
        "product_block": block.make_block(itemsize, low + tall, block.FRESH),
        "multiply": multiply_blocks,
        "ITEM": itemsize,
        "VECTOR": vector_bytes() // itemsize,
    }
