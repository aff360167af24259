"""Runs a network program on one tile, and its transpose: one compiled pair for every network."""

import numpy as np

from .._jit import inlined, kernel, pasted
from ..activations import ACTIVATIONS, activate, activate_in_place, activate_vjp
from ..field_abi import address_of, array_at
from ..ieee import from_bits
from ..tile import LANES, Real
from . import lower as op
from .dense import (
    PANEL_SIZE,
    TURNED,
    dense,
    dense_vjp_input,
    dense_vjp_theta,
    turn_weights,
)
from .norm import layer_norm, layer_norm_vjp
from .products import add_product, outer, outer_vjp, product, waves, waves_vjp

KEEPS_OUTPUT = tuple(activation.keeps_output for activation in ACTIVATIONS)
N_COLUMNS = len(op.COLUMNS)
TRUE = np.int64(1)
# Places in the context of a program: addresses and sizes, all int64.
OPERATIONS, N_OPERATIONS, N_PARAMS, N_KEPT, N_SCRATCH, SCRATCH, PANEL, WEIGHTS = range(8)


def program_field(t, y, theta, theta_stride, cache, dy, lane_status, context, dim, lanes):
    """Evaluate a program: the C function that every network is called through."""
    c = context
    if theta_stride != 0 or lanes != LANES:
        return np.int32(1)
    operations = array_at(c[OPERATIONS], np.int64, (c[N_OPERATIONS], N_COLUMNS))
    evaluate(
        operations,
        flat(t, LANES),
        flat(y, dim * LANES),
        flat(theta, c[N_PARAMS]),
        flat(cache, c[N_KEPT] * LANES),
        array_at(c[SCRATCH], Real, (c[N_SCRATCH] * LANES,)),
        flat(dy, n_values(operations) * LANES),
    )
    return np.int32(0)


def program_field_vjp(
    t, y, theta, theta_stride, cache, dy_bar, y_bar, t_bar, theta_bar, context, dim, lanes
):
    """Run the transpose of `program_field`."""
    c = context
    if theta_stride != 0 or lanes != LANES:
        return np.int32(1)
    operations = array_at(c[OPERATIONS], np.int64, (c[N_OPERATIONS], N_COLUMNS))
    scratch = array_at(c[SCRATCH], Real, (c[N_SCRATCH] * LANES,))
    weights = array_at(c[WEIGHTS], Real, (c[N_PARAMS],)) if TURNED else flat(theta, c[N_PARAMS])
    evaluate_vjp(
        operations,
        flat(t, LANES),
        flat(y, dim * LANES),
        weights,
        flat(cache, c[N_KEPT] * LANES),
        (
            flat(dy_bar, n_values(operations) * LANES),
            flat(y_bar, dim * LANES),
            scratch,
            flat(t_bar, LANES),
        ),
        flat(theta_bar, c[N_PARAMS]),
        array_at(c[PANEL], Real, (PANEL_SIZE,)),
    )
    return np.int32(0)


@inlined
def n_values(operations):
    """Return how many numbers a program computes: dim, but of a diffusion's."""
    return operations[operations.shape[0] - 1, op.N_OUT]


@pasted
def flat(pointer, n):
    """Return the n numbers behind a pointer."""
    return array_at(address_of(pointer), Real, (n,))


@kernel
def evaluate(operations, t, y, theta, kept, scratch, dy):
    """dy = f(t, y, theta), all flat; `kept` is filled with what the transpose reads."""
    for i in range(operations.shape[0]):
        run(operations[i], t, y, theta, kept, scratch, dy)


