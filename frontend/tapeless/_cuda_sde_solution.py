"""What a solve of an ensemble of SDEs on a device returns."""

from typing import Any

import numpy as np

from tapeless import _sde_methods as sde_methods
from tapeless._brownian import BrownianPath
from tapeless._cuda_results import returns_arrays_like_self
from tapeless._cuda_solution import Solution
from tapeless._interchange import presents_arrays
from tapeless._sde_solution import SdeStats
from tapeless_kernels.cuda.sde_part import SdeEnsembleSolve
from tapeless_kernels.status import SUCCESS
from tapeless_kernels.tableaus.stochastic import StochasticMethod


@presents_arrays
class SdeSolution(Solution):
    """The states of an ensemble of SDEs solved on a device, and their gradients; `tapeless.cuda.solve_sde` makes it.

    Parameters
    ----------
    ts : ndarray
        Output times.
    solve : SdeEnsembleSolve
        What was solved, with what it keeps.
    results : SdeResults
        What was found.
    single, final : bool
        Whether y0 came without the batch axis, and whether no output times were asked for.
    why_not : str
        Why there is no transpose; empty if there is one.
    driven : tuple
        The path, the method, and what the noise was taken to be.

    Attributes
    ----------
    ts : ndarray
        Output times, on the host: t1 if none were asked for, else `t_eval`.
    ys : device array, shape (batch, dim) or (batch, n_times, dim)
        States at `ts`, without the batch axis if y0 had none. NaN where a trajectory failed before.
    y : device array, shape (batch, dim)
        The last state reached, also by trajectories that failed.
    stats : SdeStats
        Evaluations, steps, status and time reached of each trajectory, on the device.
    success : bool
        Whether every trajectory arrived.
    path : BrownianPath
        What drove the solve; solve again with ``path=sol.path`` for the same noise.
    method, noise : str
        The method's name, and what the noise was taken to be.
    parts : list of int
        How many trajectories the parts had in which the batch was solved, or last run backward.
    """

    stats: SdeStats  # type: ignore[assignment]

    def __init__(
        self, ts: np.ndarray[Any, Any], solve: SdeEnsembleSolve, results: Any, single: bool, final: bool,
        why_not: str, driven: tuple[BrownianPath, StochasticMethod, str],
    ) -> None:  # fmt: skip
        self.ts, self._solve, self._single, self._final = ts, solve, single, final
        self._throw, self._why_not = True, why_not
        self.path, method, self.noise = driven
        self.method = method.name
        setup: Any = solve.setup
        device = setup.device
        tried = results.steps + (results.status != SUCCESS)
        uses, start = (
            setup.kernels.method.uses.sum(axis=1),
            int(sde_methods.is_reversible(method)),
        )
        rejected = device.zeros(len(tried), np.int64)
        stats = (
            tried * int(uses[0]) + start, tried * int(uses[1]) + start, results.steps, rejected, results.status,
            results.t,
        )  # fmt: skip
        ys, y = results.ys[:, 0] if final else results.ys, results.y
        self.success = bool((results.status == SUCCESS).all())
        self.ys, self.y = (ys[0], y[0]) if single else (ys, y)
        self.stats = SdeStats(*(x[0] if single else x for x in stats))

    def __repr__(self) -> str:
        return (
            f"SdeSolution(ys of shape {self.ys.shape} and dtype {self.ys.dtype}, method={self.method!r}, "
            f"noise={self.noise!r}, success={self.success})"
        )

    @returns_arrays_like_self
    def host_stats(self) -> SdeStats:  # type: ignore[override]
        """Return `stats` as arrays on the host.

        Returns
        -------
        SdeStats
            The same numbers.
        """
        return SdeStats(*(self._solve.setup.device.host(x) for x in self.stats))

    def _check_start(self, errors: Any) -> None:
        """Compare nothing: steps that were taken back are not held to y0 here."""
