"""The table of addresses that a chunk is to its kernels: sizes, and where each array of its records lies.

One array of integers passes all of it, so that a call from Python passes three arguments and not fifty arrays.
"""

import math

import numpy as np

from .._jit import pasted
from ..buffers import (
    KEPT,
    Bars,
    Checkpoint,
    Control,
    Head,
    Lanes,
    Log,
    Method,
    Outputs,
    Queue,
    QueueBars,
    Record,
    Turns,
    Work,
)
from ..field_abi import Field, array_at
from ..loops.start import Time
from ..tile import LANES, Real

SIZES = (
    "TILES DIM STAGES N_CACHE N_OUTPUTS N_PARAMS CAPACITY KEEP FSAL N_ERRORS ADAPTIVE COUPLED INTERPOLATE "
    "MAX_STEPS N_STEPS N_TRAJECTORIES COMPONENT MEASURE LOG_STATES FIELD FIELD_VJP CONTEXT THETA_STRIDE N_QUEUE TAKEN "
    "FAILED N_NUMBERS N_TIMES N_REDUCED N_PASSAGES IDLED BEFORE TURN STRIDE SLOTS SAVED STATE_BYTES REPLAYS SLOPES "
    "N_LOG N_STEP_BARS N_STATE_BARS HOLD_START"
).split()
(
    TILES, DIM, STAGES, N_CACHE, N_OUTPUTS, N_PARAMS, CAPACITY, KEEP, FSAL, N_ERRORS, ADAPTIVE, COUPLED,
    INTERPOLATE, MAX_STEPS, N_STEPS, N_TRAJECTORIES, COMPONENT, MEASURE, LOG_STATES, FIELD, FIELD_VJP, CONTEXT,
    THETA_STRIDE, N_QUEUE, TAKEN, FAILED, N_NUMBERS, N_TIMES, N_REDUCED, N_PASSAGES, IDLED, BEFORE, TURN,
    STRIDE, SLOTS, SAVED, STATE_BYTES, REPLAYS, SLOPES, N_LOG, N_STEP_BARS, N_STATE_BARS,
    HOLD_START,
) = range(len(SIZES))  # fmt: skip
METHOD = len(SIZES)
CONTROL = METHOD + 5
LANES_AT = CONTROL + 1
OUTPUTS = LANES_AT + len(Lanes._fields)
HEAD = OUTPUTS + 4
WORK = HEAD + 3
RECORD = WORK + len(Work._fields)
BARS = RECORD + len(Record._fields) - 1
STEP_BARS = BARS + Bars._fields.index("steps")
STATE_BARS = BARS + Bars._fields.index("states")
YS_BAR = BARS + len(Bars._fields)
QUEUE = YS_BAR + 1
TURNS = QUEUE + len(Queue._fields)
QUEUE_BARS = TURNS + len(Turns._fields)
LOG = QUEUE_BARS + len(QueueBars._fields)
CHECKPOINTS = LOG + len(Log._fields)
TABLE = (
    CHECKPOINTS + 1 + len(Checkpoint._fields)
)  # an address, and where in a checkpoint arrays begin


def layout(plan, tiles, n_cache):
    """Return (shape, dtype) of the arrays of Lanes, Outputs, Head and Work, in the table's order."""
    lanes, dim, slopes, n = plan.lanes, plan.program.dim, plan.method.stages + 1, plan.n_outputs
    real, time, count, flag = plan.dtype, "f8", "i8", "u1"
    shape, state = (tiles, lanes), (tiles, dim, lanes)
    return [
        *[(shape, time)] * 8, ((tiles, 2, lanes), real), (shape, real), (shape, real),
        (shape, flag), ((tiles, 4, lanes), count), (shape, count), (shape, count), (state, real),
        ((tiles, slopes, dim, lanes), real),
        ((tiles, n, lanes), time), ((tiles, n, dim, lanes), real),
        ((tiles, plan.n_reduced, dim, lanes), real), ((tiles, plan.n_passages, lanes), time),
        (shape, real), (state, real), ((tiles, n_cache, lanes), real),
        ((2, lanes), real), (shape, real), ((tiles, 3 + 5 * plan.control.measure, lanes), real), (shape, flag),
        *[(shape, flag)] * 3, (state, real),
    ]  # fmt: skip


