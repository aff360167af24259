"""The loop over steps, for trajectories that step alone or in lockstep; resumable, all its state is arrays."""

import numpy as np

from .._jit import inlined, kernel
from ..controllers.step_size import (
    LARGEST,
    LEAST,
    factor_after_rejection,
    factors,
    factors_after_rejection,
)
from ..interpolants.hermite import hermite
from ..status import (
    BUDGET_SPENT,
    BUFFER_FULL,
    DONE,
    FIELD_ERROR,
    FIELD_FAILED,
    MAX_STEPS,
    NON_FINITE,
    RUNNING,
    STEP_TOO_SMALL,
    SUCCESS,
)
from ..steppers.explicit_rk import step
from ..tile import LANES, Real, error_squares, put, take
from .lanes import (
    ODD,
    accept_lanes,
    aim_lanes,
    find_plain,
    force,
    propose,
    reject_lanes,
    spoil,
    spoil_by_slopes,
)
from .reductions import reduce_step
from .start import ACCEPTED, EVALUATIONS, GRID, REJECTED, Time, next_due, to_means

LANES_FREE = -1  # the code of a call that ends for idle lanes to take up other trajectories


@inlined
def integrate(field, method, control, lanes, outputs, record, work, theta, budget):
    """Take up to `budget` iterations, each of which tries one step in every lane that is still running."""
    return iterate(field, method, control, lanes, outputs, record, work, theta, budget, 0)[0]


@inlined
def iterate(field, method, control, lanes, outputs, record, work, theta, budget, patience):
    """Do as `integrate`, and return its code and what is left of the budget.

    With `patience`, idle lanes are to be given other trajectories: it comes to an end when they have idled for
    so many steps.
    """
    running = idled = 0
    for tile in range(lanes.y.shape[0]):
        running += count_running(lanes, tile)
    if running == 0:
        return DONE, budget
    for left in range(budget, 0, -1):
        n = record.filled[0]
        if n == record.t.shape[0]:
            return BUFFER_FULL, left
        for tile in range(lanes.y.shape[0]):
            if count_running(lanes, tile) > 0:
                aim(control, lanes, outputs, work, tile)
                if attempt(field, method, control, lanes, record, work, theta, tile) != 0:
                    return FIELD_ERROR, left
        if control.coupled:
            share_failure(lanes, work)
        to_means(work.squares, 0, lanes.y.shape[1], control)
        if method.n_errors == 2:
            to_means(work.squares, 1, lanes.y.shape[1], control)
            steady(work.squares)
        moved = running = 0
        for tile in range(lanes.y.shape[0]):
            if count_running(lanes, tile) > 0:
                moved += advance(method, control, lanes, outputs, record, work, tile)
                running += count_running(lanes, tile)
            else:
                rest(lanes, record, tile)
        if record.keep and moved > 0:
            record.filled[0] = n + 1
        if running == 0:
            return DONE, left - 1
        idled += LANES * lanes.y.shape[0] - running
        if 0 < patience <= idled:
            return LANES_FREE, left - 1
    return BUDGET_SPENT, 0


@inlined
def count_running(lanes, tile):
    """Return the number of a tile's trajectories that have not ended."""
    n = 0
    for lane in range(LANES):
        n += 1 if lanes.status[tile, lane] == RUNNING else 0
    return n


@inlined
def rest(lanes, record, tile):
    """Record that nothing in a tile moved."""
    for lane in range(LANES):
        record.h[record.filled[0], tile, lane] = Real(0)
        record.emitted[record.filled[0], tile, lane] = lanes.emitted[tile, lane]


@inlined
def aim(control, lanes, outputs, work, tile):
    """Decide where each lane's next step ends: no step passes a forced time."""
    for lane in range(LANES):
        work.time[0, lane] = Real(lanes.t[tile, lane])
        lanes.forced[tile, lane] = lanes.t1[tile, lane]
    if not control.interpolate:
        force(lanes.forced[tile], lanes.due[tile])
    if not control.adaptive:
        for lane in range(LANES):
            grid = end_of_grid_step(control, lanes, tile, lane)
            forced, t = lanes.forced[tile, lane], lanes.t[tile, lane]
            lanes.forced[tile, lane] = grid if abs(grid - t) < abs(forced - t) else forced
            lanes.h[tile, lane] = Time(np.inf)
    aim_lanes(
        lanes.t_next[tile], work.h[tile], work.ends[tile], lanes.t[tile], lanes.t1[tile], lanes.h[tile],
        lanes.forced[tile], lanes.status[tile],
    )  # fmt: skip


