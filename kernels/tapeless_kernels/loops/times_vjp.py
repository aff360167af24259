"""Gradients with respect to times: t0, t1, the output times, and the time of a first passage.

What is held constant is the relative grid: between two forced times a < b that follow one another, a step begins
at t = a + (b - a) s and has the size h = (b - a) r. Where outputs are interpolated, t0 and t1 alone are forced.
Output times that coincide are one, whose cotangent the first of them has; t0 has that of outputs at t0.
"""

import numpy as np

from .._jit import inlined
from ..interpolants.hermite import hermite_slope, hermite_weights
from ..steppers.explicit_rk import H_BAR, START_BAR, T_BAR
from ..tile import LANES, Real, Time

PASSAGE, PASSAGE_BAR = np.int64(0), np.int64(1)  # rows of Bars.passage


@inlined
def share_times(control, outputs, bars, record, n, tile):
    """Pass the cotangents of the step's start and size on to the forced times on both sides."""
    last = outputs.times.shape[1]
    for lane in range(LANES):
        if record.h[n, tile, lane] == Real(0):
            continue
        first = last if control.interpolate else record.emitted[n, tile, lane]
        a, b = bars.span[tile, 0, lane], bars.span[tile, 1, lane]
        at_a, at_b = last, last + 1
        if not control.interpolate:
            if first < last:
                b, at_b = outputs.times[tile, first, lane], first
            if first > 0 and outputs.times[tile, first - 1, lane] != a:
                a, at_a = outputs.times[tile, first - 1, lane], first - 1
                while at_a > 0 and outputs.times[tile, at_a - 1, lane] == a:
                    at_a -= 1
        t, t_next = record.t[n, tile, 0, lane], record.t[n, tile, 1, lane]
        s, r = Real((t - a) / (b - a)), Real((t_next - t) / (b - a))
        start_bar, h_bar = bars.t[START_BAR, lane], bars.t[H_BAR, lane]
        bars.times[tile, at_a, lane] += start_bar * (Real(1) - s) - h_bar * r
        bars.times[tile, at_b, lane] += start_bar * s + h_bar * r


@inlined
def output_times_vjp(control, outputs, bars, record, n, tile):
    """Add the cotangents of interpolated outputs' own times, and of the step's start and size through them."""
    if not control.interpolate:
        return
    y, k = record.y[n, tile, 0], record.slopes[n, tile]
    z, k_next = record.z[n, tile, record.z.shape[2] - 1], k[k.shape[0] - 1]
    for lane in range(LANES):
        t, t_next = record.t[n, tile, 0, lane], record.t[n, tile, 1, lane]
        if record.h[n, tile, lane] == Real(0):
            continue
        h = Real(t_next - t)
        for i in range(record.emitted[n, tile, lane], bars.emitted[tile, lane]):
            s = Real((outputs.times[tile, i, lane] - t) / (t_next - t))
            s_bar = by_size = Real(0)
            for m in range(y.shape[0]):
                slope, by_h = hermite_slope(m, s, h, lane, y, k[0], z, k_next)
                s_bar += outputs.ys[tile, i, m, lane] * slope
                by_size += outputs.ys[tile, i, m, lane] * by_h
            bars.times[tile, i, lane] += s_bar / h
            bars.t[START_BAR, lane] -= s_bar / h
            bars.t[H_BAR, lane] += by_size - s * s_bar / h
        if t == bars.span[tile, 0, lane]:
            for i in range(record.emitted[n, tile, lane]):  # at t0, where the interpolant begins
                total = Real(0)
                for m in range(y.shape[0]):
                    total += outputs.ys[tile, i, m, lane] * k[0, m, lane]
                bars.times[tile, i, lane] += total
                bars.times[tile, outputs.times.shape[1], lane] -= total


@inlined
def passage_vjp(control, bars, record, n, tile, end):
    """Add what the time of a first passage within the step gives: to the step's end, or to its start.

    Where the interpolant u has u(s) = level, ds = -du / u'(s).
    """
    if bars.passage.shape[1] == 0:
        return
    c, y, k = control.component, record.y[n, tile, 0], record.slopes[n, tile]
    z, k_next = record.z[n, tile, record.z.shape[2] - 1], k[k.shape[0] - 1]
    for lane in range(LANES):
        t, t_next = record.t[n, tile, 0, lane], record.t[n, tile, 1, lane]
        passed = (bars.passage[tile, PASSAGE, lane] - t) / (t_next - t)
        if record.h[n, tile, lane] == Real(0) or not (passed > Time(0) and passed <= Time(1)):
            continue
        bar, s, h = Real(bars.passage[tile, PASSAGE_BAR, lane]), Real(passed), Real(t_next - t)
        slope, by_h = hermite_slope(c, s, h, lane, y, k[0], z, k_next)
        if slope == Real(0):
            continue
        u_bar = -bar * h / slope
        w_y, w_k, w_z, w_next = hermite_weights(s, h)
        bars.y[tile, c, lane] += u_bar * (w_z if end else w_y)
        bars.k0[tile, c, lane] += u_bar * (w_next if end else w_k)
        if end:
            bars.t[START_BAR, lane] += bar
            bars.t[H_BAR, lane] += bar * s + u_bar * by_h


@inlined
def start_time_vjp(bars, work, tile):
    """Add what the evaluation before the first step gives to the cotangent of t0."""
    if bars.times.shape[1] > 0:
        for lane in range(LANES):
            if work.accepted[tile, lane] == 1:
                bars.times[tile, bars.times.shape[1] - 2, lane] += bars.t[T_BAR, lane]
