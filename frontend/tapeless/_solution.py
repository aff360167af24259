"""What a solve returns: states, and the derivatives of the map from y0, theta and times to them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import NDArray

from tapeless._gradient import Gradient
from tapeless._interchange import presents_arrays, takes_arrays
from tapeless._pulled_back import pulled_back
from tapeless._stats import Floats, Reduced, Stats
from tapeless._steps import StepLog, Steps, StepsBar, looks_stiff
from tapeless._types import ArrayInput, Integer
from tapeless_kernels.tableaus.explicit import EXPLICIT

if TYPE_CHECKING:  # they import this module, or matplotlib
    from matplotlib.axes import Axes

    from tapeless._backsolve import BackwardStats
    from tapeless._backward import Backward
    from tapeless._forward import Forward
    from tapeless._solve import Reverse


@presents_arrays
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
    log : StepLog or None
        What was measured of each step.
    stability_size : float or None
        That of the method, if it has a pair of stages that tells.
    adjoint : str or None
        How gradients are computed, as it was said to `solve_ode`.
    forward : callable or None
        Maps the tangents of y0, theta and times to those of `ys`.

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
        Bytes kept for `vjp`, or of the initial states for `jvp`.
    steps : Steps
        The accepted steps and what was measured of each, of a solve with ``measure=True``.
    looks_stiff : ndarray of bool, shape (batch,)
        Whether stability rather than accuracy seems to set the steps, of a solve with ``measure=True``.
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
        log: StepLog | None = None,
        stability_size: float | None = None,
        adjoint: str | None = None,
        forward: "Forward | None" = None,
    ) -> None:
        self.ts, self.ys, self.y, self.stats, self.success = ts, ys, y, stats, success
        self._single, self._reverse, self.reduced = single, reverse, reduced
        self._without_vjp, self._log, self._stability_size = without_vjp, log, stability_size
        self._adjoint, self._forward = adjoint, forward

    def __repr__(self) -> str:
        return (
            f"Solution(ys of shape {self.ys.shape} and dtype {self.ys.dtype}, success={self.success}, "
            f"nfe={int(np.max(self.stats.nfe, initial=0))})"
        )

    @property
    def nbytes_adjoint(self) -> int:
        """The bytes kept for `vjp`, or of the initial states for `jvp`."""
        if self._reverse is None:
            return 0 if self._forward is None else self._forward.nbytes
        return self._reverse.nbytes()

    @property
    def backward_stats(self) -> "BackwardStats | None":
        """The evaluations and steps of the last `vjp` with adjoint="backsolve"; before it, None."""
        stats = getattr(self._reverse, "stats", None)
        return type(stats)(*(x[0] for x in stats)) if stats is not None and self._single else stats

    @property
    def steps(self) -> Steps:
        """The accepted steps, and the error and the stiffness of each."""
        return self._measured().steps

    @property
    def looks_stiff(self) -> NDArray[np.bool_]:
        """The answer to whether steps at the limit of stability follow one another: 15 of 0.9 |h| S or more."""
        if self._stability_size is None:
            raise ValueError(
                "Solution.looks_stiff: `method` must be one with a pair of stages at one time, from which stiffness is "
                f"estimated: {', '.join(t.name for t in EXPLICIT if t.stability_pair)}."
            )
        return looks_stiff(self._measured().steps, self._stability_size)

    def _measured(self) -> StepLog:
        if self._log is None:
            raise ValueError(
                "Solution.steps: `measure` must be True or 'states' in solve_ode for its steps to be measured; got "
                "False."
            )
        return self._log

    @takes_arrays
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

    @takes_arrays
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

    @overload
    def vjp(  # numpydoc ignore=GL08
        self, ys_bar: ArrayInput | None, *, steps_bar: StepsBar | None = None,
        first_passage_bar: ArrayInput | None = None, times: Literal[False] = False,
    ) -> tuple[Floats, Floats]: ...  # fmt: skip

    @overload
    def vjp(  # numpydoc ignore=GL08
        self, ys_bar: ArrayInput | None, *, steps_bar: StepsBar | None = None,
        first_passage_bar: ArrayInput | None = None, times: Literal[True],
    ) -> Gradient: ...  # fmt: skip

    @takes_arrays
    def vjp(
        self,
        ys_bar: ArrayInput | None,
        *,
        steps_bar: StepsBar | None = None,
        first_passage_bar: ArrayInput | None = None,
        times: bool = False,
    ) -> tuple[Floats, Floats] | Gradient:
        """Return the gradients of a loss with respect to y0 and theta, and to times if wanted.

        Parameters
        ----------
        ys_bar : array, shape of `ys`, or None
            Gradient of the loss with respect to `ys`; None stands for zero. Entries that belong to outputs which a
            failed trajectory did not reach are ignored.
        steps_bar : StepsBar, optional
            Gradient with respect to the error, the stiffness and the size of each step, which `steps` holds.
        first_passage_bar : array, shape (batch,), optional
            Gradient with respect to ``reduced.first_passage``. Entries of trajectories without a passage are ignored.
        times : bool
            Whether to return those with respect to t0, t1 and `t_eval` too.

        Returns
        -------
        y0_bar : ndarray, shape of y0
            Gradient with respect to the initial states.
        theta_bar : ndarray, shape of theta
            Gradient with respect to the parameters, summed over the batch if they are shared by it.
            With `times` both are in a `Gradient`, with those of the times.

        Raises
        ------
        ValueError
            If a gradient has another shape, or the solve did not keep what its transpose needs.
        SolverError
            With ``adjoint="backsolve"``, if a trajectory fails on its way back, or finds states there that are
            off by more than their size, and `throw` was true.
            With ``adjoint="reversible"``, if a y0 that was made again is too far from what it was, and the solve
            had not ``throw=False``: the gradient is then no more accurate. The bounds, on `Stats.reconstruction`,
            are 1e-6 in float64 and 1e-3 in float32.

        Notes
        -----
        This is the discrete adjoint: the exact derivative, up to rounding, of the numbers in `ys`
        on the accepted grid of steps, which is held constant relative to the times that steps must end on. It can be
        called any number of times.
        With ``adjoint="backsolve"`` it is the continuous adjoint, solved backward to the tolerances.
        """
        return pulled_back(self, ys_bar, steps_bar, first_passage_bar, times)

    def _steps_vjp(self, steps_bar: StepsBar, *, hold_start: bool) -> tuple[Floats, Floats]:
        """Return the gradients of what depends on steps alone, the first slope constant if `hold_start`."""
        assert self._reverse is not None
        ys_bar = np.zeros_like(self.ys)
        bars = self._reverse(
            ys_bar[None] if self._single else ys_bar,
            self._measured().spread(steps_bar),
            hold_start=hold_start,
        )
        return (bars.y0[0] if self._single else bars.y0), bars.theta

    @takes_arrays
    def jvp(
        self,
        y0_dot: ArrayInput | None = None,
        theta_dot: ArrayInput | None = None,
        *,
        t0_dot: ArrayInput | None = None,
        t1_dot: ArrayInput | None = None,
        t_eval_dot: ArrayInput | None = None,
    ) -> Floats:
        """Return the derivative of `ys` along a direction of initial states, parameters and times, or along many.

        Parameters
        ----------
        y0_dot : array, shape of y0, optional
            The direction's part in the initial states. This and the others may have a leading axis
            (n_tangents, ...): then all that are given have it. What is left out is 0.
        theta_dot : array, shape of theta, optional
            Its part in the parameters.
        t0_dot, t1_dot : array, shape of t0 and t1 in `t_span`, optional
            Its parts in the initial and the final times.
        t_eval_dot : array, shape of `t_eval`, optional
            Its part in the output times.

        Returns
        -------
        ndarray, shape of `ys` or (n_tangents, ...)
            The derivatives. NaN where `ys` is.

        Raises
        ------
        TypeError
            If the field, or a part of it, has no `jvp`.
        ValueError
            If a tangent has another shape or is not finite, or the solve kept nothing (``adjoint=None``).

        Notes
        -----
        It is the derivative, up to rounding, of the numbers in `ys` on the accepted grid, which is held as it
        was relative to the times that steps end on: `vjp` is its transpose. An output that is interpolated moves along
        the interpolant; one at t0 that is not is the initial state, whatever its time. Where steps were not kept
        they are taken again.

        Examples
        --------
        >>> import numpy as np
        >>> import tapeless
        >>> field = tapeless.fields.MLP(2, [16])
        >>> y0, theta = np.ones((5, 2)), field.init(rng=0)
        >>> sol = tapeless.solve_ode(field, (0.0, 1.0), y0, theta, adjoint="forward")
        >>> sol.jvp(y0_dot=np.ones((5, 2))).shape, sol.jvp(theta_dot=np.eye(82)).shape
        ((5, 2), (82, 5, 2))
        """
        if self._forward is None:
            raise ValueError(
                f"Solution.jvp: solve_ode was called with adjoint={self._adjoint!r}, and kept nothing to push a "
                "tangent through; call it with adjoint='forward', 'store', 'every' or 'binomial', and a "
                "method that is not reversible."
            )
        return self._forward((y0_dot, theta_dot, t0_dot, t1_dot, t_eval_dot), self.ys)
