"""What `solve_sde` returns: states, statistics, the path that drove them, and the transpose of the solve."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tapeless._check import as_state
from tapeless._complain import complain, describe
from tapeless._interchange import presents_arrays, takes_arrays
from tapeless._solution import Floats
from tapeless._types import ArrayInput

if TYPE_CHECKING:  # they import this module
    from tapeless._brownian import BrownianPath
    from tapeless._sde_solve import SdeReverse


class SdeStats(NamedTuple):
    """What happened to each trajectory: arrays of shape (batch,), or scalars for a single one.

    Attributes
    ----------
    nfe_drift, nfe_diffusion : ndarray of int64
        Evaluations of the drift and of the diffusion.
    accepted, rejected : ndarray of int64
        Steps that were taken, and steps that were tried and made shorter.
    status : ndarray of uint8
        A code of `tapeless_kernels.status`: 1 is success.
    t : ndarray of float64
        The time reached.
    """

    nfe_drift: NDArray[np.int64]
    nfe_diffusion: NDArray[np.int64]
    accepted: NDArray[np.int64]
    rejected: NDArray[np.int64]
    status: NDArray[np.uint8]
    t: NDArray[np.float64]


@presents_arrays
class SdeSolution:
    """The states of a solved stochastic differential equation, and their derivatives; `solve_sde` makes it.

    Parameters
    ----------
    ts, ys, y : ndarray
        Output times, the states there, and the last states reached.
    stats : SdeStats
        What happened to each trajectory.
    path : BrownianPath or object
        What drove the solve.
    method, noise : str
        The method's name, and what the noise was taken to be.
    single : bool
        Whether y0 came without the batch axis.
    reverse : callable or str
        Maps the cotangents of `ys` to those of y0 and theta; or why there is none.

    Attributes
    ----------
    ts : ndarray
        Output times: t1 if none were asked for, else `t_eval`.
    ys : ndarray, shape (batch, dim) or (batch, n_times, dim)
        States at `ts`, without the batch axis if y0 had none. NaN where a trajectory failed before.
    y : ndarray, shape (batch, dim)
        The last state reached, also by trajectories that failed.
    stats : SdeStats
        Evaluations, steps, status and time reached of each trajectory.
    success : bool
        Whether every trajectory arrived.
    path : BrownianPath or object
        The path, or the increments that were given; solve again with ``path=sol.path`` for the same noise.
    method : str
        The method's name.
    noise : str
        What the noise was taken to be.
    nbytes_adjoint : int
        Bytes kept for `vjp`.
    """

    def __init__(
        self, ts: NDArray[np.float64], ys: Floats, y: Floats, stats: SdeStats, path: "BrownianPath | Any",
        method: str, noise: str, single: bool, reverse: "SdeReverse | str",
    ) -> None:  # fmt: skip
        self.ts, self.ys, self.y, self.stats, self.path = ts, ys, y, stats, path
        self.method, self.noise = method, noise
        self.success = bool((np.asarray(stats.status) == 1).all())
        self._single, self._reverse = single, reverse

    def __repr__(self) -> str:
        """Return a line with shapes and success."""
        return (
            f"SdeSolution(ys of shape {self.ys.shape} and dtype {self.ys.dtype}, method={self.method!r}, "
            f"noise={self.noise!r}, success={self.success})"
        )

    @property
    def nbytes_adjoint(self) -> int:
        """The bytes kept for `vjp`."""
        return 0 if isinstance(self._reverse, str) else self._reverse.n_bytes

    @takes_arrays
    def vjp(self, ys_bar: ArrayInput, *, times: bool = False) -> tuple[Floats, Floats]:
        """Return the cotangents of y0 and theta from those of `ys`.

        It is the derivative of the discrete solution, with steps and path held constant: pathwise, through the
        noise's scale too.

        Parameters
        ----------
        ys_bar : array, shape of `ys`
            The derivative of a loss with respect to `ys`. That of an output which was not reached is not read.
        times : bool
            There are none with respect to times, as a Brownian path has no derivative: True raises.

        Returns
        -------
        y0_bar : ndarray, shape of y0
            The derivative with respect to the initial states.
        theta_bar : ndarray, shape of theta
            With respect to the parameters, summed over the batch if they are shared by it.

        Raises
        ------
        ValueError
            If `ys_bar` has another shape, is not finite where an output was reached, nothing was kept, or times are
            asked for.
        """
        caller = "SdeSolution.vjp"
        if times:
            wanted = "false: a Brownian path has no derivative with respect to time"
            raise complain(ValueError, caller, "times", wanted, "true")
        if isinstance(self._reverse, str):
            raise ValueError(f"{caller}: {self._reverse}")
        bar = as_state(caller, "ys_bar", ys_bar)
        if bar.shape != self.ys.shape:
            raise complain(
                ValueError, caller, "ys_bar", f"of shape {self.ys.shape}, as `ys`", describe(bar)
            )
        bar = np.where(np.isfinite(self.ys), bar, 0).astype(self.ys.dtype)
        if not np.isfinite(bar).all():
            raise complain(ValueError, caller, "ys_bar", "finite", "NaN or inf in it")
        y0_bar, theta_bar = self._reverse(bar[None] if self._single else bar)
        return (y0_bar[0] if self._single else y0_bar), theta_bar
