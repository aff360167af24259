"""Products and waves of the rows of a tile, their transposes and their tangents; all flat arrays with an offset."""

import numpy as np

from .._jit import kernel
from ..activations import SIN, activate, cos

LANES, Real = 1, np.float64


@kernel
def product(a, a_at, b, b_at, out, out_at, n):
    """out = a b, for n numbers."""
    x, y, target = a[a_at : a_at + n], b[b_at : b_at + n], out[out_at : out_at + n]
    for i in range(n):
        target[i] = x[i] * y[i]


@kernel
def add_product(a, a_at, b, b_at, out, out_at, n, fresh):
    """out += a b, out being 0 if fresh: the transpose of `product` in either factor."""
    if fresh:
        product(a, a_at, b, b_at, out, out_at, n)
    else:
        x, y, target = a[a_at : a_at + n], b[b_at : b_at + n], out[out_at : out_at + n]
        for i in range(n):
            target[i] += x[i] * y[i]


@kernel
def outer(a, a_at, b, b_at, out, out_at, n, fresh):
    """out[i, j] += a[i] b[j] for i, j < n rows, out being 0 if fresh."""
    for i in range(n):
        for j in range(n):
            add_product(
                a, a_at + i * LANES, b, b_at + j * LANES, out, out_at + (i * n + j) * LANES, LANES,
                fresh,
            )  # fmt: skip


@kernel
def outer_vjp(a, a_at, bar, bar_at, a_bar, a_bar_at, n, fresh):
    """a_bar[i] += sum_j (bar[i, j] + bar[j, i]) a[j], where out = a a^T."""
    for i in range(n):
        for j in range(n):
            first = fresh if j == 0 else np.int64(0)
            at = a_at + j * LANES
            add_product(
                bar, bar_at + (i * n + j) * LANES, a, at, a_bar, a_bar_at + i * LANES, LANES, first
            )
            add_product(
                bar, bar_at + (j * n + i) * LANES, a, at, a_bar, a_bar_at + i * LANES, LANES,
                np.int64(0),
            )  # fmt: skip


@kernel
def waves(a, a_at, out, out_at, n):
    """out = sin(a), followed by cos(a), for n numbers."""
    activate(SIN, a, a_at, out, out_at, n)
    x, target = a[a_at : a_at + n], out[out_at + n : out_at + 2 * n]
    for i in range(n):
        target[i] = cos(x[i])


@kernel
def waves_vjp(out, out_at, bar, bar_at, a_bar, a_bar_at, n, fresh):
    """a_bar += cos bar of the sine, - sin bar of the cosine, out being what `waves` returned."""
    sines, cosines = out[out_at : out_at + n], out[out_at + n : out_at + 2 * n]
    of_sine, of_cosine = bar[bar_at : bar_at + n], bar[bar_at + n : bar_at + 2 * n]
    target = a_bar[a_bar_at : a_bar_at + n]
    if fresh:
        for i in range(n):
            target[i] = cosines[i] * of_sine[i] - sines[i] * of_cosine[i]
    else:
        for i in range(n):
            target[i] += cosines[i] * of_sine[i] - sines[i] * of_cosine[i]


@kernel
def waves_jvp(out, out_at, a_dot, a_dot_at, out_dot, out_dot_at, n):
    """out_dot of the sine = cos a_dot, of the cosine = - sin a_dot."""
    sines, cosines = out[out_at : out_at + n], out[out_at + n : out_at + 2 * n]
    x, target = a_dot[a_dot_at : a_dot_at + n], out_dot[out_dot_at : out_dot_at + 2 * n]
    for i in range(n):
        target[i] = cosines[i] * x[i]
        target[n + i] = -(sines[i] * x[i])
