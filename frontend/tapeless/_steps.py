"""What a solve measured of its accepted steps: by trajectory for the user, by iteration for the reverse pass."""

from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tapeless._complain import complain, describe

Floats: TypeAlias = NDArray[np.floating]

NEAR, LASTING, CALM = (
    0.9,
    15,
    6,
)  # Hairer's counts; he asks for 0.98 of the stability size with DOPRI5


class Steps(NamedTuple):
    """The accepted steps of a solve, and what the method said of each.

    Arrays have the shape (batch, n), n being the most steps that a trajectory took; behind the last of a trajectory
    there is NaN, and 0 in `rejected`. Without the batch axis for a single trajectory, and for a coupled solve,
    whose trajectories share their steps.

    Attributes
    ----------
    t, h : ndarray of float64
        Where the step begins, and its size, negative backward in time.
    error : ndarray
        E, the root mean square of the embedded error over its scale, by which the step was accepted; DOP853's
        combination of two errors for that method. None for a method without an estimate.
    stiffness : ndarray
        S = |k_x - k_y| / |z_x - z_y| of the method's pair of stages at one time, an estimate of the size of the
        Jacobian along the solution; 0 where z_x - z_y is below 100 units of rounding of y. None for a method
        without such a pair.
    rejected : ndarray of int64
        Steps that were tried in vain before this one.
    y : ndarray, shape (batch, n, dim), or None
        The states in which the steps begin, with ``measure="states"``; those of a coupled solve too have the batch
        axis.
    n_rounding : ndarray of int64, shape (batch,)
        The number of steps whose stiffness is 0 because rounding was all that there was.
    """

    t: NDArray[np.float64]
    h: NDArray[np.float64]
    error: Floats | None
    stiffness: Floats | None
    rejected: NDArray[np.int64]
    y: Floats | None = None

    @property
    def n_rounding(self) -> NDArray[np.int64]:
        """The number of steps of each trajectory whose stiffness is 0, rounding being all that there was."""
        if self.stiffness is None:
            return np.zeros(self.h.shape[:-1], np.int64)
        return np.count_nonzero(self.stiffness == 0, axis=-1)


class StepsBar(NamedTuple):
    """The gradient of a loss with respect to what `Steps` holds; None stands for zero.

    Attributes
    ----------
    error, stiffness, h : ndarray, shape of `Steps.h`, optional
        Gradients; what stands behind a trajectory's last step is not read.
    y : ndarray, shape of `Steps.y`, optional
        That with respect to the states in which the steps begin.
    """

    error: Floats | None = None
    stiffness: Floats | None = None
    h: Floats | None = None
    y: Floats | None = None