def record_layout(plan, tiles, n_cache, capacity, evaluations):
    """Return (shape, dtype) of the arrays of Record, for so many iterations, and evaluations in each."""
    lanes, real, shape = plan.lanes, plan.dtype, (capacity, tiles, plan.lanes)
    rows = (capacity, tiles, evaluations)
    slopes = int(plan.slopes and evaluations == plan.method.stages)
    return [
        ((capacity, tiles, 2, lanes), "f8"), (shape, real), (shape, "i8"),
        ((*rows, plan.program.dim, lanes), real), ((*rows, n_cache, lanes), real),
        ((capacity, tiles, slopes * (plan.method.stages + 1), plan.program.dim, lanes), real),
        ((capacity, tiles, slopes, plan.program.dim, lanes), real), ((1,), "i8"),
    ]  # fmt: skip


def bytes_of(wanted):
    """Return the bytes of arrays of the wanted (shape, dtype)."""
    return sum(math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in wanted)


def bars_layout(plan, tiles, n_cache):
    """Return (shape, dtype) of the arrays of Bars, and of the cotangents of the outputs, their times, and Head."""
    lanes, dim, real = plan.lanes, plan.program.dim, plan.dtype
    slopes, state = plan.method.stages + 1, (tiles, dim, lanes)
    return [
        (state, real), (state, real), ((slopes, dim, lanes), real), ((2, dim, lanes), real),
        ((3, lanes), real), ((tiles, lanes), "i8"), ((5 * plan.control.measure, dim, lanes), real),
        ((0,), real), ((0,), real),
        ((tiles, (plan.n_outputs + 2) * plan.slopes, lanes), real), ((tiles, 2, lanes), "f8"),
        ((tiles, 2, lanes), real), ((tiles, 2 * plan.n_passages * plan.slopes, lanes), "f8"),
        ((tiles, plan.n_outputs, dim, lanes), real),
        ((tiles, plan.n_outputs, lanes), "f8"), ((tiles, lanes), real), (state, real), ((tiles, n_cache, lanes), real),
    ]  # fmt: skip


def checkpoint_layout(plan, tiles):
    """Return (shape, dtype) of the arrays of Checkpoint."""
    real, shape, lanes = plan.dtype, (tiles, plan.lanes), plan.lanes
    dim, fsal = plan.program.dim, plan.method.fsal
    return [
        ((3,), "i8"), ((4, tiles, lanes), "f8"), ((tiles, 2, lanes), real), (shape, "u1"),
        ((tiles, 4, lanes), "i8"), (shape, "i8"), (shape, "i8"), ((tiles, dim, lanes), real),
        ((tiles, fsal * dim, lanes), real),
    ]  # fmt: skip


def turns_layout(plan, n, n_cache):
    """Return (shape, dtype) of the arrays of Turns, for n trajectories."""
    return [
        *[((n,), "i8")] * 4, ((n,), plan.dtype), ((n, plan.program.dim), plan.dtype), ((n, n_cache), plan.dtype),
    ]  # fmt: skip


@pasted
def method_of(p):
    """Return the Method of a table."""
    n = p[STAGES] + 1
    return Method(
        array_at(p[METHOD], Real, (n, n)), array_at(p[METHOD + 1], Real, (n, n)),
        array_at(p[METHOD + 2], Real, (n,)), array_at(p[METHOD + 3], Real, (2, n)),
        array_at(p[METHOD + 4], Real, (2, n)),
        p[STAGES], p[FSAL], p[N_ERRORS],
    )  # fmt: skip


@pasted
def control_of(p):
    """Return the Control of a table."""
    return Control(
        array_at(p[CONTROL], Real, (11,)), p[ADAPTIVE], p[COUPLED], p[INTERPOLATE], p[MAX_STEPS],
        p[N_STEPS], p[N_TRAJECTORIES], p[COMPONENT], p[MEASURE], p[LOG_STATES],
    )  # fmt: skip


@pasted
def lanes_of(p):
    """Return the Lanes of a table."""
    n, dim = p[TILES], p[DIM]
    return Lanes(
        array_at(p[LANES_AT], Time, (n, LANES)), array_at(p[LANES_AT + 1], Time, (n, LANES)),
        array_at(p[LANES_AT + 2], Time, (n, LANES)), array_at(p[LANES_AT + 3], Time, (n, LANES)),
        array_at(p[LANES_AT + 4], Time, (n, LANES)), array_at(p[LANES_AT + 5], Time, (n, LANES)),
        array_at(p[LANES_AT + 6], Time, (n, LANES)), array_at(p[LANES_AT + 7], Time, (n, LANES)),
        array_at(p[LANES_AT + 8], Real, (n, 2, LANES)), array_at(p[LANES_AT + 9], Real, (n, LANES)),
        array_at(p[LANES_AT + 10], Real, (n, LANES)), array_at(p[LANES_AT + 11], np.uint8, (n, LANES)),
        array_at(p[LANES_AT + 12], np.int64, (n, 4, LANES)),
        array_at(p[LANES_AT + 13], np.int64, (n, LANES)),
        array_at(p[LANES_AT + 14], np.int64, (n, LANES)),
        array_at(p[LANES_AT + 15], Real, (n, dim, LANES)),
        array_at(p[LANES_AT + 16], Real, (n, p[STAGES] + 1, dim, LANES)),
    )  # fmt: skip


