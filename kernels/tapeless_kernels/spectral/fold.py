"""Folds of a periodic axis: what cosines and sines agree upon is added up before any product is taken.

With four classes, for n divisible by 4: cosines of even k, of odd k, sines of even k, of odd k, each on the first
n // 4 + 1 points; with two, for any n, cosines and sines on the first n // 2 + 1. A point that is its own mirror image
is taken once, and where a class vanishes it gets 0, so that `unfold` is the exact transpose.
"""

import functools

import numpy as np
from numba import types
from numba.extending import intrinsic

from .._jit import kernel, separate
from ..vector_ir import Loop, Vectors, int64, vector_bytes

Real = np.float64
# What `bindings` gives a meaning for each dtype:
pairs_along = pairs_across = pairs_back_along = pairs_back_across = None
ITEM = VECTOR = 1


@kernel
def fold(x, x_at, step, n, inner, folded, at, panel, n_classes, count, pitch):
    """Fold `count` arrays (n, inner), along the first axis, into (n_classes, points, inner).

    Points lie `step` numbers apart and arrays `pitch`; classes begin `panel` numbers apart, in all arrays.
    """
    half, last = n // 2 * step, n // n_classes * step
    for which in range(count):
        for i in range(inner):
            a, o = x_at + which * pitch + i, at + which * n_classes * panel + i
            e = o + n // n_classes * inner
            folded[o], folded[o + panel] = x[a], Real(0)
            if n_classes == 4:
                folded[o], folded[o + panel] = x[a] + x[a + half], x[a] - x[a + half]
                folded[o + 2 * panel], folded[o + 3 * panel] = Real(0), Real(0)
                b, c = x[a + last], x[a + half + last]
                folded[e], folded[e + panel] = b + c, Real(0)
                folded[e + 2 * panel], folded[e + 3 * panel] = Real(0), b - c
            elif n % 2 == 0:
                folded[e], folded[e + panel] = x[a + half], Real(0)
    fold_pairs(x, x_at, step, n, inner, folded, at, panel, n_classes, count, pitch)


@kernel
def unfold(folded, at, panel, n_classes, x, x_at, step, n, inner, count, pitch):
    """The transpose of `fold`."""
    half, last = n // 2 * step, n // n_classes * step
    for which in range(count):
        for i in range(inner):
            a, o = x_at + which * pitch + i, at + which * n_classes * panel + i
            e = o + n // n_classes * inner
            x[a] = folded[o]
            if n_classes == 4:
                x[a], x[a + half] = folded[o] + folded[o + panel], folded[o] - folded[o + panel]
                x[a + last] = folded[e] + folded[e + 3 * panel]
                x[a + half + last] = folded[e] - folded[e + 3 * panel]
            elif n % 2 == 0:
                x[a + half] = folded[e]
    unfold_pairs(folded, at, panel, n_classes, x, x_at, step, n, inner, count, pitch)


@kernel
def n_pairs(n, n_classes):
    """Return how many points j = 1, 2, ... of each class have images."""
    return n // 4 - 1 if n_classes == 4 else (n - 1) // 2


