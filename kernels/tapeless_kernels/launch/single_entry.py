"""What Python calls: the loop for one trajectory on a table of places and addresses."""

import functools

import numpy as np
from numba import types

from .._jit import kernel
from ..field_abi import Field, array_at, call_address, call_field
from ..loops import single_state as place
from ..loops.single import next_stage, resume
from ..loops.single_state import Single
from ..loops.start import Time
from ..tile import WHOLE, Real
from .cpu import family

# After the places of `single_state`: the field, and the addresses of the arrays.
FIELD, CONTEXT, N_CACHE, N_THETA = range(place.N_PLACES, place.N_PLACES + 4)
ARRAYS = place.N_PLACES + 4
Z = ARRAYS + Single._fields.index("z") - 1
THETA = ARRAYS + len(Single._fields) - 1
CACHE, LANE_STATUS, TIME = THETA + 1, THETA + 2, THETA + 3
TABLE = TIME + 1
AT_STOPS = ARRAYS + Single._fields.index("stops") - 1
AT_BLOCK = ARRAYS + Single._fields.index("kept_t") - 1


@kernel
def single_of(n):
    """Return the Single of a table."""
    dim, rows, degree = n[place.DIM], n[place.ROWS], n[place.DEGREE]
    at, last, capacity, n_stops = ARRAYS, n[place.STAGES] + 1, n[place.CAPACITY], n[place.N_STOPS]
    wide = (dim + WHOLE - 1) // WHOLE * WHOLE
    return Single(
        n, array_at(n[at], Time, (place.X_PLACES,)), array_at(n[at + 1], Real, (11,)),
        array_at(n[at + 2], Real, (rows, rows)), array_at(n[at + 3], Real, (rows,)),
        array_at(n[at + 4], Real, (degree, rows)), array_at(n[at + 5], Real, (2, last)),
        array_at(n[at + 6], Real, (1,)), array_at(n[at + 7], Real, (wide, 1)),
        array_at(n[at + 8], Real, (wide, 1)), array_at(n[at + 9], Real, (wide, 1)),
        array_at(n[at + 10], Real, (wide, 1)), array_at(n[at + 11], Real, (rows, wide, 1)),
        array_at(n[at + 12], Real, (degree, wide, 1)), array_at(n[at + 13], Real, (2, wide, 1)),
        array_at(n[at + 14], Real, (dim,)), array_at(n[at + 15], Real, (dim,)),
        array_at(n[at + 16], Time, (n_stops,)), array_at(n[at + 17], Time, (n_stops, 2)),
        array_at(n[at + 18], Time, (n[place.N_TIMES],)), array_at(n[at + 19], Real, (n[place.N_TIMES], dim)),
        array_at(n[at + 20], Time, (capacity,)), array_at(n[at + 21], Time, (capacity,)),
        array_at(n[at + 22], Real, (capacity, dim)),
        array_at(n[at + 23], Real, (capacity, degree, dim)),
    )  # fmt: skip


def advance(table, budget):
    """Run up to `budget` evaluations; without a field, to the next one, and return its place in k."""
    n = array_at(table, np.int64, (TABLE,))
    s = single_of(n)
    field = Field(n[FIELD], 0, n[CONTEXT], 0)
    t = array_at(n[TIME], Real, (1,))
    cache = array_at(n[CACHE], Real, (n[N_CACHE], 1))
    theta = array_at(n[THETA], Real, (n[N_THETA],))
    lane_status = array_at(n[LANE_STATUS], np.uint8, (1,))
    z = array_at(n[Z], Real, (n[place.DIM], 1))
    for _ in range(budget):
        if n[place.PHASE] == place.TRY and n[place.STAGE] < n[place.STAGES] + n[place.FSAL]:
            slot = next_stage(s)  # what `resume` would do: most evaluations, and twice as fast
        else:
            slot = resume(s)
        if slot < 0 or field.address == 0:
            return slot
        t[0] = Real(s.x[place.T_EVALUATE])
        code = call_field(field, t, z, theta, cache, s.k[slot], lane_status)
        if code != 0 or lane_status[0] != 0:
            return place.FAILED
    return place.SPENT


@kernel
def call_short(address, table, budget):
    """Call `advance` and keep the interpreter's lock: giving it up takes longer than an evaluation."""
    return call_address(address, table, budget)


@kernel
def call_long(address, table, budget):
    """Call `advance` without the interpreter's lock."""
    return call_address(address, table, budget)


@functools.cache
def callers(dtype):
    """Return `advance` as two functions of (table, budget), that keep the interpreter's lock and do not."""
    signature = types.int32(types.int64, types.int64)
    kernels = family(dtype, 1)
    address = kernels.address(advance, signature)
    found = []
    for caller, nogil in ((call_short, False), (call_long, True)):
        dispatcher = kernels(caller, nogil)
        dispatcher.compile((types.int64,) * 3)
        # What a dispatcher calls when it has found the signature, which takes as long again.
        (compiled,) = dispatcher.overloads.values()
        found.append(functools.partial(compiled.entry_point, address))
    return found
