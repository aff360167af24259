"""What is kept of an iteration for the transpose."""

from .._jit import inlined, kernel
from ..buffers import KEPT, MEASURES_TOO, REVERSIBLE_TOO, TIMED
from ..tile import LANES, Real, put


@inlined
def slot_of(record):
    """Return where in the record an iteration is kept."""
    return record.filled[0] if record.keep == KEPT else 0


@inlined
def rest(lanes, record, tile):
    """Record that nothing in a tile moved."""
    n = slot_of(record)
    for lane in range(LANES):
        record.h[n, tile, lane] = Real(0)
        record.emitted[n, tile, lane] = lanes.emitted[tile, lane]
    note_times(lanes, record, tile)


@inlined
def note_times(lanes, record, tile):
    """Keep when the iteration begins in the lanes of a tile, or once if they share it."""
    if REVERSIBLE_TOO and record.keep == TIMED and tile < record.times.shape[1]:
        for lane in range(record.times.shape[2]):
            record.times[record.filled[0], tile, lane] = lanes.t[tile, lane]


@inlined
def note_slopes(record, n, tile, y, k):
    """Record a step's slopes and where it began, if they are kept."""
    if MEASURES_TOO:
        for i in range(record.slopes.shape[2]):
            put(record.slopes[n, tile, i], k[i])
        for i in range(record.y.shape[2]):
            put(record.y[n, tile, i], y)


@inlined
def note(lanes, record, work, tile):
    """Record where the step began and ends, as one that does not move."""
    n = slot_of(record)
    for lane in range(LANES):
        record.t[n, tile, 0, lane] = lanes.t[tile, lane]
        record.t[n, tile, 1, lane] = lanes.t_next[tile, lane]
        record.emitted[n, tile, lane] = lanes.emitted[tile, lane]
        record.h[n, tile, lane] = Real(0)


@kernel
def forget(record, y, n, tile, lane):
    """Put where it began for what a step that failed has kept: the transpose multiplies it by 0, and 0 inf is NaN."""
    for e in range(record.z.shape[2]):
        for m in range(record.z.shape[3]):
            finite = Real(0) * y[m, lane] == Real(0)
            record.z[n, tile, e, m, lane] = y[m, lane] if finite else Real(0)
        for m in range(record.cache.shape[3]):
            record.cache[n, tile, e, m, lane] = Real(0)
    for m in range(record.slopes.shape[3] if MEASURES_TOO else 0):
        for i in range(record.slopes.shape[2]):
            record.slopes[n, tile, i, m, lane] = Real(0)
        for i in range(record.y.shape[2]):
            record.y[n, tile, i, m, lane] = Real(0)
