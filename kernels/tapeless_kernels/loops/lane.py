"""What happens to one lane: the end of its step looked at closely, outputs, failures, the end of its trajectory."""

import numpy as np

from .._jit import inlined
from ..buffers import REVERSIBLE_TOO, RUNGE_KUTTA
from ..controllers.step_size import LARGEST, factor_after_rejection
from ..interpolants.hermite import hermite
from ..status import (
    FIELD_FAILED,
    IRREVERSIBLE,
    MAX_STEPS,
    NON_FINITE,
    RUNNING,
    STEP_TOO_SMALL,
    SUCCESS,
)
from ..tile import Real, Time
from .lanes import APART, least_step, propose
from .start import ACCEPTED, EVALUATIONS, GRID, REJECTED, next_due


@inlined
def move_lane(method, control, lanes, outputs, work, tile, lane, y, k, y_next):
    """Accept or reject in one lane, and look at all that may happen then; return whether it moved."""
    work.accepted[tile, lane] = 0
    if lanes.status[tile, lane] != RUNNING:
        return 0
    lanes.counts[tile, EVALUATIONS, lane] += method.stages * method.halves
    q, code = work.squares[tile, 0, lane], work.lane_status[tile, lane]
    drifted = REVERSIBLE_TOO and method.kind != RUNGE_KUTTA and code == APART
    if code != 0 and not drifted:
        lanes.status[tile, lane] = FIELD_FAILED
    elif q <= Real(1) and drifted:
        lanes.status[tile, lane] = IRREVERSIBLE
    elif q <= Real(1):
        work.accepted[tile, lane] = 1
        emit(lanes, outputs, tile, lane, y, k, y_next, method.stages)
        accept(control, lanes, work, tile, lane)
        return 1
    else:
        reject(control, lanes, tile, lane, q)
    return 0


@inlined
def emit(lanes, outputs, tile, lane, y, k, y_next, last):
    """Write the outputs asked for in the step from y to y_next."""
    t, t_next = lanes.t[tile, lane], lanes.t_next[tile, lane]
    i = lanes.emitted[tile, lane]
    while i < outputs.times.shape[1]:
        time = outputs.times[tile, i, lane]
        if time == t_next:
            for m in range(y.shape[0]):
                outputs.ys[tile, i, m, lane] = y_next[m, lane]
        elif abs(time - t) < abs(t_next - t):
            s, h = Real((time - t) / (t_next - t)), Real(t_next - t)
            hermite(outputs.ys[tile, i], s, h, lane, y, k[0], y_next, k[last])
        else:
            break
        i += 1
    lanes.emitted[tile, lane] = i
    lanes.due[tile, lane] = next_due(lanes, outputs, tile, lane)


@inlined
def accept(control, lanes, work, tile, lane):
    """Move a lane to the end of its step, and propose the next."""
    counts, ratios = lanes.counts[tile], lanes.ratios[tile]
    t, t_next, t1 = lanes.t[tile, lane], lanes.t_next[tile, lane], lanes.t1[tile, lane]
    counts[ACCEPTED, lane] += 1
    if control.adaptive:
        q, f, before = work.squares[tile, 0, lane], work.squares[tile, 1, lane], lanes.h[tile, lane]
        largest = control.numbers[LARGEST]
        lanes.h[tile, lane] = propose(f, t_next - t, before, work.ends[tile, lane], largest)
        ratios[1, lane] = ratios[0, lane]
        ratios[0, lane] = q if q > Real(1e-8) else Real(1e-8)
    elif t_next == end_of_grid_step(control, lanes, tile, lane):
        counts[GRID, lane] += 1
    lanes.last[tile, lane] = t_next - t
    lanes.t[tile, lane] = t_next
    if t_next == t1:
        lanes.status[tile, lane] = SUCCESS
    elif counts[ACCEPTED, lane] + counts[REJECTED, lane] >= control.max_steps:
        lanes.status[tile, lane] = MAX_STEPS


@inlined
def end_of_grid_step(control, lanes, tile, lane):
    """Return where the lane's next of n_steps equal steps ends."""
    t0, t1 = lanes.t0[tile, lane], lanes.t1[tile, lane]
    passed = lanes.counts[tile, GRID, lane] + 1
    return (
        t0 + (t1 - t0) * (Time(passed) / Time(control.n_steps)) if passed < control.n_steps else t1
    )


@inlined
def reject(control, lanes, tile, lane, q):
    """Propose a shorter step, or end the lane."""
    counts = lanes.counts[tile]
    counts[REJECTED, lane] += 1
    finite = q < Real(np.inf)
    if not control.adaptive:
        lanes.status[tile, lane] = NON_FINITE
        return
    t = lanes.t[tile, lane]
    h = Time(factor_after_rejection(control.numbers, q)) * (lanes.t_next[tile, lane] - t)
    lanes.h[tile, lane] = h
    if abs(h) < least_step(t, lanes.t0[tile, lane], lanes.t1[tile, lane]):
        lanes.status[tile, lane] = STEP_TOO_SMALL if finite else NON_FINITE
    elif counts[ACCEPTED, lane] + counts[REJECTED, lane] >= control.max_steps:
        lanes.status[tile, lane] = MAX_STEPS
