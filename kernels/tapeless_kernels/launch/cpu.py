"""Runs the loop on the CPU: kernel families, networks as C functions, and chunks of tiles."""

import functools
import time
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import types

from .. import activations, tile
from .._jit import Family
from ..buffers import Control, Method
from ..field_abi import Field, field_jvp_signature, field_signature, field_vjp_signature
from ..fields import dense
from ..fields.program import program_field, program_field_vjp, turn_all
from ..fields.tangent import (
    DOTS,
    N_PLACES,
    WITH_THETA,
    ZEROS,
    program_field_jvp,
    program_field_tangents,
)
from ..status import BUDGET_SPENT, BUFFER_FULL, DONE, FIELD_ERROR
from ..tangent_abi import field_tangents_signature
from . import table as at
from .array import carve
from .entry import begin, begin_vjp, checkpoint, finish, finish_vjp, go_back, run, run_vjp
from .rolling import ROLLING, Rolling
from .step_log import StepLog
from .table import bars_layout, bytes_of, is_reversible, layout, n_evaluations, turns_layout
from .tape import TIMES_ALONE, Checkpointed, Stored, Timed, step_bytes

WIDTHS = {np.dtype(np.float32): 64, np.dtype(np.float64): 32}  # rows of 256 bytes
SECONDS_PER_CALL = 0.02  # between looks at the interpreter: so long may a signal have to wait
BYTES_PER_CALL = 1 << 23  # of the record; memory touched for the first time may take 2 ns a byte
UNBOUNDED = 1 << 40  # iterations


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
    slopes: int = (
        0  # 1: slopes are kept too, for gradients with respect to times and to what is measured
    )

    def results(self, n):
        """Return arrays for outputs, last states, counts, times, status, reductions, passages and reversals."""
        dim = self.program.dim
        return (
            np.empty((n, self.n_outputs, dim), self.dtype), np.empty((n, dim), self.dtype),
            np.zeros((n, 3), np.int64), np.zeros((n, 2)), np.zeros(n, np.uint8),
            np.empty((n, self.n_reduced, dim), self.dtype), np.empty((n, self.n_passages)),
            np.empty((n, 3 * is_reversible(self.method))),
        )  # fmt: skip

    @property
    def n_cache(self):
        """Rows that each evaluation keeps for the transpose."""
        return self.program.n_kept


class ProgramField:
    """A network as a field of one dtype and width: its addresses, and scratch for one caller at a time."""

    def __init__(self, program, dtype, lanes, transpose):
        kernels = family(dtype, lanes)
        real = types.float32 if dtype.itemsize == 4 else types.float64
        self._kernels, self._real = kernels, real
        turned = transpose and kernels.bind["TURNED"]
        sizes = self.scratch_sizes(program, dtype, lanes, transpose)
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

    @staticmethod
    def scratch_sizes(program, dtype, lanes, transpose):
        """Return how many numbers its scratch, its panel of the products and its turned weights have."""
        bind = family(dtype, lanes).bind
        turned = program.n_params if transpose and bind["TURNED"] else 0
        return program.n_scratch * lanes, bind["PANEL_SIZE"] if transpose else 0, turned

    def jvp_address(self):
        """Return the address of the tangent, compiled when it is first asked for."""
        return self._kernels.address(program_field_jvp, field_jvp_signature(self._real))

    def tangents(self, n, with_theta, own):
        """Return the address of n tangents at a time, compiled when it is first asked for, and their context."""
        program, dtype, lanes = self._program, self._scratch[0].dtype, self._kernels.bind["LANES"]
        dots, zeros = (
            np.zeros(n * program.n_scratch * lanes, dtype),
            np.zeros(program.n_params, dtype),
        )
        context = np.zeros(N_PLACES, np.int64)
        context[: len(self._context)] = self._context
        context[DOTS], context[WITH_THETA] = dots.ctypes.data, with_theta
        context[ZEROS] = zeros.ctypes.data
        address = self._kernels.address(
            program_field_tangents, field_tangents_signature(self._real)
        )
        return address, context, (dots, zeros)

    def prepare_vjp(self, theta):
        """Make ready for calls of the transpose with this theta."""
        if self._turn:
            self._turn(self._program.operations, theta, self._weights)


def bound(program, dtype, lanes, transpose):
    """Return a network, or a user's function, as a field of one dtype and width."""
    if hasattr(program, "bind"):
        return program.bind(dtype, lanes, transpose)
    return ProgramField(program, dtype, lanes, transpose)


