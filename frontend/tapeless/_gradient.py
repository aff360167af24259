"""What `Solution.vjp` takes and returns besides the cotangents of states and parameters."""

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # it imports this module
    from tapeless._solve import Cotangents

Floats: TypeAlias = NDArray[np.floating]


class Gradient(NamedTuple):
    """The gradient of a loss with respect to all that a solve depends on.

    Attributes
    ----------
    y0 : ndarray, shape of y0
        With respect to the initial states.
    theta : ndarray, shape of theta
        With respect to the parameters, summed over the batch if they are shared by it.
    t0, t1 : ndarray
        With respect to the ends of `t_span`, summed over the batch if they are shared by it, else (batch,).
    t_eval : ndarray, shape of `t_eval`, or None
        With respect to the output times, None if none were given.
    """

    y0: Floats
    theta: Floats
    t0: Floats
    t1: Floats
    t_eval: Floats | None


def gradient_of(
    bars: "Cotangents", shared: tuple[bool, bool, bool], single: bool, final: bool
) -> Gradient:
    """Return the Gradient of a reverse pass; `shared` says of t0, t1 and t_eval whether the batch shares them."""
    times = bars.times
    if final:  # the only output is at t1
        times = np.concatenate([times[:, 1:2], times[:, :1] + times[:, 2:]], axis=1)
    parts = times[:, -2], times[:, -1], times[:, :-2]
    t0, t1, t_eval = (x.sum(axis=0) if one else x for x, one in zip(parts, shared, strict=True))
    y0 = bars.y0[0] if single else bars.y0
    return Gradient(y0, bars.theta, t0, t1, None if final else t_eval)
