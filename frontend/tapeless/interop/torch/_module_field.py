"""A module or a function of torch as the vector field of a compiled loop, which calls it back."""

import ctypes
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tapeless._complain import complain
from tapeless._composition import VectorField
from tapeless.interop.torch._tensors import SHORT
from tapeless_kernels.field_abi import Field

_P, _I = ctypes.c_void_p, ctypes.c_int64
_FIELD = ctypes.CFUNCTYPE(ctypes.c_int32, _P, _P, _P, _I, _P, _P, _P, _P, _I, _I)
_FIELD_VJP = ctypes.CFUNCTYPE(ctypes.c_int32, _P, _P, _P, _I, *[_P] * 6, _I, _I)
_MOST_VIEWS = 256

CALLER = "odeint"


class States:
    """How a state of one or several tensors lies in one vector."""

    def __init__(self, y0: Tensor | tuple[Tensor, ...]) -> None:
        self.several = isinstance(y0, tuple)
        self.shapes = tuple(tuple(y.shape) for y in (y0 if isinstance(y0, tuple) else (y0,)))
        self.sizes = tuple(int(np.prod(shape)) for shape in self.shapes)
        self.dim = sum(self.sizes)

    def join(self, y: Any) -> Tensor:
        """Return the vector of a state."""
        return torch.cat([part.reshape(-1) for part in y]) if self.several else y.reshape(-1)

    def split(self, y: Tensor) -> Any:
        """Return the state of a vector, or of vectors along leading axes."""
        lead = y.shape[:-1]
        parts = zip(y.split(self.sizes, dim=-1), self.shapes, strict=True)
        found = tuple(part.reshape(*lead, *shape) for part, shape in parts)
        return found if self.several else found[0]

    def check(self, dy: Any, dtype: torch.dtype) -> None:
        """Complain of slopes that are not of the shapes and the dtype of the state."""
        given = dy if self.several and isinstance(dy, (tuple, list)) else (dy,)
        wanted = " and ".join(map(str, self.shapes)) + f" and dtype {dtype}, as y0"
        for x in given:
            if not isinstance(x, Tensor):
                raise complain(
                    TypeError,
                    CALLER,
                    "func",
                    f"one that returns tensors of shape {wanted}",
                    type(x).__name__,
                )
        if tuple(tuple(x.shape) for x in given) != self.shapes or any(
            x.dtype != dtype for x in given
        ):
            got = " and ".join(f"{tuple(x.shape)} of {x.dtype}" for x in given)
            advice = (
                "Under autocast call .float() of the result." if given[0].dtype in SHORT else ""
            )
            raise complain(
                ValueError,
                CALLER,
                "func",
                f"one that returns tensors of shape {wanted}",
                got,
                advice,
            )


class ModuleField(VectorField):
    """A torch callable f(t, y) as a field whose whole batch is one state.

    Parameters
    ----------
    func : callable
        A module, or a function without parameters.
    states : States
        What it takes.
    """

    def __init__(self, func: Callable[..., Any], states: States) -> None:
        self.func, self.dim = func, states.dim
        named = func.named_parameters() if isinstance(func, torch.nn.Module) else ()
        self.parameters = {name: p for name, p in named if p.requires_grad}
        shapes = {name: tuple(p.shape) for name, p in self.parameters.items()}
        self.n_params = sum(p.numel() for p in self.parameters.values())
        self.program = _program(func, states, shapes)

    @property
    def without_jvp(self) -> tuple[VectorField, ...]:
        """The field itself: it has no tangent."""
        return (self,)

    def __repr__(self) -> str:
        return f"ModuleField({type(self.func).__name__}, dim={self.dim}, n_params={self.n_params})"

    def theta(self) -> Tensor | None:
        """Return its parameters as one vector, None if there are none."""
        parts = [p.reshape(-1) for p in self.parameters.values()]
        return torch.cat(parts) if parts else None

    def check(self, t: float, y0: Tensor, theta: Tensor | None) -> None:
        """Complain of slopes that are no such, and of tensors within `func` whose gradients would be lost."""
        program = self.program
        with torch.enable_grad():
            values = None if theta is None else program.named(theta.detach())
            dy = program.slopes(torch.tensor(t, dtype=y0.dtype), y0.detach().clone(), values)
        if any(x.requires_grad for x in (dy if isinstance(dy, (tuple, list)) else (dy,))):
            wanted = "a function of t, y and its module's parameters"
            got = "one of another tensor that requires a gradient, which would be lost"
            advice = "Make it an nn.Parameter of an nn.Module, or put it into the state y0."
            raise complain(ValueError, CALLER, "func", wanted, got, advice)


