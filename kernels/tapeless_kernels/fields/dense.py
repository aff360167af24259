"""The dense layer out = W^T x + b on a tile and its two transposes: plain loops, and beside them register blocks.

All operands are flat arrays with an offset: x is (n_in, LANES), out (n_out, LANES), and theta holds
W (n_in, n_out) followed by b (n_out). Every sum is one fma chain in index order, so both forms, every
block shape and every width give the same bits.
"""

import numpy as np

from .._jit import kernel
from ..ieee import fma
from . import block
from .block import MAX_LINE, MAX_ROWS, TALLEST, VECTORS, bring_near

LANES, Real = 1, np.float64
DEPTH = 128  # rows of 256 bytes: the part of x that stays in the first-level cache, or nearly so
# What `bindings` gives a meaning for each dtype and width:
block_from_rows = block_onto = block_added = block_lines = line_onto = turn = None
ITEM = VECTOR = COLUMNS = PANEL_SIZE = 1  # the last: numbers of the scratch `panel`
FROM_BIAS, FROM_0, ONTO = range(3)  # what the sums of `dense` start from: b, 0, or what is in out
TURNED = False  # whether `dense_vjp_input` takes its weights turned round, (n_out, n_in)


@kernel
def dense(theta, at, x, x_at, out, out_at, n_in, n_out, start):
    """out[m, lane] = b[m] + sum_k W[k, m] x[k, lane], with 0 or what is in out for b as `start` says."""
    for m in range(n_out):
        for lane in range(LANES):
            total = Real(0)
            if start == FROM_BIAS:
                total = theta[at + n_in * n_out + m]
            elif start == ONTO:
                total = out[out_at + m * LANES + lane]
            for k in range(n_in):
                total = fma(theta[at + k * n_out + m], x[x_at + k * LANES + lane], total)
            out[out_at + m * LANES + lane] = total


@kernel
def dense_vjp_input(weights, at, out_bar, out_bar_at, x_bar, x_bar_at, n_in, n_out, fresh, panel):
    """x_bar[k, lane] += sum_m W[k, m] out_bar[m, lane], x_bar being 0 if fresh."""
    for k in range(n_in):
        for lane in range(LANES):
            total = Real(0) if fresh else x_bar[x_bar_at + k * LANES + lane]
            for m in range(n_out):
                bar = out_bar[out_bar_at + m * LANES + lane]
                total = fma(weights[at + k * n_out + m], bar, total)
            x_bar[x_bar_at + k * LANES + lane] = total


@kernel
def dense_vjp_theta(x, x_at, out_bar, out_bar_at, theta_bar, at, n_in, n_out, start, panel):
    """W_bar[k, m] += sum_lane x[k, lane] out_bar[m, lane], and b_bar the same with x = 1 if there is a b.

    The lanes are summed before they are added: one chain over all evaluations would lose digits.
    """
    for k in range(n_in + (1 if start == FROM_BIAS else 0)):
        for m in range(n_out):
            total = Real(0)
            for lane in range(LANES):
                bar = out_bar[out_bar_at + m * LANES + lane]
                if k < n_in:
                    total = fma(x[x_at + k * LANES + lane], bar, total)
                else:
                    total = total + bar
            theta_bar[at + k * n_out + m] += total


@kernel
def dense_vjp_jvp(
    weights, at, x, x_at, out_bar, out_bar_at, x_bar, x_bar_at, theta_bar, n_in, n_out, start, fresh, learns, panel
):  # fmt: skip
    """The transposes of `dense` and their tangents; arrays are pairs, of values and of tangents.

    If it `learns` by 0, theta has no cotangent; by 1, it has no tangent either, and only theta_bar_dot is wanted.
    """
    if learns != 0:
        if learns == 2:
            dense_vjp_theta(
                x[0], x_at, out_bar[0], out_bar_at, theta_bar[0], at, n_in, n_out, start, panel
            )
        dense_vjp_theta(
            x[0], x_at, out_bar[1], out_bar_at, theta_bar[1], at, n_in, n_out, start, panel
        )
        dense_vjp_theta(
            x[1], x_at, out_bar[0], out_bar_at, theta_bar[1], at, n_in, n_out, np.int64(FROM_0), panel
        )  # fmt: skip
    for k in range(2):
        dense_vjp_input(
            weights[0], at, out_bar[k], out_bar_at, x_bar[k], x_bar_at, n_in, n_out, fresh, panel
        )
    if learns == 2:
        dense_vjp_input(
            weights[1], at, out_bar[0], out_bar_at, x_bar[1], x_bar_at, n_in, n_out, np.int64(0), panel
        )  # fmt: skip


