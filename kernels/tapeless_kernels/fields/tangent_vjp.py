"""Runs the transpose of a network program together with its tangent: what Hessian-vector products need.

A tangent lies at the place of its value in a second set of arrays: those of the state, of what is kept, of
scratch and of the cotangents. (`tangent.py` needs no second set, but would leave no room for cotangents.)
"""

import numpy as np

from .._jit import kernel
from ..activations import activate_vjp_jvp
from ..field_abi import array_at, call_address, pointer_like
from ..tile import LANES, Real
from . import lower as op
from .dense import PANEL_SIZE, TURNED, dense_vjp_jvp
from .norm import layer_norm_vjp_jvp
from .products import add_product, outer_vjp, waves_vjp
from .program import (
    KEEPS_OUTPUT,
    N_COLUMNS,
    N_KEPT,
    N_OPERATIONS,
    N_PARAMS,
    N_SCRATCH,
    OPERATIONS,
    PANEL,
    SCRATCH,
    WEIGHTS,
    add,
    area,
    flat,
    n_values,
    pass_on,
    run,
    take_from,
)
from .tangent import FALSE, push

# More places in the context of a program: tangents of what it keeps, of its scratch and of its turned weights, each
# behind its values; whether theta has a tangent, and its cotangent is wanted.
KEPT_DOT, THETA_MOVES = 8, 9
N_PLACES = 10
# Places in the context of that along y alone: the function, its context, how many numbers dy has; where tangents of t
# and theta are 0, and that of dy_bar is set to; and where what nobody reads goes.
FUNCTION, CONTEXT, N_ROWS, T_DOT, THETA_DOT, DY_BAR_DOT, DY_DOT, T_BAR, THETA_BAR, T_BAR_DOT = (
    range(10)
)
N_PLACES_ALONG = 10


def program_field_vjp_jvp(
    t, y, theta, theta_stride, cache, dy_bar, t_dot, y_dot, theta_dot, dy_bar_dot, dy_dot,
    y_bar, t_bar, theta_bar, y_bar_dot, t_bar_dot, theta_bar_dot, context, dim, lanes,
):  # fmt: skip
    """Run the transpose of `program_field` and its tangent: the C function that every network is called through."""
    c = context
    if theta_stride != 0 or lanes != LANES:
        return np.int32(1)
    operations = array_at(c[OPERATIONS], np.int64, (c[N_OPERATIONS], N_COLUMNS))
    n, n_rows, n_kept, n_scratch, n_params = (
        dim * lanes,
        n_values(operations) * lanes,
        c[N_KEPT] * lanes,
        c[N_SCRATCH] * lanes,
        c[N_PARAMS],
    )
    thetas = (flat(theta, n_params), flat(theta_dot, n_params))
    turned = (
        array_at(c[WEIGHTS], Real, (n_params,)),
        array_at(c[WEIGHTS] + n_params * thetas[0].itemsize, Real, (n_params,)),
    )
    scratch = array_at(c[SCRATCH], Real, (2 * n_scratch,))
    evaluate_vjp_jvp(
        operations,
        (flat(t, lanes), flat(t_dot, lanes)),
        (thetas, turned if TURNED else thetas, c[THETA_MOVES]),
        (
            (flat(y, n), flat(cache, n_kept), scratch[:n_scratch]),
            (
                flat(y_dot, n),
                array_at(c[KEPT_DOT], Real, (n_kept,)),
                scratch[n_scratch:],
            ),
        ),
        flat(dy_dot, n_rows),
        (flat(dy_bar, n_rows), flat(dy_bar_dot, n_rows)),
        (flat(y_bar, n), flat(y_bar_dot, n)),
        (flat(t_bar, lanes), flat(t_bar_dot, lanes)),
        (flat(theta_bar, n_params), flat(theta_bar_dot, n_params)),
        array_at(c[PANEL], Real, (PANEL_SIZE,)),
    )
    return np.int32(0)


