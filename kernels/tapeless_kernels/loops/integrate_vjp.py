"""The transpose of the loop: the discrete adjoint on the accepted grid, step sizes held constant."""

import numpy as np

from .._jit import inlined
from ..field_abi import call_field_vjp
from ..interpolants.hermite import hermite_vjp
from ..status import DONE, FIELD_ERROR
from ..steppers.explicit_rk import T_BAR, step_vjp
from ..tile import LANES, Real, fill, take

# Of a step; typed, so that a call with either has one signature.
START, END = np.int64(0), np.int64(1)
NO_STEP = 2


@inlined
def integrate_vjp(field, method, outputs, bars, record, work, theta, theta_bar, span):
    """Run the recorded iterations span[1]-1 down to span[0] backward; `outputs.ys` holds cotangents."""
    for n in range(span[1] - 1, span[0] - 1, -1):
        for tile in range(bars.y.shape[0]):
            moved = 0
            for lane in range(LANES):
                accepted = 1 if record.h[n, tile, lane] != Real(0) else 0
                work.accepted[tile, lane] = accepted
                moved += accepted
            if moved == 0:
                continue
            for lane in range(LANES):
                work.time[0, lane] = Real(record.t[n, tile, 0, lane])
            add_outputs(outputs, bars, record, n, tile, END)
            slots = (record.z[n, tile], record.cache[n, tile])
            tile_bars = (bars.y[tile], bars.k0[tile], bars.z, bars.k, bars.t)
            failed = step_vjp(
                field, method, record.h[n, tile], theta, slots, work.time, tile_bars,
                work.accepted[tile], theta_bar,
            )  # fmt: skip
            if failed != 0:
                return FIELD_ERROR
            add_outputs(outputs, bars, record, n, tile, START)
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
        if method.fsal:
            k_bar, y_bar = bars.k[0], bars.k[1]
            fill(k_bar, Real(0))
            take(work.accepted[tile], k_bar, bars.k0[tile])
            failed |= call_field_vjp(
                field,
                head.t[tile],
                head.y[tile],
                theta,
                head.cache[tile],
                k_bar,
                y_bar,
                bars.t[T_BAR],
                theta_bar,
            )
            for lane in range(LANES):
                if work.accepted[tile, lane] == 1:
                    for m in range(bars.y.shape[1]):
                        bars.y[tile, m, lane] += y_bar[m, lane]
    return FIELD_ERROR if failed else DONE
