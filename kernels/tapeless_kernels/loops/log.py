"""What is measured of each step: when it was, how long, its error and its stiffness, and whose step it is."""

from .._jit import inlined
from ..buffers import MEASURES_TOO
from ..controllers.step_size import NOISE
from ..steppers.estimates import error_of, stiffness_of
from ..tile import LANES, put
from .start import REJECTED


@inlined
def log_is_full(control, outputs):
    """Return whether there is no room for another iteration."""
    return MEASURES_TOO and control.measure != 0 and outputs.log.filled[0] == outputs.log.t.shape[0]


@inlined
def log_nothing(outputs, tile):
    """Log that nothing in a tile moved."""
    log = outputs.log
    for lane in range(LANES):
        log.counts[log.filled[0], tile, 0, lane] = -1


@inlined
def log_start(outputs, lanes, tile):
    """Log where each lane's step begins, as one that does not move."""
    log = outputs.log
    for lane in range(LANES):
        log.counts[log.filled[0], tile, 0, lane] = -1
        log.t[log.filled[0], tile, 0, lane] = lanes.t[tile, lane]
    for i in range(log.y.shape[2]):
        put(log.y[log.filled[0], tile, i], lanes.y[tile])


@inlined
def log_step(method, control, outputs, lanes, work, tile):
    """Log the steps that were accepted."""
    log, squares = outputs.log, work.squares[tile]
    for lane in range(LANES):
        if work.accepted[tile, lane] == 1:
            log.counts[log.filled[0], tile, 0, lane] = lanes.who[tile, lane]
            log.counts[log.filled[0], tile, 1, lane] = lanes.counts[tile, REJECTED, lane]
            log.t[log.filled[0], tile, 1, lane] = lanes.last[tile, lane]
            log.estimates[log.filled[0], tile, 0, lane] = error_of(squares, method.n_errors, lane)
            stiffness = stiffness_of(squares, control.numbers[NOISE], lane)
            log.estimates[log.filled[0], tile, 1, lane] = stiffness
