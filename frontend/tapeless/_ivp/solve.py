"""One solve of solve_ivp: the machine, who evaluates the field, outputs, events, and the result."""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from tapeless._complain import describe
from tapeless._ivp.arguments import CALLER
from tapeless._ivp.dense import OdeSolution
from tapeless._ivp.events import Events
from tapeless._ivp.failures import advice, failure
from tapeless._ivp.field import CompiledField
from tapeless._ivp.result import IvpStats, OdeResult
from tapeless_kernels.launch.cpu import Budget
from tapeless_kernels.launch.single import Machine
from tapeless_kernels.loops import single_state as place

REACHED = "The solver successfully reached the end of the integration interval."
TERMINATED = "A termination event occurred."


class _Ended(Exception):
    """The loop has ended where an interpolant was wanted of it."""

    def __init__(self, code: int) -> None:
        self.code = code


class IvpSolve:
    """A solve in progress."""

    def __init__(
        self, machine: Machine, evaluate: Callable[..., Any] | CompiledField, args: tuple[Any, ...],
        y0: Any, t_eval: Any, dense_output: bool, events: Events | None,
    ) -> None:  # fmt: skip
        self.machine, self.args, self.y0, self.events = machine, args, y0, events
        self.t0 = machine.floats[place.T]
        self.t_eval, self.dense_output, self.terminated = t_eval, dense_output, False
        self.kept = t_eval is None or dense_output
        if self.kept:
            machine.keep(dense_output)
        self.ys: Any = None if t_eval is None else machine.set_times(t_eval)
        machine.ints[place.PAUSE] = events is not None
        self._wait: Callable[[], int]
        if isinstance(evaluate, CompiledField):
            self.field = evaluate
            machine.set_field(evaluate.address, evaluate.n_cache, evaluate.theta)
            self._budget = Budget(500 * len(y0))
            self._wait = self._wait_for_compiled
        else:
            machine.set_field(None, 0, None)
            self._evaluate = (lambda t, y: evaluate(t, y, *args)) if args else evaluate
            self._wait = self._wait_for_python

    def run(self) -> OdeResult:
        """Integrate, and return the result; one that is cut short by an exception is its `solution`."""
        try:
            if self.events is not None:
                self.events.start(self.t0, self.y0)
            code = self._run()
        except _Ended as ended:
            code = ended.code
        except BaseException as error:
            with contextlib.suppress(Exception):
                reason = f"{type(error).__name__} was raised"
                error.solution = self.result(-1, failure(self.machine, reason))  # type: ignore[attr-defined]
            raise
        if self.terminated:
            return self.result(1, TERMINATED)
        if code == place.ARRIVED:
            return self.result(0, REACHED)
        return self.result(-1, failure(self.machine, code))

    def _run(self) -> int:
        machine, wait = self.machine, self._wait
        while True:
            code = wait()
            if code == place.FULL:
                machine.next_block()
            elif code == place.PAUSED:
                self._look_for_events()
            elif code != place.SPENT:
                return code

    def _wait_for_compiled(self) -> int:
        code = self.machine.run(self._budget)
        if code == place.FAILED:
            self._raise_as_python_does()
        return code

    def _wait_for_python(self) -> int:
        """Evaluate a Python callable until the loop wants something else."""
        machine, evaluate = self.machine, self._evaluate
        resume, table, floats = machine.short, machine.table, machine.floats
        z, rows, kind, n = machine.z, machine.rows, machine.kind, len(machine.z)
        at, array = place.T_EVALUATE, np.ndarray
        slot = resume(table, 1)
        while slot >= 0:
            t = floats[at]
            slope = evaluate(t, z.copy())
            of = type(slope)
            try:  # what nearly all functions return, in 0.1 us
                fits = (slope.dtype is kind) if of is array else (of is list or of is tuple)
                if not (fits and len(slope) == n):
                    slope = as_slope(slope, t, kind, z.shape)
                rows[slot][...] = slope
            except (TypeError, ValueError):
                rows[slot][...] = as_slope(slope, t, kind, z.shape)
            slot = resume(table, 1)
        return slot

    def _raise_as_python_does(self) -> None:
        """Evaluate once more in Python what failed in a compiled field, for its own exception."""
        machine, fun = self.machine, self.field.fun
        t = float(machine.x[place.T_EVALUATE])
        if fun is not None:
            slope = fun(t, machine.z.copy(), *self.args)
            as_slope(slope, t, machine.kind, machine.z.shape)

    def _look_for_events(self) -> None:
        machine, events = self.machine, self.events
        assert events is not None
        x, n = machine.x, machine.n
        t_old, t = float(x[place.T]), float(x[place.T_NEXT])
        made: list[OdeSolution] = []

        def dense() -> OdeSolution:
            n[place.WANT] = 1
            # A method that does not evaluate the end of a step has not done so at the end of the span.
            late = not n[place.FSAL] and t == x[place.T_BOUND]
            n[place.PHASE] = place.SLOPE if late else place.EXTRA
            code = self._wait()
            while code == place.SPENT:
                code = self._wait()
            if code != place.PAUSED:
                raise _Ended(code)
            made.append(OdeSolution(*machine.step()))
            return made[0]

        root = events.step(t_old, t, machine.y_next, dense)
        if root is not None:
            self.terminated = True
            machine.y_next[:] = made[0](root)
            x[place.T_NEXT] = x[place.T_BOUND] = root
            if root == t_old and self.dense_output and n[place.ACCEPTED] > 1:
                n[place.KEEP] = 0
            n[place.PHASE] = place.EMIT

    def result(self, status: int, message: str) -> OdeResult:
        """Return what is there."""
        machine = self.machine
        ints = machine.ints
        sol: OdeSolution | None = None
        ts: Any
        ys: Any
        if self.kept:
            ends, steps, states, coefficients = machine.kept()
            ts, ys = np.empty(len(ends) + 1), np.empty((len(ends) + 1, len(self.y0)), machine.kind)
            ts[0], ts[1:], ys[0], ys[1:] = self.t0, ends, self.y0, states
            if self.dense_output:
                sol = OdeSolution(ts, steps, ys, coefficients)
        if self.t_eval is not None:
            done = ints[place.EMITTED]
            # Without outputs SciPy returns empty lists, which programs may test for.
            ts, ys = (self.t_eval[:done], self.ys[:done].T) if done else ([], [])
        else:
            ys = ys.T
        t_events, y_events = (None, None) if self.events is None else self.events.results()
        nfev, stiff = ints[place.NFE], bool(ints[place.LOOKS_STIFF])
        advised = advice(machine) if stiff else ""
        stats = IvpStats(nfev, ints[place.ACCEPTED], ints[place.REJECTED], stiff, advised)
        return OdeResult(
            t=ts, y=ys, sol=sol, t_events=t_events, y_events=y_events, nfev=nfev, njev=0, nlu=0,
            status=status, message=message, success=status >= 0, stats=stats, backend="tapeless",
        )  # fmt: skip


