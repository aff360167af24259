"""The arrays a solve works on, as records, so that no kernel takes more than nine arguments.

Time is float64, the rest is of the solve's dtype. `tiles` tiles of LANES trajectories each are
integrated by one call; E is the number of field evaluations in a step.
"""

from typing import NamedTuple

import numpy as np

# What becomes of an iteration, in a Record: in the last two only its times are kept, as it is taken and taken back.
KEPT, COUNTED, TIMED, TAKEN_BACK = 1, 2, 3, 4
# Kinds of methods, `steppers.reversible`; those after PAIRED take one evaluation a step.
RUNGE_KUTTA, PAIRED, REVERSIBLE_HEUN, LEAPFROG = range(4)
# Whether kernels know the others too: a name that a family may bind to False.
REVERSIBLE_TOO = True
MEASURES_TOO = True  # likewise: what is measured of steps, and gradients with respect to times


class Method(NamedTuple):
    """A method at run time; arrays as `tableaus.butcher.arrays` and `tableaus.reversible.arrays_of` make them."""

    a: np.ndarray  # (S+1, S+1)
    a_transposed: np.ndarray
    c: np.ndarray  # (S+1,)
    error: np.ndarray  # (2, S+1): the error estimate, and one that steadies it
    pair: (
        np.ndarray
    )  # (2, S+1): h pair[0] k and pair[1] k are z_x - z_y and k_x - k_y, of stages at one time
    coupling: np.ndarray  # (1,): of a reversible method
    stages: int  # S
    fsal: int  # 1: a step evaluates stages 1 to S, and k_S is the next k_0; 0: stages 0 to S-1
    n_errors: int  # 2: both estimates count
    kind: int = RUNGE_KUTTA
    halves: int = 1  # times that a step evaluates all stages: 2 if PAIRED


class Control(NamedTuple):
    """How steps are sized; `controllers.step_size` names the numbers."""

    numbers: np.ndarray  # (11,)
    adaptive: int  # 0: n_steps equal steps
    coupled: int  # one norm and one step size for all trajectories
    interpolate: int  # outputs by the cubic Hermite interpolant instead of steps that end on them
    max_steps: int
    n_steps: int
    n_trajectories: int  # so many lanes, from the first, count in a coupled norm
    component: int  # whose first passage is looked for
    measure: int = 0  # the error and the stiffness of each accepted step are kept in a Log
    states: int = 0  # and where it began


class Lanes(NamedTuple):
    """What is known of each trajectory; (tiles, LANES) unless said otherwise."""

    t0: np.ndarray
    t1: np.ndarray
    t: np.ndarray
    t_next: np.ndarray  # where the step being tried ends
    h: np.ndarray  # the step proposed next; 0 before the first asks for an automatic one
    last: np.ndarray  # the last step taken
    due: np.ndarray  # the next output time, t1 if there is none
    forced: np.ndarray  # where the step being tried must end at the latest
    ratios: (
        np.ndarray
    )  # (tiles, 2, LANES): squared error ratios of the accepted steps before, latest first
    rtol: np.ndarray
    atol: np.ndarray
    status: np.ndarray  # uint8, status.py
    counts: (
        np.ndarray
    )  # (tiles, 4, LANES) int64: evaluations, accepted, rejected, grid points passed
    emitted: np.ndarray  # int64: outputs written
    who: np.ndarray  # int64: the trajectory in this lane, -1 if there is none
    y: np.ndarray  # (tiles, dim, LANES)
    k: np.ndarray  # (tiles, S+1, dim, LANES); if PAIRED (tiles, 2S, dim, LANES)
    z: np.ndarray  # (tiles, dim or 0, LANES): the companion of y in a reversible method
    drift: (
        np.ndarray
    )  # (tiles, 2 or 0, LANES): largest distance of y from it so far, largest size of y


class Log(NamedTuple):
    """What is measured of each iteration in which something moved."""

    t: np.ndarray  # (capacity, tiles, 2, LANES): the step's start and its size
    estimates: np.ndarray  # (capacity, tiles, 2, LANES): error E and stiffness S
    counts: (
        np.ndarray
    )  # (capacity, tiles, 2, LANES) int64: whose step it is, -1 if none moved; rejected until then
    y: np.ndarray  # (capacity, tiles, 1 or 0, dim, LANES): where it began
    filled: np.ndarray  # (1,) int64


