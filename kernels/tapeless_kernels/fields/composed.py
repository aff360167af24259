"""Runs several fields as one, their sum, its transpose and its tangents: compiled once for every composition.

dy = sum_i f_i(t, y, theta_i), each f_i reached by its address and theta_i a part of theta, or constants.
"""

import numpy as np

from ..field_abi import address_of, array_at, call_address, pointer_like
from ..tile import Real
from .program import add, copy, flat

# Columns of the table of parts. THETA: the address of constants, or 0 where the part reads theta, START
# bytes a lane on (bytes in all, where lanes share theta); its rows of the cache begin CACHE bytes a lane on.
COLUMNS = "FIELD FIELD_VJP CONTEXT THETA THETA_BAR START CACHE".split()
FIELD, FIELD_VJP, CONTEXT, THETA, THETA_BAR, START, CACHE = range(len(COLUMNS))
N_COLUMNS = len(COLUMNS)
# Places in the context: the table, how many parts, a term of the sum, a copy of the cotangent, and a term of
# the time's.
PARTS, N_PARTS, TERM, BAR, TIME_TERM = range(5)


def composed_field(t, y, theta, theta_stride, cache, dy, lane_status, context, dim, lanes):
    """Evaluate the parts one after the other: the C function that every composition is called through."""
    parts = array_at(context[PARTS], np.int64, (context[N_PARTS], N_COLUMNS))
    n = dim * lanes
    total, term = flat(dy, n), array_at(context[TERM], Real, (n,))
    for i in range(context[N_PARTS]):
        part = parts[i]
        constant = part[THETA] != 0
        stride = theta_stride * (0 if constant else 1)
        at = part[START] * (1 if theta_stride == 0 else lanes) + address_of(theta)
        code = call_address(
            part[FIELD], t, y, pointer_like(part[THETA] if constant else at, theta), stride,
            pointer_like(address_of(cache) + part[CACHE] * lanes, cache),
            pointer_like(address_of(dy) if i == 0 else context[TERM], dy), lane_status,
            pointer_like(part[CONTEXT], context), dim, lanes,
        )  # fmt: skip
        if code != 0:
            return code
        if i > 0:
            add(term, 0, total, 0, n)
    return np.int32(0)


def composed_field_vjp(
    t, y, theta, theta_stride, cache, dy_bar, y_bar, t_bar, theta_bar, context, dim, lanes
):
    """Run the transposes of the parts; each has a copy of the cotangent, which it may write to."""
    parts = array_at(context[PARTS], np.int64, (context[N_PARTS], N_COLUMNS))
    n = dim * lanes
    given, bar = flat(dy_bar, n), array_at(context[BAR], Real, (n,))
    total, term = flat(y_bar, n), array_at(context[TERM], Real, (n,))
    time_total, time_term = flat(t_bar, lanes), array_at(context[TIME_TERM], Real, (lanes,))
    for i in range(context[N_PARTS]):
        part = parts[i]
        constant = part[THETA] != 0
        stride = theta_stride * (0 if constant else 1)
        start = part[START] * (1 if theta_stride == 0 else lanes)
        at, bar_at = start + address_of(theta), start + address_of(theta_bar)
        copy(given, 0, bar, 0, n)
        code = call_address(
            part[FIELD_VJP], t, y, pointer_like(part[THETA] if constant else at, theta), stride,
            pointer_like(address_of(cache) + part[CACHE] * lanes, cache),
            pointer_like(context[BAR], dy_bar),
            pointer_like(address_of(y_bar) if i == 0 else context[TERM], y_bar),
            pointer_like(address_of(t_bar) if i == 0 else context[TIME_TERM], t_bar),
            pointer_like(part[THETA_BAR] if constant else bar_at, theta_bar),
            pointer_like(part[CONTEXT], context), dim, lanes,
        )  # fmt: skip
        if code != 0:
            return code
        if i > 0:
            add(term, 0, total, 0, n)
            add(time_term, 0, time_total, 0, lanes)
    return np.int32(0)


TERM_DOT = 4  # in the context of the next in place of the time's


