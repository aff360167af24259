"""The table of addresses of a forward pass with tangents, beside that of its chunk."""

import numpy as np

from .._jit import pasted
from ..buffers import Dots, Head, QueueDots, Values
from ..field_abi import Field, array_at
from ..loops.start import Time
from ..tile import LANES, Real
from .table import DIM, N_CACHE, N_OUTPUTS, N_PARAMS, N_QUEUE, STAGES, THETA_STRIDE, TILES

SIZES = (
    "GROUPS SIZE ROWS MOVES MOVES_Y0 MOVES_THETA TIME_COLUMNS TURN TANGENT TANGENT_CONTEXT".split()
)
(
    GROUPS, SIZE, ROWS, MOVES, MOVES_Y0, MOVES_THETA, TIME_COLUMNS, TURN, TANGENT, TANGENT_CONTEXT,
) = range(len(SIZES))  # fmt: skip
DOTS = len(SIZES)
VALUES = DOTS + len(Dots._fields)
HEAD_DOTS = VALUES + len(Values._fields)
QUEUE_DOTS = HEAD_DOTS + len(Head._fields)
TABLE_JVP = QUEUE_DOTS + len(QueueDots._fields)


def dots_layout(plan, tiles, n_cache, groups, size, rows, moves, with_theta):
    """Return (shape, dtype) of the arrays of Dots, Values and Head, in the table's order."""
    lanes, real, dim, slopes = plan.lanes, plan.dtype, plan.program.dim, plan.method.stages + 1
    own, used = (lanes if plan.theta_stride else 1), dim if moves else 0
    n_theta = size * plan.program.n_params * own if with_theta else 0
    state, shape = (groups, tiles, rows, lanes), (tiles, lanes)
    return [
        (state, real), (state, real), ((rows, lanes), real), ((slopes, rows, lanes), real),
        ((2, size * lanes), real), ((size * lanes,), real), ((groups, n_theta), real), ((dim, lanes), real),
        ((2, lanes), real), (shape, "u1"), (shape, "i8"),
        ((tiles, used, lanes), real), ((tiles, used, lanes), real), ((slopes, used, lanes), real),
        ((used, lanes), real), ((n_cache, lanes), real), ((lanes,), "u1"),
        (shape, real), ((tiles, dim, lanes), real), ((tiles, n_cache, lanes), real),
    ]  # fmt: skip


@pasted
def dots_of(p, q):
    """Return the Dots of a table."""
    groups, tiles, rows, n = q[GROUPS], p[TILES], q[ROWS], q[SIZE] * LANES
    own = LANES if p[THETA_STRIDE] else 1
    return Dots(
        array_at(q[DOTS], Real, (groups, tiles, rows, LANES)),
        array_at(q[DOTS + 1], Real, (groups, tiles, rows, LANES)),
        array_at(q[DOTS + 2], Real, (rows, LANES)),
        array_at(q[DOTS + 3], Real, (p[STAGES] + 1, rows, LANES)),
        array_at(q[DOTS + 4], Real, (2, n)), array_at(q[DOTS + 5], Real, (n,)),
        array_at(q[DOTS + 6], Real, (groups, q[MOVES_THETA] * q[SIZE] * p[N_PARAMS] * own)),
        array_at(q[DOTS + 7], Real, (p[DIM], LANES)), array_at(q[DOTS + 8], Real, (2, LANES)),
        array_at(q[DOTS + 9], np.uint8, (tiles, LANES)), array_at(q[DOTS + 10], np.int64, (tiles, LANES)),
    )  # fmt: skip


@pasted
def values_of(p, q):
    """Return the Values of a table."""
    tiles, dim = p[TILES], q[MOVES] * p[DIM]
    return Values(
        array_at(q[VALUES], Real, (tiles, dim, LANES)), array_at(q[VALUES + 1], Real, (tiles, dim, LANES)),
        array_at(q[VALUES + 2], Real, (p[STAGES] + 1, dim, LANES)),
        array_at(q[VALUES + 3], Real, (dim, LANES)), array_at(q[VALUES + 4], Real, (p[N_CACHE], LANES)),
        array_at(q[VALUES + 5], np.uint8, (LANES,)),
    )  # fmt: skip


@pasted
def head_dots_of(p, q):
    """Return the Head of a table, of the trajectories that lanes have taken up."""
    n = p[TILES]
    return Head(
        array_at(q[HEAD_DOTS], Real, (n, LANES)), array_at(q[HEAD_DOTS + 1], Real, (n, p[DIM], LANES)),
        array_at(q[HEAD_DOTS + 2], Real, (n, p[N_CACHE], LANES)),
    )  # fmt: skip


@pasted
def queue_dots_of(p, q):
    """Return the QueueDots of a table."""
    n, dim, m = p[N_QUEUE], p[DIM], q[GROUPS] * q[SIZE]
    own = p[N_PARAMS] * q[MOVES_THETA] if p[THETA_STRIDE] else 0
    return QueueDots(
        array_at(q[QUEUE_DOTS], Time, (m * q[MOVES], 2 + p[N_OUTPUTS], q[TIME_COLUMNS])),
        array_at(q[QUEUE_DOTS + 1], Real, (m * q[MOVES_Y0], n, dim)),
        array_at(q[QUEUE_DOTS + 2], Real, (m, n, own)),
        array_at(q[QUEUE_DOTS + 3], Real, (m, n, p[N_OUTPUTS], dim)),
    )  # fmt: skip


@pasted
def tangent_of(p, q):
    """Return the tangents of the field of a table, as a Field."""
    return Field(q[TANGENT], 0, q[TANGENT_CONTEXT], p[THETA_STRIDE])
