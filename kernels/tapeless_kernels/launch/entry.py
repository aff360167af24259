"""What Python calls: the loop and its transpose on a chunk's table of addresses."""

import numpy as np

from .._jit import apart, inlined, kernel
from ..buffers import COUNTED
from ..field_abi import data_of
from ..loops.checkpoint import restore, save
from ..loops.integrate import LANES_FREE, count_running, iterate
from ..loops.integrate_vjp import NO_STEP, integrate_vjp, start_vjp
from ..loops.queue import begin_turn, end_turn, keep_head, put_down, take_back, take_up
from ..loops.start import ACCEPTED, start
from ..status import BUFFER_FULL, DONE, RUNNING, SUCCESS
from ..tile import LANES, Real
from .table import (
    BEFORE,
    CAPACITY,
    FAILED,
    HOLD_START,
    IDLED,
    KEEP,
    N_NUMBERS,
    N_QUEUE,
    N_TIMES,
    OUTPUTS,
    QUEUE,
    QUEUE_BARS,
    REPLAYS,
    SAVED,
    SLOTS,
    STRIDE,
    TAKEN,
    TILES,
    TURN,
    YS_BAR,
    bars_of,
    checkpoint_of,
    control_of,
    field_of,
    head_of,
    lanes_of,
    method_of,
    outputs_of,
    queue_bars_of,
    queue_of,
    record_of,
    turns_of,
    work_of,
)  # fmt: skip

FIRST, NONE = np.int64(0), np.int64(-1)  # typed, so that a call with either has one signature
# Steps that lanes may idle together before they are refilled, which costs a tile two evaluations.
PATIENCE = 16


@inlined
def notes_turns(p):
    """Return whether it is noted when trajectories have their turns: not when steps are taken again."""
    return p[KEEP] != 0 and p[REPLAYS] == 0


@inlined
def start_fresh(p, theta, taken):
    """Start the trajectories that lanes have taken up, those of the queue from the place `taken`."""
    head = head_of(p)
    code = start(
        field_of(p), method_of(p), control_of(p), lanes_of(p), outputs_of(p, p[OUTPUTS + 1]), head,
        record_of(p), work_of(p), theta,
    )  # fmt: skip
    if notes_turns(p):
        queue, turns = queue_of(p), turns_of(p)
        for place in range(taken, p[TAKEN]):
            keep_head(turns, head, queue.order[place])
    return code


@kernel
def begin(
    p, theta, order, y0, numbers, times, own, ys, y, counts, reached, status, reduced, passage
):
    """Make a Queue of these arrays, give the lanes its first trajectories, and start them.

    Lanes beyond the last trajectory repeat it and count as ended.
    """
    p[N_QUEUE], p[N_NUMBERS], p[N_TIMES] = y0.shape[0], numbers.shape[1], times.shape[1]
    p[QUEUE], p[QUEUE + 1], p[QUEUE + 2] = data_of(order), data_of(y0), data_of(numbers)
    p[QUEUE + 3], p[QUEUE + 4], p[QUEUE + 5] = data_of(times), data_of(own), data_of(ys)
    p[QUEUE + 6], p[QUEUE + 7], p[QUEUE + 8] = data_of(y), data_of(counts), data_of(reached)
    p[QUEUE + 9], p[QUEUE + 10], p[QUEUE + 11] = data_of(status), data_of(reduced), data_of(passage)
    p[REPLAYS] = 0
    queue, lanes, outputs = queue_of(p), lanes_of(p), outputs_of(p, p[OUTPUTS + 1])
    for tile in range(p[TILES]):
        for lane in range(LANES):
            place = tile * LANES + lane
            i = queue.order[min(place, p[N_QUEUE] - 1)]
            take_up(queue, control_of(p), lanes, outputs, theta, tile, lane, i)
            if place >= p[N_QUEUE]:
                lanes.status[tile, lane], lanes.who[tile, lane] = SUCCESS, -1
            elif notes_turns(p):
                begin_turn(turns_of(p), i, NONE, place, FIRST)
    p[TAKEN], p[FAILED], p[IDLED] = min(p[TILES] * LANES, p[N_QUEUE]), 0, 0
    return start_fresh(p, theta, FIRST)


@apart
def advance(p, theta, budget, patience):
    """Take up to `budget` iterations, as `iterate` says; apart, for the code of one such call is faster."""
    return iterate(
        field_of(p), method_of(p), control_of(p), lanes_of(p), outputs_of(p, p[OUTPUTS + 1]), record_of(p),
        work_of(p), theta, budget, patience, p[IDLED],
    )  # fmt: skip


