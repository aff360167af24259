"""The arrays of one thread, and its columns of the arrays of all; names in capitals are bound by `Kernels`."""

import numpy as np

from .._jit import kernel, pasted
from ..buffers import Bars, Head, Lanes, Log, Outputs, Record, Work
from ..controllers.step_size import START
from ..loops.reversal import begin_drift
from ..loops.start import Time, next_due
from ..status import RUNNING
from ..tile import Real
from .arrays import ATOL, EMITTED, LAST, RTOL, T0, T1, H, T

cuda = field_vjp = None
DIM = SLOPES = 1
ROWS_BACK = 1  # evaluations of a step that is taken back
# Rows of what reversible methods have: DIM, or none; and room for them, for a local array has an entry at least.
PAIR_ROWS, PAIR_ROOM = 0, 1
DRIFT_ROWS = 0  # 2, or none


@pasted
def lane_of(x, i):
    """Return column i of an array as an array of one column."""
    return x[..., i : i + 1]


@pasted
def shared_or_own(x, i):
    """Return which column of x is that of trajectory i: one may stand for all."""
    return i if x.shape[x.ndim - 1] > 1 else 0


@pasted
def outputs_of(asked, i):
    """Return trajectory i's outputs, of which nothing is measured."""
    nothing = cuda.local.array((1, 1, 1, 1), Real)
    return Outputs(
        lane_of(asked.times, shared_or_own(asked.times, i)), lane_of(asked.ys, i), nothing[:, :0],
        cuda.local.array((1, 1, 1), Time)[:, :0],
        Log(nothing[:0], nothing[:0], cuda.local.array((1, 1, 2, 1), np.int64)[:0], nothing[:0], local_count()),
    )  # fmt: skip


@pasted
def local_count():
    """Return room for a number of iterations."""
    return cuda.local.array(1, np.int64)


@pasted
def stored_steps(steps, i):
    """Return trajectory i's record, of which every step is kept, or with keep = 0 the one being tried."""
    z = lane_of(steps.z, i)
    return Record(
        lane_of(steps.t, i), lane_of(steps.h, i), lane_of(steps.emitted, i), z, z[:, :, :, :0],
        z[:, :, :0], z[:, :, :0], lane_of(steps.filled, i), lane_of(steps.h, i), steps.keep,
    )  # fmt: skip


@pasted
def times_of_steps(steps, i):
    """Return trajectory i's record, of which the times of steps are kept, and the step being tried."""
    z = cuda.local.array((1, 1, 1, DIM, 1), Real)
    t = lane_of(steps.t, i)  # for its length; only a record that is KEPT writes there
    return Record(
        t, cuda.local.array((1, 1, 1), Real), cuda.local.array((1, 1, 1), np.int64), z,
        z[:, :, :, :0], z[:, :, :0], z[:, :, :0], lane_of(steps.filled, i), t[:, 0], steps.keep,
    )  # fmt: skip


@pasted
def step_alone(steps, i):
    """Return the record of a trajectory of which nothing is kept."""
    z = cuda.local.array((1, 1, 1, DIM, 1), Real)
    filled = local_count()
    filled[0] = 0
    return Record(
        cuda.local.array((1, 1, 2, 1), Time), cuda.local.array((1, 1, 1), Real),
        cuda.local.array((1, 1, 1), np.int64), z, z[:, :, :, :0], z[:, :, :0], z[:, :, :0], filled,
        cuda.local.array((1, 1, 1), Time), 0,
    )  # fmt: skip


@pasted
def step_taken_back(steps, i):
    """Return the record of trajectory i whose steps are taken back: the times of all, and room for one step."""
    z = cuda.local.array((1, 1, ROWS_BACK, DIM, 1), Real)
    return Record(
        cuda.local.array((1, 1, 2, 1), Time), cuda.local.array((1, 1, 1), Real),
        cuda.local.array((1, 1, 1), np.int64), z, z[:, :, :, :0], z[:, :, :0], z[:, :, :0],
        lane_of(steps.filled, i), lane_of(steps.t, i)[:, 0], steps.keep,
    )  # fmt: skip