@pasted
def outputs_of(p, ys):
    """Return the Outputs of a table, with the states at the address `ys`."""
    n, tiles = p[N_OUTPUTS], p[TILES]
    return Outputs(
        array_at(p[OUTPUTS], Time, (tiles, n, LANES)), array_at(ys, Real, (tiles, n, p[DIM], LANES)),
        array_at(p[OUTPUTS + 2], Real, (tiles, p[N_REDUCED], p[DIM], LANES)),
        array_at(p[OUTPUTS + 3], Time, (tiles, p[N_PASSAGES], LANES)), log_of(p),
    )  # fmt: skip


@pasted
def log_of(p):
    """Return the Log of a table."""
    shape = (p[N_LOG], p[TILES], 2, LANES)
    return Log(
        array_at(p[LOG], Time, shape), array_at(p[LOG + 1], Real, shape),
        array_at(p[LOG + 2], np.int64, shape),
        array_at(p[LOG + 3], Real, (p[N_LOG], p[TILES], p[LOG_STATES], p[DIM], LANES)),
        array_at(p[LOG + 4], np.int64, (1,)),
    )  # fmt: skip


@pasted
def head_of(p):
    """Return the Head of a table."""
    n = p[TILES]
    return Head(
        array_at(p[HEAD], Real, (n, LANES)), array_at(p[HEAD + 1], Real, (n, p[DIM], LANES)),
        array_at(p[HEAD + 2], Real, (n, p[N_CACHE], LANES)),
    )  # fmt: skip


@pasted
def work_of(p):
    """Return the Work of a table."""
    n = p[TILES]
    return Work(
        array_at(p[WORK], Real, (2, LANES)), array_at(p[WORK + 1], Real, (n, LANES)),
        array_at(p[WORK + 2], Real, (n, 3 + 5 * p[MEASURE], LANES)), array_at(p[WORK + 3], np.uint8, (n, LANES)),
        array_at(p[WORK + 4], np.uint8, (n, LANES)), array_at(p[WORK + 5], np.uint8, (n, LANES)),
        array_at(p[WORK + 6], np.uint8, (n, LANES)), array_at(p[WORK + 7], Real, (n, p[DIM], LANES)),
    )  # fmt: skip


@pasted
def record_of(p):
    """Return the Record of a table."""
    c, n, stages = p[CAPACITY], p[TILES], p[STAGES] if p[KEEP] == KEPT else 1
    slopes = p[SLOPES] if p[KEEP] == KEPT else 0
    return Record(
        array_at(p[RECORD], Time, (c, n, 2, LANES)), array_at(p[RECORD + 1], Real, (c, n, LANES)),
        array_at(p[RECORD + 2], np.int64, (c, n, LANES)),
        array_at(p[RECORD + 3], Real, (c, n, stages, p[DIM], LANES)),
        array_at(p[RECORD + 4], Real, (c, n, stages, p[N_CACHE], LANES)),
        array_at(p[RECORD + 5], Real, (c, n, slopes * (p[STAGES] + 1), p[DIM], LANES)),
        array_at(p[RECORD + 6], Real, (c, n, slopes, p[DIM], LANES)),
        array_at(p[RECORD + 7], np.int64, (1,)), p[KEEP],
    )  # fmt: skip


