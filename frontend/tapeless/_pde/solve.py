"""From checked arguments to a solution: a batch in chunks, their steps, and the way back."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._interrupts import Interrupts
from tapeless._pde.arrival import check_arrival
from tapeless._pde.equations import Equation
from tapeless._pde.factors import METHODS
from tapeless._pde.grid import Grid, make_grid
from tapeless._pde.march import Chunk, Records
from tapeless._pde.method import Method
from tapeless._pde.modes import Box, Complexes, Floats
from tapeless._pde.solution import PdeGradient, PdeSolution, PdeStats
from tapeless_kernels.status import INTERRUPTED, RUNNING

ADJOINTS = ("store", "every", None)
CHUNK = 1 << 15  # points: their arrays stay in the cache, and calls are few for what they do


class Options(NamedTuple):
    """The arguments that all solvers have."""

    t_eval: Any
    dt: Any
    n_steps: Any
    forcing: Any
    length: Any
    method: Any
    adjoint: Any
    stride: Any
    throw: bool


def solve(
    caller: str, name: str, make: Callable[[Box, Complexes, bool], Equation], n_axes: int, u0: Any, t1: Any,
    nu: Any, options: Options,
) -> PdeSolution:  # fmt: skip
    """Solve an equation for each field of a batch; `name` is what the caller calls u0."""
    fields = _fields(caller, name, u0, n_axes)
    single = fields.ndim == n_axes
    fields = fields[None] if single else fields
    shape, dtype = fields.shape[1:], fields.dtype
    viscosity = _viscosity(caller, nu)
    grid = make_grid(caller, t1, options.t_eval, options.dt, options.n_steps)
    check.one_of(caller, "method", options.method, tuple(METHODS))
    stride = _stride(caller, options.adjoint, options.stride, grid.n_steps)
    box = Box(shape, _lengths(caller, options.length, n_axes), dtype)
    forcing = _forcing(caller, options.forcing, fields)
    method = Method(options.method, box, grid, viscosity)
    factors = method.factors()
    records = Records(fields, len(grid.ts))
    size = max(CHUNK // math.prod(shape), 1)
    chunks: list[tuple[slice, Chunk]] = []

    def finish() -> PdeSolution:
        reverse = (
            _Reverse(chunks, method, options.forcing, fields.shape, single) if stride else None
        )
        ys = records.ys if options.t_eval is not None else records.ys[:, 0]
        return _solution(grid, records, ys, single, reverse)

    with np.errstate(all="ignore"), Interrupts() as interrupts:
        try:
            for start in range(0, len(fields), size):
                rows = slice(start, start + size)
                of_chunk = box.analyse(np.broadcast_to(forcing, fields.shape)[rows])
                chunk = Chunk(make, box, grid, factors, box.analyse(fields[rows]), of_chunk, stride)
                chunks.append((rows, chunk))
                chunk.run(records, rows, interrupts)
        except KeyboardInterrupt as interruption:
            records.status[records.status == RUNNING] = INTERRUPTED
            interruption.solution = finish()  # type: ignore[attr-defined]
            raise
    solution = finish()
    if options.throw:
        check_arrival(caller, solution)
    return solution


class _Reverse:
    """The way back of all chunks."""

    def __init__(
        self, chunks: list[tuple[slice, Chunk]], method: Method, forcing: Any, shape: tuple[int, ...], single: bool
    ) -> None:  # fmt: skip
        self._chunks, self._method, self._shape, self._single = chunks, method, shape, single
        self._of_forcing = None if forcing is None else np.ndim(forcing)

    @property
    def nbytes(self) -> int:
        """The bytes kept."""
        return sum(chunk.nbytes for _, chunk in self._chunks)

    def __call__(self, ys_bar: Floats) -> PdeGradient:
        u0_bar, forcing_bar = np.zeros((2, *self._shape), ys_bar.dtype)
        nu_bar, slopes = 0.0, self._method.factors(slopes=True)
        times = ys_bar.size // max(u0_bar.size, 1)
        bars = ys_bar.reshape(self._shape[0], times, *self._shape[1:])
        with np.errstate(all="ignore"):
            for rows, chunk in self._chunks:
                u0_bar[rows], forcing_bar[rows], more = chunk.pull(bars[rows], slopes)
                nu_bar += more
        of_forcing = forcing_bar
        if self._of_forcing is None or self._of_forcing < len(self._shape):
            of_forcing = forcing_bar.sum(axis=0)
        u0_bar = u0_bar[0] if self._single else u0_bar
        return PdeGradient(u0_bar, None if self._of_forcing is None else of_forcing, nu_bar)


def _solution(
    grid: Grid, records: Records, ys: Floats, single: bool, reverse: _Reverse | None
) -> PdeSolution:
    batch, *shape = records.y.shape
    flat = np.abs(records.y).reshape(batch, math.prod(shape))
    peak = np.stack(np.unravel_index(flat.argmax(axis=1), shape), axis=-1)
    stats = PdeStats(records.n_steps, 4 * records.n_steps, records.status, records.t, peak)
    y = records.y
    if single:
        stats, ys, y = PdeStats(*(x[0] for x in stats)), ys[0], y[0]
    return PdeSolution(grid.ts, ys, y, stats, single, reverse, reverse.nbytes if reverse else 0)


def _fields(caller: str, name: str, u0: Any, n_axes: int) -> Floats:
    fields = check.as_state(caller, name, u0)
    shape = ("n",) if n_axes == 1 else ("n", "m")
    if fields.ndim not in (n_axes, n_axes + 1) or 0 in fields.shape[fields.ndim - n_axes :]:
        wanted = f"of shape ({', '.join(shape)}{',' * (n_axes == 1)}) or (batch, {', '.join(shape)}), with points"
        raise complain(ValueError, caller, name, wanted, describe(fields))
    if not np.isfinite(fields).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(fields))[0])
        raise complain(ValueError, caller, name, "finite", f"{fields[where]} at {where}")
    return fields


def _viscosity(caller: str, nu: Any) -> float:
    found = check.as_real(caller, "nu", nu)
    if found.ndim or not 0 <= found < np.inf:
        raise complain(ValueError, caller, "nu", "a finite number of at least 0", describe(nu))
    return float(found)


def _lengths(caller: str, length: Any, n_axes: int) -> tuple[float, ...]:
    found = check.as_real(caller, "length", length)
    if found.shape not in ((), (n_axes,)) or not ((found > 0) & (found < np.inf)).all():
        wanted = "a positive number" if n_axes == 1 else "a positive number, or one for each axis"
        raise complain(ValueError, caller, "length", wanted, describe(length))
    return tuple(float(x) for x in np.broadcast_to(found, (n_axes,)))


def _forcing(caller: str, forcing: Any, fields: Floats) -> Floats:
    if forcing is None:
        return np.zeros(fields.shape[1:], fields.dtype)
    found = check.as_state(caller, "forcing", forcing)
    if found.shape not in (fields.shape, fields.shape[1:]):
        wanted = f"of shape {fields.shape[1:]}, or {fields.shape} for each sample its own"
        raise complain(ValueError, caller, "forcing", wanted, describe(found))
    if not np.isfinite(found).all():
        raise complain(ValueError, caller, "forcing", "finite", "NaN or inf in it")
    return found.astype(fields.dtype, copy=False)


def _stride(caller: str, adjoint: Any, stride: Any, n_steps: int) -> int:
    """Return of how many steps one state is kept, 0 for none."""
    check.one_of(caller, "adjoint", adjoint, ADJOINTS)
    if stride is None:
        return {"store": 1, "every": max(math.isqrt(n_steps), 1), None: 0}[adjoint]
    if adjoint != "every":
        wanted = "left out, unless adjoint='every'"
        raise complain(ValueError, caller, "stride", wanted, f"{stride} with adjoint={adjoint!r}")
    return check.positive_int(caller, "stride", stride)
