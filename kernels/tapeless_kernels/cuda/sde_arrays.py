"""The arrays of an ensemble of SDEs on a device: n trajectories along the last axis, so that neighbours read neighbours."""

from typing import NamedTuple

import numpy as np


class PathSource(NamedTuple):
    """Where the noise comes from: trajectory i has the path of sample first + i."""

    key: np.ndarray  # (2,) uint64
    first: int
    begin: float  # of the path, which is `length` long
    length: float


class StepGrid(NamedTuple):
    """Between which times the steps are, and after how many of them each output is due, in order."""

    times: np.ndarray  # (n + 1, 1, 1) float64
    outputs: np.ndarray  # (n_outputs, 1, 1) int64


class Ensemble(NamedTuple):
    """What is known of n trajectories between two launches."""

    y: np.ndarray  # (dim, n)
    z: np.ndarray  # (dim or 0, n): with the next two, what reversible Heun keeps
    f: np.ndarray  # (dim or 0, n)
    g: np.ndarray  # (rows or 0, n)
    status: np.ndarray  # (n,) uint8
    steps: np.ndarray  # (n,) int64: steps taken by those that came to an end
    t: np.ndarray  # (n,) float64: the time reached then


class Cotangents(NamedTuple):
    """Cotangents of n trajectories."""

    ys: np.ndarray  # (1, n_outputs, dim, n)
    y: np.ndarray  # (dim, n)
    theta: np.ndarray  # (1, n_params, n)


class Span(NamedTuple):
    """Some steps."""

    first: int
    last: int
