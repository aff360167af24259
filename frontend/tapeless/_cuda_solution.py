"""What a solve on a device returns: states and statistics that stay there, and the transpose."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from tapeless._complain import check_reconstruction, complain, describe
from tapeless._cuda_arguments import as_state
from tapeless._cuda_results import returns_arrays_like_self
from tapeless._interchange import presents_arrays
from tapeless._solution import Stats
from tapeless.errors import SolverError
from tapeless_kernels.cuda.ensemble import EnsembleSolve, Results
from tapeless_kernels.status import SUCCESS


@presents_arrays
class Solution:
    """The states of an ensemble solved on a device, and their gradients; `tapeless.cuda.solve_ode` makes it.

    Parameters
    ----------
    ts : ndarray
        Output times.
    solve : EnsembleSolve
        What was solved, with what it keeps.
    results : Results
        What was found.
    single, final : bool
        Whether y0 came without the batch axis, and whether no output times were asked for.
    throw : bool
        Whether a start that is missed when steps are taken back raises an error.
    why_not : str
        Why there is no transpose; empty if there is one.

    Attributes
    ----------
    ts : ndarray
        Output times, on the host: t1 if none were asked for, else `t_eval`.
    ys : device array, shape (batch, dim) or (batch, n_times, dim)
        States at `ts`, without the batch axis if y0 had none. NaN where a trajectory failed before.
    y : device array, shape (batch, dim)
        The last state reached, also by trajectories that failed.
    stats : Stats
        Evaluations, steps, status and time reached of each trajectory, as those of `tapeless.Solution`, on the device.
    success : bool
        Whether every trajectory arrived.
    parts : list of int
        How many trajectories the parts had in which the batch was solved, or last run backward.
    """

    def __init__(
        self,
        ts: np.ndarray[Any, Any],
        solve: EnsembleSolve,
        results: Results,
        single: bool,
        final: bool,
        throw: bool,
        why_not: str,
    ) -> None:
        self.ts, self._solve, self._single, self._final = ts, solve, single, final
        self._throw, self._why_not = throw, why_not
        device, reversible = solve.setup.device, solve.setup.sizes.reversible
        n = len(results.status)
        ys, y, counts, times, status, drift = results
        missed = device.full(n, np.nan if reversible else 0.0, np.float64)
        stats = (*counts, times[0], status, times[1], drift, missed)
        ys = ys[:, 0] if final else ys
        self.success = bool((status == SUCCESS).all())
        self.ys, self.y = (ys[0], y[0]) if single else (ys, y)
        self.stats = Stats(*(x[0] if single else x for x in stats))

    def __repr__(self) -> str:
        return f"Solution(ys of shape {self.ys.shape} and dtype {self.ys.dtype}, success={self.success})"

    @property
    def parts(self) -> list[int]:
        """The numbers of trajectories in the parts of the last pass."""
        return list(self._solve.sizes)

    @returns_arrays_like_self
    def host_stats(self) -> Stats:
        """Return `stats` as arrays on the host.

        Returns
        -------
        Stats
            The same numbers.
        """
        return Stats(*(self._solve.setup.device.host(x) for x in self.stats))

    @returns_arrays_like_self
    def vjp(self, ys_bar: Any) -> tuple[Any, Any]:
        """Return the gradients of a loss with respect to y0 and theta.

        Parameters
        ----------
        ys_bar : array, shape of `ys`, or None
            Gradient of the loss with respect to `ys`, on the device or on the host; None stands for zero. Entries
            that belong to outputs which a failed trajectory did not reach are ignored.

        Returns
        -------
        y0_bar : device array, shape of y0
            Gradient with respect to the initial states.
        theta_bar : device array, shape of theta
            Gradient with respect to the parameters, summed over the batch if they are shared by it, in an order that
            no chunk changes.

        Raises
        ------
        ValueError
            If `ys_bar` has another shape, or the solve did not keep what its transpose needs.
        MemoryError
            If the device has no room for the record of a single trajectory.
        SolverError
            With ``adjoint="reversible"``, as `tapeless.Solution.vjp`.

        Notes
        -----
        This is the discrete adjoint, as that of `tapeless.Solution.vjp`. If the batch was solved in several parts
        no record was kept, and each part is solved again: its bits are the same.
        """
        if self._why_not:
            raise ValueError(f"Solution.vjp: {self._why_not}")
        setup = self._solve.setup
        device = setup.device
        with device:
            ys_bar = device.zeros(self.ys.shape, setup.dtype) if ys_bar is None else ys_bar
            ys_bar = as_state(device, "Solution.vjp", "ys_bar", ys_bar)
            if ys_bar.shape != self.ys.shape:
                wanted = f"of the shape of `ys`, {self.ys.shape}"
                raise complain(ValueError, "Solution.vjp", "ys_bar", wanted, describe(ys_bar))
            ys_bar = device.array(ys_bar, setup.dtype)
            ys_bar = ys_bar[None] if self._single else ys_bar
            bars = self._solve.vjp(ys_bar[:, None] if self._final else ys_bar)
            if setup.kept == "reversible":
                self._check_start(device.host(bars.reconstruction))
        return (bars.y0[0] if self._single else bars.y0), bars.theta

    def _check_start(self, errors: Any) -> None:
        """Take up how far y0 was missed, and complain where that is too far."""
        device = self._solve.setup.device
        # What `check_reconstruction` reads of a solution, on the host.
        host = SimpleNamespace(
            stats=self.host_stats(), ys=np.empty(0, self.ys.dtype), success=self.success
        )
        try:
            stats = check_reconstruction(host, errors, self._throw, self._single)
        except SolverError as error:
            stats, error.solution = host.stats, self  # type: ignore[assignment]
            raise
        finally:
            self.success = host.success
            self.stats = Stats(*(device.array(np.asarray(x)) for x in host.stats))
        self.stats = Stats(*(device.array(np.asarray(x)) for x in stats))
