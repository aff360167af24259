"""One step of an explicit Runge-Kutta method on a tile, its transpose and its tangents."""

import numpy as np

from .._jit import apart, inlined
from ..buffers import MEASURES_TOO
from ..field_abi import call_field, call_field_vjp
from ..ieee import fma
from ..tangent_abi import call_field_jvp
from ..tile import LANES, Real, add, combine, combine_whole, contract, fill, put, take
from .estimates import add_estimates

# Rows of the cotangents of time: of an evaluation's, the step's start and its size.
T_BAR, START_BAR, H_BAR = range(3)


@apart
def stage_time(time, t, c, h):
    """Time = t + c h."""
    for lane in range(len(time)):
        time[lane] = fma(c, h[lane], t[lane])


@inlined
def step(field, method, h, y, theta, k, record, work, y_next):
    """Fill the slopes k, the stage states z and `y_next`; the field's status is returned.

    ::

        z_i = y + h sum_{j<i} a_ij k_j,   k_i = f(t + c_i h, z_i),   y_next = z_S

    `record` is (z, cache) of this step, `work` (time, lane_status). If FSAL, k_0 comes from the
    step before, k_S is evaluated, and `y_next` is the state of that stage. A record of one entry
    serves all stages, one after the other.
    """
    z, cache = record
    time, lane_status = work
    status = 0
    for i in range(method.fsal, method.stages + method.fsal):
        slot = min(i - method.fsal, z.shape[0] - 1)
        if i == 0:
            put(z[slot], y)
        else:
            combine(z[slot], y, h, method.a[i], k, i)
        stage_time(time[1], time[0], method.c[i], h)
        status |= call_field(field, time[1], z[slot], theta, cache[slot], k[i], lane_status)
    if not method.fsal:
        combine(y_next, y, h, method.a[method.stages], k, method.stages)
    return status


@inlined
def step_vjp(field, method, h, theta, record, time, bars, accepted, theta_bar):
    r"""Turn the cotangent of y_next into that of y, in place, and add to `theta_bar`.

    Counting :math:`\bar z_S = \bar y'` as one more stage cotangent,

    .. math::
        \bar k_i = h \sum_{j>i} a_{ji} \bar z_j, \qquad
        \bar z_i = (\partial_z f_i)^\top \bar k_i, \qquad
        \bar y = \sum_j \bar z_j.

    If FSAL, k_S and k_0 are evaluated by other steps or for them: the cotangent of k_S is what the
    next step left in `k0_bar`, and the cotangent of k_0 is left there for the step before. In lanes
    that did not move h is 0, and both cotangents pass through.

    Where slopes are kept, what the step's start and its size have as cotangents is added to `t_bars`,

    .. math::
        \bar t = \sum_i (\partial_t f_i)^\top \bar k_i, \qquad
        h \bar h = \sum_j k_j^\top \Big(h \sum_{i>j} a_{ij} \bar z_i\Big) + h \sum_i c_i
        (\partial_t f_i)^\top \bar k_i,

    and `estimates` has the cotangents of what error and stiffness are made of.
    """
    z, cache, k = record
    y_bar, k0_bar, z_bar, k_bars, t_bars, estimates = bars
    k_bar, last_bar = k_bars[0], k_bars[1]
    stages, a = method.stages, method.a_transposed
    put(z_bar[stages], y_bar)
    status = 0
    if method.fsal:
        fill(k_bar, Real(0))
        take(accepted, k_bar, k0_bar)
        if MEASURES_TOO and estimates.shape[0] > 0:
            add_estimates(k_bar, method, estimates, stages)
        fill(last_bar, Real(0))
        take(accepted, k0_bar, last_bar)
        stage_time(time[1], time[0], method.c[stages], h)
        slot = stages - 1
        status |= call_field_vjp(
            field, time[1], z[slot], theta, cache[slot], k_bar, last_bar, t_bars[T_BAR], theta_bar
        )
        add_time(t_bars, method.c[stages])
        add(z_bar[stages], last_bar)
    put(y_bar, z_bar[stages])
    for i in range(stages - 1, method.fsal - 1, -1):
        contract(k_bar, h, a[i], z_bar, i + 1, stages + 1)
        if MEASURES_TOO and k.shape[0] > 0:
            add_size(t_bars, h, k[i], k_bar)
        if MEASURES_TOO and estimates.shape[0] > 0:
            add_estimates(k_bar, method, estimates, i)
        stage_time(time[1], time[0], method.c[i], h)
        slot = i - method.fsal
        status |= call_field_vjp(
            field, time[1], z[slot], theta, cache[slot], k_bar, z_bar[i], t_bars[T_BAR], theta_bar
        )
        add_time(t_bars, method.c[i])
        add(y_bar, z_bar[i])
    if method.fsal:
        contract(k_bar, h, a[0], z_bar, 1, stages + 1)
        if MEASURES_TOO and k.shape[0] > 0:
            add_size(t_bars, h, k[0], k_bar)
        if MEASURES_TOO and estimates.shape[0] > 0:
            add_estimates(k_bar, method, estimates, np.int64(0))
        add(k0_bar, k_bar)
    return status