class Outputs(NamedTuple):
    """The times asked for, in the order of integration, and the states there."""

    times: np.ndarray  # (tiles, n_outputs, LANES)
    ys: np.ndarray  # (tiles, n_outputs, dim, LANES); in a reverse pass their cotangents
    reduced: np.ndarray  # (tiles, 3 or 0, dim, LANES): integral, least, largest
    passage: (
        np.ndarray
    )  # (tiles, 1 or 0, LANES): when a component first reached a level, NaN if it has not
    log: Log


class Record(NamedTuple):
    """What the transpose reads of each iteration.

    Unless `keep` is KEPT there is one, with E = 1 unless it is TAKEN_BACK, used again and again; `filled` and the
    capacity count all the same.
    """

    t: np.ndarray  # (capacity, tiles, 2, LANES): start and end of the step
    h: np.ndarray  # (capacity, tiles, LANES), 0 in lanes that did not move
    emitted: np.ndarray  # (capacity, tiles, LANES) int64: outputs written before the iteration
    z: np.ndarray  # (capacity, tiles, E, dim, LANES)
    cache: np.ndarray  # (capacity, tiles, E, n_cache, LANES)
    slopes: np.ndarray  # (capacity, tiles, S+1 or 0, dim, LANES)
    y: np.ndarray  # (capacity, tiles, 1 or 0, dim, LANES): where the step began
    filled: np.ndarray  # (1,) int64: iterations in which something moved
    times: np.ndarray  # (capacity, tiles, LANES), or if coupled (capacity, 1, 1): when it began, if TIMED or TAKEN_BACK
    keep: int  # KEPT, COUNTED, TIMED, TAKEN_BACK, or 0


class Head(NamedTuple):
    """The evaluation before the first step, whose slope is k_0 of an FSAL method's first step."""

    t: np.ndarray  # (tiles, LANES), in the solve's dtype
    y: np.ndarray  # (tiles, dim, LANES)
    cache: np.ndarray  # (tiles, n_cache, LANES)


class Work(NamedTuple):
    """Scratch of one call."""

    time: np.ndarray  # (2, LANES): the step's start and the stage's time, in the solve's dtype
    h: np.ndarray  # (tiles, LANES), in the solve's dtype
    squares: np.ndarray  # (tiles, 3, LANES), or 8 rows if steps are measured: `steppers.estimates`
    ends: np.ndarray  # (tiles, LANES) uint8: the step was cut or stretched to end on a forced time
    accepted: np.ndarray  # (tiles, LANES) uint8
    fate: np.ndarray  # (tiles, LANES) uint8, `loops.integrate`: what becomes of the step
    lane_status: np.ndarray  # (tiles, LANES) uint8
    y_next: np.ndarray  # (tiles, dim, LANES), where no stage holds it
    z_next: np.ndarray  # (tiles, dim or 0, LANES)
    drift: np.ndarray  # (tiles, 2 or 0, LANES): distance of y_next from z_next, size of y_next
    back: np.ndarray  # (3, LANES), of the way back in a step: -h, its start, the stage's time


class Queue(NamedTuple):
    """The n trajectories of a chunk, which its lanes take one after the other, and their results."""

    order: np.ndarray  # (n,) int64: the trajectory that is the i-th to be taken
    y0: np.ndarray  # (n, dim)
    numbers: np.ndarray  # rows t0, t1, h, rtol, atol: (5, n), or one column for all
    times: np.ndarray  # (n_outputs, n), or one column for all
    theta: np.ndarray  # (n, n_params), of its own for each; else (n, 0)
    ys: np.ndarray  # (n, n_outputs, dim)
    y: np.ndarray  # (n, dim): the last state
    counts: np.ndarray  # (n, 3) int64: evaluations, accepted, rejected
    reached: np.ndarray  # (n, 2): the last step, and the time reached
    status: np.ndarray  # (n,) uint8
    reduced: np.ndarray  # (n, 3 or 0, dim): mean, least, largest
    passage: np.ndarray  # (n, 1 or 0)
    reversal: (
        np.ndarray
    )  # (n, 3 or 0): largest drift, largest size of y, error of the y0 that was made again


class Turns(NamedTuple):
    """When each of the n trajectories of a queue had its turn, and what it began with, for the transpose."""

    first: np.ndarray  # (n,) int64: iterations in the record when it began
    lane: np.ndarray  # (n,) int64: tile * LANES + lane
    before: np.ndarray  # (n,) int64: the trajectory that the lane held before, -1 if there was none
    emitted: np.ndarray  # (n,) int64: outputs written when it ended
    t: np.ndarray  # (n,): the head of each, in the solve's dtype
    y: np.ndarray  # (n, dim)
    cache: np.ndarray  # (n, n_cache)
    reached: np.ndarray  # (n,): the time at which it ended
    ends: np.ndarray  # (n, 3 or 0, dim): y, z and k_0 there, of a reversible method


