"""Runs the loop on the CPU: kernel families, networks as C functions, and chunks of tiles."""

import functools
import time
from dataclasses import dataclass

import numpy as np
from numba import types

from .. import activations, tile
from .._jit import Family
from ..buffers import Control, Method
from ..field_abi import Field, field_signature, field_vjp_signature
from ..fields import dense
from ..fields.program import program_field, program_field_vjp, turn_all
from ..status import BUDGET_SPENT, BUFFER_FULL, DONE, FIELD_ERROR
from . import table as at
from .array import carve
from .entry import begin, begin_vjp, finish, finish_vjp, run, run_vjp
from .table import bars_layout, layout, record_layout, turns_layout

WIDTHS = {np.dtype(np.float32): 64, np.dtype(np.float64): 32}  # rows of 256 bytes
SECONDS_PER_CALL = 0.02  # between looks at the interpreter: so long may a signal have to wait
BYTES_PER_CALL = 1 << 23  # of the record; memory touched for the first time may take 2 ns a byte
UNBOUNDED = 1 << 40  # iterations
# Bytes of a block of the record: each costs a return to Python. What is not written is not resident.
SMALL_BLOCK, LARGE_BLOCK = 1 << 20, 1 << 26


class FieldError(Exception):
    """The field returned a nonzero code and so stopped the call."""


@functools.cache
def family(dtype, lanes):
    """Return the kernels of one dtype and width."""
    bind = {
        "Real": dtype.type,
        **activations.bindings(dtype),
        **dense.bindings(dtype.itemsize, lanes),
        **tile.bindings(dtype.itemsize, lanes),
    }
    return Family(f"{dtype.name}_{lanes}", bind)


@dataclass(frozen=True, eq=False)
class Plan:
    """What the chunks of one solve share, and solves like it."""

    dtype: np.dtype
    lanes: int
    program: object  # a Program, or a UserProgram
    method: Method
    control: Control
    n_outputs: int
    keep: bool  # a record for the transpose
    n_reduced: int = 0  # 3: mean, least and largest are kept
    n_passages: int = 0
    theta_stride: int = 0  # 0: the tile shares theta; else `lanes`: theta is (n_params, lanes)


class ProgramField:
    """A network as a field of one dtype and width: its addresses, and scratch for one caller at a time."""

    def __init__(self, program, dtype, lanes, transpose):
        kernels = family(dtype, lanes)
        real = types.float32 if dtype.itemsize == 4 else types.float64
        turned = transpose and kernels.bind["TURNED"]
        sizes = (
            program.n_scratch * lanes,
            kernels.bind["PANEL_SIZE"] if transpose else 0,
            program.n_params if turned else 0,
        )
        scratch, panel, self._weights = carve([((n,), dtype) for n in sizes])
        self._scratch, self._program = (scratch, panel), program  # the context points into them
        self._turn = kernels(turn_all) if turned else None
        self._context = np.array(
            [
                program.operations.ctypes.data, len(program.operations), program.n_params,
                program.n_kept, program.n_scratch, scratch.ctypes.data, panel.ctypes.data,
                self._weights.ctypes.data,
            ],
            np.int64,
        )  # fmt: skip
        self.n_cache = program.n_kept
        self.field = Field(
            kernels.address(program_field, field_signature(real)),
            kernels.address(program_field_vjp, field_vjp_signature(real)) if transpose else 0,
            self._context.ctypes.data,
            0,
        )

    def prepare_vjp(self, theta):
        """Make ready for calls of the transpose with this theta."""
        if self._turn:
            self._turn(self._program.operations, theta, self._weights)


def bound(program, dtype, lanes, transpose):
    """Return a network, or a user's function, as a field of one dtype and width."""
    if hasattr(program, "bind"):
        return program.bind(dtype, lanes, transpose)
    return ProgramField(program, dtype, lanes, transpose)


class _Block:
    """A part of a record: so many steps, by addresses."""

    def __init__(self, arrays):
        self._arrays, self.capacity, self.filled = arrays, len(arrays[0]), arrays[-1]
        self.addresses = np.array([array.ctypes.data for array in arrays])


