"""A network with its kinetic energy and the size of its Jacobian, integrated along: value and transpose.

The state is (z, kinetic, jacobian, eps), or (z, kinetic), and with f = f(t, z, theta) and g = (df/dz)^T eps

    z' = f,   kinetic' = |f|**2 / d,   jacobian' = |g|**2 / d,   eps' = 0,

d entries in z. The cache holds what the network keeps, then f, then g.
"""

import numpy as np

from .._jit import kernel
from ..field_abi import address_of, array_at, call_address, pointer_like
from ..ieee import fma
from ..tile import LANES, Real
from .dense import TURNED, clear
from .program import (
    N_COLUMNS,
    N_OPERATIONS,
    N_PARAMS,
    OPERATIONS,
    WEIGHTS,
    copy,
    flat,
    turn_all,
)

# Places in the context: the network's field, its context, and its rows in the cache; the transpose and the context
# that it has in the forward pass, in which theta is fixed; its tangent and the context of that; rows of scratch: of
# y_dot, of dy_bar_dot and of a y_bar that nobody reads; numbers for a t_bar and a theta_bar that nobody reads; zeros.
(
    FIELD, CONTEXT, N_CACHE, FIELD_VJP, CONTEXT_FIXED, SECOND, CONTEXT_SECOND, ROWS, UNREAD, ZEROS,
) = range(10)  # fmt: skip
N_PLACES = 10
ITEM = 8  # bytes of a number, bound for each dtype


def kinetic_field(t, y, theta, theta_stride, cache, dy, lane_status, context, dim, lanes):
    """Evaluate the network with its kinetic energy: the C function that every such field is called through."""
    c = context
    n = (dim - 1) * lanes
    code = call_address(
        c[FIELD], t, y, theta, theta_stride, cache, dy, lane_status,
        pointer_like(c[CONTEXT], context), dim - 1, lanes,
    )  # fmt: skip
    slopes, kept = flat(dy, n + lanes), flat(cache, c[N_CACHE] * lanes + n)
    copy(slopes, 0, kept, c[N_CACHE] * lanes, n)
    mean_square(kept, c[N_CACHE] * lanes, slopes, n, dim - 1)
    return code


def kinetic_field_vjp(
    t, y, theta, theta_stride, cache, dy_bar, y_bar, t_bar, theta_bar, context, dim, lanes
):
    """Run the transpose of `kinetic_field`: that of the network, of z_bar' + 2 kinetic_bar' f / d."""
    c = context
    n = (dim - 1) * lanes
    bar = array_at(c[ROWS], Real, (n,))
    given, kept = flat(dy_bar, n + lanes), flat(cache, c[N_CACHE] * lanes + n)
    copy(given, 0, bar, 0, n)
    mean_square_vjp(kept, c[N_CACHE] * lanes, given, n, bar, 0, dim - 1)
    code = call_address(
        c[FIELD_VJP], t, y, theta, theta_stride, cache, pointer_like(c[ROWS], dy_bar), y_bar, t_bar,
        theta_bar, pointer_like(c[CONTEXT], context), dim - 1, lanes,
    )  # fmt: skip
    clear(flat(y_bar, n + lanes), n, lanes)
    return code