@pasted
def bars_of(p):
    """Return the Bars of a table."""
    n, dim = p[TILES], p[DIM]
    return Bars(
        array_at(p[BARS], Real, (n, dim, LANES)), array_at(p[BARS + 1], Real, (n, dim, LANES)),
        array_at(p[BARS + 2], Real, (p[STAGES] + 1, dim, LANES)),
        array_at(p[BARS + 3], Real, (2, dim, LANES)), array_at(p[BARS + 4], Real, (3, LANES)),
        array_at(p[BARS + 5], np.int64, (n, LANES)),
        array_at(p[BARS + 6], Real, (5 if p[N_STEP_BARS] > 0 else 0, dim, LANES)),
        array_at(p[BARS + 7], Real, (p[N_STEP_BARS], n, 3 * p[MEASURE], LANES)),
        array_at(p[BARS + 8], Real, (p[N_STATE_BARS], n, dim, LANES)),
        array_at(p[BARS + 9], Real, (n, (p[N_OUTPUTS] + 2) * p[SLOPES], LANES)),
        array_at(p[BARS + 10], Time, (n, 2, LANES)), array_at(p[BARS + 11], Real, (n, 2, LANES)),
        array_at(p[BARS + 12], Time, (n, 2 * p[N_PASSAGES] * p[SLOPES], LANES)),
    )  # fmt: skip


@pasted
def field_of(p):
    """Return the Field of a table."""
    return Field(p[FIELD], p[FIELD_VJP], p[CONTEXT], p[THETA_STRIDE])


@pasted
def queue_of(p):
    """Return the Queue of a table."""
    n, dim, own = p[N_QUEUE], p[DIM], 1 if p[THETA_STRIDE] else 0
    return Queue(
        array_at(p[QUEUE], np.int64, (n,)), array_at(p[QUEUE + 1], Real, (n, dim)),
        array_at(p[QUEUE + 2], Time, (5, p[N_NUMBERS])),
        array_at(p[QUEUE + 3], Time, (p[N_OUTPUTS], p[N_TIMES])),
        array_at(p[QUEUE + 4], Real, (n, own * p[N_PARAMS])),
        array_at(p[QUEUE + 5], Real, (n, p[N_OUTPUTS], dim)),
        array_at(p[QUEUE + 6], Real, (n, dim)), array_at(p[QUEUE + 7], np.int64, (n, 3)),
        array_at(p[QUEUE + 8], Time, (n, 2)), array_at(p[QUEUE + 9], np.uint8, (n,)),
        array_at(p[QUEUE + 10], Real, (n, p[N_REDUCED], dim)),
        array_at(p[QUEUE + 11], Time, (n, p[N_PASSAGES])),
    )  # fmt: skip


@pasted
def turns_of(p):
    """Return the Turns of a table."""
    n = p[N_QUEUE]
    return Turns(
        array_at(p[TURNS], np.int64, (n,)), array_at(p[TURNS + 1], np.int64, (n,)),
        array_at(p[TURNS + 2], np.int64, (n,)), array_at(p[TURNS + 3], np.int64, (n,)),
        array_at(p[TURNS + 4], Real, (n,)), array_at(p[TURNS + 5], Real, (n, p[DIM])),
        array_at(p[TURNS + 6], Real, (n, p[N_CACHE])),
    )  # fmt: skip


@pasted
def queue_bars_of(p):
    """Return the QueueBars of a table."""
    n, dim, own = p[N_QUEUE], p[DIM], 1 if p[THETA_STRIDE] else 0
    return QueueBars(
        array_at(p[QUEUE_BARS], Real, (n, p[N_OUTPUTS], dim)),
        array_at(p[QUEUE_BARS + 1], Real, (n, dim)),
        array_at(p[QUEUE_BARS + 2], Real, (n, own * p[N_PARAMS])),
        array_at(p[QUEUE_BARS + 3], Real, (n, (p[N_OUTPUTS] + 2) * p[SLOPES])),
        array_at(p[QUEUE_BARS + 4], Real, (n, p[N_PASSAGES] * p[SLOPES])),
    )  # fmt: skip


@pasted
def checkpoint_of(p, slot):
    """Return a Checkpoint of a table."""
    at, n, dim = p[CHECKPOINTS] + slot * p[STATE_BYTES], p[TILES], p[DIM]
    return Checkpoint(
        array_at(at, np.int64, (3,)), array_at(at + p[CHECKPOINTS + 2], Time, (4, n, LANES)),
        array_at(at + p[CHECKPOINTS + 3], Real, (n, 2, LANES)),
        array_at(at + p[CHECKPOINTS + 4], np.uint8, (n, LANES)),
        array_at(at + p[CHECKPOINTS + 5], np.int64, (n, 4, LANES)),
        array_at(at + p[CHECKPOINTS + 6], np.int64, (n, LANES)),
        array_at(at + p[CHECKPOINTS + 7], np.int64, (n, LANES)),
        array_at(at + p[CHECKPOINTS + 8], Real, (n, dim, LANES)),
        array_at(at + p[CHECKPOINTS + 9], Real, (n, p[FSAL] * dim, LANES)),
    )  # fmt: skip
