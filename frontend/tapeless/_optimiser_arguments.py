"""Arguments of optimisers: shares of what was, and numbers that may be 0."""

from typing import Any

from tapeless._complain import complain, describe
from tapeless._schedules import check_rate


def share(caller: str, name: str, x: float) -> float:
    if isinstance(x, (bool, str)) or not isinstance(x, (int, float)) or not 0 <= x < 1:
        raise complain(ValueError, caller, name, "a number in [0, 1)", describe(x))
    return float(x)


def two_shares(caller: str, betas: Any) -> tuple[float, float]:
    try:
        first, second = betas
        return share(caller, "betas", first), share(caller, "betas", second)
    except (TypeError, ValueError):
        wanted = "two numbers in [0, 1)"
        raise complain(ValueError, caller, "betas", wanted, describe(betas)) from None


def at_least_0(caller: str, name: str, x: float) -> float:
    check_rate(caller, name, x, or_zero=True)
    return float(x)
