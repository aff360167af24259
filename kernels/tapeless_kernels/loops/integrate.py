"""The loop over steps, for trajectories that step alone or in lockstep; resumable, all its state is arrays."""

import numpy as np

from .._jit import inlined, kernel
from ..buffers import KEPT, MEASURES_TOO, REVERSIBLE_TOO, RUNGE_KUTTA
from ..controllers.step_size import LARGEST, LEAST, factors, factors_after_rejection
from ..status import BUDGET_SPENT, BUFFER_FULL, DONE, FIELD_ERROR, RUNNING
from ..steppers.estimates import KK, M0, measure_pair, steadied
from ..steppers.reversible import take_step
from ..tile import LANES, Real, Time, error_squares, put, take
from .lane import end_of_grid_step, move_lane
from .lanes import ODD, accept_lanes, aim_lanes, find_plain, reject_lanes, spoil, spoil_by_slopes
from .log import log_is_full, log_nothing, log_start, log_step
from .record import forget, note, note_slopes, note_times, rest, slot_of
from .reductions import reduce_step, reduces
from .reversal import keep_drift, watch
from .start import ACCEPTED, EVALUATIONS, REJECTED, to_means

LANES_FREE = -1  # the code of a call that ends for idle lanes to take up other trajectories


@inlined
def integrate(field, method, control, lanes, outputs, record, work, theta, budget):
    """Take up to `budget` iterations, each of which tries one step in every lane that is still running."""
    return iterate(field, method, control, lanes, outputs, record, work, theta, budget, 0, 0)[0]


@inlined
def iterate(field, method, control, lanes, outputs, record, work, theta, budget, patience, idled):
    """Do as `integrate`; return its code, what is left of the budget, and the steps for which lanes have idled.

    With `patience`, idle lanes are to be given other trajectories: it comes to an end when they have idled for
    so many steps, `idled` of them before.
    """
    running = 0
    for tile in range(lanes.y.shape[0]):
        running += count_running(lanes, tile)
    if running == 0:
        return DONE, budget, idled
    for left in range(budget, 0, -1):
        if record.filled[0] == record.t.shape[0] or log_is_full(control, outputs):
            return BUFFER_FULL, left, idled
        for tile in range(lanes.y.shape[0]):
            if count_running(lanes, tile) > 0:
                aim(control, lanes, outputs, work, tile)
                failed = attempt(field, method, control, lanes, outputs, record, work, theta, tile)
                if failed != 0:
                    return FIELD_ERROR, left, idled
        if control.coupled:
            share_failure(lanes, work)
        to_means(work.squares, 0, lanes.y.shape[1], control)
        if method.n_errors == 2:
            to_means(work.squares, 1, lanes.y.shape[1], control)
            steady(work.squares)
        if MEASURES_TOO and control.measure:
            for row in range(KK, M0 + method.n_errors):
                to_means(work.squares, row, lanes.y.shape[1], control)
        moved = running = 0
        for tile in range(lanes.y.shape[0]):
            if count_running(lanes, tile) > 0:
                moved += advance(method, control, lanes, outputs, record, work, tile)
                running += count_running(lanes, tile)
            else:
                rest(lanes, record, tile)
                if MEASURES_TOO and control.measure:
                    log_nothing(outputs, tile)
        if record.keep and moved > 0:
            record.filled[0] += 1
        if MEASURES_TOO and control.measure and moved > 0:
            outputs.log.filled[0] += 1
        if running == 0:
            return DONE, left - 1, idled
        idled += LANES * lanes.y.shape[0] - running
        if 0 < patience <= idled:
            return LANES_FREE, left - 1, idled
    return BUDGET_SPENT, 0, idled


@inlined
def count_running(lanes, tile):
    """Return the number of a tile's trajectories that have not ended."""
    n = 0
    for lane in range(LANES):
        n += 1 if lanes.status[tile, lane] == RUNNING else 0
    return n


@inlined
def aim(control, lanes, outputs, work, tile):
    """Decide where each lane's next step ends: no step passes a forced time."""
    forced = lanes.t1[tile] if control.interpolate else lanes.due[tile]
    if not control.adaptive:
        force_to_grid(control, lanes, forced, tile)
        forced = lanes.forced[tile]
    aim_lanes(
        work.time[0], lanes.t_next[tile], work.h[tile], work.ends[tile], lanes.t[tile], lanes.t1[tile],
        lanes.h[tile], forced, lanes.status[tile],
    )  # fmt: skip


@inlined
def force_to_grid(control, lanes, forced, tile):
    """Have each lane's step end where the next of n_steps equal ones does, or at a forced time before."""
    for lane in range(LANES):
        t, grid = lanes.t[tile, lane], end_of_grid_step(control, lanes, tile, lane)
        lanes.forced[tile, lane] = grid if abs(grid - t) < abs(forced[lane] - t) else forced[lane]
        lanes.h[tile, lane] = Time(np.inf)  # longer than any: the step ends there


