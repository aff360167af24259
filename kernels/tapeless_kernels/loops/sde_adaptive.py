"""The loop over steps of lanes that choose their size, on nested grids: what was rejected is stepped to later.

Convergence needs that (Foster (2023), arXiv 2311.14201): a time at which the path was looked at may not be passed
over. Rejected times lie on a stack. A step goes to the nearest forced time, the top of the stack among them, or at
most half the way, so that the stack is no deeper than the path.
"""

import numpy as np

from .._jit import copied, inlined, separate
from ..controllers.step_size import factor, factor_after_rejection
from ..drivers.noise import lane_noise
from ..status import (
    BELOW_RESOLUTION,
    BUDGET_SPENT,
    BUFFER_FULL,
    DONE,
    FIELD_ERROR,
    MAX_STEPS,
    NON_FINITE,
    RUNNING,
    SUCCESS,
)
from ..steppers.stochastic import step
from ..tile import LANES, Real, error_squares, take

ONE = np.int64(1)
TRIED, REJECTED = range(2)  # rows of Steps.counts
T, SIZE = range(2)  # rows of Steps.times


@copied
def go_adaptive(equation, method, steps, noise, paths, state, record, work, theta, ys, budget):
    """Take up to `budget` iterations, each of which tries one step in every lane that is still running."""
    for _ in range(budget):
        running = 0
        for tile in range(state.y.shape[0]):
            if state.running[tile] == 0:
                continue
            if is_full(steps, tile):
                return BUFFER_FULL
            propose(steps, noise, paths, state, work, tile)
            slots = (record.z[0, tile], record.drift[0, tile], record.diffusion[0, tile])
            of_tile = theta[tile if equation.own else 0]
            failed = step(
                equation, method, work.h[tile], state.y[tile], of_tile, noise.values[tile], slots, work
            )  # fmt: skip
            if failed != 0:
                return FIELD_ERROR
            measure(steps, state, work, tile)
            judge(steps, state, work, ys, tile)
            take(work.moved, state.y[tile], work.y_next)
            for lane in range(LANES):
                if work.moved[lane] == 1:
                    arrive(steps, state, ys, tile, lane)
            running += state.running[tile]
        if running == 0:
            return DONE
    return BUDGET_SPENT


@separate
def is_full(steps, tile):
    """Return whether a lane has no room for the time of one more step."""
    for lane in range(LANES):
        if steps.lengths[tile, lane] + 1 >= steps.accepted.shape[0]:
            return True
    return False


@copied
def propose(steps, noise, paths, state, work, tile):
    """Decide where each lane's next step ends, and ask its path."""
    for lane in range(LANES):
        work.moved[lane], work.lane_status[lane], work.h[tile, lane] = 0, 0, Real(0)
        t, h = steps.times[T, tile, lane], steps.times[SIZE, tile, lane]
        work.time[0, lane] = Real(t)
        if state.status[tile, lane] != RUNNING:
            continue
        work.moved[lane] = 1
        forced = next_forced(steps, state, tile, lane)
        room = forced - t
        t_next = forced if h >= 0.99 * room else t + (0.5 * room if h > 0.5 * room else h)
        steps.next[tile, lane] = t_next
        work.h[tile, lane] = Real(t_next - t)
        lane_noise(noise, paths, tile, lane, t, t_next)


@inlined
def next_forced(steps, state, tile, lane):
    """Return the nearest time that no step may pass: an output, a rejected time, or the end."""
    forced, at, deep = steps.span[1], state.emitted[tile, lane], steps.depth[tile, lane]
    if at < steps.outputs.shape[0]:
        forced = steps.outputs[at]
    if deep > 0 and steps.stack[deep - 1, tile, lane] < forced:
        forced = steps.stack[deep - 1, tile, lane]
    return forced


@copied
def measure(steps, state, work, tile):
    """Set work.finite to the mean square of the error over what is allowed; NaN where a state is not finite."""
    ones, squares, dim = steps.ones, work.finite, state.y.shape[1]
    y, y_next = state.y[tile], work.y_next
    error_squares(squares, ones[1], ones[0], work.error, ONE, y, y_next, steps.rtol, steps.atol)
    for lane in range(LANES):
        squares[lane] = squares[lane] / Real(dim)


@copied
def judge(steps, state, work, ys, tile):
    """Accept or reject the step of each lane, and size the next; work.moved is 1 where one is accepted."""
    for lane in range(LANES):
        if work.moved[lane] == 0:
            continue
        q, t, t_next = work.finite[lane], steps.times[T, tile, lane], steps.next[tile, lane]
        h = t_next - t
        steps.counts[TRIED, tile, lane] += 1
        if work.lane_status[lane] != 0:
            stop(steps, state, work, tile, lane, work.lane_status[lane])
        elif q <= Real(1):
            f = factor(steps.numbers, q, steps.ratios[0, tile, lane], steps.ratios[1, tile, lane])
            # A step that a forced time made short says nothing against the size that was proposed before.
            size = h * np.float64(f)
            before = steps.times[SIZE, tile, lane]
            steps.times[SIZE, tile, lane] = before if h < 0.99 * before and size < before else size
            steps.ratios[1, tile, lane] = steps.ratios[0, tile, lane]
            steps.ratios[0, tile, lane] = q
        else:
            work.moved[lane] = 0
            steps.counts[REJECTED, tile, lane] += 1
            deep = steps.depth[tile, lane]
            if deep == 0 or t_next < steps.stack[deep - 1, tile, lane]:
                steps.stack[deep, tile, lane] = t_next
                steps.depth[tile, lane] = deep + 1
            f = factor_after_rejection(steps.numbers, q)
            steps.times[SIZE, tile, lane] = h * np.float64(f)
            if h * np.float64(f) < steps.span[2]:
                finite = q < Real(np.inf)
                stop(steps, state, work, tile, lane, BELOW_RESOLUTION if finite else NON_FINITE)
        if (
            steps.counts[TRIED, tile, lane] >= steps.max_steps
            and state.status[tile, lane] == RUNNING
        ):
            arrives = work.moved[lane] == 1 and t_next == steps.span[1]
            if not arrives:
                work.moved[lane] = 0
                stop(steps, state, work, tile, lane, MAX_STEPS)


@inlined
def stop(steps, state, work, tile, lane, status):
    """End a lane that has failed."""
    state.status[tile, lane] = status
    state.steps[tile, lane] = steps.lengths[tile, lane]
    state.running[tile] -= 1
    work.moved[lane] = 0


@copied
def arrive(steps, state, ys, tile, lane):
    """Note an accepted step, leave the stack's top if it was gone to, and write the outputs that are due."""
    t, n = steps.next[tile, lane], steps.lengths[tile, lane] + 1
    steps.times[T, tile, lane], steps.lengths[tile, lane] = t, n
    steps.accepted[n, tile, lane] = t
    deep = steps.depth[tile, lane]
    if deep > 0 and steps.stack[deep - 1, tile, lane] == t:
        steps.depth[tile, lane] = deep - 1
    at = state.emitted[tile, lane]
    while at < ys.shape[1] and steps.outputs[at] == t:
        for m in range(ys.shape[2]):
            ys[tile, at, m, lane] = state.y[tile, m, lane]
        steps.due[at, tile, lane] = n
        at += 1
    state.emitted[tile, lane] = at
    if t == steps.span[1]:
        state.status[tile, lane] = SUCCESS
        state.running[tile] -= 1
