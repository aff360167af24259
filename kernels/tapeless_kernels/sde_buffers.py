"""The arrays that a solve of a stochastic differential equation works on, as records.

`tiles` tiles of LANES trajectories are integrated by one call. The diffusion has `rows` values: dim if each component
has a channel of noise of its own, else dim by channels. Time is float64, the rest is of the solve's dtype.
"""

from typing import NamedTuple

import numpy as np

from .field_abi import Field


class Equation(NamedTuple):
    """The fields of an SDE, and where in theta the parameters of each begin."""

    drift: Field
    diffusion: Field
    joint: Field  # both at once, the drift first; no address: not offered
    tangent: Field  # of the diffusion: what `tangent_abi.call_field_jvp` calls
    tangent_vjp: Field  # its transpose: what `tangent_abi.call_vjp_along` calls
    correction: (
        int  # 1: the drift is that of Ito, the method Stratonovich's; -1: the other way round
    )
    drift_at: int
    diffusion_at: int
    own: int  # 1: each lane has parameters of its own


class Grid(NamedTuple):
    """Between which times the steps are: of all lanes, or of each."""

    times: np.ndarray  # (n + 1, tiles or 1, LANES or 1)
    lengths: np.ndarray  # (tiles, LANES) int64: how many steps each lane has
    outputs: (
        np.ndarray
    )  # (n_outputs, tiles or 1, LANES or 1) int64: after how many steps each output is due


class Noise(NamedTuple):
    """Where the noise comes from: given, or of a path that all lanes ask at once, or of one for each lane."""

    given: np.ndarray  # (n or 0, 1 to 3, samples, channels)
    span: np.ndarray  # (2,) float64: where the path begins, and how long it is
    columns: np.ndarray  # (tiles, LANES) int64: where in the path a lane's first channel is
    quads: np.ndarray  # (tiles, 2) int64: a tile's first quad in the path, and how many it has; 0: it begins within one
    samples: np.ndarray  # (tiles, LANES) int64: which sample of those given is the lane's
    values: np.ndarray  # (tiles, 3, channels, LANES): W, H and K of the step


class State(NamedTuple):
    """What is known of each trajectory between two steps."""

    y: np.ndarray  # (tiles, dim, LANES)
    z: np.ndarray  # (tiles, dim or 0, LANES): the companion of y in reversible Heun
    f: np.ndarray  # (tiles, dim or 0, LANES): the drift there
    g: np.ndarray  # (tiles, rows or 0, LANES): the diffusion there
    status: np.ndarray  # (tiles, LANES) uint8
    steps: np.ndarray  # (tiles, LANES) int64: steps taken by those that failed
    running: np.ndarray  # (tiles,) int64: how many lanes are
    emitted: (
        np.ndarray
    )  # (tiles, LANES) int64: outputs written; if lanes share a grid, in the first


class Steps(NamedTuple):
    """What lanes that choose their steps remember."""

    span: np.ndarray  # (3,) float64: t0, t1, and the least step that may be proposed
    times: (
        np.ndarray
    )  # (3, tiles, LANES) float64: the time reached, the size proposed next, the last step
    next: np.ndarray  # (tiles, LANES) float64: where the step being tried ends
    outputs: np.ndarray  # (n_outputs,) float64
    due: np.ndarray  # (n_outputs, tiles, LANES) int64: after how many steps each output was written
    accepted: np.ndarray  # (capacity, tiles, LANES) float64: t0 and where each accepted step ended
    lengths: np.ndarray  # (tiles, LANES) int64: accepted steps
    stack: np.ndarray  # (depth, tiles, LANES) float64: times that were rejected, the nearest last
    depth: np.ndarray  # (tiles, LANES) int64: how many
    counts: np.ndarray  # (2, tiles, LANES) int64: steps tried, and rejected
    ratios: (
        np.ndarray
    )  # (2, tiles, LANES): squared error ratios of the accepted steps before, latest first
    numbers: np.ndarray  # (11,): `controllers.step_size`
    rtol: np.ndarray  # (LANES,)
    atol: np.ndarray  # (LANES,)
    ones: np.ndarray  # (2, LANES)
    max_steps: int


class Record(NamedTuple):
    """What the transpose reads of each step; no capacity: nothing is kept."""

    h: np.ndarray  # (capacity, tiles, LANES), 0 in lanes that did not move
    t: np.ndarray  # (capacity, tiles, LANES): when it began, in the solve's dtype
    noise: np.ndarray  # (capacity, tiles, 2, channels, LANES): W and H
    z: np.ndarray  # (capacity, tiles, S, dim, LANES)
    drift: np.ndarray  # (capacity, tiles, S, kept by the drift, LANES)
    diffusion: np.ndarray  # (capacity, tiles, S, kept by the diffusion, LANES)


class Work(NamedTuple):
    """Scratch of one call."""

    time: np.ndarray  # (2, LANES): the step's start, and an evaluation's time
    h: np.ndarray  # (tiles, LANES), in the solve's dtype
    basis: np.ndarray  # (5, channels, LANES): `tableaus.stochastic`
    weights: np.ndarray  # (channels, LANES): what multiplies a diffusion
    f: np.ndarray  # (S, dim, LANES)
    g: np.ndarray  # (S, rows, LANES)
    both: np.ndarray  # (dim + rows or 0, LANES)
    direction: np.ndarray  # (dim or 0, LANES): along which the diffusion is differentiated
    along: np.ndarray  # (rows or 0, LANES): its derivative
    still: np.ndarray  # (LANES,): zeros, the direction's part in time
    y_next: np.ndarray  # (dim, LANES)
    error: np.ndarray  # (1 or 0, dim, LANES): of an adaptive step
    finite: np.ndarray  # (LANES,): 0 where a state is finite
    moved: np.ndarray  # (LANES,) uint8
    lane_status: np.ndarray  # (LANES,) uint8


class Bars(NamedTuple):
    """Cotangents of a reverse pass."""

    y: np.ndarray  # (tiles, dim, LANES)
    z: np.ndarray  # (S + 1, dim, LANES)
    f: np.ndarray  # (dim, LANES)
    g: np.ndarray  # (rows, LANES)
    term: np.ndarray  # (2, dim, LANES)
    both: np.ndarray  # (dim + rows or 0, LANES)
    along: np.ndarray  # (rows or 0, LANES): of the diffusion's derivative along a direction
    direction: np.ndarray  # (dim or 0, LANES): of that direction
    bend: np.ndarray  # (2, dim or 0, LANES): of the state where it is taken, and a sum of such
    cache: np.ndarray  # (kept by the diffusion or 0, LANES): of the diffusion, evaluated once more
    t: np.ndarray  # (LANES,)
    companion: np.ndarray  # (tiles, dim or 0, LANES): of z in reversible Heun
    f_kept: np.ndarray  # (tiles, dim or 0, LANES): of the drift that the next step begins with
    g_kept: np.ndarray  # (tiles, rows or 0, LANES)
    theta: np.ndarray  # (tiles, n_params), or of each lane (tiles, n_params * LANES)
