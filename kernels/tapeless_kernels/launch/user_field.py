"""A Python function of one trajectory as a field of tiles: the loop over lanes around it, compiled and cached.

The function is `f(t, y, theta, dy)` and fills dy; its transpose `f_vjp(t, y, theta, dy_bar, y_bar,
theta_bar)` fills y_bar and adds to theta_bar, and with one more argument, t_bar of one entry, fills that; its
tangent `f_jvp(t, y, theta, t_dot, y_dot, theta_dot, dy_dot)` fills dy_dot. A diffusion that mixes channels of noise
fills a matrix (dim, channels) in place of dy.
"""

import contextlib
import functools
import math
from dataclasses import dataclass

import numpy as np
from numba import types
from numba.core.errors import NumbaError

from .. import elementary
from .._jit import compile_content, inlined, pasted, rebind
from ..field_abi import (
    Field,
    address_of,
    array_at,
    data_of,
    field_signature,
    field_vjp_signature,
)
from ..status import FIELD_FAILED
from ..tangent_abi import field_tangents_signature
from ..tile import LANES, Real
from .content import digest, may_raise, rebound

user_field = user_field_vjp = user_field_jvp = transposed = None  # bound for each field, as are
DIM = N_PARAMS = N_ROWS = 1
VALUE = (1, 1)  # the shape of a tile of values: (DIM, LANES), or of matrices (DIM, channels, LANES)
FUN, VJP, JVP = "fun", "vjp", "jvp"  # a user's functions, by the names of `tapeless.field`
FLOPS = 20  # of a component, at a guess: how long a call may last is corrected as it goes


@dataclass(frozen=True)
class UserProgram:
    """A user's function as what a plan is made of; equal if it is the same function."""

    function: object
    transpose: object
    dim: int
    n_params: int
    tangent: object = None
    channels: int = 0  # of a matrix that is filled instead of a vector; 0: none
    more: int = 0  # numbers that a vector has beyond dim: a drift's, then a diffusion's

    @property
    def flops(self):
        """A guess of the operations in one evaluation."""
        return FLOPS * self.dim

    @property
    def n_kept(self):
        """Rows kept for the transpose, at each evaluation: none."""
        return 0

    @property
    def n_rows(self):
        """The numbers that it fills."""
        return self.dim * max(self.channels, 1) + self.more

    def bind(self, dtype, lanes, transpose):
        """Return the field of one dtype and width, and its transpose if it is wanted."""
        return UserField(self, dtype, lanes, transpose)


class NotCompiled(TypeError):
    """A user's function is not one that can be compiled."""


@pasted
def column(values, lane):
    """Return the vector of a lane."""
    return values[:, lane]


@pasted
def column_of_matrices(values, lane):
    """Return the matrix of a lane."""
    return values[:, :, lane]


def user_tile(t, y, theta, theta_stride, cache, dy, lane_status, context, dim, lanes):
    """Evaluate the function in every lane: two loops, which are a third faster than one that finds its column."""
    time = array_at(address_of(t), Real, (LANES,))
    states = array_at(address_of(y), Real, (DIM, LANES))
    slopes = array_at(address_of(dy), Real, VALUE)
    if theta_stride == 0:
        shared = array_at(address_of(theta), Real, (N_PARAMS,))
        for lane in range(LANES):
            user_field(time[lane], states[:, lane], shared, column(slopes, lane))
    else:
        own = array_at(address_of(theta), Real, (N_PARAMS, LANES))
        for lane in range(LANES):
            user_field(time[lane], states[:, lane], own[:, lane], column(slopes, lane))
    return 0


def user_tile_that_raises(t, y, theta, theta_stride, cache, dy, lane_status, context, dim, lanes):
    """Evaluate a function that may raise: that ends its lane alone."""
    time = array_at(address_of(t), Real, (LANES,))
    states = array_at(address_of(y), Real, (DIM, LANES))
    slopes = array_at(address_of(dy), Real, VALUE)
    shared = array_at(address_of(theta), Real, (N_PARAMS,))
    own = array_at(address_of(theta), Real, (N_PARAMS, LANES))
    status = array_at(address_of(lane_status), np.uint8, (LANES,))
    for lane in range(LANES):
        try:
            if theta_stride == 0:
                user_field(time[lane], states[:, lane], shared, column(slopes, lane))
            else:
                user_field(time[lane], states[:, lane], own[:, lane], column(slopes, lane))
        except Exception:
            status[lane] = FIELD_FAILED
    return 0


@inlined
def vjp_with_time(t, y, theta, dy_bar, y_bar, theta_bar, t_bar):
    """Call a transpose that gives the cotangent of time too."""
    user_field_vjp(t, y, theta, dy_bar, y_bar, theta_bar, t_bar)


