"""What a solve tells of its steps, as tensors: functionals of errors and stiffnesses, and evaluations."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from tapeless._check import one_of
from tapeless._functionals import KINDS, Functional
from tapeless._regularised import total
from tapeless._solution import Solution
from tapeless._steps import StepsBar

NFE = "nfe"
Measure: TypeAlias = str | Functional


def measures_of(caller: str, given: Measure | Sequence[Measure] | None) -> tuple[Measure, ...]:
    """Return what is to be measured: functionals, and "nfe"."""
    if given is None:
        return ()
    several = (given,) if isinstance(given, (str, Functional)) else tuple(given)
    return tuple(_measure(caller, one) for one in several)


def _measure(caller: str, one: Any) -> Measure:
    if isinstance(one, Functional) or one == NFE:
        return one
    one_of(caller, "measure", one, (*KINDS, NFE))
    return Functional(one)


def value(measure: Measure, sol: Solution) -> Any:
    """Return what was measured."""
    return sol.stats.nfe if isinstance(measure, str) else measure.value(sol.steps)


def steps_bar(measures: Sequence[Measure], sol: Solution, bars: Sequence[Any]) -> StepsBar | None:
    """Return the cotangent of the steps from those of what was measured."""
    pairs = zip(measures, bars, strict=True)
    return total(
        [m.vjp(sol.steps, bar) for m, bar in pairs if isinstance(m, Functional) and bar is not None]
    )
