"""The sizes of what a solve works on, of `launch.table`'s own layouts, for compiled code to add up."""

import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from .._jit import inlined, kernel
from ..buffers import RUNGE_KUTTA, Bars
from ..launch.table import bars_layout, layout, record_layout, turns_layout

# Numbers known at run time, by their place in a tuple; the first is always 0.
NOTHING, DIM, STAGES, N_CACHE, N_OUTPUTS, CAPACITY, TRAJECTORIES, COLUMNS, OWN_PARAMS = range(9)
FACTORS = 3  # of such numbers in the size of an array, at most
LINE = 64  # arrays begin on cache lines


@dataclass(frozen=True)
class Size:
    """A number known at run time, plus a constant."""

    symbol: int
    more: int = 0

    def __add__(self, other):
        return Size(self.symbol, self.more + other)

    def __mul__(self, other):
        if other not in (0, 1):
            raise NotImplementedError
        return self if other else 0

    __rmul__ = __mul__

    def __gt__(self, other):
        assert self.symbol == other.symbol
        return self.more > other.more


def encode(wanted):
    """Return rows (bytes, symbol, more, symbol, more, ...) of arrays (shape, dtype), whose products are their sizes."""
    rows = []
    for shape, dtype in wanted:
        constant = math.prod(n for n in shape if not isinstance(n, Size))
        unknown = [n for n in shape if isinstance(n, Size)]
        unknown += [Size(NOTHING, 1)] * (FACTORS - len(unknown))
        factors = [number for n in unknown for number in (n.symbol, n.more)]
        rows.append([np.dtype(dtype).itemsize * constant, *factors])
    return np.array(rows, np.int64)


def layouts(dtype, lanes):
    """Return the layouts of one tile of lanes by name: of what a table points to forward and back, and of one step."""
    method = SimpleNamespace(stages=Size(STAGES), halves=1, kind=RUNGE_KUTTA)
    plan = SimpleNamespace(
        dtype=dtype, lanes=lanes, method=method, program=SimpleNamespace(dim=Size(DIM)),
        control=SimpleNamespace(measure=0, coupled=0), n_outputs=Size(N_OUTPUTS), n_reduced=0, n_passages=0,
        slopes=0,
    )  # fmt: skip
    cache, bars = Size(N_CACHE), len(Bars._fields) + 1
    back = encode(bars_layout(plan, 1, Size(N_CACHE)))
    return {
        "LAYOUT": encode(layout(plan, 1, cache)),
        "BARS_LAYOUT": back[:bars],
        "BACK_TIMES": back[bars : bars + 1],
        "BACK_HEAD": back[bars + 1 :],
        "TURNS_LAYOUT": encode(turns_layout(plan, Size(TRAJECTORIES), cache)),
        "RECORD_LAYOUT": encode(record_layout(plan, 1, cache, Size(CAPACITY), Size(STAGES))),
        "STEP_LAYOUT": encode(record_layout(plan, 1, cache, 1, 1)),
    }


@inlined
def size_of(row, sizes):
    """Return the bytes of an array, rounded up to whole lines."""
    n = row[0]
    for f in range(FACTORS):
        n *= sizes[row[1 + 2 * f]] + row[2 + 2 * f]
    return (n + LINE - 1) // LINE * LINE


@kernel
def total(rows, sizes):
    """Return the bytes of all arrays of a layout."""
    n = 0
    for i in range(rows.shape[0]):
        n += size_of(rows[i], sizes)
    return n


@kernel
def roughly(rows, sizes):
    """Return the bytes of all arrays of a layout as a float, which does not overflow."""
    n = 0.0
    for i in range(rows.shape[0]):
        product = float(rows[i, 0])
        for f in range(FACTORS):
            product *= float(sizes[rows[i, 1 + 2 * f]] + rows[i, 2 + 2 * f])
        n += product + LINE
    return n


@kernel
def place(p, slot, at, rows, sizes):
    """Put the addresses of the arrays of a layout that begins at `at` into a table; return where it ends."""
    for i in range(rows.shape[0]):
        p[slot + i] = at
        at += size_of(rows[i], sizes)
    return at
