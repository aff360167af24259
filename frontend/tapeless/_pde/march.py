"""The steps of one chunk of samples, what is kept of them, and the way back."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tapeless._interrupts import Interrupts
from tapeless._pde.equations import Equation
from tapeless._pde.grid import Grid
from tapeless._pde.modes import Box, Complexes, Floats
from tapeless._pde.stepping import Factors, Room, slope_dot, step, step_vjp
from tapeless_kernels.spectral import exponential as kernels
from tapeless_kernels.spectral.pde import family
from tapeless_kernels.status import INTERRUPTED, NON_FINITE, RUNNING, SUCCESS

UNSTABLE = 16  # apart from the codes of kernels
EXCESS = 2.0  # of the norm that the equation allows, beyond which a solve is unstable


class Records:
    """What a solve holds of each of its samples, in arrays (batch, ...)."""

    def __init__(self, u0: Floats, n_outputs: int) -> None:
        batch = len(u0)
        self.ys = np.full((batch, n_outputs, *u0.shape[1:]), np.nan, u0.dtype)
        self.y = u0.copy()
        self.t = np.zeros(batch)
        self.n_steps = np.zeros(batch, np.int64)
        self.status = np.full(batch, RUNNING, np.uint8)


class Chunk:
    """Samples that are solved together, from modes u0; each sample may fail for itself."""

    def __init__(
        self, make: Callable[[Box, Complexes, bool], Equation], box: Box, grid: Grid, factors: list[Factors],
        u0: Complexes, forcing: Complexes, stride: int,
    ) -> None:  # fmt: skip
        self._make, self._box, self._grid, self._factors = make, box, grid, factors
        self._u0, self._forcing, self._stride = u0, forcing, stride
        self._kept: list[Complexes] = []
        self._last = np.zeros(len(u0), np.int64)  # steps that each sample took

    @property
    def nbytes(self) -> int:
        """The bytes kept for the way back."""
        return sum(u.nbytes for u in self._kept)

    def run(self, records: Records, rows: slice, interrupts: Interrupts) -> None:
        """Take all steps; `records` is right whenever it is interrupted between two of them."""
        box, u, done = self._box, self._u0.copy(), 0
        equation, room = self._make(box, self._forcing, False), Room.like(u)
        ys, t, status = records.ys[rows], records.t[rows], records.status[rows]
        bound = self._bound()
        try:
            for i, (leg, factors) in enumerate(zip(self._grid.legs, self._factors, strict=True)):
                for n in range(leg.n):
                    if not (status == RUNNING).any():
                        return
                    interrupts.hold()
                    if self._stride and done % self._stride == 0:
                        self._kept.append(u.copy())
                    step(factors, u, equation.evaluate, room)
                    self._settle(u, room.next, bound, status, records.y[rows])
                    going = status == RUNNING
                    u, room = room.next, room._replace(next=u)
                    done += 1
                    self._last[going], t[going] = done, leg.time(n + 1)
                    interrupts.release()
                interrupts.hold()
                going = status == RUNNING
                t[going] = self._grid.ts[i]
                ys[going, i] = box.synthesise(u)[going]
                interrupts.release()
            status[status == RUNNING] = SUCCESS
        except KeyboardInterrupt:
            status[status == RUNNING] = INTERRUPTED
            raise
        finally:
            whole = (status == SUCCESS) | (status == INTERRUPTED)
            records.y[rows][whole] = box.synthesise(u)[whole]
            records.n_steps[rows] = self._last

    def _settle(
        self, u: Complexes, after: Complexes, bound: Floats, status: NDArray[np.uint8], y: Floats
    ) -> None:
        """Set the status of samples whose step went wrong, and put down where they were."""
        energy = mean_squares(self._box, after, after)
        bad = ~(energy <= bound) & (status == RUNNING)
        if bad.any():
            status[bad] = np.where(np.isfinite(energy[bad]), UNSTABLE, NON_FINITE)
            y[bad] = self._box.synthesise(u)[bad]

    def _bound(self) -> NDArray[np.float64]:
        """Return the largest mean square: transport keeps it, diffusion lowers it, and forcing adds to its root."""
        start, push = (np.sqrt(mean_squares(self._box, x, x)) for x in (self._u0, self._forcing))
        bound: NDArray[np.float64] = (EXCESS * (start + self._grid.ts[-1] * push)) ** 2
        return bound

    def pull(self, ys_bar: Floats, slopes: list[Factors]) -> tuple[Floats, Floats, float]:
        """Return the cotangents of u0, forcing and nu from that of `Records.ys`; slopes are those of factors in nu."""
        box, last = self._box, self._last
        bar, forcing_bar, nu_bar = np.zeros_like(self._u0), np.zeros_like(self._forcing), 0.0
        equation, room, bars = self._make(box, self._forcing, True), Room.like(bar), Room.like(bar)
        states = _States(self._kept, self._stride, last, equation, self._steps(), room)
        done = self._grid.n_steps

        def inner(x: Complexes, y: Complexes) -> float:
            return float(mean_squares(box, x, y).sum()) * math.prod(box.shape)

        for i, leg in reversed(list(enumerate(self._grid.legs))):
            bar += box.analyse(ys_bar[:, i])
            for _ in range(leg.n):
                done -= 1
                if done >= last.max(initial=0):
                    continue
                u, factors = states.before(done), self._factors[i]
                step(factors, u, equation.evaluate, room, end=False)
                step_vjp(factors, bar, equation.evaluate_vjp, bars)
                for n_bar in bars.n:
                    forcing_bar += n_bar
                nu_bar += slope_dot(slopes[i], u, room, bar, bars, inner)
                bar, bars = bars.next, bars._replace(next=bar)
        return box.synthesise(bar), box.synthesise(forcing_bar), nu_bar

    def _steps(self) -> list[Factors]:
        """Return the factors of each step."""
        legs = zip(self._grid.legs, self._factors, strict=True)
        return [factors for leg, factors in legs for _ in range(leg.n)]


class _States:
    """The states before each step, asked for from the last one on: those kept, and those between made again."""

    def __init__(
        self, kept: list[Complexes], stride: int, last: NDArray[np.int64], equation: Equation,
        steps: list[Factors], room: Room,
    ) -> None:  # fmt: skip
        self._kept, self._stride, self._last = kept, stride, last
        self._equation, self._steps, self._room = equation, steps, room
        self._first = -1
        self._block: list[Complexes] = []

    def before(self, n: int) -> Complexes:
        """Return the state before step n, in which samples that do not take it are 0."""
        first = n // self._stride * self._stride
        if first != self._first:
            self._first = first
            self._block = [self._alive(self._kept[first // self._stride], first)]
        while len(self._block) <= n - first:
            done = first + len(self._block)
            step(self._steps[done - 1], self._block[-1], self._equation.evaluate, self._room)
            self._block.append(self._alive(self._room.next, done))
        return self._block.pop() if n > first else self._block[0]

    def _alive(self, u: Complexes, n: int) -> Complexes:
        """Return a copy with zeros for samples that do not take step n: theirs may overflow."""
        u = u.copy()
        u[self._last <= n] = 0
        return u


def mean_squares(box: Box, x: Complexes, y: Complexes) -> NDArray[np.float64]:
    """Return the mean over points of the product of two fields, for each sample, from their modes."""
    columns = 2 * box.modes[-1]
    sums = np.empty((len(x), columns))
    x, y = (a.view(box.dtype).reshape(len(a), -1, columns) for a in (x, y))
    family(box.dtype)(kernels.column_products)(sums, x, y)
    found: NDArray[np.float64] = 2 * sums.sum(axis=1) - sums[:, :2].sum(axis=1)
    return found
