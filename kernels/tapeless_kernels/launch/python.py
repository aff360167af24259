"""The kernels in plain Python, to check and to debug the others by; and fields put into kernels.

A user's field is `f(t, y, theta, dy)` for one trajectory: it fills dy. Its transpose
`f_vjp(t, y, theta, dy_bar, y_bar, theta_bar)` fills y_bar and adds to theta_bar, and may fill `t_bar`, of one
entry, as its seventh argument.
"""

import itertools
from typing import NamedTuple

import numpy as np
from numba import types

from .. import activations
from .._jit import Family, inlined, kernel, retarget
from ..buffers import Bars, Head, Lanes, Log, Outputs, Record, Work
from ..field_abi import (
    Field,
    address_of,
    array_at,
    call_field_vjp,
    field_signature,
    field_vjp_signature,
)
from ..ieee import bits_of, exact_fma, float_of
from ..loops.integrate import integrate
from ..loops.integrate_vjp import integrate_vjp, start_vjp
from ..loops.start import start
from ..status import DONE, RUNNING, SUCCESS
from ..tile import LANES, Real

# What `field_bindings` and `AddressedField` give a meaning:
user_field = user_field_vjp = None
N_PARAMS = 1
_LABELS = itertools.count()  # two fields in one process must not share a symbol
UNREAD = 99  # in integer arrays before a kernel writes there


@kernel
def call_field_inlined(field, t, y, theta, cache, dy, lane_status):
    """dy = f(t, y, theta) for every lane."""
    for lane in range(LANES):
        user_field(t[lane], y[:, lane], theta, dy[:, lane])
    return 0


@kernel
def call_field_vjp_inlined(field, t, y, theta, cache, dy_bar, y_bar, t_bar, theta_bar):
    """y_bar = (df/dy)^T dy_bar, and theta_bar += (df/dtheta)^T dy_bar, for every lane."""
    for lane in range(LANES):
        t_bar[lane] = Real(0)
        user_field_vjp(t[lane], y[:, lane], theta, dy_bar[:, lane], y_bar[:, lane], theta_bar)
    return 0


@kernel
def call_field_vjp_with_time(field, t, y, theta, cache, dy_bar, y_bar, t_bar, theta_bar):
    """Do as `call_field_vjp_inlined`, and t_bar = (df/dt)^T dy_bar."""
    for lane in range(LANES):
        user_field_vjp(
            t[lane],
            y[:, lane],
            theta,
            dy_bar[:, lane],
            y_bar[:, lane],
            theta_bar,
            t_bar[lane : lane + 1],
        )
    return 0


def field_bindings(f, f_vjp, compile):
    """Return what puts a field into the kernels: meanings of names, and a `made` to begin with.

    The names in a user's function are the user's: none of them is given another meaning.
    """
    with_time = f_vjp is not None and f_vjp.__code__.co_argcount == 7
    backward = call_field_vjp_with_time if with_time else call_field_vjp_inlined
    bind, made = {"call_field": call_field_inlined, "call_field_vjp": backward}, {}
    for name, function in (("user_field", f), ("user_field_vjp", f_vjp)):
        if function is not None:
            user = bind[name] = retarget(inlined(function), {}, {}, compile)
            made[getattr(user, "py_func", user)] = user
    return bind, made


class PlainKernels:
    """Kernels that Python runs, with one field in them: scalars of NumPy, to be stepped through.

    In float32 and float64 they give the bits of the compiled ones. Other types round twice where
    those call fma: np.longdouble, for references; and np.complex128, for the complex step, which
    differentiates a real-analytic field on the grid that the real parts choose.
    """

    def __init__(self, dtype, lanes, f, f_vjp=None):
        real = np.finfo(dtype).dtype  # of the parts, if complex: of times, steps and norms
        ieee = real in (np.float32, np.float64)
        fields, self._made = field_bindings(f, f_vjp, _as_it_is)
        self._bind = {
            "LANES": lanes,
            "Real": real.type,
            "Time": time_dtype(dtype).type,
            "power": activations.bindings(real)["power"] if ieee else plain_power,
            "fma": exact_fma if real == dtype and ieee else plain_fma,
            "to_bits": bits_of,
            "from_bits": float_of,
            "square_root": np.sqrt,
            **fields,
        }

    def __call__(self, kernel):
        """Return a kernel in plain Python; like the compiled one it overflows silently."""
        return np.errstate(all="ignore")(retarget(kernel, self._bind, self._made, _as_it_is))


def _as_it_is(function, inline):
    return function


def plain_fma(a, b, c):
    """a * b + c, rounded twice."""
    return a * b + c


def plain_power(x, e):
    """x**e."""
    return x**e


def time_dtype(dtype):
    """Return the type of the loop's time: float64, or longer if the state's is."""
    real = np.finfo(dtype).dtype
    return real if real.itemsize > 8 else np.dtype(np.float64)


