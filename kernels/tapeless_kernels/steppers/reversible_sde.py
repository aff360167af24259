r"""The reversible Heun method for SDEs, its transpose, and its step back.

With F(t, z) = f(t, z) h + g(t, z) W, from (y, z) and the fields at z,

.. math::
    z' = 2 y - z + F(t, z), \qquad y' = y + \tfrac12 \big(F(t, z) + F(t + h, z')\big),

so that the fields are evaluated once a step, and from (y', z') the same formulas with -h and -W lead back.

Kidger, Foster, Li and Lyons (2021), arXiv 2105.13493, algorithms 1 and 2.
"""

from .._jit import apart, copied
from ..tableaus.stochastic import W
from ..tile import LANES, Real, add, fill, put, take
from .explicit_rk import stage_time
from .noise_weights import add_drift, add_noise, add_noise_vjp, add_scaled, set_scaled
from .sde_fields import evaluate_both, evaluate_both_vjp


@copied
def begin_reversible(equation, tile, t, state, theta, record, work):
    """Set z = y and the fields there."""
    put(state.z[tile], state.y[tile])
    put(record[0][0], state.y[tile])
    for lane in range(LANES):
        work.time[1, lane] = t[lane]
    failed = evaluate_both(
        equation, record[0][0], theta, (record[1][0], record[2][0]), (work.f[0], work.g[0]), work
    )
    put(state.f[tile], work.f[0])
    put(state.g[tile], work.g[0])
    return failed


@copied
def reversible_step(equation, h, state, theta, noise, record, work):
    """Fill `work.y_next`, z' in the record, and the fields there in `work.f` and `work.g`."""
    y, z, f, g = state
    z_next, w = record[0][0], noise[W]
    reflect(z_next, y, z)
    add_drift(z_next, Real(1), h, f)
    add_noise(z_next, w, g)
    stage_time(work.time[1], work.time[0], Real(1), h)
    failed = evaluate_both(
        equation, z_next, theta, (record[1][0], record[2][0]), (work.f[0], work.g[0]), work
    )
    put(work.y_next, y)
    set_scaled(work.weights, Real(0.5), w)
    for j in range(2):
        add_drift(work.y_next, Real(0.5), h, work.f[0] if j else f)
        add_noise(work.y_next, work.weights, work.g[0] if j else g)
    return failed


@apart
def reflect(out, y, z):
    """Out = 2 y - z."""
    for m in range(out.shape[0]):
        for lane in range(len(out[0])):
            out[m, lane] = Real(2) * y[m, lane] - z[m, lane]


@copied
def reversible_step_vjp(equation, h, theta, noise, record, work, bars, tile, theta_bar):
    r"""Turn the cotangents of y', z' and of the fields at z' into those of y, z and the fields at z, in place.

    .. math::
        \bar f' \mathrel{+}= \tfrac h2 \bar y', \quad \bar g' \mathrel{+}= \tfrac W2 \bar y', \quad
        \bar z' \mathrel{+}= (\partial f')^\top \bar f' + (\partial g')^\top \bar g', \qquad
        \bar f = h (\tfrac12 \bar y' + \bar z'), \quad \bar g = W (\tfrac12 \bar y' + \bar z'), \quad
        \bar y = \bar y' + 2 \bar z', \quad \bar z = - \bar z'.

    Lanes that do not move have h = W = 0 and keep what they have.
    """
    y_bar, z_bar, w = bars.y[tile], bars.companion[tile], noise[W]
    set_scaled(work.weights, Real(0.5), w)
    take_moving(bars.f, bars.f_kept[tile], work.moved)
    take_moving(bars.g, bars.g_kept[tile], work.moved)
    add_drift(bars.f, Real(0.5), h, y_bar)
    add_noise_vjp(bars.g, work.weights, y_bar)
    stage_time(work.time[1], work.time[0], Real(1), h)
    term = bars.term[1]
    failed = evaluate_both_vjp(
        equation, record[0][0], theta, (record[1][0], record[2][0]), term, work, bars, theta_bar
    )
    add_moving(z_bar, term, work.moved)
    put(term, z_bar)
    add_scaled(term, Real(0.5), y_bar)
    fill(bars.f, Real(0))
    fill(bars.g, Real(0))
    add_drift(bars.f, Real(1), h, term)
    add_noise_vjp(bars.g, w, term)
    take(work.moved, bars.f_kept[tile], bars.f)
    take(work.moved, bars.g_kept[tile], bars.g)
    reflect_bars(y_bar, z_bar, work.moved)
    return failed


@apart
def take_moving(out, x, moved):
    """Out = x in lanes that move, else 0."""
    for m in range(out.shape[0]):
        for lane in range(len(moved)):
            value = x[m, lane]
            out[m, lane] = value if moved[lane] == 1 else Real(0)


@apart
def add_moving(out, x, moved):
    """Out += x in lanes that move."""
    for m in range(out.shape[0]):
        for lane in range(len(moved)):
            old, more = out[m, lane], x[m, lane]
            out[m, lane] = old + more if moved[lane] == 1 else old


@apart
def reflect_bars(y_bar, z_bar, moved):
    """Set y_bar += 2 z_bar, z_bar = -z_bar in lanes that move."""
    for m in range(y_bar.shape[0]):
        for lane in range(len(moved)):
            y, z = y_bar[m, lane], z_bar[m, lane]
            y_bar[m, lane] = y + Real(2) * z if moved[lane] == 1 else y
            z_bar[m, lane] = -z if moved[lane] == 1 else z


@copied
def begin_reversible_vjp(equation, tile, t, theta, record, work, bars, theta_bar):
    """Add what z = y and the fields there have as cotangents to that of y; `record` has the evaluation at the start."""
    for lane in range(LANES):
        work.time[1, lane] = t[lane]
    put(bars.f, bars.f_kept[tile])
    put(bars.g, bars.g_kept[tile])
    term = bars.term[1]
    failed = evaluate_both_vjp(
        equation, record[0][0], theta, (record[1][0], record[2][0]), term, work, bars, theta_bar
    )
    add(bars.y[tile], bars.companion[tile])
    add(bars.y[tile], term)
    return failed


@copied
def step_back(equation, h, state, theta, noise, record, work):
    """Turn (y', z') and the fields at z' into those a step before, in place; the last evaluation is in the record.

    Lanes with h = 0 have no noise either, and z' = z is no fixed point of the formulas: they are not moved.
    """
    y, z, f, g = state
    w = noise[W]
    reflect(work.y_next, y, z)
    add_drift(work.y_next, Real(-1), h, f)
    set_scaled(work.weights, Real(-1), w)
    add_noise(work.y_next, work.weights, g)
    put(record[0][0], work.y_next)
    for lane in range(LANES):
        work.time[1, lane] = work.time[0, lane]
    failed = evaluate_both(
        equation, record[0][0], theta, (record[1][0], record[2][0]), (work.f[0], work.g[0]), work
    )
    put(work.y_next, y)
    set_scaled(work.weights, Real(-0.5), w)
    for j in range(2):
        add_drift(work.y_next, Real(-0.5), h, work.f[0] if j else f)
        add_noise(work.y_next, work.weights, work.g[0] if j else g)
    take(work.moved, y, work.y_next)
    take(work.moved, z, record[0][0])
    take(work.moved, f, work.f[0])
    take(work.moved, g, work.g[0])
    return failed
