"""A solve of an ordinary differential equation as torch sees it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tapeless import _ode
from tapeless._arguments import SOLVE
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._memory import without_adjoint
from tapeless._solution import Solution
from tapeless.interop._measures import NFE, Measure, measures_of, steps_bar, value
from tapeless.interop.torch._problem import Arrays, Meta, Problem, Pullback
from tapeless.interop.torch._tensors import checked

TIMES = ("t0", "t1", "t_eval")
REFUSED = {
    "time_gradients": "It is true here where times are tensors that require a gradient.",
    "reduce": "tapeless.solve_ode returns what it keeps.",
    "first_passage": "tapeless.solve_ode returns what it keeps.",
}


class OdeProblem(Problem):
    """A solve: the field, the options, and which of y0, theta and the times are tensors."""

    def __init__(
        self, field: VectorField, names: tuple[str, ...], times: dict[str, Any],
        measure: Measure | Sequence[Measure] | None, options: dict[str, Any],
    ) -> None:  # fmt: skip
        super().__init__()
        for name, why in REFUSED.items():
            if name in options:
                raise complain(ValueError, SOLVE, name, "left out", describe(options[name]), why)
        self.field, self.names, self.times, self.options = field, names, times, options
        self.measures = measures_of(SOLVE, measure)
        self._measured = any(m != NFE for m in self.measures)
        self._unrecorded = without_adjoint(options) | {"adjoint": None}
        self._n_bars = 1 + ("theta" in names)
        self._no_times = (None,) * sum(name in TIMES for name in names)

    def parts(self) -> tuple[Any, ...]:
        """Return the arguments."""
        return self.field, self.names, self.times, self.measures, self.options

    def forward(self, arrays: Arrays, needs: Sequence[bool]) -> tuple[list[Any], Pullback | None]:
        """Return states and what was measured."""
        given = dict(zip(self.names, arrays, strict=True))
        if True in needs:
            self._check_carried(needs)
            options, times = self.options, True in needs[1 + ("theta" in given) :]
        else:
            options, times = self._unrecorded, False
        t0, t1, t_eval = (given.get(name, self.times[name]) for name in TIMES)
        sol = _ode.solve_ode(
            self.field, (_number(t0), _number(t1)), given["y0"], given.get("theta"), t_eval=t_eval,
            measure=self._measured, time_gradients=times, **options,
        )  # fmt: skip
        found = [value(m, sol) for m in self.measures]
        outputs = [
            sol.ys,
            *(
                x if m == NFE else np.asarray(x, sol.ys.dtype)
                for m, x in zip(self.measures, found, strict=True)
            ),
        ]
        return outputs, self._pullback(sol, times) if True in needs else None

    def _pullback(self, sol: Solution, times: bool) -> Pullback:
        def pullback(bars: Sequence[Any]) -> Sequence[Any]:
            of_steps = steps_bar(self.measures, sol, bars[1:]) if self._measured else None
            if times:
                gradient = sol.vjp(bars[0], steps_bar=of_steps, times=True)._asdict()
                return [gradient[name] for name in self.names]
            return (*sol.vjp(bars[0], steps_bar=of_steps)[: self._n_bars], *self._no_times)

        return pullback

    def _check_carried(self, needs: Sequence[bool]) -> None:
        adjoint = self.options.get("adjoint", "store")
        if adjoint in (None, "forward"):
            which = ", ".join(f"`{n}`" for n, need in zip(self.names, needs, strict=True) if need)
            wanted = "left out where a gradient may be asked for"
            got = f"{adjoint!r}, and {which} that requires one"
            advice = "Detach it, or solve under torch.no_grad(), where nothing is kept."
            raise complain(ValueError, SOLVE, "adjoint", wanted, got, advice)
        if self.field.without_vjp:
            parts = ", ".join(map(str, self.field.without_vjp))
            wanted = "one whose every part has a `vjp` where a gradient may be asked for"
            advice = 'vjp="symbolic" may derive it.'
            raise complain(ValueError, SOLVE, "field", wanted, f"{parts} without one", advice)

    def meta(self, tensors: Sequence[Tensor]) -> list[Meta]:
        """Return shapes and dtypes of states and of what was measured."""
        given = dict(zip(self.names, tensors, strict=True))
        y0, t_eval = given["y0"], given.get("t_eval", self.times["t_eval"])
        *batch, dim = y0.shape
        n_times = (
            ()
            if t_eval is None
            else (np.shape(t_eval)[-1] if "t_eval" not in given else t_eval.shape[-1],)
        )
        alone = () if self.options.get("coupled") else tuple(batch)
        of = [(tuple(batch), torch.int64) if m == NFE else (alone, y0.dtype) for m in self.measures]
        return [((*batch, *n_times, dim), y0.dtype), *of]


def _number(t: Any) -> Any:
    """Return a time as a float if it is one number, which is checked the faster for it."""
    return t.item() if isinstance(t, np.ndarray) and t.ndim == 0 else t


def problem_parts(
    field: VectorField, t_span: Any, t_eval: Any, measure: Any, options: dict[str, Any]
) -> tuple[tuple[Any, ...], list[Tensor]]:
    """Return the arguments of an OdeProblem, and those of the times that are tensors."""
    if not isinstance(field, VectorField):
        wanted, advice = "a tapeless field", "`odeint` takes modules and functions of torch."
        raise complain(TypeError, SOLVE, "field", wanted, describe(field), advice)
    if not isinstance(t_span, (tuple, list)) or len(t_span) != 2:
        raise complain(ValueError, SOLVE, "t_span", "a pair (t0, t1)", describe(t_span))
    names, times, tensors = ["y0", "theta"] if field.n_params else ["y0"], {}, []
    for name, x in zip(TIMES, (*t_span, t_eval), strict=True):
        if isinstance(x, Tensor):
            tensors.append(checked(SOLVE, "t_eval" if name == "t_eval" else "t_span", x))
            names.append(name)
        times[name] = None if isinstance(x, Tensor) else x
    return (field, tuple(names), times, measure, options), tensors


def states_and_parameters(n_params: int, y0: Any, theta: Any, caller: str) -> list[Tensor]:
    """Return y0, and theta if there are so many parameters."""
    found = [checked(caller, "y0", y0)]
    return [*found, checked(caller, "theta", theta)] if n_params else found
