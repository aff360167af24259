"""The tangents of the loop: derivatives of the outputs along directions, step by step behind a record.

The grid is held as it was, relative to the times that steps must end on: between two of them, a < b, a step's end is
a + (b - a) s with s constant, so that tangents of a and b move it.
"""

import numpy as np

from .._jit import inlined
from ..field_abi import call_field
from ..interpolants.hermite import hermite, hermite_slope
from ..status import DONE, FIELD_ERROR
from ..steppers.explicit_rk import slopes_again, step_jvp
from ..tangent_abi import call_field_jvp
from ..tile import LANES, Real, Time, put, take

# Rows of QueueDots.times; typed, so that a call with any has one signature.
T0, T1, FIRST_OUTPUT = np.int64(0), np.int64(1), np.int64(2)


@inlined
def integrate_jvp(
    fields, method, interpolate, queue, queue_dots, dots, values, record, theta, span
):
    """Run the tangents behind the recorded iterations span[0] up to span[1] - 1."""
    field, tangent = fields
    moves, failed = values.y.shape[1] > 0, 0
    for n in range(span[0], span[1]):
        for tile in range(dots.y.shape[1]):
            moved, accepted = 0, dots.accepted[tile]
            for lane in range(LANES):
                accepted[lane] = 1 if record.h[n, tile, lane] != Real(0) else 0
                moved += accepted[lane]
                dots.time[0, lane] = Real(record.t[n, tile, 0, lane])
            if moved == 0:
                continue
            h, slots = record.h[n, tile], (record.z[n, tile], record.cache[n, tile])
            if moves:
                put(values.k[0], values.k0[tile])
                failed |= slopes_again(field, method, h, theta, slots, dots.time, values)
            for group in range(dots.y.shape[0]):
                y_dot, k0_dot = dots.y[group, tile], dots.k0[group, tile]
                if moves:
                    move_times(interpolate, queue, queue_dots, dots, record, n, tile, group)
                if method.fsal:
                    put(dots.k[0], k0_dot)
                failed |= step_jvp(
                    tangent, method, h, theta, slots, dots.time,
                    (y_dot, dots.z, dots.k, dots.t, dots.h), values, dots.theta[group],
                )  # fmt: skip
                emit_jvp(
                    method, interpolate, queue, queue_dots, dots, values, record, n, tile, group
                )
                take(accepted, y_dot, dots.z)
                if method.fsal:
                    take(accepted, k0_dot, dots.k[method.stages])
            if moves and method.fsal:
                take(accepted, values.y[tile], record.z[n, tile, method.stages - 1])
                take(accepted, values.k0[tile], values.k[method.stages])
            if failed != 0:
                return FIELD_ERROR
    return DONE


@inlined
def start_jvp(fields, method, queue, queue_dots, dots, values, head, theta):
    """Run the tangents of the evaluation before the first step, and of outputs at t0.

    That is for the lanes where dots.accepted is 1, which have taken up new trajectories.
    """
    field, tangent = fields
    moves, failed = values.y.shape[1] > 0, 0
    for tile in range(dots.y.shape[1]):
        t, y, cache, accepted = head.t[tile], head.y[tile], head.cache[tile], dots.accepted[tile]
        if moves and method.fsal:
            failed |= call_field(
                field, t, y, theta, values.cache, values.change, values.lane_status
            )
            take(accepted, values.y[tile], y)
            take(accepted, values.k0[tile], values.change)
        for group in range(dots.y.shape[0]):
            if method.fsal:
                n = len(dots.h) // LANES
                for j in range(n):
                    for lane in range(LANES):
                        i = max(dots.who[tile, lane], 0)
                        t_dot = time_dot(queue_dots, group * n + j, T0, i) if moves else Time(0)
                        dots.t[1, j * LANES + lane] = Real(t_dot)
                failed |= call_field_jvp(
                    tangent, t, y, theta, cache, dots.t[1], dots.y[group, tile], dots.theta[group],
                    dots.z,
                )  # fmt: skip
                take(accepted, dots.k0[group, tile], dots.z)
            emit_start_jvp(queue, queue_dots, dots, tile, group)
    return FIELD_ERROR if failed else DONE


