"""The start of a solve: outputs at t0, the first slope, the first steps."""

from .._jit import apart, inlined, kernel
from ..controllers.step_size import ORDER, first_guess, first_step, scaled_squares
from ..field_abi import call_field
from ..status import DONE, FIELD_ERROR, FIELD_FAILED, NON_FINITE, RUNNING, SUCCESS
from ..steppers.explicit_rk import stage_time
from ..tile import LANES, Real, Time, combine
from .record import slot_of
from .reductions import begin_reductions

EVALUATIONS, ACCEPTED, REJECTED, GRID = range(4)  # rows of Lanes.counts


@inlined
def start(field, method, control, lanes, outputs, head, record, work, theta):
    """Write the outputs at t0, evaluate the first slope, and choose the first steps, in the lanes that are fresh."""
    tiles, dim = lanes.y.shape[0], lanes.y.shape[1]
    failed, automatic = 0, False
    for tile in range(tiles):
        for lane in range(LANES):  # for all trajectories, or for none
            unknown = fresh(lanes, tile, lane) and lanes.h[tile, lane] == Time(0)
            automatic = automatic or (unknown and control.adaptive != 0)
    for tile in range(tiles):
        for m in range(dim):
            for lane in range(LANES):
                head.y[tile, m, lane] = lanes.y[tile, m, lane]
        for lane in range(LANES):
            head.t[tile, lane] = Real(lanes.t[tile, lane])
            work.lane_status[tile, lane] = 0
            if fresh(lanes, tile, lane) and lanes.status[tile, lane] == RUNNING:
                begin_reductions(control, lanes, outputs, tile, lane)
                emit_start(lanes, outputs, tile, lane)
        if method.fsal or automatic:
            failed |= evaluate_start(field, control, lanes, head, work, theta, tile)
    if automatic and failed == 0:
        failed |= choose_steps(field, method, control, lanes, record, work, theta)
    return FIELD_ERROR if failed else DONE


@inlined
def fresh(lanes, tile, lane):
    """Return whether the lane's trajectory is new: its field has not been evaluated."""
    return lanes.counts[tile, EVALUATIONS, lane] == 0


@inlined
def emit_start(lanes, outputs, tile, lane):
    """Write the outputs asked for at t0; a span of length zero ends here."""
    i = 0
    while i < outputs.times.shape[1] and outputs.times[tile, i, lane] == lanes.t0[tile, lane]:
        for m in range(lanes.y.shape[1]):
            outputs.ys[tile, i, m, lane] = lanes.y[tile, m, lane]
        i += 1
    lanes.emitted[tile, lane] = i
    lanes.due[tile, lane] = next_due(lanes, outputs, tile, lane)
    if lanes.t0[tile, lane] == lanes.t1[tile, lane]:
        lanes.status[tile, lane] = SUCCESS


@inlined
def next_due(lanes, outputs, tile, lane):
    """Return the lane's next output time, t1 if there is none."""
    i = lanes.emitted[tile, lane]
    return outputs.times[tile, i, lane] if i < outputs.times.shape[1] else lanes.t1[tile, lane]


@inlined
def evaluate_start(field, control, lanes, head, work, theta, tile):
    """Evaluate k_0 at t0, and stop the lanes where it is not finite.

    Trajectories whose first step is yet to be chosen count as fresh until it is.
    """
    k0, new, lane_status = lanes.k[tile, 0], lanes.k[tile, 1], work.lane_status[tile]
    t, y, cache = head.t[tile], head.y[tile], head.cache[tile]
    failed = call_field(field, t, y, theta, cache, new, lane_status)
    for lane in range(LANES):
        if not fresh(lanes, tile, lane):
            continue
        zero = Real(0)
        for m in range(k0.shape[0]):
            k0[m, lane] = new[m, lane]
            zero += Real(0) * k0[m, lane] + Real(0) * y[m, lane]
        if lanes.status[tile, lane] == RUNNING:
            if lane_status[lane] != 0:
                lanes.status[tile, lane] = FIELD_FAILED
            elif zero != Real(0):
                lanes.status[tile, lane] = NON_FINITE
            known = control.adaptive == 0 or lanes.h[tile, lane] != Time(0)
            if known or lanes.status[tile, lane] != RUNNING:
                lanes.counts[tile, EVALUATIONS, lane] = 1
        if zero != Real(0):
            forget_start(head, tile, lane)
    return failed


