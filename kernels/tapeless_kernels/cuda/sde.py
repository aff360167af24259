"""SDEs on CUDA, a trajectory for each thread, on its own Brownian path, and their transposes. No GPU has run them yet.

The loops are those of the CPU. Between two launches only states stay in global memory: a path is a function of its
counters, and is asked again on the way back.
"""

import numpy as np

from .._jit import kernel, pasted
from ..drivers.noise import share_noise
from ..launch.sde_entry import begin_sde, evaluate_end, finish_sde_vjp
from ..loops.sde_back import go_back_again
from ..loops.sde_grid import aim, go_back, go_forward, keep
from ..sde_buffers import Equation
from ..status import RUNNING, SUCCESS
from ..tableaus.stochastic import REVERSIBLE, StochasticArrays
from ..tile import Real
from .sde_local import (
    local_bars,
    local_grid,
    local_noise,
    local_path,
    local_state,
    local_work,
    no_record,
    record_of_one_step,
)

# What `SdeKernels` gives a meaning:
cuda = None
DIM = MIXED = STAGES = KIND = N_BASIS = DRIFT_PARAMS = 1
CORRECTION = 0


def sde_kernel(method, source, steps, theta, all, kept, ys, span):
    """Take trajectory i's steps from span.first to span.last.

    The states before them go to kept (steps or 0, dim, n); of reversible Heun the companions after them, where the
    fields are evaluated.

    theta is (1, n_params, n), or (1, n_params, 1) if it is shared; outputs go to ys (1, n_outputs, dim, n).
    """
    i = cuda.grid(1)
    if i < all.status.shape[0]:
        path, noise, grid = local_path(source, i), local_noise(source), local_grid(steps)
        state, work, record = local_state(), local_work(), no_record()
        equation, arrays = equation_and_method(method)
        mine, out = theta[:, :, i if theta.shape[2] > 1 else 0], ys[:, :, :, i : i + 1]
        load(state, all, i)
        if span.first == 0:
            work.time[0, 0] = Real(grid.times[0, 0, 0])
            begin_sde(equation, arrays, grid, state, record, work, mine, out)
        else:
            pass_over(state.emitted, grid.outputs, span.first)
        for n in range(span.first, span.last):
            if kept.shape[0] > 0 and KIND != REVERSIBLE:
                for m in range(DIM):
                    kept[n - span.first, m, i] = state.y[0, m, 0]
            go_forward(
                equation, arrays, grid, noise, path, 0, state, record, work, mine, out, (n, n + 1, 0)
            )  # fmt: skip
            if kept.shape[0] > 0 and KIND == REVERSIBLE:
                for m in range(DIM):
                    kept[n - span.first, m, i] = state.z[0, m, 0]
        n_steps = grid.lengths[0, 0]
        if state.status[0, 0] == RUNNING and span.last == n_steps:
            state.status[0, 0], state.steps[0, 0] = SUCCESS, n_steps
        store(all, state, i)
        all.t[i] = grid.times[
            state.steps[0, 0] if state.status[0, 0] != RUNNING else span.last, 0, 0
        ]


def sde_kernel_vjp(method, source, steps, theta, kept, lengths, bars, span):
    """Go back from step span.last to span.first, each being taken again from the state before it in `kept`.

    Trajectory i has taken lengths[i] steps. Turns bars.y[:, i] into the cotangent of the state after span.first steps,
    and adds to bars.theta[:, :, i].
    """
    i = cuda.grid(1)
    if i < lengths.shape[0]:
        path, noise, grid = local_path(source, i), local_noise(source), local_grid(steps)
        state, work, record = local_state(), local_work(), record_of_one_step()
        equation, arrays = equation_and_method(method)
        own, emitted = local_bars(bars.theta[:, :, i]), cuda.local.array((1, 1), np.int64)
        mine, of_outputs = theta[:, :, i if theta.shape[2] > 1 else 0], bars.ys[:, :, :, i : i + 1]
        n_outputs = grid.outputs.shape[0]
        emitted[0, 0] = n_outputs
        for m in range(DIM):
            own.y[0, m, 0] = bars.y[m, i]
        for n in range(span.last - 1, span.first - 1, -1):
            if n < lengths[i]:
                for m in range(DIM):
                    state.y[0, m, 0] = kept[n - span.first, m, i]
                state.status[0, 0], state.running[0] = RUNNING, 1
                state.emitted[0, 0] = n_outputs  # nothing is written a second time
                go_forward(
                    equation, arrays, grid, noise, path, 0, state, record, work, mine, of_outputs, (n, n + 1, n)
                )  # fmt: skip
                go_back(
                    equation, arrays, grid, record, work, mine, of_outputs, own, emitted, (n, n + 1, n)
                )  # fmt: skip
        if span.first == 0:
            finish_sde_vjp(
                equation, arrays, grid, state, record, work, mine, of_outputs, own, emitted
            )
        for m in range(DIM):
            bars.y[m, i] = own.y[0, m, 0]


