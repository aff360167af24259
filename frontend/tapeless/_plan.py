"""What the chunks of a solve share, made once for solves that are alike."""

import dataclasses
import functools

import numpy as np

from tapeless_kernels.buffers import RUNGE_KUTTA, Control, Method
from tapeless_kernels.controllers.step_size import Controller, control_numbers
from tapeless_kernels.fields.lower import Program
from tapeless_kernels.launch import cpu
from tapeless_kernels.launch.backsolve import BackwardProgram
from tapeless_kernels.launch.user_field import UserProgram
from tapeless_kernels.tableaus.butcher import ButcherTableau
from tapeless_kernels.tableaus.reversible import ReversibleMethod, arrays_of

FEW = 16  # trajectories below which tiles of width 1 beat one wide tile that is mostly empty


def lanes_for(batch: int, dtype: np.dtype) -> int:
    """Return the width of the tiles that a batch is solved in."""
    return 1 if batch <= FEW else cpu.WIDTHS[dtype]


def interpolates(tableau: ButcherTableau | ReversibleMethod, wanted: bool | None) -> bool:
    """Return whether outputs come from an interpolant, of order 3: if nothing is said, where that is not far less."""
    if wanted is None:
        return tableau.order <= 4 and isinstance(tableau, ButcherTableau)
    return bool(wanted)


@functools.lru_cache(maxsize=256)
def make_plan(
    program: Program | UserProgram, dtype: np.dtype, lanes: int, tableau: ButcherTableau | ReversibleMethod,
    controller: Controller, n_outputs: int, keep: bool, coupled: bool, interpolate: bool, max_steps: int, n_steps: int,
    n_trajectories: int, own_theta: bool, reduce: bool, component: int, level: float, measure: bool = False,
    time_gradients: bool = False, states: bool = False,
) -> cpu.Plan:  # fmt: skip
    """Return the Plan of these arguments, the same one each time."""
    # The interpolant needs the slope at the end of the step, and so may an estimate: every method is run as FSAL then.
    fsal, kind, halves = (
        tableau.fsal or interpolate or reduce or component >= 0 or measure,
        RUNGE_KUTTA,
        1,
    )
    if isinstance(tableau, ReversibleMethod):
        fsal, kind, halves = tableau.fsal, tableau.kind, tableau.halves
    of_tableau = arrays_of(tableau, dtype)
    method = Method(*of_tableau, tableau.stages, int(fsal), tableau.n_errors, kind, halves)
    order = tableau.error_exponent_order or tableau.order
    control = Control(
        control_numbers(controller, order, dtype, level=level), int(n_steps == 0), int(coupled),
        int(interpolate), max_steps if n_steps == 0 else np.iinfo(np.int64).max, n_steps,
        n_trajectories, max(component, 0), int(measure), int(states),
    )  # fmt: skip
    return cpu.Plan(
        dtype, lanes, program, method, control, n_outputs, keep, 3 * reduce, int(component >= 0),
        lanes if own_theta else 0,
        int(keep and kind == RUNGE_KUTTA and (measure or time_gradients or component >= 0)),
    )  # fmt: skip


@functools.lru_cache(maxsize=256)
def recording(plan: cpu.Plan) -> cpu.Plan:
    """Return the Plan that keeps steps where this one does not, the same one each time."""
    return plan if plan.keep else dataclasses.replace(plan, keep=True)


@functools.lru_cache(maxsize=256)
def backward_plan(
    program: Program | UserProgram, dtype: np.dtype, lanes: int, tableau: ButcherTableau, controller: Controller,
    seminorm: bool, coupled: bool, max_steps: int, adaptive: bool, own_theta: bool,
) -> cpu.Plan:  # fmt: skip
    """Return the Plan of a continuous adjoint, whose integral for theta is taken from a record if `seminorm`."""
    # As FSAL, the last slope of a step is there when the next begins, and when the integral is taken.
    method = Method(*arrays_of(tableau, dtype), tableau.stages, 1, tableau.n_errors, RUNGE_KUTTA, 1)
    order = tableau.error_exponent_order or tableau.order
    numbers = control_numbers(controller, order, dtype)
    control = Control(numbers, int(adaptive), int(coupled), 0, max_steps, 0, 0, 0)
    system = BackwardProgram(program, not seminorm)
    stride = lanes if own_theta else 0
    return cpu.Plan(dtype, lanes, system, method, control, 0, seminorm, theta_stride=stride)
