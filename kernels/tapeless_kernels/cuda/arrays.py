"""The arrays of an ensemble on a device: n trajectories along the last axis, so that neighbours read neighbours.

What travels together is one argument of a kernel. In `numbers` and `times` one column may stand for all trajectories.
"""

from typing import NamedTuple

import numpy as np

from ..buffers import RUNGE_KUTTA

T0, T1, T, H, LAST, DUE = range(6)  # rows of Ensemble.times
EMITTED = 4  # the row of Ensemble.counts after those of Lanes.counts
RTOL, ATOL = 2, 3  # rows of Ensemble.numbers, after the two ratios
STORED, TIMED, NOTHING = (
    "store",
    "reversible",
    None,
)  # what is kept of steps: all, their times, nothing


class Given(NamedTuple):
    """What a solve begins with."""

    y0: np.ndarray  # (dim, n)
    numbers: np.ndarray  # (5, n or 1) float64: t0, t1, h, rtol, atol, as Queue.numbers
    theta: np.ndarray  # (n_params, n or 1)


class Ensemble(NamedTuple):
    """What is known of each trajectory between two launches; the rest of `buffers.Lanes` lives in a thread."""

    times: np.ndarray  # (6, n) float64
    numbers: np.ndarray  # (4, n): the ratios of the steps before, rtol, atol
    counts: np.ndarray  # (5, n) int64
    status: np.ndarray  # (n,) uint8
    y: np.ndarray  # (dim, n)
    k: np.ndarray  # (dim, n): the slope that the next step begins with
    z: np.ndarray  # (dim or 0, n): the companion of y in a reversible method
    drift: np.ndarray  # (2 or 0, n)


class Asked(NamedTuple):
    """The output times, and the states there or their cotangents."""

    times: np.ndarray  # (1, n_outputs, n or 1) float64
    ys: np.ndarray  # (1, n_outputs, dim, n)


class Steps(NamedTuple):
    """A block of the record: the steps of each trajectory, or their times alone; there is one tile."""

    t: np.ndarray  # (capacity, 1, 2, n) float64; of times alone (capacity, 1, 1, n)
    h: np.ndarray  # (capacity, 1, n)
    emitted: np.ndarray  # (capacity, 1, n) int32
    z: np.ndarray  # (capacity, 1, E, dim, n): the states of E evaluations
    filled: np.ndarray  # (n,) int64
    keep: int  # as Record.keep


class Back(NamedTuple):
    """What the reverse pass carries from one block to the block before."""

    y: np.ndarray  # (dim, n): cotangents
    k0: np.ndarray  # (dim, n)
    companion: np.ndarray  # (dim or 0, n)
    theta: np.ndarray  # (n_params, n)
    state: Ensemble  # counts are read; of a method that is taken back, where it has come to
    reconstruction: np.ndarray  # (n,) float64: the error of y0 that was made again
    first: int  # 1: this block begins with the trajectories


class Checked(NamedTuple):
    """What `loops.reversal.compare_start` reads of a queue, for a single trajectory."""

    y0: np.ndarray  # (1, dim)
    reversal: np.ndarray  # (1, 3) float64


def given_layout(n_numbers, n_theta, dim, n_params, n, real):
    """Return (shape, dtype) of the arrays of Given."""
    return [((dim, n), real), ((5, n_numbers), "f8"), ((n_params, n_theta), real)]


def asked_layout(n_outputs, n_times, dim, n, real):
    """Return (shape, dtype) of the arrays of Asked."""
    return [((1, n_outputs, n_times), "f8"), ((1, n_outputs, dim, n), real)]


def ensemble_layout(dim, n, real, reversible):
    """Return (shape, dtype) of the arrays of Ensemble."""
    return [
        ((6, n), "f8"), ((4, n), real), ((5, n), "i8"), ((n,), "u1"), ((dim, n), real), ((dim, n), real),
        ((dim * reversible, n), real), ((2 * reversible, n), real),
    ]  # fmt: skip


def steps_layout(capacity, evaluations, dim, n, real, kept):
    """Return (shape, dtype) of the arrays of Steps; nothing is one slot that all steps use."""
    if kept == TIMED:
        shapes = [(capacity, 1, 1, n), (0, 1, n), (0, 1, n), (0, 1, evaluations, dim, n)]
    else:
        shapes = [
            (capacity, 1, 2, n),
            (capacity, 1, n),
            (capacity, 1, n),
            (capacity, 1, evaluations, dim, n),
        ]
    return [*zip(shapes, ("f8", real, "i4", real), strict=True), ((n,), "i8")]


def back_layout(dim, n_params, n, real, reversible):
    """Return (shape, dtype) of the arrays of Back but for those of its state."""
    return [
        ((dim, n), real),
        ((dim, n), real),
        ((dim * reversible, n), real),
        ((n_params, n), real),
    ]


class Sizes(NamedTuple):
    """The sizes that a method gives the arrays of a thread."""

    stages: int
    slopes: int  # slopes of one step
    evaluations: int  # of one step, the states of which its record holds
    reversible: bool


def sizes_of(method):
    """Return the Sizes of a `buffers.Method`."""
    slopes = max(method.stages + 1, method.stages * method.halves)
    evaluations = method.stages * method.halves
    return Sizes(method.stages, slopes, evaluations, method.kind != RUNGE_KUTTA)
