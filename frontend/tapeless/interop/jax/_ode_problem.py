"""A solve of an ODE but for its operands, and a solution that waits for its derivatives."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tapeless
from tapeless import _arguments as arguments
from tapeless._arguments import SOLVE
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless.interop.jax._arguments import zeros_like
from tapeless.interop.jax._frozen import Frozen
from tapeless.regularise import Functional

TIMES = ("t0", "t1", "t_eval")
# What is kept for gradients; a call that is not differentiated keeps nothing, and takes the same steps.
OF_ADJOINT = ("adjoint", "budget", "stride")


@dataclass(frozen=True)
class OdeProblem:
    """A solve but for its operands: y0, theta, and the times that are traced."""

    field: VectorField
    times: tuple[Frozen | None, ...]
    traced: tuple[bool, ...]
    functionals: tuple[Functional, ...]
    time_gradients: bool
    frozen: tuple[tuple[str, Frozen], ...]

    name = SOLVE

    @functools.cached_property
    def options(self) -> dict[str, Any]:
        """The options of `tapeless.solve_ode`."""
        return {name: value.value for name, value in self.frozen}

    @functools.cached_property
    def without_tape(self) -> dict[str, Any]:
        """The options that keep nothing and take the same steps; "backsolve" may add some, and keeps none."""
        if self.options.get("adjoint") == "backsolve":
            return self.options
        others = {name: x for name, x in self.options.items() if name not in OF_ADJOINT}
        return others | {"adjoint": None}

    @functools.cached_property
    def cores(self) -> tuple[int, ...]:
        """The axes of each operand besides the batch."""
        of_times = (n for n, one in zip((0, 0, 1), self.traced, strict=True) if one)
        return 1, 1, *of_times

    @functools.cached_property
    def own(self) -> tuple[bool, ...]:
        """Whether a trajectory may have one of its own."""
        return True, self.field.takes_own_theta, *(True for one in self.traced if one)

    @functools.cached_property
    def folds(self) -> bool:
        """Whether trajectories do not depend on each other, and no constant belongs to one of them."""
        constants = (*self.options.values(), *(t.value for t in self.times[:2] if t is not None))
        at = self.times[2]
        return not (
            self.options.get("coupled", False)
            or any(isinstance(x, np.ndarray) and x.ndim for x in constants)
            or (at is not None and np.ndim(at.value) > 1)
        )

    def check(self, *operands: Any) -> None:
        """Complain of shapes, dtypes and options, as the NumPy function does."""
        y0, theta, *times = operands
        state, _ = arguments.states(self.field, zeros_like(y0))
        arguments.parameters(self.field, zeros_like(theta), state.dtype, len(state))
        names = (name for name, one in zip(TIMES, self.traced, strict=True) if one)
        for name, x in zip(names, times, strict=True):
            if name != "t_eval" and x.shape not in ((), (len(state),)):
                wanted = f"a pair of numbers or arrays of shape ({len(state)},)"
                raise complain(ValueError, SOLVE, "t_span", wanted, describe(zeros_like(x)))
            if name == "t_eval":
                arguments.output_times(zeros_like(x), np.zeros((2, 1)), len(state))
        _check_options(self, state.dtype, theta.ndim)

    def outputs(self, avals: Sequence[Any]) -> list[tuple[tuple[int, ...], Any]]:
        """Return shapes and dtypes of states and of values."""
        y0, *_, last = avals
        at = last if self.traced[2] else self.times[2].value  # type: ignore[union-attr]
        n_times = () if at is None else at.shape[-1:]
        ys = (*y0.shape[:-1], *n_times, y0.shape[-1])
        batch = () if self.options.get("coupled", False) else y0.shape[:-1]
        return [(ys, y0.dtype), *((batch, y0.dtype) for _ in self.functionals)]

    def check_wanted(self, wanted: tuple[bool, ...]) -> None:
        """Complain of derivatives with respect to times, unless they were asked for."""
        if any(wanted[2:]) and not self.time_gradients:
            advice = "Or hold them constant with jax.lax.stop_gradient."
            wanted_of = "true for derivatives with respect to `t_span` or `t_eval`"
            raise complain(ValueError, SOLVE, "time_gradients", wanted_of, "False", advice)

    def check_reverse(self) -> None:
        """Complain if the field has no transpose."""
        if self.field.without_vjp:
            got = f"none in {', '.join(map(str, self.field.without_vjp))}"
            advice = 'Give tapeless.field a `vjp`, say "symbolic".'
            wanted = "one with a `vjp` for derivatives in reverse mode"
            raise complain(ValueError, SOLVE, "field", wanted, got, advice)

    def arguments(self, operands: Sequence[Any]) -> tuple[Any, ...]:
        """Return t_span, y0, theta and t_eval."""
        y0, theta, *times = operands
        given = iter(times)
        t0, t1, at = (next(given) if t is None else t.value for t in self.times)
        return (t0, t1), y0, theta, at

    def run(self, *operands: Any) -> list[Any]:
        """Return states and values."""
        return self._outs(self._solve(operands, self.without_tape))

    def keep(self, *operands: Any) -> "tuple[list[Any], KeptSolution]":
        """Return states, values and the solution."""
        sol = self._solve(operands, self.options | {"time_gradients": self.time_gradients})
        return self._outs(sol), KeptSolution(self, sol)

    def _solve(self, operands: Sequence[Any], options: dict[str, Any]) -> tapeless.Solution:
        t_span, y0, theta, at = self.arguments(operands)
        measure = bool(self.functionals)
        return tapeless.solve_ode(
            self.field, t_span, y0, theta, t_eval=at, measure=measure, **options
        )

    def _outs(self, sol: tapeless.Solution) -> list[Any]:
        return [sol.ys, *(one.value(sol.steps) for one in self.functionals)]


@functools.lru_cache(maxsize=256)
def _check_options(problem: OdeProblem, dtype: Any, theta_ndim: int) -> None:
    """Solve for no trajectories at all, which checks every constant."""
    field = problem.field
    t0, t1, at = (None if t is None else _of_none(t.value) for t in problem.times)
    if t0 is None or t1 is None:  # then what there is cannot be wrong alone
        t0, t1, at = t0 or 0.0, t1 or 0.0, None
    options = {name: _of_none(x) for name, x in problem.options.items()}
    options["time_gradients"] = problem.time_gradients
    theta = np.zeros((0,) * (theta_ndim - 1) + (field.n_params,), dtype)
    tapeless.solve_ode(
        field, (t0, t1), np.zeros((0, field.dim), dtype), theta, t_eval=at,
        measure=bool(problem.functionals), **options,
    )  # fmt: skip


def _of_none(x: Any) -> Any:
    """Return a constant as no trajectories have it: without what is of each."""
    return x[:0] if isinstance(x, np.ndarray) and x.ndim > 1 else x


class KeptSolution:
    """A solution that waits for tangents or cotangents."""

    def __init__(self, problem: OdeProblem, sol: tapeless.Solution) -> None:
        self._problem, self._sol = problem, sol
        self.nbytes = sol.nbytes_adjoint

    def jvp(self, dots: list[Any]) -> list[Any]:
        """Return the tangent of the states."""
        problem = self._problem
        if problem.functionals:
            raise complain(
                ValueError, SOLVE, "functionals", "left out in forward mode, which they have not",
                f"{len(problem.functionals)} of them", "Reverse mode, say jax.grad, has them.",
            )  # fmt: skip
        y0_dot, theta_dot, *rest = dots
        given = iter(rest)
        names = (name for name, one in zip(TIMES, problem.traced, strict=True) if one)
        times = {f"{name}_dot": next(given) for name in names}
        return [self._sol.jvp(y0_dot, theta_dot, **times)]

    def vjp(self, bars: Sequence[Any], wanted: tuple[bool, ...]) -> list[Any]:
        """Return the cotangents of the operands that are wanted."""
        problem, sol = self._problem, self._sol
        ys_bar, *value_bars = bars
        parts = [
            one.vjp(sol.steps, bar)
            for one, bar in zip(problem.functionals, value_bars, strict=True)
        ]
        steps_bar = functools.reduce(_added, parts) if parts else None
        if any(wanted[2:]):
            found = sol.vjp(ys_bar, steps_bar=steps_bar, times=True)
            of_times = zip(TIMES, problem.traced, strict=True)
            every = [
                found.y0,
                found.theta,
                *(getattr(found, name) for name, one in of_times if one),
            ]
        else:
            every = [*sol.vjp(ys_bar, steps_bar=steps_bar), *(None for _ in wanted[2:])]
        return [bar for bar, one in zip(every, wanted, strict=True) if one]


def _added(a: tapeless.StepsBar, b: tapeless.StepsBar) -> tapeless.StepsBar:
    return tapeless.StepsBar(
        *(x if y is None else y if x is None else x + y for x, y in zip(a, b, strict=True))
    )