@kernel
def begin_lane(control, given, lanes, outputs, i):
    """Set a lane to the start of trajectory i; `loops.start` does the rest."""
    j = shared_or_own(given.numbers, i)
    lanes.t0[0, 0] = lanes.t[0, 0] = given.numbers[0, j]
    lanes.t1[0, 0] = lanes.due[0, 0] = given.numbers[1, j]
    lanes.h[0, 0], lanes.last[0, 0] = given.numbers[2, j], Time(0)
    lanes.rtol[0, 0], lanes.atol[0, 0] = Real(given.numbers[3, j]), Real(given.numbers[4, j])
    lanes.status[0, 0], lanes.emitted[0, 0], lanes.who[0, 0] = RUNNING, 0, i
    for r in range(2):
        lanes.ratios[0, r, 0] = control.numbers[START]
    for c in range(4):
        lanes.counts[0, c, 0] = 0
    for m in range(DIM):
        lanes.y[0, m, 0] = given.y0[m, i]
    for m in range(lanes.z.shape[1]):
        lanes.z[0, m, 0] = given.y0[m, i]
    if lanes.drift.shape[1] > 0:
        begin_drift(lanes.drift[0], lanes.y[0], 0)
    for e in range(outputs.ys.shape[1]):
        for m in range(DIM):
            outputs.ys[0, e, m, 0] = Real(np.nan)


@kernel
def load_lane(lanes, state, outputs, i):
    """Set a lane to where trajectory i has come to."""
    lanes.t0[0, 0], lanes.t1[0, 0] = state.times[T0, i], state.times[T1, i]
    lanes.t[0, 0], lanes.h[0, 0] = state.times[T, i], state.times[H, i]
    lanes.last[0, 0] = state.times[LAST, i]
    lanes.rtol[0, 0], lanes.atol[0, 0] = state.numbers[RTOL, i], state.numbers[ATOL, i]
    lanes.status[0, 0], lanes.emitted[0, 0] = state.status[i], state.counts[EMITTED, i]
    lanes.who[0, 0], lanes.due[0, 0] = i, next_due(lanes, outputs, 0, 0)
    for r in range(2):
        lanes.ratios[0, r, 0] = state.numbers[r, i]
    for c in range(4):
        lanes.counts[0, c, 0] = state.counts[c, i]
    for m in range(DIM):
        lanes.y[0, m, 0] = state.y[m, i]
        lanes.k[0, 0, m, 0] = state.k[m, i]
    for m in range(lanes.z.shape[1]):
        lanes.z[0, m, 0] = state.z[m, i]
    for r in range(lanes.drift.shape[1]):
        lanes.drift[0, r, 0] = state.drift[r, i]


@kernel
def store_lane(state, lanes, i):
    """Keep where trajectory i has come to."""
    state.times[T0, i], state.times[T1, i] = lanes.t0[0, 0], lanes.t1[0, 0]
    state.times[T, i], state.times[H, i] = lanes.t[0, 0], lanes.h[0, 0]
    state.times[LAST, i] = lanes.last[0, 0]
    state.numbers[RTOL, i], state.numbers[ATOL, i] = lanes.rtol[0, 0], lanes.atol[0, 0]
    state.status[i], state.counts[EMITTED, i] = lanes.status[0, 0], lanes.emitted[0, 0]
    for r in range(2):
        state.numbers[r, i] = lanes.ratios[0, r, 0]
    for c in range(4):
        state.counts[c, i] = lanes.counts[0, c, 0]
    for m in range(DIM):
        state.y[m, i] = lanes.y[0, m, 0]
        state.k[m, i] = lanes.k[0, 0, m, 0]
    for m in range(lanes.z.shape[1]):
        state.z[m, i] = lanes.z[0, m, 0]
    for r in range(lanes.drift.shape[1]):
        state.drift[r, i] = lanes.drift[0, r, 0]


