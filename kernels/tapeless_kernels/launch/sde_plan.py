"""What the chunks of a solve of an SDE share: its kernels, fields and method, and where noise comes from."""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._jit import Family
from ..drivers import normals
from ..tableaus.stochastic import DERIVATIVE, REVERSIBLE, StochasticMethod, arrays_of
from . import cpu
from .user_field import UserProgram

COLUMNS = 1024  # samples by channels that one query serves
WIDE = 512  # lanes of a tile of functions of the user's, which cost less than a call
SMALL = 16  # numbers of a state, above which that does not pay


@functools.cache
def family(dtype, lanes):
    """Return the kernels of one float type and width: those of the loop, with the path's arithmetic."""
    bind = cpu.family(dtype, lanes).bind if lanes == cpu.WIDTHS[dtype] else {"LANES": lanes}
    return Family(f"sde_{dtype.name}_{lanes}", {**bind, **normals.bindings(dtype)})


def lanes_for(batch, programs, adaptive, dtype):
    """Return the width of tiles: that of networks, unless there are functions alone and many trajectories."""
    narrow = cpu.WIDTHS[dtype]
    small = all(isinstance(p, UserProgram) and p.dim <= SMALL for p in programs)
    return WIDE if small and not adaptive and batch >= 4 * narrow else narrow


@dataclass(frozen=True, eq=False)
class SdePlan:
    """What the chunks of one solve share."""

    dtype: np.dtype
    lanes: int
    drift: object  # programs
    diffusion: object
    joint: object  # or None
    starts: tuple  # where in theta the parameters of drift and diffusion begin
    n_params: int
    own: bool  # parameters of its own for each trajectory
    method: StochasticMethod
    dim: int
    channels: int
    mixes: bool  # whether the diffusion is a matrix
    transpose: bool
    adaptive: bool
    correction: int = 0  # `sde_buffers.Equation`

    @property
    def differentiates(self):
        """Whether the tangent of the diffusion is called."""
        return self.correction != 0 or self.method.kind == DERIVATIVE

    @property
    def bends(self):
        """Whether the transpose of that tangent is."""
        return self.transpose and self.differentiates

    @property
    def rows(self):
        """The values of the diffusion."""
        return self.dim * (self.channels if self.mixes else 1)

    @property
    def arrays(self):
        """The method as kernels take it."""
        mixed = self.channels if self.mixes else 1
        return arrays_of(self.method, self.dtype, mixed, self.adaptive)

    @property
    def caches(self):
        """Rows that drift and diffusion keep for the transpose, at each evaluation."""
        programs = [self.joint] * 2 if self.joint is not None else [self.drift, self.diffusion]
        return [program.n_kept for program in programs]

    @property
    def areas(self):
        """How many of W and H are noted of a step."""
        return 1 if self.arrays.n_basis == 1 else 2

    @property
    def step_bytes(self):
        """The bytes of a step of one lane in a record."""
        stages = self.arrays.stages * (self.dim + sum(self.caches))
        return self.dtype.itemsize * (2 + self.areas * self.channels + stages)

    @property
    def state_bytes(self):
        """The bytes of the state of one lane between two steps."""
        kept = 2 * self.dim + self.rows if self.method.kind == REVERSIBLE else 0
        return self.dtype.itemsize * (self.dim + kept) + 17

    @property
    def chunk(self):
        """How many trajectories a chunk has at most."""
        return max(1, COLUMNS // (self.lanes * self.channels)) * self.lanes


class Source:
    """Where noise comes from: a path's key, depth, rows and span, or the increments that are given."""

    def __init__(self, key, first, rows, depth, span, given=None):
        self.key, self.first, self.rows, self.depth, self.span = key, first, rows, depth, span
        self.given = given  # (n, rows, samples, channels)


class Shape(NamedTuple):
    """What chunks of one plan must have in common to be used one for the other."""

    count: int  # trajectories
    rows: int  # of the path: 1, or 3 with areas
    depth: int
    offset: int  # of the first trajectory's sample in its quad
    given: bool  # increments are
