"""Local regularisation: a step at a time or of a number that is drawn, its error, and the gradient of that."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tapeless import methods
from tapeless._ode import solve_ode
from tapeless._regularised import Penalty, Problem, Solved
from tapeless._solution import Solution
from tapeless._steps import Floats, Steps, StepsBar
from tapeless_kernels.tableaus.reversible import ReversibleMethod

if TYPE_CHECKING:
    from tapeless._regularisers import Local

LOCAL_SAMPLERS = ("unbiased", "biased", "exact")
# Of solve_ode: what a fresh step has in common with the solve that it belongs to.
SHARED = ("method", "rtol", "atol", "controller", "coupled", "threads")


def with_output(problem: Problem, key: int, share: float) -> Problem:
    """Return the problem with one more output, at this share of the span; its time and place are kept under `key`.

    Without output times of its own, and where they are interpolated, the additional one costs nothing: it is
    interpolated too. Else a step has to end there, as it has with reversible methods.
    """
    can = not isinstance(methods.find("Local", problem.method), ReversibleMethod)
    t0, t1 = (np.asarray(t, np.float64) for t in problem.t_span)
    time, given = t0 + share * (t1 - t0), problem.options.get("t_eval")
    if given is None:
        times = np.stack(np.broadcast_arrays(time, t1), axis=-1)
        outputs, place = np.array([1]), 0
        problem = problem.with_options(interpolate=True) if can else problem
    else:
        given = np.asarray(given, np.float64)
        shape = np.broadcast_shapes(given.shape[:-1], time.shape)
        given = np.broadcast_to(given, (*shape, given.shape[-1]))
        times = np.concatenate([given, np.broadcast_to(time, shape)[..., None]], axis=-1)
        sign = np.where(t1 < t0, -1.0, 1.0)[..., None]
        order = np.argsort(sign * times, axis=-1, kind="stable")
        times = np.take_along_axis(times, order, axis=-1)
        n = given.shape[-1]
        if problem.outputs is not None or (order.ndim > 1 and (order != order[:1]).any()):
            raise ValueError(
                "Local: with output times of its own for each trajectory, sampler='unbiased' cannot add one; use "
                "sampler='biased' or 'exact'."
            )
        order = order if order.ndim == 1 else order[0]
        place, outputs = int(np.argmax(order == n)), np.flatnonzero(order < n)
    places = {**problem.places, key: (time, place)}
    return replace(problem, outputs=outputs, places=places).with_options(t_eval=times)


def local_penalty(
    local: "Local", solved: Solved, weight: float, rng: np.random.Generator
) -> Penalty:
    """Return weight |h| E of one step, in the mean over trajectories; weight T E if it is drawn exactly."""
    if local.sampler == "unbiased":
        time, place = solved.problem.places[id(local)]
        states = solved.sol.ys[..., place, :]
        size = None
        if local.h_reg == "accepted":
            size = size_at(solved.sol.steps, time)
        fresh = fresh_step(solved, time, states, size)
        value, theta_bar, y_bar = error_of(fresh, weight, local)
        ys_bar = None
        if y_bar is not None:
            ys_bar = np.zeros_like(solved.sol.ys)
            ys_bar[..., place, :] = y_bar
        return Penalty(value, ys_bar=ys_bar, theta_bar=theta_bar)
    steps = solved.sol.steps
    if steps.h.shape[-1] == 0:
        return Penalty(0.0)
    j = drawn(steps, local.sampler, rng)
    t, h = at(steps.t, j), at(steps.h, j)
    factor = np.abs(h)
    if local.sampler == "exact":
        factor = np.where(np.isnan(h), np.nan, np.nansum(np.abs(steps.h), axis=-1))
    assert steps.error is not None
    if local.h_reg == "accepted" and local.through_state:
        values = np.nan_to_num(factor * at(steps.error, j))
        bar = np.zeros(steps.h.shape)
        scale = weight / max(np.size(values), 1)
        put(bar, j, np.nan_to_num(factor) * scale)
        return Penalty(weight * float(np.mean(values)), steps_bar=StepsBar(error=bar))
    assert steps.y is not None
    states = states_at(steps.y, j)
    fresh = fresh_step(solved, t, states, h if local.h_reg == "accepted" else None)
    by = np.abs(factor / h) if local.sampler == "exact" else None
    value, theta_bar, y_bar = error_of(fresh, weight, local, by)
    steps_bar = None
    if y_bar is not None:
        states_bar = np.zeros(steps.y.shape)
        put_states(states_bar, j, y_bar)
        steps_bar = StepsBar(y=states_bar)
    return Penalty(value, steps_bar=steps_bar, theta_bar=theta_bar)


def drawn(steps: Steps, sampler: str, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the number of a step of each trajectory, each as likely or by its length."""
    there = ~np.isnan(steps.h)
    weights = np.where(there, np.abs(steps.h) if sampler == "exact" else 1.0, 0.0)
    ends = np.cumsum(weights, axis=-1)
    at_most = rng.uniform(size=ends.shape[:-1]) * ends[..., -1]
    return np.minimum(
        (ends <= at_most[..., None]).sum(axis=-1), np.maximum(there.sum(axis=-1) - 1, 0)
    )


