"""Runs the loop for one trajectory: the memory of a solve, and a pool of such."""

import time

import numpy as np

from ..loops import single_state as place
from ..loops.single_state import N_PLACES, SPENT, X_PLACES
from ..tableaus.butcher import arrays_with_dense
from . import single_entry as entry
from .array import carve
from .cpu import BYTES_PER_CALL, family

INFINITY = float("inf")

FIRST_STEPS = 64  # room for the first; then twice as many, and again
STIFF_PART = 0.95  # of the stability bound: so near to it a step is limited by it


class Machine:
    """The memory of one solve, to be used for solves alike, one after the other.

    Parameters
    ----------
    tableau : ButcherTableau
        The method.
    dtype : dtype
        Of the state, or of its parts if it is complex.
    dim : int
        Real components of the state.
    pairs : bool
        Whether two and two of them are a complex number.
    """

    def __init__(self, tableau, dtype, dim, pairs):
        dense = arrays_with_dense(tableau, dtype)
        rows, degree = len(dense.c), len(dense.weights)
        whole = family(dtype, 1).bind["WHOLE"]
        state = (-(-dim // whole) * whole, 1)
        numbers, h, y, e, y_next, z, k, q, pair, rtol, atol, x, time, lane_status, n = carve(
            [((11,), dtype), ((1,), dtype), (state, dtype), (state, dtype), (state, dtype),
             (state, dtype), ((rows, *state), dtype), ((degree, *state), dtype), ((2, *state), dtype),
             ((dim,), dtype), ((dim,), dtype), ((X_PLACES,), "f8"), ((1,), dtype), ((1,), "u1"),
             ((entry.TABLE,), "i8")]
        )  # fmt: skip
        for array in (n, x, y, e, y_next, z, k, q, pair):
            array[:] = 0  # what only pads stays so
        pair_x, pair_y = tableau.stability_pair or (-1, -1)
        n[: place.PHASE] = (
            dim, tableau.stages, tableau.fsal, rows, degree, tableau.n_errors, pairs,
            tableau.error is not None, 0, 0, 0, 0, 0, 0, 0, pair_x, pair_y,
        )  # fmt: skip
        self.error = dense.error
        self._arrays = [
            x, numbers, dense.a, dense.c, dense.weights, self.error, h, y, e, y_next, z, k, q, pair,
            rtol, atol,
        ]  # fmt: skip
        n[entry.ARRAYS : entry.ARRAYS + len(self._arrays)] = [
            array.ctypes.data for array in self._arrays
        ]
        n[entry.LANE_STATUS], n[entry.TIME] = lane_status.ctypes.data, time.ctypes.data
        self.tableau, self.n, self.x, self.numbers, self.rtol, self.atol = (
            tableau, n, x, numbers, rtol, atol,
        )  # fmt: skip
        self.stability = tableau.stability_size or 0.0
        self.lane_status, self.table, self.dtype = lane_status, n.ctypes.data, dtype
        kind = np.result_type(dtype, np.complex64) if pairs else dtype
        self.y, self.y_next, self.z = (a[:dim, 0].view(kind) for a in (y, y_next, z))
        self.k, self.q = k[:, :dim, 0].view(kind), q[:, :dim, 0].view(kind)
        self.rows = list(self.k)
        self.kind, self.floats, self.ints = kind, memoryview(x), memoryview(n)
        self._start, self._first = n[:N_PLACES].copy(), None
        self.short, self.long = entry.callers(dtype)
        self._blocks, self._cache = [], np.empty(1, dtype)
        n[entry.CACHE] = self._cache.ctypes.data

    def begin(self, y0, t0, t1, numbers, step, max_step, start_ratio):
        """Set the state to the start of a solve; tolerances and what follows are set by the caller."""
        n, x = self.n, self.floats
        n[:N_PLACES] = self._start
        self._blocks = []
        self.y[:] = y0
        self.numbers[:] = numbers
        x[place.T], x[place.T_BOUND], x[place.H], x[place.MAX_STEP] = t0, t1, step, max_step
        x[place.SIGN] = -1.0 if t1 < t0 else 1.0
        x[place.LOW], x[place.HIGH] = -INFINITY, INFINITY
        x[place.Q1] = x[place.Q2] = start_ratio
        x[place.STEP] = 0.0
        x[place.STABILITY] = STIFF_PART * self.stability
        self.lane_status[0] = 0

    def set_tolerances(self, rtol, atol):
        """Set the tolerances, each a number or one for each component."""
        if self.kind is not self.dtype:  # for the numbers, not for their parts
            half = len(self.rtol) // 2
            self.rtol[:half], self.atol[:half] = rtol, atol
        else:
            self.rtol[:], self.atol[:] = rtol, atol

    def set_stops(self, stops, jumps):
        """Have steps end at these times, in their order, and keep evaluations to one side of the jumps."""
        self._stops = stops, jumps  # kept alive here
        n = self.n
        n[place.N_STOPS] = len(stops)
        n[entry.AT_STOPS], n[entry.AT_STOPS + 1] = stops.ctypes.data, jumps.ctypes.data
        if len(stops):
            side = place.HIGH if self.x[place.SIGN] > 0 else place.LOW
            self.x[side] = jumps[0, 0]

    def set_times(self, times):
        """Have outputs written at these times, in their order; return where they are written to."""
        dim = int(self.n[place.DIM])
        self._times = times, np.empty((len(times), dim), self.dtype)
        self.n[place.N_TIMES] = len(times)
        self.n[entry.AT_STOPS + 2 : entry.AT_STOPS + 4] = [
            array.ctypes.data for array in self._times
        ]
        return self._times[1].view(self.kind)

    def set_field(self, field, n_cache, theta):
        """Have evaluations made by a compiled field, of which theta is None or an array; by the caller if None."""
        n = self.ints
        if field is None:
            n[entry.FIELD] = 0
            return
        self._field = field, theta
        n[entry.FIELD], n[entry.CONTEXT], n[entry.N_CACHE] = field.address, field.context, n_cache
        if len(self._cache) < n_cache:
            self._cache = np.empty(n_cache, self.dtype)
            n[entry.CACHE] = self._cache.ctypes.data
        n[entry.N_THETA], n[entry.THETA] = (
            (0, 0) if theta is None else (theta.size, theta.ctypes.data)
        )

    def keep(self, dense):
        """Keep every step, and its interpolant if `dense`."""
        self.ints[place.KEEP], self.ints[place.ALWAYS] = 1, dense
        self.next_block()

    def next_block(self):
        """Make room for steps to come: for twice as many each time, as far as one call may fill it."""
        n, kept = self.ints, len(self._blocks)
        if kept:
            self._filled.append(n[place.FILLED])
            block = self._new_block(FIRST_STEPS << min(kept, 40))
        else:
            self._filled = []
            dense = n[place.ALWAYS]
            block = self._new_block(FIRST_STEPS) if dense or not self._first else self._first
            if not dense:
                self._first = block  # used by every solve: `kept` is copied from
        self._blocks.append(block)
        n[place.FILLED], n[place.CAPACITY] = 0, len(block[0])
        n[entry.AT_BLOCK], n[entry.AT_BLOCK + 1], n[entry.AT_BLOCK + 2], n[entry.AT_BLOCK + 3] = (
            block[-1]
        )

    def _new_block(self, steps):
        n = self.ints
        dim, degree = n[place.DIM], n[place.DEGREE] if n[place.ALWAYS] else 0
        step_bytes = 16 + dim * (1 + degree) * self.dtype.itemsize
        steps = max(1, min(steps, BYTES_PER_CALL // step_bytes))
        arrays = (
            np.empty(steps), np.empty(steps), np.empty((steps, dim), self.dtype),
            np.empty((steps, degree, dim), self.dtype),
        )  # fmt: skip
        return (*arrays, tuple(array.ctypes.data for array in arrays))

    def kept(self):
        """Return ends (m,), sizes (m,), states (m, dim) and interpolants (m, degree, dim) of the steps."""
        last = self.ints[place.FILLED]
        if len(self._blocks) == 1:
            t, h, y, q = (array[:last] for array in self._blocks[0][:4])
        else:
            filled = [*self._filled, last]
            columns = list(zip(*self._blocks, strict=True))[:4]
            t, h, y, q = (
                np.concatenate([a[:m] for a, m in zip(column, filled, strict=True)])
                for column in columns
            )
        return t, h, y.view(self.kind), q.view(self.kind) if q.size else q

    def step(self):
        """Return the step just taken, as `kept` returns steps, but with the state at its start first."""
        x = self.floats
        ends = np.array([x[place.T], x[place.T_NEXT]])
        return ends, np.array([x[place.STEP]]), np.stack([self.y, self.y_next]), self.q[None].copy()

    def forget(self):
        """Let go of what belongs to the last solve."""
        self._blocks, self._field, self._times, self._stops = [], None, None, None

    def run(self, budget):
        """Evaluate the compiled field up to `budget.iterations` times; return a code of `single_state`."""
        begun = time.perf_counter()
        code = self.long(self.table, budget.iterations)
        if code == SPENT:
            budget.learn(time.perf_counter() - begun)
        return code


_FREE = {}
KINDS, POOLED = 64, 4  # kinds of machines, and machines of one kind, that are kept
POOLED_COMPONENTS = 1 << 12


def take(tableau, dtype, dim, pairs):
    """Return a machine for a solve: making one costs more than a small solve."""
    free = _FREE.get((tableau, dtype, dim, pairs))
    try:
        return free.pop() if free else Machine(tableau, dtype, dim, pairs)
    except IndexError:  # another thread was faster
        return Machine(tableau, dtype, dim, pairs)


def give_back(machine):
    """Keep a machine for the next solve; all that it returned has to be copied."""
    dim, pairs = int(machine.n[place.DIM]), bool(machine.n[place.PAIRS])
    if dim > POOLED_COMPONENTS:
        return
    machine.forget()
    while len(_FREE) >= KINDS:
        _FREE.pop(next(iter(_FREE), None), None)
    free = _FREE.setdefault((machine.tableau, machine.dtype, dim, pairs), [])
    if len(free) < POOLED:
        free.append(machine)