@inlined
def add_time(t_bars, c):
    """Pass the cotangent of an evaluation's time t + c h on to those of t and of h."""
    for lane in range(LANES):
        t_bars[START_BAR, lane] += t_bars[T_BAR, lane]
        t_bars[H_BAR, lane] += c * t_bars[T_BAR, lane]


@inlined
def add_size(t_bars, h, k, k_bar):
    """Add what slope k, weighted by h, gives to the cotangent of h."""
    for lane in range(LANES):
        total = Real(0)
        for m in range(k.shape[0]):
            total += k[m, lane] * k_bar[m, lane]
        t_bars[H_BAR, lane] += total / h[lane] if h[lane] != Real(0) else Real(0)


@inlined
def slopes_again(field, method, h, theta, record, work, values):
    """Fill the slopes `values.k` of a step again, from the stage states of its record."""
    z, time, k = record[0], work, values.k
    status = 0
    for i in range(method.fsal, method.stages + method.fsal):
        stage_time(time[1], time[0], method.c[i], h)
        slot = i - method.fsal  # its cache is not written again: a step that failed has cleared it
        status |= call_field(field, time[1], z[slot], theta, values.cache, k[i], values.lane_status)
    return status


@inlined
def step_jvp(tangent, method, h, theta, record, time, dots, values, theta_dot):
    r"""Fill the tangents of the slopes, and leave those of y_next in `z_dot`.

    .. math::
        \dot z_i = \dot y + h \sum_{j<i} a_{ij} \dot k_j + \dot h \sum_{j<i} a_{ij} k_j, \qquad
        \dot k_i = \partial f_i \, (\dot t + c_i \dot h, \dot z_i, \dot\theta), \qquad
        \dot y' = \dot z_S

    for several tangents, whose rows lie one after the other. Those of time and of h, and the slopes k, are read if
    `values` has rows: the others are 0 then.
    """
    z, cache = record
    y_dot, z_dot, k_dot, t_dot, h_dot = dots
    status = 0
    for i in range(method.fsal, method.stages + method.fsal):
        slot = i - method.fsal
        if i == 0:
            put(z_dot, y_dot)
        else:
            combine_whole(z_dot, y_dot, h, method.a[i], k_dot, i)
            add_change(z_dot, h_dot, method.a[i], values, i)
        stage_time(time[1], time[0], method.c[i], h)
        if values.y.shape[1] > 0:
            stage_time(t_dot[1], t_dot[0], method.c[i], h_dot)
        status |= call_field_jvp(
            tangent, time[1], z[slot], theta, cache[slot], t_dot[1], z_dot, theta_dot, k_dot[i]
        )
    if not method.fsal:
        combine_whole(z_dot, y_dot, h, method.a[method.stages], k_dot, method.stages)
        add_change(z_dot, h_dot, method.a[method.stages], values, method.stages)
    return status


@inlined
def add_change(z_dot, h_dot, w, values, n):
    """z_dot += h_dot sum(w[j] k[j] for j < n), for each of the tangents of h."""
    dim, lanes = values.y.shape[1], values.y.shape[2]
    if dim > 0:
        for j in range(len(h_dot) // lanes):
            contract(values.change, h_dot[j * lanes : (j + 1) * lanes], w, values.k, 0, n)
            add(z_dot[j * dim : (j + 1) * dim], values.change)
