r"""Queries of a Brownian path by blocks of a GPU, and the transpose onto the normals of the tree's nodes.

The kernels are those of brownian.cu; the CPU's, `drivers/brownian.py`, are their twin, with which they agree to the
bit in both float types: Philox's words, normals, and all that is made of them. What depends on times alone, leaves,
fractions and the laws in them, is worked out here, once for all samples, in float64; a kernel in float32 holds no
double operation.

Values over a query are linear in the normals z of the nodes, :math:`v = A z`. `BrownianKernels.vjp` returns
:math:`A^\top \bar v` for the nodes of the first levels: number 0 is the whole interval, :math:`2^l + m` the m-th node
of level l, and from :math:`2^{depth}` on there are the leaves, whose normals cut queries off.

Operations of a query of one column, for the roofline, with L = 2 (depth - d) levels below the one on which the ways
to both ends part, and R rows: a quarter of L R draws of four numbers, each of 100 integer operations of Philox
(float64: 200) and 150 (250) of normal_pair; 3 L operations for W alone, 60 L with areas. Bytes: R numbers of w bytes
written, and the plan read, 4 w (R = 3: (6 depth + 38) w) of each block and query.
"""

import functools
import pathlib
from typing import NamedTuple

import numpy as np

from .._cupy import raw_kernel
from .._jit import Family, inlined, kernel
from ..drivers import normals
from ..drivers.bridge import part_law
from ..drivers.brownian import QUAD, place
from ..elementary import MEANINGS
from ..elementary_constants import FLOAT64
from ..ieee import square_root
from ..tile import Real
from .raw_arguments import FLOATS, checked, float_name

SOURCE = pathlib.Path(__file__).with_suffix(".cu")
KERNELS, ROWS = ("increments", "increments_vjp"), (1, 3)
INSTANCES = tuple(f"{k}<{real}, {r}>" for k in KERNELS for real in FLOATS.values() for r in ROWS)
# As brownian.cu has them: bits of a mode; numbers of a cut.
THERE, CUT_0, CUT_1, BETWEEN, TWO_LEAVES = 1, 2, 4, 8, 16
N_CUT = {1: 2, 3: 16}
MOST, LEAST, UNASKED = 128, 32, 48 * 1024  # threads of a block; bytes that it has without asking
DEEPEST = 48  # levels of a tree, of which a counter has the bits
AT_ONCE = 64  # queries of one block: the first goes down the whole tree


class Plan(NamedTuple):
    """What queries need besides normals: all that depends on their times."""

    leaves: np.ndarray  # (n, 2) int64: in which they begin and end
    modes: np.ndarray  # (n,) int32
    cuts: np.ndarray  # (n, 2, N_CUT)
    joins: (
        np.ndarray
    )  # (n or, of W alone, 0, 2 depth + 2, 3): after the beginning, before the end, both
    law: np.ndarray  # (11,) float64


@inlined
def cut_numbers(out, root, fraction, from_end, law):
    """Set what bridge.cut makes of a fraction."""
    f = fraction
    if len(out) == 2:
        spread = square_root(f * (1.0 - f)) * root
        out[0], out[1] = Real(1.0 - f if from_end else f), Real(-spread if from_end else spread)
        return
    first = f <= 0.5
    a = f if first else 1.0 - f
    part_law(a, law)
    for i in range(11):
        out[i] = Real(law[i]) if i < 5 else Real(root) * Real(law[i])
    out[11], out[12] = Real(a), Real(1.0 - a)
    out[13] = (out[12] - out[11]) * Real(1.0 / 12.0)
    out[14], out[15] = Real(1 if first else -1), Real(1 if first != from_end else 0)


@inlined
def join_numbers(out, length, more):
    """Set what bridge.join makes of the lengths of two intervals."""
    total = length + more
    out[0], out[1] = Real(length / total), Real(more / total)
    out[2] = Real((more - length) / total / 12.0)