@inlined
def forget_start(head, tile, lane):
    """Clear what a first evaluation that failed has kept, as `forget` does for a step."""
    for m in range(head.y.shape[1]):
        head.y[tile, m, lane] = Real(0)
    for m in range(head.cache.shape[1]):
        head.cache[tile, m, lane] = Real(0)


@inlined
def choose_steps(field, method, control, lanes, record, work, theta):
    """Choose the first steps as Hairer does, from one more evaluation."""
    tiles, dim = lanes.y.shape[0], lanes.y.shape[1]
    n = slot_of(record)  # there is room in the record
    one = method.c[method.stages :]  # c_S = 1
    d0, d1, d2 = 0, 1, 2
    failed = 0
    for tile in range(tiles):
        rtol, atol, y = lanes.rtol[tile], lanes.atol[tile], lanes.y[tile]
        scaled_squares(work.squares[tile, d0], y, y, rtol, atol)
        scaled_squares(work.squares[tile, d1], lanes.k[tile, 0], y, rtol, atol)
    to_means(work.squares, d0, dim, control)
    to_means(work.squares, d1, dim, control)
    for tile in range(tiles):
        k, y, h = lanes.k[tile], lanes.y[tile], work.h[tile]
        for lane in range(LANES):
            h[lane] = Real(0)
            work.time[0, lane] = Real(lanes.t[tile, lane])
            if fresh(lanes, tile, lane):
                q0, q1 = work.squares[tile, d0, lane], work.squares[tile, d1, lane]
                span = lanes.t1[tile, lane] - lanes.t0[tile, lane]
                h[lane] = Real(signed(Time(first_guess(q0, q1)), span))
        combine(work.y_next[tile], y, h, one, k, 1)
        stage_time(work.time[1], work.time[0], one[0], h)
        failed |= call_field(
            field, work.time[1], work.y_next[tile], theta, record.cache[n, tile, 0], k[1],
            work.lane_status[tile],
        )  # fmt: skip
        for m in range(dim):
            for lane in range(LANES):
                k[1, m, lane] -= k[0, m, lane]
        scaled_squares(work.squares[tile, d2], k[1], y, lanes.rtol[tile], lanes.atol[tile])
    to_means(work.squares, d2, dim, control)
    for tile in range(tiles):
        for lane in range(LANES):
            if not fresh(lanes, tile, lane):
                continue
            h = abs(work.h[tile, lane])
            change = work.squares[tile, d2, lane] / (h * h)
            chosen = first_step(h, work.squares[tile, d1, lane], change, control.numbers[ORDER])
            span = lanes.t1[tile, lane] - lanes.t0[tile, lane]
            # A span that the state's dtype takes for 0 is one step.
            lanes.h[tile, lane] = signed(Time(chosen), span) if chosen > Real(0) else span
            if lanes.status[tile, lane] == RUNNING:
                lanes.counts[tile, EVALUATIONS, lane] = 2
    return failed


@kernel
def signed(h, span):
    """Return a step of length h in the direction of `span`, and no longer than it."""
    if span < Time(0):
        return -h if h < -span else span
    return h if h < span else span


@apart
def divide(x, c):
    """X /= c."""
    for lane in range(len(x)):
        x[lane] /= c


@kernel
def to_means(squares, which, dim, control):
    """Turn sums of squares over m into means, over m alone or, if coupled, over all trajectories."""
    if not control.coupled:
        for tile in range(squares.shape[0]):
            divide(squares[tile, which], Real(dim))
        return
    total, left = Real(0), control.n_trajectories
    for tile in range(squares.shape[0]):
        for lane in range(min(LANES, left)):
            total += squares[tile, which, lane]
        left -= LANES
    total /= Real(dim * control.n_trajectories)
    for tile in range(squares.shape[0]):
        for lane in range(LANES):
            squares[tile, which, lane] = total
