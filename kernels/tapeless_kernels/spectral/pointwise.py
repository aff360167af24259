"""A dense layer at every point of a grid, with what else is added there, and an activation; and its transposes.

x is (batch, n_in, n), out (batch, n_out, n). POINTS points at a time are copied side by side: rows of a field often lie
a power of 2 apart, and would drive each other out of the first-level cache. Weights are (n_in, n_out), and the biases
follow as if they were the weights of one more channel, which is 1.
"""

from typing import NamedTuple

import numpy as np

from .._jit import kernel, separate
from ..fields import block
from ..fields.block import MAX_ROWS, VECTORS
from ..fields.dense import added_shape, block_rows
from ..ieee import fma
from .mixing import turn_matrix
from .slopes import activate_row

Real = np.float64
POINTS = 256
# What `bindings` gives a meaning for each dtype:
onto_block = fresh_block = None
ITEM = VECTOR = 1


class Panels(NamedTuple):
    """Scratch of one caller, for the points that are at hand."""

    x: np.ndarray  # (n_in + 1, POINTS)
    out: np.ndarray  # (n_out, POINTS)
    turned: np.ndarray  # (POINTS, n_out padded)
    weights: np.ndarray  # (n_in + 1, n_out padded): the cotangents of one sample


def panel_sizes(n_in, n_out, vector):
    """Return the numbers of each array of `Panels`."""
    padded = -(-n_out // vector) * vector
    return (n_in + 1) * POINTS, n_out * POINTS, padded * POINTS, (n_in + 1) * padded


@separate
def add_product(
    a, a_at, a_row, a_k, b, b_at, b_row, out, out_at, out_row, n_rows, n_k, n_columns, fresh
):
    """out[r, c] (+)= sum_k a[r, k] b[k, c], n_columns of whole vectors: a chain of fma, from 0 if fresh."""
    for r in range(n_rows):
        for c in range(n_columns):
            total = Real(0) if fresh else out[out_at + r * out_row + c]
            for k in range(n_k):
                total = fma(a[a_at + r * a_row + k * a_k], b[b_at + k * b_row + c], total)
            out[out_at + r * out_row + c] = total


@separate
def add_product_blocks(
    a, a_at, a_row, a_k, b, b_at, b_row, out, out_at, out_row, n_rows, n_k, n_columns, fresh
):
    """`add_product` in register blocks."""
    vectors = n_columns // VECTOR
    for first in range(0, vectors, VECTORS):
        n, c = min(VECTORS, vectors - first), first * VECTOR * ITEM
        a_r, o = a.ctypes.data + a_at * ITEM, out.ctypes.data + out_at * ITEM + c
        b_c, r = b.ctypes.data + b_at * ITEM + c, 0
        while r < n_rows:
            rows = block_rows(n_rows - r)
            shape = added_shape(rows, n)
            if fresh:
                fresh_block(
                    shape, a_r, a_row * ITEM, a_k * ITEM, b_c, b_row * ITEM, 0, 0, o, out_row * ITEM, n_k, 0
                )  # fmt: skip
            else:
                onto_block(
                    shape, a_r, a_row * ITEM, a_k * ITEM, b_c, b_row * ITEM, o, out_row * ITEM, o, out_row * ITEM,
                    n_k, 0,
                )  # fmt: skip
            r, a_r, o = r + rows, a_r + rows * a_row * ITEM, o + rows * out_row * ITEM


@kernel
def whole_vectors(n):
    """Return n, padded to whole vectors."""
    return (n + VECTOR - 1) // VECTOR * VECTOR


@kernel
def take(x, at, n, rows, points, panel, width):
    """Copy `points` points of rows that lie n apart into a panel, with zeros behind them up to `width`."""
    for r in range(rows):
        source = x[at + r * n : at + r * n + points]
        target = panel[r * POINTS : (r + 1) * POINTS]
        for c in range(points):
            target[c] = source[c]
        for c in range(points, width):
            target[c] = Real(0)


@kernel
def times_rows(panel, x, at, n, rows, points):
    """Multiply a panel by what `take` would put there."""
    for r in range(rows):
        source = x[at + r * n : at + r * n + points]
        target = panel[r * POINTS : (r + 1) * POINTS]
        for c in range(points):
            target[c] *= source[c]


@kernel
def put(panel, x, at, n, rows, points):
    """Copy a panel back to where `take` has it from."""
    for r in range(rows):
        target = x[at + r * n : at + r * n + points]
        source = panel[r * POINTS : (r + 1) * POINTS]
        for c in range(points):
            target[c] = source[c]


@kernel
def add_at_points(a, a_row, a_k, panel, spare, out, at, n, n_rows, n_k, points, fresh):
    """`add_product` of a panel onto rows of a field; those of a part of a panel take the way by a spare one."""
    width = whole_vectors(points)
    if points == width:
        add_product(a, 0, a_row, a_k, panel, 0, POINTS, out, at, n, n_rows, n_k, width, fresh)
    else:
        take(out, at, n, n_rows, 0 if fresh else points, spare, width)
        add_product(a, 0, a_row, a_k, panel, 0, POINTS, spare, 0, POINTS, n_rows, n_k, width, fresh)
        put(spare, out, at, n, n_rows, points)


@kernel
def pointwise(theta, at, x, out, after, shape, activation, fresh, panels, first, last):
    """out (+)= W^T x + b for samples first to last - 1, on 0 if fresh; then after = act(out).

    `shape` is (n_in, n_out, n). Of the activation with code -code the slopes act' are left in out; with code 0 there is
    none, and no `after`.
    """
    n_in, n_out, n = shape
    weights = theta[at : at + (n_in + 1) * n_out]
    for c in range(POINTS):
        panels.x[n_in * POINTS + c] = Real(1)
    for b in range(first, last):
        for p in range(0, n, POINTS):
            points, o = min(POINTS, n - p), b * n_out * n + p
            take(x, b * n_in * n + p, n, n_in, points, panels.x, whole_vectors(points))
            add_at_points(
                weights, 1, n_out, panels.x, panels.out, out, o, n, n_out, n_in + 1, points, fresh
            )
            if activation != 0:
                for m in range(n_out):
                    row = slice(o + m * n, o + m * n + points)
                    activate_row(activation, out[row], after[row])


@kernel
def pointwise_vjp(
    theta, at, x, slopes, after_bar, x_bar, theta_bar, shape, fresh, panels, first, last
):
    """x_bar (+)= W out_bar, on 0 if fresh, and theta_bar[sample] = the cotangents of W and b, a row for each sample.

    out_bar is after_bar times the slopes, if there are any. An empty x_bar is not wanted.
    """
    n_in, n_out, n = shape
    weights, size = theta[at : at + n_in * n_out], (n_in + 1) * n_out
    padded = whole_vectors(n_out)
    for i in range(POINTS * padded):
        panels.turned[i] = Real(0)
    for c in range(POINTS):
        panels.x[n_in * POINTS + c] = Real(1)
    for b in range(first, last):
        for p in range(0, n, POINTS):
            points, i, o = min(POINTS, n - p), b * n_in * n + p, b * n_out * n + p
            width = whole_vectors(points)
            take(after_bar, o, n, n_out, points, panels.out, width)
            if len(slopes) > 0:
                times_rows(panels.out, slopes, o, n, n_out, points)
            take(x, i, n, n_in, points, panels.x, width)
            turn_matrix(panels.out, 0, POINTS, panels.turned, 0, padded, n_out, width)
            add_product(
                panels.x, 0, POINTS, 1, panels.turned, 0, padded, panels.weights, 0, padded, n_in + 1, points, padded,
                np.int64(p == 0),
            )  # fmt: skip
            if len(x_bar) > 0:
                add_at_points(
                    weights, n_out, 1, panels.out, panels.x, x_bar, i, n, n_in, n_out, points, fresh
                )
        for k in range(n_in + 1):
            for m in range(n_out):
                theta_bar[b * size + k * n_out + m] = panels.weights[k * padded + m]


def bindings(itemsize):
    """Return what the names of this file mean for one float type on the host."""
    rows, vectors = range(1, MAX_ROWS + 1), range(1, VECTORS + 1)
    low = tuple((r, v) for r in rows for v in vectors)
    return {
        "onto_block": block.make_block(itemsize, low, block.ONTO),
        "fresh_block": block.make_block(itemsize, low, block.FRESH),
        "add_product": add_product_blocks,
    }
