"""What a solve keeps for its gradient: how much memory that takes, and how a budget is spent."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from tapeless import _check as check
from tapeless import methods
from tapeless._complain import complain, describe
from tapeless._plan import lanes_for, make_plan
from tapeless._types import Integer
from tapeless.fields import Field, Network
from tapeless_kernels.launch import cpu
from tapeless_kernels.launch.array import n_tiles
from tapeless_kernels.launch.table import bytes_of, turns_layout
from tapeless_kernels.launch.tape import Memory, checkpoint_bytes, step_bytes
from tapeless_kernels.launch.threads import n_cores
from tapeless_kernels.tableaus.butcher import ButcherTableau

Adjoint = Literal["store", "every", "binomial"]
ADJOINTS = ("store", "every", "binomial", None)
CHUNKS = 16  # so many at least, where there are as many tiles
MOST_ROUNDS = 32  # a chunk has at most so many trajectories for each lane


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


def arrange(
    caller: str, plan: cpu.Plan, batch: int, threads: int, adjoint: str | None, stride: Integer | None,
    budget: Integer | None,
) -> Memory | None:  # fmt: skip
    """Return how states are kept in place of steps, None if steps are; complain of what does not fit."""
    check.one_of(caller, "adjoint", adjoint, ADJOINTS)
    for name, value, mode in (("stride", stride, "every"), ("budget", budget, "binomial")):
        if value is not None and adjoint != mode:
            wanted = f"left out, unless adjoint={mode!r}"
            raise complain(ValueError, caller, name, wanted, f"{value!r} with adjoint={adjoint!r}")
        if value is None and adjoint == mode:
            wanted = f"given with adjoint={mode!r}: a number of "
            wanted += "steps" if name == "stride" else "bytes"
            raise complain(TypeError, caller, name, wanted, "None")
    if adjoint == "every":
        return Memory(check.positive_int(caller, "stride", stride), 0)
    if adjoint != "binomial":
        return None
    budget = check.positive_int(caller, "budget", budget)
    parts, sizes = divide(plan, batch), _sizes(plan, batch)
    steps, states = min(threads, max(parts.n, 1)) * sizes.step, max(parts.n, 1) * sizes.state
    free = budget - sizes.turns
    if free < steps + states:
        wanted = f"at least {steps + states + sizes.turns}, for a step of each thread and {parts.n} states"
        advice = "`tapeless.adjoint_memory` says what a solve needs."
        raise complain(ValueError, caller, "budget", wanted, describe(budget), advice)
    length = max(1, min(free // 2, free - states) // steps)
    return Memory(length, (free - length * steps) // states)


class AdjointMemory(NamedTuple):
    """Bytes that a solve and its gradient need, beside the arrays that go in and come out.

    Attributes
    ----------
    total : int
        All of them.
    kept : int
        `Solution.nbytes_adjoint`, which a budget limits: the sum of `steps`, `states` and `starts`.
    work : int
        What chunks of the batch work with, however long they take.
    steps : int
        Of the steps that are recorded: all of them, or those that the threads work on at a time.
    states : int
        Of the states from which steps are taken again.
    starts : int
        Of what each trajectory begins with.
    again : float
        Steps that are taken again, in those of the solve, besides those that are recorded again.
    """

    total: int
    kept: int
    work: int
    steps: int
    states: int
    starts: int
    again: float

    def __str__(self) -> str:
        lines = [
            f"{name:8} {x / 1e6:12.3f} MB" for name, x in self._asdict().items() if name != "again"
        ]
        return "\n".join([*lines, f"steps taken again: {self.again:.2f} times"])


def adjoint_memory(
    field: Network | Field,
    batch: Integer,
    n_steps: Integer,
    *,
    method: str | ButcherTableau = "tsit5",
    dtype: DTypeLike = np.float64,
    coupled: bool = False,
    own_theta: bool = False,
    adjoint: Adjoint = "store",
    stride: Integer | None = None,
    budget: Integer | None = None,
    threads: Integer | None = None,
) -> AdjointMemory:
    """Return the bytes that the gradient of a solve will need; printed, they are a table.

    Parameters
    ----------
    field : Network or Field
        As in `solve_ode`.
    batch : int
        Number of trajectories.
    n_steps : int
        Steps of each trajectory. In a tile of trajectories that step alone what counts are its iterations, the
        steps of the one that takes the most, rejected ones included unless all are.
    method, coupled, adjoint, stride, budget, threads
        As in `solve_ode`.
    dtype : dtype
        Of the states, float32 or float64.
    own_theta : bool
        Whether each trajectory has parameters of its own.

    Returns
    -------
    AdjointMemory
        The bytes in all, and of what they are.

    Raises
    ------
    TypeError, ValueError
        As `solve_ode`; a budget that is too small is told the least.

    Examples
    --------
    >>> import tapeless
    >>> field = tapeless.fields.MLP(2, [50, 50])
    >>> all_steps = tapeless.adjoint_memory(field, 256, 100)
    >>> budget = all_steps.kept // 10
    >>> tapeless.adjoint_memory(field, 256, 100, adjoint="binomial", budget=budget).kept <= budget
    True
    """
    name = "adjoint_memory"
    if not isinstance(field, (Network, Field)):
        wanted = "a tapeless field, say tapeless.fields.MLP(dim, hidden)"
        raise complain(TypeError, name, "field", wanted, describe(field))
    batch, n_steps = (
        check.positive_int(name, "batch", batch),
        check.positive_int(name, "n_steps", n_steps),
    )
    real = check.float_dtype(name, dtype)
    tableau, control = methods.find(name, method), methods.find_controller(name, "pi")
    threads = n_cores() if threads is None else check.positive_int(name, "threads", threads)
    plan = make_plan(
        field.program, real, lanes_for(batch, real), tableau, control, 1, True, bool(coupled), False, 1,
        0 if tableau.error is not None else 1, batch if coupled else 0, bool(own_theta), False, -1, 0.0,
    )  # fmt: skip
    memory = arrange(name, plan, batch, threads, adjoint, stride, budget)
    parts, sizes = divide(plan, batch), _sizes(plan, batch)
    rounds = [
        -(-min(parts.size, batch - i * parts.size) // (parts.tiles * plan.lanes))
        for i in range(parts.n)
    ]
    counts = [n_steps * r for r in rounds]  # iterations of each chunk
    if memory is None:
        steps, states, again = sum(counts) * sizes.step, 0, 0
    else:
        records = sorted(min(n, memory.length) for n in counts)[-threads:]
        steps = sum(records) * sizes.step
        states = sum(memory.most(n) for n in counts) * sizes.state
        again = sum(memory.again(n) for n in counts)
    kept, work = steps + states + sizes.turns, parts.n * cpu.work_bytes(plan, parts.tiles)
    total = kept + work
    return AdjointMemory(total, kept, work, steps, states, sizes.turns, again / sum(counts))


class _Sizes(NamedTuple):
    """Bytes: of one iteration of a chunk, of the states of all its lanes, of all that trajectories begin with."""

    step: int
    state: int
    turns: int


def _sizes(plan: cpu.Plan, batch: int) -> _Sizes:
    tiles, n_cache = divide(plan, batch).tiles, plan.n_cache
    turns = bytes_of(turns_layout(plan, batch, n_cache))
    return _Sizes(step_bytes(plan, tiles, n_cache), checkpoint_bytes(plan, tiles), turns)
