"""What a solve says of its trajectories beside their states: what they took, and what was reduced of them."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating]


class Stats(NamedTuple):
    """What happened to each trajectory: arrays of shape (batch,), or scalars for a single one.

    Attributes
    ----------
    nfe : ndarray of int64
        Evaluations of the field.
    accepted, rejected : ndarray of int64
        Steps that were taken, and steps that were tried and made shorter.
    last_step : ndarray of float64
        Size of the last accepted step, negative backward in time.
    status : ndarray of uint8
        A code of `tapeless_kernels.status`: 1 is success.
    t : ndarray of float64
        The time reached.
    drift : ndarray of float64
        Of a reversible method, the largest distance of its two states from each other, by the component in which
        they differ most. 0 of other methods.
    reconstruction : ndarray of float64
        With ``adjoint="reversible"``, once `Solution.vjp` has been called, the largest error of a component of the
        y0 that was made again, relative to the largest of y0 (or to a thousandth of the largest state of the
        trajectory, if that is more). NaN before, and of reversible methods with another adjoint. 0 of other methods.
    """

    # Scalars have the attributes of arrays, so that one type does for both.
    nfe: NDArray[np.int64]
    accepted: NDArray[np.int64]
    rejected: NDArray[np.int64]
    last_step: NDArray[np.float64]
    status: NDArray[np.uint8]
    t: NDArray[np.float64]
    drift: NDArray[np.float64]
    reconstruction: NDArray[np.float64]


class Reduced(NamedTuple):
    """What `solve_ode` keeps of whole trajectories if it is asked to; what was not asked for is None.

    Between the ends of steps a trajectory is its cubic Hermite interpolant.

    Attributes
    ----------
    mean, min, max : ndarray, shape (batch, dim)
        Mean over the time from t0 to where the trajectory ended, least and largest value, of each component.
    first_passage : ndarray of float64, shape (batch,)
        The time at which the component first reached its level, NaN if it did not.
    """

    mean: Floats | None = None
    min: Floats | None = None
    max: Floats | None = None
    first_passage: Floats | None = None
