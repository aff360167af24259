"""Runs several fields as one, their sum, and its transpose: one compiled pair for every composition.

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