@kernel
def dense_blocks(theta, at, x, x_at, out, out_at, n_in, n_out, start):
    """`dense` in register blocks, DEPTH terms of the sums at a time."""
    if start == FROM_0:
        clear(out, out_at, n_out * LANES)
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
                if k == 0 and start == FROM_BIAS:
                    block_from_rows(
                        rows - 1, a, ITEM, n_out * ITEM, v, row, b + m * ITEM, ITEM, o, row, n_k, 0
                    )
                else:
                    block_onto(rows - 1, a, ITEM, n_out * ITEM, v, row, o, row, o, row, n_k, 0)
            m += rows


@kernel
def dense_vjp_input_blocks(
    weights, at, out_bar, out_bar_at, x_bar, x_bar_at, n_in, n_out, fresh, panel
):
    """`dense_vjp_input` in register blocks; `panel` lends a place for a 0."""
    row = LANES * ITEM
    panel[0] = Real(0)
    zero = panel.ctypes.data
    w = weights.ctypes.data + at * ITEM
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
                if fresh and m == 0:
                    block_from_rows(
                        rows - 1, a, n_out * ITEM, ITEM, v, row, zero, 0, o, row, n_m, 0
                    )
                else:
                    block_onto(rows - 1, a, n_out * ITEM, ITEM, v, row, o, row, o, row, n_m, 0)
            k += rows


@kernel
def dense_vjp_theta_blocks(x, x_at, out_bar, out_bar_at, theta_bar, at, n_in, n_out, start, panel):
    """`dense_vjp_theta` in register blocks, on panels of out_bar turned round to (LANES, COLUMNS).

    Behind the panel lie the sums of its columns, which are those of b. The next rows of x come near
    while a block is at work: x is what a solve has kept, and far away.
    """
    row, w_row = LANES * ITEM, n_out * ITEM
    x_data, v = x.ctypes.data + x_at * ITEM, panel.ctypes.data
    for m in range(0, n_out, COLUMNS):
        n = min(COLUMNS, n_out - m)
        vectors = (n + VECTOR - 1) // VECTOR
        rows = tall_rows(n_in, vectors)
        bring_near(x_data, rows * row)
        turn_rows(out_bar, out_bar_at + m * LANES, panel, n)
        b = at + n_in * n_out + m
        if start == FROM_BIAS:
            for c in range(n):
                theta_bar[b + c] += panel[LANES * COLUMNS + c]
        o, k = theta_bar.ctypes.data + (at + m) * ITEM, 0
        while k < n_in:
            a, o_k = x_data + k * row, o + k * w_row
            shape, k = added_shape(rows, vectors), k + rows
            rows = tall_rows(n_in - k, vectors)
            if rows > 0:
                bring_near(x_data + k * row, rows * row)
            block_added(shape, a, row, ITEM, v, COLUMNS * ITEM, 0, 0, o_k, w_row, LANES, n)


@kernel
def turn_rows(a, at, panel, n):
    """panel[lane, c] = a[c, lane] for the first n <= COLUMNS values of c, and below it their sums over lanes."""
    sums = LANES * COLUMNS
    clear(panel, sums, COLUMNS)
    whole = n // VECTOR * VECTOR
    for c in range(0, whole, VECTOR):
        for lane in range(0, LANES, VECTOR):
            source = a.ctypes.data + (at + c * LANES + lane) * ITEM
            target = panel.ctypes.data + (lane * COLUMNS + c) * ITEM
            turn(
                source, LANES * ITEM, target, COLUMNS * ITEM, panel.ctypes.data + (sums + c) * ITEM
            )
    for c in range(whole, n):
        total = Real(0)
        for lane in range(LANES):
            bar = a[at + c * LANES + lane]
            panel[lane * COLUMNS + c] = bar
            total += bar
        panel[sums + c] = total


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
def tall_rows(left, vectors):
    """Return the rows of the next block of so many vectors: with fewer than VECTORS as many as fit."""
    tallest = TALLEST[vectors]
    return tallest if tallest > MAX_ROWS and left >= tallest else block_rows(left)


@kernel
def added_shape(rows, vectors):
    """Return the shape of a block of `block_added`."""
    return (min(rows, MAX_ROWS + 1) - 1) * VECTORS + vectors - 1