class StepLog:
    """The logs of all chunks of a solve."""

    def __init__(
        self, logs: list[tuple[NDArray[Any], ...]], parts: list[slice], plan: Any, batch: int, single: bool
    ) -> None:  # fmt: skip
        self._logs, self._parts, self._plan, self._batch = logs, parts, plan, batch
        self.coupled, self._single = bool(plan.control.coupled), single
        self._flat = single or self.coupled

    @cached_property
    def steps(self) -> Steps:
        """What was measured, by trajectory."""
        n = max((int(rank.max(initial=-1)) + 1 for *_, rank in self._all_places), default=0)
        shape, dtype = (1 if self.coupled else self._batch, n), self._plan.dtype
        t, h = np.full(shape, np.nan), np.full(shape, np.nan)
        error, stiffness = np.full(shape, np.nan, dtype), np.full(shape, np.nan, dtype)
        tried, states = np.zeros(shape, np.int64), None
        for log, (i, tile, lane, who, rank) in zip(self._logs, self._places, strict=True):
            times, estimates, counts, _ = log
            where = (who, rank)
            t[where], h[where] = times[i, tile, 0, lane], times[i, tile, 1, lane]
            error[where], stiffness[where] = (estimates[i, tile, e, lane] for e in (0, 1))
            tried[where] = counts[i, tile, 1, lane]
        if self._plan.control.states:
            states = np.full((self._batch, n, self._plan.program.dim), np.nan, dtype)
            for (*_, y), (i, tile, lane, who, rank) in zip(
                self._logs, self._all_places, strict=True
            ):
                states[who, rank] = y[i, tile, 0, :, lane]
            states = states[0] if self._single else states
        rejected = np.diff(tried, axis=1, prepend=0)
        rejected[np.isnan(h)] = 0
        found = t, h, error, stiffness, rejected
        t, h, error, stiffness, rejected = (
            (x[0] for x in found) if self._flat and shape[0] else found
        )
        method = self._plan.method
        return Steps(
            t,
            h,
            error if method.n_errors else None,
            stiffness if method.pair.any() else None,
            rejected,
            states,
        )

    def spread(self, bars: StepsBar) -> list[tuple[NDArray[Any], NDArray[Any] | None]]:
        """Return the cotangents of estimates and of states by iteration, of each chunk."""
        if not isinstance(bars, StepsBar):
            wanted = "a tapeless.StepsBar, say StepsBar(error=...)"
            raise complain(TypeError, "Solution.vjp", "steps_bar", wanted, describe(bars))
        steps = self.steps
        rows = [
            _checked(name, bar, steps.h, np.isnan(steps.h)).reshape(-1, steps.h.shape[-1])
            for name, bar in zip(StepsBar._fields[:3], bars[:3], strict=True)
        ]
        states = None
        if bars.y is not None:
            if steps.y is None:
                wanted = 'without `y`, unless solve_ode is called with measure="states"'
                raise complain(ValueError, "Solution.vjp", "steps_bar", wanted, describe(bars.y))
            states = _checked("y", bars.y, steps.y, np.isnan(steps.y))
            states = states[None] if self._single else states
        spread = []
        for (times, *_), (i, tile, lane, who, rank) in zip(
            self._logs, self._all_places, strict=True
        ):
            (n, tiles, _, lanes), dtype = times.shape, self._plan.dtype
            out, of_states = np.zeros((n, tiles, 3, lanes), dtype), None
            for e, row in enumerate(rows):
                out[i, tile, e, lane] = row[0 if self.coupled else who, rank]
            if states is not None:
                of_states = np.zeros((n, tiles, self._plan.program.dim, lanes), dtype)
                of_states[i, tile, :, lane] = states[who, rank]
            spread.append((out, of_states))
        return spread

    @cached_property
    def _all_places(self) -> list[tuple[NDArray[np.int64], ...]]:
        """Iteration, tile, lane, trajectory and its step, of each chunk."""
        found = []
        for (_, _, counts, _), part in zip(self._logs, self._parts, strict=True):
            who = counts[:, :, 0]
            at = np.nonzero(who >= 0)
            mine = who[at]
            order = np.argsort(mine, kind="stable")
            at, mine = tuple(x[order] for x in at), mine[order]
            begins = np.flatnonzero(np.diff(mine, prepend=-1))
            rank = np.arange(len(mine)) - np.repeat(begins, np.diff(begins, append=len(mine)))
            found.append((*at, mine + part.start, rank))
        return found

    @property
    def _places(self) -> list[tuple[NDArray[np.int64], ...]]:
        """As `_all_places`; of a coupled solve, the first trajectory alone."""
        if not self.coupled:
            return self._all_places
        return [tuple(x[place[3] == 0] for x in place) for place in self._all_places]


def _checked(name: str, bar: Any, like: Floats, absent: NDArray[np.bool_]) -> Floats:
    """Return a cotangent with 0 where there is no step."""
    if bar is None:
        return np.zeros(like.shape)
    bar = np.asarray(bar)
    if bar.shape != like.shape:
        wanted = f"with `{name}` of the shape of `Solution.steps`, {like.shape}"
        raise complain(ValueError, "Solution.vjp", "steps_bar", wanted, describe(bar))
    bar = np.where(absent, 0.0, bar)
    if not np.isfinite(bar).all():
        wanted = f"with `{name}` finite"
        raise complain(ValueError, "Solution.vjp", "steps_bar", wanted, "NaN or inf in it")
    return bar


def looks_stiff(steps: Steps, stability_size: float) -> NDArray[np.bool_]:
    """Return whether stability rather than accuracy seems to set the steps of each trajectory."""
    assert steps.stiffness is not None
    near = np.abs(steps.h) * steps.stiffness > NEAR * stability_size
    count, calm = np.zeros(near.shape[:-1], int), np.zeros(near.shape[:-1], int)
    found = np.zeros(near.shape[:-1], bool)
    for j in range(near.shape[-1]):
        at_limit = near[..., j]
        calm = np.where(at_limit, 0, calm + 1)
        count = np.where(calm >= CALM, 0, count + at_limit)
        found |= count >= LASTING
    return found
