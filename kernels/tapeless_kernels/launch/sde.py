"""Chunks of a solve of an SDE: some trajectories with their paths, their record and the way back."""

import time

import numpy as np

from .. import sde_buffers as buffers
from ..controllers.step_size import START
from ..drivers.brownian import QUAD
from ..drivers.noise import LanePaths
from ..field_abi import Field
from ..status import BUFFER_FULL, DONE, FIELD_ERROR, INTERRUPTED, RUNNING, SUCCESS
from ..tableaus.stochastic import REVERSIBLE
from .array import carve
from .brownian import Block
from .cpu import Budget, FieldError, bound
from .pool import Pool
from .sde_entry import (
    begin_sde,
    evaluate_end,
    finish_sde_vjp,
    run_sde,
    run_sde_adaptive,
    run_sde_vjp,
    unwind_sde,
)
from .sde_plan import Shape, family
from .tangent_vjp import bound_along

NO_FIELD = Field(0, 0, 0, 0)


def chunk_for(plan, source, first, count):
    """Return a chunk for trajectories from `first`, one that was used before if there is any."""
    offset = 0 if source.given is not None else (source.first + first) % QUAD
    shape = Shape(count, source.rows, source.depth, offset, source.given is not None)
    chunk = SDE_POOL.take(plan, shape)
    chunk.take_up(source, first)
    return chunk