@kernel
def run(row, t, y, theta, kept, scratch, dy):
    """Run one operation."""
    code, n_in, n_out = row[op.CODE], row[op.N_IN], row[op.N_OUT]
    a, a_at = area(row[op.A], y, kept, scratch, dy), row[op.A_AT] * LANES
    out, out_at = area(row[op.OUT], y, kept, scratch, dy), row[op.OUT_AT] * LANES
    b, b_at = area(row[op.B], y, kept, scratch, dy), row[op.B_AT] * LANES
    if code == op.DENSE:
        dense(theta, row[op.THETA], a, a_at, out, out_at, n_in, n_out, row[op.KIND])
    elif code == op.ACTIVATE:
        if row[op.A] == row[op.OUT] and a_at == out_at:
            activate_in_place(row[op.KIND], a, a_at, n_in * LANES)
        else:
            activate(row[op.KIND], a, a_at, out, out_at, n_in * LANES)
    elif code == op.PRODUCT:
        product(a, a_at, b, b_at, out, out_at, n_in * LANES)
    elif code == op.OUTER:
        outer(a, a_at, a, a_at, out, out_at, n_in, TRUE)
    elif code == op.WAVES:
        waves(a, a_at, out, out_at, n_in * LANES)
    elif code == op.LAYER_NORM:
        eps = Real(from_bits(row[op.KIND]))
        layer_norm(theta, row[op.THETA], a, a_at, b, b_at, out, out_at, n_in, eps)
    elif code == op.SUM and row[op.KIND] == 1:
        subtract(b, b_at, a, a_at, out, out_at, n_in * LANES)
    else:
        copy(a, a_at, out, out_at, n_in * LANES)
        if code == op.SUM:
            add(b, b_at, out, out_at, n_in * LANES)
        elif code == op.CONCAT:
            copy(b, b_at, out, out_at + n_in * LANES, (n_out - n_in) * LANES)
        elif code == op.CONCAT_TIME:
            copy(t, 0, out, out_at + n_in * LANES, LANES)


@kernel
def evaluate_vjp(operations, t, y, weights, kept, bars, theta_bar, panel):
    """Turn the cotangent of dy into those of y and t, and add to theta_bar; bars is (dy_bar, y_bar, scratch, t_bar).

    What is replayed has no weights: the output of a Dense layer is kept.
    """
    scratch, t_bar = bars[2], bars[3]
    for lane in range(LANES):
        t_bar[lane] = Real(0)
    for i in range(operations.shape[0]):
        if operations[i, op.REPLAY]:
            run(operations[i], t, y, weights, kept, scratch, scratch)
    for i in range(operations.shape[0] - 1, -1, -1):
        run_vjp(operations[i], y, weights, kept, bars, theta_bar, panel)


