"""What happens to all lanes of a tile at once: loops without branches over arrays that do not overlap."""

import numpy as np

from .._jit import apart, inlined
from ..status import RUNNING
from ..tile import LANES, Real, Time

# What becomes of a lane's step: plainly accepted or rejected, or there is more to be said.
PASSED, REFUSED, ODD = range(3)
ULPS = 8.9e-16  # 4 ulp of 1
APART = 255  # in lane_status: the states of a reversible method are too far from each other


@apart
def aim_lanes(time, t_next, step, ends, t, t1, proposed, forced, status):
    """Set where each lane's step begins, ends and its size: as proposed, or to a forced time that it would reach."""
    for lane in range(LANES):
        h, start, end = proposed[lane], t[lane], forced[lane]
        least = Time(ULPS) * abs(start)  # a shorter step would move y and not t
        least = least if t1[lane] > start else -least
        h = least if abs(h) < abs(least) else h
        free = abs(h) * Time(1.01) < abs(end - start)
        end = start + h if free else end
        end = end if status[lane] == RUNNING else start
        time[lane] = Real(start)
        t_next[lane] = end
        step[lane] = Real(end - start)
        ends[lane] = 0 if free else 1


@inlined
def least_step(t, t0, t1):
    """Return the least step at t that is not too small."""
    size = Time(1e-3) * abs(t1 - t0)
    return Time(ULPS) * (abs(t) if abs(t) > size else size)


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
def find_plain(
    fate, q, t, t_next, due, accepted, rejected, status, lane_status, t0, t1, max_steps, least
):
    """Set the fate of each lane; return of how many it is plain, and of these how many are rejected.

    The others reach a forced time, or fail, or have ended: `move_lane` looks closer. `least` is the least factor
    of a step that is rejected.
    """
    n = shorter = 0
    for lane in range(LANES):
        square, start, size = q[lane], t[lane], abs(t_next[lane] - t[lane])
        left, code, failed = abs(due[lane] - start), status[lane], lane_status[lane]
        tried = accepted[lane] + rejected[lane] + 1
        fine = (tried < max_steps) & (code == RUNNING) & (failed == 0) & (square < Real(np.inf))
        long = Time(least) * size >= least_step(start, t0[lane], t1[lane])
        passed = fine & (square <= Real(1)) & (left > size)
        refused = fine & (square > Real(1)) & long
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
    t, h, last, ratio, ratio_before, steps, evaluations, accepted, q, f, t_next, ends, fate, largest, stages
):  # fmt: skip
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