class Chunk:
    """Tiles that one call integrates, with all their state: one tile, or all of a coupled solve."""

    def __init__(self, plan, tiles):
        self.plan, self.tiles = plan, tiles
        kernels, method, control = family(plan.dtype, plan.lanes), plan.method, plan.control
        self._entries = [kernels(e) for e in (begin, run, finish)]
        self._entries_vjp = [kernels(e) for e in (begin_vjp, run_vjp, finish_vjp) if plan.keep]
        source = self._source = bound(plan.program, plan.dtype, plan.lanes, plan.keep)
        self._arrays = carve(layout(plan, tiles, source.n_cache))
        self.table = np.zeros(at.TABLE, np.int64)
        self.table[: at.METHOD] = (
            tiles, plan.program.dim, method.stages, source.n_cache, plan.n_outputs,
            plan.program.n_params, 0, plan.keep, method.fsal, method.n_errors,
            *control[1:], *source.field[:3], plan.theta_stride, 0, 0, 0, 1, 1,
            plan.n_reduced, plan.n_passages, 0, 0, 0,
        )  # fmt: skip
        arrays = (*method[:4], control.numbers, *self._arrays)
        self.table[at.METHOD : at.RECORD] = [array.ctypes.data for array in arrays]
        self._bars, work = None, self._work_per_iteration()
        per_lane = (
            plan.dtype.itemsize * (1 + method.stages * (plan.program.dim + source.n_cache)) + 24
        )
        self._step_bytes = tiles * plan.lanes * per_lane
        most = BYTES_PER_CALL // self._step_bytes if plan.keep else UNBOUNDED
        self._budget, self._budget_vjp = Budget(work, most), Budget(3 * work)
        # What it occupies at most, blocks of earlier solves included.
        self.n_bytes = sum(array.nbytes for array in self._arrays)
        self._blocks, self._n_blocks, self.begun = [], 0, False
        self._queue, self._order = None, np.arange(tiles * plan.lanes)
        self._turns, self._rounds = [], 1
        self._next_block()

    def nbytes(self):
        """Return the bytes kept for the transpose."""
        return self._filled() * self._step_bytes + sum(array.nbytes for array in self._turns)

    def _filled(self):
        return sum(int(block.filled[0]) for block in self._blocks[: self._n_blocks])

    def _next_block(self, steps=0):
        """Take up the next block of the record; where there is none, make one, of `steps` if given."""
        if self._n_blocks == len(self._blocks):
            steps = steps or self._steps_ahead()
            arrays = carve(record_layout(self.plan, self.tiles, self._source.n_cache, steps))
            self._blocks.append(_Block(arrays))
            self.n_bytes += steps * self._step_bytes
        block = self._blocks[self._n_blocks]
        block.filled[0] = 0
        self._n_blocks += 1
        self._use(block)

    def _steps_ahead(self):
        """Return the steps to make room for: those known to come, or as many as there were."""
        control, filled = self.plan.control, self._filled()
        if not self.plan.keep:
            return 1
        wanted = max(SMALL_BLOCK // self._step_bytes, filled)
        if not control.adaptive:
            outputs = 0 if control.interpolate else self.plan.n_outputs
            wanted = self._rounds * (control.n_steps + outputs) - filled
        return max(1, min(wanted, LARGE_BLOCK // self._step_bytes))

    def _use(self, block):
        """Point the table to a block; give it the iterations in those before."""
        self.table[at.CAPACITY], self.table[at.BEFORE] = block.capacity, self._before(block)
        self.table[at.RECORD : at.BARS] = block.addresses

    def _before(self, block):
        return sum(int(b.filled[0]) for b in self._blocks[: self._blocks.index(block)])

    def begin(self, y0, numbers, times, theta, results, *, order=None, own=None):
        """Start a solve of the queue that these arrays make, as `buffers.Queue` says; `results` are its last seven.

        With `own`, parameters of its own for each trajectory, `theta` is room for those of the lanes.
        """
        steps = 0
        if self._n_blocks > 1:
            steps = sum(block.capacity for block in self._blocks[: self._n_blocks])
            if steps * self._step_bytes <= LARGE_BLOCK:
                # The next solve like this one has all it needs in one.
                self.n_bytes -= self._step_bytes * sum(block.capacity for block in self._blocks)
                self._blocks = []
        self._n_blocks, self.begun = 0, True
        self._rounds = -(-len(y0) // (self.tiles * self.plan.lanes))
        self._next_block(steps)
        self._make_turns(len(y0))
        if order is None:  # as they come
            if len(self._order) < len(y0):
                self._order = np.arange(len(y0))
            order = self._order
        own = y0 if own is None else own  # not read then
        self._queue = (order, y0, numbers, times, own, *results)  # the table holds addresses only
        self._check(self._entries[0](self.table, theta, *self._queue))

    def _make_turns(self, n):
        """Have room for the turns of n trajectories, if there is a record to run backward."""
        if self.plan.keep and (not self._turns or len(self._turns[0]) < n):
            self.n_bytes -= sum(array.nbytes for array in self._turns)
            self._turns = carve(turns_layout(self.plan, n, self._source.n_cache))
            self.n_bytes += sum(array.nbytes for array in self._turns)
            self.table[at.TURNS : at.QUEUE_BARS] = [array.ctypes.data for array in self._turns]

    def run(self, theta, stop):
        """Integrate until every lane has ended, or it is wanted to stop."""
        advance, budget = self._entries[1], self._budget
        while not stop.wanted:
            begun = time.perf_counter()
            code = self._check(advance(self.table, theta, budget.iterations))
            if code == DONE:
                return
            if code == BUFFER_FULL:
                self._next_block()
            elif code == BUDGET_SPENT:
                budget.learn(time.perf_counter() - begun)

    def finish(self):
        """Put down what the lanes hold; return how many trajectories failed, of those begun."""
        return self._entries[2](self.table)

    def release(self):
        """Let go of what a solve has handed in: its chunk is to be used again."""
        self._queue, self.begun = None, False

    def vjp(self, ys_bar, y0_bar, own_bar, theta, theta_bar, stop):
        """Run the record backward from ys_bar; write y0_bar, and own_bar or add to theta_bar.

        Where trajectories have parameters of their own, `theta` and `theta_bar` are room for those of the lanes.
        """
        (set_out, backward, arrive), budget = self._entries_vjp, self._budget_vjp
        if self._bars is None:
            self._bars = carve(bars_layout(self.plan, self.tiles))
            self.table[at.BARS : at.QUEUE] = [array.ctypes.data for array in self._bars]
            self.n_bytes += sum(array.nbytes for array in self._bars)
        self._source.prepare_vjp(theta)
        set_out(self.table, theta, theta_bar, ys_bar, y0_bar, own_bar)
        for block in self._blocks[self._n_blocks - 1 :: -1]:
            self._use(block)
            last = int(block.filled[0])
            while last > 0 and not stop.wanted:
                first, begun = max(0, last - budget.iterations), time.perf_counter()
                self._check(backward(self.table, theta, theta_bar, first, last))
                if first > 0:
                    budget.learn(time.perf_counter() - begun)
                last = first
        self._check(arrive(self.table, theta, theta_bar))

    def _work_per_iteration(self):
        program = self.plan.program
        per_lane = program.flops + 60 * program.dim + 200
        return self.plan.method.stages * self.tiles * self.plan.lanes * per_lane

    def _check(self, code):
        if code == FIELD_ERROR:
            raise FieldError
        return code


class Budget:
    """How many iterations one call may take, so that it returns about every SECONDS_PER_CALL."""

    def __init__(self, flops, most=UNBOUNDED):
        self.iterations, self._most = 1, max(1, most)
        self._set(SECONDS_PER_CALL * 5e9 / flops)

    def learn(self, seconds):
        """Correct the budget by what a call that spent it has taken."""
        self._set(min(SECONDS_PER_CALL / max(seconds, 1e-6), 8) * self.iterations)

    def _set(self, wanted):
        self.iterations = max(1, min(int(wanted), self._most))