@inlined
def vjp_without_time(t, y, theta, dy_bar, y_bar, theta_bar, t_bar):
    """Call a transpose that does not give the cotangent of time, which stays unknown."""
    user_field_vjp(t, y, theta, dy_bar, y_bar, theta_bar)
    t_bar[0] = Real(np.nan)


def user_tile_vjp(
    t, y, theta, theta_stride, cache, dy_bar, y_bar, t_bar, theta_bar, context, dim, lanes
):
    """Evaluate the transpose in every lane; if they share theta, what they add to `theta_bar` is summed at the end.

    A lane whose cotangent is 0 gives 0: not 0 inf, where the field is singular.
    """
    time = array_at(address_of(t), Real, (LANES,))
    states = array_at(address_of(y), Real, (DIM, LANES))
    bars = array_at(address_of(dy_bar), Real, VALUE)
    states_bar = array_at(address_of(y_bar), Real, (DIM, LANES))
    time_bar = array_at(address_of(t_bar), Real, (LANES,))
    if theta_stride == 0:
        shared = array_at(address_of(theta), Real, (N_PARAMS,))
        sums = array_at(address_of(theta_bar), Real, (N_PARAMS,))
        added = array_at(address_of(context), Real, (N_PARAMS + 1, LANES))
        for j in range(N_PARAMS):
            for lane in range(LANES):
                added[j, lane] = Real(0)
        for lane in range(LANES):
            transposed(
                time[lane], states[:, lane], shared, column(bars, lane), states_bar[:, lane],
                added[:, lane], time_bar[lane : lane + 1],
            )  # fmt: skip
        rows = array_at(address_of(dy_bar), Real, (N_ROWS, LANES))
        clear_idle(rows, states_bar, time_bar, added)
        sum_lanes(sums, added)
    else:
        own = array_at(address_of(theta), Real, (N_PARAMS, LANES))
        own_bar = array_at(address_of(theta_bar), Real, (N_PARAMS, LANES))
        for lane in range(LANES):
            transposed(
                time[lane], states[:, lane], own[:, lane], column(bars, lane), states_bar[:, lane],
                own_bar[:, lane], time_bar[lane : lane + 1],
            )  # fmt: skip
    return 0


def user_tile_jvp(
    t, y, theta, theta_stride, cache, t_dot, y_dot, theta_dot, dy_dot, context, n, dim, lanes
):
    """Evaluate n tangents in every lane; context[0] says whether theta has any, context[1] where there are zeros."""
    time, states = (
        array_at(address_of(t), Real, (LANES,)),
        array_at(address_of(y), Real, (DIM, LANES)),
    )
    times_dot = array_at(address_of(t_dot), Real, (n, LANES))
    states_dot = array_at(address_of(y_dot), Real, (n, DIM, LANES))
    values_dot = array_at(address_of(dy_dot), Real, (n, N_ROWS * LANES))
    some = context[0] != 0
    at, rows = address_of(theta_dot) if some else context[1], n if some else 1
    for j in range(n):
        row = j if some else 0
        slopes_dot = array_at(data_of(values_dot[j]), Real, VALUE)
        if theta_stride == 0:
            shared = array_at(address_of(theta), Real, (N_PARAMS,))
            shared_dot = array_at(at, Real, (rows, N_PARAMS))[row]
            for lane in range(LANES):
                user_field_jvp(
                    time[lane], states[:, lane], shared, times_dot[j, lane], states_dot[j, :, lane], shared_dot,
                    column(slopes_dot, lane),
                )  # fmt: skip
        else:
            own = array_at(address_of(theta), Real, (N_PARAMS, LANES))
            own_dot = array_at(at, Real, (rows, N_PARAMS, LANES))[row]
            for lane in range(LANES):
                user_field_jvp(
                    time[lane], states[:, lane], own[:, lane], times_dot[j, lane], states_dot[j, :, lane],
                    own_dot[:, lane], column(slopes_dot, lane),
                )  # fmt: skip
    return 0


@inlined
def clear_idle(bars, states_bar, time_bar, added):
    """Set what the lanes whose cotangent is 0 have given to 0; the last row of `added` is scratch."""
    counts = added[N_PARAMS]
    for lane in range(LANES):
        counts[lane] = Real(0)
    for m in range(N_ROWS):
        for lane in range(LANES):
            counts[lane] = Real(1) if bars[m, lane] != Real(0) else counts[lane]
    for lane in range(LANES):
        x = time_bar[lane]
        time_bar[lane] = x if counts[lane] == Real(1) else Real(0)
    for m in range(DIM):
        for lane in range(LANES):
            x = states_bar[m, lane]
            states_bar[m, lane] = x if counts[lane] == Real(1) else Real(0)
    for j in range(N_PARAMS):
        for lane in range(LANES):
            x = added[j, lane]
            added[j, lane] = x if counts[lane] == Real(1) else Real(0)


