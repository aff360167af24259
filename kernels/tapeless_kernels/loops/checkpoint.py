"""Checkpoints: the states of all lanes, from which a solve goes on with the bits that it had."""

import numpy as np

from .._jit import inlined
from ..tile import LANES
from .queue import set_constants

POSITION, TAKEN, IDLED = np.int64(0), np.int64(1), np.int64(2)  # columns of `numbers`


@inlined
def save(checkpoint, lanes, position, taken, idled):
    """Keep the states of all lanes at iteration `position`."""
    numbers = checkpoint.numbers
    numbers[POSITION], numbers[TAKEN], numbers[IDLED] = position, taken, idled
    for tile in range(lanes.y.shape[0]):
        for lane in range(LANES):
            checkpoint.times[0, tile, lane] = lanes.t[tile, lane]
            checkpoint.times[1, tile, lane] = lanes.h[tile, lane]
            checkpoint.times[2, tile, lane] = lanes.last[tile, lane]
            checkpoint.times[3, tile, lane] = lanes.due[tile, lane]
            checkpoint.status[tile, lane] = lanes.status[tile, lane]
            checkpoint.emitted[tile, lane] = lanes.emitted[tile, lane]
            checkpoint.who[tile, lane] = lanes.who[tile, lane]
            for m in range(lanes.counts.shape[1]):
                checkpoint.counts[tile, m, lane] = lanes.counts[tile, m, lane]
        copy_rows(lanes.ratios[tile], checkpoint.ratios[tile])
        copy_rows(lanes.y[tile], checkpoint.y[tile])
        copy_rows(lanes.k[tile, 0], checkpoint.k[tile])
        copy_rows(lanes.z[tile], checkpoint.z[tile])
        copy_rows(lanes.drift[tile], checkpoint.drift[tile])


@inlined
def restore(checkpoint, queue, lanes, outputs, theta):
    """Set all lanes to the states that `save` has kept; return `taken` and `idled`.

    A lane that held nothing gets the constants of some trajectory: the field is called for it too.
    """
    for tile in range(lanes.y.shape[0]):
        for lane in range(LANES):
            i = checkpoint.who[tile, lane]
            some = i if i >= 0 else queue.order[0]
            set_constants(queue, lanes, outputs, theta, tile, lane, some)
            lanes.who[tile, lane] = i
            lanes.t[tile, lane] = checkpoint.times[0, tile, lane]
            lanes.h[tile, lane] = checkpoint.times[1, tile, lane]
            lanes.last[tile, lane] = checkpoint.times[2, tile, lane]
            lanes.due[tile, lane] = checkpoint.times[3, tile, lane]
            lanes.status[tile, lane] = checkpoint.status[tile, lane]
            lanes.emitted[tile, lane] = checkpoint.emitted[tile, lane]
            for m in range(lanes.counts.shape[1]):
                lanes.counts[tile, m, lane] = checkpoint.counts[tile, m, lane]
        copy_rows(checkpoint.ratios[tile], lanes.ratios[tile])
        copy_rows(checkpoint.y[tile], lanes.y[tile])
        copy_rows(checkpoint.k[tile], lanes.k[tile, 0])
        copy_rows(checkpoint.z[tile], lanes.z[tile])
        copy_rows(checkpoint.drift[tile], lanes.drift[tile])
    return checkpoint.numbers[TAKEN], checkpoint.numbers[IDLED]


@inlined
def copy_rows(source, target):
    """Copy the rows that both have."""
    for m in range(min(source.shape[0], target.shape[0])):
        for lane in range(LANES):
            target[m, lane] = source[m, lane]
