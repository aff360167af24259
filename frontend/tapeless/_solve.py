"""A solve in progress: its chunks, what they hold at the end, and the reverse pass through them."""

import threading

import numpy as np

from tapeless._arguments import as_kernel_array
from tapeless._solution import Floats, Solution, Stats
from tapeless_kernels.launch.array import n_tiles
from tapeless_kernels.launch.pool import POOL
from tapeless_kernels.launch.threads import THREADS
from tapeless_kernels.status import INTERRUPTED


class Solve:
    """The chunks of one solve: one for each wide tile, or one for all."""

    def __init__(self, plan, start_ratio, numbers, y0, times, theta):
        self.plan, self.batch, self.theta = plan, len(y0), theta
        self._start_ratio, self._numbers, self._y0, self._times = start_ratio, numbers, y0, times
        lanes, tiles = plan.lanes, n_tiles(len(y0), plan.lanes)
        # Parameters of its own for each trajectory are those of one tile.
        whole = (plan.control.coupled or lanes == 1) and plan.theta_stride == 0
        size = tiles if whole else 1
        self.parts = [slice(i * lanes, (i + size) * lanes) for i in range(0, tiles, size or 1)]
        self.chunks, self._lent = [POOL.take(plan, size) for _ in self.parts], False

    def run(self, threads):
        """Integrate all chunks."""
        THREADS.map(self._run_part, list(zip(self.chunks, self.parts, strict=True)), threads)

    def _run_part(self, job, stop):
        chunk, part = job
        if stop.wanted:
            return
        numbers, times = (
            x if x.shape[1] == 1 else np.ascontiguousarray(x[:, part])
            for x in (self._numbers, self._times)
        )
        theta = self.theta_of(part)
        chunk.begin(self._y0[part], numbers, times, self._start_ratio, theta)
        chunk.run(theta, stop)

    def theta_of(self, part):
        """Return the parameters of the trajectories of a chunk, as its field takes them."""
        if not self.plan.theta_stride:
            return self.theta
        rows, lanes = self.theta[part], self.plan.lanes
        last = np.repeat(rows[-1:], lanes - len(rows), axis=0)  # lanes beyond repeat the last
        return np.concatenate([rows, last]).T.ravel()

    def solution(self, ts, single, final, threads):
        """Return what the chunks hold now; with this object's end they can be used again."""
        if not self._lent:
            self._lent = True
            POOL.lend(self.chunks, self)
        n, plan, failed = self.batch, self.plan, 0
        ys = np.empty((n, plan.n_outputs, plan.program.dim), plan.dtype)
        y = np.empty((n, plan.program.dim), plan.dtype)
        counts, times, status = np.empty((n, 3), np.int64), np.empty((n, 2)), np.empty(n, np.uint8)
        results = (ys, y, counts, times, status)
        for chunk, part in zip(self.chunks, self.parts, strict=True):
            if len(self.chunks) == 1 and chunk.begun:
                failed = chunk.finish(*results)
            elif chunk.begun:
                failed += chunk.finish(*(x[part] for x in results))
            else:  # interrupted before its turn
                t0 = np.broadcast_to(self._numbers[0], n)[part]
                times[part, 0], times[part, 1], status[part] = 0, t0, INTERRUPTED
                ys[part], y[part], counts[part] = np.nan, self._y0[part], 0
                failed += len(t0)
        nfe, accepted, rejected = counts.T
        last_step, t = times.T
        stats = (nfe, accepted, rejected, last_step, status, t)
        ys = ys[:, 0] if final else ys
        if single:
            ys, y, stats = ys[0], y[0], [x[0] for x in stats]
        reverse = Reverse(self, final, threads) if plan.keep else None
        return Solution(ts, ys, y, Stats(*stats), failed == 0, single, reverse)


class Reverse:
    """The reverse pass of a solve."""

    def __init__(self, solve, final, threads):
        self._solve, self._final, self._threads = solve, final, threads
        self._lock = threading.Lock()  # two reverse passes of one solve would share scratch

    def nbytes(self) -> int:
        """Return the bytes kept."""
        return sum(chunk.nbytes() for chunk in self._solve.chunks)

    def __call__(self, ys_bar: Floats) -> tuple[Floats, Floats]:
        """Return the cotangents of y0 and theta."""
        solve = self._solve
        ys_bar = as_kernel_array(ys_bar[:, None] if self._final else ys_bar)
        y0_bar = np.empty((solve.batch, solve.plan.program.dim), solve.plan.dtype)

        def backward(job, stop):
            chunk, part = job
            theta = solve.theta_of(part)
            theta_bar = np.zeros_like(theta)
            if chunk.begun:
                chunk.vjp(ys_bar[part], y0_bar[part], theta, theta_bar, stop)
            else:  # interrupted before its turn
                y0_bar[part] = 0
            return theta_bar

        with self._lock:
            parts = THREADS.map(
                backward, list(zip(solve.chunks, solve.parts, strict=True)), self._threads
            )
        if solve.plan.theta_stride:
            rows = [bar.reshape(-1, solve.plan.lanes).T for bar in parts]
            theta_bar = np.concatenate([*rows, solve.theta[:0]])
            return y0_bar, theta_bar[: solve.batch]
        theta_bar = parts[0] if parts else np.zeros_like(solve.theta)
        for part in parts[1:]:  # in the order of the chunks, whoever ran them
            theta_bar += part
        return y0_bar, theta_bar