@separate
def fold_each_pair(x, x_at, step, n, inner, folded, at, panel, n_classes, count, pitch):
    """`fold` of the points that have images."""
    for _ in range(count):
        for j in range(1, n_pairs(n, n_classes) + 1):
            for i in range(inner):
                o = at + j * inner + i
                a, d = x[x_at + j * step + i], x[x_at + (n - j) * step + i]
                if n_classes == 4:
                    b, c = x[x_at + (n // 2 - j) * step + i], x[x_at + (n // 2 + j) * step + i]
                    folded[o], folded[o + panel] = (a + d) + (b + c), (a + d) - (b + c)
                    folded[o + 2 * panel] = (a - d) - (b - c)
                    folded[o + 3 * panel] = (a - d) + (b - c)
                else:
                    folded[o], folded[o + panel] = a + d, a - d
        x_at, at = x_at + pitch, at + n_classes * panel


@separate
def unfold_each_pair(folded, at, panel, n_classes, x, x_at, step, n, inner, count, pitch):
    """The transpose of `fold_each_pair`."""
    for _ in range(count):
        for j in range(1, n_pairs(n, n_classes) + 1):
            for i in range(inner):
                o = at + j * inner + i
                a, d = x_at + j * step + i, x_at + (n - j) * step + i
                p, q = folded[o], folded[o + panel]
                if n_classes == 4:
                    b, c = x_at + (n // 2 - j) * step + i, x_at + (n // 2 + j) * step + i
                    r, s = folded[o + 2 * panel], folded[o + 3 * panel]
                    x[a], x[d] = (p + q) + (r + s), (p + q) - (r + s)
                    x[b], x[c] = (p - q) + (s - r), (p - q) - (s - r)
                else:
                    x[a], x[d] = p + q, p - q
        x_at, at = x_at + pitch, at + n_classes * panel


fold_pairs, unfold_pairs = fold_each_pair, unfold_each_pair


@separate
def fold_pairs_blocks(x, x_at, step, n, inner, folded, at, panel, n_classes, count, pitch):
    """`fold_each_pair` by whole vectors: along rows if inner is 1, else across rows of whole vectors."""
    found, row, p = n_pairs(n, n_classes), step * ITEM, panel * ITEM
    whole, back = found // VECTOR, (VECTOR - 1) * ITEM  # where a vector of images begins
    if inner == 1 and whole == 0:
        fold_each_pair(x, x_at, step, n, inner, folded, at, panel, n_classes, count, pitch)
        return
    a, o = x.ctypes.data + x_at * ITEM, folded.ctypes.data + at * ITEM
    four = np.int64(n_classes == 4)
    for _ in range(count):
        half, end = a + n // 2 * row, a + n * row
        if inner > 1:
            for j in range(1, found + 1):
                i, o_j = j * row, o + j * inner * ITEM
                pairs_across(four, a + i, half - i, half + i, end - i, o_j, p, inner // VECTOR)
        else:
            j = ITEM
            pairs_along(four, a + j, half - j - back, half + j, end - j - back, o + j, p, whole)
            j = (found + 1 - VECTOR) * ITEM  # the last vector, which may overlap the one before
            pairs_along(four, a + j, half - j - back, half + j, end - j - back, o + j, p, 1)
        a, o = a + pitch * ITEM, o + n_classes * p


@separate
def unfold_pairs_blocks(folded, at, panel, n_classes, x, x_at, step, n, inner, count, pitch):
    """`unfold_each_pair` by whole vectors."""
    found, row, p = n_pairs(n, n_classes), step * ITEM, panel * ITEM
    whole, back = found // VECTOR, (VECTOR - 1) * ITEM
    if inner == 1 and whole == 0:
        unfold_each_pair(folded, at, panel, n_classes, x, x_at, step, n, inner, count, pitch)
        return
    a, o = x.ctypes.data + x_at * ITEM, folded.ctypes.data + at * ITEM
    four = np.int64(n_classes == 4)
    for _ in range(count):
        half, end = a + n // 2 * row, a + n * row
        if inner > 1:
            for j in range(1, found + 1):
                i, o_j = j * row, o + j * inner * ITEM
                pairs_back_across(four, a + i, half - i, half + i, end - i, o_j, p, inner // VECTOR)
        else:
            j = ITEM
            pairs_back_along(
                four, a + j, half - j - back, half + j, end - j - back, o + j, p, whole
            )
            j = (found + 1 - VECTOR) * ITEM
            pairs_back_along(four, a + j, half - j - back, half + j, end - j - back, o + j, p, 1)
        a, o = a + pitch * ITEM, o + n_classes * p


def _emit(v, arguments, four, along, back):
    """Emit the loop over vectors of pairs; *along* a row images run the other way."""
    *places, panel, n = arguments
    builder = v.builder
    reverse = [False, along, False, along, False]
    steps = [int64(-v.bytes if backwards else v.bytes) for backwards in reverse]

    def load(at, backwards=False):
        x = v.load(at)
        return v.reverse(x) if backwards else x

    def store(x, at, backwards=False):
        v.store(v.reverse(x) if backwards else x, at)

    with Loop(builder, n, places) as loop:
        a, b, c, d, o = loop.values
        panels = [o]
        for _ in range(3 if four else 1):
            panels.append(builder.add(panels[-1], panel))
        add, subtract = builder.fadd, builder.fsub
        if not back:
            x_a, x_d = load(a), load(d, along)
            sums = [add(x_a, x_d), subtract(x_a, x_d)]
            if four:
                x_b, x_c = load(b, along), load(c)
                even, odd = add(x_b, x_c), subtract(x_b, x_c)
                sums = [
                    add(sums[0], even),
                    subtract(sums[0], even),
                    subtract(sums[1], odd),
                    add(sums[1], odd),
                ]
            for total, at in zip(sums, panels, strict=True):
                store(total, at)
        else:
            p, q, *rest = (load(at) for at in panels)
            if four:
                r, s = rest
                even, odd = add(p, q), add(r, s)
                store(add(even, odd), a)
                store(subtract(even, odd), d, along)
                even, odd = subtract(p, q), subtract(s, r)
                store(add(even, odd), b, along)
                store(subtract(even, odd), c)
            else:
                store(add(p, q), a)
                store(subtract(p, q), d, along)
        loop.carry = [builder.add(x, step) for x, step in zip(loop.values, steps, strict=True)]


@functools.cache
def make_pairs(itemsize, along, back):
    """Return an intrinsic pairs(four, a, b, c, d, out, panel, n) for n vectors, by address: of four classes or two."""

    @intrinsic
    def pairs(typing, four, a, b, c, d, out, panel, n):
        def codegen(context, builder, signature, values):
            with builder.if_else(builder.icmp_signed("!=", values[0], int64(0))) as branches:
                for branch, classes in zip(branches, (True, False), strict=True):
                    with branch:
                        _emit(Vectors(builder, itemsize), values[1:], classes, along, back)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 8), codegen

    return pairs


def bindings(itemsize):
    """Return what the names of this file mean for one float type on the host."""
    return {
        "pairs_along": make_pairs(itemsize, True, False),
        "pairs_across": make_pairs(itemsize, False, False),
        "pairs_back_along": make_pairs(itemsize, True, True),
        "pairs_back_across": make_pairs(itemsize, False, True),
        "fold_pairs": fold_pairs_blocks,
        "unfold_pairs": unfold_pairs_blocks,
        "ITEM": itemsize,
        "VECTOR": vector_bytes() // itemsize,
    }