def sde_pair_kernel_vjp(method, source, steps, theta, kept, lengths, y0, bars):
    """Go back over all steps of reversible Heun, whose companions are in `kept`; y0 (dim, n) is where they began."""
    i = cuda.grid(1)
    if i < lengths.shape[0]:
        path, noise, grid = local_path(source, i), local_noise(source), local_grid(steps)
        state, work, record = local_state(), local_work(), record_of_one_step()
        equation, arrays = equation_and_method(method)
        own = local_bars(bars.theta[:, :, i])
        mine, of_outputs = theta[:, :, i if theta.shape[2] > 1 else 0], bars.ys[:, :, :, i : i + 1]
        begin_back(own, state, grid, bars, i)
        state.status[0, 0], state.running[0] = RUNNING, 1
        for n in range(lengths[i] - 1, -1, -1):
            noise_of_thread(noise, path, 0, grid.times, n)
            aim(grid, state, work, n, 0)
            keep(record, noise, work, 0, 0)
            for m in range(DIM):
                record.z[0, 0, 0, m, 0] = kept[n, m, i]
            go_back(
                equation, arrays, grid, record, work, mine, of_outputs, own, state.emitted, (n, n + 1, n)
            )  # fmt: skip
        finish_at(y0, equation, arrays, grid, state, record, work, mine, of_outputs, own, bars, i)


def sde_unwind_kernel(method, source, steps, theta, all, y0, bars):
    """Take all steps of reversible Heun back, and their transposes; y0 (dim, n) is where they began."""
    i = cuda.grid(1)
    if i < all.status.shape[0]:
        path, noise, grid = local_path(source, i), local_noise(source), local_grid(steps)
        state, work, record = local_state(), local_work(), no_record()
        equation, arrays = equation_and_method(method)
        own = local_bars(bars.theta[:, :, i])
        mine, of_outputs = theta[:, :, i if theta.shape[2] > 1 else 0], bars.ys[:, :, :, i : i + 1]
        load(state, all, i)
        n = state.steps[0, 0]
        begin_back(own, state, grid, bars, i)
        work.time[1, 0] = Real(grid.times[n, 0, 0])
        evaluate_end(equation, state, record, work, mine, 0)
        go_back_again(
            equation, grid, noise, path, 0, state, record, work, mine, of_outputs, of_outputs, own, (0, n, 0)
        )  # fmt: skip
        finish_at(y0, equation, arrays, grid, state, record, work, mine, of_outputs, own, bars, i)


@kernel
def begin_back(own, state, grid, bars, i):
    """Begin with the cotangent of trajectory i's end, and none of what reversible Heun keeps there."""
    state.emitted[0, 0] = grid.outputs.shape[0]
    for m in range(DIM):
        own.y[0, m, 0] = bars.y[m, i]
        own.companion[0, m, 0] = own.f_kept[0, m, 0] = Real(0)
    for m in range(MIXED):
        own.g_kept[0, m, 0] = Real(0)


@pasted
def finish_at(y0, equation, arrays, grid, state, record, work, mine, of_outputs, own, bars, i):
    """Add the cotangents of what is evaluated at y0, and write that of y0."""
    for m in range(DIM):
        state.y[0, m, 0] = y0[m, i]
    work.time[0, 0] = Real(grid.times[0, 0, 0])
    finish_sde_vjp(
        equation, arrays, grid, state, record, work, mine, of_outputs, own, state.emitted
    )
    for m in range(DIM):
        bars.y[m, i] = own.y[0, m, 0]


@pasted
def equation_and_method(method):
    """Return what the loops are to know of the equation and the method: constants, whose dead branches vanish."""
    return (
        Equation(0, 0, 0, 0, 0, CORRECTION, 0, DRIFT_PARAMS, 0),
        StochasticArrays(method[0], method[1], method[2], method[3], STAGES, KIND, N_BASIS),
    )


@kernel
def load(state, all, i):
    """Copy trajectory i from global memory."""
    state.status[0, 0], state.steps[0, 0], state.emitted[0, 0] = all.status[i], all.steps[i], 0
    state.running[0] = 1 if all.status[i] == RUNNING else 0
    for m in range(DIM):
        state.y[0, m, 0] = all.y[m, i]
    if KIND == REVERSIBLE:
        for m in range(DIM):
            state.z[0, m, 0], state.f[0, m, 0] = all.z[m, i], all.f[m, i]
        for m in range(MIXED):
            state.g[0, m, 0] = all.g[m, i]


@kernel
def store(all, state, i):
    """Copy trajectory i to global memory."""
    all.status[i], all.steps[i] = state.status[0, 0], state.steps[0, 0]
    for m in range(DIM):
        all.y[m, i] = state.y[0, m, 0]
    if KIND == REVERSIBLE:
        for m in range(DIM):
            all.z[m, i], all.f[m, i] = state.z[0, m, 0], state.f[0, m, 0]
        for m in range(MIXED):
            all.g[m, i] = state.g[0, m, 0]


@kernel
def pass_over(emitted, outputs, n):
    """Count the outputs that were due after up to n steps."""
    while emitted[0, 0] < outputs.shape[0] and outputs[emitted[0, 0], 0, 0] <= n:
        emitted[0, 0] += 1


@kernel
def noise_of_thread(noise, path, paths, times, n):
    """Set the noise of step n, as `drivers.noise.noise_of_step` does where all lanes ask one path."""
    share_noise(noise, path, times[n, 0, 0], times[n + 1, 0, 0])