@kernel
def field_vjp_if_any(field, t, y, theta, cache, dy_bar, y_bar, t_bar, theta_bar):
    """Call the transpose of the field, unless the cotangent is 0: not 0 inf, where the field is singular."""
    any_ = False
    for m in range(dy_bar.shape[0]):
        any_ = any_ or dy_bar[m, 0] != Real(0)
    for m in range(y_bar.shape[0]):
        y_bar[m, 0] = Real(0)
    t_bar[0] = Real(0)
    return field_vjp(field, t, y, theta, cache, dy_bar, y_bar, t_bar, theta_bar) if any_ else 0


@pasted
def local_lanes():
    """Return room for one lane's state."""
    return Lanes(
        cuda.local.array((1, 1), Time), cuda.local.array((1, 1), Time),
        cuda.local.array((1, 1), Time), cuda.local.array((1, 1), Time),
        cuda.local.array((1, 1), Time), cuda.local.array((1, 1), Time),
        cuda.local.array((1, 1), Time), cuda.local.array((1, 1), Time),
        cuda.local.array((1, 2, 1), Real), cuda.local.array((1, 1), Real),
        cuda.local.array((1, 1), Real), cuda.local.array((1, 1), np.uint8),
        cuda.local.array((1, 4, 1), np.int64), cuda.local.array((1, 1), np.int64),
        cuda.local.array((1, 1), np.int64),
        cuda.local.array((1, DIM, 1), Real), cuda.local.array((1, SLOPES, DIM, 1), Real),
        cuda.local.array((1, PAIR_ROOM, 1), Real)[:, :PAIR_ROWS],
        cuda.local.array((1, 2, 1), Real)[:, :DRIFT_ROWS],
    )  # fmt: skip


@pasted
def local_head():
    """Return room for the evaluation before the first step."""
    y = cuda.local.array((1, DIM, 1), Real)
    return Head(cuda.local.array((1, 1), Real), y, y[:, :0])


@pasted
def local_work():
    """Return one lane's scratch."""
    return Work(
        cuda.local.array((2, 1), Real), cuda.local.array((1, 1), Real),
        cuda.local.array((1, 3, 1), Real), cuda.local.array((1, 1), np.uint8),
        cuda.local.array((1, 1), np.uint8), cuda.local.array((1, 1), np.uint8),
        cuda.local.array((1, 1), np.uint8), cuda.local.array((1, DIM, 1), Real),
        cuda.local.array((1, PAIR_ROOM, 1), Real)[:, :PAIR_ROWS],
        cuda.local.array((1, 2, 1), Real)[:, :DRIFT_ROWS],
        cuda.local.array((3, 1), Real),
    )  # fmt: skip


@pasted
def local_bars():
    """Return room for one lane's cotangents."""
    return Bars(
        cuda.local.array((1, DIM, 1), Real), cuda.local.array((1, DIM, 1), Real),
        cuda.local.array((SLOPES, DIM, 1), Real), cuda.local.array((2, DIM, 1), Real),
        cuda.local.array((3, 1), Real), cuda.local.array((1, 1), np.int64),
        cuda.local.array((1, DIM, 1), Real)[:0], cuda.local.array((1, 1, 1, 1), Real)[:0],
        cuda.local.array((1, 1, 1, 1), Real)[:0],
        cuda.local.array((1, 1, 1), Real)[:, :0], cuda.local.array((1, 2, 1), Time),
        cuda.local.array((1, 2, 1), Real), cuda.local.array((1, 1, 1), Time)[:, :0],
        cuda.local.array((1, PAIR_ROOM, 1), Real)[:, :PAIR_ROWS],
        cuda.local.array((PAIR_ROOM, 1), Real)[:PAIR_ROWS],
    )  # fmt: skip