def inlined_family(dtype, lanes, f, f_vjp):
    """Return the kernels compiled for the CPU with one field in them: no address, nothing cached."""
    dtype = np.dtype(dtype)
    fields, made = field_bindings(f, f_vjp, lambda function, inline: inlined(function))
    bind = {"LANES": lanes, "Real": dtype.type, **activations.bindings(dtype), **fields}
    return Family(f"inlined{next(_LABELS)}_{dtype.name}_{lanes}", bind, made)


class AddressedField:
    """One field as C functions of include/tapeless.h, for one dtype and width; not cached."""

    n_cache = 0

    def __init__(self, dtype, lanes, n_params, f, f_vjp):
        family = self._family = inlined_family(dtype, lanes, f, f_vjp)  # keeps the code alive
        family.bind["N_PARAMS"] = n_params
        real = {4: types.float32, 8: types.float64}[np.dtype(dtype).itemsize]
        self.field = Field(
            family.address(_field, field_signature(real)),
            family.address(_field_vjp, field_vjp_signature(real)),
            context=0,
            theta_stride=0,
        )

    def prepare_vjp(self, theta):
        """Do nothing: this field has nothing to make ready."""


def _field(t, y, theta, theta_stride, cache, dy, lane_status, context, dim, lanes):
    state, parameters = (dim, LANES), array_at(address_of(theta), Real, (N_PARAMS,))
    time = array_at(address_of(t), Real, (LANES,))
    y, dy = array_at(address_of(y), Real, state), array_at(address_of(dy), Real, state)
    return np.int32(call_field_inlined(0, time, y, parameters, y, dy, time))


def _field_vjp(
    t, y, theta, theta_stride, cache, dy_bar, y_bar, t_bar, theta_bar, context, dim, lanes
):
    state, parameters = (dim, LANES), array_at(address_of(theta), Real, (N_PARAMS,))
    time, bar = array_at(address_of(t), Real, (LANES,)), array_at(address_of(dy_bar), Real, state)
    y, y_bar = array_at(address_of(y), Real, state), array_at(address_of(y_bar), Real, state)
    sums = array_at(address_of(theta_bar), Real, (N_PARAMS,))
    time_bar = array_at(address_of(t_bar), Real, (LANES,))
    return np.int32(call_field_vjp(0, time, y, parameters, y, bar, y_bar, time_bar, sums))


class Solve(NamedTuple):
    """All arrays of one solve."""

    lanes: Lanes
    outputs: Outputs
    head: Head
    record: Record
    work: Work


def allocate(
    dtype,
    lanes,
    tiles,
    dim,
    stages,
    n_outputs,
    capacity,
    *,
    keep=True,
    time=None,
    n_reduced=0,
    n_passages=0,
    slopes=False,
    measure=False,
    states=False,
    halves=1,
    reversible=False,
):
    """Return a Solve filled with what would show if it were read: NaN, and UNREAD in integers."""
    real, time = np.finfo(dtype).dtype, time or time_dtype(dtype)

    def new(kind, *shape):
        kind = np.dtype(kind)
        return np.full((*shape, lanes), np.nan if kind.kind in "fc" else UNREAD, kind)

    return Solve(
        Lanes(
            *(new(time, tiles) for _ in range(8)), new(real, tiles, 2), new(real, tiles),
            new(real, tiles), new("u1", tiles), new("i8", tiles, 4), new("i8", tiles), new("i8", tiles),
            new(dtype, tiles, dim), new(dtype, tiles, max(stages + 1, stages * halves), dim),
            new(dtype, tiles, reversible * dim), new(real, tiles, reversible * 2),
        ),
        Outputs(
            new(time, tiles, n_outputs), new(dtype, tiles, n_outputs, dim), new(dtype, tiles, n_reduced, dim),
            new(time, tiles, n_passages),
            Log(
                *(new(kind, capacity * measure, tiles, 2) for kind in (time, real, "i8")),
                new(dtype, capacity * measure, tiles, int(states), dim),
                np.zeros(1, np.int64),
            ),
        ),
        Head(new(real, tiles), new(dtype, tiles, dim), new(dtype, tiles, 0)),
        Record(
            new(time, capacity, tiles, 2), new(real, capacity, tiles), new("i8", capacity, tiles),
            new(dtype, capacity, tiles, stages * halves, dim), new(dtype, capacity, tiles, stages * halves, 0),
            new(dtype, capacity, tiles, (stages + 1) * slopes, dim), new(dtype, capacity, tiles, int(slopes), dim),
            np.zeros(1, np.int64), new(time, 0, tiles), int(keep),
        ),
        Work(
            new(real, 2), new(real, tiles), new(real, tiles, 3 + 5 * measure),
            *(new("u1", tiles) for _ in range(4)), new(dtype, tiles, dim),
            new(dtype, tiles, reversible * dim), new(real, tiles, reversible * 2), new(real, 3),
        ),
    )  # fmt: skip


