"""A dense layer at every point of a grid, with what else is added there, and an activation; and its transposes.

x is (batch, n_in, n), out (batch, n_out, n). POINTS points at a time are copied side by side: rows of a field often lie a
power of 2 apart, and would drive each other out of the first-level cache. Weights are (n_in, n_out), the biases follow.
"""

from typing import NamedTuple

import numpy as np

from .._jit import kernel, separate
from ..activations import activate_in_place, activate_vjp
from ..fields import block
from ..fields.block import MAX_ROWS, VECTORS
from ..fields.dense import added_shape, block_rows
from ..ieee import fma
from .mixing import turn_matrix

Real = np.float64
POINTS = 64
# What `bindings` gives a meaning for each dtype:
onto_block = None
ITEM = VECTOR = 1


class Panels(NamedTuple):
    """Scratch of one caller, for the points that are at hand."""

    x: np.ndarray  # (n_in, POINTS)
    out: np.ndarray  # (n_out, POINTS)
    turned: np.ndarray  # (POINTS, n_out padded)
    weights: np.ndarray  # (n_in, n_out padded): the cotangents of one sample


def panel_sizes(n_in, n_out, vector):
    """Return the numbers of each array of `Panels`."""
    padded = -(-n_out // vector) * vector
    return n_in * POINTS, n_out * POINTS, padded * POINTS, n_in * padded


@separate
def add_product(a, a_row, a_k, b, b_row, out, out_row, n_rows, n_k, n_columns):
    """out[r, c] += sum_k a[r, k] b[k, c] on flat arrays, n_columns of whole vectors: a chain of fma from what is there."""
    for r in range(n_rows):
        for c in range(n_columns):
            total = out[r * out_row + c]
            for k in range(n_k):
                total = fma(a[r * a_row + k * a_k], b[k * b_row + c], total)
            out[r * out_row + c] = total


@separate
def add_product_blocks(a, a_row, a_k, b, b_row, out, out_row, n_rows, n_k, n_columns):
    """`add_product` in register blocks."""
    vectors = n_columns // VECTOR
    for first in range(0, vectors, VECTORS):
        n, c = min(VECTORS, vectors - first), first * VECTOR * ITEM
        r = 0
        while r < n_rows:
            rows = block_rows(n_rows - r)
            o = out.ctypes.data + r * out_row * ITEM + c
            onto_block(
                added_shape(rows, n), a.ctypes.data + r * a_row * ITEM, a_row * ITEM, a_k * ITEM,
                b.ctypes.data + c, b_row * ITEM, o, out_row * ITEM, o, out_row * ITEM, n_k, 0,
            )  # fmt: skip
            r += rows


@kernel
def take(x, at, n, rows, points, panel):
    """Copy `points` points of rows that lie n apart into a panel, with zeros behind them."""
    for r in range(rows):
        source = x[at + r * n : at + r * n + points]
        target = panel[r * POINTS : (r + 1) * POINTS]
        for c in range(points):
            target[c] = source[c]
        for c in range(points, POINTS):
            target[c] = Real(0)


@kernel
def put(panel, x, at, n, rows, points):
    """Copy a panel back to where `take` has it from."""
    for r in range(rows):
        target = x[at + r * n : at + r * n + points]
        source = panel[r * POINTS : (r + 1) * POINTS]
        for c in range(points):
            target[c] = source[c]


@kernel
def pointwise(theta, at, x, out, after, shape, activation, fresh, panels, first, last):
    """out (+)= W^T x + b for samples first to last - 1, on 0 if fresh, and after = act(out).

    `shape` is (n_in, n_out, n).
    """
    n_in, n_out, n = shape
    weights, bias = theta[at : at + n_in * n_out], theta[at + n_in * n_out : at + (n_in + 1) * n_out]
    for b in range(first, last):
        for p in range(0, n, POINTS):
            points, o = min(POINTS, n - p), b * n_out * n + p
            take(x, b * n_in * n + p, n, n_in, points, panels.x)
            take(out, o, n, n_out, 0 if fresh else points, panels.out)
            for m in range(n_out):
                row, value = panels.out[m * POINTS : (m + 1) * POINTS], bias[m]
                for c in range(POINTS):
                    row[c] += value
            add_product(
                weights, 1, n_out, panels.x, POINTS, panels.out, POINTS, n_out, n_in, POINTS
            )
            put(panels.out, out, o, n, n_out, points)
            if activation > 0:
                activate_in_place(activation, panels.out, 0, n_out * POINTS)
                put(panels.out, after, o, n, n_out, points)


@kernel
def pointwise_vjp(theta, at, x, out_bar, x_bar, theta_bar, shape, fresh, panels, first, last):
    """x_bar (+)= W out_bar, on 0 if fresh, and theta_bar[sample] = the cotangents of W and b, a row for each sample.

    An empty x_bar is not wanted.
    """
    n_in, n_out, n = shape
    weights, size = theta[at : at + n_in * n_out], (n_in + 1) * n_out
    padded = (n_out + VECTOR - 1) // VECTOR * VECTOR
    for i in range(POINTS * padded):
        panels.turned[i] = Real(0)
    for b in range(first, last):
        bias = theta_bar[b * size + n_in * n_out : (b + 1) * size]
        for m in range(n_out):
            bias[m] = Real(0)
        for i in range(n_in * padded):
            panels.weights[i] = Real(0)
        for p in range(0, n, POINTS):
            points, i = min(POINTS, n - p), b * n_in * n + p
            take(out_bar, b * n_out * n + p, n, n_out, points, panels.out)
            take(x, i, n, n_in, points, panels.x)
            turn_into(panels.out, panels.turned, n_out, padded)
            add_product(
                panels.x, POINTS, 1, panels.turned, padded, panels.weights, padded, n_in, points, padded
            )  # fmt: skip
            for c in range(points):
                row = panels.turned[c * padded : c * padded + n_out]
                for m in range(n_out):
                    bias[m] += row[m]
            if len(x_bar) > 0:
                take(x_bar, i, n, n_in, 0 if fresh else points, panels.x)
                add_product(
                    weights, n_out, 1, panels.out, POINTS, panels.x, POINTS, n_in, n_out, POINTS
                )
                put(panels.x, x_bar, i, n, n_in, points)
        for k in range(n_in):
            for m in range(n_out):
                theta_bar[b * size + k * n_out + m] = panels.weights[k * padded + m]


@kernel
def turn_into(panel, turned, n_out, padded):
    """turned[c, m] = panel[m, c], rows of `turned` being padded."""
    if padded == n_out:
        turn_matrix(panel, 0, POINTS, turned, 0, padded, n_out, POINTS)
    else:
        for m in range(n_out):
            for c in range(POINTS):
                turned[c * padded + m] = panel[m * POINTS + c]


@kernel
def activated_vjp(activation, value, bar, first, last):
    """bar *= act' from first to last - 1, where act' is a function of `value`."""
    activate_vjp(activation, value, first, bar, first, last - first)


def bindings(itemsize):
    """Return what the names of this file mean for one float type on the host."""
    rows, vectors = range(1, MAX_ROWS + 1), range(1, VECTORS + 1)
    low = tuple((r, v) for r in rows for v in vectors)
    return {
        "onto_block": block.make_block(itemsize, low, block.ONTO),
        "add_product": add_product_blocks,
    }