@kernel
def fill_plan(plan, t0, span, depth, s, t):
    """Plan the queries over each (s, t) as drivers.brownian.increments takes them."""
    root = square_root(span / (np.int64(1) << depth))
    for q in range(len(s)):
        i, f = place(s[q], t0, span, depth)
        j, g = place(t[q], t0, span, depth)
        if g == 0.0:
            j, g = j - 1, 1.0
        cuts, areas = plan.cuts[q], plan.cuts.shape[2] > 2  # increments alone are added up
        plan.modes[q], plan.leaves[q, 0], plan.leaves[q, 1] = 0, i, j
        if i > j or (i == j and not f < g):
            continue
        mode = THERE
        if i == j:
            fraction = g if f == 0.0 else f
            if f == 0.0 or g == 1.0:
                if fraction != (1.0 if f == 0.0 else 0.0):
                    cut_numbers(cuts[0], root, fraction, f != 0.0, plan.law)
                    mode |= CUT_0
            else:
                cut_numbers(cuts[0], root, g, False, plan.law)
                cut_numbers(cuts[1], root, f, False, plan.law)
                mode |= CUT_0 | CUT_1 | BETWEEN
                if areas:
                    apart, last = (
                        square_root(span * (g - f) / (np.int64(1) << depth)),
                        2 * depth + 1,
                    )
                    plan.joins[q, last, 0] = Real(apart / square_root(12.0))
                    plan.joins[q, last, 1] = Real(apart / square_root(720.0))
            plan.modes[q] = mode
            continue
        if f != 0.0:
            cut_numbers(cuts[0], root, f, True, plan.law)
            mode |= CUT_0
        if g != 1.0:
            cut_numbers(cuts[1], root, g, False, plan.law)
            mode |= CUT_1
        plan.modes[q] = mode | TWO_LEAVES
        if not areas:
            continue
        joins = plan.joins[q]
        length, more, level, size = 1.0 - f, g, depth, 1.0
        while (i ^ j) >> (depth - level + 1) != 0:
            if (i >> (depth - level)) & 1 == 0:
                join_numbers(joins[level], length, size)
                length += size
            if (j >> (depth - level)) & 1 == 1:
                join_numbers(joins[depth + level], more, size)
                more += size
            level, size = level - 1, 2.0 * size
        join_numbers(joins[2 * depth + 1], length, more)


@functools.cache
def _family(dtype):
    return Family(f"brownian_plan_{dtype.name}", {"LANES": 1, **normals.bindings(dtype)})


def plan(dtype, rows, depth, t0, span, s, t):
    """Return the Plan of queries, arrays of NumPy."""
    s, t = _checked_times(t0, span, s, t)
    n, with_joins = len(s), len(s) if rows > 1 else 0
    made = Plan(
        np.zeros((n, 2), np.int64), np.zeros(n, np.int32), np.zeros((n, 2, N_CUT[rows]), dtype),
        np.zeros((with_joins, 2 * depth + 2, 3), dtype), np.empty(11),
    )  # fmt: skip
    _family(np.dtype(dtype))(fill_plan)(made, t0, span, depth, s, t)
    return made


def _checked_times(t0, span, s, t):
    """Return flat arrays of float64; a time that is not in the span would lead out of the tree."""
    s, t = np.asarray(s), np.asarray(t)
    for name, x in (("s", s), ("t", t)):
        if x.dtype.kind not in "fiu" or x.ndim != 1 or x.shape != s.shape:
            raise ValueError(
                f"BrownianKernels: `{name}` must be a flat array of times, as many as of `s`, got {x.dtype} "
                f"and shape {x.shape}"
            )
        outside = x[~((x >= t0) & (x <= t0 + span))]
        if outside.size:
            raise ValueError(
                f"BrownianKernels: `{name}` must be within [{t0}, {t0 + span}], where the path is, got {outside[0]}"
            )
    return s.astype(np.float64), t.astype(np.float64)


def scales(dtype, rows, depth, span):
    """Return what the normals of the whole interval, and of halves on each level, are multiplied by: bridge.halve."""
    real = np.dtype(dtype).type
    root = np.sqrt(span / 2.0 ** np.arange(depth))
    if rows == 1:
        return np.array([np.sqrt(span), *(0.5 * root)]).astype(real)[:, None]
    whole = np.sqrt(span) / np.sqrt([1.0, 12.0, 720.0])
    halves = np.stack([root / 4.0, root / np.sqrt(768.0), root / np.sqrt(2880.0)], axis=1)
    return np.vstack([whole, halves]).astype(real)


def numbers(dtype):
    """Return the constants that normals are made of."""
    c = MEANINGS[np.dtype(dtype)].get("C", FLOAT64)
    sqrt_half = np.array(c.sqrt_half_bits).view(dtype)[()]
    return np.array(
        [c.ln2, c.ln2_rest, c.pi, c.pi_rest, c.round, sqrt_half, *c.log_tail, *c.sin_tail], dtype
    )