@inlined
def time_dot(queue_dots, j, row, i):
    """Return a tangent of a time of trajectory i."""
    return queue_dots.times[j, row, 0 if queue_dots.times.shape[2] == 1 else i]


@inlined
def time_of(queue, row, i):
    """Return t0, t1 or an output time of trajectory i, by its row in QueueDots.times."""
    if row >= FIRST_OUTPUT:
        return queue.times[row - FIRST_OUTPUT, 0 if queue.times.shape[1] == 1 else i]
    return queue.numbers[row, 0 if queue.numbers.shape[1] == 1 else i]


@inlined
def forced_times(interpolate, queue, emitted, i):
    """Return the rows of the times that steps end on, around a step of trajectory i before which so many were written.

    Of times that are equal the first counts: there the steps from one to the next begin.
    """
    before, after = T0, T1
    if not interpolate:
        if emitted < queue.times.shape[0]:
            after = emitted + FIRST_OUTPUT
        row = emitted - 1 + FIRST_OUTPUT
        while row > FIRST_OUTPUT and time_of(queue, row - 1, i) == time_of(queue, row, i):
            row -= 1
        if row >= FIRST_OUTPUT and time_of(queue, row, i) != time_of(queue, before, i):
            before = row
    return before, after


@inlined
def move_times(interpolate, queue, queue_dots, dots, record, n, tile, group):
    """Set the tangents of the step's start and size, in the lanes that moved."""
    size = len(dots.h) // LANES
    for lane in range(LANES):
        start, step, i = Time(0), Time(0), dots.who[tile, lane]
        before, after = T0, T1
        if dots.accepted[tile, lane] == 1:
            t, t_next = record.t[n, tile, 0, lane], record.t[n, tile, 1, lane]
            before, after = forced_times(interpolate, queue, record.emitted[n, tile, lane], i)
            a, b = time_of(queue, before, i), time_of(queue, after, i)
            start, step = (t - a) / (b - a), (t_next - t) / (b - a)
        i = max(i, 0)
        for j in range(size):
            a_dot = time_dot(queue_dots, group * size + j, before, i)
            change = time_dot(queue_dots, group * size + j, after, i) - a_dot
            dots.t[0, j * LANES + lane] = Real(a_dot + start * change)
            dots.h[j * LANES + lane] = Real(step * change)


@inlined
def emit_start_jvp(queue, queue_dots, dots, tile, group):
    """Write the tangents of the outputs at t0, which are those of y0."""
    dim, size = queue_dots.ys.shape[3], len(dots.h) // LANES
    for lane in range(LANES):
        e, i = 0, dots.who[tile, lane]
        while (
            dots.accepted[tile, lane] == 1
            and e < queue.times.shape[0]
            and time_of(queue, e + FIRST_OUTPUT, i) == time_of(queue, T0, i)
        ):
            for j in range(size):
                x = group * size + j
                for m in range(dim):
                    queue_dots.ys[x, i, e, m] = dots.y[group, tile, j * dim + m, lane]
            e += 1


@inlined
def emit_jvp(method, interpolate, queue, queue_dots, dots, values, record, n, tile, group):
    """Write the tangents of the outputs of iteration n, in the lanes that moved."""
    for lane in range(LANES):
        if dots.accepted[tile, lane] == 1:
            i, e = dots.who[tile, lane], record.emitted[n, tile, lane]
            t, t_next = record.t[n, tile, 0, lane], record.t[n, tile, 1, lane]
            if interpolate and values.y.shape[1] > 0 and t == time_of(queue, T0, i):
                move_start_jvp(queue_dots, dots, values, lane, i, e, group)
            while e < queue.times.shape[0]:
                time = time_of(queue, e + FIRST_OUTPUT, i)
                if time != t_next and not abs(time - t) < abs(t_next - t):
                    break
                s = Real((time - t) / (t_next - t)) if time != t_next else Real(1)
                places = (n, tile, group, lane, e)
                write_output_jvp(
                    method, interpolate, queue_dots, dots, values, record, places, s, time == t_next
                )
                e += 1