def load(solve, t0, t1, h, tolerance, y0, times, start_ratio):
    """Set a Solve to its start: y0 (n, dim), times (n_outputs,), a tolerance for rtol and atol."""
    lanes = solve.lanes
    for array, value in (
        (lanes.t0, t0), (lanes.t1, t1), (lanes.t, t0), (lanes.h, h), (lanes.last, 0), (lanes.due, t1),
        (lanes.ratios, start_ratio), (lanes.rtol, tolerance), (lanes.atol, tolerance),
        (lanes.counts, 0), (lanes.emitted, 0), (lanes.status, RUNNING),
        (lanes.y, to_tiles(y0, lanes.y)), (solve.outputs.times, np.asarray(times)[:, None]),
    ):  # fmt: skip
        array[...] = value
    if lanes.z.shape[1]:
        lanes.z[...], lanes.drift[:, 0] = lanes.y, 0
        lanes.drift[:, 1] = np.abs(lanes.y).max(1)
    lanes.status.reshape(-1)[len(y0) :] = SUCCESS


def run(kernels, field, method, control, solve, theta):
    """Integrate a Solve to its end, or until its record is full; return the loop's code."""
    args = (field, method, control, solve.lanes, solve.outputs)
    code = kernels(start)(*args, solve.head, solve.record, solve.work, theta)
    if code == DONE:
        code = kernels(integrate)(*args, solve.record, solve.work, theta, 1 << 30)
    return code


def run_vjp(
    kernels, field, scheme, solve, theta, ys_bar, steps_bar=None, passage_bar=None, states_bar=None
):
    """Run a Solve backward from ys_bar (n, n_outputs, dim); return y0_bar (n, dim), theta_bar, times_bar.

    `steps_bar` (iterations, tiles, 3, lanes) and `states_bar` are those of what a Log holds. times_bar
    (n, n_outputs + 2) is there if slopes were kept.
    """
    lanes, outputs, n_outputs = solve.lanes, solve.outputs, solve.outputs.times.shape[1]
    y, k = np.zeros_like(lanes.y), np.full_like(lanes.k[0], np.nan)
    tiles, _, width = y.shape
    kept = int(solve.record.slopes.shape[2] > 0)
    passage = np.zeros((tiles, 2 * kept * outputs.passage.shape[1], width))
    if passage.size and passage_bar is not None:
        passage[:, 0], passage[:, 1] = outputs.passage[:, 0], to_tiles(passage_bar, lanes.t)
    if steps_bar is None:
        steps_bar = np.zeros((0, tiles, 0, width), y.dtype)
    bars = Bars(
        y, np.zeros_like(y), k, np.full_like(lanes.k[0, :2], np.nan), np.full((3, width), np.nan, y.dtype),
        lanes.emitted.copy(), np.full((5, *y.shape[1:]), np.nan, y.dtype)[: 5 * bool(steps_bar.shape[2])], steps_bar,
        np.zeros((0, *y.shape), y.dtype) if states_bar is None else states_bar,
        np.zeros((tiles, (n_outputs + 2) * kept, width), y.dtype), np.stack([lanes.t0, lanes.t1], 1),
        np.stack([lanes.rtol, lanes.atol], 1), passage, np.zeros_like(lanes.z), np.full_like(lanes.z[0], np.nan),
    )  # fmt: skip
    bars.emitted.reshape(-1)[len(ys_bar) :] = 0
    outputs = outputs._replace(ys=to_tiles(ys_bar, outputs.ys))
    theta_bar, span = np.zeros_like(theta), (0, int(solve.record.filled[0]), 0)
    kernels(integrate_vjp)(
        field, scheme, outputs, bars, solve.record, solve.work, theta, theta_bar, span
    )
    solve.work.accepted[...] = 1
    kernels(start_vjp)(field, scheme[0], outputs, bars, solve.head, solve.work, theta, theta_bar)
    return from_tiles(y, len(ys_bar)), theta_bar, from_tiles(bars.times, len(ys_bar))


def to_tiles(x, like):
    """Return x (n, ...) as (tiles, ..., lanes); the lanes beyond n repeat the last trajectory."""
    tiles, lanes = like.shape[0], like.shape[-1]
    rows = x[np.minimum(np.arange(tiles * lanes), len(x) - 1)]
    rows = rows.reshape(tiles, lanes, *x.shape[1:])
    return np.ascontiguousarray(np.moveaxis(rows, 1, -1), like.dtype)


def from_tiles(x, n):
    """Return the first n trajectories of x (tiles, ..., lanes) as (n, ...)."""
    rows = x.shape[0] * x.shape[-1]
    return np.moveaxis(x, -1, 1).reshape(rows, *x.shape[1:-1])[:n]
