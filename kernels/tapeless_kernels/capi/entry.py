"""What C calls: a solve, in as many calls as its record has blocks, and its discrete adjoint."""

import numpy as np

from .._jit import inlined, kernel, pasted
from ..field_abi import array_at, data_of
from ..launch import table as at
from ..launch.entry import begin, begin_vjp, finish, finish_vjp, run, run_vjp
from ..status import BUDGET_SPENT, BUFFER_FULL, DONE, FIELD_ERROR
from ..tile import LANES, Real
from . import members as m
from .check import all_finite, blame, check_numbers, check_pointers, check_sizes, check_times
from .codes import BAD_NUMBER, BAD_POINTER, NO_RECORD, NOT_SOLVED, WRONG_STRUCT
from .room import (
    BLOCK,
    BLOCK_BYTES,
    COUNTS_AT,
    FAILED,
    GOING,
    ITEM,
    MAGIC,
    N_SHAPE,
    NUMBERS_AT,
    ORDER_AT,
    PHASE,
    PREVIOUS,
    REACHED_AT,
    REVERSE_AT,
    SHAPE,
    SIGN,
    SOLVED,
    STATUS_AT,
    TABLE_AT,
    THETA_AT,
    THETA_BAR_AT,
    Y_AT,
    header_of,
    lay_out,
    measure,
    reverse_table,
    sizes_of,
    take_block,
    use_block,
)

UNLIMITED, FIRST = np.int64(1 << 40), np.int64(0)


def ode_init(ode, n_bytes):
    """Set a struct of so many bytes to what `solve_ode` does by default, and all else in it to 0."""
    if ode == 0 or ode % 8 != 0:
        return BAD_POINTER
    if n_bytes != m.N_MEMBERS * m.MEMBER_BYTES:
        return WRONG_STRUCT
    w = array_at(ode, np.int64, (m.N_MEMBERS,))
    for i in range(m.N_MEMBERS):
        w[i] = 0
    w[m.SIZE], w[m.MAX_STEPS] = n_bytes, 4096
    tolerances = array_at(ode + m.RTOL * m.MEMBER_BYTES, np.float64, (2,))
    tolerances[0], tolerances[1] = 1e-3, 1e-6
    return DONE


def ode_sizes(ode):
    """Say in the struct how much memory a solve needs."""
    if ode == 0 or ode % 8 != 0:
        return BAD_POINTER
    w = array_at(ode, np.int64, (m.N_MEMBERS,))
    code = check_sizes(w)
    return code if code != 0 else measure(w)


def solve(ode):
    """Begin a solve, or go on with one, until it is done or needs something of the caller."""
    if ode == 0 or ode % 8 != 0:
        return BAD_POINTER
    w = array_at(ode, np.int64, (m.N_MEMBERS,))
    code = check_sizes(w)
    if code == 0:
        code = measure(w)
    if code == 0:
        code = check_pointers(w)
    if code == 0 and w[m.KEEP] != 0 and w[m.RECORD] == 0:
        return BUFFER_FULL
    if code == 0:
        code = take_up_solve(w) if w[m.GOING] == 0 else go_on(w)
    if code != 0:
        return code
    head = header_of(w)
    p = array_at(head[TABLE_AT], np.int64, (at.TABLE,))
    if w[m.N] == 0:
        head[PHASE], w[m.N_FAILED] = SOLVED, 0
        return DONE
    if head[PHASE] == 0:
        head[PHASE] = GOING
        code = begin_solve(w, head, p)
    if code == DONE:
        code = run(p, theta_of(w, head), w[m.BUDGET] if w[m.BUDGET] > 0 else UNLIMITED)
    w[m.GOING] = 1 if code == BUFFER_FULL or code == BUDGET_SPENT else 0
    if w[m.GOING] == 0:
        w[m.N_FAILED] = finish(p)
        head[PHASE] = SOLVED if code == DONE else FAILED
    return code


@kernel
def take_up_solve(w):
    """Divide the memory of a new solve and look at its numbers; return a code if there is something wrong."""
    code = lay_out(w)
    if code != 0:
        return code
    head = header_of(w)
    numbers = numbers_of(w, head)
    in_struct = data_of(w) + m.T0 * m.MEMBER_BYTES
    given = array_at(w[m.NUMBERS] if w[m.NUMBERS] != 0 else in_struct, np.float64, numbers.shape)
    for r in range(5):
        for i in range(numbers.shape[1]):
            numbers[r, i] = given[r, i]
    code = check_numbers(w, numbers)
    if code == 0:
        code = check_times(w, numbers, times_of(w, head))
    if code == 0 and w[m.KEEP] != 0:
        code = take_block(w, head, array_at(head[TABLE_AT], np.int64, (at.TABLE,)))
    return code


@inlined
def is_held(w, head):
    """Return whether a workspace holds a solve of this struct's problem."""
    held = head[MAGIC] == SIGN ^ w[m.WORKSPACE]
    for i in range(N_SHAPE):
        held = held and head[SHAPE + i] == w[m.METHOD + i]
    return held


@kernel
def go_on(w):
    """Look whether the workspace holds a solve to go on with, and take up a new block of its record."""
    if w[m.WORKSPACE] == 0 or w[m.WORKSPACE_BYTES] < w[m.WORKSPACE_NEEDED]:
        return blame(w, m.WORKSPACE, NOT_SOLVED)
    head = header_of(w)
    if not is_held(w, head) or head[PHASE] != GOING:
        return blame(w, m.WORKSPACE, NOT_SOLVED)
    if w[m.KEEP] != 0 and w[m.RECORD] != head[BLOCK]:
        return take_block(w, head, array_at(head[TABLE_AT], np.int64, (at.TABLE,)))
    return 0


