"""What a solve keeps for its gradient: how a batch is divided, and how a budget is spent."""

from typing import Any, Literal, NamedTuple

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._types import Integer
from tapeless_kernels.launch import cpu
from tapeless_kernels.launch.array import n_tiles
from tapeless_kernels.launch.table import bytes_of, times_layout, turns_layout
from tapeless_kernels.launch.tape import (
    TIMES_ALONE,
    Memory,
    checkpoint_bytes,
    step_bytes,
    taken_back_bytes,
)

Adjoint = Literal["store", "every", "binomial", "reversible", "backsolve", "forward"]
ADJOINTS = ("store", "every", "binomial", "reversible", "backsolve", "forward", None)
CHUNKS = 16  # so many at least, where there are as many tiles
MOST_ROUNDS = 32  # a chunk has at most so many trajectories for each lane


def without_adjoint(options: dict[str, Any]) -> dict[str, Any]:
    """Return options of a solve without those of its gradient."""
    own = ("adjoint", "stride", "budget", "backsolve")
    return {name: value for name, value in options.items() if name not in own}


class Division(NamedTuple):
    """How a batch is divided into chunks."""

    tiles: int  # in each
    size: int  # trajectories in each
    n: int  # chunks
    refills: bool  # lanes take up others when theirs have ended


def divide(plan: cpu.Plan, batch: int) -> Division:
    """Return how a batch is divided: chunks of one tile whose lanes are refilled, or one for all."""
    lanes, tiles = plan.lanes, n_tiles(batch, plan.lanes)
    # Parameters of its own for each trajectory are those of one tile.
    whole = (plan.control.coupled or lanes == 1) and plan.theta_stride == 0
    refills = not (whole or lanes == 1)
    rounds = min(max(tiles // CHUNKS, 1), MOST_ROUNDS) if refills else 1
    tiles = tiles if whole else 1
    size = max(tiles, rounds) * lanes
    return Division(tiles, size, -(-batch // size) if size else 0, refills)


def check_kept(
    caller: str, adjoint: str | None, adjoints: tuple[str | None, ...], stride: Integer | None, budget: Integer | None
) -> None:  # fmt: skip
    """Complain of an adjoint that is none, and of a stride or a budget that is not its own."""
    check.one_of(caller, "adjoint", adjoint, adjoints)
    for name, value, mode in (("stride", stride, "every"), ("budget", budget, "binomial")):
        if value is not None and adjoint != mode:
            wanted = f"left out, unless adjoint={mode!r}"
            raise complain(ValueError, caller, name, wanted, f"{value!r} with adjoint={adjoint!r}")
        if value is None and adjoint == mode:
            wanted = f"given with adjoint={mode!r}: a number of "
            wanted += "steps" if name == "stride" else "bytes"
            raise complain(TypeError, caller, name, wanted, "None")


def arrange(
    caller: str, plan: cpu.Plan, batch: int, threads: int, adjoint: str | None, stride: Integer | None,
    budget: Integer | None,
) -> Memory | None:  # fmt: skip
    """Return how states are kept in place of steps, None if steps are; complain of what does not fit."""
    check_kept(caller, adjoint, ADJOINTS, stride, budget)
    if adjoint == "reversible":
        return TIMES_ALONE
    if adjoint == "every":
        return Memory(check.positive_int(caller, "stride", stride), 0)
    if adjoint != "binomial":
        return None
    budget = check.positive_int(caller, "budget", budget)
    parts, sizes = divide(plan, batch), sizes_of(plan, batch)
    steps, states = min(threads, max(parts.n, 1)) * sizes.step, max(parts.n, 1) * sizes.state
    free = budget - sizes.turns
    if free < steps + states:
        wanted = f"at least {steps + states + sizes.turns}, for a step of each thread and {parts.n} states"
        advice = "`tapeless.adjoint_memory` says what a solve needs."
        raise complain(ValueError, caller, "budget", wanted, describe(budget), advice)
    length = max(1, min(free // 2, free - states) // max(steps, 1))  # none are of no trajectories
    return Memory(length, (free - length * steps) // states)


class Sizes(NamedTuple):
    """Bytes: of one iteration of a chunk, of the states of all its lanes, of all that trajectories begin with.

    Of a reversible method, those of the times of an iteration and of a step that is taken back.
    """

    step: int
    state: int
    turns: int
    times: int
    taken_back: int


def sizes_of(plan: cpu.Plan, batch: int) -> Sizes:
    tiles, n_cache = divide(plan, batch).tiles, plan.n_cache
    turns = bytes_of(turns_layout(plan, batch, n_cache))
    return Sizes(
        step_bytes(plan, tiles, n_cache), checkpoint_bytes(plan, tiles), turns,
        bytes_of(times_layout(plan, tiles, 1)), taken_back_bytes(plan, tiles, n_cache),
    )  # fmt: skip