@kernel
def run(p, theta, budget):
    """Take up to `budget` iterations; lanes whose trajectories have ended take up others.

    When they do depends on the trajectories alone, not on where a budget or a block of the record ends: the
    order in which the cotangents of theta are summed is that of the lanes.
    """
    code, left = DONE, budget
    while True:
        waiting = p[TAKEN] < p[N_QUEUE]
        if waiting and (p[IDLED] >= PATIENCE or all_idle(p)):
            if p[KEEP] and record_of(p).filled[0] == p[CAPACITY] and not checkpoint(p):
                return BUFFER_FULL
            code = refill(p, theta)
            if code != DONE:
                return code
            waiting = p[TAKEN] < p[N_QUEUE]
        code, left, p[IDLED] = advance(p, theta, left, PATIENCE if waiting else 0)
        if code == BUFFER_FULL and checkpoint(p):
            continue
        if not waiting or (code != DONE and code != LANES_FREE):
            return code


@kernel
def checkpoint(p):
    """Keep the states of all lanes, if that is how the record is kept and there is room; return whether it is so."""
    filled = record_of(p).filled
    if p[KEEP] != COUNTED or p[SAVED] == p[SLOTS] or filled[0] < p[CAPACITY]:
        return False
    p[BEFORE] += filled[0]
    filled[0] = 0
    save(checkpoint_of(p, p[SAVED]), lanes_of(p), p[BEFORE], p[TAKEN], p[IDLED])
    p[SAVED] += 1
    p[CAPACITY] = p[STRIDE]
    return True


@kernel
def go_back(p, theta, slot):
    """Set the lanes to the states of a checkpoint; nothing is put down from there on."""
    p[TAKEN], p[IDLED] = restore(
        checkpoint_of(p, slot), queue_of(p), lanes_of(p), outputs_of(p, p[OUTPUTS + 1]), theta
    )
    p[REPLAYS] = 1


@inlined
def all_idle(p):
    """Return whether every trajectory in the lanes has ended."""
    lanes, running = lanes_of(p), 0
    for tile in range(p[TILES]):
        running += count_running(lanes, tile)
    return running == 0


@kernel
def refill(p, theta):
    """Put down the results of lanes that have ended, and start the next trajectories in them."""
    queue, lanes, outputs = queue_of(p), lanes_of(p), outputs_of(p, p[OUTPUTS + 1])
    now, taken = p[BEFORE] + record_of(p).filled[0], p[TAKEN]
    p[IDLED] = 0
    for tile in range(p[TILES]):
        for lane in range(LANES):
            if lanes.status[tile, lane] != RUNNING:
                before = lanes.who[tile, lane]
                if p[REPLAYS]:
                    lanes.who[tile, lane] = -1
                else:
                    p[FAILED] += put_down(queue, lanes, outputs, tile, lane)
                if notes_turns(p):
                    end_turn(turns_of(p), before, lanes.emitted[tile, lane])
                if p[TAKEN] < p[N_QUEUE]:
                    i = queue.order[p[TAKEN]]
                    take_up(queue, control_of(p), lanes, outputs, theta, tile, lane, i)
                    if notes_turns(p):
                        begin_turn(turns_of(p), i, before, tile * LANES + lane, now)
                    p[TAKEN] += 1
    return start_fresh(p, theta, taken)


@kernel
def finish(p):
    """Put down what the lanes hold, and return how many trajectories of the queue failed, of those begun."""
    queue, lanes, outputs = queue_of(p), lanes_of(p), outputs_of(p, p[OUTPUTS + 1])
    for tile in range(p[TILES]):
        for lane in range(LANES):
            if notes_turns(p):
                end_turn(turns_of(p), lanes.who[tile, lane], lanes.emitted[tile, lane])
            p[FAILED] += put_down(queue, lanes, outputs, tile, lane)
    return p[FAILED]


