"""Queries of a Brownian path: down its dyadic tree, and together again from the pieces.

The interval is halved `depth` times. Each node's normals are a function of the key, the sample, the channel and the
node, so whatever was asked before, and in company of which samples, a value has the same bits. What is kept of the
last way down saves time alone.
"""

from typing import NamedTuple

import numpy as np

from .._jit import inlined, kernel, separate
from ..ieee import square_root
from ..tile import Real
from .bridge import H, W, between, cut, halve, join
from .normals import normal_pair
from .philox import philox

AREA, MORE = 8, 4  # in a counter: draws of the family with areas, and further bits
DRAW_AT = 24  # where a counter has the number of the draw; below are the high bits of the node
QUAD = 4  # samples that share a counter: each has one of its words


class Path(NamedTuple):
    """A path's key, the way down to a leaf, and room; columns are samples by channels, first those of quads' first."""

    key: np.ndarray  # (2,) uint64: words
    quads: np.ndarray  # (n / 4,) uint32: the numbers of quads of samples
    channels: np.ndarray  # (n / 4,) uint32
    words: np.ndarray  # (1, or 2 in float64, 4, n / 4) uint32
    nodes: (
        np.ndarray
    )  # (depth + 1, 2, rows, n): both children of each node passed; [0, 0]: over all
    normals: np.ndarray  # (rows, n)
    leaf: np.ndarray  # (rows, n): the normals of a leaf
    parts: np.ndarray  # (2, rows, n): of an answer
    law: np.ndarray  # (11,) float64
    at: np.ndarray  # (3,) int64: the leaf that was gone down to, the leaf of `leaf`, -1: none; and a place in quads

    # With a place, 0 to 3, columns are those of that sample of each quad alone; with -1 there are all four.


@separate
def draw(z, path, node):
    """Fill rows with the normals of a node."""
    low, high = np.uint64(node & 0xFFFFFFFF), node >> 32
    for row in range(len(z)):
        which = row + (AREA if len(z) > 1 else 0)
        first = np.uint64(high | (which << DRAW_AT))
        count(path.words[0], low, first, path.quads, path.channels, path.key[0], path.key[1])
        if z.itemsize == 8:
            second = np.uint64(high | ((which + MORE) << DRAW_AT))
            count(path.words[1], low, second, path.quads, path.channels, path.key[0], path.key[1])
        n = len(path.quads)
        words, more = path.words[0], path.words[len(path.words) - 1]
        if path.at[2] >= 0:
            w, second_of = path.at[2] // 2 * 2, path.at[2] % 2
            to_one_normal(z[row], words[w], words[w + 1], more[w], more[w + 1], second_of)
            continue
        for w in range(0, QUAD, 2):
            halves = z[row, w * n : (w + 1) * n], z[row, (w + 1) * n : (w + 2) * n]
            to_normals(halves[0], halves[1], words[w], words[w + 1], more[w], more[w + 1])


@kernel
def count(words, low, high, quads, channels, k0, k1):
    """Fill four rows with the words of a node for each quad and channel."""
    for i in range(len(quads)):
        c0, c1, c2, c3 = philox(low, high, np.uint64(quads[i]), np.uint64(channels[i]), k0, k1)
        words[0, i], words[1, i] = np.uint32(c0), np.uint32(c1)
        words[2, i], words[3, i] = np.uint32(c2), np.uint32(c3)


@kernel
def to_normals(z0, z1, first, second, more_first, more_second):
    """Turn words into normals, in pairs."""
    for i in range(len(z0)):
        z0[i], z1[i] = normal_pair(first[i], second[i], more_first[i], more_second[i])


@kernel
def to_one_normal(z, first, second, more_first, more_second, second_of):
    """Turn words into the first or the second normals of pairs."""
    for i in range(len(z)):
        z0, z1 = normal_pair(first[i], second[i], more_first[i], more_second[i])
        z[i] = z1 if second_of else z0


@separate
def lead_to(path, span, leaf):
    """Go down to a leaf; above where the last way down parts from it, that is still good."""
    depth, level = len(path.nodes) - 1, 0
    if path.at[0] >= 0:
        level, parting = depth + 1, path.at[0] ^ leaf
        while parting > 0:
            level, parting = level - 1, parting >> 1
    else:
        draw(path.normals, path, np.int64(0))
        spread(path.nodes[0, 0], path.normals, square_root(span))
    for above in range(level, depth):
        node = leaf >> (depth - above)
        draw(path.normals, path, (np.int64(1) << above) + node)
        root = square_root(span / (np.int64(1) << above))
        halve(
            path.nodes[above + 1, 0],
            path.nodes[above + 1, 1],
            path.nodes[above, node & 1],
            path.normals,
            root,
        )
    path.at[0] = leaf