@inlined
def attempt(field, method, control, lanes, outputs, record, work, theta, tile):
    """Try one step in a tile, and measure its error in work.squares."""
    n = slot_of(record)
    h, y, k = work.h[tile], lanes.y[tile], lanes.k[tile]
    slots = (record.z[n, tile], record.cache[n, tile])
    scratch = (work.time, work.lane_status[tile], work.back)
    for lane in range(LANES):
        work.lane_status[tile, lane] = 0
    nexts = (work.y_next[tile], work.z_next[tile])
    failed = take_step(field, method, h, (y, lanes.z[tile]), theta, k, slots, scratch, nexts)
    reversible = REVERSIBLE_TOO and method.kind != RUNGE_KUTTA
    in_record = method.fsal and not reversible
    z = record.z[n, tile, record.z.shape[2] - 1] if in_record else work.y_next[tile]
    squares = work.squares[tile, 0]
    if control.adaptive or (MEASURES_TOO and control.measure):
        weights = method.stages + (1 if reversible else method.fsal)
        rtol, atol = lanes.rtol[tile], lanes.atol[tile]
        for i in range(method.n_errors):
            error_squares(work.squares[tile, i], h, method.error[i], k, weights, y, z, rtol, atol)
    if MEASURES_TOO and control.measure:
        put(work.squares[tile, M0 : M0 + method.n_errors], work.squares[tile])
        measure_pair(work.squares[tile], method, h, k, y)
    if not control.adaptive:
        for lane in range(LANES):
            squares[lane] = Real(0)
        spoil(squares, z)
        if control.interpolate or reduces(outputs):
            spoil_by_slopes(squares, h, k[0])
            spoil_by_slopes(squares, h, k[method.stages])
    note_slopes(record, n, tile, y, k)
    for i in range(record.z.shape[2]):  # a saturated activation hides what its input has become
        spoil(squares, record.z[n, tile, i])
    if reversible:
        watch(method, control, lanes, work, tile, z)
        if MEASURES_TOO and control.measure and control.adaptive:  # by what the step is accepted
            put(work.squares[tile, M0 : M0 + 1], work.squares[tile])
    return failed


@kernel
def steady(squares):
    """Turn the mean squares of the two error estimates into that of the error."""
    for tile in range(squares.shape[0]):
        for lane in range(LANES):
            squares[tile, 0, lane] = steadied(squares[tile, 0, lane], squares[tile, 1, lane])


@kernel
def share_failure(lanes, work):
    """In lockstep a field's failure in one lane stops all."""
    failed = 0
    for tile in range(lanes.status.shape[0]):
        for lane in range(LANES):
            code = work.lane_status[tile, lane] if lanes.status[tile, lane] == RUNNING else 0
            failed = code if code != 0 and (failed == 0 or code < failed) else failed
    if failed != 0:
        for tile in range(lanes.status.shape[0]):
            for lane in range(LANES):
                work.lane_status[tile, lane] = failed


@inlined
def advance(method, control, lanes, outputs, record, work, tile):
    """Accept or reject in each lane, write outputs, size the next steps; return the lanes that moved."""
    n = slot_of(record)
    y, k, evaluations = lanes.y[tile], lanes.k[tile], method.stages * method.halves
    reversible = REVERSIBLE_TOO and method.kind != RUNGE_KUTTA
    in_record = method.fsal and not reversible
    y_next = record.z[n, tile, record.z.shape[2] - 1] if in_record else work.y_next[tile]
    if record.keep == KEPT:
        note(lanes, record, work, tile)
    elif reversible:
        note_times(lanes, record, tile)
    if MEASURES_TOO and control.measure:
        log_start(outputs, lanes, tile)
    moved, plain = 0, 0
    if control.adaptive:
        q, f, ratios = work.squares[tile, 0], work.squares[tile, 1], lanes.ratios[tile]
        factors(f, work.squares[tile, 2], control.numbers, q, ratios[0], ratios[1])
        plain, rejected = find_plain(
            work.fate[tile], q, lanes.t[tile], lanes.t_next[tile], lanes.due[tile],
            lanes.counts[tile, ACCEPTED], lanes.counts[tile, REJECTED], lanes.status[tile],
            work.lane_status[tile], lanes.t0[tile], lanes.t1[tile], control.max_steps, control.numbers[LEAST],
        )  # fmt: skip
        moved = plain - rejected
        if rejected > 0:
            shorter = work.squares[tile, 2]
            factors_after_rejection(shorter, control.numbers, q)
            reject_lanes(
                lanes.h[tile], lanes.counts[tile, REJECTED], lanes.counts[tile, EVALUATIONS], shorter,
                lanes.t[tile], lanes.t_next[tile], work.fate[tile], evaluations,
            )  # fmt: skip
        accept_lanes(
            lanes.t[tile], lanes.h[tile], lanes.last[tile], ratios[0], ratios[1],
            lanes.counts[tile, ACCEPTED], lanes.counts[tile, EVALUATIONS], work.accepted[tile], q, f,
            lanes.t_next[tile], work.ends[tile], work.fate[tile], control.numbers[LARGEST], evaluations,
        )  # fmt: skip
    if plain < LANES:
        for lane in range(LANES):
            if not control.adaptive or work.fate[tile, lane] == ODD:
                moved += move_lane(method, control, lanes, outputs, work, tile, lane, y, k, y_next)
    if record.keep == KEPT:
        for lane in range(LANES):
            if work.accepted[tile, lane] == 1:
                record.h[n, tile, lane] = work.h[tile, lane]
            elif not work.squares[tile, 0, lane] < Real(np.inf):
                forget(record, y, n, tile, lane)
    if MEASURES_TOO and control.measure:
        log_step(method, control, outputs, lanes, work, tile)
    if reduces(outputs):
        for lane in range(LANES):
            if work.accepted[tile, lane] == 1:
                step = lanes.last[tile, lane]
                t = lanes.t_next[tile, lane] - step
                reduce_step(control, outputs, tile, lane, t, step, y, k, y_next, method.stages)
    if reversible and moved > 0:
        keep_drift(lanes.drift[tile], work.drift[tile], work.accepted[tile])
        take(work.accepted[tile], lanes.z[tile], work.z_next[tile])
    if moved == LANES:
        put(y, y_next)
        if method.fsal:
            put(k[0], k[method.stages])
    elif moved > 0:
        take(work.accepted[tile], y, y_next)
        if method.fsal:
            take(work.accepted[tile], k[0], k[method.stages])
    return moved
