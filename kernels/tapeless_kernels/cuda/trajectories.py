"""The kernels on CUDA, one trajectory a thread, with the field in them. No GPU has run them yet.

The arrays are those of the CPU, all n trajectories being the lanes of one tile, so that threads
beside one another read numbers beside one another. A thread keeps its lane's state in registers and
on its stack; the record, the outputs and the cotangents of theta stay in global memory. NVVM
contracts products and sums of a field into fma, which the kernels do by name only: results are
those of the CPU to rounding, not to the bit.
"""

import numpy as np

from .. import _cuda, activations
from .._jit import kernel, pasted, rebind
from ..buffers import Bars, Head, Lanes, Log, Outputs, Record, Work
from ..field_abi import call_field
from ..launch.python import field_bindings
from ..loops.integrate import integrate
from ..loops.integrate_vjp import integrate_vjp, start_vjp
from ..loops.start import Time, start
from ..status import DONE, FIELD_ERROR
from ..steppers.explicit_rk import step, step_vjp
from ..tile import Real

FRESH = -1  # the code of a trajectory that has not started
# What `CudaKernels` gives a meaning:
cuda = None
DIM = STAGES = SLOPES = 1


def solve_kernel(method, control, lanes, outputs, head, record, theta, budget, codes):
    """Start or resume trajectory i for up to `budget` iterations; codes[i] is the loop's code."""
    i = cuda.grid(1)
    if i < codes.shape[0]:
        mine, work = local_lanes(), local_work()
        copy_lane(mine, 0, lanes, i)
        out = outputs_of(outputs, i)
        kept = record_of(record, i)
        code = DONE
        if codes[i] == FRESH:
            first = Head(lane_of(head.t, i), lane_of(head.y, i), lane_of(head.cache, i))
            code = start(0, method, control, mine, out, first, kept, work, theta)
        if code == DONE:
            code = integrate(0, method, control, mine, out, kept, work, theta, budget)
        copy_lane(lanes, i, mine, 0)
        codes[i] = code


def solve_vjp_kernel(
    method, control, outputs, head, record, theta, emitted, y_bar, theta_bar, codes
):
    """Run record i backward, from cotangents in `outputs.ys` to y_bar; add to theta_bar[:, i]."""
    i = cuda.grid(1)
    if i < codes.shape[0]:
        bars, work = local_bars(), local_work()
        bars.emitted[0, 0] = emitted[0, i]
        for m in range(DIM):
            bars.y[0, m, 0] = Real(0)
            bars.k0[0, m, 0] = Real(0)
        out = outputs_of(outputs, i)
        first = Head(lane_of(head.t, i), lane_of(head.y, i), lane_of(head.cache, i))
        kept, mine = record_of(record, i), theta_bar[:, i]
        span = (0, kept.filled[0], 0)
        code = integrate_vjp(0, (method, control), out, bars, kept, work, theta, mine, span)
        work.accepted[0, 0] = 1
        if code == DONE:
            code = start_vjp(0, method, out, bars, first, work, theta, mine)
        for m in range(DIM):
            y_bar[0, m, i] = bars.y[0, m, 0]
        codes[i] = code


def step_kernel(method, t, h, y, theta, z, y_next, codes):
    """Take a step of size h[i] from y[:, i] at t[i]; z (stages, DIM, n) is for its transpose."""
    i = cuda.grid(1)
    if i < codes.shape[0]:
        work, k = local_work(), cuda.local.array((SLOPES, DIM, 1), Real)
        here, cache, next = lane_of(y, i), lane_of(z, i), lane_of(y_next, i)
        scratch = (work.time, work.lane_status[0])
        work.time[0, 0] = t[i]
        work.lane_status[0, 0] = 0
        failed = 0
        if method.fsal:
            failed = call_field(0, work.time[0], here, theta, cache[0], k[0], work.lane_status[0])
        slots = (cache, cache)
        failed |= step(0, method, h[i : i + 1], here, theta, k, slots, scratch, next)
        if method.fsal:
            for m in range(DIM):
                next[m, 0] = cache[STAGES - 1, m, 0]
        codes[i] = FIELD_ERROR if failed else DONE


def step_vjp_kernel(method, t, h, theta, z, y_bar, k0_bar, theta_bar, codes):
    """Turn the cotangent of y_next into that of y, in place, and k0_bar; add to theta_bar[:, i]."""
    i = cuda.grid(1)
    if i < codes.shape[0]:
        bars, work = local_bars(), local_work()
        work.time[0, 0] = t[i]
        work.accepted[0, 0] = 1
        for m in range(DIM):
            bars.y[0, m, 0] = y_bar[m, i]
            bars.k0[0, m, 0] = k0_bar[m, i]
        mine = (bars.y[0], bars.k0[0], bars.z, bars.k, bars.t, bars.estimates)
        cache = lane_of(z, i)
        failed = step_vjp(
            0, method, h[i : i + 1], theta, (cache, cache, bars.estimates), work.time, mine, work.accepted[0],
            theta_bar[:, i],
        )  # fmt: skip
        for m in range(DIM):
            y_bar[m, i] = bars.y[0, m, 0]
            k0_bar[m, i] = bars.k0[0, m, 0]
        codes[i] = FIELD_ERROR if failed else DONE


@pasted
def lane_of(x, i):
    """Return lane i of an array as one of width 1."""
    return x[..., i : i + 1]


@pasted
def outputs_of(outputs, i):
    """Return trajectory i's outputs."""
    return Outputs(
        lane_of(outputs.times, i), lane_of(outputs.ys, i), lane_of(outputs.reduced, i),
        lane_of(outputs.passage, i), log_of(outputs.log, i),
    )  # fmt: skip


