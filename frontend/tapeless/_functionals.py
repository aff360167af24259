"""Functionals of what a solve measured of its steps, and their transposes."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from tapeless._check import one_of
from tapeless._complain import complain, describe
from tapeless._interchange import takes_arrays
from tapeless._steps import Floats, Steps, StepsBar
from tapeless_kernels.tableaus.explicit import EXPLICIT

Kind = Literal["error", "error_squared", "stiffness"]
Reduce = Literal["sum", "mean", "max"]


class _Kind(NamedTuple):
    """A number of each step, |h|**size estimate**power, and what it is named."""

    name: str
    estimate: str  # a field of Steps
    power: int
    sized: bool  # times |h|
    needs: str  # what a tableau must have


# To add a kind, add a line.
FUNCTIONALS = (
    _Kind("error", "error", 1, True, "error"),
    _Kind("error_squared", "error", 2, False, "error"),
    _Kind("stiffness", "stiffness", 1, True, "stability_pair"),
)
KINDS = tuple(kind.name for kind in FUNCTIONALS)
REDUCTIONS = ("sum", "mean", "max")


@dataclass(frozen=True)
class Functional:
    """A number made of the errors or the stiffnesses of a trajectory's accepted steps.

    Each step j gives ``|h_j| E_j`` (``"error"``), ``E_j**2`` (``"error_squared"``) or ``|h_j| S_j``
    (``"stiffness"``).

    Parameters
    ----------
    of : "error", "error_squared" or "stiffness"
        What a step gives.
    reduce : "sum", "mean" or "max"
        What is taken of all steps. A trajectory without steps has 0.

    Raises
    ------
    ValueError
        If there is no such functional.

    References
    ----------
    .. [1] Pal, Ma, Shah and Rackauckas, Opening the blackbox: accelerating neural differential equations by
       regularizing internal solver heuristics, ICML (2021), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> field = tapeless.fields.MLP(2, [16])
    >>> sol = tapeless.solve_ode(field, (0.0, 1.0), np.ones((5, 2)), field.init(rng=0), measure=True)
    >>> error = tapeless.regularise.Functional("error")
    >>> error.value(sol.steps).shape
    (5,)
    >>> y0_bar, theta_bar = sol.vjp(None, steps_bar=error.vjp(sol.steps, np.ones(5)))
    >>> theta_bar.shape
    (82,)
    """

    of: Kind = "error"
    reduce: Reduce = "sum"

    def __post_init__(self) -> None:
        one_of("Functional", "of", self.of, KINDS)
        one_of("Functional", "reduce", self.reduce, REDUCTIONS)

    @property
    def _kind(self) -> _Kind:
        return next(kind for kind in FUNCTIONALS if kind.name == self.of)

    @property
    def needs(self) -> str:
        """What a tableau must have, by the name of its attribute."""
        return self._kind.needs

    def _parts(self, steps: Steps) -> tuple[Any, ...]:
        """Return sizes and estimates without NaN, what each step gives, where steps are, and their number."""
        there, estimate = ~np.isnan(steps.h), getattr(steps, self._kind.estimate)
        if estimate is None:
            have = ", ".join(t.name for t in EXPLICIT if getattr(t, self._kind.needs) is not None)
            wanted = f"what the method of the solve estimates; methods that have the {self._kind.estimate} are {have}"
            raise complain(ValueError, "Functional", "of", wanted, repr(self.of))
        h = np.where(there, np.abs(steps.h), 0.0)
        x = np.where(there, estimate, 0.0)
        given = x**self._kind.power * (h if self._kind.sized else 1.0)
        return h, x, given, there, np.maximum(there.sum(axis=-1), 1)

    @takes_arrays
    def value(self, steps: Steps) -> Floats:
        """Return the functional of each trajectory.

        Parameters
        ----------
        steps : Steps
            Of a solution.

        Returns
        -------
        ndarray of float64, shape (batch,)
            The values; a scalar for a single trajectory and for a coupled solve.
        """
        _, _, given, _, n = self._parts(steps)
        if self.reduce == "max":
            return given.max(axis=-1, initial=0.0)
        total = given.sum(axis=-1)
        return total / n if self.reduce == "mean" else total

    @takes_arrays
    def vjp(self, steps: Steps, bar: Any) -> StepsBar:
        """Return the gradient with respect to the steps, of a loss with this one with respect to the values.

        Parameters
        ----------
        steps : Steps
            Of a solution.
        bar : array, shape of `value`
            Gradient of the loss with respect to the values.

        Returns
        -------
        StepsBar
            For `Solution.vjp`. At the maximum it is that of the first step which has it.

        Raises
        ------
        ValueError
            If `bar` has another shape.
        """
        h, x, given, there, n = self._parts(steps)
        bar = np.asarray(bar, np.float64)
        if bar.shape != given.shape[:-1]:
            wanted = f"of the shape of the values, {given.shape[:-1]}"
            raise complain(ValueError, "Functional.vjp", "bar", wanted, describe(bar))
        weights = np.broadcast_to(
            (bar / n if self.reduce == "mean" else bar)[..., None], given.shape
        )
        if self.reduce == "max" and given.shape[-1]:
            largest = np.argmax(given, axis=-1)[..., None]
            weights = np.where(np.arange(given.shape[-1]) == largest, weights, 0.0)
        kind = self._kind
        slope = kind.power * x ** (kind.power - 1) * (h if kind.sized else 1.0)
        by_size = np.where(there, np.sign(steps.h) * x**kind.power, 0.0) if kind.sized else 0.0 * h
        bars = {kind.estimate: np.where(there, weights * slope, 0.0), "h": weights * by_size}
        return StepsBar(**bars)