class Checkpoint(NamedTuple):
    """The states of all lanes at an iteration, from which a solve can go on; as in Lanes."""

    numbers: np.ndarray  # (3,) int64: the iteration, trajectories taken, steps idled
    times: np.ndarray  # (4, tiles, LANES): t, h, last, due
    ratios: np.ndarray
    status: np.ndarray
    counts: np.ndarray
    emitted: np.ndarray
    who: np.ndarray
    y: np.ndarray
    k: np.ndarray  # (tiles, dim, LANES): the first slope; if not FSAL, (tiles, 0, LANES)
    z: np.ndarray
    drift: np.ndarray


class Bars(NamedTuple):
    """Cotangents of a reverse pass."""

    y: np.ndarray  # (tiles, dim, LANES)
    k0: np.ndarray  # (tiles, dim, LANES): of the slope that the next step inherits
    z: np.ndarray  # (S+1, dim, LANES)
    k: np.ndarray  # (2, dim, LANES)
    t: np.ndarray  # (3, LANES): of times, `steppers.explicit_rk`
    emitted: np.ndarray  # (tiles, LANES) int64: outputs whose cotangents are not yet added
    estimates: np.ndarray  # (5 or 0, dim, LANES), `steppers.estimates`
    steps: (
        np.ndarray
    )  # (iterations, tiles, 3 or 0, LANES): of the error, the stiffness and the size of each step
    states: np.ndarray  # (iterations or 0, tiles, dim, LANES): of where each step began
    times: np.ndarray  # (tiles, n_outputs + 2 or 0, LANES): of the output times, of t0 and of t1
    span: np.ndarray  # (tiles, 2, LANES) float64: t0 and t1 themselves
    tolerance: np.ndarray  # (tiles, 2, LANES): rtol and atol
    passage: (
        np.ndarray
    )  # (tiles, 2 or 0, LANES) float64: the time of the first passage, and its cotangent
    companion: np.ndarray  # (tiles, dim or 0, LANES): of the companion of y
    half: np.ndarray  # (dim or 0, LANES): of what one half of a step makes


class QueueBars(NamedTuple):
    """The cotangents of what a queue holds and of its results."""

    ys: np.ndarray  # (n, n_outputs, dim)
    y0: np.ndarray  # (n, dim)
    theta: np.ndarray  # (n, n_params), of its own for each; else (n, 0)
    times: np.ndarray  # (n, n_outputs + 2 or 0), as Bars.times
    passage: np.ndarray  # (n, 1 or 0)


class Dots(NamedTuple):
    """Tangents of a forward pass, in groups; R rows hold those of a group one after the other, and padding."""

    y: np.ndarray  # (groups, tiles, R, LANES)
    k0: np.ndarray  # (groups, tiles, R, LANES): of the slope that the next step begins with
    z: np.ndarray  # (R, LANES)
    k: np.ndarray  # (S+1, R, LANES)
    t: (
        np.ndarray
    )  # (2, n LANES), of a group of n: at the step's start and at the stage, in the solve's dtype
    h: np.ndarray  # (n LANES,)
    theta: np.ndarray  # (groups, n n_params), or with of its own for each lane (groups, n n_params LANES); or nothing
    point: np.ndarray  # (dim, LANES)
    time: np.ndarray  # (2, LANES): as in Work
    accepted: np.ndarray  # (tiles, LANES) uint8
    who: np.ndarray  # (tiles, LANES) int64: the trajectory in this lane


class Values(NamedTuple):
    """What tangents of times are multiplied by; of no rows where they are 0."""

    y: np.ndarray  # (tiles, dim, LANES)
    k0: np.ndarray  # (tiles, dim, LANES)
    k: np.ndarray  # (S+1, dim, LANES)
    change: np.ndarray  # (dim, LANES)
    cache: np.ndarray  # (n_cache, LANES)
    lane_status: np.ndarray  # (LANES,) uint8


class QueueDots(NamedTuple):
    """The J tangents of what a queue holds and of its results."""

    times: (
        np.ndarray
    )  # (J, 2 + n_outputs, n or 1), or (0, ...) where they are 0: of t0, t1 and the output times
    y0: np.ndarray  # (J, n, dim), or (0, ...) where they are 0
    theta: np.ndarray  # (J, n, n_params), of its own for each; else (J, n, 0)
    ys: np.ndarray  # (J, n, n_outputs, dim)
