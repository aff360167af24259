"""What one trajectory of an SDE has in registers and on its stack on CUDA: its path, state, scratch and cotangents.

The records are those of the CPU, of one tile of one lane. Kernels of `sde.py` paste these functions in.
"""

import numpy as np

from .._jit import pasted
from ..drivers.brownian import QUAD, Path
from ..sde_buffers import Bars, Grid, Noise, Record, State, Work
from ..tile import Real

# What `SdeKernels` gives a meaning:
cuda = None
DIM = CHANNELS = MIXED = STAGES = STATES = LEVELS = ROWS = AREAS = WORDS = 1
KEPT_DIM = KEPT_ROWS = (
    1  # of what reversible Heun keeps between two steps: DIM and MIXED, or 1 where it is not read
)


@pasted
def local_path(source, i):
    """Return trajectory i's path, that of its sample alone, with no way down yet."""
    quads, channels = cuda.local.array(CHANNELS, np.uint32), cuda.local.array(CHANNELS, np.uint32)
    at = cuda.local.array(3, np.int64)
    for c in range(CHANNELS):
        quads[c], channels[c] = (source.first + i) // QUAD, c
    at[0] = at[1] = -1
    at[2] = (source.first + i) % QUAD
    return Path(
        source.key, quads, channels, cuda.local.array((WORDS, QUAD, CHANNELS), np.uint32),
        cuda.local.array((LEVELS, 2, ROWS, CHANNELS), Real), cuda.local.array((ROWS, CHANNELS), Real),
        cuda.local.array((ROWS, CHANNELS), Real), cuda.local.array((2, ROWS, CHANNELS), Real),
        cuda.local.array(11, np.float64), at,
    )  # fmt: skip


@pasted
def local_noise(source):
    """Return room for the noise of a step, all of whose columns are one trajectory's."""
    given, span = cuda.local.array((1, 1, 1, 1), Real)[:0], cuda.local.array(2, np.float64)
    columns, quads = cuda.local.array((1, 1), np.int64), cuda.local.array((1, 2), np.int64)
    values = cuda.local.array((1, 3, CHANNELS, 1), Real)
    span[0], span[1] = source.begin, source.length
    columns[0, 0] = quads[0, 0] = quads[0, 1] = 0
    for row in range(3):
        for c in range(CHANNELS):
            values[0, row, c, 0] = Real(0)
    return Noise(given, span, columns, quads, columns, values)


@pasted
def local_grid(grid):
    """Return the steps, which all trajectories share."""
    lengths = cuda.local.array((1, 1), np.int64)
    lengths[0, 0] = grid.times.shape[0] - 1
    return Grid(grid.times, lengths, grid.outputs)


@pasted
def local_state():
    """Return room for a state."""
    return State(
        cuda.local.array((1, DIM, 1), Real), cuda.local.array((1, KEPT_DIM, 1), Real),
        cuda.local.array((1, KEPT_DIM, 1), Real), cuda.local.array((1, KEPT_ROWS, 1), Real),
        cuda.local.array((1, 1), np.uint8), cuda.local.array((1, 1), np.int64),
        cuda.local.array(1, np.int64), cuda.local.array((1, 1), np.int64),
    )  # fmt: skip


@pasted
def local_work():
    """Return scratch."""
    still = cuda.local.array(1, Real)
    still[0] = Real(0)
    return Work(
        cuda.local.array((2, 1), Real), cuda.local.array((1, 1), Real), cuda.local.array((5, CHANNELS, 1), Real),
        cuda.local.array((CHANNELS, 1), Real), cuda.local.array((STAGES, DIM, 1), Real),
        cuda.local.array((STAGES, MIXED, 1), Real), cuda.local.array((1, 1), Real)[:0],
        cuda.local.array((DIM, 1), Real), cuda.local.array((MIXED, 1), Real), still,
        cuda.local.array((DIM, 1), Real), cuda.local.array((1, 1, 1), Real)[:0], cuda.local.array(1, Real),
        cuda.local.array(1, np.uint8), cuda.local.array(1, np.uint8),
    )  # fmt: skip


@pasted
def no_record():
    """Return the room that a step without a record needs; one row of `h` says that nothing is kept."""
    return Record(
        cuda.local.array((1, 1, 1), Real), cuda.local.array((1, 1, 1), Real),
        cuda.local.array((1, 1, AREAS, CHANNELS, 1), Real), cuda.local.array((1, 1, 1, DIM, 1), Real),
        cuda.local.array((1, 1, 1, 1, 1), Real), cuda.local.array((1, 1, 1, 1, 1), Real),
    )  # fmt: skip


@pasted
def record_of_one_step():
    """Return a record of one step."""
    return Record(
        cuda.local.array((2, 1, 1), Real), cuda.local.array((1, 1, 1), Real),
        cuda.local.array((1, 1, AREAS, CHANNELS, 1), Real), cuda.local.array((1, 1, STAGES, DIM, 1), Real),
        cuda.local.array((1, 1, STAGES, 1, 1), Real), cuda.local.array((1, 1, STAGES, 1, 1), Real),
    )  # fmt: skip


@pasted
def local_bars(theta_bar):
    """Return room for cotangents, and that of theta (1, n_params) in global memory."""
    return Bars(
        cuda.local.array((1, DIM, 1), Real), cuda.local.array((STATES, DIM, 1), Real),
        cuda.local.array((DIM, 1), Real), cuda.local.array((MIXED, 1), Real), cuda.local.array((2, DIM, 1), Real),
        cuda.local.array((1, 1), Real)[:0], cuda.local.array((MIXED, 1), Real), cuda.local.array((DIM, 1), Real),
        cuda.local.array((2, DIM, 1), Real), cuda.local.array((1, 1), Real), cuda.local.array(1, Real),
        cuda.local.array((1, KEPT_DIM, 1), Real),
        cuda.local.array((1, KEPT_DIM, 1), Real), cuda.local.array((1, KEPT_ROWS, 1), Real), theta_bar,
    )  # fmt: skip
