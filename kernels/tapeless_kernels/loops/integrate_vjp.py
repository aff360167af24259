"""The transpose of the loop: the discrete adjoint on the accepted grid, relative step sizes held constant."""

import numpy as np

from .._jit import inlined
from ..buffers import MEASURES_TOO
from ..field_abi import call_field_vjp
from ..interpolants.hermite import hermite_vjp
from ..status import DONE, FIELD_ERROR
from ..steppers.explicit_rk import H_BAR, START_BAR, T_BAR
from ..steppers.reversible_vjp import take_step_vjp
from ..tile import LANES, Real, add, fill, take
from .measures_vjp import measure_again, measures_vjp
from .times_vjp import output_times_vjp, passage_vjp, share_times, start_time_vjp

# Of a step; typed, so that a call with either has one signature.
START, END = np.int64(0), np.int64(1)
NO_STEP = 2


@inlined
def integrate_vjp(field, scheme, outputs, bars, record, work, theta, theta_bar, span):
    """Run the recorded iterations span[1]-1 down to span[0] backward; `outputs.ys` holds cotangents.

    `scheme` is (method, control); span[2] iterations came before those of the record.
    """
    method, control = scheme
    kept = MEASURES_TOO and record.slopes.shape[2] > 0
    measured = MEASURES_TOO and bars.steps.shape[0] > 0
    for n in range(span[1] - 1, span[0] - 1, -1):
        if measured:
            measure_again(scheme, bars, record, work, n)
        for tile in range(bars.y.shape[0]):
            moved = 0
            for lane in range(LANES):
                accepted = 1 if record.h[n, tile, lane] != Real(0) else 0
                work.accepted[tile, lane] = accepted
                moved += accepted
                bars.t[START_BAR, lane] = bars.t[H_BAR, lane] = Real(0)
            if moved == 0:
                continue
            for lane in range(LANES):
                work.time[0, lane] = Real(record.t[n, tile, 0, lane])
            if kept:
                output_times_vjp(control, outputs, bars, record, n, tile)
                passage_vjp(control, bars, record, n, tile, END)
            add_outputs(outputs, bars, record, n, tile, END)
            if measured:
                measures_vjp(scheme, bars, record, work, n, span[2], tile)
            slots = (record.z[n, tile], record.cache[n, tile], record.slopes[n, tile])
            tile_bars = (
                bars.y[tile], bars.k0[tile], bars.z, bars.k, bars.t, bars.estimates, bars.companion[tile], bars.half,
            )  # fmt: skip
            failed = take_step_vjp(
                field, method, record.h[n, tile], theta, slots, (work.time, work.back), tile_bars,
                work.accepted[tile], theta_bar,
            )  # fmt: skip
            if failed != 0:
                return FIELD_ERROR
            if measured:
                add(bars.y[tile], bars.estimates[4])
            add_outputs(outputs, bars, record, n, tile, START)
            if MEASURES_TOO and bars.states.shape[0] > 0:
                add(bars.y[tile], bars.states[span[2] + n, tile])
            if kept:
                passage_vjp(control, bars, record, n, tile, START)
                share_times(control, outputs, bars, record, n, tile)
            for lane in range(LANES):
                bars.emitted[tile, lane] = record.emitted[n, tile, lane]
    return DONE


@inlined
def add_outputs(outputs, bars, record, n, tile, end):
    """Add the cotangents of the outputs written in iteration n: to the step's end, or to its start."""
    for lane in range(LANES):
        t, t_next = record.t[n, tile, 0, lane], record.t[n, tile, 1, lane]
        for i in range(record.emitted[n, tile, lane], bars.emitted[tile, lane]):
            time = outputs.times[tile, i, lane]
            y_bar, k_bar = bars.y[tile], bars.k0[tile]
            if time != t_next:
                s, h = Real((time - t) / (t_next - t)), Real(t_next - t)
                hermite_vjp(outputs.ys[tile, i], s, h, lane, end, y_bar, k_bar)
            elif end:
                for m in range(y_bar.shape[0]):
                    y_bar[m, lane] += outputs.ys[tile, i, m, lane]


@inlined
def start_vjp(field, method, outputs, bars, head, work, theta, theta_bar):
    """Run the evaluation before the first step backward, and add the cotangents of outputs at t0.

    That is for the lanes where work.accepted is not 0: the others are not at the start of their trajectories. It
    is NO_STEP where no step was accepted: no slope counts, and the field may be singular there.
    """
    failed = 0
    for tile in range(bars.y.shape[0]):
        for lane in range(LANES):
            if work.accepted[tile, lane] != 0:
                for i in range(bars.emitted[tile, lane]):
                    for m in range(bars.y.shape[1]):
                        bars.y[tile, m, lane] += outputs.ys[tile, i, m, lane]
                for m in range(bars.companion.shape[1]):  # which begins as y does
                    bars.y[tile, m, lane] += bars.companion[tile, m, lane]
        if method.fsal:
            k_bar, y_bar = bars.k[0], bars.k[1]
            fill(k_bar, Real(0))
            take(work.accepted[tile], k_bar, bars.k0[tile])
            failed |= call_field_vjp(
                field, head.t[tile], head.y[tile], theta, head.cache[tile], k_bar, y_bar,
                bars.t[T_BAR], theta_bar,
            )  # fmt: skip
            for lane in range(LANES):
                if work.accepted[tile, lane] == 1:
                    for m in range(bars.y.shape[1]):
                        bars.y[tile, m, lane] += y_bar[m, lane]
            start_time_vjp(bars, work, tile)
    return FIELD_ERROR if failed else DONE