@kernel
def run_vjp(row, y, weights, kept, bars, theta_bar, panel):
    """Run the transpose of one operation."""
    dy_bar, y_bar, scratch, t_bar = bars
    code, n_in, n_out = row[op.CODE], row[op.N_IN], row[op.N_OUT]
    n = n_in * LANES
    a_bar, a_bar_at = area(row[op.A_BAR], y_bar, y_bar, scratch, dy_bar), row[op.A_BAR_AT] * LANES
    bar, bar_at = area(row[op.OUT_BAR], y_bar, y_bar, scratch, dy_bar), row[op.OUT_BAR_AT] * LANES
    a, a_at = area(row[op.A], y, kept, scratch, y), row[op.A_AT] * LANES
    b, b_at = area(row[op.B], y, kept, scratch, y), row[op.B_AT] * LANES
    b_bar, b_bar_at = area(row[op.B_BAR], y_bar, y_bar, scratch, dy_bar), row[op.B_BAR_AT] * LANES
    value, value_at = area(row[op.OUT], y, kept, scratch, y), row[op.OUT_AT] * LANES
    fresh, at = row[op.A_FRESH], row[op.THETA]
    if code == op.DENSE:
        if row[op.FIXED] == 0:
            dense_vjp_theta(a, a_at, bar, bar_at, theta_bar, at, n_in, n_out, row[op.KIND], panel)
        dense_vjp_input(weights, at, bar, bar_at, a_bar, a_bar_at, n_in, n_out, fresh, panel)
    elif code == op.ACTIVATE:
        if not KEEPS_OUTPUT[row[op.KIND]]:
            value, value_at = a, a_at
        activate_vjp(row[op.KIND], value, value_at, bar, bar_at, n)
        if row[op.A_BAR] != row[op.OUT_BAR] or a_bar_at != bar_at:
            pass_on(bar, bar_at, a_bar, a_bar_at, n, fresh)
    elif code == op.PRODUCT:
        add_product(b, b_at, bar, bar_at, a_bar, a_bar_at, n, fresh)
        add_product(a, a_at, bar, bar_at, b_bar, b_bar_at, n, row[op.B_FRESH])
    elif code == op.OUTER:
        outer_vjp(a, a_at, bar, bar_at, a_bar, a_bar_at, n_in, fresh)
    elif code == op.WAVES:
        waves_vjp(value, value_at, bar, bar_at, a_bar, a_bar_at, n, fresh)
    elif code == op.LAYER_NORM:
        layer_norm_vjp(
            weights, at, a, a_at, b, b_at, bar, bar_at, a_bar, a_bar_at, b_bar, b_bar_at,
            theta_bar, n_in, fresh,
        )  # fmt: skip
    elif code == op.SUM and row[op.KIND] == 1:
        take_from(bar, bar_at, a_bar, a_bar_at, n, fresh)
        pass_on(bar, bar_at, b_bar, b_bar_at, n, row[op.B_FRESH])
    else:
        pass_on(bar, bar_at, a_bar, a_bar_at, n, fresh)
        if code == op.SUM:
            pass_on(bar, bar_at, b_bar, b_bar_at, n, row[op.B_FRESH])
        elif code == op.CONCAT:
            pass_on(bar, bar_at + n, b_bar, b_bar_at, n_out * LANES - n, row[op.B_FRESH])
        elif code == op.CONCAT_TIME:
            add(bar, bar_at + n, t_bar, 0, LANES)


@kernel
def turn_all(operations, theta, turned):
    """Turn the weights of every dense product, for `dense_vjp_input` where it wants them so."""
    for i in range(operations.shape[0]):
        row = operations[i]
        if row[op.CODE] == op.DENSE:
            turn_weights(theta, row[op.THETA], turned, row[op.N_IN], row[op.N_OUT])
        elif row[op.CODE] == op.LAYER_NORM:
            copy(theta, row[op.THETA], turned, row[op.THETA], 2 * row[op.N_IN])


@kernel
def area(which, input, kept, scratch, output):
    """Return the array that a place's area names."""
    if which == op.INPUT:
        return input
    if which == op.KEPT:
        return kept
    if which == op.SCRATCH:
        return scratch
    return output


@kernel
def pass_on(bar, bar_at, a_bar, a_bar_at, n, fresh):
    """a_bar += bar, a_bar being 0 if fresh."""
    if fresh:
        copy(bar, bar_at, a_bar, a_bar_at, n)
    else:
        add(bar, bar_at, a_bar, a_bar_at, n)


@kernel
def take_from(bar, bar_at, a_bar, a_bar_at, n, fresh):
    """a_bar -= bar, a_bar being 0 if fresh."""
    source, target = bar[bar_at : bar_at + n], a_bar[a_bar_at : a_bar_at + n]
    if fresh:
        for i in range(n):
            target[i] = -source[i]
    else:
        for i in range(n):
            target[i] -= source[i]


@kernel
def subtract(a, a_at, b, b_at, out, out_at, n):
    """out = a - b, for n numbers."""
    x, y, target = a[a_at : a_at + n], b[b_at : b_at + n], out[out_at : out_at + n]
    for i in range(n):
        target[i] = x[i] - y[i]


@kernel
def copy(a, a_at, out, out_at, n):
    """out = a, for n numbers."""
    source, target = a[a_at : a_at + n], out[out_at : out_at + n]
    for i in range(n):
        target[i] = source[i]


@kernel
def add(a, a_at, out, out_at, n):
    """out += a, for n numbers."""
    source, target = a[a_at : a_at + n], out[out_at : out_at + n]
    for i in range(n):
        target[i] += source[i]
