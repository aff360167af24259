"""What the spectral solvers return: fields, statistics, and the transpose of the solve."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tapeless._check import as_state
from tapeless._complain import complain, describe
from tapeless._interchange import presents_arrays, takes_arrays
from tapeless._pde.modes import Floats
from tapeless._types import ArrayInput
from tapeless_kernels.status import SUCCESS


class PdeStats(NamedTuple):
    """What happened to each sample: arrays of shape (batch,), or scalars for a single one.

    Attributes
    ----------
    n_steps : ndarray of int64
        Steps that were taken.
    nfe : ndarray of int64
        Evaluations of the nonlinear term: four a step.
    status : ndarray of uint8
        A code: 1 is success, 4 not finite, 6 interrupted, 16 unstable.
    t : ndarray of float64
        The time reached.
    peak : ndarray of int64, shape (batch, ndim)
        The index of the largest absolute value of the last field reached.
    """

    n_steps: NDArray[np.int64]
    nfe: NDArray[np.int64]
    status: NDArray[np.uint8]
    t: NDArray[np.float64]
    peak: NDArray[np.int64]


class PdeGradient(NamedTuple):
    """The cotangents of what a spectral solver was given.

    Attributes
    ----------
    u0 : ndarray, shape of the initial field
        Of the initial field.
    forcing : ndarray, shape of the forcing, or None
        Of the forcing, summed over the batch if it was shared by it; None if there was none.
    nu : float
        Of the viscosity.
    """

    u0: Floats
    forcing: Floats | None
    nu: float


@presents_arrays
class PdeSolution:
    """The fields of a solved partial differential equation; `solve_burgers` and `solve_navier_stokes` make it.

    Parameters
    ----------
    ts, ys, y : ndarray
        Output times, the fields there, and the last fields reached.
    stats : PdeStats
        What happened to each sample.
    single : bool
        Whether the initial field came without the batch axis.
    reverse : callable or None
        Maps the cotangents of `ys`, with the batch axis, to those of the arguments.
    nbytes_adjoint : int
        Bytes kept for it.

    Attributes
    ----------
    ts : ndarray
        Output times: t1 if none were asked for, else `t_eval`.
    ys : ndarray, shape (batch, *shape) or (batch, n_times, *shape)
        Fields at `ts`, without the batch axis if the initial field had none. NaN where a sample failed before.
    y : ndarray, shape (batch, *shape)
        The last field reached, also by samples that failed.
    stats : PdeStats
        Steps, status and time reached of each sample.
    success : bool
        Whether every sample arrived.
    nbytes_adjoint : int
        Bytes kept for `vjp`.
    """

    def __init__(
        self, ts: NDArray[np.float64], ys: Floats, y: Floats, stats: PdeStats, single: bool,
        reverse: Callable[[Floats], PdeGradient] | None, nbytes_adjoint: int,
    ) -> None:  # fmt: skip
        self.ts, self.ys, self.y, self.stats = ts, ys, y, stats
        self.success = bool((np.asarray(stats.status) == SUCCESS).all())
        self.nbytes_adjoint = nbytes_adjoint
        self._single, self._reverse = single, reverse

    def __repr__(self) -> str:
        """Return a line with shapes and success."""
        return (
            f"PdeSolution(ys of shape {self.ys.shape} and dtype {self.ys.dtype}, success={self.success}, "
            f"n_steps={int(np.max(self.stats.n_steps, initial=0))})"
        )

    @takes_arrays
    def vjp(self, ys_bar: ArrayInput) -> PdeGradient:
        """Return the cotangents of initial field, forcing and viscosity from those of `ys`.

        It is the transpose of the discrete solution, exact but for rounding: that of the steps that were taken, of
        the truncation of modes before them, and of the sums of modes at each output.

        Parameters
        ----------
        ys_bar : array, shape of `ys`
            The derivative of a loss with respect to `ys`. That of an output which was not reached is not read.

        Returns
        -------
        PdeGradient
            The cotangents `u0`, `forcing` and `nu`.

        Raises
        ------
        TypeError
            If `ys_bar` has no real dtype.
        ValueError
            If `ys_bar` has another shape, is not finite where an output was reached, or nothing was kept.
        """
        caller = "PdeSolution.vjp"
        if self._reverse is None:
            raise ValueError(
                f"{caller}: the solve was called with adjoint=None, and kept nothing to differentiate; call it "
                "with adjoint='every'."
            )
        bar = as_state(caller, "ys_bar", ys_bar)
        if bar.shape != self.ys.shape:
            wanted = f"of shape {self.ys.shape}, as `ys`"
            raise complain(ValueError, caller, "ys_bar", wanted, describe(bar))
        bar = np.where(np.isfinite(self.ys), bar, 0).astype(self.ys.dtype)
        if not np.isfinite(bar).all():
            raise complain(ValueError, caller, "ys_bar", "finite", "NaN or inf in it")
        return self._reverse(bar)
