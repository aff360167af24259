"""The dense layer out = W^T x + b on a tile, and its two transposes: plain loops, and beside them register blocks.

All operands are flat arrays with an offset: x is (n_in, LANES), out (n_out, LANES), and theta holds
W (n_in, n_out) followed by b (n_out). Every sum is one fma chain in index order, so both forms, every
block shape and every width give the same bits.
"""

import numpy as np

from .._jit import kernel
from ..ieee import fma
from . import block
from .block import MAX_LINE, VECTORS

LANES, Real = 1, np.float64
DEPTH = 96  # rows of 256 bytes: the part of x that stays in the first-level cache
# What `bindings` gives a meaning for each dtype and width:
block_from_bias = block_onto = block_onto_tail = line_onto = turn = turned_line = None
ITEM = VECTOR = COLUMNS = 1


@kernel
def dense(theta, at, x, x_at, out, out_at, n_in, n_out):
    """out[m, lane] = b[m] + sum_k W[k, m] x[k, lane]."""
    for m in range(n_out):
        for lane in range(LANES):
            total = theta[at + n_in * n_out + m]
            for k in range(n_in):
                total = fma(theta[at + k * n_out + m], x[x_at + k * LANES + lane], total)
            out[out_at + m * LANES + lane] = total


@kernel
def dense_vjp_input(theta, at, out_bar, out_bar_at, x_bar, x_bar_at, n_in, n_out, fresh):
    """x_bar[k, lane] += sum_m W[k, m] out_bar[m, lane], x_bar being 0 if fresh."""
    for k in range(n_in):
        for lane in range(LANES):
            total = Real(0) if fresh else x_bar[x_bar_at + k * LANES + lane]
            for m in range(n_out):
                bar = out_bar[out_bar_at + m * LANES + lane]
                total = fma(theta[at + k * n_out + m], bar, total)
            x_bar[x_bar_at + k * LANES + lane] = total


@kernel
def dense_vjp_theta(x, x_at, out_bar, out_bar_at, theta_bar, at, n_in, n_out, panel):
    """W_bar[k, m] += sum_lane x[k, lane] out_bar[m, lane], and b_bar the same with x = 1."""
    for k in range(n_in + 1):
        for m in range(n_out):
            total = theta_bar[at + k * n_out + m]
            for lane in range(LANES):
                bar = out_bar[out_bar_at + m * LANES + lane]
                if k < n_in:
                    total = fma(x[x_at + k * LANES + lane], bar, total)
                else:
                    total = total + bar
            theta_bar[at + k * n_out + m] = total


@kernel
def dense_blocks(theta, at, x, x_at, out, out_at, n_in, n_out):
    """`dense` in register blocks, DEPTH terms of the sums at a time."""
    row = LANES * ITEM
    w, b = theta.ctypes.data + at * ITEM, theta.ctypes.data + (at + n_in * n_out) * ITEM
    x_data, out_data = x.ctypes.data + x_at * ITEM, out.ctypes.data + out_at * ITEM
    for k in range(0, n_in, DEPTH):
        n_k = min(DEPTH, n_in - k)
        m = 0
        while m < n_out:
            rows = block_rows(n_out - m)
            a = w + (k * n_out + m) * ITEM
            for c in range(0, row, COLUMNS * ITEM):
                o = out_data + m * row + c
                v = x_data + k * row + c
                if k == 0:
                    block_from_bias(
                        rows - 1, a, ITEM, n_out * ITEM, v, row, b + m * ITEM, ITEM, o, row, n_k, 0
                    )
                else:
                    block_onto(rows - 1, a, ITEM, n_out * ITEM, v, row, o, row, o, row, n_k, 0)
            m += rows


@kernel
def dense_vjp_input_blocks(theta, at, out_bar, out_bar_at, x_bar, x_bar_at, n_in, n_out, fresh):
    """`dense_vjp_input` in register blocks."""
    row = LANES * ITEM
    if fresh:
        clear(x_bar, x_bar_at, n_in * LANES)
    w = theta.ctypes.data + at * ITEM
    x_data = x_bar.ctypes.data + x_bar_at * ITEM
    out_data = out_bar.ctypes.data + out_bar_at * ITEM
    for m in range(0, n_out, DEPTH):
        n_m = min(DEPTH, n_out - m)
        k = 0
        while k < n_in:
            rows = block_rows(n_in - k)
            a = w + (k * n_out + m) * ITEM
            for c in range(0, row, COLUMNS * ITEM):
                o = x_data + k * row + c
                v = out_data + m * row + c
                block_onto(rows - 1, a, n_out * ITEM, ITEM, v, row, o, row, o, row, n_m, 0)
            k += rows


