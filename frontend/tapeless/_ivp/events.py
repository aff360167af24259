"""Events of solve_ivp: zeros of functions along the solution."""

import ctypes
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless._complain import complain, describe, frames_to_caller
from tapeless._ivp.arguments import CALLER
from tapeless._ivp.field import c_pointer

TOLERANCE = 4 * np.finfo(float).eps
NEVER = float("inf")


class Events:
    """The event functions of a solve, and the zeros found so far."""

    def __init__(self, events: Any, args: tuple[Any, ...]) -> None:
        functions = (events,) if callable(events) else events
        try:
            self._functions = list(functions)
        except TypeError:
            wanted = "a callable g(t, y, *args), or a list of them"
            raise complain(TypeError, CALLER, "events", wanted, describe(events)) from None
        for function in self._functions:
            if not callable(function) and c_pointer(function) is None:
                wanted = "a callable g(t, y, *args), or a list of them"
                raise complain(TypeError, CALLER, "events", wanted, describe(function))
        self._args, self._calls = args, [_callable(function) for function in self._functions]
        self._most = [_most(function) for function in self._functions]
        self._direction = [_direction(function) for function in self._functions]
        self._values: list[float] = []
        self._count = [0] * len(self._functions)
        self._warned = False
        self.times: list[list[float]] = [[] for _ in self._functions]
        self.states: list[list[NDArray[Any]]] = [[] for _ in self._functions]

    @property
    def terminal(self) -> bool:
        """The answer to whether any of them can end the solve."""
        return any(most < NEVER for most in self._most)

    def start(self, t: float, y: NDArray[Any]) -> None:
        """Take the values at the start."""
        self._values = [self._value(i, t, y.copy()) for i in range(len(self._functions))]

    def step(
        self, t_old: float, t: float, y: NDArray[Any], dense: Callable[[], Callable[..., Any]]
    ) -> float | None:
        """Look for zeros in a step, and return the time of the one that ends the solve, if any."""
        before = self._values
        self._values = [self._value(i, t, y.copy()) for i in range(len(self._functions))]
        active = [
            i
            for i, values in enumerate(zip(before, self._values, strict=True))
            if _crosses(*values, self._direction[i])
        ]
        if not active:
            return None
        solution = dense()
        roots = [(self._root(i, t_old, t, solution), i) for i in active]
        for i in active:
            self._count[i] += 1
        if any(self._count[i] >= self._most[i] for i in active):
            roots.sort(key=lambda found: found[0] if t > t_old else -found[0])
        for root, i in roots:
            self.times[i].append(root)
            self.states[i].append(solution(root))
            if self._count[i] >= self._most[i]:
                return root
        return None

    def results(self) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """Return `t_events` and `y_events`."""
        return [np.asarray(t) for t in self.times], [np.asarray(y) for y in self.states]

    def _value(self, i, t, y):
        value = self._calls[i](t, y, *self._args)
        if type(value) is not float:
            array = np.asarray(value)
            if array.size != 1 or array.dtype.kind not in "biuf":
                raise TypeError(
                    f"{CALLER}: `events` must return one real number; event {i} returned "
                    f"{describe(value)} at t = {t:.6g}."
                )
            value = float(array.reshape(()))
        if value != value and not self._warned:
            self._warned = True
            warnings.warn(
                f"{CALLER}: event {i} of `events` is NaN at t = {t:.6g}: no zero is seen beside a NaN. "
                "Let it return a number wherever the solution may go.",
                RuntimeWarning,
                stacklevel=frames_to_caller(),
            )
        return value

    def _root(self, i, t_old, t, solution):
        from scipy.optimize import brentq

        def along(time):
            value = self._value(i, time, solution(time))
            if value != value:
                raise ValueError(
                    f"{CALLER}: event {i} of `events` is NaN at t = {time:.6g}, inside a step in which it "
                    "changes sign. Let it return a number wherever the solution may go."
                )
            return value

        return brentq(along, t_old, t, xtol=TOLERANCE, rtol=TOLERANCE)


def _callable(event):
    """Return an event as a Python function: a C function `double g(double t, const double *y, const double *p)` too."""
    pointer = c_pointer(event)
    if pointer is None:
        return event
    double, array = ctypes.c_double, ctypes.c_void_p
    function = ctypes.CFUNCTYPE(double, double, array, array)(pointer.address)

    def call(t, y, *args):
        state = np.asarray(y, np.float64)
        params = np.array([x for a in args for x in np.ravel(a)], np.float64)
        return function(t, state.ctypes.data, params.ctypes.data)

    call.keep = event
    return call


def _crosses(before, after, direction):
    up, down = before <= 0 <= after, after <= 0 <= before
    return (up and direction >= 0) or (down and direction <= 0)


def _most(event):
    """Return at which occurrence an event ends the solve."""
    terminal = getattr(event, "terminal", None)
    if terminal is None or terminal == 0:
        return NEVER
    try:
        if int(terminal) == terminal and terminal > 0:
            return int(terminal)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(
        f"{CALLER}: The `terminal` attribute of each event must be a boolean or positive integer. "
        f"Got {describe(terminal)}."
    )


def _direction(event):
    direction = getattr(event, "direction", 0)
    try:
        return float(direction)
    except (TypeError, ValueError):
        wanted = "a number: positive, negative or 0"
        raise complain(TypeError, CALLER, "event.direction", wanted, describe(direction)) from None
