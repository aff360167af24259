"""What Python calls to run tangents behind the record of a chunk."""

import numpy as np

from .._jit import inlined, kernel
from ..loops.integrate_jvp import integrate_jvp, start_jvp, take_up_jvp
from ..status import DONE
from ..tile import LANES
from .table import (
    BEFORE,
    INTERPOLATE,
    TAKEN,
    TILES,
    field_of,
    method_of,
    queue_of,
    record_of,
    turns_of,
)
from .table_jvp import TURN, dots_of, head_dots_of, queue_dots_of, tangent_of, values_of

LAST = np.int64(1 << 62)  # an iteration after all


@kernel
def run_jvp(p, q, theta, first, last):
    """Run tangents behind the recorded iterations `first` up to last - 1; lanes take up what they did."""
    while first < last:
        code = turn_on(p, q, theta, first + p[BEFORE])
        stop = last
        if q[TURN] < p[TAKEN]:
            stop = min(stop, turns_of(p).first[queue_of(p).order[q[TURN]]] - p[BEFORE])
        if code == DONE:
            code = integrate_jvp(
                (field_of(p), tangent_of(p, q)), method_of(p), p[INTERPOLATE], queue_of(p), queue_dots_of(p, q),
                dots_of(p, q), values_of(p, q), record_of(p), theta, (first, stop),
            )  # fmt: skip
        if code != DONE:
            return code
        first = stop
    return DONE


@inlined
def turn_on(p, q, theta, n):
    """Run tangents through what comes before the first step, of the trajectories that began until iteration n."""
    queue, turns, dots, head = queue_of(p), turns_of(p), dots_of(p, q), head_dots_of(p, q)
    queue_dots, code = queue_dots_of(p, q), DONE
    while q[TURN] < p[TAKEN] and turns.first[queue.order[q[TURN]]] <= n and code == DONE:
        for tile in range(p[TILES]):
            for lane in range(LANES):
                dots.accepted[tile, lane] = 0
        while q[TURN] < p[TAKEN]:  # as many at once as were in different lanes
            i = queue.order[q[TURN]]
            tile, lane = turns.lane[i] // LANES, turns.lane[i] % LANES
            if turns.first[i] > n or dots.accepted[tile, lane] != 0:
                break
            take_up_jvp(queue, queue_dots, turns, dots, head, theta, tile, lane, i)
            q[TURN] += 1
        code = start_jvp(
            (field_of(p), tangent_of(p, q)), method_of(p), queue, queue_dots, dots, values_of(p, q), head,
            theta,
        )  # fmt: skip
    return code


@kernel
def finish_jvp(p, q, theta):
    """Run tangents through what comes before the first step, of the trajectories that took none."""
    return turn_on(p, q, theta, LAST)