@kernel
def spread(values, z, root):
    """Set W, H and K of the whole interval, of length root**2."""
    copy(values, z)
    for row in range(len(values)):
        over = 1.0 if row == W else 12.0 if row == H else 720.0
        scale = Real(root / square_root(over))
        for i in range(len(z[0])):
            values[row, i] *= scale


@kernel
def copy(out, values):
    """Out = values."""
    for row in range(len(out)):
        for i in range(len(out[0])):
            out[row, i] = values[row, i]


@separate
def part_of_leaf(part, path, span, leaf, fraction, from_end):
    """Set the values over the first part of the leaf gone down to, or over what is after it."""
    depth = len(path.nodes) - 1
    whole = path.nodes[depth, leaf & 1]
    if fraction == (0.0 if from_end else 1.0):
        copy(part, whole)
        return
    if path.at[1] != leaf:
        draw(path.leaf, path, (np.int64(1) << depth) + leaf)
        path.at[1] = leaf
    root = square_root(span / (np.int64(1) << depth))
    cut(part, whole, path.leaf, root, fraction, from_end, path.law)


@separate
def increments(path, span, i, f, j, g):
    """Set parts[0] to the values from the fraction f < 1 of leaf i to the fraction g > 0 of leaf j."""
    depth, total, other = len(path.nodes) - 1, path.parts[0], path.parts[1]
    lead_to(path, span, i)
    if i == j:
        if f == 0.0 or g == 1.0:
            part_of_leaf(total, path, span, i, g if f == 0.0 else f, f != 0.0)
        else:
            part_of_leaf(total, path, span, i, g, False)
            part_of_leaf(other, path, span, i, f, False)
            between(total, other, path.leaf, square_root(span * (g - f) / (np.int64(1) << depth)))
        return
    part_of_leaf(total, path, span, i, f, True)
    length, level, size = 1.0 - f, depth, 1.0
    while (i ^ j) >> (depth - level + 1) != 0:  # until they are children of one node
        if (i >> (depth - level)) & 1 == 0:
            join(total, path.nodes[level, 1], length, size, False)
            length += size
        level, size = level - 1, 2.0 * size
    lead_to(path, span, j)
    part_of_leaf(other, path, span, j, g, False)
    more, size = g, 1.0
    for below in range(depth, level, -1):
        if (j >> (depth - below)) & 1 == 1:
            join(other, path.nodes[below, 0], more, size, True)
            more += size
        size *= 2.0
    join(total, other, length, more, False)


@inlined
def place(t, t0, span, depth):
    """Return the leaf of a time and how far in it that is; what is nearer to a leaf's end than rounding is there."""
    n = np.float64(np.int64(1) << depth)
    x = (t - t0) / span * n
    nearest = np.float64(np.int64(x + 0.5))
    x = nearest if abs(x - nearest) <= 8.9e-16 * n else x
    leaf = np.int64(x)
    return leaf, x - np.float64(leaf)


@kernel
def query(path, t0, span, s, t, samples, out):
    """Write W, or W, H and K, over each (s, t) to out (queries, rows, samples, channels).

    `samples` are the number of the path's first one, and which rows of `out` are those of this path's quads.
    """
    for q in range(len(s)):
        increments_between(path, t0, span, s[q], t[q])
        for row in range(out.shape[1]):
            write(out[q, row], path.parts[0, row], samples[0], samples[1], samples[2])


@separate
def increments_between(path, t0, span, s, t):
    """Set parts[0] to the values over (s, t), 0 unless s < t."""
    depth = len(path.nodes) - 1
    i, f = place(s, t0, span, depth)
    j, g = place(t, t0, span, depth)
    if g == 0.0:
        j, g = j - 1, 1.0
    if i > j or (i == j and not f < g):
        clear(path.parts[0])
    else:
        increments(path, span, i, f, j, g)


@kernel
def clear(out):
    """Out = 0."""
    for row in range(len(out)):
        for i in range(len(out[0])):
            out[row, i] = Real(0)


@kernel
def write(out, values, first, start, stop):
    """Write a row of columns as samples by channels."""
    n, channels, quad = len(values) // QUAD, out.shape[1], (first + start) // QUAD
    for m in range(start, stop):
        sample = first + m
        at = sample % QUAD * n + (sample // QUAD - quad) * channels
        for c in range(channels):
            out[m, c] = values[at + c]