def as_slope(slope: Any, t: float, kind: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    """Return what a right-hand side returned as an array that fits, or say what is wrong with it."""
    try:
        array = np.asarray(slope)
    except ValueError as error:  # ragged
        raise _complaint(TypeError, f"{type(slope).__name__} ({error})", t, kind, shape) from None
    if array.dtype.kind not in "biufc":
        if slope is None:
            raise _complaint(TypeError, "None", t, kind, shape, "A `return` may be missing.")
        try:
            array = array.astype(kind)
        except (TypeError, ValueError):
            raise _complaint(TypeError, describe(slope), t, kind, shape) from None
    if array.dtype.kind == "c" and kind.kind != "c":
        what = "complex numbers"
        raise _complaint(
            TypeError, what, t, kind, shape, "Make `y0` complex, or take the real part."
        )
    if array.shape != shape and not array.size == shape[0] == 1:
        what = f"an array of shape {array.shape}"
        raise _complaint(ValueError, what, t, kind, shape)
    return array.reshape(shape)


def _complaint(error, got, t, kind, shape, advice=""):
    wanted = f"an array of shape {shape} that fits {kind}, as `y0` does"
    return error(
        f"{CALLER}: `fun` must return {wanted}; it returned {got} at t = {t:.6g}. {advice}".rstrip()
    )
