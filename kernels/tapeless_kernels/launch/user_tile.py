"""The loops over the lanes of a tile around a Python function of one trajectory, its transpose and its tangents.

They are C functions of `field_abi` and `tangent_abi`; `user_field` says what the functions are, and compiles them.
"""

import numpy as np

from .._jit import inlined, pasted
from ..field_abi import address_of, array_at, data_of
from ..status import FIELD_FAILED
from ..tile import LANES, Real

user_field = user_field_vjp = user_field_jvp = user_field_vjp_jvp = transposed = (
    None  # bound for each field, as are
)
DIM = N_PARAMS = N_ROWS = 1
VALUE = (1, 1)  # the shape of a tile of values: (DIM, LANES), or of matrices (DIM, channels, LANES)


@pasted
def column(values, lane):
    """Return the vector of a lane."""
    return values[:, lane]


@pasted
def column_of_matrices(values, lane):
    """Return the matrix of a lane."""
    return values[:, :, lane]


def user_tile(t, y, theta, theta_stride, cache, dy, lane_status, context, dim, lanes):
    """Evaluate the function in every lane: two loops, which are a third faster than one that finds its column."""
    time = array_at(address_of(t), Real, (LANES,))
    states = array_at(address_of(y), Real, (DIM, LANES))
    slopes = array_at(address_of(dy), Real, VALUE)
    if theta_stride == 0:
        shared = array_at(address_of(theta), Real, (N_PARAMS,))
        for lane in range(LANES):
            user_field(time[lane], states[:, lane], shared, column(slopes, lane))
    else:
        own = array_at(address_of(theta), Real, (N_PARAMS, LANES))
        for lane in range(LANES):
            user_field(time[lane], states[:, lane], own[:, lane], column(slopes, lane))
    return 0


def user_tile_that_raises(t, y, theta, theta_stride, cache, dy, lane_status, context, dim, lanes):
    """Evaluate a function that may raise: that ends its lane alone."""
    time = array_at(address_of(t), Real, (LANES,))
    states = array_at(address_of(y), Real, (DIM, LANES))
    slopes = array_at(address_of(dy), Real, VALUE)
    shared = array_at(address_of(theta), Real, (N_PARAMS,))
    own = array_at(address_of(theta), Real, (N_PARAMS, LANES))
    status = array_at(address_of(lane_status), np.uint8, (LANES,))
    for lane in range(LANES):
        try:
            if theta_stride == 0:
                user_field(time[lane], states[:, lane], shared, column(slopes, lane))
            else:
                user_field(time[lane], states[:, lane], own[:, lane], column(slopes, lane))
        except Exception:
            status[lane] = FIELD_FAILED
    return 0


@inlined
def vjp_with_time(t, y, theta, dy_bar, y_bar, theta_bar, t_bar):
    """Call a transpose that gives the cotangent of time too."""
    user_field_vjp(t, y, theta, dy_bar, y_bar, theta_bar, t_bar)


@inlined
def vjp_without_time(t, y, theta, dy_bar, y_bar, theta_bar, t_bar):
    """Call a transpose that does not give the cotangent of time, which stays unknown."""
    user_field_vjp(t, y, theta, dy_bar, y_bar, theta_bar)
    t_bar[0] = Real(np.nan)


def user_tile_vjp(
    t, y, theta, theta_stride, cache, dy_bar, y_bar, t_bar, theta_bar, context, dim, lanes
):
    """Evaluate the transpose in every lane; if they share theta, what they add to `theta_bar` is summed at the end.

    A lane whose cotangent is 0 gives 0: not 0 inf, where the field is singular.
    """
    time = array_at(address_of(t), Real, (LANES,))
    states = array_at(address_of(y), Real, (DIM, LANES))
    bars = array_at(address_of(dy_bar), Real, VALUE)
    states_bar = array_at(address_of(y_bar), Real, (DIM, LANES))
    time_bar = array_at(address_of(t_bar), Real, (1, LANES))
    if theta_stride == 0:
        shared = array_at(address_of(theta), Real, (N_PARAMS,))
        sums = array_at(address_of(theta_bar), Real, (N_PARAMS,))
        added = array_at(address_of(context), Real, (N_PARAMS + 1, LANES))
        begin_sums(added)
        for lane in range(LANES):
            transposed(
                time[lane], states[:, lane], shared, column(bars, lane), states_bar[:, lane],
                added[:, lane], time_bar[0, lane : lane + 1],
            )  # fmt: skip
        mark_idle(added[N_PARAMS], array_at(address_of(dy_bar), Real, (N_ROWS, LANES)))
        clear_idle(added[N_PARAMS], states_bar, DIM)
        clear_idle(added[N_PARAMS], time_bar, 1)
        sum_lanes(sums, added)
    else:
        own = array_at(address_of(theta), Real, (N_PARAMS, LANES))
        own_bar = array_at(address_of(theta_bar), Real, (N_PARAMS, LANES))
        for lane in range(LANES):
            transposed(
                time[lane], states[:, lane], own[:, lane], column(bars, lane), states_bar[:, lane],
                own_bar[:, lane], time_bar[0, lane : lane + 1],
            )  # fmt: skip
    return 0