class SdeChunk:
    """Some trajectories of a solve, with all that they need; used by one thread at a time.

    `take_up` says which trajectories they are, and where their noise comes from.
    """

    def __init__(self, plan, shape):
        self.plan, self.shape, self.count = plan, shape, shape.count
        dtype, lanes = plan.dtype, plan.lanes
        self.tiles = tiles = -(-shape.count // lanes)
        self._record = self.noise = None
        self.release()
        kernels = family(dtype, lanes)
        self._kernel = kernels
        self._fields = [
            bound(program, dtype, lanes, plan.transpose) if program is not None else None
            for program in (plan.drift, plan.diffusion, plan.joint)
        ]
        width = lanes if plan.own else 1
        self.equation = buffers.Equation(
            *[NO_FIELD if f is None else f.field._replace(theta_stride=lanes * plan.own) for f in self._fields],
            self._tangent(), self._tangent_vjp(), plan.correction,
            *[start * width for start in plan.starts], int(plan.own),
        )  # fmt: skip
        self.method = plan.arrays
        n = np.minimum(np.arange(tiles * lanes), shape.count - 1)
        self._places = n.reshape(tiles, lanes)
        self._budget = Budget(self._flops())
        self._make_noise()
        self._make_work()
        self._small = buffers.Record(*carve(self.record_layout(0)))
        dim = plan.dim * (plan.method.kind == REVERSIBLE)
        rows = plan.rows * (plan.method.kind == REVERSIBLE)
        self.state = buffers.State(
            np.empty((tiles, plan.dim, lanes), dtype), np.empty((tiles, dim, lanes), dtype),
            np.empty((tiles, dim, lanes), dtype), np.empty((tiles, rows, lanes), dtype),
            np.empty((tiles, lanes), np.uint8), np.zeros((tiles, lanes), np.int64), np.zeros(tiles, np.int64),
            np.zeros((tiles, lanes), np.int64),
        )  # fmt: skip

    # ------------------------------------------------------------ what it is made of

    def _tangent(self):
        """Return the tangent of the diffusion as kernels call it, compiled if it is needed."""
        if not self.plan.differentiates:
            return NO_FIELD
        address, context, self._kept = self._fields[1].tangents(1, False, self.plan.own)
        self._tangent_context = context
        return Field(address, 0, context.ctypes.data, self.plan.lanes * self.plan.own)

    def _tangent_vjp(self):
        """Return its transpose, compiled if it is needed."""
        plan, self._second = self.plan, None
        if not plan.bends:
            return NO_FIELD
        self._second = bound_along(plan.diffusion, plan.dtype, plan.lanes)
        return self._second.field._replace(theta_stride=plan.lanes * plan.own)

    @property
    def key(self):
        """What it can be taken for."""
        return self.plan, self.shape

    @property
    def n_bytes(self):
        """The bytes that it occupies at most."""
        groups = (self.path, self.paths, self.work, self.state, self._small, self._record or ())
        return sum(array.nbytes for group in groups for array in group) + self.noise.values.nbytes

    def release(self):
        """Let go of what a solve has handed in, and of what it kept for its way back."""
        self.tape = self.steps = self.stored = self.end = self.reached = None
        self.grid = self.theta = self.ys = None
        if self.noise is not None:
            self.noise = self.noise._replace(given=self._nothing_given())

    def _nothing_given(self):
        return np.empty((0, 1, 1, 1), self.plan.dtype)

    def _make_noise(self):
        plan, shape, lanes = self.plan, self.shape, self.plan.lanes
        dtype, channels, tiles = plan.dtype, plan.channels, self.tiles
        columns, quads = np.zeros((tiles, lanes), np.int64), np.zeros((tiles, 2), np.int64)
        self._own = plan.adaptive and not shape.given  # a path for each lane
        together = not (self._own or shape.given)
        key, rows = np.zeros(2, np.uint64), 1 if shape.given else shape.rows
        stop = shape.offset + (shape.count if together else 0)
        depth = shape.depth if together else 0
        self.path = Block(key, 0, shape.offset, stop, channels, rows, depth, dtype).path
        if together:
            sample, n = shape.offset + self._places, len(self.path.quads)
            columns[:] = sample % QUAD * n + sample // QUAD * channels
            if shape.offset == 0:
                quads[:, 0] = sample[:, 0] // QUAD
                quads[:, 1] = np.minimum(lanes // QUAD, n // channels - quads[:, 0])
        self._quads = self.path.quads.copy()  # of a path that begins with its first
        self.paths = self._lane_paths(tiles * lanes if self._own else 0, rows)
        self.noise = buffers.Noise(
            self._nothing_given(), np.zeros(2), columns, quads, self._places,
            np.zeros((tiles, 3, channels, lanes), dtype),
        )  # fmt: skip

    def _lane_paths(self, n, rows):
        channels, dtype = self.plan.channels, self.plan.dtype
        depth = self.shape.depth if n else 0
        return LanePaths(
            self.path.key, np.zeros((n, channels), np.uint32), np.arange(channels, dtype=np.uint32),
            np.empty((dtype.itemsize // 4, QUAD, channels), np.uint32),
            np.empty((n, depth + 1, 2, rows, channels), dtype), np.empty((rows, channels), dtype),
            np.empty((n, rows, channels), dtype), np.empty((2, rows, channels), dtype), np.empty(11),
            np.full((n, 3), -1),
        )  # fmt: skip

    def take_up(self, source, first):
        """Be the trajectories from `first` of a solve with this noise."""
        self.first, self.samples = first, first + self._places
        self.path.key[:], self.path.at[:2] = source.key, -1
        self.path.quads[:] = self._quads + np.uint32((source.first + first) // QUAD)
        sample = source.first + self.samples.reshape(-1)
        if self._own:
            self.paths.quads[:] = (sample // QUAD)[:, None]
            self.paths.at[:, :2], self.paths.at[:, 2] = -1, sample % QUAD
        given = self._nothing_given() if source.given is None else source.given
        self.noise = self.noise._replace(
            given=given, span=np.array(source.span), samples=self.samples
        )

    def _make_work(self):
        plan, lanes, dtype = self.plan, self.plan.lanes, self.plan.dtype
        dim, rows, channels, stages = plan.dim, plan.rows, plan.channels, self.method.stages
        both = dim + rows if plan.joint is not None else 0
        self.work = buffers.Work(
            *carve([
                ((2, lanes), dtype), ((self.tiles, lanes), dtype), ((5, channels, lanes), dtype),
                ((channels, lanes), dtype), ((stages, dim, lanes), dtype), ((stages, rows, lanes), dtype),
                ((both, lanes), dtype), ((dim * plan.differentiates, lanes), dtype),
                ((rows * plan.differentiates, lanes), dtype), ((lanes,), dtype), ((dim, lanes), dtype),
                ((int(plan.adaptive), dim, lanes), dtype), ((lanes,), dtype), ((lanes,), np.uint8),
                ((lanes,), np.uint8),
            ])
        )  # fmt: skip
        for array in self.work:
            array[...] = 0

    def record_layout(self, steps):
        """Return shapes and types of a record of so many steps; of 0: the room that a solve without one needs."""
        plan, lanes, capacity = self.plan, self.plan.lanes, max(steps, 1)
        stages, kept = self.method.stages if steps else 1, plan.areas
        tile, dtype = (capacity, self.tiles), plan.dtype
        return [
            ((max(steps + 1, 2) if steps else 1, self.tiles, lanes), dtype), ((*tile, lanes), dtype),
            ((*tile, kept if steps else 0, plan.channels, lanes), dtype), ((*tile, stages, plan.dim, lanes), dtype),
            ((*tile, stages, plan.caches[0], lanes), dtype), ((*tile, stages, plan.caches[1], lanes), dtype),
        ]  # fmt: skip

    def record(self, steps):
        """Return a record of at least so many steps, the same one as before if that has room for them."""
        if self._record is None or len(self._record.t) < max(steps, 1):
            self._record = None  # before there are two
            self._record = buffers.Record(*carve(self.record_layout(max(steps, 1))))
        return self._record

    def forget_record(self):
        """Let go of the record, which the next call makes again."""
        self._record = None

    @property
    def path_bytes(self):
        """The bytes of the paths' state."""
        return sum(a.nbytes for a in (*self.path, *self.paths))

    def _spend(self, take, most):
        """Take up to `most` steps, as many as a call may; return how many."""
        n, begun = min(self._budget.iterations, most), time.perf_counter()
        self._check(take(n))
        if n == self._budget.iterations:
            self._budget.learn(time.perf_counter() - begun)
        return n

    def _check(self, code):
        if code == FIELD_ERROR:
            raise FieldError
        return code

    # ------------------------------------------------------------ forward

    def _fill(self, y0):
        """Set the states of all lanes to those of their trajectories."""
        rows = y0[self._places.reshape(-1)].reshape(self.tiles, self.plan.lanes, -1)
        self.state.y[:] = rows.transpose(0, 2, 1)

    def _load(self, y0):
        """Set all lanes to their start."""
        lanes, state = self.plan.lanes, self.state
        self._fill(y0)
        running = np.arange(self.tiles * lanes).reshape(self.tiles, lanes) < self.count
        state.status[:] = np.where(running, RUNNING, SUCCESS)
        state.running[:], state.steps[:], state.emitted[:] = running.sum(axis=1), 0, 0

    def begin(self, y0, theta, grid, ys):
        """Start at y0 (count, dim); theta is (1 or tiles, n), ys (tiles, n_outputs, dim, lanes) is filled."""
        state = self.state
        self._load(y0)
        self.grid, self.theta, self.ys = grid, theta, ys
        self.work.time[0] = grid.times[0].flat[0]
        self._check(self._kernel(begin_sde)(
            self.equation, self.method, grid, state, self._small, self.work, theta, ys
        ))  # fmt: skip

    def run(self, first, last, stop, record=None):
        """Take steps from `first` to `last`, into a record that begins with the first if one is given."""
        advance, self.reached = self._kernel(run_sde), first
        kept = self._small if record is None else record
        while self.reached < last and not stop.wanted and self.state.running.any():
            at = self.reached

            def take(n, at=at):
                return advance(
                    self.equation, self.method, self.grid, self.noise, self.path, self.paths, self.state, kept,
                    self.work, self.theta, self.ys, at, at + n, first,
                )  # fmt: skip

            self.reached += self._spend(take, last - at)
        if record is not None:  # all have failed before the others
            record.h[self.reached - first : last - first] = 0

    def _flops(self):
        plan = self.plan
        fields = sum(p.flops for p in (plan.drift, plan.diffusion, plan.joint) if p is not None)
        fields += 50 * plan.channels + 10 * plan.rows
        return self.tiles * plan.lanes * self.method.stages * max(fields, 1)

    def settle(self):
        """Note the end of a grid: lanes that still run have arrived, or were interrupted."""
        state, running = self.state, self.state.status == RUNNING
        lengths = self.grid.lengths
        arrived = running & (self.reached >= lengths)
        state.steps[running] = np.minimum(self.reached, lengths)[running]
        state.status[arrived] = SUCCESS
        state.status[running & ~arrived] = INTERRUPTED

    def adapt(self, y0, theta, steps, ys, stop):
        """Solve with steps of their own for each lane; `self.steps` are `steps`, perhaps with more room."""
        advance, state, t0 = self._kernel(run_sde_adaptive), self.state, steps.span[0]
        self._load(y0)
        self.steps = steps
        steps.accepted[0], steps.ratios[:] = t0, steps.numbers[START]
        at_start = int((steps.outputs == t0).sum())
        ys[:, :at_start] = state.y[:, None]
        state.emitted[:], steps.due[:at_start] = at_start, 0
        budget = self._budget
        while not stop.wanted:
            begun = time.perf_counter()
            code = self._check(advance(
                self.equation, self.method, steps, self.noise, self.paths, state, self._small, self.work, theta,
                ys, budget.iterations,
            ))  # fmt: skip
            if code == DONE:
                break
            if code == BUFFER_FULL:
                more = np.zeros_like(steps.accepted)
                steps = self.steps = steps._replace(accepted=np.concatenate([steps.accepted, more]))
            else:
                budget.learn(time.perf_counter() - begun)

    def settle_adaptive(self):
        """Note the end of steps that lanes chose: those that still run were interrupted."""
        state = self.state
        state.steps[:] = self.steps.lengths
        state.status[state.status == RUNNING] = INTERRUPTED

    def save(self):
        """Return a copy of the states between two steps."""
        return [array.copy() for array in self.state]

    def restore(self, saved):
        """Go back to a copy."""
        for array, values in zip(self.state, saved, strict=True):
            array[...] = values

    # ------------------------------------------------------------ backward

    def begin_back(self, n_outputs):
        """Return cotangents of zeros, and make the fields ready."""
        plan, lanes, dtype, tiles = self.plan, self.plan.lanes, self.plan.dtype, self.tiles
        dim, rows, stages = plan.dim, plan.rows, self.method.stages
        twice = int(plan.method.kind == REVERSIBLE)
        fields = *self._fields, self._second
        programs = plan.drift, plan.diffusion, plan.joint, plan.diffusion
        for field, program, start in zip(
            fields, programs, (*plan.starts, 0, plan.starts[1]), strict=True
        ):
            if field is not None:
                field.prepare_vjp(self.theta[0, start : start + program.n_params].copy())
        layout = [
            (tiles, dim), (stages + 1, dim), (dim,), (rows,), (2, dim), (self.work.both.shape[0],),
            (rows * plan.bends,), (dim * plan.bends,), (2, dim * plan.bends), (plan.caches[1] * plan.bends,), (),
            (tiles, dim * twice), (tiles, dim * twice), (tiles, rows * twice),
        ]  # fmt: skip
        bars = carve([((*shape, lanes), dtype) for shape in layout])
        bars.append(np.zeros((tiles, plan.n_params * (lanes if plan.own else 1)), dtype))
        for array in bars:
            array[...] = 0
        # Outputs are gone through from the last; those of lanes that failed were not written, and are passed over.
        self.emitted = np.full((tiles, lanes), n_outputs)
        return buffers.Bars(*bars)

    def back(self, bars, ys_bar, record, first, last, start, stop):
        """Run the steps of a record from `last` down to `first` backward; the record begins with step `start`."""
        backward = self._kernel(run_sde_vjp)
        while last > first and not stop.wanted:

            def take(n, last=last):
                return backward(
                    self.equation, self.method, self.grid, record, self.work, self.theta, ys_bar, bars,
                    self.emitted, last - n, last, start,
                )  # fmt: skip

            last -= self._spend(take, last - first)

    def unwind(self, bars, ys_bar, last, stop, solve):
        """Go back without a record: by solving the adjoint equation, or by taking the steps back."""
        backward = self._kernel(unwind_sde)
        if not solve:
            self._evaluate_ends()
        self.state.emitted[:] = self.emitted
        while last > 0 and not stop.wanted:

            def take(n, last=last):
                return backward(
                    self.equation, self.grid, self.noise, self.path, self.paths, self.state, self._small, self.work,
                    self.theta, self.ys, ys_bar, bars, last - n, last, int(solve),
                )  # fmt: skip

            last -= self._spend(take, last)
        self.emitted[:] = self.state.emitted

    def _evaluate_ends(self):
        """Evaluate the fields where the first step to be taken back ends."""
        times, (_, tiles, lanes) = self.grid.times, self.grid.times.shape
        for tile, ends in enumerate(self.state.steps):
            places = np.arange(self.plan.lanes) if lanes > 1 else 0
            self.work.time[1] = times[ends, tile if tiles > 1 else 0, places]
            self.work.lane_status[:] = 0
            self._check(self._kernel(evaluate_end)(
                self.equation, self.state, self._small, self.work, self.theta, tile
            ))  # fmt: skip

    def finish_back(self, bars, ys_bar, y0):
        """Add what comes before the first step."""
        self._fill(y0)
        self.work.time[0] = self.grid.times[0].flat[0]
        self._check(self._kernel(finish_sde_vjp)(
            self.equation, self.method, self.grid, self.state, self._small, self.work, self.theta, ys_bar, bars,
            self.emitted,
        ))  # fmt: skip


SDE_POOL = Pool(SdeChunk)
