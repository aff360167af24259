"""How a solve from C divides the memory it is given: a workspace, and a record in blocks that are chained."""

import numpy as np

from .._jit import inlined, kernel, pasted
from ..field_abi import array_at, data_of
from ..launch import table as at
from ..tile import LANES
from . import members as m
from .codes import BAD_SIZE, SMALL_RECORD, SMALL_WORKSPACE
from .methods import FIRST_ARRAY, FSAL, N_ARRAYS, N_ERRORS, STAGES, constants
from .sizes import (
    COLUMNS,
    DIM,
    FACTORS,
    LINE,
    OWN_PARAMS,
    TRAJECTORIES,
    Size,
    encode,
    place,
    roughly,
    total,
)

# Bound for each dtype and width, as are
ITEM = 8
FACTS, COEFFICIENTS, CONTROL_NUMBERS = constants(np.dtype(np.float64))
LAYOUT = BARS_LAYOUT = BACK_TIMES = BACK_HEAD = TURNS_LAYOUT = None
RECORD_LAYOUT = STEP_LAYOUT = ROOM = None

# A workspace begins with these words, then with the addresses of the arrays of `room_layout`.
MAGIC, PHASE, BLOCK, SHAPE = range(4)
N_SHAPE = m.KEEP + 1 - m.METHOD  # the members that say what is in it
AT = SHAPE + N_SHAPE
(
    TABLE_AT, REVERSE_AT, NUMBERS_AT, ORDER_AT, Y_AT, COUNTS_AT, REACHED_AT, STATUS_AT, THETA_AT, THETA_BAR_AT,
) = range(AT, AT + 10)  # fmt: skip
HEADER_BYTES = 512
SIGN = 0x7461_7065_6C65_7373  # in a workspace that has been laid out
GOING, SOLVED, FAILED = 1, 2, 3  # phases
UNBOUNDED = np.iinfo(np.int64).max  # steps

# A block of a record begins with these words: what comes before it, and how much it holds.
PREVIOUS, BLOCK_CAPACITY, BLOCK_BEFORE, BLOCK_RECORD = range(4)
BLOCK_BYTES = 128


def room_layout(dtype, lanes):
    """Return the layout of what a workspace has for all trajectories, in the order of the addresses in its header."""
    n, dim, own = Size(TRAJECTORIES), Size(DIM), Size(OWN_PARAMS)
    return encode([
        ((at.TABLE,), "i8"), ((at.TABLE,), "i8"), ((5, Size(COLUMNS)), "f8"), ((n,), "i8"), ((n, dim), dtype),
        ((n, 3), "i8"), ((n, 2), "f8"), ((n,), "u1"), ((own, lanes), dtype), ((own, lanes), dtype),
    ])  # fmt: skip


@inlined
def sizes_of(w, capacity):
    """Return the numbers that layouts are made of, in the order of `sizes`."""
    outputs = w[m.N_TIMES] if w[m.N_TIMES] > 0 else 1
    columns = w[m.N] if w[m.NUMBERS] != 0 else 1
    own = w[m.N_PARAMS] if w[m.OWN_THETA] else 0
    stages = FACTS[w[m.METHOD], STAGES]
    return np.int64(0), w[m.DIM], stages, w[m.N_CACHE], outputs, capacity, w[m.N], columns, own


@kernel
def measure(w):
    """Say in the struct how much memory there must be; return a code if there is no such amount."""
    sizes, keep = sizes_of(w, 1), w[m.KEEP] != 0
    guess = roughly(LAYOUT, sizes) + roughly(ROOM, sizes) + roughly(BARS_LAYOUT, sizes)
    guess += roughly(TURNS_LAYOUT, sizes) + roughly(RECORD_LAYOUT, sizes)
    guess += roughly(BACK_TIMES, sizes) + roughly(BACK_HEAD, sizes)
    if not guess < 1e15:
        w[m.WRONG] = m.N * m.MEMBER_BYTES
        return BAD_SIZE
    n = HEADER_BYTES + LINE + total(LAYOUT, sizes) + total(ROOM, sizes)
    if keep:
        n += total(TURNS_LAYOUT, sizes) + total(BARS_LAYOUT, sizes)
        n += total(BACK_TIMES, sizes) + total(BACK_HEAD, sizes)
    else:
        n += total(STEP_LAYOUT, sizes)
    w[m.WORKSPACE_NEEDED] = n
    w[m.ITERATION_BYTES] = iteration_bytes(sizes) if keep else 0
    w[m.RECORD_OVERHEAD] = BLOCK_BYTES + LINE * (1 + len(RECORD_LAYOUT)) if keep else 0
    rounds = (w[m.N] + LANES - 1) // LANES
    cuts = 0 if w[m.INTERPOLATE] else sizes[4]
    w[m.ITERATIONS] = rounds * (w[m.N_STEPS] + cuts) if w[m.N_STEPS] > 0 else 0
    return 0


@kernel
def iteration_bytes(sizes):
    """Return the bytes by which a record grows with each iteration."""
    n = 0
    for i in range(RECORD_LAYOUT.shape[0]):
        product = RECORD_LAYOUT[i, 0]
        for f in range(FACTORS):
            product *= sizes[RECORD_LAYOUT[i, 1 + 2 * f]] + RECORD_LAYOUT[i, 2 + 2 * f]
        n += product
    return n


@inlined
def aligned(address, line):
    """Return the first multiple of `line` that is not below an address."""
    return (address + line - 1) // line * line