@kernel
def dense_vjp_theta_blocks(x, x_at, out_bar, out_bar_at, theta_bar, at, n_in, n_out, panel):
    """`dense_vjp_theta` in register blocks, on panels of out_bar turned round to (LANES, COLUMNS).

    `panel` has room for one number more: the 1 that multiplies b.
    """
    row, w_row, b_k = LANES * ITEM, n_out * ITEM, COLUMNS * ITEM
    panel[LANES * COLUMNS] = Real(1)
    one, v = panel.ctypes.data + LANES * b_k, panel.ctypes.data
    for m in range(0, n_out, COLUMNS):
        n = min(COLUMNS, n_out - m)
        turn_rows(out_bar, out_bar_at + m * LANES, panel, n)
        o = theta_bar.ctypes.data + (at + m) * ITEM
        k = 0
        while k <= n_in:
            rows = block_rows(n_in - k) if k < n_in else 1
            a = x.ctypes.data + x_at * ITEM + k * row if k < n_in else one
            a_k = ITEM if k < n_in else 0
            if n == COLUMNS:
                block_onto(rows - 1, a, row, a_k, v, b_k, o, w_row, o, w_row, LANES, 0)
            else:
                shape = tail_shape(rows, n)
                block_onto_tail(shape, a, row, a_k, v, b_k, o, w_row, o, w_row, LANES, n)
            o += rows * w_row
            k += rows


@kernel
def turn_rows(a, at, panel, n):
    """panel[lane, c] = a[c, lane] for the first n <= COLUMNS values of c."""
    whole = n // VECTOR * VECTOR
    for c in range(0, whole, VECTOR):
        for lane in range(0, LANES, VECTOR):
            source = a.ctypes.data + (at + c * LANES + lane) * ITEM
            target = panel.ctypes.data + (lane * COLUMNS + c) * ITEM
            turn(source, LANES * ITEM, target, COLUMNS * ITEM)
    for c in range(whole, n):
        for lane in range(LANES):
            panel[lane * COLUMNS + c] = a[at + c * LANES + lane]


@kernel
def clear(x, at, n):
    """x[at : at + n] = 0."""
    part = x[at : at + n]
    for i in range(n):
        part[i] = Real(0)


@kernel
def block_rows(left):
    """Return the rows of the next block: six, or two blocks of nearly the same height at the end."""
    if left >= 12 or left == 6:
        return 6
    if left > 6:
        return (left + 1) // 2
    return left


@kernel
def tail_shape(rows, n):
    """Return the shape of the block that ends n columns after its start."""
    return (rows - 1) * VECTORS + (n - 1) // VECTOR


@kernel
def dense_line(theta, at, x, x_at, out, out_at, n_in, n_out):
    """`dense` for a single trajectory: vectors of outputs."""
    w, b = theta.ctypes.data + at * ITEM, theta.ctypes.data + (at + n_in * n_out) * ITEM
    x_data, out_data = x.ctypes.data + x_at * ITEM, out.ctypes.data + out_at * ITEM
    for m in range(0, n_out, MAX_LINE * VECTOR):
        n, at_m = min(MAX_LINE * VECTOR, n_out - m), m * ITEM
        shape = (n - 1) // VECTOR
        line_onto(
            shape, x_data, 0, ITEM, w + at_m, n_out * ITEM, b + at_m, 0, out_data + at_m, 0, n_in, n
        )


@kernel
def dense_vjp_input_line(theta, at, out_bar, out_bar_at, x_bar, x_bar_at, n_in, n_out, fresh):
    """`dense_vjp_input` for a single trajectory: vectors of inputs, squares of W turned in registers."""
    if fresh:
        clear(x_bar, x_bar_at, n_in)
    n_vectors = n_out // VECTOR
    k = 0
    while k < n_in:
        turned = n_vectors > 0 and k + VECTOR <= n_in
        if turned:
            w, b = theta.ctypes.data + (at + k * n_out) * ITEM, out_bar.ctypes.data
            o = x_bar.ctypes.data + (x_bar_at + k) * ITEM
            turned_line(w, n_out * ITEM, b + out_bar_at * ITEM, o, n_vectors)
        for i in range(k, min(k + VECTOR, n_in)):
            total = x_bar[x_bar_at + i]
            for m in range(n_vectors * VECTOR if turned else 0, n_out):
                total = fma(theta[at + i * n_out + m], out_bar[out_bar_at + m], total)
            x_bar[x_bar_at + i] = total
        k += VECTOR


@kernel
def dense_vjp_theta_line(x, x_at, out_bar, out_bar_at, theta_bar, at, n_in, n_out, panel):
    """`dense_vjp_theta` for a single trajectory; `panel` holds the 1 that multiplies b."""
    panel[0] = Real(1)
    w_row = n_out * ITEM
    k = 0
    while k <= n_in:
        rows = block_rows(n_in - k) if k < n_in else 1
        a = x.ctypes.data + (x_at + k) * ITEM if k < n_in else panel.ctypes.data
        for m in range(0, n_out, COLUMNS):
            v = out_bar.ctypes.data + (out_bar_at + m) * ITEM
            o = theta_bar.ctypes.data + (at + k * n_out + m) * ITEM
            n = n_out - m
            if n >= COLUMNS:
                block_onto(rows - 1, a, ITEM, 0, v, 0, o, w_row, o, w_row, 1, 0)
            else:
                block_onto_tail(tail_shape(rows, n), a, ITEM, 0, v, 0, o, w_row, o, w_row, 1, n)
        k += rows


def bindings(itemsize, lanes):
    """Return what the names of this file mean for one float type and width on the host."""
    blocks = {"LANES": lanes, **block.bindings(itemsize)}
    forms = (dense_line, dense_vjp_input_line, dense_vjp_theta_line)
    if lanes > 1:
        forms = (dense_blocks, dense_vjp_input_blocks, dense_vjp_theta_blocks)
    return blocks | dict(zip(("dense", "dense_vjp_input", "dense_vjp_theta"), forms, strict=True))