def jacobian_field(t, y, theta, theta_stride, cache, dy, lane_status, context, dim, lanes):
    """Evaluate the network with its kinetic energy and the size of its Jacobian, as `kinetic_field`.

    The transpose of a single trajectory reads its weights turned, which must be done here: nobody says when theta
    is another one.
    """
    c = context
    d = (dim - 2) // 2
    n = d * lanes
    code = call_address(
        c[FIELD], t, y, theta, theta_stride, cache, dy, lane_status,
        pointer_like(c[CONTEXT], context), d, lanes,
    )  # fmt: skip
    if TURNED:
        fixed = array_at(c[CONTEXT_FIXED], np.int64, (WEIGHTS + 1,))
        operations = array_at(fixed[OPERATIONS], np.int64, (fixed[N_OPERATIONS], N_COLUMNS))
        weights = array_at(fixed[WEIGHTS], Real, (fixed[N_PARAMS],))
        turn_all(operations, flat(theta, fixed[N_PARAMS]), weights)
    f_at = c[N_CACHE] * lanes
    g_at = f_at + n
    failed = call_address(
        c[FIELD_VJP], t, y, theta, theta_stride, cache,
        pointer_like(address_of(y) + (n + 2 * lanes) * ITEM, y),
        pointer_like(address_of(cache) + g_at * ITEM, dy),
        pointer_like(c[UNREAD], dy), pointer_like(c[UNREAD] + lanes * ITEM, dy),
        pointer_like(c[CONTEXT_FIXED], context), d, lanes,
    )  # fmt: skip
    slopes, kept = flat(dy, dim * lanes), flat(cache, g_at + n)
    copy(slopes, 0, kept, f_at, n)
    mean_square(kept, f_at, slopes, n, d)
    mean_square(kept, g_at, slopes, n + lanes, d)
    clear(slopes, n + 2 * lanes, n)
    return code | failed


def jacobian_field_vjp(
    t, y, theta, theta_stride, cache, dy_bar, y_bar, t_bar, theta_bar, context, dim, lanes
):
    """Run the transpose of `jacobian_field`.

    It is the tangent of the network's transpose of eps, along z_dot = 2 jacobian_bar' g / d and
    eps_dot = z_bar' + 2 kinetic_bar' f / d; on the way is found eps_bar = (df/dz) z_dot.
    """
    c = context
    d = (dim - 2) // 2
    n = d * lanes
    f_at = c[N_CACHE] * lanes
    given, kept = flat(dy_bar, n + 2 * lanes), flat(cache, f_at + 2 * n)
    rows = array_at(c[ROWS], Real, (2 * n,))
    clear(rows, 0, n)
    mean_square_vjp(kept, f_at + n, given, n + lanes, rows, 0, d)
    copy(given, 0, rows, n, n)
    mean_square_vjp(kept, f_at, given, n, rows, n, d)
    zeros, end = pointer_like(c[ZEROS], t), c[UNREAD] + lanes * ITEM
    code = call_address(
        c[SECOND], t, y, theta, theta_stride, cache,
        pointer_like(address_of(y) + (n + 2 * lanes) * ITEM, y),
        zeros, pointer_like(c[ROWS], y), zeros, pointer_like(c[ROWS] + n * ITEM, y),
        pointer_like(address_of(y_bar) + (n + 2 * lanes) * ITEM, y_bar),
        pointer_like(c[ROWS] + 2 * n * ITEM, y_bar), pointer_like(c[UNREAD], t_bar),
        pointer_like(end, theta_bar), y_bar, t_bar, theta_bar,
        pointer_like(c[CONTEXT_SECOND], context), d, lanes,
    )  # fmt: skip
    clear(flat(y_bar, n + 2 * lanes), n, 2 * lanes)
    return code


@kernel
def mean_square(x, at, out, out_at, n):
    """out[lane] = sum(x[m, lane]**2 for m < n) / n."""
    total = out[out_at : out_at + LANES]
    for lane in range(len(total)):
        total[lane] = Real(0)
    for m in range(n):
        row = x[at + m * LANES : at + (m + 1) * LANES]
        for lane in range(len(total)):
            total[lane] = fma(row[lane], row[lane], total[lane])
    one_over_n = Real(1) / Real(n)
    for lane in range(len(total)):
        total[lane] *= one_over_n


@kernel
def mean_square_vjp(x, at, out_bar, out_bar_at, x_bar, x_bar_at, n):
    """x_bar[m, lane] += 2 out_bar[lane] x[m, lane] / n."""
    bar = out_bar[out_bar_at : out_bar_at + LANES]
    two_over_n = Real(2) / Real(n)
    for m in range(n):
        row = x[at + m * LANES : at + (m + 1) * LANES]
        target = x_bar[x_bar_at + m * LANES : x_bar_at + (m + 1) * LANES]
        for lane in range(len(bar)):
            target[lane] = fma(two_over_n * bar[lane], row[lane], target[lane])