@inlined
def move_start_jvp(queue_dots, dots, values, lane, i, n_written, group):
    """Add to the tangents of interpolated outputs at t0, where the first step begins, those of their times."""
    size = len(dots.h) // LANES
    for j in range(size):
        x = group * size + j
        for e in range(n_written):
            later = time_dot(queue_dots, x, e + FIRST_OUTPUT, i) - time_dot(queue_dots, x, T0, i)
            for m in range(queue_dots.ys.shape[3]):
                queue_dots.ys[x, i, e, m] += Real(later) * values.k[0, m, lane]


@inlined
def write_output_jvp(method, interpolate, queue_dots, dots, values, record, places, s, at_end):
    """Write the tangents of one output, at the fraction s of a step."""
    n, tile, group, lane, e = places
    dim, size, last = queue_dots.ys.shape[3], len(dots.h) // LANES, method.stages
    h, i, point = record.h[n, tile, lane], dots.who[tile, lane], dots.point
    y_dot, k0_dot, k1_dot = dots.y[group, tile], dots.k[0], dots.k[last]
    for j in range(size):
        x, rows = group * size + j, (j * dim, (j + 1) * dim)
        if at_end:
            for m in range(dim):
                point[m, lane] = dots.z[j * dim + m, lane]
        else:
            hermite(
                point, s, h, lane, y_dot[rows[0] : rows[1]], k0_dot[rows[0] : rows[1]],
                dots.z[rows[0] : rows[1]], k1_dot[rows[0] : rows[1]],
            )  # fmt: skip
        if interpolate and values.y.shape[1] > 0:
            t_dot, h_dot = dots.t[0, j * LANES + lane], dots.h[j * LANES + lane]
            later = Real(time_dot(queue_dots, x, e + FIRST_OUTPUT, i)) - t_dot
            s_dot, k, z = (later - s * h_dot) / h, values.k, record.z[n, tile, last - 1]
            for m in range(dim):
                slope, by_h = hermite_slope(m, s, h, lane, values.y[tile], k[0], z, k[last])
                point[m, lane] += s_dot * slope + h_dot * by_h
        for m in range(dim):
            queue_dots.ys[x, i, e, m] = point[m, lane]


@inlined
def take_up_jvp(queue, queue_dots, turns, dots, head, theta, tile, lane, i):
    """Set a lane to the start of trajectory i; `start_jvp` does the rest."""
    groups, dim = dots.y.shape[0], queue_dots.ys.shape[3]
    size, n_params = len(dots.h) // LANES, queue.theta.shape[1]
    dots.who[tile, lane], dots.accepted[tile, lane] = i, 1
    head.t[tile, lane] = turns.t[i]
    for m in range(dim):
        head.y[tile, m, lane] = turns.y[i, m]
    for m in range(head.cache.shape[1]):
        head.cache[tile, m, lane] = turns.cache[i, m]
    for m in range(n_params):
        theta[m * LANES + lane] = queue.theta[i, m]
    for x in range(queue_dots.ys.shape[0]):
        group, j = x // size, x % size
        for m in range(dim):
            dots.y[group, tile, j * dim + m, lane] = (
                queue_dots.y0[x, i, m] if queue_dots.y0.shape[0] > 0 else Real(0)
            )
        if dots.theta.shape[1] > 0:
            for m in range(queue_dots.theta.shape[2]):
                dots.theta[group, (j * n_params + m) * LANES + lane] = queue_dots.theta[x, i, m]
    for group in range(groups):
        for m in range(size * dim, dots.y.shape[2]):
            dots.y[group, tile, m, lane] = Real(0)
