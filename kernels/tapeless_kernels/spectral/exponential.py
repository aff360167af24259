"""Sums that steps of exponential integrators are made of: real factors, one for each mode, times complex modes.

Modes come as pairs of reals, side by side: arrays x and out have the shape (batch, 2 n), factors c the shape (n,).
"""

import numpy as np

from .._jit import kernel, separate
from ..ieee import fma


@kernel
def combine2(out, c0, x0, c1, x1):
    """Out = c0 x0 + c1 x1."""
    for s in range(len(out)):
        sum2(out[s], c0, x0[s], c1, x1[s])


@kernel
def combine3(out, c0, x0, c1, x1, c2, x2):
    """Out = c0 x0 + c1 x1 + c2 x2."""
    for s in range(len(out)):
        sum3(out[s], c0, x0[s], c1, x1[s], c2, x2[s])


@kernel
def combine4(out, c0, x0, c1, x1, c2, x2, c3, x3):
    """Out = c0 x0 + c1 x1 + c2 x2 + c3 x3."""
    for s in range(len(out)):
        sum4(out[s], c0, x0[s], c1, x1[s], c2, x2[s], c3, x3[s])


# Functions of their own, whose arguments do not overlap: where they are called LLVM could not know.


@separate
def sum2(out, c0, x0, c1, x1):
    """Combine two of one sample."""
    for j in range(len(c0)):
        for i in range(2 * j, 2 * j + 2):
            out[i] = fma(c1[j], x1[i], c0[j] * x0[i])


@separate
def sum3(out, c0, x0, c1, x1, c2, x2):
    """Combine three of one sample."""
    for j in range(len(c0)):
        for i in range(2 * j, 2 * j + 2):
            out[i] = fma(c2[j], x2[i], fma(c1[j], x1[i], c0[j] * x0[i]))


@separate
def sum4(out, c0, x0, c1, x1, c2, x2, c3, x3):
    """Combine four of one sample."""
    for j in range(len(c0)):
        for i in range(2 * j, 2 * j + 2):
            out[i] = fma(c3[j], x3[i], fma(c2[j], x2[i], fma(c1[j], x1[i], c0[j] * x0[i])))


@kernel
def column_products(sums, x, y):
    """Write, for each sample, the sums of x y over rows: x, y (batch, rows, 2 n), sums (batch, 2 n) of float64."""
    for s in range(len(x)):
        for i in range(x.shape[2]):
            sums[s, i] = 0.0
        for r in range(x.shape[1]):
            add_products(sums[s], x[s, r], y[s, r])


@separate
def add_products(sums, x, y):
    """sums += x y."""
    for i in range(len(sums)):
        sums[i] += np.float64(x[i]) * np.float64(y[i])
