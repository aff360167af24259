"""A solve of an SDE in progress: its chunks on threads, what they hold at the end, and the way back through them."""

import threading
from typing import Any, NamedTuple

import numpy as np

from tapeless._sde_methods import error_order
from tapeless_kernels import sde_buffers as buffers
from tapeless_kernels.controllers.step_size import control_numbers
from tapeless_kernels.launch.sde import SDE_POOL, SdeChunk, chunk_for
from tapeless_kernels.launch.sde_plan import SdePlan, Source
from tapeless_kernels.launch.sde_tape import Tape
from tapeless_kernels.launch.threads import THREADS
from tapeless_kernels.status import INTERRUPTED

LEVELS = 64  # of rejected times that wait: each is at most half as far as the one before
FIRST_ROOM = 256  # accepted steps of a lane that have room at first


class Adaptive(NamedTuple):
    """How steps adapt."""

    controller: Any
    noise: str
    rtol: float
    atol: float
    first_step: float
    least: float
    max_steps: int


class Memory(NamedTuple):
    """What is kept for the way back."""

    mode: str | None  # an adjoint
    block: int = 0  # steps of a record that is made again
    free: int | None = None  # states that are kept beside the first; None: one at every block


class SdeSolve:
    """The arrays of a solve and its chunks."""

    def __init__(
        self, plan: SdePlan, source: Source, y0: Any, theta: Any, grid: Any, adaptive: Adaptive | None, memory: Memory,
        threads: int,
    ) -> None:  # fmt: skip
        self.plan, self.source, self.y0, self.theta = plan, source, y0, theta
        self.span, self.times, self.places, self.outputs = grid
        self.adaptive, self.memory, self.threads = adaptive, memory, threads
        batch, n_outputs = len(y0), len(self.outputs)
        self.ys = np.full((batch, n_outputs, plan.dim), np.nan, plan.dtype)
        self.y = np.array(y0)
        self.status = np.full(batch, INTERRUPTED, np.uint8)
        self.t = np.full(batch, self.span[0])
        self.accepted, self.rejected = np.zeros(batch, np.int64), np.zeros(batch, np.int64)
        self.parts = [range(i, min(i + plan.chunk, batch)) for i in range(0, batch, plan.chunk)]
        self.chunks: list[Any] = [None] * len(self.parts)
        self.lock = threading.Lock()

    def run(self) -> None:
        """Solve, on threads."""
        THREADS.map(self._run_part, list(enumerate(self.parts)), self.threads)
        kept = [chunk for chunk in self.chunks if chunk is not None]
        if kept:
            SDE_POOL.lend(kept, self)

    def theta_of(self, part: range, chunk: SdeChunk) -> Any:
        """Return the parameters as the chunk takes them."""
        if not self.plan.own:
            return self.theta[None]
        rows = self.theta[chunk.samples.reshape(-1)].reshape(chunk.tiles, self.plan.lanes, -1)
        return np.ascontiguousarray(rows.transpose(0, 2, 1).reshape(chunk.tiles, -1))

    def _run_part(self, job: tuple[int, range], stop: Any) -> None:
        (i, part), plan = job, self.plan
        chunk: Any = chunk_for(plan, self.source, part[0], len(part))
        ys = np.full((chunk.tiles, len(self.outputs), plan.dim, plan.lanes), np.nan, plan.dtype)
        y0, theta = self.y0[part[0] : part[-1] + 1], self.theta_of(part, chunk)
        rejected = chunk.state.steps
        try:
            if self.adaptive is not None:
                chunk.adapt(y0, theta, self._steps(chunk), ys, stop)
            else:
                self._run_grid(chunk, y0, theta, ys, stop)
        finally:  # Ctrl-C loses nothing
            if self.adaptive is not None and chunk.steps is not None:
                chunk.settle_adaptive()
                self._keep_grid(chunk, theta, ys)
                rejected = chunk.steps.counts[1]
            elif chunk.reached is not None:
                chunk.settle()
                rejected = np.zeros_like(rejected)
            if chunk.reached is not None:
                self._collect(chunk, part, ys, rejected)
        if self.memory.mode is not None and plan.transpose:
            chunk.end = chunk.save()
            self.chunks[i] = chunk
        else:
            SDE_POOL.give(chunk)

    def _run_grid(self, chunk: Any, y0: Any, theta: Any, ys: Any, stop: Any) -> None:
        """Take the steps of the grid, and keep what the way back needs."""
        n, mode = len(self.times) - 1, self.memory.mode
        lengths = np.full((chunk.tiles, self.plan.lanes), n)
        grid = buffers.Grid(self.times[:, None, None], lengths, self.places[:, None, None])
        chunk.begin(y0, theta, grid, ys)
        if mode == "store":
            chunk.stored = chunk.record(n)
            chunk.run(0, n, stop, chunk.stored)
        elif mode in ("every", "binomial"):
            chunk.tape = Tape(n, self.memory.block, self.memory.free)
            chunk.tape.forward(chunk, stop)
        else:
            chunk.run(0, n, stop)

    def _keep_grid(self, chunk: Any, theta: Any, ys: Any) -> None:
        """Make a grid of the steps that lanes have accepted."""
        steps = chunk.steps
        most = int(steps.lengths.max(initial=0))
        times = np.ascontiguousarray(steps.accepted[: most + 1])
        lanes = times.reshape(most + 1, -1).T
        for lane_times, length in zip(lanes, steps.lengths.reshape(-1), strict=True):
            lane_times[length:] = lane_times[length]
        chunk.grid = buffers.Grid(times, steps.lengths.copy(), steps.due)
        chunk.theta, chunk.ys, chunk.reached = theta, ys, most
        if self.memory.mode in ("store", "every", "binomial"):
            chunk.tape = Tape(most, self.memory.block, self.memory.free)

    def _steps(self, chunk: SdeChunk) -> buffers.Steps:
        adaptive, plan = self.adaptive, self.plan
        assert adaptive is not None
        shape, dtype = (chunk.tiles, plan.lanes), plan.dtype
        t0, t1 = self.span
        times = np.zeros((2, *shape))
        times[0], times[1] = t0, adaptive.first_step
        order = error_order(plan.method, adaptive.noise)
        rtol, atol = (np.full(plan.lanes, x, dtype) for x in (adaptive.rtol, adaptive.atol))
        return buffers.Steps(
            np.array([t0, t1, adaptive.least]), times, np.zeros(shape), np.array(self.outputs),
            np.full((len(self.outputs), *shape), -1), np.zeros((FIRST_ROOM, *shape)), np.zeros(shape, np.int64),
            np.zeros((LEVELS, *shape)), np.zeros(shape, np.int64), np.zeros((2, *shape), np.int64),
            np.zeros((2, *shape), dtype), control_numbers(adaptive.controller, order, dtype), rtol, atol,
            np.ones((2, plan.lanes), dtype), adaptive.max_steps,
        )  # fmt: skip

    def _collect(self, chunk: SdeChunk, part: range, ys: Any, rejected: Any) -> None:
        """Copy what a chunk has found."""
        n, state, rows = len(part), chunk.state, slice(part[0], part[-1] + 1)
        self.ys[rows] = np.moveaxis(ys, 3, 1).reshape(-1, *self.ys.shape[1:])[:n]
        self.y[rows] = state.y.transpose(0, 2, 1).reshape(-1, self.plan.dim)[:n]
        steps = state.steps.reshape(-1)[:n]
        self.status[rows], self.accepted[rows] = state.status.reshape(-1)[:n], steps
        self.rejected[rows] = rejected.reshape(-1)[:n]
        times = chunk.grid.times
        if times.shape[2] > 1 or times.shape[1] > 1:
            self.t[rows] = times.reshape(len(times), -1)[steps, np.arange(n)]
        else:
            self.t[rows] = times[steps, 0, 0]


