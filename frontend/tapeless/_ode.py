"""The public `solve_ode`: check, plan, launch."""

import operator
from functools import partial
from typing import Literal

import numpy as np

from tapeless import _arguments as arguments
from tapeless import _check as check
from tapeless import methods
from tapeless._arguments import SOLVE
from tapeless._backsolve import Backsolve
from tapeless._backsolve import arrange as arrange_backsolve
from tapeless._backward import Backward
from tapeless._complain import check_arrival, complain, describe
from tapeless._composition import VectorField
from tapeless._forward import Forward, shapes_of, without_tangent
from tapeless._interchange import takes_arrays
from tapeless._memory import ADJOINTS, Adjoint, arrange
from tapeless._plan import interpolates, lanes_for, make_plan
from tapeless._progress import Progress, meter
from tapeless._solution import Solution
from tapeless._solve import Solve
from tapeless._types import ArrayInput, Integer
from tapeless_kernels.controllers.step_size import Controller
from tapeless_kernels.launch.threads import n_cores
from tapeless_kernels.tableaus.butcher import ButcherTableau
from tapeless_kernels.tableaus.reversible import ReversibleMethod


@takes_arrays
def solve_ode(
    field: VectorField,
    t_span: tuple[ArrayInput, ArrayInput],
    y0: ArrayInput,
    theta: ArrayInput | None = None,
    *,
    method: str | ButcherTableau | ReversibleMethod = "tsit5",
    rtol: ArrayInput = 1e-3,
    atol: ArrayInput = 1e-6,
    t_eval: ArrayInput | None = None,
    interpolate: bool | None = None,
    controller: str | Controller = "pi",
    first_step: ArrayInput | None = None,
    n_steps: Integer | None = None,
    coupled: bool = False,
    adjoint: Adjoint | None = "store",
    stride: Integer | None = None,
    budget: Integer | None = None,
    backsolve: Backsolve | None = None,
    max_steps: Integer = 4096,
    throw: bool = True,
    threads: Integer | None = None,
    progress: Progress = False,
    reduce: bool = False,
    first_passage: tuple[Integer, float] | None = None,
    measure: bool | Literal["states"] = False,
    time_gradients: bool = False,
) -> Solution:
    """Integrate dy/dt = f(t, y, theta) for a batch of initial states, ready to be differentiated.

    Parameters
    ----------
    field : Network, Field or Sum
        The vector field, of dimension `dim`: a network, a function of your own by `tapeless.field`, or what
        `tapeless.fields` composes of them.
    t_span : tuple (t0, t1)
        Initial and final time; t1 < t0 integrates backward. Each a number or an array (batch,).
    y0 : array, shape (batch, dim) or (dim,)
        Initial states: anything with ``__array__``, the buffer protocol or a CPU ``__dlpack__``.
        Its dtype, float32 or float64, is that of the solve; integers become float64.
    theta : array, shape (n_params,) or (batch, n_params)
        Parameters of the field, shared by the batch or, for a `Field` and sums of such, of its own for each
        trajectory; may be left out if it has none.
    method : str, ButcherTableau or ReversibleMethod
        One of `tapeless.methods.table`, or what `tapeless.reversible` makes of one.
    rtol, atol : float or array (batch,)
        A step is accepted if the root mean square over the entries of
        ``error / (atol + rtol * max(|y|, |y_next|))`` is at most 1.
    t_eval : array, shape (n_times,) or (batch, n_times), optional
        Output times within `t_span`, in its direction. By default the final time only.
    interpolate : bool, optional
        Whether outputs come from the cubic Hermite interpolant, of order 3, instead of steps that
        end on them. By default only if the order of the method is at most 4 and it is not reversible.
    controller : str
        ``"pi"``, ``"i"`` or ``"h312"``.
    first_step : float or array (batch,), optional
        Size of the first step, positive; by default Hairer's choice, for one evaluation more.
    n_steps : int, optional
        Take so many equal steps instead of adaptive ones, shortened at output times if
        `interpolate` is false.
    coupled : bool
        Whether the batch shares one step size, with the norm taken over all of it. By default each
        trajectory steps alone, and its result does not depend on the others by a bit.
    adjoint : "store", "every", "binomial", "reversible", "backsolve", "forward" or None
        What is kept for `Solution.vjp`: every step; the states at every `stride`-th step, from which the steps
        between are taken again; as many states as a `budget` of memory allows, from which steps are taken
        again as often as that asks for; or nothing. The gradients are the same to the bit. A reversible method
        can also have "reversible": times alone are kept, and `vjp` takes the steps back from the end; the
        gradient is that of the others but for what `Stats.reconstruction` says. A field without a `vjp`, or with
        a part that has none, keeps nothing. "backsolve" keeps the outputs only: `vjp` solves
        the continuous adjoint system backward in time, and its gradient is as exact as the tolerances. With
        "forward" the initial states are kept, for `Solution.jvp`, which "store", "every" and "binomial" have too
        unless the method is reversible.
    stride : int, optional
        With "every": the steps, of a tile of trajectories, from one state that is kept to the next.
    budget : int, optional
        With "binomial": the bytes that `vjp` may work on; `tapeless.adjoint_memory` says how they are spent.
    backsolve : Backsolve, optional
        With "backsolve": how that is solved.
    max_steps : int
        Most steps tried for each trajectory.
    throw : bool
        Whether a trajectory that fails raises an error, here or in `vjp`.
    threads : int, optional
        Threads that share the tiles of trajectories; by default all cores.
    progress : bool or callable
        True draws a bar by tqdm, of trajectories that have ended. A function is called with their number
        and that of all, from the threads that solve.
    reduce : bool
        Whether `Solution.reduced` holds the mean over time, the least and the largest value of each component
        of each trajectory, in memory that does not grow with steps. `vjp` does not see them.
    first_passage : tuple (component, level), optional
        Have `Solution.reduced` hold the time at which this component of a trajectory first reached the level.
    measure : bool or "states"
        Whether `Solution.steps` holds the accepted steps, and the error and the stiffness of each; ``"states"``
        adds the states in which they begin.
    time_gradients : bool
        Whether to keep what gradients with respect to t0, t1 and `t_eval` need: the slopes of each step.

    Returns
    -------
    Solution
        `ys` of shape (batch, dim), or (batch, n_times, dim) with `t_eval`; `stats` of shape
        (batch,); and `vjp`. Without the batch axis if `y0` has none.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be; the message says what was wanted and what came.
    SolverError
        If a trajectory fails and `throw` is true: too many steps, too small a step, a value that is not
        finite, or the two states of a reversible method have come apart. Its attribute `solution` holds
        what was reached.
    KeyboardInterrupt
        On Ctrl-C, within 0.1 s; its attribute `solution` holds what was reached.

    References
    ----------
    .. [1] Hairer, Norsett and Wanner, *Solving Ordinary Differential Equations I*, 2nd ed.,
       Springer (1993), II.4.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> field = tapeless.fields.MLP(2, [16])
    >>> theta = field.init(rng=0)
    >>> sol = tapeless.solve_ode(field, (0.0, 1.0), np.ones((5, 2)), theta)
    >>> y0_bar, theta_bar = sol.vjp(2 * sol.ys)
    >>> y0_bar.shape, theta_bar.shape
    ((5, 2), (82,))
    """
    if not isinstance(field, VectorField):
        wanted = "a tapeless field, say tapeless.fields.MLP(dim, hidden)"
        raise complain(TypeError, SOLVE, "field", wanted, describe(field))
    y0, single = arguments.states(field, y0)
    batch, dtype = len(y0), y0.dtype
    theta = arguments.parameters(field, theta, dtype, batch)
    numbers = arguments.numbers(t_span, first_step, rtol, atol, batch)
    times = arguments.output_times(t_eval, numbers, batch)
    tableau = methods.find(SOLVE, method)
    control = methods.find_controller(SOLVE, controller)
    reversible = isinstance(tableau, ReversibleMethod)
    check.one_of(SOLVE, "adjoint", adjoint, ADJOINTS)
    methods.check_adjoint(SOLVE, tableau, adjoint)
    if isinstance(tableau, ReversibleMethod):
        arguments.check_reversible(
            tableau, interpolate=interpolate, reduce=reduce, first_passage=first_passage,
            time_gradients=time_gradients,
        )  # fmt: skip
    methods.check_estimate(SOLVE, tableau, n_steps)
    if coupled and (
        theta.ndim > 1
        or any(x.shape[1] > 1 and np.ptp(x, axis=1).any() for x in (numbers[:3], times))
    ):
        raise ValueError(
            f"{SOLVE}: `t_span`, `first_step`, `t_eval` and `theta` must be shared by the batch if "
            "coupled=True; pass coupled=False for times of its own for each trajectory."
        )
    without_vjp, arranged = field.without_vjp, None
    if adjoint == "backsolve":
        others = {"reduce": reduce, "first_passage": first_passage}
        arranged = arrange_backsolve(field, backsolve, numbers, times, n_steps is None, others)
    elif backsolve is not None:
        wanted = "left out, unless adjoint='backsolve'"
        raise complain(ValueError, SOLVE, "backsolve", wanted, f"one with adjoint={adjoint!r}")
    outputs = times if arranged is None else arranged.times
    if measure not in (False, True, "states"):
        raise complain(ValueError, SOLVE, "measure", 'True, False or "states"', describe(measure))
    if adjoint == "forward" and field.without_jvp:
        raise without_tangent(SOLVE, ", ".join(map(str, field.without_jvp)))
    if time_gradients and field.without_time_bar:
        got = ", ".join(map(str, field.without_time_bar))
        wanted = "false, unless the field's `vjp` gives t_bar, as its seventh argument or by vjp='symbolic'"
        raise complain(ValueError, SOLVE, "time_gradients", wanted, f"true, and {got} without it")
    plan = make_plan(
        field.program,
        dtype,
        lanes_for(batch, dtype),
        tableau,
        control,
        len(outputs),
        adjoint not in (None, "forward", "backsolve") and not without_vjp,
        bool(coupled),
        t_eval is not None and interpolates(tableau, interpolate),
        check.positive_int(SOLVE, "max_steps", max_steps),
        0 if n_steps is None else check.positive_int(SOLVE, "n_steps", n_steps),
        batch if coupled else 0,
        theta.ndim > 1,
        bool(reduce),
        *_passage(first_passage, field.dim),
        bool(measure),
        bool(time_gradients),
        measure == "states",
    )
    threads = n_cores() if threads is None else check.positive_int(SOLVE, "threads", threads)
    t1 = numbers[1] if numbers.shape[1] > 1 else numbers[1, 0]
    ts = t1 if t_eval is None else times[:, 0] if times.shape[1] == 1 else times.T
    memory = arrange(SOLVE, plan, batch, threads, adjoint, stride, budget)
    used, pull = theta, None
    if field.maps_theta:
        used, pull = field.effective(theta), partial(field._effective_vjp, theta.copy())
    again = adjoint is not None and not plan.keep and not field.without_jvp
    kept = memory if plan.keep else None
    solve = Solve(plan, numbers, y0, outputs, used, kept, pull, again)
    if arranged is not None:
        solve.backward = partial(Backward, arranged, tableau, control, threads, throw)
    solve.time_gradients = bool(time_gradients)
    shapes = shapes_of(y0, single, theta, t_span, t_eval)
    solve.shared = shapes.t0 == (), shapes.t1 == (), len(shapes.t_eval or ()) < 2
    if isinstance(tableau, ButcherTableau) and tableau.stability_pair is not None:
        solve.stability_size = tableau.stability_size

    def solution() -> Solution:
        forward = None
        if adjoint is not None and not reversible and arranged is None:
            forward = Forward(solve, field, theta, shapes, threads)
        how = (without_vjp, throw, adjoint, forward)
        return solve.solution(ts, single, t_eval is None, threads, *how)

    try:
        with meter(SOLVE, progress, batch) as ended:
            solve.run(threads, ended)
        result = solution()
    except KeyboardInterrupt as interrupt:
        interrupt.solution = solution()  # type: ignore[attr-defined]
        raise
    if throw and not result.success:
        check_arrival(SOLVE, result, t1)
    return result


def _passage(given: tuple[Integer, float] | None, dim: int) -> tuple[int, float]:
    """Return the component and the level of a first passage; -1 stands for none."""
    if given is None:
        return -1, 0.0
    try:
        component, level = given
        component, level = operator.index(component), float(level)
    except (TypeError, ValueError):
        component, level = -1, np.nan
    if not 0 <= component < dim or not np.isfinite(level):
        wanted = f"a pair of a component, 0 to {dim - 1}, and a finite level"
        raise complain(ValueError, SOLVE, "first_passage", wanted, describe(given))
    return component, level
