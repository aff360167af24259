"""Learning rates as functions of the number of steps taken."""

import math
from dataclasses import dataclass

from tapeless._check import positive_int
from tapeless._complain import complain, describe
from tapeless._types import Integer

__all__ = ["SCHEDULES", "Constant", "Cosine", "Exponential", "Schedule", "WarmUp"]


class Schedule:
    """What all schedules share: called with the number of steps taken, they return the learning rate."""

    def __call__(self, n: Integer) -> float:
        """Return the learning rate of the step after the first `n`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(Schedule):
    """The same learning rate at every step.

    Parameters
    ----------
    lr : float
        The learning rate.

    Raises
    ------
    ValueError
        If `lr` is not positive and finite.
    """

    lr: float

    def __post_init__(self) -> None:
        check_rate("Constant", "lr", self.lr)

    def __call__(self, n: Integer) -> float:
        """Return the learning rate of the step after the first `n`."""
        return float(self.lr)


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a period of a cosine from one learning rate down to another, which then stays.

    Parameters
    ----------
    lr : float
        The learning rate of the first step.
    n_steps : int
        Steps until `end` is reached.
    end : float
        The learning rate from then on.

    Raises
    ------
    ValueError
        If `lr` or `n_steps` is not positive, or `end` is negative.

    References
    ----------
    .. [1] Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR (2017), eq. (5).

    Examples
    --------
    >>> from tapeless.optim import Cosine
    >>> lr = Cosine(1e-2, n_steps=100)
    >>> [round(lr(n), 6) for n in (0, 50, 100, 200)]
    [0.01, 0.005, 0.0, 0.0]
    """

    lr: float
    n_steps: Integer
    end: float = 0.0

    def __post_init__(self) -> None:
        check_rate("Cosine", "lr", self.lr)
        positive_int("Cosine", "n_steps", self.n_steps)
        check_rate("Cosine", "end", self.end, or_zero=True)

    def __call__(self, n: Integer) -> float:
        """Return the learning rate of the step after the first `n`."""
        share = min(int(n) / int(self.n_steps), 1.0)
        return self.end + (self.lr - self.end) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class Exponential(Schedule):
    """A learning rate that is multiplied by the same factor after so many steps, gradually.

    Parameters
    ----------
    lr : float
        The learning rate of the first step.
    decay : float
        The factor, positive.
    n_steps : int
        Steps in which the rate changes by the factor.

    Raises
    ------
    ValueError
        If an argument is not positive.

    Examples
    --------
    >>> from tapeless.optim import Exponential
    >>> lr = Exponential(1.0, decay=0.1, n_steps=10)
    >>> [round(lr(n), 6) for n in (0, 10, 20)]
    [1.0, 0.1, 0.01]
    """

    lr: float
    decay: float
    n_steps: Integer = 1

    def __post_init__(self) -> None:
        check_rate("Exponential", "lr", self.lr)
        check_rate("Exponential", "decay", self.decay)
        positive_int("Exponential", "n_steps", self.n_steps)

    def __call__(self, n: Integer) -> float:
        """Return the learning rate of the step after the first `n`."""
        return float(self.lr * self.decay ** (int(n) / int(self.n_steps)))


@dataclass(frozen=True)
class WarmUp(Schedule):
    """A learning rate that rises in equal steps to that with which a schedule begins, which then runs.

    Parameters
    ----------
    schedule : Schedule or float
        What comes after; a number is constant.
    n_steps : int
        Steps before its first.

    Raises
    ------
    TypeError, ValueError
        If `schedule` is neither a schedule nor a positive number, or `n_steps` is not positive.

    Examples
    --------
    >>> from tapeless.optim import WarmUp
    >>> lr = WarmUp(1.0, n_steps=3)
    >>> [lr(n) for n in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    schedule: Schedule | float
    n_steps: Integer

    def __post_init__(self) -> None:
        object.__setattr__(self, "schedule", as_schedule("WarmUp", "schedule", self.schedule))
        positive_int("WarmUp", "n_steps", self.n_steps)

    def __call__(self, n: Integer) -> float:
        """Return the learning rate of the step after the first `n`."""
        after, n_steps = as_schedule("WarmUp", "schedule", self.schedule), int(self.n_steps)
        if n < n_steps:
            return after(0) * (int(n) + 1) / (n_steps + 1)
        return after(n - n_steps)


SCHEDULES = (Constant, Cosine, Exponential, WarmUp)


def check_rate(caller: str, name: str, x: object, or_zero: bool = False) -> None:
    """Raise unless x is a positive number, or zero where that may be."""
    try:
        value = math.nan if isinstance(x, (bool, str)) else float(x)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        value = math.nan
    if not (0 < value < math.inf or (or_zero and value == 0)):
        wanted = "a finite number of at least 0" if or_zero else "positive and finite"
        raise complain(ValueError, caller, name, wanted, describe(x))


def as_schedule(caller: str, name: str, x: "Schedule | float") -> Schedule:
    """Return x as a schedule."""
    if isinstance(x, Schedule):
        return x
    if callable(x) or x is None:
        wanted = "a positive number or a schedule of tapeless.optim, which can be written to a file"
        raise complain(TypeError, caller, name, wanted, describe(x))
    check_rate(caller, name, x)
    return Constant(float(x))