class _Program:
    """What a plan is made of: the callable, held weakly if it is a module, as plans outlive their solves."""

    n_kept = 0
    flops = 10**7  # at a guess: how long a call may last is corrected as it goes

    def __init__(self, func: Any, states: States, shapes: dict[str, tuple[int, ...]]) -> None:
        self._func = weakref.ref(func) if isinstance(func, torch.nn.Module) else lambda: func
        self._states, self._shapes, self.dim = states, shapes, states.dim
        self.sizes = [int(np.prod(shape)) for shape in shapes.values()]
        self.n_params = sum(self.sizes)
        self.error: BaseException | None = None

    def bind(self, dtype: np.dtype[Any], lanes: int, transpose: bool) -> "_Callbacks":
        """Return the field of one dtype, and its transpose."""
        assert lanes == 1  # the batch is one state
        return _Callbacks(self, dtype)

    def named(self, theta: Tensor) -> dict[str, Tensor]:
        """Return the parameters in theta by name."""
        parts = zip(self._shapes.items(), theta.split(self.sizes), strict=True)
        return {name: part.view(shape) for (name, shape), part in parts}

    def slopes(self, t: Tensor, y: Tensor, parameters: dict[str, Tensor] | None) -> Any:
        """Return f(t, y), of the state's shapes."""
        func, state = self._func(), self._states.split(y)
        if parameters:
            dy = torch.func.functional_call(func, parameters, (t, state))
        else:
            dy = func(t, state)
        self._states.check(dy, y.dtype)
        return dy

    def joined(self, dy: Any) -> Tensor:
        """Return slopes as one vector."""
        return self._states.join(dy)


_PROGRAMS: "weakref.WeakKeyDictionary[Any, dict[Any, _Program]]" = weakref.WeakKeyDictionary()


def _program(func: Any, states: States, shapes: dict[str, tuple[int, ...]]) -> _Program:
    """Return the program of a module, the same one each time, so that chunks are used again."""
    if not isinstance(func, torch.nn.Module):
        return _Program(func, states, shapes)
    of_module = _PROGRAMS.setdefault(func, {})
    key = states.several, states.shapes, tuple(shapes.items())
    if key not in of_module:
        of_module[key] = _Program(func, states, shapes)
    return of_module[key]


class _Callbacks:
    """The C functions that kernels call: views of their memory, and torch on them."""

    n_cache = 0

    def __init__(self, program: _Program, dtype: np.dtype[Any]) -> None:
        self._program, self._dtype = program, dtype
        self._views: dict[tuple[int, int], Tensor] = {}
        self._kept = _FIELD(self._evaluate), _FIELD_VJP(self._transpose)
        addresses = (ctypes.cast(function, _P).value or 0 for function in self._kept)
        self.field = Field(*addresses, 0, 0)

    def prepare_vjp(self, theta: Any) -> None:
        """Nothing is to be made ready."""

    def _view(self, address: int, n: int) -> Tensor:
        """Return the tensor at an address."""
        found = self._views.get((address, n))
        if found is None:
            if len(self._views) > _MOST_VIEWS:
                self._views.clear()
            memory = (ctypes.c_char * (n * self._dtype.itemsize)).from_address(address)
            found = torch.from_numpy(np.frombuffer(memory, self._dtype))
            self._views[address, n] = found
        return found

    def _arguments(
        self, t: int, y: int, theta: int
    ) -> tuple[Tensor, Tensor, dict[str, Tensor] | None]:
        """Return copies of time and state, which `func` may keep or write to, and views of parameters."""
        program = self._program
        of_theta = program.named(self._view(theta, program.n_params)) if program.sizes else None
        return self._view(t, 1)[0].clone(), self._view(y, program.dim).clone(), of_theta

    def _evaluate(
        self, t: int, y: int, theta: int, stride: int, cache: int, dy: int, status: int, context: int, dim: int,
        lanes: int,
    ) -> int:  # fmt: skip
        program = self._program
        try:
            with torch.no_grad():
                found = program.slopes(*self._arguments(t, y, theta))
                self._view(dy, dim).copy_(program.joined(found))
        except BaseException as error:  # it must not go through the kernel
            program.error = error
            return 1
        return 0

    def _transpose(
        self, t: int, y: int, theta: int, stride: int, cache: int, dy_bar: int, y_bar: int, t_bar: int,
        theta_bar: int, context: int, dim: int, lanes: int,
    ) -> int:  # fmt: skip
        program, bar = self._program, self._view(dy_bar, dim)
        of_y, of_t = self._view(y_bar, dim), self._view(t_bar, 1)
        try:
            of_y.zero_()
            of_t.zero_()
            if not bar.any():  # not 0 inf, where the field is singular
                return 0
            with torch.enable_grad():
                time, state, parameters = self._arguments(t, y, theta)
                named = {n: p.detach().requires_grad_() for n, p in (parameters or {}).items()}
                inputs = [time.requires_grad_(), state.requires_grad_(), *named.values()]
                found = program.joined(program.slopes(time, state, named))
            if not found.requires_grad:  # a constant
                return 0
            bars = torch.autograd.grad(found, inputs, bar, allow_unused=True)
            for target, value in zip((of_t, of_y), bars, strict=False):
                if value is not None:
                    target.copy_(value.reshape(-1))
            sums = self._view(theta_bar, program.n_params).split(program.sizes) if named else ()
            for target, value in zip(sums, bars[2:], strict=True):
                if value is not None:
                    target.add_(value.reshape(-1))
        except BaseException as error:  # it must not go through the kernel
            program.error = error
            return 1
        return 0
