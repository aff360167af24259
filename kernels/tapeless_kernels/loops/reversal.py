"""What the loop does for reversible methods: it watches their two states, keeps times, and takes steps back."""

from .._jit import apart, inlined
from ..buffers import PAIRED
from ..ieee import fma
from ..status import DONE, FIELD_ERROR
from ..steppers.reversible import take_step_back
from ..tile import LANES, Real, Time, take
from .lanes import APART, spoil
from .record import forget

DISTANCE, SIZE, RECONSTRUCTION = range(3)  # rows of Lanes.drift, and columns of Queue.reversal
# So far, in sizes of the largest state, y may be from z.
FARTHEST = 0.5
# The error of a y0 that was made again is relative to the size of y0, or this part of the largest state if more.
PART = 1e-3


@inlined
def begin_drift(drift, y, lane):
    """Begin with the state at t0, which y and z share."""
    size = Real(0)
    for m in range(y.shape[0]):
        x = abs(y[m, lane])
        size = x if x > size else size
    drift[DISTANCE, lane], drift[SIZE, lane] = Real(0), size


@inlined
def watch(method, control, lanes, work, tile, y_next):
    """Measure how far y_next and z_next are from each other, and mark the lanes where that is too far."""
    drift, z_next, largest = work.drift[tile], work.z_next[tile], lanes.drift[tile]
    measure(drift, y_next, z_next)
    if control.adaptive and method.kind == PAIRED:
        add_asymmetry(
            work.squares[tile, 0], lanes.y[tile], lanes.z[tile], y_next, z_next, method.coupling[0],
            lanes.rtol[tile], lanes.atol[tile],
        )  # fmt: skip
    else:
        spoil(work.squares[tile, 0], z_next)
    for lane in range(LANES):
        before, now = largest[SIZE, lane], drift[SIZE, lane]
        bound = Real(FARTHEST) * (before if before > now else now)
        if work.lane_status[tile, lane] != 0:
            work.lane_status[tile, lane] = 1  # the field's failure, whatever it called it
        elif drift[DISTANCE, lane] > bound:
            work.lane_status[tile, lane] = APART


@apart
def add_asymmetry(squares, y, z, y_next, z_next, coupling, rtol, atol):
    """Add to the squares of the error ratios those of what a step of a pair makes y and z differ by.

    The increments there and back, from z and from y_next, cancel but for their errors: that of the way back counts
    too, which in a field that grows can be the larger by far.
    """
    for m in range(y.shape[0]):
        for lane in range(len(squares)):
            a, b = abs(y[m, lane]), abs(y_next[m, lane])
            scale = fma(rtol[lane], a if a > b else b, atol[lane])
            before = coupling * (y[m, lane] - z[m, lane])
            ratio = abs(y_next[m, lane] - z_next[m, lane] - before) / scale
            squares[lane] = fma(ratio, ratio, squares[lane])


@apart
def measure(drift, y, z):
    """Set the rows of drift to the largest |y - z| and the largest |y| of each lane."""
    for lane in range(drift.shape[1]):
        drift[DISTANCE, lane] = drift[SIZE, lane] = Real(0)
    for m in range(y.shape[0]):
        for lane in range(drift.shape[1]):
            x, size, far = abs(y[m, lane]), drift[SIZE, lane], drift[DISTANCE, lane]
            distance = abs(y[m, lane] - z[m, lane])
            drift[SIZE, lane] = x if x > size else size
            drift[DISTANCE, lane] = distance if distance > far else far


@apart
def keep_drift(largest, drift, accepted):
    """Take up the distances and sizes of the lanes that moved into the largest."""
    for m in range(drift.shape[0]):
        for lane in range(len(accepted)):
            old, new = largest[m, lane], drift[m, lane]
            largest[m, lane] = new if (accepted[lane] == 1) & (new > old) else old


