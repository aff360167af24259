r"""Steps of reversible methods on a tile, and the same steps taken back.

An ordinary method goes through here too: its step is one half of that of a PAIRED method. The transposes are
in `reversible_vjp.py`.

- PAIRED (McCallum and Foster (2024), arXiv 2410.11648): a second state z goes along, and :math:`\Psi_h` is the
  increment of any Runge-Kutta method,

  .. math::
      y' = \lambda y + (1 - \lambda) z + \Psi_h(t, z), \qquad z' = z - \Psi_{-h}(t + h, y').

- REVERSIBLE_HEUN (Kidger, Foster, Li and Lyons (2021), arXiv 2105.13493), with k = f(t, z):

  .. math::
      z' = 2 y - z + h k, \qquad k' = f(t + h, z'), \qquad y' = y + h (k + k') / 2.

- LEAPFROG, asynchronous (Zhuang et al. (2021), arXiv 2102.04668), with a velocity k that begins as f(t, y), and
  g twice its damping:

  .. math::
      s = y + h k / 2, \qquad k' = k + g (f(t + h / 2, s) - k), \qquad y' = s + h k' / 2.
"""

from .._jit import apart, inlined
from ..buffers import LEAPFROG, PAIRED, REVERSIBLE_HEUN, REVERSIBLE_TOO
from ..field_abi import call_field
from ..ieee import fma
from ..tile import Real, combine, put
from .explicit_rk import stage_time, step


@inlined
def take_step(field, method, h, states, theta, k, record, work, nexts):
    """Fill the slopes k, the record and `nexts`, (y_next, z_next), from `states`, (y, z); return the field's status.

    `record` is (z, cache) of this step, as in `step`; `work` (time, lane_status, back). The slopes of the way
    back in a PAIRED step lie after those of the way there: k_S is the slope at y_next.
    """
    if REVERSIBLE_TOO and method.kind > PAIRED:
        return take_short_step(field, method, h, states, theta, k, record, work, nexts)
    slots, cache = record
    time, lane_status, back = work
    y, z = states
    y_next, z_next = nexts
    halves = method.halves if REVERSIBLE_TOO else 1
    status = 0
    for half in range(halves):
        first = min(half * method.stages, slots.shape[0] - 1)
        there = half == 0
        base = y if halves == 1 else (z if there else y_next)
        status |= step(
            field, method, h if there else back[0], base, theta, k[half * method.stages :],
            (slots[first:], cache[first:]), (time if there else back[1:], lane_status),
            y_next if there else z_next,
        )  # fmt: skip
        if halves == 2 and there:
            couple(y_next, y, z, method.coupling[0])
            turn_round(back, time[0], h)
        elif halves == 2:
            take_increment(z_next, z, y_next)
    return status


@inlined
def take_step_back(field, method, h, states, theta, k, record, work, befores):
    """Fill `befores` with the states from which `take_step` came to `states`, and the record as it did.

    Of a method of one evaluation k_0 is that at the end, and k_1 becomes that before; its record has two entries.
    """
    if method.kind > PAIRED:
        return take_short_step_back(field, method, h, states, theta, k, record, work, befores)
    slots, cache = record
    time, lane_status, back = work
    y, z = states
    y_before, z_before = befores
    status = 0
    turn_round(back, time[0], h)
    for half in range(1, -1, -1):
        first, there = half * method.stages, half == 0
        status |= step(
            field, method, h if there else back[0], z_before if there else y, theta, k[first:],
            (slots[first:], cache[first:]), (time if there else back[1:], lane_status),
            y_before if there else z_before,
        )  # fmt: skip
        if there:
            uncouple(y_before, y, z_before, method.coupling[0])
        else:
            give_increment(z_before, z, y)
    return status


