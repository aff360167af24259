"""How much memory the gradient of a solve will need."""

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from tapeless import _check as check
from tapeless import methods
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._memory import Adjoint, arrange, divide, sizes_of
from tapeless._plan import lanes_for, make_plan
from tapeless._types import Integer
from tapeless_kernels.launch import cpu
from tapeless_kernels.launch.tape import TIMES_ALONE
from tapeless_kernels.launch.threads import n_cores
from tapeless_kernels.tableaus.butcher import ButcherTableau
from tapeless_kernels.tableaus.reversible import ReversibleMethod


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
        Of the steps that are recorded: all of them, or those that the threads work on at a time; with
        ``adjoint="reversible"`` of their times too.
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
    field: VectorField,
    batch: Integer,
    n_steps: Integer,
    *,
    method: str | ButcherTableau | ReversibleMethod = "tsit5",
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
    field : Network, Field or Sum
        As in `solve_ode`.
    batch : int
        Number of trajectories.
    n_steps : int
        Steps of each trajectory. In a tile of trajectories that step alone what counts are its iterations, the
        steps of the one that takes the most, rejected ones included unless all are.
    method, dtype, coupled : optional
        As in `solve_ode`; `dtype` is that of the states, float32 or float64.
    own_theta : bool
        Whether each trajectory has parameters of its own.
    adjoint, stride, budget, threads : optional
        As in `solve_ode`.

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
    if isinstance(adjoint, str) and adjoint == "forward":
        wanted = "one of 'store', 'every', 'binomial'"
        advice = "Forward mode keeps the initial states, whatever the steps."
        raise complain(ValueError, name, "adjoint", wanted, "'forward'", advice)
    if not isinstance(field, VectorField):
        wanted = "a tapeless field, say tapeless.fields.MLP(dim, hidden)"
        raise complain(TypeError, name, "field", wanted, describe(field))
    if adjoint == "backsolve":
        wanted = "'store', 'every' or 'binomial'"
        raise complain(
            ValueError, name, "adjoint", wanted, "'backsolve', which keeps the outputs only"
        )
    batch, n_steps = (
        check.positive_int(name, "batch", batch),
        check.positive_int(name, "n_steps", n_steps),
    )
    real = check.float_dtype(name, dtype)
    tableau, control = methods.find(name, method), methods.find_controller(name, "pi")
    methods.check_adjoint(name, tableau, adjoint)
    threads = n_cores() if threads is None else check.positive_int(name, "threads", threads)
    plan = make_plan(
        field.program, real, lanes_for(batch, real), tableau, control, 1, True, bool(coupled), False, 1,
        0 if tableau.error is not None else 1, batch if coupled else 0, bool(own_theta), False, -1, 0.0,
    )  # fmt: skip
    memory = arrange(name, plan, batch, threads, adjoint, stride, budget)
    parts, sizes = divide(plan, batch), sizes_of(plan, batch)
    rounds = [
        -(-min(parts.size, batch - i * parts.size) // (parts.tiles * plan.lanes))
        for i in range(parts.n)
    ]
    counts = [n_steps * r for r in rounds]  # iterations of each chunk
    if memory == TIMES_ALONE:
        steps = sum(counts) * sizes.times + min(threads, parts.n) * sizes.taken_back
        states, again = 0, sum(counts)
    elif memory is None:
        steps, states, again = sum(counts) * sizes.step, 0, 0
    else:
        records = sorted(min(n, memory.length) for n in counts)[-threads:]
        steps = sum(records) * sizes.step
        states = sum(memory.most(n) for n in counts) * sizes.state
        again = sum(memory.again(n) for n in counts)
    kept, work = steps + states + sizes.turns, parts.n * cpu.work_bytes(plan, parts.tiles)
    total = kept + work
    return AdjointMemory(total, kept, work, steps, states, sizes.turns, again / sum(counts))
