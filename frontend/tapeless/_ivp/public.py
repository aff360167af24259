"""The public `solve_ivp`: SciPy's function on this package's loop."""

import functools
import inspect
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tapeless import methods
from tapeless._complain import complain, describe, frames_to_caller
from tapeless._interchange import takes_arrays
from tapeless._ivp import field as fields
from tapeless._ivp.arguments import (
    CALLER,
    initial_state,
    output_times,
    solver_options,
    span,
    stops,
    tolerances,
    unpackable,
)
from tapeless._ivp.by_scipy import solve_by_scipy
from tapeless._ivp.degenerate import solve_without_steps
from tapeless._ivp.events import Events
from tapeless._ivp.result import OdeResult
from tapeless._ivp.solve import IvpSolve
from tapeless._types import Integer
from tapeless_kernels.controllers.step_size import Controller, control_numbers
from tapeless_kernels.launch.single import give_back, take
from tapeless_kernels.loops import single_state as place
from tapeless_kernels.tableaus.butcher import ButcherTableau
from tapeless_kernels.tableaus.interpolant import dense_order

SCIPY_NAMES = {"RK23": "bosh3", "RK45": "dopri5", "DOP853": "dop853"}
SCIPY_SOLVERS = ("Radau", "BDF", "LSODA")
MAX_STEPS = 10_000_000


@takes_arrays
def solve_ivp(
    fun: Any,
    t_span: Sequence[float] | ArrayLike,
    y0: ArrayLike,
    method: str | ButcherTableau | type = "RK45",
    t_eval: ArrayLike | None = None,
    dense_output: bool = False,
    events: Callable[..., Any] | Sequence[Callable[..., Any]] | None = None,
    vectorized: bool = False,
    args: tuple[Any, ...] | None = None,
    *,
    rtol: ArrayLike = 1e-3,
    atol: ArrayLike = 1e-6,
    first_step: float | None = None,
    max_step: float = np.inf,
    max_steps: Integer = MAX_STEPS,
    step_ts: ArrayLike | None = None,
    jump_ts: ArrayLike | None = None,
    interpolate: bool | None = None,
    controller: str | Controller = "i",
    **options: Any,
) -> OdeResult:
    """Solve dy/dt = f(t, y), y(t0) = y0, by the interface of `scipy.integrate.solve_ivp`.

    Steps, step sizes and counts are those of SciPy's explicit solvers, to rounding. Unlike there a
    float32 or complex64 state stays what it is.

    Parameters
    ----------
    fun : callable or compiled function
        The right-hand side f(t, y, *args), which returns n numbers. It may be any Python callable,
        which is given a fresh `y` each time; a Numba function, also one f(t, y, *args, dy) that
        fills dy; a tapeless field, with ``args=(theta,)``; or a C function
        ``int f(double t, const double *y, double *dy, const double *p, void *data)``, or one of the
        field type in ``tapeless.h``, from cffi, ctypes, numba.cfunc or scipy.LowLevelCallable, with
        p the numbers in `args`. Compiled ones are called without Python in between.
    t_span : pair of float
        Initial and final time; t1 < t0 integrates backward. t1 may be infinite if an event is
        terminal.
    y0 : array, shape (n,)
        Initial state. float32, float64, complex64 and complex128 are kept, others become float64.
    method : str, ButcherTableau or OdeSolver class
        ``"RK45"`` (the default), ``"RK23"`` or ``"DOP853"``, a name in `tapeless.methods.table`, or
        a tableau of `tapeless.check_tableau`. ``"Radau"``, ``"BDF"``, ``"LSODA"`` and classes
        derived from `scipy.integrate.OdeSolver` are passed to SciPy.
    t_eval : array, shape (n_points,), optional
        Times of the output, sorted in the direction of `t_span` and inside it; by default the ends
        of all steps.
    dense_output : bool
        Whether to return the solution as a function of time.
    events : callable or list of callables, optional
        Functions g(t, y, *args) whose zeros are looked for where they change sign between the ends of
        a step: of two zeros in one step neither is seen, which `max_step` helps against. Attributes
        `terminal` (True, or how many zeros end the solve) and `direction` (the sign of the slope of
        the zeros that count) are those of SciPy.
    vectorized : bool
        Whether `fun` takes `y` of shape (n, 1).
    args : tuple, optional
        More arguments of `fun` and of the events.
    rtol, atol : float or array, shape (n,)
        A step is accepted if the root mean square of ``error / (atol + rtol * max(|y|, |y_next|))`` is
        less than 1. An `rtol` below 100 units of rounding of the state's dtype is raised to that, with
        a warning as SciPy's: 2e-14 in float64, 1.2e-5 in float32.
    first_step : float, optional
        Size of the first step, by default chosen as Hairer does. For a method without an error
        estimate, the size of all steps.
    max_step : float
        Largest size of a step.
    max_steps : int
        Most steps that are tried, rejected ones included.
    step_ts : array, optional
        Times at which a step ends, in any order; those outside `t_span` are left out.
    jump_ts : array, optional
        Times at which `fun` may jump. A step ends there, `fun` is evaluated on one side only, and
        anew behind it.
    interpolate : bool, optional
        Whether outputs at `t_eval` come from the method's dense output instead of steps that end
        there; by default if its order is at least that of the method less 1.
    controller : str
        ``"i"``, as SciPy has it, ``"pi"`` or ``"h312"``.
    **options
        For SciPy's solvers, say `jac`; others have none, and a warning says so.

    Returns
    -------
    OdeResult
        With SciPy's fields `t`, `y`, `sol`, `t_events`, `y_events`, `nfev`, `njev`, `nlu`, `status`,
        `message`, `success`, and besides `stats` and `backend`. A solve that fails has `status` -1
        and all that was reached.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be, or `fun` or an event does not return what it must.
    Exception
        Whatever `fun` or an event raises, unchanged. Its attribute `solution` is the result so far,
        as that of a KeyboardInterrupt.

    References
    ----------
    .. [1] Hairer, Norsett and Wanner, *Solving Ordinary Differential Equations I*, 2nd ed.,
       Springer (1993), II.4 to II.6.

    Examples
    --------
    >>> import tapeless
    >>> def decay(t, y):
    ...     return -0.5 * y
    >>> sol = tapeless.solve_ivp(decay, (0, 10), [2.0, 4.0, 8.0], rtol=1e-8, atol=1e-10)
    >>> sol.success, round(float(sol.y[0, -1]), 6)
    (True, 0.013476)
    """
    args = unpackable(args)
    tableau = _method(method)
    if tableau is None:
        of_scipys = {
            "rtol": rtol, "atol": atol, "first_step": first_step, "max_step": max_step,
        }  # fmt: skip
        _warn_of_no_effect(
            _given(
                max_steps=max_steps, step_ts=step_ts, jump_ts=jump_ts, interpolate=interpolate,
                controller=controller,
            )
        )  # fmt: skip
        options |= _given(**of_scipys)
        return solve_by_scipy(
            fun, t_span, y0, method, t_eval, dense_output, events, vectorized, args, options
        )
    _warn_of_no_effect(options)
    t0, t1 = span(t_span)
    state = initial_state(y0)
    n, kind = len(state), state.dtype
    times = output_times(t_eval, t0, t1)
    step, most, max_steps = solver_options(first_step, max_step, max_steps, t0, t1, tableau)
    relative, absolute = tolerances(rtol, atol, n, kind)
    watched = None if events is None else Events(events, args)
    if n and math.isinf(t1) and (watched is None or not watched.terminal):
        wanted = "finite, unless an event is terminal"
        raise complain(ValueError, CALLER, "t_span", wanted, describe(t_span))
    field = None if vectorized else fields.compiled(fun, args, kind, n)
    if field is None and not callable(fun):
        raise complain(TypeError, CALLER, "fun", fields.WANTED, describe(fun))
    evaluate = field or (_by_columns(fun) if vectorized else fun)
    if n == 0 or t0 == t1:
        fun = fields.python_function(field, kind) if field else evaluate
        return solve_without_steps(fun, t0, t1, state, times, dense_output, watched, args)
    real = np.finfo(kind).dtype if kind.kind == "c" else kind
    pairs = kind.kind == "c"
    machine = take(tableau, real, n * (1 + pairs), pairs)
    numbers, start_ratio = _control(tableau, controller, real)
    machine.begin(state, t0, t1, numbers, step, most, start_ratio)
    machine.ints[place.MAX_STEPS] = max_steps
    machine.set_tolerances(relative, absolute)
    if interpolate is None:
        interpolate = dense_order(tableau) >= tableau.order - 1
    # What is asked for at the ends needs no stop.
    landings = None if interpolate or times is None or not _inside(times, t0, t1) else times
    if step_ts is not None or jump_ts is not None or landings is not None:
        machine.set_stops(*stops(step_ts, jump_ts, landings, t0, t1, real))
    solve = IvpSolve(machine, evaluate, args, state, times, bool(dense_output), watched)
    result = solve.run()
    give_back(machine)
    return result


