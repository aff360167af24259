"""What a solve returns: states, statistics, and the transpose of the map from y0 and theta to them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tapeless._check import as_state
from tapeless._complain import complain, describe
from tapeless._types import ArrayInput, Integer
from tapeless.errors import SolverError

if TYPE_CHECKING:  # they import this module, or matplotlib
    from matplotlib.axes import Axes

    from tapeless._backsolve import Backward, BackwardStats
    from tapeless._solve import Reverse

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
    """

    # Scalars have the attributes of arrays, so that one type does for both.
    nfe: NDArray[np.int64]
    accepted: NDArray[np.int64]
    rejected: NDArray[np.int64]
    last_step: NDArray[np.float64]
    status: NDArray[np.uint8]
    t: NDArray[np.float64]


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


class Solution:
    """The states of a solved initial value problem, and their derivatives; `solve_ode` makes it.

    Parameters
    ----------
    ts, ys, y : ndarray
        Output times, the states there, and the last states reached.
    stats : Stats
        What happened to each trajectory.
    success : bool
        Whether every trajectory arrived.
    single : bool
        Whether y0 came without the batch axis.
    reverse : callable or None
        Maps the cotangents of `ys` to those of y0 and theta.
    reduced : Reduced
        What was kept of whole trajectories.
    without_vjp : tuple
        The parts of the field that have no transpose.

    Attributes
    ----------
    ts : ndarray
        Output times: t1 if none were asked for, else `t_eval`.
    ys : ndarray, shape (batch, dim) or (batch, n_times, dim)
        States at `ts`, without the batch axis if y0 had none. NaN where a trajectory failed before.
    y : ndarray, shape (batch, dim)
        The last state reached, also by trajectories that failed.
    stats : Stats
        Evaluations, steps, status and time reached of each trajectory.
    success : bool
        Whether every trajectory arrived.
    reduced : Reduced
        What was asked for of whole trajectories: means, extremes, a first passage.
    nbytes_adjoint : int
        Bytes kept for `vjp`.
    """

    def __init__(
        self,
        ts: NDArray[np.float64],
        ys: Floats,
        y: Floats,
        stats: Stats,
        success: bool,
        single: bool,
        reverse: "Reverse | Backward | None",
        reduced: Reduced,
        without_vjp: tuple[object, ...] = (),
    ) -> None:
        self.ts, self.ys, self.y, self.stats, self.success = ts, ys, y, stats, success
        self._single, self._reverse, self.reduced = single, reverse, reduced
        self._without_vjp = without_vjp

    def __repr__(self) -> str:
        return (
            f"Solution(ys of shape {self.ys.shape} and dtype {self.ys.dtype}, success={self.success}, "
            f"nfe={int(np.max(self.stats.nfe, initial=0))})"
        )

    @property
    def nbytes_adjoint(self) -> int:
        """The bytes kept for `vjp`."""
        return 0 if self._reverse is None else self._reverse.nbytes()

    @property
    def backward_stats(self) -> "BackwardStats | None":
        """With adjoint="backsolve", what happened in the last call of `vjp`; before it, None."""
        stats = getattr(self._reverse, "stats", None)
        return type(stats)(*(x[0] for x in stats)) if stats is not None and self._single else stats

    def plot(
        self,
        ax: "Axes | None" = None,
        components: Iterable[Integer] | Integer | None = None,
        *,
        names: Sequence[str] | None = None,
    ) -> "Axes":
        """Draw the trajectories over time; red crosses are the last outputs of those that failed.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default on a new figure, ``ax.figure``.
        components : int or sequence of int, optional
            Of the state; by default all, each in a colour of its own.
        names : sequence of str, optional
            Of the components of the state.

        Returns
        -------
        matplotlib.axes.Axes
            What was drawn on.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the solve had no `t_eval`, or there is no such component.
        """
        from tapeless._solution_plots import over_time

        return over_time(self, ax, components, names)

    def plot_phase(
        self,
        x: Integer = 0,
        y: Integer = 1,
        ax: "Axes | None" = None,
        *,
        names: Sequence[str] | None = None,
    ) -> "Axes":
        """Draw the trajectories in the plane of two components, with a dot at the first output of each.

        Parameters
        ----------
        x, y : int
            The components.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default on a new figure, ``ax.figure``.
        names : sequence of str, optional
            Of the components of the state.

        Returns
        -------
        matplotlib.axes.Axes
            What was drawn on.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the solve had no `t_eval`, or there is no such component.
        """
        from tapeless._solution_plots import in_plane

        return in_plane(self, x, y, ax, names)

    def vjp(self, ys_bar: ArrayInput) -> tuple[Floats, Floats]:
        """Return the gradients of a loss with respect to y0 and theta.

        Parameters
        ----------
        ys_bar : array, shape of `ys`
            Gradient of the loss with respect to `ys`. Entries that belong to outputs which a failed
            trajectory did not reach are ignored.

        Returns
        -------
        y0_bar : ndarray, shape of y0
            Gradient with respect to the initial states.
        theta_bar : ndarray, shape of theta
            Gradient with respect to the parameters, summed over the batch if they are shared by it.

        Raises
        ------
        ValueError
            If `ys_bar` has another shape, or the solve kept nothing (``adjoint=None``).
        SolverError
            With ``adjoint="backsolve"``, if a trajectory fails on its way back, or finds states there that are
            off by more than their size, and `throw` was true.

        Notes
        -----
        This is the discrete adjoint: the exact derivative, up to rounding, of the numbers in `ys`
        on the accepted grid of steps, which is held constant. It can be called any number of times.
        With ``adjoint="backsolve"`` it is the continuous adjoint, solved backward to the tolerances.
        """
        if self._reverse is None:
            if self._without_vjp:
                raise ValueError(
                    f"Solution.vjp: the field has no `vjp` in {', '.join(map(str, self._without_vjp))}, and "
                    'solve_ode kept nothing to differentiate; give tapeless.field a `vjp`, say "symbolic".'
                )
            raise ValueError(
                "Solution.vjp: solve_ode was called with adjoint=None, and kept nothing to differentiate; call "
                "it with adjoint='store'."
            )
        ys_bar = as_state("Solution.vjp", "ys_bar", ys_bar).astype(self.ys.dtype, copy=False)
        if ys_bar.shape != self.ys.shape:
            wanted = f"of the shape of `ys`, {self.ys.shape}"
            raise complain(ValueError, "Solution.vjp", "ys_bar", wanted, describe(ys_bar))
        try:
            y0_bar, theta_bar = self._reverse(ys_bar[None] if self._single else ys_bar)
        except SolverError as error:  # on the way back
            error.solution = self
            raise
        return (y0_bar[0] if self._single else y0_bar), theta_bar