class SdeReverse:
    """The way back through a solve."""

    def __init__(self, solve: SdeSolve, pull: Any) -> None:
        self._solve, self._pull = solve, pull

    @property
    def n_bytes(self) -> int:
        """The bytes kept: records, states, and the times of steps."""
        total, first = 0, next((chunk for chunk in self._solve.chunks if chunk is not None), None)
        for chunk in self._solve.chunks:
            if chunk is None:
                continue
            total += sum(array[: chunk.reached].nbytes for array in chunk.stored or ())
            own = chunk.grid.times.shape[2] > 1
            total += chunk.grid.times.nbytes if own or chunk is first else 0
            total += chunk.tape.n_bytes if chunk.tape is not None else 0
            total += sum(array.nbytes for array in chunk.end)
        return total

    def __call__(self, ys_bar: Any) -> tuple[Any, Any]:
        """Return the cotangents of y0 and theta."""
        solve = self._solve
        plan, n_outputs = solve.plan, len(solve.outputs)
        ys_bar = ys_bar.reshape(len(solve.y0), n_outputs, plan.dim)
        y0_bar = np.zeros_like(solve.y0)
        own = np.zeros_like(solve.theta) if plan.own else None

        def backward(job: tuple[int, range], stop: Any) -> Any:
            i, part = job
            chunk = solve.chunks[i]
            if chunk is None:  # interrupted before its turn
                return np.zeros(plan.n_params, plan.dtype)
            rows = slice(part[0], part[-1] + 1)
            bars = self._back(chunk, part, ys_bar[rows], stop)
            if chunk.tape is not None and len(solve.chunks) > solve.threads:
                chunk.forget_record()
            y0_bar[rows] = bars.y.transpose(0, 2, 1).reshape(-1, plan.dim)[: len(part)]
            if own is not None:
                of_lanes = bars.theta.reshape(chunk.tiles, plan.n_params, plan.lanes).transpose(
                    0, 2, 1
                )
                own[rows] = of_lanes.reshape(-1, plan.n_params)[: len(part)]
                return None
            total = bars.theta[0].copy()
            for tile_bar in bars.theta[1:]:
                total += tile_bar
            return total

        with solve.lock:
            parts = THREADS.map(backward, list(enumerate(solve.parts)), solve.threads)
        if own is not None:
            return y0_bar, own
        theta_bar = np.zeros(plan.n_params, plan.dtype)
        for part_bar in parts:  # in the order of the chunks, whoever ran them
            theta_bar += part_bar
        return y0_bar, theta_bar if self._pull is None else self._pull(theta_bar)

    def _back(self, chunk: Any, part: range, ys_bar: Any, stop: Any) -> buffers.Bars:
        solve = self._solve
        plan, mode, n_outputs = solve.plan, solve.memory.mode, len(solve.outputs)
        tiled = np.zeros((chunk.tiles * plan.lanes, n_outputs, plan.dim), plan.dtype)
        tiled[: len(part)] = ys_bar
        tiled = tiled.reshape(chunk.tiles, plan.lanes, n_outputs, plan.dim)
        bar = np.ascontiguousarray(np.moveaxis(tiled, 1, 3))
        bars, n, y0 = chunk.begin_back(n_outputs), chunk.reached, solve.y0[part[0] : part[-1] + 1]
        chunk.restore(chunk.end)
        if mode in ("backsolve", "reversible"):
            chunk.unwind(bars, bar, n, stop, mode == "backsolve")
        elif chunk.tape is None:
            chunk.back(bars, bar, chunk.stored, 0, n, 0, stop)
        else:
            if (
                solve.adaptive is not None
            ):  # steps are taken again, without those that were rejected
                chunk.begin(y0, chunk.theta, chunk.grid, chunk.ys.copy())
                chunk.tape.forward(chunk, stop)
            chunk.tape.back(chunk, bars, bar, stop)
        chunk.finish_back(bars, bar, y0)
        return bars
