"""A Python function of one trajectory as a field of tiles: the loop over lanes around it, compiled and cached.

The function is `f(t, y, theta, dy)` and fills dy; its transpose `f_vjp(t, y, theta, dy_bar, y_bar,
theta_bar)` fills y_bar and adds to theta_bar, and with one more argument, t_bar of one entry, fills that; its
tangent `f_jvp(t, y, theta, t_dot, y_dot, theta_dot, dy_dot)` fills dy_dot, and that of its transpose along y_dot,
`f_vjp_jvp(t, y, theta, dy_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot)`, y_bar and y_bar_dot, and adds to
theta_bar_dot. A diffusion that mixes channels of noise fills a matrix (dim, channels) in place of dy.
"""

import contextlib
import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import types
from numba.core.errors import NumbaError

from .. import elementary
from .._jit import compile_content, inlined, rebind
from ..field_abi import Field, field_signature, field_vjp_signature
from ..tangent_abi import field_tangents_signature, vjp_along_signature
from .content import digest, may_raise, rebound
from .user_tile import (
    column_of_matrices,
    user_tile,
    user_tile_jvp,
    user_tile_that_raises,
    user_tile_vjp,
    user_tile_vjp_along,
    vjp_with_time,
    vjp_without_time,
)

# A user's functions, by the names of `tapeless.diffusion`.
FUN, VJP, JVP, VJP_JVP = "fun", "vjp", "jvp", "vjp_jvp"
FLOPS = 20  # of a component, at a guess: how long a call may last is corrected as it goes


class Derived(NamedTuple):
    """A function that is derived from others when it is first asked for: that may take a second."""

    derive: object
    arguments: tuple

    def __call__(self):
        return self.derive(*self.arguments)


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
    second: object = None  # the transpose's tangent along y, or a `Derived` that makes it

    @property
    def vjp_jvp(self):
        """The transpose's tangent along y."""
        return self.second() if isinstance(self.second, Derived) else self.second

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

    def bind_along(self, dtype, lanes):
        """Return the transpose's tangent along y in one dtype and width."""
        return UserVjpAlong(self, dtype, lanes)


class NotCompiled(TypeError):
    """A user's function is not one that can be compiled."""


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


class UserVjpAlong:
    """The transpose of a user's field and its tangent along y, in one dtype and width."""

    def __init__(self, program, dtype, lanes):
        real = types.float32 if dtype.itemsize == 4 else types.float64
        self._compiled = _compiled(program, dtype, lanes, VJP_JVP, vjp_along_signature(real))
        self._scratch = np.zeros((program.n_params + 1, lanes), dtype)  # the context is its address
        self.field = Field(self._compiled.address, 0, self._scratch.ctypes.data, 0)

    def prepare_vjp(self, theta):
        """Do nothing: it has nothing to make ready."""


@functools.lru_cache(maxsize=256)
def _compiled(program, dtype, lanes, which, signature):
    names = {FUN: "function", VJP: "transpose", JVP: "tangent", VJP_JVP: "vjp_jvp"}
    function = getattr(program, names[which])
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
    name = "user_field" if which == FUN else f"user_field_{which}"
    bind = {
        "LANES": lanes, "Real": dtype.type, "DIM": program.dim, "N_PARAMS": program.n_params,
        "N_ROWS": program.n_rows, "VALUE": (program.n_rows, lanes), name: user,
    }  # fmt: skip
    if program.channels:
        bind |= {"VALUE": (program.dim, program.channels, lanes), "column": column_of_matrices}
    made = {function: user}
    if which == VJP:
        with_time = gives_time_bar(program.transpose)
        bind["transposed"] = vjp_with_time if with_time else vjp_without_time
    loop = user_tile_that_raises if may_raise(function, set()) else user_tile
    loops = {FUN: loop, VJP: user_tile_vjp, JVP: user_tile_jvp, VJP_JVP: user_tile_vjp_along}
    adapted = rebind(
        loops[which], bind, made, lambda function, inline: (inline or inlined)(function)
    )
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
