"""What is kept of a whole trajectory in place of its states: mean, least, largest, and a first passage.

On each step the trajectory is its cubic Hermite interpolant: the mean is its integral, of order 4 in all, and
extremes and passages between the ends of steps are found.
"""

from math import sqrt

import numpy as np

from .._jit import inlined, kernel
from ..controllers.step_size import LEVEL
from ..tile import Real, Time

INTEGRAL, LEAST, LARGEST = range(3)  # rows of Outputs.reduced
HALVINGS = 60


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
                part = start + c * Real(1 / 2) + b * Real(1 / 6) + a * Real(1 / 12)
                outputs.reduced[tile, r, m, lane] = old + h * part
            else:
                for s in (near, far, Real(1)):
                    x = end if s == Real(1) else start + at(s, a, b, c)
                    better = x < old if r == LEAST else x > old
                    old = x if better else old
                outputs.reduced[tile, r, m, lane] = old
        for p in range(outputs.passage.shape[1]):
            if m == control.component and np.isnan(outputs.passage[tile, p, lane]):
                level = control.numbers[LEVEL] - start
                s = first_root(level, near, far, a, b, c, end - start)
                if s <= Real(1):
                    outputs.passage[tile, p, lane] = t + Time(s) * step


@inlined
def cubic(h, start, slope, end, slope_at_end):
    """Return a, b, c of the interpolant start + c s + b s**2 / 2 + a s**3 / 3, 0 <= s <= 1."""
    rise, c, d = end - start, h * slope, h * slope_at_end
    return Real(3) * (c + d) - Real(6) * rise, Real(6) * rise - Real(4) * c - Real(2) * d, c


@inlined
def at(s, a, b, c):
    """Return c s + b s**2 / 2 + a s**3 / 3."""
    return s * (c + s * (b * Real(1 / 2) + s * (a * Real(1 / 3))))


@inlined
def turns(a, b, c):
    """Return where a s**2 + b s + c changes sign within (0, 1), in order; 1 stands for nowhere."""
    one = Real(1)
    square = b * b - Real(4) * a * c
    q = Real(-1 / 2) * (
        b
        + (Real(1) if b >= Real(0) else Real(-1))
        * Real(sqrt(square if square > Real(0) else Real(0)))
    )
    s, r = q / a, c / q  # infinite or NaN where there is none
    s = s if (s > Real(0)) & (s < one) & (square > Real(0)) else one
    r = r if (r > Real(0)) & (r < one) & (square > Real(0)) else one
    return (s if s < r else r), (r if s < r else s)


@inlined
def first_root(level, near, far, a, b, c, rise):
    """Return the first s in (0, 1] at which the interpolant's rise is `level`; 2 if there is none."""
    before = Real(0)
    for s in (near, far, Real(1)):
        low, high = at(before, a, b, c) - level, (rise if s == Real(1) else at(s, a, b, c)) - level
        if (low < Real(0)) != (high < Real(0)) or high == Real(0):
            if high == Real(0):
                return s
            inside, outside = before, s
            for _ in range(HALVINGS):
                middle = Real(1 / 2) * (inside + outside)
                same = (at(middle, a, b, c) - level < Real(0)) == (low < Real(0))
                inside, outside = (middle if same else inside), (outside if same else middle)
            return outside
        before = s
    return Real(2)