@inlined
def keep_end(turns, lanes, tile, lane, i):
    """Keep where trajectory i has ended, to go back from there."""
    turns.reached[i] = lanes.t[tile, lane]
    if turns.ends.shape[1] > 0:
        for m in range(turns.ends.shape[2]):
            turns.ends[i, 0, m] = lanes.y[tile, m, lane]
            turns.ends[i, 1, m] = lanes.z[tile, m, lane]
            turns.ends[i, 2, m] = lanes.k[tile, 0, m, lane]


@inlined
def go_to_end(turns, lanes, tile, lane, i):
    """Set a lane to where trajectory i has ended."""
    lanes.t[tile, lane] = turns.reached[i]
    for m in range(turns.ends.shape[2]):
        lanes.y[tile, m, lane] = turns.ends[i, 0, m]
        lanes.z[tile, m, lane] = turns.ends[i, 1, m]
        lanes.k[tile, 0, m, lane] = turns.ends[i, 2, m]


@inlined
def take_iteration_back(field, method, outputs, lanes, record, work, theta, emitted, n):
    """Take back the steps of iteration n, and make their record in slot 0; `emitted` are the outputs up to its end."""
    failed = 0
    for tile in range(lanes.y.shape[0]):
        moved = aim_back(outputs, lanes, record, work, tile, emitted, n)
        if moved == 0:
            continue
        y, z, k = lanes.y[tile], lanes.z[tile], lanes.k[tile]
        befores = (work.y_next[tile], work.z_next[tile])
        failed |= take_step_back(
            field, method, work.h[tile], (y, z), theta, k, (record.z[0, tile], record.cache[0, tile]),
            (work.time, work.lane_status[tile], work.back), befores,
        )  # fmt: skip
        squares = work.squares[tile, 0]
        for lane in range(LANES):
            squares[lane] = Real(0)
        for i in range(record.z.shape[2]):
            spoil(squares, record.z[0, tile, i])
        for lane in range(LANES):
            if work.accepted[tile, lane] != 1 and squares[lane] != Real(0):
                forget(record, y, 0, tile, lane)
        take(work.accepted[tile], y, befores[0])
        take(work.accepted[tile], z, befores[1])
        if method.fsal:
            take(work.accepted[tile], k[0], k[1])
    return FIELD_ERROR if failed else DONE


@inlined
def aim_back(outputs, lanes, record, work, tile, emitted, n):
    """Find the lanes that moved in iteration n, by its times and those reached, and set them to its start."""
    times, moved = record.times[n], 0
    shared = times.shape[0] * times.shape[1] == 1
    for lane in range(LANES):
        end = lanes.t[tile, lane]
        start = times[0 if shared else tile, 0 if shared else lane]
        there = lanes.who[tile, lane] >= 0 and start != end
        start = start if there else end
        h = Real(end - start)
        count = emitted[tile, lane]
        while there and count > 0 and outputs.times[tile, count - 1, lane] == end:
            count -= 1
        record.t[0, tile, 0, lane], record.t[0, tile, 1, lane] = start, end
        record.h[0, tile, lane], record.emitted[0, tile, lane] = h, count
        work.h[tile, lane], work.time[0, lane] = h, Real(start)
        work.accepted[tile, lane], work.lane_status[tile, lane] = 1 if there else 0, 0
        lanes.t[tile, lane] = start
        moved += 1 if there else 0
    return moved


@inlined
def compare_start(queue, lanes, tile, lane, i):
    """Keep how far the start of trajectory i, as it was made again, is from what it was."""
    error = size = spoiled = Time(0)
    for m in range(queue.y0.shape[1]):
        y0 = Time(queue.y0[i, m])
        x, e = abs(y0), abs(Time(lanes.y[tile, m, lane]) - y0)
        size = x if x > size else size
        error = e if e > error else error
        spoiled += Time(0) * e
    least = Time(PART) * queue.reversal[i, SIZE]
    size = size if size > least else least
    queue.reversal[i, RECONSTRUCTION] = (error / size if error != Time(0) else error) + spoiled