def size_at(steps: Steps, time: Any) -> Floats:
    """Return the size of the step of each trajectory which a time lies in."""
    time = np.asarray(time)[..., None] if np.ndim(time) else time
    begun = np.sign(steps.h) * (time - steps.t) >= 0
    j = np.maximum(begun.sum(axis=-1) - 1, 0)
    return at(steps.h, j)


def fresh_step(solved: Solved, t: Any, states: Floats, size: Any) -> Solution:
    """Return a measured step from states at times t: of these sizes, or Hairer's automatic first ones.

    It is of the method of the solve; where that is reversible, of the one that it is made of.
    """
    problem = solved.problem
    shared = {name: problem.options[name] for name in SHARED if name in problem.options}
    method = methods.find("Local", problem.method)
    if isinstance(method, ReversibleMethod):  # a single step is kept as it is
        shared["method"] = method.base
    if size is None:
        end = np.broadcast_to(np.asarray(problem.t_span[1], np.float64), np.shape(t))
        options: dict[str, Any] = {"max_steps": 1}
    else:
        end, options = t + size, {"n_steps": 1}
    span = np.nan_to_num(t)[()], np.nan_to_num(end)[()]
    states = np.nan_to_num(states)
    return solve_ode(
        problem.field, span, states, solved.theta, measure=True, throw=False, **shared, **options
    )


def error_of(
    fresh: Solution, weight: float, local: "Local", by: Floats | None = None
) -> tuple[float, Floats | None, Floats | None]:
    """Return weight |h| E in the mean over trajectories, and its gradients in theta and, if wanted, the state.

    `by` multiplies the terms. A step that was rejected has none.
    """
    steps = fresh.steps
    assert steps.error is not None
    if steps.h.shape[-1] == 0:
        return 0.0, None, None
    h, error = np.abs(steps.h[..., 0]), steps.error[..., 0]
    factor = np.nan_to_num(h if by is None else h * by)
    scale = weight / max(np.size(factor), 1)
    bar = np.zeros(steps.h.shape)
    bar[..., 0] = factor * scale
    value = float(np.sum(factor * np.nan_to_num(error)) * scale)
    y_bar, theta_bar = fresh._steps_vjp(StepsBar(error=bar), hold_start=local.hold_slope)
    return value, theta_bar, y_bar if local.through_state else None


def at(x: Floats, j: NDArray[np.intp]) -> Floats:
    """Return x[..., j]; NaN where there are no steps."""
    if x.shape[-1] == 0:
        return np.full(x.shape[:-1], np.nan)
    return np.take_along_axis(x, np.asarray(j)[..., None], axis=-1)[..., 0]


def put(x: Floats, j: NDArray[np.intp], values: Floats) -> None:
    """x[..., j] = values."""
    if x.shape[-1]:
        np.put_along_axis(x, np.asarray(j)[..., None], np.asarray(values)[..., None], axis=-1)


def states_at(y: Floats, j: NDArray[np.intp]) -> Floats:
    """Return y[..., j, :], all trajectories having one j if they share their steps."""
    index = np.broadcast_to(np.asarray(j), y.shape[:-2])[..., None, None]
    return np.take_along_axis(y, index, axis=-2)[..., 0, :]


def put_states(y: Floats, j: NDArray[np.intp], values: Floats) -> None:
    """y[..., j, :] = values."""
    index = np.broadcast_to(np.asarray(j), y.shape[:-2])[..., None, None]
    np.put_along_axis(y, index, values[..., None, :], axis=-2)
