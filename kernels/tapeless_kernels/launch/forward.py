"""Runs tangents behind the record of a chunk, group by group."""

import time

import numpy as np

from ..buffers import Dots
from ..status import FIELD_ERROR
from . import table as at
from .array import carve
from .cpu import Budget, FieldError, family
from .entry_jvp import finish_jvp, run_jvp
from .table_jvp import DOTS, TABLE_JVP, dots_layout

# Tangents in a group share what is computed again of the network, and at width 1 its weights; on wide tiles products
# gain nothing, and so many bytes of slopes are to be near.
MOST, MOST_WIDE, NEAR_BYTES = 8, 4, 1 << 17


class Groups:
    """How so many tangents are divided: all groups are of one size, with idle ones in the last."""

    def __init__(self, n, plan):
        slopes = (plan.method.stages + 1) * plan.program.dim * plan.lanes * plan.dtype.itemsize
        most = MOST if plan.lanes == 1 else max(1, min(MOST_WIDE, NEAR_BYTES // slopes))
        self.n = -(-n // most)
        self.size = -(-n // self.n)
        self.total = self.n * self.size


class Pass:
    """A forward pass of tangents through the solve of one chunk; arrays as `buffers.QueueDots` says."""

    def __init__(self, chunk, groups, times, y0, theta, ys):
        plan, tiles, dim = chunk.plan, chunk.tiles, chunk.plan.program.dim
        kernels = family(plan.dtype, plan.lanes)
        self._chunk, self._run, self._finish = chunk, kernels(run_jvp), kernels(finish_jvp)
        whole = kernels.bind["WHOLE"] if plan.lanes == 1 else 1
        rows, moves = -(-groups.size * dim // whole) * whole, times is not None
        address, context, keep = chunk.tangents(groups.size, theta is not None)
        shapes = dots_layout(
            plan, tiles, int(chunk.table[at.N_CACHE]), groups.n, groups.size, rows, moves, theta is not None
        )  # fmt: skip
        self._arrays = carve(shapes)
        for array in self._arrays:
            array.fill(0)
        dots = dict(zip(Dots._fields, self._arrays, strict=False))
        dots["who"].fill(-1)
        own, nothing = plan.theta_stride > 0, np.zeros(1, plan.dtype)
        if theta is not None and not own:
            dots["theta"][:] = theta.reshape(groups.n, -1)
        given = [nothing if x is None else x for x in (times, y0, theta if own else None, ys)]
        self._keep = keep, given, context
        columns = 1 if times is None else times.shape[2]
        table = self._table = np.zeros(TABLE_JVP, np.int64)
        table[: DOTS] = (
            groups.n, groups.size, rows, moves, y0 is not None, theta is not None, columns, 0, address,
            context.ctypes.data,
        )  # fmt: skip
        table[DOTS:] = [x.ctypes.data for x in (*self._arrays, *given)]
        self._budget = Budget(groups.total * chunk.work_per_iteration())

    def __call__(self, theta, again, stop):
        """Run to the end; `theta` and `again` are rooms for the parameters of the lanes, where each has its own."""
        chunk, table = self._chunk, self._table
        for filled in chunk.onward(again, stop):
            first = 0
            while first < filled and not stop.wanted:
                last, begun = min(filled, first + self._budget.iterations), time.perf_counter()
                self._check(self._run(chunk.table, table, theta, first, last))
                if last < filled:
                    self._budget.learn(time.perf_counter() - begun)
                first = last
            if stop.wanted:
                return
        self._check(self._finish(chunk.table, table, theta))

    def _check(self, code):
        if code == FIELD_ERROR:
            raise FieldError
