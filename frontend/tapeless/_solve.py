"""A solve in progress: its chunks, what they hold at the end, and the reverse pass through them."""

import threading
from typing import Any, NamedTuple

import numpy as np

from tapeless._arguments import as_kernel_array
from tapeless._memory import divide
from tapeless._plan import recording
from tapeless._solution import Floats, Reduced, Solution, Stats
from tapeless._steps import StepLog
from tapeless_kernels.launch.cpu import Measured
from tapeless_kernels.launch.pool import POOL
from tapeless_kernels.launch.rolling import ROLLING
from tapeless_kernels.launch.tape import TIMES_ALONE
from tapeless_kernels.launch.threads import THREADS
from tapeless_kernels.loops.reversal import RECONSTRUCTION
from tapeless_kernels.status import INTERRUPTED

NOTHING = Reduced()


class Cotangents(NamedTuple):
    """What a reverse pass returns: of y0, of theta, and (batch, n_outputs + 2) of the output times, t0 and t1."""

    y0: Floats
    theta: Floats
    times: Floats


class Solve:
    """The chunks of one solve: tiles whose lanes are refilled, or one chunk for all."""

    def __init__(self, plan, numbers, y0, times, theta, memory=None, pull=None, again=False):
        self.time_gradients, self.stability_size = False, None
        self.shared = True, True, True  # of t0, t1 and t_eval, whether the batch shares them
        self.pull = pull  # takes the cotangent of the effective theta, which is here, to that of the caller's
        self.plan, self.batch, self.theta, self._memory = plan, len(y0), theta, memory
        self._numbers, self._y0, self._times = numbers, y0, times
        self.keeps_states, self.y0_bytes = memory is not None, 0
        if memory is not None or again:
            self._y0 = y0.copy()  # steps are taken again when the caller may have changed it
            self.y0_bytes = y0.nbytes
        self._tiles, size, _, self.refills = divide(plan, len(y0))
        self.parts = [slice(i, i + size) for i in range(0, len(y0), size or 1)]
        self.chunks = [None] * len(self.parts)
        if not self.refills:
            self.chunks = [POOL.take(plan, self._tiles) for _ in self.parts]
        self._results = plan.results(self.batch)
        self.lock = threading.Lock()  # two passes through one solve would share scratch
        self.backward = None  # makes the reverse pass of a continuous adjoint
        self._lent, self._failed = False, [None] * len(self.parts)  # how many; None: not yet known
        self._logs = [None] * len(self.parts)

    def run(self, threads, ended):
        """Integrate all chunks; `ended` is told how many trajectories have."""
        self._ended = ended
        THREADS.map(self._run_part, list(range(len(self.parts))), threads)

    def _run_part(self, job, stop):
        part = self.parts[job]
        if stop.wanted:
            return
        if self.refills:
            self._fill(part)
            self.chunks[job] = POOL.take(self.plan, self._tiles)
        chunk, theta = self.chunks[job], self.theta
        if self.plan.theta_stride:
            theta = self.room_for_theta()
        self._begin(chunk, job, [x[part] for x in self._results], theta, self._memory)
        chunk.run(theta, stop)
        if self.refills and not stop.wanted:
            self._end(job)
            if not self.plan.keep:
                self.chunks[job] = None
                POOL.give(chunk)
        self._ended(min(part.stop, self.batch) - part.start)

    def _end(self, job):
        """Have the results of a chunk."""
        self._failed[job] = self.chunks[job].finish()
        if self.plan.control.measure:
            self._logs[job] = self.chunks[job].log()

    def _begin(self, chunk, job, results, theta, memory):
        """Start a chunk on a part of the batch; `theta` is room for its lanes' if each has its own."""
        part, numbers, times, y0 = self.parts[job], self._numbers, self._times, self._y0
        if len(self.parts) > 1:
            y0 = y0[part]
            if numbers.shape[1] > 1:
                numbers = np.ascontiguousarray(numbers[:, part])
            if times.shape[1] > 1:
                times = np.ascontiguousarray(times[:, part])
        own = self.theta[part] if self.plan.theta_stride else None
        order = longest_first(numbers) if self.refills and numbers.shape[1] > 1 else None
        chunk.begin(y0, numbers, times, theta, results, order=order, own=own, memory=memory)

    def begin_again(self, job, theta):
        """Return a chunk that is ready to take the steps of a part again, and to keep the last of them."""
        chunk = POOL.take(recording(self.plan), self._tiles)
        results = [np.empty_like(x[self.parts[job]]) for x in self._results]
        self._begin(chunk, job, results, theta, ROLLING)
        return chunk

    def _fill(self, part):
        """Set the results of a part to those of trajectories that have not had their turn."""
        ys, y, counts, times, status, reduced, passages, reversal = (x[part] for x in self._results)
        reduced[:], passages[:], reversal[:] = np.nan, np.nan, np.nan
        times[:, 0], times[:, 1] = 0, np.broadcast_to(self._numbers[0], self.batch)[part]
        ys[:], y[:], counts[:], status[:] = np.nan, self._y0[part], 0, INTERRUPTED

    @property
    def takes_back(self):
        """Whether the reverse pass takes steps back."""
        return self._memory == TIMES_ALONE

    @property
    def reversal(self):
        """What is known of the two states of a reversible method: columns of `buffers.Queue.reversal`."""
        return self._results[-1]

    def room_for_theta(self):
        """Return room for the parameters of a tile's lanes."""
        return np.empty(self.plan.lanes * self.theta.shape[1], self.theta.dtype)

    def solution(self, ts, single, final, threads, without_vjp, throw, adjoint=None, forward=None):
        """Return what is known now; with this object's end its chunks can be used again."""
        plan = self.plan
        ys, y, counts, times, status, reduced, passages, reversal = self._results
        for job, (chunk, part) in enumerate(zip(self.chunks, self.parts, strict=True)):
            if chunk is not None and chunk.begun and self._failed[job] is None:
                self._end(job)
            elif self._failed[job] is None:  # interrupted before its turn
                self._fill(part)
                self._failed[job] = part.stop - part.start
        if not self._lent:
            self._lent = True
            POOL.lend([chunk for chunk in self.chunks if chunk is not None], self)
        nfe, accepted, rejected = counts.T
        last_step, t = times.T
        drift = reconstruction = np.zeros(len(status))
        if reversal.shape[1]:  # what `vjp` finds goes into a Stats of its own
            drift, reconstruction = reversal[:, 0].copy(), np.full(len(status), np.nan)
        stats = (nfe, accepted, rejected, last_step, status, t, drift, reconstruction)
        reverse = Reverse(self, final, threads, throw) if plan.keep else None
        if self.backward is not None:
            reverse = self.backward(self, self._numbers, self._y0, ys, t, final)
            ys = reverse.outputs(ys)
        ys = ys[:, 0] if final else ys
        kept = NOTHING
        if plan.n_reduced:
            kept = kept._replace(mean=reduced[:, 0], min=reduced[:, 1], max=reduced[:, 2])
        if plan.n_passages:
            kept = kept._replace(first_passage=passages[:, 0])
        if single:
            ys, y, stats = ys[0], y[0], [x[0] for x in stats]
            kept = Reduced(*(None if x is None else x[0] for x in kept))
        stats, success, log = Stats(*stats), not any(self._failed), None
        if plan.control.measure:
            logs = [empty_log(plan, self._tiles) if x is None else x for x in self._logs]
            log = StepLog(logs, self.parts, plan, self.batch, single)
        size = self.stability_size
        return Solution(
            ts, ys, y, stats, success, single, reverse, kept, without_vjp, log, size, adjoint, forward
        )  # fmt: skip