@pasted
def numbers_of(w, head):
    """Return rows t0, t1, first step, rtol and atol, of one column if all trajectories share them."""
    columns = w[m.N] if w[m.NUMBERS] != 0 else 1
    return array_at(head[NUMBERS_AT], np.float64, (5, columns))


@pasted
def times_of(w, head):
    """Return the rows of output times, which are the ends of the spans if none are given."""
    ends = w[m.N_TIMES] == 0
    own = w[m.NUMBERS] != 0 if ends else w[m.OWN_TIMES] != 0
    columns = w[m.N] if own else 1
    return array_at(
        head[NUMBERS_AT] + 8 * columns if ends else w[m.TIMES],
        np.float64,
        (1 if ends else w[m.N_TIMES], columns),
    )


@pasted
def theta_of(w, head):
    """Return theta; where it is of its own for each trajectory, room for those of the lanes."""
    own = w[m.OWN_THETA] != 0
    return array_at(
        head[THETA_AT] if own else w[m.THETA], Real, (w[m.N_PARAMS] * (LANES if own else 1),)
    )


@kernel
def begin_solve(w, head, p):
    """Make a queue of the trajectories, and start the first of them."""
    n, dim, outputs = w[m.N], w[m.DIM], p[at.N_OUTPUTS]
    own = w[m.N_PARAMS] if w[m.OWN_THETA] != 0 else 0
    counts, reached = w[m.COUNTS], w[m.REACHED]
    status = w[m.STATUS]
    return begin(
        p, theta_of(w, head), array_at(head[ORDER_AT], np.int64, (n,)), array_at(w[m.Y0], Real, (n, dim)),
        numbers_of(w, head), times_of(w, head), array_at(w[m.THETA], Real, (n, own)),
        array_at(w[m.YS], Real, (n, outputs, dim)), array_at(head[Y_AT], Real, (n, dim)),
        array_at(counts if counts != 0 else head[COUNTS_AT], np.int64, (n, 3)),
        array_at(reached if reached != 0 else head[REACHED_AT], np.float64, (n, 2)),
        array_at(status if status != 0 else head[STATUS_AT], np.uint8, (n,)),
        array_at(head[Y_AT], Real, (n, 0, dim)), array_at(head[Y_AT], np.float64, (n, 0)),
        array_at(head[Y_AT], np.float64, (n, 0)),
    )  # fmt: skip


def solve_vjp(ode, ys_bar, y0_bar, theta_bar):
    """Run the record of a solve backward."""
    if ode == 0 or ode % 8 != 0:
        return BAD_POINTER
    w = array_at(ode, np.int64, (m.N_MEMBERS,))
    code = check_sizes(w)
    if code == 0:
        code = measure(w)
    if code == 0:
        code = check_pointers(w)
    if code != 0:
        return code
    if w[m.KEEP] == 0:
        return blame(w, m.KEEP, NO_RECORD)
    if w[m.WORKSPACE] == 0 or w[m.WORKSPACE_BYTES] < w[m.WORKSPACE_NEEDED] or w[m.GOING] != 0:
        return blame(w, m.WORKSPACE, NOT_SOLVED)
    head = header_of(w)
    if not is_held(w, head) or head[PHASE] != SOLVED:
        return blame(w, m.WORKSPACE, NOT_SOLVED)
    n, dim, own = w[m.N], w[m.DIM], w[m.OWN_THETA] != 0
    rows, outputs = (n if own else 1), (w[m.N_TIMES] if w[m.N_TIMES] > 0 else 1)
    missing = n > 0 and (ys_bar == 0 or y0_bar == 0)
    missing = missing or (rows * w[m.N_PARAMS] > 0 and theta_bar == 0)
    if missing or ys_bar % ITEM != 0 or y0_bar % ITEM != 0 or theta_bar % ITEM != 0:
        return BAD_POINTER
    if not all_finite(array_at(ys_bar, Real, (n * outputs * dim,))):
        return BAD_NUMBER
    clear(array_at(theta_bar, Real, (rows * w[m.N_PARAMS],)))
    if n == 0:
        return DONE
    p = array_at(head[TABLE_AT], np.int64, (at.TABLE,))
    r = array_at(head[REVERSE_AT], np.int64, (at.TABLE,))
    reverse_table(r, p, sizes_of(w, 1))
    theta = theta_of(w, head)
    room = array_at(head[THETA_BAR_AT] if own else theta_bar, Real, theta.shape)
    begin_vjp(
        r, theta, room, array_at(ys_bar, Real, (n, outputs, dim)), array_at(y0_bar, Real, (n, dim)),
        array_at(theta_bar, Real, (n, w[m.N_PARAMS] if own else 0)), array_at(y0_bar, Real, (n, 0)),
        array_at(y0_bar, Real, (n, 0)),
    )  # fmt: skip
    code, at_block = DONE, head[BLOCK]
    while at_block != 0 and code == DONE:
        block = array_at(at_block, np.int64, (BLOCK_BYTES // 8,))
        use_block(r, block)
        code = run_vjp(r, theta, room, FIRST, array_at(r[at.TIMES - 1], np.int64, (1,))[0])
        at_block = block[PREVIOUS]
    if code == DONE:
        code = finish_vjp(r, theta, room)
    return FIELD_ERROR if code != DONE else DONE


@kernel
def clear(x):
    """X = 0."""
    for i in range(x.shape[0]):
        x[i] = Real(0)