@inlined
def take_short_step(field, method, h, states, theta, k, record, work, nexts):
    """Do as `take_step`, for the methods of one evaluation; their rows of a: the solution's, the stage's."""
    slots, cache = record
    time, lane_status = work[0], work[1]
    y, z = states
    y_next, z_next = nexts
    stage, heun = slots[0], method.kind == REVERSIBLE_HEUN
    if heun:
        reflect(z_next, y, z)
    combine(stage, z_next if heun else y, h, method.a[1], k, 1)
    stage_time(time[1], time[0], method.c[0], h)
    status = call_field(field, time[1], stage, theta, cache[0], k[1], lane_status)
    if heun:
        put(z_next, stage)
    else:
        accelerate(k[1], k[0], method.coupling[0])
    combine(y_next, y if heun else stage, h, method.a[0], k, 2)
    if not heun:  # where the velocity before would have led
        combine(z_next, y_next, h, method.error[0], k, 2)
    return status


@inlined
def take_short_step_back(field, method, h, states, theta, k, record, work, befores):
    """Do as `take_step_back`, for the methods of one evaluation."""
    slots, cache = record
    time, lane_status, back = work
    y, z = states
    y_before, z_before = befores
    stage, leaps = slots[0], method.kind == LEAPFROG
    turn_round(back, time[0], h)
    if leaps:
        combine(stage, y, back[0], method.a[1], k, 1)
    else:
        put(stage, z)
        reflect(y_before, y, z)
        combine(z_before, y_before, back[0], method.a[1], k, 1)
    stage_time(time[1], time[0], method.c[0], h)
    status = call_field(field, time[1], stage, theta, cache[0], k[1], lane_status)
    if leaps:
        slow_down(k[1], k[0], method.coupling[0])
        combine(y_before, stage, back[0], method.a[1], k[1:], 1)
    else:
        put(slots[1], z_before)
        status |= call_field(field, time[0], slots[1], theta, cache[1], k[1], lane_status)
        combine(y_before, y, back[0], method.a[0], k, 2)
    return status


@apart
def couple(y_next, y, z, coupling):
    """y_next += coupling (y - z)."""
    for m in range(y_next.shape[0]):
        for lane in range(y_next.shape[1]):
            y_next[m, lane] = fma(coupling, y[m, lane] - z[m, lane], y_next[m, lane])


@apart
def uncouple(y_before, y, z_before, coupling):
    """y_before = z_before + (y - y_before) / coupling."""
    for m in range(y.shape[0]):
        for lane in range(y.shape[1]):
            over = y[m, lane] - y_before[m, lane]
            y_before[m, lane] = z_before[m, lane] + over / coupling


@apart
def turn_round(back, t, h):
    """Set back to a step -h from t + h."""
    for lane in range(len(t)):
        back[0, lane] = -h[lane]
        back[1, lane] = t[lane] + h[lane]


@apart
def take_increment(z_next, z, y_next):
    """z_next = z - (z_next - y_next), where z_next is a step from y_next."""
    for m in range(z.shape[0]):
        for lane in range(z.shape[1]):
            z_next[m, lane] = z[m, lane] + (y_next[m, lane] - z_next[m, lane])


@apart
def give_increment(z_before, z, y):
    """z_before = z + (z_before - y), where z_before is a step from y."""
    for m in range(z.shape[0]):
        for lane in range(z.shape[1]):
            z_before[m, lane] = z[m, lane] - (y[m, lane] - z_before[m, lane])


@apart
def reflect(out, y, z):
    """Out = 2 y - z."""
    for m in range(y.shape[0]):
        for lane in range(y.shape[1]):
            out[m, lane] = y[m, lane] + (y[m, lane] - z[m, lane])


@apart
def accelerate(u, v, g):
    """U = v + g (u - v)."""
    for m in range(v.shape[0]):
        for lane in range(v.shape[1]):
            u[m, lane] = fma(g, u[m, lane] - v[m, lane], v[m, lane])


@apart
def slow_down(u, v, g):
    """U = (v - g u) / (1 - g): the velocity before, from that after and the slope between."""
    for m in range(v.shape[0]):
        for lane in range(v.shape[1]):
            u[m, lane] = fma(-g, u[m, lane], v[m, lane]) / (Real(1) - g)
