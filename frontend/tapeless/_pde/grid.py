"""Times at which a solve gives output, and the steps between them."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tapeless import _check as check
from tapeless._complain import complain, describe

MOST_STEPS = 2**32  # more would take days
NEARLY = 1e-9  # of a step: a count of steps that is as near to an integer is that integer


class Leg(NamedTuple):
    """Equal steps from one output to the next."""

    t: float  # where it begins
    h: float
    n: int

    def time(self, i: int) -> float:
        """Return the time after i steps."""
        return self.t + i * self.h


class Grid(NamedTuple):
    """The legs of a solve; after leg i it is at `ts[i]`."""

    legs: tuple[Leg, ...]
    ts: NDArray[np.float64]

    @property
    def n_steps(self) -> int:
        """The number of steps."""
        return sum(leg.n for leg in self.legs)


def make_grid(caller: str, t1: Any, t_eval: Any, dt: Any, n_steps: Any) -> Grid:
    """Return the grid that arguments ask for."""
    end = _number(caller, "t1", t1, "a positive finite number, t0 being 0")
    ts = np.array([end]) if t_eval is None else _outputs(caller, t_eval, end)
    if (dt is None) == (n_steps is None):
        got = "neither" if dt is None else "both"
        raise complain(ValueError, caller, "dt", "given, or `n_steps`, and not both", got)
    if n_steps is None:
        step = _number(caller, "dt", dt, "a positive finite number")
    else:
        step = end / check.positive_int(caller, "n_steps", n_steps)
    if not end / step < MOST_STEPS:
        got = describe(dt) if n_steps is None else f"n_steps = {describe(n_steps)}"
        wanted = f"such that less than 2**32 steps lead to {end:g}"
        raise complain(ValueError, caller, "dt", wanted, got)
    legs, sizes, before = [], [step], 0.0
    for t in ts:
        ratio = float(t - before) / step
        count = max(round(ratio), 1 if ratio > NEARLY else 0)
        if abs(ratio - count) > NEARLY * max(ratio, 1):
            if n_steps is not None:
                wanted = f"multiples of the step, t1 / n_steps = {step:g}"
                advice = "With `dt`, steps are shortened so that they end on each of them."
                raise complain(
                    ValueError, caller, "t_eval", wanted, f"{float(t):.17g} among them", advice
                )
            count = math.ceil(ratio)
        h = float(t - before) / count if count else step
        # Sizes that are one but for rounding are one: each has coefficients of its own.
        h = next((size for size in sizes if abs(h - size) <= NEARLY * size), h)
        if h not in sizes:
            sizes.append(h)
        legs.append(Leg(before, h, count))
        before = float(t)
    return Grid(tuple(legs), ts)


def _outputs(caller: str, t_eval: Any, end: float) -> NDArray[np.float64]:
    ts = check.as_real(caller, "t_eval", t_eval)
    wanted = f"a flat array of ascending times from 0 to t1 = {end:g}"
    if ts.ndim != 1 or not ts.size:
        raise complain(ValueError, caller, "t_eval", wanted, describe(ts))
    if not ((ts >= 0) & (ts <= end)).all() or (np.diff(ts) <= 0).any():
        raise complain(ValueError, caller, "t_eval", wanted, np.array2string(ts, threshold=6))
    return ts.copy()


def _number(caller: str, name: str, x: Any, wanted: str) -> float:
    found = check.as_real(caller, name, x)
    if found.ndim or not 0 < found < np.inf:
        raise complain(ValueError, caller, name, wanted, describe(x))
    return float(found)
