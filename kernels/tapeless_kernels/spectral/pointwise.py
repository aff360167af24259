"""A dense layer at every point of a grid, with what else is added there, and an activation; and its transposes.

x is (batch, n_in, n), out (batch, n_out, n). POINTS points at a time are copied side by side: rows of a field often lie
a power of 2 apart, and would drive each other out of the first-level cache. Weights are (n_in, n_out), and the biases
follow as if they were the weights of one more channel, which is 1.
"""

from typing import NamedTuple

import numpy as np

from .._jit import kernel
from .mixing import turn_matrix
from .product import ADD, FRESH, ONTO, multiply
from .slopes import activate_row

Real = np.float64
POINTS = 256
VECTOR = 1  # `product.bindings` gives it a meaning


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
    """`multiply` of a panel onto rows of a field; those of a part of a panel take the way by a spare one."""
    width, mode = whole_vectors(points), FRESH if fresh else ONTO
    if points == width:
        multiply(a, 0, a_row, a_k, panel, 0, POINTS, out, at, n, n_rows, n_k, width, mode)
    else:
        take(out, at, n, n_rows, 0 if fresh else points, spare, width)
        multiply(a, 0, a_row, a_k, panel, 0, POINTS, spare, 0, POINTS, n_rows, n_k, width, mode)
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
            # Each panel by itself: one chain through all points would lose digits.
            multiply(
                panels.x, 0, POINTS, 1, panels.turned, 0, padded, panels.weights, 0, padded, n_in + 1, points, padded,
                FRESH if p == 0 else ADD,
            )  # fmt: skip
            if len(x_bar) > 0:
                add_at_points(
                    weights, n_out, 1, panels.out, panels.x, x_bar, i, n, n_in, n_out, points, fresh
                )
        for k in range(n_in + 1):
            for m in range(n_out):
                theta_bar[b * size + k * n_out + m] = panels.weights[k * padded + m]
