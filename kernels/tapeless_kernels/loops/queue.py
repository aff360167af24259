"""How lanes take up trajectories from the queue of a chunk, and put down what became of them."""

import numpy as np

from .._jit import inlined
from ..controllers.step_size import START
from ..status import INTERRUPTED, RUNNING, SUCCESS
from ..tile import LANES, Real
from .reductions import INTEGRAL
from .reversal import begin_drift, keep_end
from .start import Time
from .times_vjp import PASSAGE, PASSAGE_BAR


@inlined
def take_up(queue, control, lanes, outputs, theta, tile, lane, i):
    """Set a lane to the start of trajectory i; `start` does the rest."""
    set_constants(queue, lanes, outputs, theta, tile, lane, i)
    lanes.who[tile, lane] = i
    lanes.t[tile, lane], lanes.due[tile, lane] = lanes.t0[tile, lane], lanes.t1[tile, lane]
    lanes.h[tile, lane] = queue.numbers[2, 0 if queue.numbers.shape[1] == 1 else i]
    lanes.last[tile, lane] = Time(0)
    lanes.emitted[tile, lane] = 0
    lanes.status[tile, lane] = RUNNING
    for r in range(2):
        lanes.ratios[tile, r, lane] = control.numbers[START]
    for c in range(4):
        lanes.counts[tile, c, lane] = 0
    for m in range(queue.y0.shape[1]):
        lanes.y[tile, m, lane] = queue.y0[i, m]
    for m in range(lanes.z.shape[1]):
        lanes.z[tile, m, lane] = queue.y0[i, m]
    if lanes.drift.shape[1] > 0:
        begin_drift(lanes.drift[tile], lanes.y[tile], lane)
    for e in range(outputs.times.shape[1]):
        for m in range(queue.y0.shape[1]):
            outputs.ys[tile, e, m, lane] = Real(np.nan)


@inlined
def set_constants(queue, lanes, outputs, theta, tile, lane, i):
    """Give a lane what stays the same as long as it holds trajectory i."""
    j = 0 if queue.numbers.shape[1] == 1 else i
    lanes.t0[tile, lane], lanes.t1[tile, lane] = queue.numbers[0, j], queue.numbers[1, j]
    lanes.rtol[tile, lane] = Real(queue.numbers[3, j])
    lanes.atol[tile, lane] = Real(queue.numbers[4, j])
    for e in range(outputs.times.shape[1]):
        outputs.times[tile, e, lane] = queue.times[e, 0 if queue.times.shape[1] == 1 else i]
    for m in range(queue.theta.shape[1]):
        theta[m * LANES + lane] = queue.theta[i, m]


@inlined
def put_down(queue, lanes, outputs, tile, lane):
    """Copy a lane's results to those of its trajectory, and let go of it; return 1 if it failed."""
    i = lanes.who[tile, lane]
    if i < 0:
        return 0
    for m in range(queue.y.shape[1]):
        queue.y[i, m] = lanes.y[tile, m, lane]
    for e in range(queue.ys.shape[1]):
        for m in range(queue.ys.shape[2]):
            queue.ys[i, e, m] = outputs.ys[tile, e, m, lane]
    for c in range(3):
        queue.counts[i, c] = lanes.counts[tile, c, lane]
    queue.reached[i, 0], queue.reached[i, 1] = lanes.last[tile, lane], lanes.t[tile, lane]
    span = lanes.t[tile, lane] - lanes.t0[tile, lane]
    for r in range(queue.reduced.shape[1]):
        for m in range(queue.reduced.shape[2]):
            x = outputs.reduced[tile, r, m, lane]
            mean = x / Real(span) if span != Time(0) else lanes.y[tile, m, lane]
            queue.reduced[i, r, m] = mean if r == INTEGRAL else x
    for e in range(queue.passage.shape[1]):
        queue.passage[i, e] = outputs.passage[tile, e, lane]
    for r in range(queue.reversal.shape[1]):
        known = r < lanes.drift.shape[1]
        queue.reversal[i, r] = Time(lanes.drift[tile, r, lane]) if known else Time(np.nan)
    code = lanes.status[tile, lane]
    queue.status[i] = INTERRUPTED if code == RUNNING else code
    lanes.who[tile, lane] = -1
    return 0 if code == SUCCESS else 1


@inlined
def begin_turn(turns, i, before, lane, now):
    """Note that a lane has taken up trajectory i, at iteration `now` of the record."""
    turns.first[i], turns.lane[i], turns.before[i], turns.emitted[i] = now, lane, before, 0


@inlined
def keep_head(turns, head, i):
    """Keep the evaluation before the first step of trajectory i."""
    tile, lane = turns.lane[i] // LANES, turns.lane[i] % LANES
    turns.t[i] = head.t[tile, lane]
    for m in range(head.y.shape[1]):
        turns.y[i, m] = head.y[tile, m, lane]
    for m in range(head.cache.shape[1]):
        turns.cache[i, m] = head.cache[tile, m, lane]


@inlined
def end_turn(turns, lanes, tile, lane, i):
    """Note how many outputs trajectory i, if there is one, has written, and where a reversible method ended."""
    if i >= 0:
        turns.emitted[i] = lanes.emitted[tile, lane]
        keep_end(turns, lanes, tile, lane, i)


@inlined
def take_back(queue, turns, queue_bars, places, theta, theta_bar, tile, lane, i):
    """Set a lane to the end of trajectory i, to run it backward."""
    bars, head, outputs = places
    bars.emitted[tile, lane] = turns.emitted[i]
    head.t[tile, lane] = turns.t[i]
    for m in range(head.y.shape[1]):
        bars.y[tile, m, lane] = bars.k0[tile, m, lane] = Real(0)
        if m < bars.companion.shape[1]:
            bars.companion[tile, m, lane] = Real(0)
        head.y[tile, m, lane] = turns.y[i, m]
    for m in range(head.cache.shape[1]):
        head.cache[tile, m, lane] = turns.cache[i, m]
    for e in range(
        outputs.times.shape[1]
    ):  # also those that were not reached: steps were to end there
        outputs.times[tile, e, lane] = queue.times[e, 0 if queue.times.shape[1] == 1 else i]
    for e in range(turns.emitted[i]):
        for m in range(head.y.shape[1]):
            outputs.ys[tile, e, m, lane] = queue_bars.ys[i, e, m]
    j = 0 if queue.numbers.shape[1] == 1 else i
    for e in range(2):
        bars.span[tile, e, lane] = queue.numbers[e, j]
        bars.tolerance[tile, e, lane] = Real(queue.numbers[3 + e, j])
    for e in range(bars.times.shape[1]):
        bars.times[tile, e, lane] = Real(0)
    for e in range(queue_bars.passage.shape[1]):
        bars.passage[tile, PASSAGE, lane] = queue.passage[i, e]
        bars.passage[tile, PASSAGE_BAR, lane] = queue_bars.passage[i, e]
    for m in range(queue.theta.shape[1]):
        theta[m * LANES + lane] = queue.theta[i, m]
        theta_bar[m * LANES + lane] = Real(0)
