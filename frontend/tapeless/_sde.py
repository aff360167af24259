"""The public `solve_sde`: check, plan, launch."""

from typing import Any, Literal

import numpy as np

from tapeless import _check as check
from tapeless import _sde_arguments as given
from tapeless import _sde_methods as sde_methods
from tapeless._brownian import BrownianPath, Increment
from tapeless._complain import check_arrival, complain, describe
from tapeless._composition import VectorField
from tapeless._interchange import takes_arrays
from tapeless._noise import kind_of_noise
from tapeless._sde_grid import SOLVE, grid_of, make_path, output_times, source_of, span_of
from tapeless._sde_solution import SdeSolution, SdeStats
from tapeless._sde_solve import SdeReverse, SdeSolve
from tapeless._types import RNG, ArrayInput, Integer
from tapeless_kernels.controllers.step_size import Controller
from tapeless_kernels.launch.sde_plan import lanes_for
from tapeless_kernels.launch.threads import n_cores
from tapeless_kernels.tableaus.stochastic import StochasticMethod

Adjoint = Literal["store", "every", "binomial", "reversible", "backsolve"]


@takes_arrays
def solve_sde(
    drift: VectorField,
    diffusion: VectorField | None,
    t_span: tuple[ArrayInput, ArrayInput],
    y0: ArrayInput,
    theta: ArrayInput | None = None,
    *,
    path: BrownianPath | Increment | ArrayInput | None = None,
    rng: RNG = None,
    method: str | StochasticMethod | None = None,
    calculus: Literal["ito", "stratonovich"] | None = None,
    convert: bool = False,
    dt: ArrayInput | None = None,
    n_steps: Integer | None = None,
    t_eval: ArrayInput | None = None,
    rtol: float = 1e-2,
    atol: float = 1e-3,
    controller: str | Controller = "pi",
    first_step: float | None = None,
    adjoint: Adjoint | None = "store",
    stride: Integer | None = None,
    budget: Integer | None = None,
    max_steps: Integer = 2**16,
    throw: bool = True,
    threads: Integer | None = None,
) -> SdeSolution:
    r"""Integrate :math:`dy = f(t, y, \theta) \, dt + g(t, y, \theta) \, dW` for a batch of initial states.

    Parameters
    ----------
    drift : field
        The field f: a `tapeless.field`, a network or a sum; or a `JointField` that has both, with ``diffusion=None``.
    diffusion : Diffusion, DiffusionNetwork, field or None
        The field g. A plain one has a channel of noise for each component.
    t_span : tuple (t0, t1)
        Initial and final time, t0 < t1.
    y0 : array, shape (batch, dim) or (dim,)
        Initial states, whose dtype, float32 or float64, is that of the solve.
    theta : array, shape (n_params,) or (batch, n_params)
        Parameters: those of the drift, then those of the diffusion. Of its own for each trajectory if both fields are
        functions of yours.
    path : BrownianPath, array or Increment, optional
        The noise: a path of shape (batch, channels), or the increments of the steps, (n_steps, batch, channels), with
        their areas as ``Increment(W, H)`` if the method needs them.
    rng : numpy.random.Generator or int, optional
        What draws the key of a path, if none is given.
    method : str or StochasticMethod, optional
        One of the table in the documentation. By default ``"euler_maruyama"``, or ``"heun"`` for Stratonovich.
    calculus : "ito" or "stratonovich", optional
        In which sense the equation is meant; by default that of the method. They differ unless noise is additive.
    convert : bool
        Whether a method of the other sense than `calculus` may be used: what they differ by, half the sum over k of
        the derivative of g's column k along itself, is added to the drift then, or taken from it, by the diffusion's
        `jvp`; gradients ask for its `vjp_jvp`.
    dt : float or array (n + 1,), optional
        The size of steps, of which the last is shortened to end at t1; or the times between which they are.
    n_steps : int, optional
        Take so many equal steps. With neither, steps adapt, of each trajectory by itself.
    t_eval : array, shape (n_times,), optional
        Output times in ascending order, on which steps end. By default t1 only.
    rtol, atol : float
        An adaptive step is accepted if the root mean square over the entries of
        ``error / (atol + rtol * max(|y|, |y_next|))`` is at most 1.
    controller : str
        ``"pi"``, ``"i"`` or ``"h312"``, with the exponents of the order of the method's error.
    first_step : float, optional
        Size of the first adaptive step; by default a hundredth of the interval.
    adjoint : "store", "every", "binomial", "reversible", "backsolve" or None
        What is kept for `SdeSolution.vjp`: every step, or states in place of them if that were more than 1 GiB; the
        states at every `stride`-th step; as many states as a `budget` of bytes allows, these three with the same
        gradient to the bit; with ``"reversible"`` and the method of that name nothing, as its steps are taken back;
        with ``"backsolve"`` nothing but outputs, and the continuous adjoint of a Stratonovich equation is solved on
        the same path, which is exact in the limit of small steps.
    stride : int, optional
        With "every": the steps from one state that is kept to the next.
    budget : int, optional
        With "binomial": the bytes that `vjp` may work on.
    max_steps : int
        Most adaptive steps tried for each trajectory.
    throw : bool
        Whether a trajectory that fails raises an error.
    threads : int, optional
        Threads that share the trajectories; by default all cores. They change no bit.

    Returns
    -------
    SdeSolution
        `ys` of shape (batch, dim), or (batch, n_times, dim) with `t_eval`; `stats`, `path` and `vjp`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be, or the method cannot take the noise, converges to the solution in the
        other sense, or has no error estimate where steps are to adapt: the message names those that do.
    SolverError
        If a trajectory fails and `throw` is true: a state that is not finite, a step below the resolution of the path,
        too many steps. Its attribute `solution` holds what was reached.
    KeyboardInterrupt
        On Ctrl-C; its attribute `solution` holds what was reached.

    References
    ----------
    .. [1] Kloeden and Platen, *Numerical Solution of Stochastic Differential Equations*, Springer (1992).
    .. [2] Foster, On the convergence of adaptive approximations for stochastic differential equations,
       arXiv 2311.14201 (2023).

    Examples
    --------
    Geometric Brownian motion, 1000 paths:

    >>> import numpy as np
    >>> import tapeless
    >>> @tapeless.field(dim=1, n_params=1, vjp="symbolic")
    ... def drift(t, y, theta, dy):
    ...     dy[0] = theta[0] * y[0]
    >>> @tapeless.diffusion(dim=1, n_params=1, vjp="symbolic")
    ... def volatility(t, y, theta, dg):
    ...     dg[0] = theta[0] * y[0]
    >>> sol = tapeless.solve_sde(
    ...     drift, volatility, (0.0, 1.0), np.ones((1000, 1)), [0.05, 0.2], n_steps=64, rng=0
    ... )
    >>> bool(abs(sol.ys.mean() - np.exp(0.05)) < 0.03)
    True
    >>> y0_bar, theta_bar = sol.vjp(np.full(sol.ys.shape, 1e-3))
    >>> theta_bar.shape
    (2,)
    """
    noisy: Any = given.noisy_field(drift, diffusion)
    start, single = given.states(drift, y0)
    batch, dtype = len(start), start.dtype
    joint = diffusion is None
    parts = (drift,) if joint else (drift, noisy)
    params = given.parameters(parts, theta, dtype, batch)
    t0, t1 = span_of(t_span)
    outputs = output_times(t_eval, t0, t1)
    found = sde_methods.find_method(SOLVE, method, calculus)
    adaptive = dt is None and n_steps is None
    example = params if params.ndim == 1 else params[0] if batch else np.zeros(params.shape[1])
    of_noisy = example if joint else example[drift.n_params :]
    noise = kind_of_noise(SOLVE, noisy, start, t0, of_noisy)
    if adaptive and method is None:  # the usual one cannot adapt
        found = given.usual_adaptive(found.calculus, noise) or found
    correction = given.correction_of(found, calculus, noise, convert)
    sde_methods.check_method(SOLVE, found, calculus, noise, adaptive, convert)
    if sde_methods.differentiates(found, correction):
        sde_methods.check_tangent(SOLVE, found, noise, noisy, correction, adjoint)
    given.check_adjoint(found, adjoint, stride, budget, noise)
    times = places = equal = None
    if not adaptive:
        times, places, equal = grid_of(t0, t1, outputs, dt, n_steps)
    if path is None:
        shape = batch, noisy.channels
        path = make_path(rng, t0, t1, shape, found.area, dtype, times, equal)
    elif rng is not None:
        raise complain(ValueError, SOLVE, "rng", "left out where there is a `path`", describe(rng))
    n = None if times is None else len(times) - 1
    source = source_of(path, t0, t1, batch, noisy.channels, single, found.area, n, dtype)
    workers = n_cores() if threads is None else check.positive_int(SOLVE, "threads", threads)
    lanes = lanes_for(batch, [part.program for part in parts], adaptive, dtype)
    why_not = given.why_no_transpose(parts, found, adjoint, correction)
    programs = (None, None, drift.program) if joint else (drift.program, noisy.program, None)
    plan = given.plan_of(
        dtype, lanes, programs, 0 if joint else drift.n_params, params.shape[-1], params.ndim > 1, found, drift.dim,
        noisy.channels, noisy.mixes, not why_not, adaptive, correction,
    )  # fmt: skip
    how = None
    if adaptive:
        how = given.how_steps_adapt(
            path, controller, noise, rtol, atol, first_step, max_steps, t0, t1
        )
    used, pull = params, None
    if any(part.maps_theta for part in parts):
        used, pull = given.mapped(parts, params)
    memory = given.memory_of(
        plan, batch, n, workers, adjoint if plan.transpose else None, stride, budget
    )
    grid = (t0, t1), times, places, outputs
    solve = SdeSolve(plan, source, start, used, grid, how, memory, workers)

    def solution() -> SdeSolution:
        reverse: Any = why_not or SdeReverse(solve, pull)
        arrays = given.evaluations(plan, solve)
        first: Any = 0 if single else slice(None)
        stats = SdeStats(
            *(x[first] for x in (*arrays, solve.accepted, solve.rejected, solve.status, solve.t))
        )
        ys = solve.ys[:, 0] if t_eval is None else solve.ys
        ts = np.array(t1) if t_eval is None else outputs
        return SdeSolution(
            ts, ys[first], solve.y[first], stats, path, found.name, noise, single, reverse
        )

    try:
        solve.run()
        result = solution()
    except KeyboardInterrupt as interrupt:
        interrupt.solution = solution()  # type: ignore[attr-defined]
        raise
    if throw and not result.success:
        check_arrival(SOLVE, result, t1)
    return result