@pasted
def log_of(log, i):
    """Return trajectory i's log."""
    return Log(
        lane_of(log.t, i),
        lane_of(log.estimates, i),
        lane_of(log.counts, i),
        lane_of(log.y, i),
        log.filled,
    )


@pasted
def record_of(record, i):
    """Return trajectory i's record."""
    return Record(
        lane_of(record.t, i), lane_of(record.h, i), lane_of(record.emitted, i),
        lane_of(record.z, i), lane_of(record.cache, i), lane_of(record.slopes, i), lane_of(record.y, i),
        lane_of(record.filled, i), lane_of(record.times, i), record.keep,
    )  # fmt: skip


@kernel
def copy_lane(out, o, lanes, i):
    """Copy the state of lane i into lane o."""
    out.t0[0, o], out.t1[0, o] = lanes.t0[0, i], lanes.t1[0, i]
    out.t[0, o], out.h[0, o], out.last[0, o] = lanes.t[0, i], lanes.h[0, i], lanes.last[0, i]
    out.due[0, o] = lanes.due[0, i]
    out.rtol[0, o], out.atol[0, o] = lanes.rtol[0, i], lanes.atol[0, i]
    out.status[0, o], out.emitted[0, o] = lanes.status[0, i], lanes.emitted[0, i]
    for j in range(2):
        out.ratios[0, j, o] = lanes.ratios[0, j, i]
    for j in range(4):
        out.counts[0, j, o] = lanes.counts[0, j, i]
    for m in range(DIM):
        out.y[0, m, o] = lanes.y[0, m, i]
        out.k[0, 0, m, o] = lanes.k[0, 0, m, i]  # what the next step inherits


@pasted
def local_lanes():
    """Return room for one lane's state."""
    return Lanes(
        cuda.local.array((1, 1), Time), cuda.local.array((1, 1), Time),
        cuda.local.array((1, 1), Time), cuda.local.array((1, 1), Time),
        cuda.local.array((1, 1), Time), cuda.local.array((1, 1), Time),
        cuda.local.array((1, 1), Time), cuda.local.array((1, 1), Time),
        cuda.local.array((1, 2, 1), Real), cuda.local.array((1, 1), Real),
        cuda.local.array((1, 1), Real), cuda.local.array((1, 1), np.uint8),
        cuda.local.array((1, 4, 1), np.int64), cuda.local.array((1, 1), np.int64),
        cuda.local.array((1, 1), np.int64),
        cuda.local.array((1, DIM, 1), Real), cuda.local.array((1, SLOPES, DIM, 1), Real),
        cuda.local.array((1, 1, 1), Real), cuda.local.array((1, 1, 1), Real),  # of other methods
    )  # fmt: skip


@pasted
def local_work():
    """Return one lane's scratch."""
    return Work(
        cuda.local.array((2, 1), Real), cuda.local.array((1, 1), Real),
        cuda.local.array((1, 3, 1), Real), cuda.local.array((1, 1), np.uint8),
        cuda.local.array((1, 1), np.uint8), cuda.local.array((1, 1), np.uint8),
        cuda.local.array((1, 1), np.uint8), cuda.local.array((1, DIM, 1), Real),
        cuda.local.array((1, 1, 1), Real), cuda.local.array((1, 1, 1), Real),
        cuda.local.array((3, 1), Real),
    )  # fmt: skip


@pasted
def local_bars():
    """Return room for one lane's cotangents."""
    return Bars(
        cuda.local.array((1, DIM, 1), Real), cuda.local.array((1, DIM, 1), Real),
        cuda.local.array((SLOPES, DIM, 1), Real), cuda.local.array((2, DIM, 1), Real),
        cuda.local.array((3, 1), Real), cuda.local.array((1, 1), np.int64),
        cuda.local.array((1, DIM, 1), Real)[:0], cuda.local.array((1, 1, 1, 1), Real)[:0],
        cuda.local.array((1, 1, 1, 1), Real)[:0],
        cuda.local.array((1, 1, 1), Real)[:, :0], cuda.local.array((1, 2, 1), Time),
        cuda.local.array((1, 2, 1), Real), cuda.local.array((1, 1, 1), Time)[:, :0],
        cuda.local.array((1, 1, 1), Real)[:, :0], cuda.local.array((1, 1), Real),
    )  # fmt: skip


class CudaKernels:
    """The kernels of this file for one field, dtype and number of stages, compiled on first use.

    `time` is the type of the loop's time: float64, unless it is to be shown that nothing else is.
    """

    def __init__(self, dtype, dim, stages, f, f_vjp=None, *, time=np.float64):
        dtype = np.dtype(dtype)
        fields, self._made = field_bindings(f, f_vjp, _cuda.device)
        self._bind = {
            "LANES": 1,
            "DIM": dim,
            "STAGES": stages,
            "SLOPES": stages + 1,
            "MEASURES_TOO": False,
            "REVERSIBLE_TOO": False,  # their branches would take registers
            "Real": dtype.type,
            "Time": np.dtype(time).type,
            "power": activations.bindings(dtype)["power"],
            **_cuda.bindings(),
            **fields,
        }

    def __call__(self, kernel):
        """Return one of the kernels above, to be launched as `it[blocks, threads](...)`."""
        return _cuda.entry(self._bound(kernel))

    def ptx(self, kernel, arguments, cc):
        """Return the PTX of one of the kernels above for arguments such as these; needs no GPU."""
        return _cuda.compile_ptx(self._bound(kernel), _cuda.signature(arguments), cc)

    def _bound(self, kernel):
        return rebind(kernel, self._bind, self._made, _cuda.device)


def per_thread(solve):
    """Return a Solve of one tile whose lanes fill their records each by itself."""
    filled = np.zeros(solve.lanes.status.shape[-1], np.int64)
    return solve._replace(record=solve.record._replace(filled=filled))
