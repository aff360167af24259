"""The loop over steps, for trajectories that step alone or in lockstep; resumable, all its state is arrays."""

import numpy as np

from .._jit import apart, inlined, kernel
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
from .start import ACCEPTED, EVALUATIONS, GRID, REJECTED, Time, next_due, to_means

PASSED, REFUSED, ODD = range(
    3
)  # fates of a lane's step: accepted or rejected, or more is to be said


@inlined
def integrate(field, method, control, lanes, outputs, record, work, theta, budget):
    """Take up to `budget` iterations, each of which tries one step in every lane that is still running."""
    running = 0
    for tile in range(lanes.y.shape[0]):
        running += count_running(lanes, tile)
    if running == 0:
        return DONE
    for _ in range(budget):
        n = record.filled[0]
        if n == record.t.shape[0]:
            return BUFFER_FULL
        for tile in range(lanes.y.shape[0]):
            if count_running(lanes, tile) > 0:
                aim(control, lanes, outputs, work, tile)
                if attempt(field, method, control, lanes, record, work, theta, tile) != 0:
                    return FIELD_ERROR
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
            return DONE
    return BUDGET_SPENT


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


@kernel
def force(forced, due):
    """Have steps end on the next output times, which no lane's t1 precedes."""
    for lane in range(LANES):
        forced[lane] = due[lane]


@kernel
def end_of_grid_step(control, lanes, tile, lane):
    """Return where the lane's next of n_steps equal steps ends."""
    t0, t1 = lanes.t0[tile, lane], lanes.t1[tile, lane]
    passed = lanes.counts[tile, GRID, lane] + 1
    return (
        t0 + (t1 - t0) * (Time(passed) / Time(control.n_steps)) if passed < control.n_steps else t1
    )


@apart
def aim_lanes(t_next, step, ends, t, t1, proposed, forced, status):
    """Set where each lane's step ends and its size: as proposed, or at a forced time that it would reach."""
    for lane in range(LANES):
        h, start, end = proposed[lane], t[lane], forced[lane]
        least = Time(8.9e-16) * abs(start)  # 4 ulp: a shorter step would move y and not t
        least = least if t1[lane] > start else -least
        h = least if abs(h) < abs(least) else h
        free = abs(h) * Time(1.01) < abs(end - start)
        end = start + h if free else end
        end = end if status[lane] == RUNNING else start
        t_next[lane] = end
        step[lane] = Real(end - start)
        ends[lane] = 0 if free else 1


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


@apart
def spoil(squares, z):
    """squares = NaN in the lanes where z is not finite."""
    for m in range(z.shape[0]):
        for lane in range(len(squares)):
            squares[lane] += Real(0) * abs(z[m, lane])


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


@apart
def find_plain(fate, q, t, t_next, due, accepted, rejected, status, lane_status, max_steps, least):
    """Set the fate of each lane; return of how many it is plain, and of these how many are rejected.

    The others reach a forced time, or fail, or have ended: `move_lane` looks closer.
    """
    n = shorter = 0
    for lane in range(LANES):
        square, start, size = q[lane], t[lane], abs(t_next[lane] - t[lane])
        left, code, failed = abs(due[lane] - start), status[lane], lane_status[lane]
        tried = accepted[lane] + rejected[lane] + 1
        small = Time(least) * size <= Time(1e-12) * (
            abs(start) + left
        )  # so that no step is too small
        fine = (tried < max_steps) & (code == RUNNING) & (failed == 0) & (square < Real(np.inf))
        passed = fine & (square <= Real(1)) & (left > size)
        refused = fine & (square > Real(1)) & (not small)
        fate[lane] = PASSED if passed else (REFUSED if refused else ODD)
        n += 1 if passed | refused else 0
        shorter += 1 if refused else 0
    return n, shorter


@apart
def reject_lanes(h, rejected, evaluations, f, t, t_next, fate, stages):
    """Propose shorter steps in the lanes whose steps are plainly rejected."""
    for lane in range(LANES):
        refused, before, shorter = fate[lane] == REFUSED, h[lane], Time(f[lane])
        h[lane] = shorter * (t_next[lane] - t[lane]) if refused else before
        rejected[lane] += 1 if refused else 0
        evaluations[lane] += stages if refused else 0


@apart
def accept_lanes(
    t,
    h,
    last,
    ratio,
    ratio_before,
    steps,
    evaluations,
    accepted,
    q,
    f,
    t_next,
    ends,
    fate,
    largest,
    stages,
):
    """Move the lanes whose steps are plainly accepted, and propose the next."""
    for lane in range(LANES):  # everything is read first, so that nothing is read on condition
        passed = fate[lane] == PASSED
        start, end, before, factor, square = t[lane], t_next[lane], h[lane], f[lane], q[lane]
        earlier, earliest, longest = ratio[lane], ratio_before[lane], last[lane]
        step = end - start
        proposed = propose(factor, step, before, ends[lane], largest)
        floor = square if square > Real(1e-8) else Real(1e-8)
        h[lane] = proposed if passed else before
        last[lane] = step if passed else longest
        t[lane] = end if passed else start
        ratio_before[lane] = earlier if passed else earliest
        ratio[lane] = floor if passed else earlier
        steps[lane] += 1 if passed else 0
        evaluations[lane] += stages if passed else 0
        accepted[lane] = 1 if passed else 0


@inlined
def propose(f, step, before, ended, largest):
    """Return the next step: one cut short at a forced time says nothing against the longer one it cut."""
    h = Time(f) * step
    return before if (ended == 1) & (f == largest) & (abs(h) < abs(before)) else h


@kernel
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


@kernel
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


@kernel
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


@kernel
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
