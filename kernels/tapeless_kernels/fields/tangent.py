"""Runs the tangent of a network program: with the program, along one direction, or behind it, along many.

A value's tangent lies where its cotangent would. With the program operations are run one after the other, each
followed by its tangent: what an activation overwrites is read before. Behind it, what the program has kept is read.
"""

import numpy as np

from .._jit import kernel
from ..activations import activate_vjp
from ..field_abi import array_at
from ..tile import LANES, Real
from . import lower as op
from .dense import FROM_0, ONTO, dense, dense_side_by_side
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
    n_values,
    run,
    subtract,
)

TRUE, FALSE = np.int64(1), np.int64(0)
# Places in the context of many tangents, beside those of a program: their scratch, whether theta has tangents, and
# zeros to be read as such where it has none.
DOTS, WITH_THETA, ZEROS = range(8, 11)
N_PLACES = 11


def program_field_jvp(
    t, y, theta, theta_stride, cache, t_dot, y_dot, theta_dot, dy, dy_dot, context, dim, lanes
):
    """Evaluate a program and its tangent: the C function that every network is called through."""
    c = context
    if theta_stride != 0 or lanes != LANES:
        return np.int32(1)
    operations = array_at(c[OPERATIONS], np.int64, (c[N_OPERATIONS], N_COLUMNS))
    n_rows = n_values(operations) * LANES
    evaluate_jvp(
        operations,
        flat(t, LANES),
        flat(y, dim * LANES),
        flat(theta, c[N_PARAMS]),
        flat(cache, c[N_KEPT] * LANES),
        array_at(c[SCRATCH], Real, (c[N_SCRATCH] * LANES,)),
        flat(dy, n_rows),
        (
            flat(t_dot, LANES),
            flat(y_dot, dim * LANES),
            flat(theta_dot, c[N_PARAMS]),
            flat(dy_dot, n_rows),
            array_at(c[SCRATCH], Real, (c[N_SCRATCH] * LANES,)),
        ),
    )
    return np.int32(0)


def program_field_tangents(
    t, y, theta, theta_stride, cache, t_dot, y_dot, theta_dot, dy_dot, context, n, dim, lanes
):
    """Run n tangents of a program that has been run: the C function that every network is called through."""
    c = context
    if theta_stride != 0 or lanes != LANES:
        return np.int32(1)
    zeros = array_at(c[ZEROS], Real, (c[N_PARAMS],))
    operations = array_at(c[OPERATIONS], np.int64, (c[N_OPERATIONS], N_COLUMNS))
    evaluate_tangents(
        operations,
        flat(t, LANES),
        flat(y, dim * LANES),
        flat(theta, c[N_PARAMS]),
        flat(cache, c[N_KEPT] * LANES),
        array_at(c[SCRATCH], Real, (c[N_SCRATCH] * LANES,)),
        (
            flat(t_dot, n * LANES),
            flat(y_dot, n * dim * LANES),
            flat(theta_dot, n * c[N_PARAMS]) if c[WITH_THETA] else zeros,
            flat(dy_dot, n * n_values(operations) * LANES),
            array_at(c[DOTS], Real, (n * c[N_SCRATCH] * LANES,)),
        ),
        n,
        c[WITH_THETA],
    )
    return np.int32(0)


@kernel
def evaluate_jvp(operations, t, y, theta, kept, scratch, dy, dots):
    """dy = f(t, y, theta) and dy_dot; dots is (t_dot, y_dot, theta_dot, dy_dot, scratch)."""
    for i in range(operations.shape[0]):
        run(operations[i], t, y, theta, kept, scratch, dy)
        run_jvp(operations[i], y, theta, kept, scratch, dy, dots, TRUE)


@kernel
def evaluate_tangents(operations, t, y, theta, kept, scratch, dots, n, with_theta):
    """Fill dy_dot with n tangents; dots is (t_dot, y_dot, theta_dot, dy_dot, scratch), n of each, one after the other.

    `scratch`, of values, is theirs where the program did not keep them. What is run again has no weights: the
    output of a Dense layer is kept.
    """
    dim, n_scratch, n_params = y.shape[0], scratch.shape[0], theta.shape[0] if with_theta else 0
    n_rows = dots[3].shape[0] // n
    for i in range(operations.shape[0]):
        if operations[i, op.REPLAY]:
            run(operations[i], t, y, theta, kept, scratch, scratch)
    for i in range(operations.shape[0]):
        row = operations[i]
        if n > 1 and row[op.CODE] == op.DENSE:
            dense_tangents(row, y, theta, kept, scratch, dots, n, with_theta)
        elif n > 1 and row[op.CODE] == op.ACTIVATE:
            activate_tangents(row, y, kept, scratch, dots, n)
        else:
            for j in range(n):
                one = (
                    dots[0][j * LANES : (j + 1) * LANES], dots[1][j * dim : (j + 1) * dim],
                    dots[2][j * n_params : j * n_params + theta.shape[0]],
                    dots[3][j * n_rows : (j + 1) * n_rows],
                    dots[4][j * n_scratch : (j + 1) * n_scratch],
                )  # fmt: skip
                run_jvp(row, y, theta, kept, scratch, y, one, with_theta)


