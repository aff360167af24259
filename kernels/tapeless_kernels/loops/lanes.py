"""What happens to all lanes of a tile at once: loops without branches over arrays that do not overlap."""

import numpy as np

from .._jit import apart, inlined
from ..status import RUNNING
from ..tile import LANES, Real
from .start import Time

# What becomes of a lane's step: plainly accepted or rejected, or there is more to be said.
PASSED, REFUSED, ODD = range(3)


@apart
def force(forced, due):
    """Have steps end on the next output times, which no lane's t1 precedes."""
    for lane in range(len(forced)):
        forced[lane] = due[lane]


@apart
def aim_lanes(t_next, step, ends, t, t1, proposed, forced, status):
    """Set where each lane's step ends and its size: as proposed, or at a forced time that it would reach."""
    for lane in range(LANES):
        h, start, end = proposed[lane], t[lane], forced[lane]
        least = Time(8.9e-16) * abs(start)  # 4 ulp: a shorter step would move y and not t
        least = least if t1[lane] > start else -least
        h = least if abs(h) < abs(least) else h
        free = abs(h) * Time(1.01) < abs(end - start)
        end = start + h if free else end
        end = end if status[lane] == RUNNING else start
        t_next[lane] = end
        step[lane] = Real(end - start)
        ends[lane] = 0 if free else 1


@apart
def spoil(squares, z):
    """squares = NaN in the lanes where z is not finite."""
    for m in range(z.shape[0]):
        for lane in range(len(squares)):
            squares[lane] += Real(0) * abs(z[m, lane])


@apart
def spoil_by_slopes(squares, h, k):
    """squares = NaN in the lanes where the interpolant of slopes such as k may overflow."""
    for m in range(k.shape[0]):
        for lane in range(len(squares)):
            squares[lane] += Real(0) * abs(Real(8) * h[lane] * k[m, lane])


@apart
def find_plain(fate, q, t, t_next, due, accepted, rejected, status, lane_status, max_steps, least):
    """Set the fate of each lane; return of how many it is plain, and of these how many are rejected.

    The others reach a forced time, or fail, or have ended: `move_lane` looks closer.
    """
    n = shorter = 0
    for lane in range(LANES):
        square, start, size = q[lane], t[lane], abs(t_next[lane] - t[lane])
        left, code, failed = abs(due[lane] - start), status[lane], lane_status[lane]
        tried = accepted[lane] + rejected[lane] + 1
        small = Time(least) * size <= Time(1e-12) * (
            abs(start) + left
        )  # so that no step is too small
        fine = (tried < max_steps) & (code == RUNNING) & (failed == 0) & (square < Real(np.inf))
        passed = fine & (square <= Real(1)) & (left > size)
        refused = fine & (square > Real(1)) & (not small)
        fate[lane] = PASSED if passed else (REFUSED if refused else ODD)
        n += 1 if passed | refused else 0
        shorter += 1 if refused else 0
    return n, shorter


@apart
def reject_lanes(h, rejected, evaluations, f, t, t_next, fate, stages):
    """Propose shorter steps in the lanes whose steps are plainly rejected."""
    for lane in range(LANES):
        refused, before, shorter = fate[lane] == REFUSED, h[lane], Time(f[lane])
        h[lane] = shorter * (t_next[lane] - t[lane]) if refused else before
        rejected[lane] += 1 if refused else 0
        evaluations[lane] += stages if refused else 0


@apart
def accept_lanes(
    t,
    h,
    last,
    ratio,
    ratio_before,
    steps,
    evaluations,
    accepted,
    q,
    f,
    t_next,
    ends,
    fate,
    largest,
    stages,
):
    """Move the lanes whose steps are plainly accepted, and propose the next."""
    for lane in range(LANES):  # everything is read first, so that nothing is read on condition
        passed = fate[lane] == PASSED
        start, end, before, factor, square = t[lane], t_next[lane], h[lane], f[lane], q[lane]
        earlier, earliest, longest = ratio[lane], ratio_before[lane], last[lane]
        step = end - start
        proposed = propose(factor, step, before, ends[lane], largest)
        floor = square if square > Real(1e-8) else Real(1e-8)
        h[lane] = proposed if passed else before
        last[lane] = step if passed else longest
        t[lane] = end if passed else start
        ratio_before[lane] = earlier if passed else earliest
        ratio[lane] = floor if passed else earlier
        steps[lane] += 1 if passed else 0
        evaluations[lane] += stages if passed else 0
        accepted[lane] = 1 if passed else 0


@inlined
def propose(f, step, before, ended, largest):
    """Return the next step: one cut short at a forced time says nothing against the longer one it cut."""
    h = Time(f) * step
    return before if (ended == 1) & (f == largest) & (abs(h) < abs(before)) else h
