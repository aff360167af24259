"""What a solve tells of its steps, as arrays of jax: functionals of errors and stiffnesses, and evaluations."""

from typing import Any, TypeAlias

import numpy as np

from tapeless import Solution
from tapeless._check import one_of
from tapeless._functionals import KINDS, Functional

NFE = "nfe"
Measure: TypeAlias = str | Functional


def measures_of(caller: str, given: Any) -> tuple[Measure, ...]:
    """Return what is to be measured: functionals, and "nfe"."""
    if given is None or given is False:
        return ()
    several = (given,) if isinstance(given, str | Functional) else tuple(given)
    return tuple(_measure(caller, one) for one in several)


def _measure(caller: str, one: Any) -> Measure:
    if isinstance(one, Functional) or one == NFE:
        return one
    one_of(caller, "measure", one, (*KINDS, NFE))
    return Functional(one)


def dtype_of(measure: Measure, dtype: Any) -> Any:
    """Return the dtype of what is measured; evaluations are counted, in 32 bits as jax does by default."""
    return np.int32 if measure == NFE else dtype


def value(measure: Measure, sol: Solution) -> Any:
    """Return what was measured, of each trajectory."""
    return measure.value(sol.steps) if isinstance(measure, Functional) else sol.stats.nfe