def composed_field_vjp_along(
    t, y, theta, theta_stride, cache, dy_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot, context, dim, lanes
):  # fmt: skip
    """Run the tangents of the parts' transposes along y, whose addresses stand for those of the transposes."""
    parts = array_at(context[PARTS], np.int64, (context[N_PARTS], N_COLUMNS))
    n = dim * lanes
    given, bar = flat(dy_bar, n), array_at(context[BAR], Real, (n,))
    total, term = flat(y_bar, n), array_at(context[TERM], Real, (n,))
    total_dot, term_dot = flat(y_bar_dot, n), array_at(context[TERM_DOT], Real, (n,))
    for i in range(context[N_PARTS]):
        part = parts[i]
        constant = part[THETA] != 0
        stride = theta_stride * (0 if constant else 1)
        start = part[START] * (1 if theta_stride == 0 else lanes)
        at, bar_at = start + address_of(theta), start + address_of(theta_bar_dot)
        copy(given, 0, bar, 0, n)
        code = call_address(
            part[FIELD_VJP], t, y, pointer_like(part[THETA] if constant else at, theta), stride,
            pointer_like(address_of(cache) + part[CACHE] * lanes, cache),
            pointer_like(context[BAR], dy_bar), y_dot,
            pointer_like(address_of(y_bar) if i == 0 else context[TERM], y_bar),
            pointer_like(address_of(y_bar_dot) if i == 0 else context[TERM_DOT], y_bar_dot),
            pointer_like(part[THETA_BAR] if constant else bar_at, theta_bar_dot),
            pointer_like(part[CONTEXT], context), dim, lanes,
        )  # fmt: skip
        if code != 0:
            return code
        if i > 0:
            add(term, 0, total, 0, n)
            add(term_dot, 0, total_dot, 0, n)
    return np.int32(0)


# Columns of the table of parts for tangents, whose THETA, START and CACHE are those of the other. AT: where its
# parameters, PARAMS of them, begin in theta.
JVP, JVP_CONTEXT, JVP_THETA, JVP_START, JVP_AT, JVP_CACHE, JVP_PARAMS = range(7)
N_JVP_COLUMNS = 7
# Places in their context: the table, how many parts, a term of the sum, the tangents of a part's theta, whether theta
# has any, and how many parameters there are.
JVP_PARTS, N_JVP_PARTS, JVP_TERM, THETA_DOTS, WITH_THETA, N_PARAMS = range(6)


def composed_field_tangents(
    t, y, theta, theta_stride, cache, t_dot, y_dot, theta_dot, dy_dot, context, n, dim, lanes
):
    """Run n tangents of the parts one after the other; those of a part's theta are gathered first."""
    parts = array_at(context[JVP_PARTS], np.int64, (context[N_JVP_PARTS], N_JVP_COLUMNS))
    size, own = n * dim * lanes, 1 if theta_stride == 0 else lanes
    total, term = flat(dy_dot, size), array_at(context[JVP_TERM], Real, (size,))
    n_params = context[N_PARAMS] * own
    gathered = array_at(context[THETA_DOTS], Real, (n * n_params,))
    given = flat(theta_dot, n * n_params * context[WITH_THETA])
    for i in range(context[N_JVP_PARTS]):
        part = parts[i]
        constant, n_part = part[JVP_THETA] != 0, part[JVP_PARAMS] * own
        if context[WITH_THETA] and not constant:
            for j in range(n):
                copy(given, j * n_params + part[JVP_AT] * own, gathered, j * n_part, n_part)
        at = part[JVP_THETA] if constant else address_of(theta) + part[JVP_START] * own
        code = call_address(
            part[JVP], t, y, pointer_like(at, theta), theta_stride * (0 if constant else 1),
            pointer_like(address_of(cache) + part[JVP_CACHE] * lanes, cache), t_dot, y_dot,
            pointer_like(context[THETA_DOTS], theta_dot),
            pointer_like(address_of(dy_dot) if i == 0 else context[JVP_TERM], dy_dot),
            pointer_like(part[JVP_CONTEXT], context), n, dim, lanes,
        )  # fmt: skip
        if code != 0:
            return code
        if i > 0:
            add(term, 0, total, 0, size)
    return np.int32(0)
