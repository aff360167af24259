"""The system of a continuous adjoint, states y and their cotangents a, as one field of twice the dimension.

y' = f and a' = -(df/dy)^T a; with rows for it also g' = -(df/dtheta)^T a, one for each parameter.
"""

import numpy as np

from ..field_abi import array_at, call_address, data_of, pointer_like
from ..tile import Real
from .program import flat, take_from

# Places in the context: the field of y, its dimension, a copy of the cotangent, and cotangents of theta and t
# that nobody reads.
FIELD, FIELD_VJP, CONTEXT, DIM, BAR, SINK, TIME_SINK = range(7)
TRUE = np.int64(1)


def backsolve_field(t, y, theta, theta_stride, cache, dy, lane_status, context, dim, lanes):
    """Evaluate the field and its transpose: the C function that every such system is called through."""
    n, total = context[DIM] * lanes, dim * lanes
    states, slopes = flat(y, total), flat(dy, total)
    inner = pointer_like(context[CONTEXT], context)
    code = call_address(
        context[FIELD], t, y, theta, theta_stride, cache, dy, lane_status, inner, context[DIM], lanes
    )  # fmt: skip
    if code != 0:
        return code
    # The transpose is linear, so that the sign is given to what goes in; and it may write to it.
    take_from(states, n, array_at(context[BAR], Real, (n,)), 0, n, TRUE)
    for i in range(2 * n, total):
        slopes[i] = Real(0)
    sums = context[SINK] if total == 2 * n else data_of(slopes[2 * n :])
    return call_address(
        context[FIELD_VJP], t, y, theta, theta_stride, cache, pointer_like(context[BAR], y),
        pointer_like(data_of(slopes[n:]), y), pointer_like(context[TIME_SINK], y),
        pointer_like(sums, theta), inner, context[DIM], lanes,
    )  # fmt: skip
