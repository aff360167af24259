"""Solves backward in time for a continuous adjoint: states and cotangents as one system, output by output."""

import dataclasses

import numpy as np
from numba import types

from .._jit import kernel
from ..buffers import KEPT, Lanes
from ..field_abi import Field, field_signature
from ..fields import lower
from ..fields.backsolve import backsolve_field
from ..loops.backsolve import integrate_theta
from . import table as at
from .array import carve
from .composed import ComposedProgram
from .cpu import Chunk, bound, family
from .pool import Pool
from .table import THETA_STRIDE, head_of, method_of, record_of, work_of
from .tape import Block, step_bytes, use

# Of the record, which is emptied when it is full: what is in the cache when it is read again.
RECORD_BYTES = 1 << 19


@kernel
def sum_up(p, inner, theta, theta_bar, scale, bar, sink, time_sink):
    """Add to theta_bar what the record of a chunk gives; `inner` is the field of y alone."""
    return integrate_theta(
        Field(inner[0], inner[1], inner[2], p[THETA_STRIDE]), method_of(p), record_of(p), head_of(p),
        work_of(p), (bar, sink, time_sink), scale, theta, theta_bar,
    )  # fmt: skip


def without_theta(program):
    """Return a program whose transpose leaves out the cotangents of theta, as far as that saves time."""
    if isinstance(program, lower.Program):
        operations = program.operations.copy()
        operations[operations[:, lower.CODE] == lower.DENSE, lower.FIXED] = 1
        return dataclasses.replace(program, operations=operations)
    if isinstance(program, ComposedProgram):
        parts = [part._replace(program=without_theta(part.program)) for part in program.parts]
        return dataclasses.replace(program, parts=tuple(parts))
    return program


@dataclasses.dataclass(frozen=True)
class BackwardProgram:
    """The system of a program's continuous adjoint as what a plan is made of."""

    inner: object
    with_theta: bool  # the integral of the parameters' cotangents is part of the state

    @property
    def dim(self):
        """Rows of the system: y, a, and one for each parameter if they are part of it."""
        return 2 * self.inner.dim + self.with_theta * self.inner.n_params

    @property
    def n_params(self):
        """The parameters of the field."""
        return self.inner.n_params

    @property
    def flops(self):
        """The operations in one evaluation, or a guess of them."""
        return 3 * self.inner.flops

    @property
    def n_kept(self):
        """Rows that each evaluation keeps."""
        return self.inner.n_kept

    def bind(self, dtype, lanes, transpose):
        """Return the system as a field of one dtype and width."""
        return BackwardField(self, dtype, lanes)


class BackwardField:
    """The system of a continuous adjoint as a field, with scratch for one caller at a time."""

    def __init__(self, program, dtype, lanes):
        kernels, inner = family(dtype, lanes), program.inner
        real = types.float32 if dtype.itemsize == 4 else types.float64
        lighter = inner if program.with_theta else without_theta(inner)
        self._source, self._whole = bound(lighter, dtype, lanes, True), None
        self.n_cache = self._source.n_cache
        if (
            not program.with_theta
        ):  # the whole transpose runs once for each stage of an accepted step
            self._whole = bound(inner, dtype, lanes, True)
            self.inner = np.array(self._whole.field[:3], np.int64)
        n = inner.dim * lanes
        context, bar, sink, time_sink = carve(
            [((7,), "i8"), ((n,), dtype), ((inner.n_params * lanes + 1,), dtype), ((lanes,), dtype)]
        )
        context[:] = (
            *self._source.field[:3], inner.dim, bar.ctypes.data, sink.ctypes.data, time_sink.ctypes.data,
        )  # fmt: skip
        self._arrays = context, bar, sink, time_sink  # the context points into them
        address = kernels.address(backsolve_field, field_signature(real))
        self.field = Field(address, 0, context.ctypes.data, 0)

    def prepare_vjp(self, theta):
        """Make ready for evaluations with this theta."""
        self._source.prepare_vjp(theta)
        if self._whole is not None:
            self._whole.prepare_vjp(theta)


class BackwardChunk(Chunk):
    """Trajectories that go backward from one output to the one before, and sum up what theta gets on the way."""

    def __init__(self, plan, tiles):
        super().__init__(plan, tiles)
        self._dim, shape = plan.program.inner.dim, (tiles, plan.lanes)
        self._sum_up = family(plan.dtype, plan.lanes)(sum_up) if plan.keep else None
        half = (self._dim, plan.lanes)
        self._bars = carve([(half, plan.dtype)] * 2 + [((plan.lanes,), plan.dtype)])
        self._scale = np.ones(shape, plan.dtype)
        self._no_times = np.zeros((0, 1))

    def _tape_of(self, memory):
        if self.plan.keep:
            return Streamed(self.plan, self.tiles, self._source.n_cache, self.table, self._empty)
        return super()._tape_of(memory)

    def start(self, y0, numbers, theta, own, results, *, n_steps=0, n_trajectories=0):
        """Set out from y0 (n, 2 dim or more); `numbers` and `results` are those of `Chunk.begin`."""
        self.table[at.N_STEPS], self.table[at.N_TRAJECTORIES] = n_steps, n_trajectories
        if own is None:
            self._source.prepare_vjp(theta)
        self.begin(y0, numbers, self._no_times, theta, results, own=own)

    def go(self, theta, theta_bar, scale, stop):
        """Arrive; add to theta_bar, or to that of each lane, the integral times `scale`, one for each trajectory."""
        self._theta, self._theta_bar = theta, theta_bar
        self._scale[...] = 1  # of lanes that hold nothing
        self._scale.reshape(-1)[: len(scale)] = scale
        self.run(theta, stop)
        if self.plan.keep:
            self._empty()
        return self.finish()

    def slopes(self, n):
        """Return dy/dt of the n trajectories where they have set out."""
        k0 = self._arrays[Lanes._fields.index("k")][:, 0, : self._dim]
        return np.moveaxis(k0, 1, 2).reshape(-1, self._dim)[:n].copy()

    def _empty(self):
        """Add what the record holds to theta_bar."""
        self._check(
            self._sum_up(
                self.table, self._source.inner, self._theta, self._theta_bar, self._scale, *self._bars,
            )
        )  # fmt: skip


class Streamed:
    """A record of a few steps, which is emptied whenever it is full."""

    def __init__(self, plan, tiles, n_cache, table, empty):
        self.n_bytes = step_bytes(plan, tiles, n_cache)
        capacity = max(1, RECORD_BYTES // self.n_bytes)
        self.n_bytes *= capacity
        self._block, self._table, self._empty = Block(plan, tiles, n_cache, capacity), table, empty

    def begin(self, rounds):
        """Start anew."""
        self._block.filled[0] = 0
        use(self._table, self._block, KEPT, self._block.capacity, 0)

    def make_room(self):
        """Have the record read, and go on at its start."""
        self._empty()
        self._block.filled[0] = 0


POOL = Pool(BackwardChunk)