def empty_log(plan, tiles):
    """Return the log of a chunk that has not begun."""
    shape = (0, tiles, 2, plan.lanes)
    states = np.zeros((0, tiles, plan.control.states, plan.program.dim, plan.lanes), plan.dtype)
    return np.zeros(shape), np.zeros(shape, plan.dtype), np.zeros(shape, np.int64), states


def longest_first(numbers):
    """Return the order of the longest spans first, so that no lane begins one when the others are done."""
    return np.argsort(-abs(numbers[1] - numbers[0]), kind="stable")


class Reverse:
    """The reverse pass of a solve."""

    def __init__(self, solve, final, threads, throw):
        self._solve, self.final, self._threads, self.throw = solve, final, threads, throw
        self.shared, self.time_gradients = solve.shared, solve.time_gradients
        self.keeps_slopes = bool(solve.plan.slopes)

    def nbytes(self) -> int:
        """Return the bytes kept, and those of the records that so many threads will make again."""
        found = [chunk.nbytes() for chunk in self._solve.chunks if chunk is not None]
        records = sorted(again for _, again in found)[-self._threads :]
        return sum(kept for kept, _ in found) + sum(records)

    def reconstruction(self) -> Floats | None:
        """Return the errors of the y0 that were made again in the last call, None if no steps are taken back."""
        if not self._solve.takes_back:
            return None
        return self._solve.reversal[:, RECONSTRUCTION].copy()

    def __call__(
        self,
        ys_bar: Floats,
        steps_bar: list[tuple[Any, Any]] | None = None,
        passage_bar: Floats | None = None,
        times: bool = False,
        *,
        hold_start: bool = False,
    ) -> Cotangents:  # fmt: skip
        """Return the cotangents of y0, theta and times, the last if the slopes were kept."""
        solve, plan = self._solve, self._solve.plan
        own, n, dtype = plan.theta_stride > 0, solve.batch, plan.dtype
        ys_bar = as_kernel_array(ys_bar[:, None] if self.final else ys_bar)
        y0_bar = np.empty((n, plan.program.dim), dtype)
        own_bar = np.empty_like(solve.theta) if own else y0_bar  # not written then
        times_bar = np.zeros((n, (plan.n_outputs + 2) * plan.slopes), dtype)
        passages = np.zeros((n, plan.n_passages), dtype)
        if passage_bar is not None:
            passages[:, 0] = passage_bar

        def backward(job, stop):
            chunk, part, steps = job
            theta = solve.room_for_theta() if own else solve.theta
            theta_bar = np.zeros_like(theta)
            if chunk is not None and chunk.begun:
                bars = ys_bar[part], y0_bar[part], own_bar[part], times_bar[part], passages[part]
                chunk.vjp(bars, theta, theta_bar, stop, Measured(*steps, int(hold_start)))
            else:  # interrupted before its turn
                y0_bar[part] = own_bar[part] = 0
            return theta_bar

        steps = [(None, None)] * len(solve.parts) if steps_bar is None else steps_bar
        jobs = list(zip(solve.chunks, solve.parts, steps, strict=True))
        with solve.lock:
            parts = THREADS.map(backward, jobs, self._threads)
        if own:
            return Cotangents(y0_bar, own_bar, times_bar)
        theta_bar = parts[0] if parts else np.zeros_like(solve.theta)
        for part in parts[1:]:  # in the order of the chunks, whoever ran them
            theta_bar += part
        theta_bar = theta_bar if solve.pull is None else solve.pull(theta_bar)
        return Cotangents(y0_bar, theta_bar, times_bar)