class Measured(NamedTuple):
    """Cotangents of what a chunk has measured, by iteration; None stands for 0."""

    estimates: np.ndarray | None = (
        None  # (iterations, tiles, 3, lanes): of error, stiffness and size
    )
    states: np.ndarray | None = None  # (iterations, tiles, dim, lanes): of where steps began
    hold_start: int = 0  # 1: the evaluation before the first step is held constant


NOTHING = Measured()


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
            plan.n_reduced, plan.n_passages, *[0] * (at.KIND - at.IDLED), method.kind, method.halves,
        )  # fmt: skip
        self.table[at.SLOPES] = plan.slopes
        arrays = (*method[:6], control.numbers, *self._arrays)
        self.table[at.METHOD : at.RECORD] = [array.ctypes.data for array in arrays]
        self._bars, work = None, self.work_per_iteration()
        bytes_ = step_bytes(plan, tiles, source.n_cache)
        most = max(1, BYTES_PER_CALL // bytes_) if plan.keep else UNBOUNDED
        self._budget, self._budget_vjp = Budget(work, most), Budget(3 * work)
        self._bytes = sum(array.nbytes for array in self._arrays)
        self._tapes, self.begun = {None: self._tape_of(None)}, False
        self._tape = self._tapes[None]
        self._log = StepLog(plan, tiles, self.table) if control.measure else None
        self._queue, self._order = None, np.arange(tiles * plan.lanes)
        self._turns, self._reverse = [], None

    @property
    def key(self):
        """What it can be taken for."""
        return self.plan, self.tiles

    @property
    def n_bytes(self):
        """The bytes that it occupies at most, blocks of earlier solves included."""
        logged = self._log.n_bytes if self._log else 0
        return self._bytes + logged + sum(tape.n_bytes for tape in self._tapes.values())

    def nbytes(self):
        """Return the bytes kept for the transpose, and those of the record that it makes again, if it does."""
        kept, again = self._tape.nbytes()
        turns = turns_layout(self.plan, int(self.table[at.N_QUEUE]), self._source.n_cache)
        return kept + bytes_of(turns), again

    def _tape_of(self, memory):
        where = (self.plan, self.tiles, self._source.n_cache, self.table)
        if memory == ROLLING:
            return Rolling(*where)
        if memory == TIMES_ALONE:
            return Timed(*where)
        return Stored(*where) if memory is None else Checkpointed(*where, memory)

    def begin(self, y0, numbers, times, theta, results, *, order=None, own=None, memory=None):
        """Start a solve of the queue that these arrays make, as `buffers.Queue` says; `results` are its last eight.

        With `own`, parameters of its own for each trajectory, `theta` is room for those of the lanes. With
        `memory` states are kept in place of steps.
        """
        self.begun, self._reverse, self._own = True, None, own is not None
        if memory not in self._tapes:  # one kind is kept, beside what every chunk has
            self._tapes = {None: self._tapes[None], memory: self._tape_of(memory)}
        self._tape = self._tapes[memory]
        self._tape.begin(-(-len(y0) // (self.tiles * self.plan.lanes)))
        self.table[at.MEASURE] = self.plan.control.measure
        if self._log:
            self._log.begin()
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
            self._bytes -= sum(array.nbytes for array in self._turns)
            self._turns = carve(turns_layout(self.plan, n, self._source.n_cache))
            self._bytes += sum(array.nbytes for array in self._turns)
            self.table[at.TURNS : at.QUEUE_BARS] = [array.ctypes.data for array in self._turns]

    def run(self, theta, stop, *, again=False):
        """Integrate until every lane has ended, or it is wanted to stop; `again`, until the record is full."""
        advance, budget = self._entries[1], self._budget
        while not stop.wanted:
            begun = time.perf_counter()
            code = self._check(advance(self.table, theta, budget.iterations))
            if code == DONE or (again and code == BUFFER_FULL):
                return
            if code == BUFFER_FULL and self._log and self._log.full:
                self._log.grow()
            elif code == BUFFER_FULL:
                self._tape.make_room()
            elif code == BUDGET_SPENT:
                budget.learn(time.perf_counter() - begun)

    def finish(self):
        """Put down what the lanes hold; return how many trajectories failed, of those begun."""
        return self._entries[2](self.table)

    def release(self):
        """Let go of what a solve has handed in: its chunk is to be used again."""
        self._queue, self.begun = None, False

    def log(self):
        """Return what was measured of each step, as `StepLog.read` does."""
        return self._log.read()

    def vjp(self, bars, theta, theta_bar, stop, steps=NOTHING):
        """Run the record backward; `bars` are the arrays of QueueBars, of which the first and the last are read.

        `steps` has the cotangents of what is measured. Where trajectories have parameters of their own, `theta` and
        `theta_bar` are room for those of the lanes.
        """
        (set_out, backward, arrive), budget = self._entries_vjp, self._budget_vjp
        table = self._reverse_table()
        self._source.prepare_vjp(theta)
        table[at.HOLD_START] = steps.hold_start
        for n, place, bar in (
            (at.N_STEP_BARS, at.STEP_BARS, steps.estimates),
            (at.N_STATE_BARS, at.STATE_BARS, steps.states),
        ):
            table[n] = 0 if bar is None else len(bar)
            table[place] = 0 if bar is None else bar.ctypes.data
        self.table[at.MEASURE] = 0  # steps that are taken again are not
        set_out(table, theta, theta_bar, *bars)
        # The lanes take steps again while others run backward, with the parameters of each.
        again = Again(self, np.empty_like(theta) if self._own else theta, stop)
        with closing(self._tape.segments(again)) as segments:
            for last in segments:
                for place in (at.KEEP, at.CAPACITY, at.BEFORE, slice(at.RECORD, at.BARS)):
                    table[place] = self.table[place]
                while last > 0 and not stop.wanted:
                    first, begun = max(0, last - budget.iterations), time.perf_counter()
                    self._check(backward(table, theta, theta_bar, first, last))
                    if first > 0:
                        budget.learn(time.perf_counter() - begun)
                    last = first
                if stop.wanted:
                    break
        self._check(arrive(table, theta, theta_bar))

    def onward(self, theta, stop):
        """Yield the number of iterations in the record, part by part from the first; those not kept are taken again."""
        yield from self._tape.onward(lambda: self.run(theta, stop, again=True))

    def tangents(self, n, with_theta):
        """Return the address of n tangents of the field at a time, their context, and what is to be kept alive."""
        return self._source.tangents(n, with_theta, self.plan.theta_stride > 0)

    def _reverse_table(self):
        """Return the table of the reverse pass: as that of the solve at its end, but for what both write."""
        if self._bars is None:
            self._bars = carve(bars_layout(self.plan, self.tiles, self._source.n_cache))
            self._bars_at = np.array([array.ctypes.data for array in self._bars])
            self._bytes += sum(array.nbytes for array in self._bars)
        if self._reverse is None:
            table, n = self.table.copy(), at.QUEUE - at.BARS
            table[at.BARS : at.QUEUE], table[at.OUTPUTS] = self._bars_at[:n], self._bars_at[n]
            table[at.HEAD : at.WORK] = self._bars_at[n + 1 :]
            self._reverse = table
        return self._reverse

    def work_per_iteration(self):
        program = self.plan.program
        per_lane = program.flops + 60 * program.dim + 200
        return n_evaluations(self.plan.method) * self.tiles * self.plan.lanes * per_lane

    def _check(self, code):
        if code == FIELD_ERROR:
            raise FieldError
        return code


def work_bytes(plan, tiles):
    """Return the bytes that a chunk works with, what it keeps aside."""
    program, n_cache = plan.program, plan.n_cache
    arrays = [*layout(plan, tiles, n_cache), *bars_layout(plan, tiles, n_cache)]
    scratch = 0
    if not hasattr(program, "bind"):
        scratch = sum(ProgramField.scratch_sizes(program, plan.dtype, plan.lanes, plan.keep))
    return bytes_of(arrays) + plan.dtype.itemsize * scratch


class Again:
    """Takes the steps of a chunk again, from a checkpoint on."""

    def __init__(self, chunk, theta, stop):
        kernels = family(chunk.plan.dtype, chunk.plan.lanes)
        self._run, self._go_back, self._checkpoint = (
            chunk.run,
            kernels(go_back),
            kernels(checkpoint),
        )
        self._table, self._theta, self._stop = chunk.table, theta, stop

    def go_back(self, slot):
        """Set the lanes to the states of a checkpoint."""
        self._go_back(self._table, self._theta, slot)

    def go_on(self):
        """Take steps until the record is full, or all trajectories have ended."""
        self._run(self._theta, self._stop, again=True)

    def keep_state(self):
        """Make a checkpoint of the states of the lanes."""
        self._checkpoint(self._table)


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
