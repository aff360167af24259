"""The transposes of the steps in `reversible.py`: cotangents of the states at its end become those at its start."""

from .._jit import apart, inlined
from ..buffers import PAIRED, REVERSIBLE_HEUN, REVERSIBLE_TOO
from ..field_abi import call_field_vjp
from ..ieee import fma
from ..tile import Real
from .explicit_rk import T_BAR, stage_time, step_vjp
from .reversible import turn_round


@inlined
def take_step_vjp(field, method, h, theta, record, work, bars, accepted, theta_bar):
    """Do as `step_vjp` for a step of `take_step`.

    `work` is (time, back); `bars` those of `step_vjp`, the cotangent of z, and room for that of half a step.
    """
    if REVERSIBLE_TOO and method.kind > PAIRED:
        return take_short_step_vjp(field, method, h, theta, record, work, bars, accepted, theta_bar)
    slots, cache, slopes = record
    time, back = work
    y_bar, k0_bar, z_bar, k_bars, t_bars, estimates, companion, inner = bars
    halves = method.halves if REVERSIBLE_TOO else 1
    status = 0
    if halves == 2:
        turn_round(back, time[0], h)
        enter(y_bar, companion, inner, accepted)
    for half in range(halves - 1, -1, -1):
        first, there = half * method.stages, half == 0
        status |= step_vjp(
            field, method, h if there else back[0], theta, (slots[first:], cache[first:], slopes),
            time if there else back[1:], (y_bar if halves == 1 else inner, k0_bar, z_bar, k_bars, t_bars, estimates),
            accepted, theta_bar,
        )  # fmt: skip
        if halves == 2 and there:
            add_taken(companion, inner, accepted)
        elif halves == 2:
            uncouple_bars(y_bar, companion, inner, method.coupling[0], accepted)
    return status


@inlined
def take_short_step_vjp(field, method, h, theta, record, work, bars, accepted, theta_bar):
    """Do as `take_step_vjp`, for the methods of one evaluation."""
    slots, cache, _ = record
    time = work[0]
    y_bar, k0_bar, _, k_bars, t_bars, _, companion, _ = bars
    slope_bar, stage_bar = k_bars[0], k_bars[1]
    g, a = method.coupling[0], method.a
    end_bars(slope_bar, k0_bar, y_bar, h, a[0, 1], g, accepted)
    stage_time(time[1], time[0], method.c[0], h)
    status = call_field_vjp(
        field, time[1], slots[0], theta, cache[0], slope_bar, stage_bar, t_bars[T_BAR], theta_bar
    )
    if method.kind == REVERSIBLE_HEUN:
        heun_bars(y_bar, k0_bar, companion, stage_bar, h, (a[0, 0], a[1, 0]), accepted)
    else:
        leapfrog_bars(y_bar, k0_bar, stage_bar, h, a[1, 0], a[0, 1], g, accepted)
    return status


@apart
def enter(y_bar, companion, inner, accepted):
    """The transpose of z' = z - (x - y'): y_bar += companion, and inner, that of x, is -companion."""
    for m in range(y_bar.shape[0]):
        for lane in range(len(accepted)):
            moved, bar, z_bar = accepted[lane] == 1, y_bar[m, lane], companion[m, lane]
            y_bar[m, lane] = bar + z_bar if moved else bar
            inner[m, lane] = -z_bar if moved else Real(0)


@apart
def uncouple_bars(y_bar, companion, inner, coupling, accepted):
    """The transpose of y' = x + coupling (y - z), y_bar + inner being that of y': inner becomes that of x."""
    for m in range(y_bar.shape[0]):
        for lane in range(len(accepted)):
            moved, bar, z_bar = accepted[lane] == 1, y_bar[m, lane], companion[m, lane]
            both = bar + inner[m, lane]
            y_bar[m, lane] = coupling * both if moved else bar
            companion[m, lane] = fma(-coupling, both, z_bar) if moved else z_bar
            inner[m, lane] = both if moved else Real(0)


@apart
def add_taken(out, x, accepted):
    """Out += x in the lanes where accepted is 1."""
    for m in range(out.shape[0]):
        for lane in range(len(accepted)):
            old, more = out[m, lane], x[m, lane]
            out[m, lane] = old + more if accepted[lane] == 1 else old


@apart
def end_bars(slope_bar, k0_bar, y_bar, h, b, g, accepted):
    """slope_bar = g (k0_bar + h b y_bar): of the evaluation, from those of k' and y'."""
    for m in range(y_bar.shape[0]):
        for lane in range(len(accepted)):
            bar = g * fma(h[lane] * b, y_bar[m, lane], k0_bar[m, lane])
            slope_bar[m, lane] = bar if accepted[lane] == 1 else Real(0)


@apart
def heun_bars(y_bar, k0_bar, companion, stage_bar, h, weights, accepted):
    """The transpose of the reversible Heun step but for its evaluation; `weights` are those of k in y' and z'."""
    for m in range(y_bar.shape[0]):
        for lane in range(len(accepted)):
            moved, bar, z_bar, k_bar = (
                accepted[lane] == 1,
                y_bar[m, lane],
                companion[m, lane],
                k0_bar[m, lane],
            )
            both = z_bar + stage_bar[m, lane]
            slope = h[lane] * fma(weights[1], both, weights[0] * bar)
            y_bar[m, lane] = fma(Real(2), both, bar) if moved else bar
            companion[m, lane] = -both if moved else z_bar
            k0_bar[m, lane] = slope if moved else k_bar


@apart
def leapfrog_bars(y_bar, k0_bar, stage_bar, h, a, b, g, accepted):
    """The transpose of a leapfrog step but for its evaluation; a and b are the weights of k in s and k' in y'."""
    for m in range(y_bar.shape[0]):
        for lane in range(len(accepted)):
            moved, bar, k_bar = accepted[lane] == 1, y_bar[m, lane], k0_bar[m, lane]
            after = fma(h[lane] * b, bar, k_bar)
            both = bar + stage_bar[m, lane]
            y_bar[m, lane] = both if moved else bar
            k0_bar[m, lane] = fma(h[lane] * a, both, (Real(1) - g) * after) if moved else k_bar
