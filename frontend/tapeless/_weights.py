"""The weights of penalties: numbers, or functions of the number of steps taken."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._types import Integer

Weight: TypeAlias = float | Callable[[int], float]


@dataclass(frozen=True)
class Annealed:
    """A weight that goes from one value to another exponentially, and then stays: w0 (w1 / w0)**(n / n_steps).

    Parameters
    ----------
    start, end : float
        Of the first step, and after `n_steps`; positive.
    n_steps : int
        Number of steps of the training.

    Raises
    ------
    ValueError
        If a number is not positive.

    Examples
    --------
    >>> from tapeless.regularise import Annealed
    >>> weight = Annealed(100.0, 10.0, n_steps=4)
    >>> [round(weight(n), 3) for n in (0, 2, 4, 9)]
    [100.0, 31.623, 10.0, 10.0]
    """

    start: float
    end: float
    n_steps: Integer

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            check_positive("Annealed", name, getattr(self, name))
        check.positive_int("Annealed", "n_steps", self.n_steps)

    def __call__(self, n: Integer) -> float:
        """Return the weight of the step after the first `n`."""
        share = min(int(n) / int(self.n_steps), 1.0)
        return float(self.start * (self.end / self.start) ** share)


def check_positive(name: str, argument: str, x: object) -> None:
    if isinstance(x, bool) or not isinstance(x, (int, float, np.number)) or not 0 < x < np.inf:
        raise complain(ValueError, name, argument, "a positive number", describe(x))


def check_weight(name: str, argument: str, x: object) -> None:
    number = isinstance(x, (int, float, np.number)) and not isinstance(x, bool)
    if not callable(x) and not (number and 0 <= x < np.inf):  # type: ignore[operator]
        wanted = "a number of at least 0, or a function of the number of steps"
        raise complain(ValueError, name, argument, wanted, describe(x))


def value_of(weight: Weight, n: int) -> float:
    return float(weight(n)) if callable(weight) else float(weight)