@pasted
def header_of(w):
    """Return the words that a workspace begins with."""
    return array_at(aligned(w[m.WORKSPACE], LINE), np.int64, (HEADER_BYTES // 8,))


@kernel
def lay_out(w):
    """Divide the workspace: write its header and the table of the solve; return a code if it is too small."""
    if w[m.WORKSPACE] == 0 or w[m.WORKSPACE_BYTES] < w[m.WORKSPACE_NEEDED]:
        w[m.WRONG] = (m.WORKSPACE if w[m.WORKSPACE] == 0 else m.WORKSPACE_BYTES) * m.MEMBER_BYTES
        return SMALL_WORKSPACE
    head, sizes, keep = header_of(w), sizes_of(w, 1), w[m.KEEP] != 0
    head[MAGIC], head[PHASE], head[BLOCK] = SIGN ^ w[m.WORKSPACE], 0, 0
    for i in range(N_SHAPE):
        head[SHAPE + i] = w[m.METHOD + i]
    where = aligned(w[m.WORKSPACE], LINE) + HEADER_BYTES
    where = place(head, TABLE_AT, where, ROOM, sizes)
    p = array_at(head[TABLE_AT], np.int64, (at.TABLE,))
    for i in range(at.TABLE):
        p[i] = 0
    set_sizes(w, p)
    where = place(p, at.LANES_AT, where, LAYOUT, sizes)
    if keep:
        where = place(p, at.TURNS, where, TURNS_LAYOUT, sizes)
        # Where the arrays of the transpose are: `reversed_table` divides them.
        p[at.BARS] = where
    else:
        place(p, at.RECORD, where, STEP_LAYOUT, sizes)
        p[at.CAPACITY] = 1
        array_at(p[at.TIMES - 1], np.int64, (1,))[0] = 0
    order = array_at(head[ORDER_AT], np.int64, (w[m.N],))
    for i in range(w[m.N]):
        order[i] = i
    return 0


@kernel
def set_sizes(w, p):
    """Set the numbers of a table, and its method and its control."""
    method = w[m.METHOD]
    facts = FACTS[method]
    fixed = w[m.N_STEPS] > 0
    p[at.TILES], p[at.DIM], p[at.STAGES], p[at.N_CACHE] = 1, w[m.DIM], facts[STAGES], w[m.N_CACHE]
    p[at.N_OUTPUTS] = w[m.N_TIMES] if w[m.N_TIMES] > 0 else 1
    p[at.N_PARAMS], p[at.KEEP] = w[m.N_PARAMS], w[m.KEEP]
    # The interpolant needs the slope at the end of a step: every method is run as FSAL then.
    p[at.INTERPOLATE] = 1 if w[m.INTERPOLATE] != 0 and w[m.N_TIMES] > 0 else 0
    p[at.FSAL] = 1 if facts[FSAL] != 0 or p[at.INTERPOLATE] != 0 else 0
    p[at.N_ERRORS], p[at.ADAPTIVE] = facts[N_ERRORS], 0 if fixed else 1
    p[at.MAX_STEPS] = UNBOUNDED if fixed else w[m.MAX_STEPS]
    p[at.N_STEPS] = w[m.N_STEPS]
    p[at.FIELD], p[at.CONTEXT] = w[m.FIELD], w[m.CONTEXT]
    p[at.FIELD_VJP] = w[m.VJP] if w[m.KEEP] != 0 else 0
    p[at.THETA_STRIDE] = LANES if w[m.OWN_THETA] != 0 else 0
    p[at.N_NUMBERS] = p[at.N_TIMES] = p[at.HALVES] = 1
    coefficients, item = data_of(COEFFICIENTS), ITEM
    for i in range(N_ARRAYS):
        p[at.METHOD + i] = coefficients + item * facts[FIRST_ARRAY + i]
    p[at.CONTROL] = data_of(CONTROL_NUMBERS[method, w[m.CONTROLLER]])


@kernel
def take_block(w, head, p):
    """Have the record go on in the block that the struct points to; return a code if that is too small."""
    capacity = (w[m.RECORD_BYTES] - w[m.RECORD_OVERHEAD]) // w[m.ITERATION_BYTES]
    if capacity < 1:
        w[m.WRONG] = m.RECORD_BYTES * m.MEMBER_BYTES
        return SMALL_RECORD
    block = array_at(w[m.RECORD], np.int64, (BLOCK_BYTES // 8,))
    block[PREVIOUS], block[BLOCK_CAPACITY], block[BLOCK_BEFORE] = head[BLOCK], capacity, 0
    if head[BLOCK] != 0:
        before = array_at(head[BLOCK], np.int64, (BLOCK_BYTES // 8,))
        filled = array_at(p[at.TIMES - 1], np.int64, (1,))[0]
        block[BLOCK_BEFORE] = before[BLOCK_BEFORE] + filled
    where = aligned(w[m.RECORD] + BLOCK_BYTES, LINE)
    place(block, BLOCK_RECORD, where, RECORD_LAYOUT, sizes_of(w, capacity))
    head[BLOCK] = w[m.RECORD]
    use_block(p, block)
    array_at(p[at.TIMES - 1], np.int64, (1,))[0] = 0
    return 0


@kernel
def use_block(p, block):
    """Point a table to a block."""
    p[at.CAPACITY], p[at.BEFORE] = block[BLOCK_CAPACITY], block[BLOCK_BEFORE]
    for i in range(at.TIMES - at.RECORD):
        p[at.RECORD + i] = block[BLOCK_RECORD + i]


@kernel
def reverse_table(r, p, sizes):
    """Fill the table of the reverse pass: as that of the solve at its end, but for what both write."""
    for i in range(at.TABLE):
        r[i] = p[i]
    bars = place(r, at.BARS, p[at.BARS], BARS_LAYOUT, sizes)
    bars = place(r, at.OUTPUTS, bars, BACK_TIMES, sizes)
    place(r, at.HEAD, bars, BACK_HEAD, sizes)
