"""The continuous adjoint: the solve backward in time for the gradient."""

import threading

import numpy as np
from numpy.typing import NDArray

from tapeless import methods
from tapeless._arguments import ATOL, RTOL, T0, T1
from tapeless._backsolve import BackwardStats
from tapeless._plan import FEW, backward_plan, lanes_for
from tapeless._solve import Cotangents
from tapeless.errors import SolverError
from tapeless_kernels.launch.backsolve import POOL
from tapeless_kernels.launch.threads import THREADS
from tapeless_kernels.status import CAUSE, SUCCESS

Floats = NDArray[np.floating]


class Backward:
    """The reverse pass of a solve by its continuous adjoint; it keeps outputs, and no steps."""

    def __init__(
        self, arrangement, tableau, controller, threads, throw, solve, numbers, y0, ys, t, final
    ):
        plan, self.final, self._threads, self._throw = solve.plan, final, threads, throw
        self.time_gradients = True
        self.shared = solve.shared
        self._arranged, self._numbers = arrangement, numbers
        self._theta, self._pull, self._batch = solve.theta, solve.pull, solve.batch
        self._ys, self._y0 = (
            ys.copy(),
            y0.copy(),
        )  # the caller may change what was passed in or returned
        times, t0 = arrangement.times, numbers[T0]
        self._reached = abs(times - t0) <= abs(t - t0)
        options, self._own = arrangement.options, plan.theta_stride > 0
        self._coupled, self._n_steps = bool(plan.control.coupled), plan.control.n_steps
        # Integrals of each trajectory's own are those of single ones, where a tile shares theta.
        lanes = lanes_for(self._batch, plan.dtype) if options.seminorm or self._own else 1
        if options.method is not None:
            tableau = methods.find("Backsolve", options.method)
        self._plan = backward_plan(
            plan.program, plan.dtype, lanes, tableau, controller, bool(options.seminorm), self._coupled,
            plan.control.max_steps, bool(plan.control.adaptive), self._own,
        )  # fmt: skip
        self._tiles = -(-self._batch // lanes)
        if not self._coupled:
            self._tiles = min(self._tiles, FEW) if lanes == 1 and not self._own else 1
        size = self._tiles * lanes
        self._parts = [slice(i, i + size) for i in range(0, self._batch, size or 1)]
        self._lock = threading.Lock()  # `stats` are those of one pass
        self.stats = None

    def outputs(self, ys: Floats) -> Floats:
        """Return those of the states kept that were asked for."""
        rows = self._arranged.wanted.T[:, :, None]
        return (
            ys
            if len(self._arranged.times) == rows.shape[1]
            else np.take_along_axis(ys, rows, axis=1)
        )

    keeps_slopes = False  # nor steps
    throw = False  # what goes wrong on the way back is said there

    def reconstruction(self) -> None:
        """Return None: no steps are taken back."""

    def nbytes(self) -> int:
        """Return the bytes kept."""
        return self._ys.nbytes + self._y0.nbytes

    def __call__(
        self, ys_bar: Floats, steps_bar: object = None, passage_bar: object = None, times: bool = False,
        *, hold_start: bool = False,
    ) -> Cotangents:  # fmt: skip
        """Return the cotangents of y0 and theta, and those of times if they are asked for."""
        bars = np.zeros_like(self._ys)
        given = ys_bar[:, None] if self.final else ys_bar
        wanted = np.broadcast_to(self._arranged.wanted.T, given.shape[:2])
        np.put_along_axis(bars, wanted[:, :, None], given, axis=1)
        bars[~self._reached.T & np.ones(bars.shape[:2], bool)] = 0
        y0_bar, theta_bar = np.zeros_like(self._y0), np.zeros_like(self._theta)
        ts_bar, t0_bar = (
            np.zeros(bars.shape[:2], bars.dtype),
            np.zeros((self._batch, 1), bars.dtype),
        )
        nothing = np.zeros(self._batch, np.int64)
        stats = BackwardStats(
            nothing, nothing.copy(), nothing.copy(), np.full(self._batch, SUCCESS, np.uint8),
            np.array(np.broadcast_to(self._numbers[T0], self._batch)), np.zeros(self._batch),
        )  # fmt: skip
        most = abs(bars).max(axis=(1, 2), initial=0)
        if self._coupled:
            most[:] = most.max(initial=0)
        # The adjoint is linear: in units of a power of two, tolerances mean the same for every loss.
        _, exponents = np.frexp(np.where(np.isfinite(most), most, 0))
        limit = np.finfo(bars.dtype).maxexp - 4
        exponents = np.clip(exponents, -limit, limit)

        def backward(job, stop):
            part = self._parts[job]
            way = _Way(self, part, bars[part], exponents[part], times)
            try:
                return way.go(stop, y0_bar[part], ts_bar[part], t0_bar[part, 0], stats)
            finally:
                POOL.give(way.chunk)

        with self._lock:
            parts = THREADS.map(backward, list(range(len(self._parts))), self._threads)
            self.stats = stats
        for part, of_part in zip(self._parts, parts, strict=True):  # in their order
            if self._own:
                theta_bar[part] = of_part
            else:
                theta_bar += of_part
        pulled = theta_bar if self._pull is None else self._pull(theta_bar)
        ts_bar = np.take_along_axis(ts_bar, wanted, axis=1)
        t1_bar = np.zeros_like(t0_bar)  # but for outputs there
        found = Cotangents(y0_bar, pulled, np.concatenate([ts_bar, t0_bar, t1_bar], axis=1))
        if self._throw:
            self._complain(found)
        return found

    def _complain(self, found):
        """Raise an error if a trajectory did not arrive, or found other states than the solve forward."""
        stats, t0 = self.stats, np.broadcast_to(self._numbers[T0], self._batch)
        advice = (
            "Keep states to go back to, with backsolve=tapeless.Backsolve(resets=8), or take adjoint='store'; "
            "this error's `solution` has them in `backward_stats`, its `gradients` are what was found."
        )
        (failed,) = np.nonzero(stats.status != SUCCESS)
        if failed.size:
            i = failed[0]
            message = (
                f"Solution.vjp: {failed.size} of {self._batch} trajectories failed on the way back. Trajectory {i} "
                f"reached t = {stats.t[i]:.6g} of {t0[i]:.6g}, then {CAUSE[int(stats.status[i])]}. {advice}"
            )
        else:
            off = stats.drift * self._tolerances()[0]
            (failed,) = np.nonzero(~(off <= 1))
            if not failed.size:
                return
            i = failed[0]
            message = (
                f"Solution.vjp: on the way back {failed.size} of {self._batch} trajectories found states off by more "
                f"than their size. Trajectory {i} was off by {stats.drift[i]:.3g} times the tolerances. {advice}"
            )
        error = SolverError(message)
        error.gradients = found[:2]
        raise error

    def _tolerances(self):
        """Return rtol and atol of the solve backward."""
        options = self._arranged.options
        rtol = self._numbers[RTOL] if options.rtol is None else np.full(1, float(options.rtol))
        atol = self._numbers[ATOL] if options.atol is None else np.full(1, float(options.atol))
        return rtol, atol


class _Way:
    """The way back of the trajectories of one chunk."""

    def __init__(self, whole, part, bars, exponents, of_times):
        self.whole, self.plan, self.part, self.bars = whole, whole._plan, part, bars
        self.n, self.dim, self.of_times = len(bars), self.plan.program.inner.dim, of_times
        self.units = np.ldexp(np.ones(1, bars.dtype), -exponents)
        self.chunk = POOL.take(self.plan, whole._tiles)
        self.states = np.zeros((self.n, self.plan.program.dim), bars.dtype)
        self.own = whole._theta[part] if whole._own else None
        self.theta, self.theta_bar = whole._theta, np.zeros_like(whole._theta)
        if whole._own:
            self.theta_bar = np.zeros_like(self.own)

    def go(self, stop, y0_bar, ts_bar, t0_bar, stats):
        """Go back to t0, write what is found there and return the cotangent of theta."""
        whole, dim, part = self.whole, self.dim, self.part
        stats = BackwardStats(*(x[part] for x in stats))
        times = self._columns(whole._arranged.times)
        resets = self._columns(whole._arranged.resets)
        reached = self._columns(whole._reached)
        t0, rtol, atol = (
            np.broadcast_to(x, whole._batch)[part]
            for x in (whole._numbers[T0], *whole._tolerances())
        )
        begun, ys = np.zeros(self.n, bool), whole._ys[part]
        stats.t[:] = (
            whole._numbers[T1] if whole._numbers.shape[1] == 1 else whole._numbers[T1, part]
        )
        y, a = self.states[:, :dim], self.states[:, dim : 2 * dim]
        with np.errstate(all="ignore"):
            for k in range(len(times) - 1, -1, -1):
                news = (self.bars[:, k] != 0).any(axis=1)
                news = reached[k] & (news.any() if whole._coupled else news)
                again = begun & resets[k]
                if again.any():
                    self._note_drift(stats, again, y, ys[:, k], rtol, atol)
                fresh = (reached[k] & resets[k] & begun) | (news & ~begun)
                y[fresh] = ys[fresh, k]
                stats.t[news & ~begun] = times[k, news & ~begun]
                begun |= news
                a += self.bars[:, k] * self.units[:, None]
                if self.of_times:
                    ts_bar[:, k] = self._along(times[k], self.bars[:, k], ys[:, k], reached[k])
                end = t0 if k == 0 else times[k - 1]
                going = begun & (stats.status == SUCCESS)
                stats.t[going & (times[k] == end)] = end[going & (times[k] == end)]
                self._stretch(stop, stats, times[k], end, going & (times[k] != end), rtol, atol)
                if stop.wanted:
                    break
            arrived = begun & (stats.status == SUCCESS)
            stats.t[~begun] = t0[~begun]
            self._note_drift(stats, arrived, y, whole._y0[part], rtol, atol)
            failed = stats.status != SUCCESS
            y0_bar[:] = a / self.units[:, None]
            y0_bar[failed] = np.nan
            if self.of_times:
                t0_bar[:] = -self._along(t0, y0_bar, whole._y0[part], begun)
            return self._of_theta(failed)

    def _columns(self, x):
        """Return the columns of this part, of rows that the batch may share."""
        return x[:, self.part] if x.shape[1] > 1 else np.broadcast_to(x, (len(x), self.n))

    def _stretch(self, stop, stats, start, end, going, rtol, atol):
        """Solve from `start` back to `end`, in the trajectories that are going."""
        if not going.any():
            return
        steps = np.ones(self.n, np.int64)
        if self.whole._n_steps:
            steps = self._steps(start, end)
        for n_steps in np.unique(steps[going]):
            some = np.flatnonzero(going & (steps == n_steps))
            numbers = np.zeros((5, len(some)))
            numbers[[T0, T1, RTOL, ATOL]] = start[some], end[some], rtol[some], atol[some]
            n, own = len(some), None if self.own is None else self.own[some]
            results, dtype = self.plan.results(n), self.states.dtype
            _, states, counts, times, status, *_ = results
            theta, theta_bar = self.theta, self.theta_bar
            if own is not None:
                room = self.plan.lanes * own.shape[1]
                theta, theta_bar = np.empty(room, dtype), np.zeros(room, dtype)
            self.chunk.start(
                self.states[some], numbers, theta, own, results,
                n_steps=int(n_steps) if self.whole._n_steps else 0,
                n_trajectories=n if self.whole._coupled else 0,
            )  # fmt: skip
            self.chunk.go(theta, theta_bar, 1 / self.units[some], stop)
            if own is not None:
                self.theta_bar[some] += theta_bar.reshape(-1, self.plan.lanes).T[:n]
            self.states[some], stats.t[some], stats.status[some] = states, times[:, 1], status
            stats.nfe[some] += counts[:, 0]
            stats.accepted[some] += counts[:, 1]
            stats.rejected[some] += counts[:, 2]

    def _steps(self, start, end):
        """Return how many of n equal steps from t0 to t1 there are between two times, parts of steps included."""
        numbers, n = self.whole._numbers, self.whole._n_steps
        t0, t1 = (np.broadcast_to(x, self.whole._batch)[self.part] for x in numbers[: T1 + 1])
        span = np.where(t1 == t0, 1, t1 - t0)
        first, last = (n * ((x - t0) / span) for x in (end, start))
        return np.maximum(np.ceil(last - 1e-9) - np.floor(first + 1e-9), 1).astype(np.int64)

    def _note_drift(self, stats, which, found, kept, rtol, atol):
        ratios = (found - kept) / (atol[:, None] + rtol[:, None] * abs(kept))
        drift = np.sqrt(np.mean(np.square(ratios, dtype=np.float64), axis=1))
        drift = np.where(which, drift, 0)
        stats.drift[:] = np.fmax(stats.drift, np.where(np.isnan(drift), np.inf, drift))

    def _along(self, t, bar, y, which):
        """Return the products of cotangents with the slopes at (t, y), in the trajectories that count."""
        some, out = np.flatnonzero(which), np.zeros(self.n, bar.dtype)
        if some.size:
            out[some] = (bar[some] * self._slopes(t, y, some)).sum(axis=1)
        return out

    def _slopes(self, t, y, some):
        """Return f(t, y)."""
        n, states = len(some), np.zeros((len(some), self.states.shape[1]), self.states.dtype)
        states[:, : self.dim] = y[some]
        numbers = np.ones((5, n))
        numbers[T0], numbers[T1] = t[some], t[some] + np.maximum(1, abs(t[some]))
        own = None if self.own is None else self.own[some]
        theta = self.theta if own is None else np.empty(self.plan.lanes * own.shape[1], own.dtype)
        self.chunk.start(
            states, numbers, theta, own, self.plan.results(n), n_steps=1, n_trajectories=n
        )
        return self.chunk.slopes(n)

    def _of_theta(self, failed):
        """Return the cotangent of theta, of each trajectory or of all together; NaN if one of them failed."""
        if self.plan.program.with_theta:
            shares = self.states[:, 2 * self.dim :] / self.units[:, None]
            self.theta_bar[...] = shares if self.own is not None else shares.sum(axis=0)
        self.theta_bar[
            failed if self.own is not None else slice(None, None if failed.any() else 0)
        ] = np.nan
        return self.theta_bar
