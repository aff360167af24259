"""What Python calls to solve a stochastic differential equation, over records of arrays."""

from .._jit import kernel
from ..loops.sde_adaptive import go_adaptive
from ..loops.sde_back import go_back_again
from ..loops.sde_grid import emit, emit_vjp, go_back, go_forward
from ..status import DONE, FIELD_ERROR
from ..steppers.reversible_sde import begin_reversible, begin_reversible_vjp
from ..steppers.sde_fields import evaluate_both
from ..tableaus.stochastic import REVERSIBLE
from ..tile import LANES, put


@kernel
def begin_sde(equation, method, grid, state, record, work, theta, ys):
    """Write the outputs at the start, and evaluate the fields there if the method keeps them."""
    for tile in range(state.y.shape[0]):
        emit(grid, state, ys, 0, tile)
        if method.kind == REVERSIBLE:
            slots = (record.z[0, tile], record.drift[0, tile], record.diffusion[0, tile])
            for lane in range(LANES):
                work.lane_status[lane] = 0
            put(work.time[1:2], work.time[0:1])
            failed = begin_reversible(
                equation, tile, work.time[0], state, theta[tile if equation.own else 0], slots, work
            )
            if failed != 0:
                return FIELD_ERROR
    return DONE


@kernel
def run_sde(
    equation, method, grid, noise, path, paths, state, record, work, theta, ys, first, last, start
):
    """Take the steps of a grid from `first` to `last`; the record, if one is kept, begins with step `start`."""
    span = (first, last, start)
    return go_forward(
        equation, method, grid, noise, path, paths, state, record, work, theta, ys, span
    )


@kernel
def run_sde_adaptive(equation, method, steps, noise, paths, state, record, work, theta, ys, budget):
    """Take up to `budget` iterations of lanes that choose their steps."""
    return go_adaptive(
        equation, method, steps, noise, paths, state, record, work, theta, ys, budget
    )


@kernel
def run_sde_vjp(
    equation, method, grid, record, work, theta, ys_bar, bars, emitted, first, last, start
):
    """Run the recorded steps from `last` down to `first` backward."""
    span = (first, last, start)
    return go_back(equation, method, grid, record, work, theta, ys_bar, bars, emitted, span)


@kernel
def unwind_sde(
    equation, grid, noise, path, paths, state, record, work, theta, ys, ys_bar, bars, first, last, solve
):  # fmt: skip
    """Go back over steps without a record, as `go_back_again` does."""
    span = (first, last, solve)
    return go_back_again(
        equation, grid, noise, path, paths, state, record, work, theta, ys, ys_bar, bars, span
    )


@kernel
def evaluate_end(equation, state, record, work, theta, tile):
    """Evaluate the fields where a lane's steps begin to be taken back: at its companion, at the time work.time[1]."""
    slots = (record.z[0, tile], record.drift[0, tile], record.diffusion[0, tile])
    put(slots[0][0], state.z[tile])
    return evaluate_both(
        equation, slots[0][0], theta[tile if equation.own else 0], (slots[1][0], slots[2][0]),
        (work.f[0], work.g[0]), work,
    )  # fmt: skip


@kernel
def finish_sde_vjp(equation, method, grid, state, record, work, theta, ys_bar, bars, emitted):
    """Add the cotangents of outputs at the start, and those of what the method evaluates there."""
    for tile in range(bars.y.shape[0]):
        emit_vjp(grid, ys_bar, bars, emitted, 0, tile)
        if method.kind == REVERSIBLE:
            slots = (record.z[0, tile], record.drift[0, tile], record.diffusion[0, tile])
            of_tile = theta[tile if equation.own else 0]
            put(slots[0][0], state.y[tile])
            for lane in range(LANES):
                work.time[1, lane] = work.time[0, lane]
                work.lane_status[lane] = 0
            caches = (slots[1][0], slots[2][0])
            failed = evaluate_both(
                equation, slots[0][0], of_tile, caches, (work.f[0], work.g[0]), work
            )
            failed |= begin_reversible_vjp(
                equation, tile, work.time[0], of_tile, slots, work, bars, bars.theta[tile]
            )
            if failed != 0:
                return FIELD_ERROR
    return DONE
