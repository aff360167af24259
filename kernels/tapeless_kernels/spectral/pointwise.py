"""A dense layer at every point of a grid, with what else is added there, and an activation; and its transposes.

x is (batch, n_in, n), out (batch, n_out, n). A panel of points is done at a time, so that sums are still near when they are
activated. Weights are (n_in, n_out), the biases follow.
"""

import numpy as np

from .._jit import kernel, separate
from ..activations import activate_in_place, activate_vjp
from ..fields import block
from ..fields.block import MAX_ROWS, VECTORS
from ..fields.dense import added_shape, block_rows
from ..ieee import fma
from .mixing import turn_matrix

Real = np.float64
POINTS = 64  # of a panel
# What `bindings` gives a meaning for each dtype:
onto_block = added_block = None
ITEM = VECTOR = 1


@separate
def add_product(a, a_at, a_row, a_k, b, b_at, b_row, out, out_at, out_row, n_rows, n_k, n_columns):
    """out[r, c] += sum_k a[r, k] b[k, c] on flat arrays, one chain of fma from what is in out."""
    for r in range(n_rows):
        for c in range(n_columns):
            total = out[out_at + r * out_row + c]
            for k in range(n_k):
                total = fma(a[a_at + r * a_row + k * a_k], b[b_at + k * b_row + c], total)
            out[out_at + r * out_row + c] = total


@separate
def add_product_blocks(
    a, a_at, a_row, a_k, b, b_at, b_row, out, out_at, out_row, n_rows, n_k, n_columns
):
    """`add_product` in register blocks."""
    a_data, b_data = a.ctypes.data + a_at * ITEM, b.ctypes.data + b_at * ITEM
    out_data = out.ctypes.data + out_at * ITEM
    for first in range(0, n_columns, VECTORS * VECTOR):
        n, c = min(VECTORS * VECTOR, n_columns - first), first * ITEM
        r = 0
        while r < n_rows:
            rows = block_rows(n_rows - r)
            o = out_data + r * out_row * ITEM + c
            onto_block(
                added_shape(rows, (n + VECTOR - 1) // VECTOR),
                a_data + r * a_row * ITEM, a_row * ITEM, a_k * ITEM, b_data + c, b_row * ITEM,
                o, out_row * ITEM, o, out_row * ITEM, n_k, n,
            )  # fmt: skip
            r += rows


@kernel
def pointwise(theta, at, x, out, after, n_in, n_out, n, activation, fresh, first, last):
    """out (+)= W^T x + b for samples first to last - 1, on 0 if fresh, and after = act(out)."""
    bias = at + n_in * n_out
    for b in range(first, last):
        for p in range(0, n, POINTS):
            points, o = min(POINTS, n - p), b * n_out * n + p
            for m in range(n_out):
                row = out[o + m * n : o + m * n + points]
                if fresh:
                    for i in range(points):
                        row[i] = theta[bias + m]
                else:
                    for i in range(points):
                        row[i] += theta[bias + m]
            add_product(
                theta, at, 1, n_out, x, b * n_in * n + p, n, out, o, n, n_out, n_in, points
            )
            if activation > 0:
                for m in range(n_out):
                    source, target = o + m * n, after[o + m * n : o + m * n + points]
                    row = out[source : source + points]
                    for i in range(points):
                        target[i] = row[i]
                    activate_in_place(activation, after, source, points)


@kernel
def pointwise_vjp(
    theta, at, x, out_bar, x_bar, theta_bar, n_in, n_out, n, fresh, panel, turned, first, last
):
    """x_bar (+)= W out_bar, on 0 if fresh, and theta_bar[sample] += the cotangents of W and b, a row for each sample.

    `panel` and `turned` take a panel of out_bar, as it is and turned round.
    """
    bias, size = n_in * n_out, n_in * n_out + n_out
    for b in range(first, last):
        for p in range(0, n, POINTS):
            points = min(POINTS, n - p)
            i, o, t = b * n_in * n + p, b * n_out * n + p, b * size
            for m in range(n_out):
                row = out_bar[o + m * n : o + m * n + points]
                for c in range(points):
                    panel[m * POINTS + c] = row[c]
            turn_matrix(panel, 0, turned, 0, n_out, POINTS)
            add_product(
                x, i, n, 1, turned, 0, n_out, theta_bar, t, n_out, n_in, points, n_out
            )
            sums = theta_bar[t + bias : t + size]
            for c in range(points):
                for m in range(n_out):
                    sums[m] += turned[c * n_out + m]
            if len(x_bar) > 0:
                if fresh:
                    for k in range(n_in):
                        row = x_bar[i + k * n : i + k * n + points]
                        for c in range(points):
                            row[c] = Real(0)
                add_product(
                    theta, at, n_out, 1, out_bar, o, n, x_bar, i, n, n_in, n_out, points
                )


@kernel
def activated_vjp(activation, value, bar, first, last):
    """bar *= act' from first to last - 1, where act' is a function of `value`."""
    activate_vjp(activation, value, first, bar, first, last - first)


def bindings(itemsize):
    """Return what the names of this file mean for one float type on the host."""
    rows, vectors = range(1, MAX_ROWS + 1), range(1, VECTORS + 1)
    low = tuple((r, v) for r in rows for v in vectors)
    return {
        "onto_block": block.make_block(itemsize, low, block.ONTO, masked=True),
        "add_product": add_product_blocks,
    }