@inlined
def end_of_grid_step(control, lanes, tile, lane):
    """Return where the lane's next of n_steps equal steps ends."""
    t0, t1 = lanes.t0[tile, lane], lanes.t1[tile, lane]
    passed = lanes.counts[tile, GRID, lane] + 1
    return (
        t0 + (t1 - t0) * (Time(passed) / Time(control.n_steps)) if passed < control.n_steps else t1
    )


@inlined
def attempt(field, method, control, lanes, record, work, theta, tile):
    """Try one step in a tile, and measure its error in work.squares."""
    n = record.filled[0]
    h, y, k = work.h[tile], lanes.y[tile], lanes.k[tile]
    slots = (record.z[n, tile], record.cache[n, tile])
    scratch = (work.time, work.lane_status[tile])
    for lane in range(LANES):
        work.lane_status[tile, lane] = 0
    failed = step(field, method, h, y, theta, k, slots, scratch, work.y_next[tile])
    z = record.z[n, tile, record.z.shape[2] - 1] if method.fsal else work.y_next[tile]
    squares = work.squares[tile, 0]
    if control.adaptive:
        weights = method.stages + method.fsal
        rtol, atol = lanes.rtol[tile], lanes.atol[tile]
        for i in range(method.n_errors):
            error_squares(work.squares[tile, i], h, method.error[i], k, weights, y, z, rtol, atol)
    else:
        for lane in range(LANES):
            squares[lane] = Real(0)
        spoil(squares, z)
        if control.interpolate:
            spoil_by_slopes(squares, h, k[0])
            spoil_by_slopes(squares, h, k[method.stages])
    for i in range(record.z.shape[2]):  # a saturated activation hides what its input has become
        spoil(squares, record.z[n, tile, i])
    return failed


@kernel
def steady(squares):
    """Turn the mean squares q of the two error estimates into q0 q0 / (q0 + 0.01 q1).

    The error as DOP853 measures it: Hairer, Norsett and Wanner, Solving ODEs I, section II.10.
    """
    for tile in range(squares.shape[0]):
        for lane in range(LANES):
            q = squares[tile, 0, lane]
            steadied = q * (q / (q + Real(0.01) * squares[tile, 1, lane]))
            squares[tile, 0, lane] = steadied if q > Real(0) else q


@kernel
def share_failure(lanes, work):
    """In lockstep a field's failure in one lane stops all."""
    failed = 0
    for tile in range(lanes.status.shape[0]):
        for lane in range(LANES):
            if lanes.status[tile, lane] == RUNNING:
                failed |= work.lane_status[tile, lane]
    if failed != 0:
        for tile in range(lanes.status.shape[0]):
            for lane in range(LANES):
                work.lane_status[tile, lane] = 1


