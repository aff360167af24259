"""A loss with penalties on how it is solved: the problem that regularisers change, and its gradient."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tapeless._composition import VectorField
from tapeless._objective import Evaluation, _mean_nfe
from tapeless._ode import solve_ode
from tapeless._solution import Solution
from tapeless._steps import Floats, StepsBar

MEASURES = (False, True, "states")  # each has what those before have


@dataclass(frozen=True)
class Problem:
    """What a batch asks to be solved; regularisers change it beforehand."""

    field: VectorField
    t_span: tuple[Any, Any]
    y0: Floats
    options: dict[str, Any]
    dim: int  # leading entries of the state which the loss sees
    outputs: NDArray[np.intp] | None = None  # those which the loss sees; None: all
    final: bool = True  # the loss sees the last one, without an axis of times
    places: Mapping[int, Any] = dataclasses.field(
        default_factory=dict
    )  # what regularisers have kept

    @property
    def method(self) -> Any:
        """What `solve_ode` is to be given."""
        return self.options.get("method", "tsit5")

    def with_options(self, **options: Any) -> "Problem":
        """Return the problem with other options of `solve_ode`."""
        return replace(self, options=self.options | options)

    def measured(self, how: Any = True) -> "Problem":
        """Return the problem with its steps measured, at least so."""
        had = self.options.get("measure", False)
        return self.with_options(measure=max(had, how, key=MEASURES.index))

    def seen(self, ys: Floats) -> Floats:
        """Return what the loss sees of the states."""
        ys = ys[..., : self.dim]
        if self.outputs is not None:
            ys = ys[..., self.outputs, :]
            ys = ys[..., 0, :] if self.final else ys
        return ys

    def seen_vjp(self, ys_bar: Floats, ys: Floats) -> Floats:
        """Return the cotangent of all states from that of what the loss sees."""
        out = np.zeros_like(ys)
        if self.outputs is None:
            out[..., : self.dim] = ys_bar
        else:
            ys_bar = ys_bar[..., None, :] if self.final else ys_bar
            out[..., self.outputs, : self.dim] = ys_bar
        return out


class Solved(NamedTuple):
    """A problem, its parameters, those of the whole objective, and the solution."""

    problem: Problem
    theta: Floats
    whole: Floats
    sol: Solution


class Penalty(NamedTuple):
    """A penalty, and the cotangents that it gives; None stands for zero."""

    value: float
    ys_bar: Floats | None = None
    steps_bar: StepsBar | None = None
    theta_bar: Floats | None = None  # of the field's parameters
    whole_bar: Floats | None = None  # of the whole objective's


class Regulariser(Protocol):
    """What `fit` asks of a regulariser."""

    draws: bool  # from the generator
    last: bool  # prepares the problem that the others leave

    def prepare(self, problem: Problem, rng: np.random.Generator | None) -> Problem:
        """Return the problem to be solved."""

    def penalty(self, solved: Solved, n: int, rng: np.random.Generator | None) -> Penalty:
        """Return the penalty in the n-th step."""


def regularised(
    objective: Any, regularisers: Sequence[Regulariser], theta: Floats, batch: tuple[Any, ...], n: int,
    rng: np.random.Generator | None,
) -> tuple[Evaluation, float]:  # fmt: skip
    """Return the evaluation of an objective with penalties, and their sum."""
    y0, target = batch
    of_field = objective.field_part(theta)
    options, final = dict(objective.options), objective.options.get("t_eval") is None
    problem = Problem(
        objective.field, objective.t_span, y0, options, objective.field.dim, final=final
    )
    for one in sorted(regularisers, key=lambda one: one.last):
        problem = one.prepare(problem, rng)
    sol = solve_ode(problem.field, problem.t_span, problem.y0, of_field, **problem.options)
    loss, seen_bar, whole_bar = objective.loss_vjp(theta, problem.seen(sol.ys), target)
    ys_bar, nfe = problem.seen_vjp(seen_bar, sol.ys), _mean_nfe(sol)
    solved = Solved(problem, of_field, theta, sol)
    penalties = [one.penalty(solved, n, rng) for one in regularisers]
    theta_bar = np.zeros_like(of_field)
    for penalty in penalties:
        ys_bar = ys_bar if penalty.ys_bar is None else ys_bar + penalty.ys_bar
        theta_bar = theta_bar if penalty.theta_bar is None else theta_bar + penalty.theta_bar
        more = penalty.whole_bar
        if more is not None:
            whole_bar = more if whole_bar is None else whole_bar + more
    steps_bar = total([penalty.steps_bar for penalty in penalties])
    theta_bar = theta_bar + sol.vjp(ys_bar, steps_bar=steps_bar)[1]
    gradient = objective.join(theta_bar, whole_bar)
    value = float(sum(penalty.value for penalty in penalties))
    return Evaluation(loss + value, gradient, nfe), value


def total(bars: Sequence[StepsBar | None]) -> StepsBar | None:
    """Return the sum of cotangents of steps."""
    given = [bar for bar in bars if bar is not None]
    if not given:
        return None
    parts = (tuple(x for x in column if x is not None) for column in zip(*given, strict=True))
    return StepsBar(*(sum(column) if column else None for column in parts))