def program_field_vjp_along(
    t, y, theta, theta_stride, cache, dy_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot, context, dim, lanes
):  # fmt: skip
    """Run `program_field_vjp_jvp` along y alone."""
    c = context
    bar_dot = array_at(c[DY_BAR_DOT], Real, (c[N_ROWS] * lanes,))
    for i in range(c[N_ROWS] * lanes):
        bar_dot[i] = Real(0)
    return call_address(
        c[FUNCTION], t, y, theta, theta_stride, cache, dy_bar, pointer_like(c[T_DOT], t), y_dot,
        pointer_like(c[THETA_DOT], t), pointer_like(c[DY_BAR_DOT], t), pointer_like(c[DY_DOT], t), y_bar,
        pointer_like(c[T_BAR], t), pointer_like(c[THETA_BAR], t), y_bar_dot, pointer_like(c[T_BAR_DOT], t),
        theta_bar_dot, pointer_like(c[CONTEXT], context), dim, lanes,
    )  # fmt: skip


@kernel
def evaluate_vjp_jvp(
    operations, times, parameters, values, dy_dot, dy_bars, y_bars, t_bars, theta_bars, panel
):
    """Turn the cotangent of dy and its tangent into those of y and t, and add to theta_bars; all are pairs.

    `parameters` is theta, the weights as the transpose reads them, and whether they have a tangent; `values` are
    (y, kept, scratch). What stands in the second place of y_bars depends on all tangents that are given; dy_dot
    is found on the way.
    """
    thetas, _, moves = parameters
    (y, kept, scratch), (y_dot, kept_dot, scratch_dot) = values
    for i in range(operations.shape[0]):
        row = operations[i]
        if row[op.REPLAY]:
            run(row, times[0], y, thetas[0], kept, scratch, scratch)
        found = (
            area(row[op.A], y, kept, scratch, scratch),
            area(row[op.B], y, kept, scratch, scratch),
            area(row[op.OUT], y, kept, scratch, scratch),
        )
        tangents = (
            area(row[op.A], y_dot, kept_dot, scratch_dot, dy_dot),
            area(row[op.B], y_dot, kept_dot, scratch_dot, dy_dot),
            area(row[op.OUT], y_dot, kept_dot, scratch_dot, dy_dot),
        )
        at = (row[op.A_AT] * LANES, row[op.B_AT] * LANES, row[op.OUT_AT] * LANES)
        stays = row[op.A] == row[op.OUT] and at[0] == at[2]
        count = moves != 0 and row[op.FIXED] == 0
        push(row, thetas, count, found, tangents, at, stays, times[1])
    for k in range(2):
        for lane in range(LANES):
            t_bars[k][lane] = Real(0)
    for i in range(operations.shape[0] - 1, -1, -1):
        row = operations[i]
        run_vjp_jvp(row, parameters, values, dy_bars, y_bars, t_bars, theta_bars, panel)