@inlined
def advance(method, control, lanes, outputs, record, work, tile):
    """Accept or reject in each lane, write outputs, size the next steps; return the lanes that moved."""
    n = record.filled[0]
    y, k = lanes.y[tile], lanes.k[tile]
    y_next = record.z[n, tile, record.z.shape[2] - 1] if method.fsal else work.y_next[tile]
    if record.keep:
        note(lanes, record, work, tile)
    moved, plain = 0, 0
    if control.adaptive:
        q, f, ratios = work.squares[tile, 0], work.squares[tile, 1], lanes.ratios[tile]
        factors(f, work.squares[tile, 2], control.numbers, q, ratios[0], ratios[1])
        plain, rejected = find_plain(
            work.fate[tile], q, lanes.t[tile], lanes.t_next[tile], lanes.due[tile],
            lanes.counts[tile, ACCEPTED], lanes.counts[tile, REJECTED], lanes.status[tile],
            work.lane_status[tile], control.max_steps, control.numbers[LEAST],
        )  # fmt: skip
        moved = plain - rejected
        if rejected > 0:
            shorter = work.squares[tile, 2]
            factors_after_rejection(shorter, control.numbers, q)
            reject_lanes(
                lanes.h[tile], lanes.counts[tile, REJECTED], lanes.counts[tile, EVALUATIONS], shorter,
                lanes.t[tile], lanes.t_next[tile], work.fate[tile], method.stages,
            )  # fmt: skip
        accept_lanes(
            lanes.t[tile], lanes.h[tile], lanes.last[tile], ratios[0], ratios[1],
            lanes.counts[tile, ACCEPTED], lanes.counts[tile, EVALUATIONS], work.accepted[tile], q, f,
            lanes.t_next[tile], work.ends[tile], work.fate[tile], control.numbers[LARGEST], method.stages,
        )  # fmt: skip
    if plain < LANES:
        for lane in range(LANES):
            if not control.adaptive or work.fate[tile, lane] == ODD:
                moved += move_lane(method, control, lanes, outputs, work, tile, lane, y, k, y_next)
    if record.keep:
        for lane in range(LANES):
            if work.accepted[tile, lane] == 1:
                record.h[n, tile, lane] = work.h[tile, lane]
            elif not work.squares[tile, 0, lane] < Real(np.inf):
                forget(record, n, tile, lane)
    if outputs.reduced.shape[1] + outputs.passage.shape[1] > 0:
        for lane in range(LANES):
            if work.accepted[tile, lane] == 1:
                step = lanes.last[tile, lane]
                t = lanes.t_next[tile, lane] - step
                reduce_step(control, outputs, tile, lane, t, step, y, k, y_next, method.stages)
    if moved == LANES:
        put(y, y_next)
        if method.fsal:
            put(k[0], k[method.stages])
    elif moved > 0:
        take(work.accepted[tile], y, y_next)
        if method.fsal:
            take(work.accepted[tile], k[0], k[method.stages])
    return moved


@inlined
def note(lanes, record, work, tile):
    """Record where the step began and ends, as one that does not move."""
    n = record.filled[0]
    for lane in range(LANES):
        record.t[n, tile, 0, lane] = lanes.t[tile, lane]
        record.t[n, tile, 1, lane] = lanes.t_next[tile, lane]
        record.emitted[n, tile, lane] = lanes.emitted[tile, lane]
        record.h[n, tile, lane] = Real(0)


@inlined
def move_lane(method, control, lanes, outputs, work, tile, lane, y, k, y_next):
    """Accept or reject in one lane, and look at all that may happen then; return whether it moved."""
    work.accepted[tile, lane] = 0
    if lanes.status[tile, lane] != RUNNING:
        return 0
    lanes.counts[tile, EVALUATIONS, lane] += method.stages
    q = work.squares[tile, 0, lane]
    if work.lane_status[tile, lane] != 0:
        lanes.status[tile, lane] = FIELD_FAILED
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
    else:
        if t_next == end_of_grid_step(control, lanes, tile, lane):
            counts[GRID, lane] += 1
    lanes.last[tile, lane] = t_next - t
    lanes.t[tile, lane] = t_next
    if t_next == t1:
        lanes.status[tile, lane] = SUCCESS
    elif counts[ACCEPTED, lane] + counts[REJECTED, lane] >= control.max_steps:
        lanes.status[tile, lane] = MAX_STEPS


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
    span = abs(lanes.t1[tile, lane] - lanes.t0[tile, lane])
    size = abs(t) if abs(t) > Time(1e-3) * span else Time(1e-3) * span
    if abs(h) < Time(8.9e-16) * size:  # 4 ulp
        lanes.status[tile, lane] = STEP_TOO_SMALL if finite else NON_FINITE
    elif counts[ACCEPTED, lane] + counts[REJECTED, lane] >= control.max_steps:
        lanes.status[tile, lane] = MAX_STEPS


@kernel
def forget(record, n, tile, lane):
    """Clear what a step that failed has kept: the transpose multiplies it by 0, and 0 inf is NaN."""
    for e in range(record.z.shape[2]):
        for m in range(record.z.shape[3]):
            record.z[n, tile, e, m, lane] = Real(0)
        for m in range(record.cache.shape[3]):
            record.cache[n, tile, e, m, lane] = Real(0)