@inlined
def sum_lanes(sums, added):
    """Sums += the sum over lanes of what each has added, pairs first."""
    for j in range(N_PARAMS):
        width = LANES
        while width > 1:
            width //= 2
            for lane in range(width):
                added[j, lane] += added[j, lane + width]
        sums[j] += added[j, 0]


class UserField:
    """The addresses of a user's field in one dtype and width."""

    n_cache = 0

    def __init__(self, program, dtype, lanes, transpose):
        real = types.float32 if dtype.itemsize == 4 else types.float64
        self._of = program, dtype, lanes, real
        self._forward = _compiled(program, dtype, lanes, FUN, field_signature(real))
        self._backward = None
        if transpose and program.transpose is not None:
            self._backward = _compiled(program, dtype, lanes, VJP, field_vjp_signature(real))
        backward, scratch = 0, np.zeros(1, dtype)
        if self._backward:
            backward, scratch = (
                self._backward.address,
                np.zeros((program.n_params + 1, lanes), dtype),
            )
        self._scratch = scratch  # the context is its address
        self.field = Field(self._forward.address, backward, scratch.ctypes.data, 0)

    def prepare_vjp(self, theta):
        """Do nothing: this field has nothing to make ready."""

    def tangents(self, n, with_theta, own):
        """Return the address of its tangents, their context, and what is to be kept alive."""
        program, dtype, lanes, real = self._of
        compiled = _compiled(program, dtype, lanes, JVP, field_tangents_signature(real))
        zeros = np.zeros(program.n_params * (lanes if own else 1), dtype)
        return (
            compiled.address,
            np.array([with_theta, zeros.ctypes.data], np.int64),
            (compiled, zeros),
        )


@functools.lru_cache(maxsize=256)
def _compiled(program, dtype, lanes, which, signature):
    function = {FUN: program.function, VJP: program.transpose, JVP: program.tangent}[which]
    function = getattr(function, "py_func", function)
    key = digest(
        function, program.dim, program.channels, program.more, program.n_params, dtype.name, lanes, which
    )  # fmt: skip
    with contextlib.suppress(NumbaError):
        vectorised = rebound(function, _meanings(dtype))
        return _compile(program, vectorised, dtype, lanes, which, signature, key)
    try:  # with math and NumPy as they are: np.sin(y, dy) is of arrays
        as_it_is = rebound(function, {"inlined": inlined})
        return _compile(program, as_it_is, dtype, lanes, which, signature, key)
    except NumbaError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        why = next((x for x in lines if x and not x.startswith("Failed in nopython mode")), "")
        raise NotCompiled(
            f"field: `{which}` must be a function that Numba compiles, of numbers and "
            f"the arrays it is given; its compiler says: {why.rstrip('.')}."
        ) from error


def _compile(program, function, dtype, lanes, which, signature, key):
    user = inlined(function)
    names = {FUN: "user_field", VJP: "user_field_vjp", JVP: "user_field_jvp"}
    bind = {
        "LANES": lanes, "Real": dtype.type, "DIM": program.dim, "N_PARAMS": program.n_params,
        "N_ROWS": program.n_rows, "VALUE": (program.n_rows, lanes), names[which]: user,
    }  # fmt: skip
    if program.channels:
        bind |= {"VALUE": (program.dim, program.channels, lanes), "column": column_of_matrices}
    made = {function: user}
    if which == VJP:
        with_time = gives_time_bar(program.transpose)
        bind["transposed"] = vjp_with_time if with_time else vjp_without_time
    loop = user_tile_that_raises if may_raise(function, set()) else user_tile
    loop = {FUN: loop, VJP: user_tile_vjp, JVP: user_tile_jvp}[which]
    adapted = rebind(loop, bind, made, lambda function, inline: (inline or inlined)(function))
    return compile_content(adapted, signature, key)


def gives_time_bar(transpose):
    """Return whether a transpose takes t_bar too, as its seventh argument."""
    return getattr(transpose, "py_func", transpose).__code__.co_argcount == 7


@functools.cache
def _meanings(dtype):
    """Return vectorised meanings of functions of math and NumPy, in one float type."""
    ours = elementary.bindings(dtype)
    meanings = {"inlined": inlined}
    for name in ("sin", "cos", "exp", "log", "tanh"):
        meanings[getattr(math, name)] = meanings[getattr(np, name)] = ours[name]
    return meanings