def user_tile_jvp(
    t, y, theta, theta_stride, cache, t_dot, y_dot, theta_dot, dy_dot, context, n, dim, lanes
):
    """Evaluate n tangents in every lane; context[0] says whether theta has any, context[1] where there are zeros."""
    time, states = (
        array_at(address_of(t), Real, (LANES,)),
        array_at(address_of(y), Real, (DIM, LANES)),
    )
    times_dot = array_at(address_of(t_dot), Real, (n, LANES))
    states_dot = array_at(address_of(y_dot), Real, (n, DIM, LANES))
    values_dot = array_at(address_of(dy_dot), Real, (n, N_ROWS * LANES))
    some = context[0] != 0
    at, rows = address_of(theta_dot) if some else context[1], n if some else 1
    for j in range(n):
        row = j if some else 0
        slopes_dot = array_at(data_of(values_dot[j]), Real, VALUE)
        if theta_stride == 0:
            shared = array_at(address_of(theta), Real, (N_PARAMS,))
            shared_dot = array_at(at, Real, (rows, N_PARAMS))[row]
            for lane in range(LANES):
                user_field_jvp(
                    time[lane], states[:, lane], shared, times_dot[j, lane], states_dot[j, :, lane], shared_dot,
                    column(slopes_dot, lane),
                )  # fmt: skip
        else:
            own = array_at(address_of(theta), Real, (N_PARAMS, LANES))
            own_dot = array_at(at, Real, (rows, N_PARAMS, LANES))[row]
            for lane in range(LANES):
                user_field_jvp(
                    time[lane], states[:, lane], own[:, lane], times_dot[j, lane], states_dot[j, :, lane],
                    own_dot[:, lane], column(slopes_dot, lane),
                )  # fmt: skip
    return 0


def user_tile_vjp_along(
    t, y, theta, theta_stride, cache, dy_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot, context, dim, lanes
):  # fmt: skip
    """Evaluate the transpose and its derivative along y_dot in every lane, as `user_tile_vjp` does the transpose."""
    time = array_at(address_of(t), Real, (LANES,))
    states = array_at(address_of(y), Real, (DIM, LANES))
    bars = array_at(address_of(dy_bar), Real, VALUE)
    states_dot = array_at(address_of(y_dot), Real, (DIM, LANES))
    states_bar = array_at(address_of(y_bar), Real, (DIM, LANES))
    states_bar_dot = array_at(address_of(y_bar_dot), Real, (DIM, LANES))
    if theta_stride == 0:
        shared = array_at(address_of(theta), Real, (N_PARAMS,))
        sums = array_at(address_of(theta_bar_dot), Real, (N_PARAMS,))
        added = array_at(address_of(context), Real, (N_PARAMS + 1, LANES))
        begin_sums(added)
        for lane in range(LANES):
            user_field_vjp_jvp(
                time[lane], states[:, lane], shared, column(bars, lane), states_dot[:, lane], states_bar[:, lane],
                states_bar_dot[:, lane], added[:, lane],
            )  # fmt: skip
        mark_idle(added[N_PARAMS], array_at(address_of(dy_bar), Real, (N_ROWS, LANES)))
        clear_idle(added[N_PARAMS], states_bar, DIM)
        clear_idle(added[N_PARAMS], states_bar_dot, DIM)
        sum_lanes(sums, added)
    else:
        own = array_at(address_of(theta), Real, (N_PARAMS, LANES))
        own_bar_dot = array_at(address_of(theta_bar_dot), Real, (N_PARAMS, LANES))
        for lane in range(LANES):
            user_field_vjp_jvp(
                time[lane], states[:, lane], own[:, lane], column(bars, lane), states_dot[:, lane],
                states_bar[:, lane], states_bar_dot[:, lane], own_bar_dot[:, lane],
            )  # fmt: skip
    return 0


@inlined
def begin_sums(added):
    """Set what lanes add for their parameters to 0; the last row is of which lanes count."""
    for j in range(N_PARAMS):
        for lane in range(LANES):
            added[j, lane] = Real(0)


@inlined
def mark_idle(counts, bars):
    """Set `counts` to 0 in lanes whose cotangent is 0, else to 1."""
    for lane in range(LANES):
        counts[lane] = Real(0)
    for m in range(N_ROWS):
        for lane in range(LANES):
            counts[lane] = Real(1) if bars[m, lane] != Real(0) else counts[lane]


@inlined
def clear_idle(counts, values, n):
    """Set n rows of what the lanes have given to 0 in those that do not count."""
    for m in range(n):
        for lane in range(LANES):
            x = values[m, lane]
            values[m, lane] = x if counts[lane] == Real(1) else Real(0)


@inlined
def sum_lanes(sums, added):
    """Sums += the sum over lanes that count of what each has added, pairs first."""
    clear_idle(added[N_PARAMS], added, N_PARAMS)
    for j in range(N_PARAMS):
        width = LANES
        while width > 1:
            width //= 2
            for lane in range(width):
                added[j, lane] += added[j, lane + width]
        sums[j] += added[j, 0]
