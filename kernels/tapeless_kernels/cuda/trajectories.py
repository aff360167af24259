"""Solves on CUDA and their transposes, one trajectory a thread, with the field in them. No GPU has run them yet.

A thread keeps its lane's state in registers and on its stack; the record, the outputs and the cotangents of theta
stay in global memory. NVVM contracts products and sums of a field into fma, which the kernels do by name only:
results are those of the CPU to rounding, not to the bit.

Work of one step of Dormand and Prince's method on the Lorenz system (dim 3, S = 6 evaluations; an fma counts 2):

- forward, 300 operations: 144 for the stages (2 i + 1 for each component of stage i), 54 for the field (9), 57 for the
  error, about 45 for times and the controller. Without a record no byte of global memory is moved; a record writes
  16 + 4 + (1 + S dim) itemsize bytes, 172 in float64 and 96 in float32.
- backward, 290 operations: 126 for the cotangents of slopes, 132 for the field's transpose (22), 30 for sums and
  times. It reads what the record holds, and adds to theta's cotangents S n_params times: 288 bytes in float64, all
  but the first of each in the cache.
"""

from .._jit import kernel
from ..loops.integrate import integrate
from ..loops.integrate_vjp import NO_STEP, integrate_vjp, start_vjp
from ..loops.reversal import RECONSTRUCTION, SIZE, compare_start, take_iteration_back
from ..loops.start import ACCEPTED, Time, start
from ..status import DONE
from ..tile import Real
from .arrays import EMITTED, T0, Checked
from .local import (
    begin_lane,
    load_lane,
    local_bars,
    local_head,
    local_lanes,
    local_work,
    outputs_of,
    shared_or_own,
    step_taken_back,
    store_lane,
    stored_steps,
)  # fmt: skip

FRESH = -1  # the code of a trajectory that has not started
cuda = None  # bound, as are
DIM = 1
steps_of = stored_steps


def solve_kernel(method, control, given, state, asked, steps, budget, codes):
    """Start or resume trajectory i for up to `budget` iterations; codes[i] is the loop's code."""
    i = cuda.grid(1)
    if i < codes.shape[0]:
        if codes[i] != DONE:
            lanes, work = local_lanes(), local_work()
            outputs, record = outputs_of(asked, i), steps_of(steps, i)
            theta, code = given.theta[:, shared_or_own(given.theta, i)], DONE
            if codes[i] == FRESH:
                begin_lane(control, given, lanes, outputs, i)
                head = local_head()
                code = start(0, method, control, lanes, outputs, head, record, work, theta)
            else:
                load_lane(lanes, state, outputs, i)
            if code == DONE:
                code = integrate(0, method, control, lanes, outputs, record, work, theta, budget)
            store_lane(state, lanes, i)
            codes[i] = code


def solve_vjp_kernel(method, control, given, asked, steps, back, codes):
    """Run a block of trajectory i's record backward, from cotangents in `asked.ys`; add to back.theta[:, i]."""
    i = cuda.grid(1)
    if i < codes.shape[0]:
        bars, work, outputs, record = (
            local_bars(),
            local_work(),
            outputs_of(asked, i),
            stored_steps(steps, i),
        )
        load_bars(bars, back, i)
        theta = given.theta[:, shared_or_own(given.theta, i)]
        span = (0, record.filled[0], 0)
        code = integrate_vjp(
            0, (method, control), outputs, bars, record, work, theta, back.theta[:, i], span
        )
        if back.first and code == DONE:
            code = end_at_start(method, given, outputs, bars, work, back, theta, i)
        store_bars(back, bars, i)
        codes[i] = code


def take_back_vjp_kernel(method, control, given, asked, steps, back, codes):
    """Do as `solve_vjp_kernel`, where only times are kept: take each step back, then run it backward."""
    i = cuda.grid(1)
    if i < codes.shape[0]:
        bars, work, outputs, record = (
            local_bars(),
            local_work(),
            outputs_of(asked, i),
            step_taken_back(steps, i),
        )
        lanes, code = local_lanes(), DONE
        load_lane(lanes, back.state, outputs, i)
        load_bars(bars, back, i)
        theta = given.theta[:, shared_or_own(given.theta, i)]
        for n in range(record.filled[0] - 1, -1, -1):
            if code == DONE:
                code = take_iteration_back(
                    0, method, outputs, lanes, record, work, theta, bars.emitted, n
                )
            if code == DONE:
                code = integrate_vjp(
                    0,
                    (method, control),
                    outputs,
                    bars,
                    record,
                    work,
                    theta,
                    back.theta[:, i],
                    (0, 1, 0),
                )
        store_lane(back.state, lanes, i)
        if back.first and code == DONE:
            code = end_at_start(method, given, outputs, bars, work, back, theta, i)
            back.reconstruction[i] = missed_by(given, lanes, i)
        store_bars(back, bars, i)
        codes[i] = code


@kernel
def load_bars(bars, back, i):
    """Take up the cotangents of trajectory i."""
    bars.emitted[0, 0] = back.state.counts[EMITTED, i]
    for m in range(DIM):
        bars.y[0, m, 0], bars.k0[0, m, 0] = back.y[m, i], back.k0[m, i]
    for m in range(bars.companion.shape[1]):
        bars.companion[0, m, 0] = back.companion[m, i]


@kernel
def store_bars(back, bars, i):
    """Leave the cotangents of trajectory i to the block before."""
    back.state.counts[EMITTED, i] = bars.emitted[0, 0]
    for m in range(DIM):
        back.y[m, i], back.k0[m, i] = bars.y[0, m, 0], bars.k0[0, m, 0]
    for m in range(bars.companion.shape[1]):
        back.companion[m, i] = bars.companion[0, m, 0]


@kernel
def end_at_start(method, given, outputs, bars, work, back, theta, i):
    """Run what came before the first step of trajectory i backward."""
    head = local_head()
    head.t[0, 0] = Real(back.state.times[T0, i])
    for m in range(DIM):
        head.y[0, m, 0] = given.y0[m, i]
    work.accepted[0, 0] = 1 if back.state.counts[ACCEPTED, i] > 0 else NO_STEP
    return start_vjp(0, method, outputs, bars, head, work, theta, back.theta[:, i])


@kernel
def missed_by(given, lanes, i):
    """Return how far y0 of trajectory i, as it was made again, is from what it was."""
    checked = Checked(cuda.local.array((1, DIM), Real), cuda.local.array((1, 3), Time))
    for m in range(DIM):
        checked.y0[0, m] = given.y0[m, i]
    checked.reversal[0, SIZE] = lanes.drift[0, SIZE, 0]
    compare_start(checked, lanes, 0, 0, 0)
    return checked.reversal[0, RECONSTRUCTION]
