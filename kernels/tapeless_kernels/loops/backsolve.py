"""The integral of (df/dtheta)^T a along a recorded solve of states y and cotangents a: a quadrature.

No step depends on it, so that it is taken over accepted steps only, from what the record holds of their stages:
Kidger, Chen and Lyons (2021), "Hey, that's not an ODE", Proc. ICML, 5443-5452.
"""

from .._jit import apart, inlined
from ..field_abi import call_field_vjp
from ..status import DONE, FIELD_ERROR
from ..steppers.explicit_rk import stage_time
from ..tile import LANES, Real, take


@inlined
def integrate_theta(field, method, record, head, work, bars, scale, theta, theta_bar):
    r"""Add to `theta_bar` what the recorded iterations give, in their order; the method runs as FSAL.

    .. math::
        \bar\theta \mathrel{-}= \sum_n \sum_i h_n b_i (\partial_\theta f)^\top a_i

    Each lane's share is multiplied by its `scale`. The rows of `head` are the evaluation with which the next step
    of each lane begins, and are left so for the record that follows.
    """
    bar, sink, time_sink = bars
    dim, stages = bar.shape[0], method.stages
    weights, failed = method.a[stages], 0
    for n in range(record.filled[0]):
        for tile in range(record.h.shape[1]):
            h, moved = record.h[n, tile], 0
            for lane in range(LANES):
                accepted = 1 if h[lane] != Real(0) else 0
                work.accepted[tile, lane] = accepted
                work.time[0, lane] = Real(record.t[n, tile, 0, lane])
                moved += accepted
            if moved == 0:
                continue
            z, cache = record.z[n, tile], record.cache[n, tile]
            if weights[0] != Real(0):
                y = head.y[tile]
                weigh(bar, y[dim:], h, scale[tile], weights[0])
                failed |= call_field_vjp(
                    field, head.t[tile], y[:dim], theta, head.cache[tile], bar, sink, time_sink, theta_bar
                )  # fmt: skip
            for i in range(1, stages):
                if weights[i] != Real(0):
                    stage_time(work.time[1], work.time[0], method.c[i], h)
                    weigh(bar, z[i - 1, dim:], h, scale[tile], weights[i])
                    failed |= call_field_vjp(
                        field, work.time[1], z[i - 1, :dim], theta, cache[i - 1], bar, sink, time_sink,
                        theta_bar,
                    )  # fmt: skip
            stage_time(work.time[1], work.time[0], method.c[stages], h)
            take(work.accepted[tile], head.y[tile], z[stages - 1])
            take(work.accepted[tile], head.cache[tile], cache[stages - 1])
            for lane in range(LANES):
                if work.accepted[tile, lane] == 1:
                    head.t[tile, lane] = work.time[1, lane]
    return FIELD_ERROR if failed != 0 else DONE


@apart
def weigh(bar, a, h, scale, weight):
    """Bar = -h weight scale a."""
    for m in range(bar.shape[0]):
        for lane in range(len(h)):
            bar[m, lane] = -(h[lane] * weight * scale[lane]) * a[m, lane]