@kernel
def dense_line(theta, at, x, x_at, out, out_at, n_in, n_out, start):
    """`dense` for a single trajectory: vectors of outputs."""
    w, b = theta.ctypes.data + at * ITEM, theta.ctypes.data + (at + n_in * n_out) * ITEM
    x_data, out_data = x.ctypes.data + x_at * ITEM, out.ctypes.data + out_at * ITEM
    if start == FROM_0:
        clear(out, out_at, n_out)
    b = b if start == FROM_BIAS else out_data
    for m in range(0, n_out, MAX_LINE * VECTOR):
        n, at_m = min(MAX_LINE * VECTOR, n_out - m), m * ITEM
        shape = (n - 1) // VECTOR
        line_onto(
            shape, x_data, 0, ITEM, w + at_m, n_out * ITEM, b + at_m, 0, out_data + at_m, 0, n_in, n
        )


@kernel
def dense_side_by_side(theta, at, x, out, n_in, n_out, start, n):
    """`dense` of n tiles, whose x and out are pairs of an array, an offset and how far apart the tiles lie.

    A start at a bias is none of tangents.
    """
    for j in range(n):
        dense(theta, at, x[0], x[1] + j * x[2], out[0], out[1] + j * out[2], n_in, n_out, start)


@kernel
def dense_lines(theta, at, x, out, n_in, n_out, start, n):
    """`dense_side_by_side` for single trajectories: each weight is loaded for several of them."""
    w, row = theta.ctypes.data + at * ITEM, out[2] * ITEM
    if start == FROM_0:
        for j in range(n):
            clear(out[0], out[1] + j * out[2], n_out)
    j = 0
    while j < n:
        rows = block_rows(n - j)
        a = x[0].ctypes.data + (x[1] + j * x[2]) * ITEM
        o = out[0].ctypes.data + (out[1] + j * out[2]) * ITEM
        for m in range(0, n_out, COLUMNS):
            n_m, c = min(COLUMNS, n_out - m), m * ITEM
            shape = (rows - 1) * VECTORS + (n_m - 1) // VECTOR
            block_lines(
                shape, a, x[2] * ITEM, ITEM, w + c, n_out * ITEM, o + c, row, o + c, row, n_in, n_m
            )
        j += rows


@kernel
def dense_vjp_input_line(
    turned, at, out_bar, out_bar_at, x_bar, x_bar_at, n_in, n_out, fresh, panel
):
    """`dense_vjp_input` for a single trajectory: vectors of inputs, from weights that are turned."""
    if fresh:
        clear(x_bar, x_bar_at, n_in)
    w, b = turned.ctypes.data + at * ITEM, out_bar.ctypes.data + out_bar_at * ITEM
    for k in range(0, n_in, MAX_LINE * VECTOR):
        n, o = min(MAX_LINE * VECTOR, n_in - k), x_bar.ctypes.data + (x_bar_at + k) * ITEM
        line_onto((n - 1) // VECTOR, b, 0, ITEM, w + k * ITEM, n_in * ITEM, o, 0, o, 0, n_out, n)


@kernel
def turn_weights(theta, at, turned, n_in, n_out):
    """turned[m, k] = W[k, m], at the same place."""
    for k in range(n_in):
        for m in range(n_out):
            turned[at + m * n_in + k] = theta[at + k * n_out + m]


@kernel
def dense_vjp_theta_line(x, x_at, out_bar, out_bar_at, theta_bar, at, n_in, n_out, start, panel):
    """`dense_vjp_theta` for a single trajectory."""
    w_row = n_out * ITEM
    k = 0
    while k < n_in:
        rows = block_rows(n_in - k)
        a = x.ctypes.data + (x_at + k) * ITEM
        for m in range(0, n_out, COLUMNS):
            n = min(COLUMNS, n_out - m)
            v = out_bar.ctypes.data + (out_bar_at + m) * ITEM
            o = theta_bar.ctypes.data + (at + k * n_out + m) * ITEM
            shape = added_shape(rows, (n + VECTOR - 1) // VECTOR)
            block_added(shape, a, ITEM, 0, v, 0, 0, 0, o, w_row, 1, n)
        k += rows
    if start == FROM_BIAS:
        for m in range(n_out):
            theta_bar[at + n_in * n_out + m] += Real(0) + out_bar[out_bar_at + m]


def bindings(itemsize, lanes):
    """Return what the names of this file mean for one float type and width on the host."""
    blocks = {"LANES": lanes, "TURNED": lanes == 1, **block.bindings(itemsize)}
    blocks["PANEL_SIZE"] = (lanes + 1) * blocks["COLUMNS"]  # turned cotangents, and their sums
    if lanes == 1:
        blocks["dense_side_by_side"] = dense_lines
    forms = (dense_line, dense_vjp_input_line, dense_vjp_theta_line)
    if lanes > 1:
        forms = (dense_blocks, dense_vjp_input_blocks, dense_vjp_theta_blocks)
    return blocks | dict(zip(("dense", "dense_vjp_input", "dense_vjp_theta"), forms, strict=True))