class BrownianKernels:
    """A path's kernels, on arrays of `xp`: of CuPy, or of NumPy where `module` is of the CPU.

    `key`, `first` and `depth` are those of launch.brownian.blocks.
    """

    def __init__(self, xp, key, first, samples, channels, rows, depth, dtype, module=None):
        self._real, self._module = float_name("BrownianKernels", dtype), module
        self._xp, self._dtype, self._rows, self._depth = xp, np.dtype(dtype), rows, depth
        ranges = {
            "key": (key, 0, 2**64 - 1), "first": (first, 0, 2**32 - 1), "samples": (samples, 0, 2**31 - 1),
            "channels": (channels, 1, 2**31 - 1), "depth": (depth, 1, DEEPEST),
        }  # fmt: skip
        for name, (value, least, most) in ranges.items():
            if not least <= value <= most:
                raise ValueError(
                    f"BrownianKernels: `{name}` must be from {least} to {most}, got {value}"
                )
        if rows not in ROWS:
            raise ValueError(
                f"BrownianKernels: `rows` must be one of {ROWS}, W or W, H and K, got {rows}"
            )
        self._size, self._key = (
            (samples, channels),
            (np.uint32(key & 0xFFFFFFFF), np.uint32(key >> 32)),
        )
        self._path = (
            np.uint32(first // QUAD),
            np.int32(first % QUAD),
            np.int32(samples),
            np.int32(channels),
        )
        self._pairs = ((first % QUAD + samples + QUAD - 1) // QUAD) * channels
        # Two nodes of each level, and the normals of a leaf.
        of_column = (2 * (depth + 1) + 1) * rows * self._dtype.itemsize
        self._threads = MOST
        while self._threads > LEAST and self._threads * of_column > UNASKED:
            self._threads //= 2
        self._shared = self._threads * of_column
        self._numbers = xp.asarray(numbers(dtype))

    def _launch(self, name, chunks, arguments):
        """Run a kernel with as many blocks as columns need, by `chunks` of queries."""
        of_path = f"<{self._real}, {self._rows}>"
        together = tuple(e for e in INSTANCES if e.endswith(of_path))
        function = raw_kernel(SOURCE, name + of_path, module=self._module, together=together)
        if self._shared > UNASKED:
            function.max_dynamic_shared_size_bytes = self._shared
        blocks = -(-self._pairs * QUAD // self._threads)
        function((blocks, chunks), (self._threads,), arguments, shared_mem=self._shared)

    def _plan(self, t0, span, s, t):
        """Return scales, and the plan up to the law, as arrays of `xp`."""
        made = plan(self._dtype, self._rows, self._depth, t0, span, s, t)
        found = scales(self._dtype, self._rows, self._depth, span), *made[:4]
        return [self._xp.asarray(x) for x in found]

    def __call__(self, t0, span, s, t):
        """Return the values over each (s, t), flat arrays of NumPy, as (queries, rows, samples, channels)."""
        n = len(s)
        out = self._xp.empty((n, self._rows, *self._size), self._dtype)
        if out.size:
            of_levels, *made = self._plan(t0, span, s, t)
            tail = np.int32(n), np.int32(AT_ONCE), np.int32(self._depth), out
            arguments = self._numbers, of_levels, *self._key, *self._path, *made, *tail
            self._launch("increments", -(-n // AT_ONCE), arguments)
        return out

    def vjp(self, t0, span, s, t, out_bar, levels):
        """Return the cotangents of the normals of the first 2**levels nodes, (2**levels, rows, samples, channels)."""
        n = len(s)
        checked(
            "BrownianKernels.vjp",
            self._xp,
            self._dtype,
            (n, self._rows, *self._size),
            out_bar=out_bar,
        )
        if not levels >= 0:
            raise ValueError(f"BrownianKernels.vjp: `levels` must be at least 0, got {levels}")
        n_nodes = 2 ** min(levels, self._depth + 1)
        z_bar = self._xp.zeros((n_nodes, self._rows, *self._size), self._dtype)
        if out_bar.size:
            of_levels, *made = self._plan(t0, span, s, t)
            tail = np.int32(n), np.int32(self._depth), out_bar, np.int64(n_nodes), z_bar
            self._launch("increments_vjp", 1, (of_levels, *self._path, *made, *tail))
        return z_bar