@kernel
def dense_tangents(row, y, theta, kept, scratch, dots, n, with_theta):
    """Run n tangents of a dense product, side by side."""
    _, y_dot, theta_dot, dy_dot, scratch_dot = dots
    n_in, n_out, at = row[op.N_IN], row[op.N_OUT], row[op.THETA]
    a, a_at = area(row[op.A], y, kept, scratch, y), row[op.A_AT] * LANES
    a_dot, a_dot_at = (
        area(row[op.A_BAR], y_dot, y_dot, scratch_dot, dy_dot), row[op.A_BAR_AT] * LANES
    )  # fmt: skip
    dot, dot_at = (
        area(row[op.OUT_BAR], y_dot, y_dot, scratch_dot, dy_dot), row[op.OUT_BAR_AT] * LANES
    )  # fmt: skip
    a_step, step = len(a_dot) // n, len(dot) // n
    start = np.int64(FROM_0)
    if with_theta and row[op.FIXED] == 0:
        start = np.int64(ONTO)
        for j in range(n):
            theta_at = at + j * theta.shape[0]
            dense(theta_dot, theta_at, a, a_at, dot, dot_at + j * step, n_in, n_out, row[op.KIND])
    dense_side_by_side(
        theta, at, (a_dot, a_dot_at, a_step), (dot, dot_at, step), n_in, n_out, start, n
    )


@kernel
def activate_tangents(row, y, kept, scratch, dots, n):
    """Run n tangents of an activation: its derivative is taken once, and lies where the cotangent would."""
    _, y_dot, _, dy_dot, scratch_dot = dots
    kind, size = row[op.KIND], row[op.N_IN] * LANES
    a, a_at = area(row[op.A], y, kept, scratch, y), row[op.A_AT] * LANES
    if KEEPS_OUTPUT[kind]:
        a, a_at = area(row[op.OUT], y, kept, scratch, y), row[op.OUT_AT] * LANES
    a_dot, a_dot_at = (
        area(row[op.A_BAR], y_dot, y_dot, scratch_dot, dy_dot), row[op.A_BAR_AT] * LANES
    )  # fmt: skip
    dot_at, step = row[op.OUT_BAR_AT] * LANES, len(scratch_dot) // n
    in_place = row[op.A_BAR] == row[op.OUT_BAR] and a_dot_at == dot_at
    slopes = scratch[dot_at : dot_at + size]
    for i in range(size):
        slopes[i] = Real(1)
    activate_vjp(kind, a, a_at, scratch, dot_at, size)
    for j in range(n):
        target = dot_at + j * step
        if not in_place:
            copy(a_dot, a_dot_at + j * (len(a_dot) // n), scratch_dot, target, size)
        scale(slopes, scratch_dot, target, size)


@kernel
def scale(factors, out, out_at, n):
    """out *= factors, for n numbers."""
    target = out[out_at : out_at + n]
    for i in range(n):
        target[i] *= factors[i]


@kernel
def run_jvp(row, y, theta, kept, scratch, dy, dots, with_theta):
    """Run the tangent of one operation, which has been run."""
    t_dot, y_dot, theta_dot, dy_dot, scratch_dot = dots
    values = (
        area(row[op.A], y, kept, scratch, dy),
        area(row[op.B], y, kept, scratch, dy),
        area(row[op.OUT], y, kept, scratch, dy),
    )
    tangents = (
        area(row[op.A_BAR], y_dot, y_dot, scratch_dot, dy_dot),
        area(row[op.B_BAR], y_dot, y_dot, scratch_dot, dy_dot),
        area(row[op.OUT_BAR], y_dot, y_dot, scratch_dot, dy_dot),
    )
    at = (row[op.A_BAR_AT] * LANES, row[op.B_BAR_AT] * LANES, row[op.OUT_BAR_AT] * LANES)
    stays, moves = row[op.A_BAR] == row[op.OUT_BAR] and at[0] == at[2], row[op.FIXED] == 0
    push(row, (theta, theta_dot), with_theta != 0 and moves, values, tangents, at, stays, t_dot)


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