@kernel
def run_vjp_jvp(row, parameters, values, dy_bars, y_bars, t_bars, theta_bars, panel):
    """Run the transpose of one operation and its tangent."""
    _, weights, moves = parameters
    (y, kept, scratch), (y_dot, kept_dot, scratch_dot) = values
    code, n_in, n_out = row[op.CODE], row[op.N_IN], row[op.N_OUT]
    n = n_in * LANES
    a_at, b_at, value_at = row[op.A_AT] * LANES, row[op.B_AT] * LANES, row[op.OUT_AT] * LANES
    a = (area(row[op.A], y, kept, scratch, y), area(row[op.A], y_dot, kept_dot, scratch_dot, y_dot))
    b = (area(row[op.B], y, kept, scratch, y), area(row[op.B], y_dot, kept_dot, scratch_dot, y_dot))
    value = (
        area(row[op.OUT], y, kept, scratch, y),
        area(row[op.OUT], y_dot, kept_dot, scratch_dot, y_dot),
    )
    a_bar_at, b_bar_at = row[op.A_BAR_AT] * LANES, row[op.B_BAR_AT] * LANES
    bar_at = row[op.OUT_BAR_AT] * LANES
    a_bar = (
        area(row[op.A_BAR], y_bars[0], y_bars[0], scratch, dy_bars[0]),
        area(row[op.A_BAR], y_bars[1], y_bars[1], scratch_dot, dy_bars[1]),
    )
    b_bar = (
        area(row[op.B_BAR], y_bars[0], y_bars[0], scratch, dy_bars[0]),
        area(row[op.B_BAR], y_bars[1], y_bars[1], scratch_dot, dy_bars[1]),
    )
    bar = (
        area(row[op.OUT_BAR], y_bars[0], y_bars[0], scratch, dy_bars[0]),
        area(row[op.OUT_BAR], y_bars[1], y_bars[1], scratch_dot, dy_bars[1]),
    )
    fresh, b_fresh, first = row[op.A_FRESH], row[op.B_FRESH], row[op.THETA]
    if code == op.DENSE:
        learns = np.int64(0) if row[op.FIXED] else np.int64(2 if moves else 1)
        dense_vjp_jvp(
            weights, first, a, a_at, bar, bar_at, a_bar, a_bar_at, theta_bars, n_in, n_out, row[op.KIND],
            fresh, learns, panel,
        )  # fmt: skip
    elif code == op.ACTIVATE:
        if not KEEPS_OUTPUT[row[op.KIND]]:
            value, value_at = a, a_at
        activate_vjp_jvp(row[op.KIND], value[0], value[1], value_at, bar[0], bar[1], bar_at, n)
        if row[op.A_BAR] != row[op.OUT_BAR] or a_bar_at != bar_at:
            for k in range(2):
                pass_on(bar[k], bar_at, a_bar[k], a_bar_at, n, fresh)
    elif code == op.PRODUCT:
        add_product(b[0], b_at, bar[0], bar_at, a_bar[0], a_bar_at, n, fresh)
        add_product(b[0], b_at, bar[1], bar_at, a_bar[1], a_bar_at, n, fresh)
        add_product(b[1], b_at, bar[0], bar_at, a_bar[1], a_bar_at, n, FALSE)
        add_product(a[0], a_at, bar[0], bar_at, b_bar[0], b_bar_at, n, b_fresh)
        add_product(a[0], a_at, bar[1], bar_at, b_bar[1], b_bar_at, n, b_fresh)
        add_product(a[1], a_at, bar[0], bar_at, b_bar[1], b_bar_at, n, FALSE)
    elif code == op.OUTER:
        outer_vjp(a[0], a_at, bar[0], bar_at, a_bar[0], a_bar_at, n_in, fresh)
        outer_vjp(a[0], a_at, bar[1], bar_at, a_bar[1], a_bar_at, n_in, fresh)
        outer_vjp(a[1], a_at, bar[0], bar_at, a_bar[1], a_bar_at, n_in, FALSE)
    elif code == op.WAVES:
        waves_vjp(value[0], value_at, bar[0], bar_at, a_bar[0], a_bar_at, n, fresh)
        waves_vjp(value[0], value_at, bar[1], bar_at, a_bar[1], a_bar_at, n, fresh)
        # Of the sine's tangent and the cosine's, which are cos a_dot and - sin a_dot.
        waves_vjp(value[1], value_at, bar[0], bar_at, a_bar[1], a_bar_at, n, FALSE)
    elif code == op.LAYER_NORM:
        layer_norm_vjp_jvp(
            weights, first, a, a_at, b, b_at, bar, bar_at, a_bar, a_bar_at, b_bar, b_bar_at,
            theta_bars, n_in, fresh,
        )  # fmt: skip
    elif code == op.SUM and row[op.KIND] == 1:
        for k in range(2):
            take_from(bar[k], bar_at, a_bar[k], a_bar_at, n, fresh)
            pass_on(bar[k], bar_at, b_bar[k], b_bar_at, n, b_fresh)
    else:
        for k in range(2):
            pass_on(bar[k], bar_at, a_bar[k], a_bar_at, n, fresh)
            if code == op.SUM:
                pass_on(bar[k], bar_at, b_bar[k], b_bar_at, n, b_fresh)
            elif code == op.CONCAT:
                pass_on(bar[k], bar_at + n, b_bar[k], b_bar_at, n_out * LANES - n, b_fresh)
            elif code == op.CONCAT_TIME:
                add(bar[k], bar_at + n, t_bars[k], np.int64(0), LANES)
