"""What is kept of a whole trajectory in place of its states: mean, least, largest, and a first passage.

On each step the trajectory is its cubic Hermite interpolant: the mean is its integral, of order 4 in all, and
extremes and passages between the ends of steps are found.
"""

import numpy as np

from .._jit import inlined, kernel
from ..controllers.step_size import LEVEL
from ..interpolants.cubic import cubic, first_root, integral, rise_at, turns
from ..tile import Real, Time

INTEGRAL, LEAST, LARGEST = range(3)  # rows of Outputs.reduced


@inlined
def reduces(outputs):
    """Return whether anything is kept of whole trajectories."""
    return outputs.reduced.shape[1] + outputs.passage.shape[1] > 0


@inlined
def begin_reductions(control, lanes, outputs, tile, lane):
    """Begin with the state at t0."""
    for m in range(lanes.y.shape[1]):
        for r in range(outputs.reduced.shape[1]):
            y = lanes.y[tile, m, lane]
            outputs.reduced[tile, r, m, lane] = Real(0) if r == INTEGRAL else y
    for p in range(outputs.passage.shape[1]):
        there = lanes.y[tile, control.component, lane] == control.numbers[LEVEL]
        outputs.passage[tile, p, lane] = lanes.t0[tile, lane] if there else Time(np.nan)


@kernel
def reduce_step(control, outputs, tile, lane, t, step, y, k, y_next, last):
    """Take up the step of size `step` from y at t to y_next."""
    h = Real(step)
    for m in range(y.shape[0]):
        start, end = y[m, lane], y_next[m, lane]
        a, b, c = cubic(h, start, k[0, m, lane], end, k[last, m, lane])
        near, far = turns(a, b, c)
        for r in range(outputs.reduced.shape[1]):
            old = outputs.reduced[tile, r, m, lane]
            if r == INTEGRAL:
                outputs.reduced[tile, r, m, lane] = old + h * (start + integral(a, b, c))
            else:
                for s in (near, far, Real(1)):
                    x = end if s == Real(1) else start + rise_at(s, a, b, c)
                    better = x < old if r == LEAST else x > old
                    old = x if better else old
                outputs.reduced[tile, r, m, lane] = old
        for p in range(outputs.passage.shape[1]):
            if m == control.component and np.isnan(outputs.passage[tile, p, lane]):
                level = control.numbers[LEVEL] - start
                s = first_root(level, near, far, a, b, c, end - start)
                if s <= Real(1):
                    outputs.passage[tile, p, lane] = t + Time(s) * step