@kernel
def begin_vjp(p, theta, theta_bar, ys_bar, y0_bar, own_bar, times_bar, passage_bar):
    """Make QueueBars of these arrays, and give each lane the trajectory that it held last."""
    p[QUEUE_BARS], p[QUEUE_BARS + 1], p[QUEUE_BARS + 2] = (
        data_of(ys_bar), data_of(y0_bar), data_of(own_bar)
    )  # fmt: skip
    p[QUEUE_BARS + 3], p[QUEUE_BARS + 4] = data_of(times_bar), data_of(passage_bar)
    queue, turns, lanes, queue_bars = queue_of(p), turns_of(p), lanes_of(p), queue_bars_of(p)
    for tile in range(p[TILES]):
        for lane in range(LANES):
            lanes.who[tile, lane] = -1
    for place in range(p[N_QUEUE]):
        i = queue.order[place]
        if place < p[TAKEN]:
            lanes.who[turns.lane[i] // LANES, turns.lane[i] % LANES] = i
        for m in range(queue_bars.y0.shape[1]):
            queue_bars.y0[i, m] = Real(0)
        for m in range(queue_bars.theta.shape[1]):
            queue_bars.theta[i, m] = Real(0)
        for m in range(queue_bars.times.shape[1]):
            queue_bars.times[i, m] = Real(0)
    for tile in range(p[TILES]):
        for lane in range(LANES):
            load_back(p, theta, theta_bar, tile, lane, lanes.who[tile, lane])
    p[TURN] = p[TAKEN] - 1
    return DONE


@inlined
def load_back(p, theta, theta_bar, tile, lane, i):
    """Set a lane to the end of trajectory i; of none, if i < 0: then to a state at which the field is defined."""
    queue, place = queue_of(p), max(p[TAKEN], 1) - 1
    some = i if i >= 0 else queue.order[place]
    take_back(
        queue, turns_of(p), queue_bars_of(p), (bars_of(p), head_of(p), outputs_of(p, p[YS_BAR])),
        theta, theta_bar, tile, lane, some,
    )  # fmt: skip
    if i < 0:
        bars_of(p).emitted[tile, lane] = 0


@kernel
def run_vjp(p, theta, theta_bar, first, last):
    """Run the recorded iterations last - 1 down to `first` backward; lanes take back what they held before."""
    while last > first:
        code = turn_back(p, theta, theta_bar, last + p[BEFORE])
        stop = first
        if p[TURN] >= 0:
            stop = max(stop, turns_of(p).first[queue_of(p).order[p[TURN]]] - p[BEFORE])
        if code == DONE:
            code = integrate_vjp(
                field_of(p), (method_of(p), control_of(p)), outputs_of(p, p[YS_BAR]), bars_of(p), record_of(p),
                work_of(p), theta, theta_bar, (stop, last, p[BEFORE]),
            )  # fmt: skip
        if code != DONE:
            return code
        last = stop
    return DONE


@kernel
def turn_back(p, theta, theta_bar, n):
    """Run what came before the first step backward, of the trajectories that began at iteration n or later."""
    queue, turns, bars, work = queue_of(p), turns_of(p), bars_of(p), work_of(p)
    queue_bars, code = queue_bars_of(p), DONE
    while p[TURN] >= 0 and turns.first[queue.order[p[TURN]]] >= n and code == DONE:
        for tile in range(p[TILES]):
            for lane in range(LANES):
                work.accepted[tile, lane] = 0
        last = p[TURN]
        while p[TURN] >= 0:  # as many at once as were in different lanes
            i = queue.order[p[TURN]]
            tile, lane = turns.lane[i] // LANES, turns.lane[i] % LANES
            if turns.first[i] < n or work.accepted[tile, lane] != 0:
                break
            counts = queue.counts[i, ACCEPTED] > 0 and p[HOLD_START] == 0
            work.accepted[tile, lane] = 1 if counts else NO_STEP
            p[TURN] -= 1
        code = start_vjp(
            field_of(p), method_of(p), outputs_of(p, p[YS_BAR]), bars, head_of(p), work, theta,
            theta_bar,
        )  # fmt: skip
        for place in range(p[TURN] + 1, last + 1):
            i = queue.order[place]
            tile, lane = turns.lane[i] // LANES, turns.lane[i] % LANES
            for m in range(queue_bars.y0.shape[1]):
                queue_bars.y0[i, m] = bars.y[tile, m, lane]
            for m in range(queue_bars.theta.shape[1]):
                bar = theta_bar[m * LANES + lane]
                queue_bars.theta[i, m] = bar if work.accepted[tile, lane] == 1 else Real(0)
            for m in range(queue_bars.times.shape[1]):
                queue_bars.times[i, m] = bars.times[tile, m, lane]
            if turns.before[i] >= 0:
                load_back(p, theta, theta_bar, tile, lane, turns.before[i])
    return code


@kernel
def finish_vjp(p, theta, theta_bar):
    """Run what came before the first step backward, of the trajectories that began with the record."""
    return turn_back(p, theta, theta_bar, FIRST)
