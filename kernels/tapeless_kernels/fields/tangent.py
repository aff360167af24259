"""Runs a network program together with its tangent: dy and its derivative along directions of t, y and theta.

A value's tangent lies where its cotangent would. Operations are run one after the other, each followed by its
tangent: what an activation overwrites is read before.
"""

import numpy as np

from .._jit import kernel
from ..activations import activate_vjp
from ..field_abi import array_at
from ..tile import LANES, Real
from . import lower as op
from .dense import FROM_0, ONTO, dense
from .norm import layer_norm_jvp
from .products import add_product, outer, product, waves_jvp
from .program import (
    KEEPS_OUTPUT,
    N_COLUMNS,
    N_KEPT,
    N_OPERATIONS,
    N_PARAMS,
    N_SCRATCH,
    OPERATIONS,
    SCRATCH,
    add,
    area,
    copy,
    flat,
    run,
    subtract,
)

TRUE, FALSE = np.int64(1), np.int64(0)


def program_field_jvp(
    t, y, theta, theta_stride, cache, t_dot, y_dot, theta_dot, dy, dy_dot, context, dim, lanes
):
    """Evaluate a program and its tangent: the C function that every network is called through."""
    c = context
    if theta_stride != 0 or lanes != LANES:
        return np.int32(1)
    evaluate_jvp(
        array_at(c[OPERATIONS], np.int64, (c[N_OPERATIONS], N_COLUMNS)),
        flat(t, LANES),
        flat(y, dim * LANES),
        flat(theta, c[N_PARAMS]),
        flat(cache, c[N_KEPT] * LANES),
        array_at(c[SCRATCH], Real, (c[N_SCRATCH] * LANES,)),
        flat(dy, dim * LANES),
        (
            flat(t_dot, LANES),
            flat(y_dot, dim * LANES),
            flat(theta_dot, c[N_PARAMS]),
            flat(dy_dot, dim * LANES),
        ),
    )
    return np.int32(0)


@kernel
def evaluate_jvp(operations, t, y, theta, kept, scratch, dy, dots):
    """dy = f(t, y, theta) and dy_dot; dots is (t_dot, y_dot, theta_dot, dy_dot)."""
    for i in range(operations.shape[0]):
        run(operations[i], t, y, theta, kept, scratch, dy)
        run_jvp(operations[i], y, theta, kept, scratch, dy, dots)


@kernel
def run_jvp(row, y, theta, kept, scratch, dy, dots):
    """Run the tangent of one operation, which has been run."""
    t_dot, y_dot, theta_dot, dy_dot = dots
    values = (
        area(row[op.A], y, kept, scratch, dy),
        area(row[op.B], y, kept, scratch, dy),
        area(row[op.OUT], y, kept, scratch, dy),
    )
    tangents = (
        area(row[op.A_BAR], y_dot, y_dot, scratch, dy_dot),
        area(row[op.B_BAR], y_dot, y_dot, scratch, dy_dot),
        area(row[op.OUT_BAR], y_dot, y_dot, scratch, dy_dot),
    )
    at = (row[op.A_BAR_AT] * LANES, row[op.B_BAR_AT] * LANES, row[op.OUT_BAR_AT] * LANES)
    stays = row[op.A_BAR] == row[op.OUT_BAR] and at[0] == at[2]
    push(row, (theta, theta_dot), row[op.FIXED] == 0, values, tangents, at, stays, t_dot)


@kernel
def push(row, thetas, moves, values, tangents, at, stays, t_dot):
    """Turn the tangents of the operands A and B of one operation into that of its result; all lie at `at`.

    If it `stays`, the result's tangent lies where that of A does. Theta has none unless it `moves`.
    """
    (theta, theta_dot), (a, b, value), (a_dot, b_dot, dot) = thetas, values, tangents
    a_dot_at, b_dot_at, dot_at = at
    a_at, b_at, value_at = row[op.A_AT] * LANES, row[op.B_AT] * LANES, row[op.OUT_AT] * LANES
    code, n_in, n_out, first = row[op.CODE], row[op.N_IN], row[op.N_OUT], row[op.THETA]
    n = n_in * LANES
    if code == op.DENSE:
        if moves:
            dense(theta_dot, first, a, a_at, dot, dot_at, n_in, n_out, row[op.KIND])
            dense(theta, first, a_dot, a_dot_at, dot, dot_at, n_in, n_out, np.int64(ONTO))
        else:
            dense(theta, first, a_dot, a_dot_at, dot, dot_at, n_in, n_out, np.int64(FROM_0))
    elif code == op.ACTIVATE:
        if not KEEPS_OUTPUT[row[op.KIND]]:
            value, value_at = a, a_at
        if not stays:
            copy(a_dot, a_dot_at, dot, dot_at, n)
        activate_vjp(row[op.KIND], value, value_at, dot, dot_at, n)
    elif code == op.PRODUCT:
        product(a_dot, a_dot_at, b, b_at, dot, dot_at, n)
        add_product(a, a_at, b_dot, b_dot_at, dot, dot_at, n, FALSE)
    elif code == op.OUTER:
        outer(a, a_at, a_dot, a_dot_at, dot, dot_at, n_in, TRUE)
        outer(a_dot, a_dot_at, a, a_at, dot, dot_at, n_in, FALSE)
    elif code == op.WAVES:
        waves_jvp(value, value_at, a_dot, a_dot_at, dot, dot_at, n)
    elif code == op.LAYER_NORM:
        layer_norm_jvp(
            theta, theta_dot, first, a, a_at, b, b_at, a_dot, a_dot_at, b_dot, b_dot_at, dot,
            dot_at, n_in,
        )  # fmt: skip
    elif code == op.SUM and row[op.KIND] == 1:
        subtract(b_dot, b_dot_at, a_dot, a_dot_at, dot, dot_at, n)
    else:
        copy(a_dot, a_dot_at, dot, dot_at, n)
        if code == op.SUM:
            add(b_dot, b_dot_at, dot, dot_at, n)
        elif code == op.CONCAT:
            copy(b_dot, b_dot_at, dot, dot_at + n, n_out * LANES - n)
        elif code == op.CONCAT_TIME:
            copy(t_dot, 0, dot, dot_at + n, LANES)