def _given(**options: Any) -> dict[str, Any]:
    """Return the options that are not what they are by default."""
    defaults = inspect.unwrap(solve_ivp).__kwdefaults__ or {}
    return {name: value for name, value in options.items() if value is not defaults[name]}


def _warn_of_no_effect(options: Any) -> None:
    if options:
        names = ", ".join(f"`{name}`" for name in options)
        warnings.warn(
            f"The following arguments have no effect for a chosen solver: {names}.",
            stacklevel=frames_to_caller(),
        )


def _method(method: Any) -> ButcherTableau | None:
    """Return the tableau of a method, or None if SciPy is to solve."""
    if isinstance(method, ButcherTableau):
        return method
    if isinstance(method, str):
        if method in SCIPY_SOLVERS:
            return None
        name = SCIPY_NAMES.get(method, method)
        for tableau in methods.EXPLICIT:
            if tableau.name == name:
                return tableau
    if isinstance(method, type):
        from scipy.integrate import OdeSolver

        if issubclass(method, OdeSolver):
            return None
    names = ", ".join(
        map(repr, (*SCIPY_NAMES, *SCIPY_SOLVERS, *(t.name for t in methods.EXPLICIT)))
    )
    raise ValueError(
        f"{CALLER}: `method` must be one of {names}, a tableau or an OdeSolver class. "
        f"Got {describe(method)}."
    )


def _inside(times: Any, t0: float, t1: float) -> bool:
    low, high = min(t0, t1), max(t0, t1)
    return bool(((times > low) & (times < high)).any())


def _by_columns(fun: Callable[..., Any]) -> Callable[..., Any]:
    def evaluate(t: float, y: Any, *args: Any) -> Any:
        return np.ravel(fun(t, y[:, None], *args))

    return evaluate


@functools.lru_cache(maxsize=256)
def _control(tableau: ButcherTableau, controller: str | Controller, real: np.dtype[Any]) -> Any:
    control = methods.find_controller(CALLER, controller)
    order = tableau.error_exponent_order or tableau.order
    return control_numbers(control, order, real), control.start
