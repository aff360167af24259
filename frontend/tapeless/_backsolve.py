"""How a continuous adjoint is asked for: its options, the states that are kept for it, and what it reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tapeless import _check as check
from tapeless import methods
from tapeless._arguments import SOLVE, T0, T1, as_kernel_array
from tapeless._complain import complain, describe
from tapeless._types import Integer
from tapeless_kernels.tableaus.butcher import ButcherTableau

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Backsolve:
    """How ``solve_ode(..., adjoint="backsolve")`` solves backward for the gradient.

    Parameters
    ----------
    seminorm : bool
        Whether the parameters' part of the gradient is left out of the error norm, which is the root mean square
        over the entries of y and of its cotangent a then. It is an integral on which no step depends, and costs
        no steps. If false, each trajectory's integral, of `n_params` entries, counts like further entries of its state.
    at_outputs : bool
        Whether the state is set to the one in `ys` at each output that the solve backward reaches.
    resets : int
        So many more states, at evenly spaced times, are kept and gone back to. Steps of the solve forward end
        on them, unless outputs are interpolated.
    rtol, atol : float, optional
        Tolerances of the solve backward; by default those of `solve_ode`. Cotangents are measured in the largest
        entry of the gradient that comes in, rounded up to a power of two.
    method : str or ButcherTableau, optional
        Its method; by default that of `solve_ode`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> field = tapeless.fields.MLP(2, [16])
    >>> theta, y0 = field.init(rng=0), np.ones((5, 2))
    >>> how = tapeless.Backsolve(resets=3, rtol=1e-6)
    >>> sol = tapeless.solve_ode(
    ...     field, (0.0, 1.0), y0, theta, adjoint="backsolve", backsolve=how
    ... )
    >>> y0_bar, theta_bar = sol.vjp(2 * sol.ys)
    >>> bool(sol.backward_stats.accepted.min() >= 4)
    True
    """

    seminorm: bool = True
    at_outputs: bool = True
    resets: Integer = 0
    rtol: float | None = None
    atol: float | None = None
    method: str | ButcherTableau | None = None

    def __post_init__(self) -> None:
        caller = "Backsolve"
        for name in ("seminorm", "at_outputs"):
            value = getattr(self, name)
            if not isinstance(value, (bool, np.bool_)):
                raise complain(TypeError, caller, name, "True or False", describe(value))
        if isinstance(self.resets, bool) or self.resets != 0:
            check.positive_int(caller, "resets", self.resets)
        for name in ("rtol", "atol"):
            value = getattr(self, name)
            if value is not None:
                number = check.as_real(caller, name, value)
                if number.ndim or not 0 <= number < np.inf:
                    wanted = "finite and not negative"
                    raise complain(ValueError, caller, name, wanted, describe(value))
        if self.method is not None:
            methods.find(caller, self.method)


class BackwardStats(NamedTuple):
    """What happened to each trajectory on its way back: arrays of shape (batch,).

    Attributes
    ----------
    nfe : ndarray of int64
        Evaluations of the field, each with one of its transpose.
    accepted, rejected : ndarray of int64
        Steps that were taken, and steps that were tried and made shorter.
    status : ndarray of uint8
        A code of `tapeless_kernels.status`: 1 is success.
    t : ndarray of float64
        The time reached.
    drift : ndarray of float64
        How far the states found on the way back were from those kept, at worst: the root mean square over the
        state's entries of ``difference / (atol + rtol * |y|)``.
    """

    nfe: NDArray[np.int64]
    accepted: NDArray[np.int64]
    rejected: NDArray[np.int64]
    status: NDArray[np.uint8]
    t: NDArray[np.float64]
    drift: NDArray[np.float64]


class Arrangement(NamedTuple):
    """The output times of a solve that keeps states to go back to, and what goes with them."""

    options: Backsolve
    times: NDArray[np.float64]  # (n_times + resets, batch or 1), sorted
    wanted: NDArray[np.intp]  # (n_times, batch or 1): the places of the outputs that were asked for
    resets: NDArray[np.bool_]  # (n_times + resets, batch or 1): the state is reset there
    shared: bool  # the batch shares its output times


def arrange(
    field: Any, options: Backsolve | None, numbers: Floats, times: Floats, adaptive: bool,
    others: Mapping[str, object],
) -> Arrangement:  # fmt: skip
    """Return what a solve with a continuous adjoint keeps; complain of what does not go together."""
    options = Backsolve() if options is None else options
    if not isinstance(options, Backsolve):
        wanted = "a tapeless.Backsolve, say Backsolve(resets=4)"
        raise complain(TypeError, SOLVE, "backsolve", wanted, describe(options))
    if field.without_vjp:
        missing = ", ".join(map(str, field.without_vjp))
        wanted = f"None for a field that has no `vjp` in {missing}"
        advice = 'Give tapeless.field a `vjp`, say "symbolic".'
        raise complain(ValueError, SOLVE, "adjoint", wanted, "'backsolve'", advice)
    for name, value in others.items():
        if value not in (None, False):
            wanted = "left out with adjoint='backsolve'"
            advice = "It goes with 'store', 'every', 'binomial' and None."
            raise complain(ValueError, SOLVE, name, wanted, describe(value), advice)
    if adaptive and options.method is not None:
        tableau = methods.find(SOLVE, options.method)
        if tableau.error is None:
            wanted = "a Backsolve whose method has an error estimate, unless `n_steps` is given"
            raise complain(ValueError, SOLVE, "backsolve", wanted, f"one with {tableau.name!r}")
    n, extra = len(times), int(options.resets)
    t0, t1 = numbers[T0], numbers[T1]
    columns = max(times.shape[1], numbers.shape[1]) if extra else times.shape[1]
    shares = np.arange(1, extra + 1)[:, None] / (extra + 1)
    every = np.empty((n + extra, columns))
    every[:n] = times
    every[n:] = t0 + (t1 - t0) * shares
    order = np.argsort(np.where(t1 < t0, -every, every), axis=0, kind="stable")
    resets = np.take_along_axis(
        np.repeat(np.arange(n + extra)[:, None] >= n, columns, axis=1), order, axis=0
    )
    places = np.argsort(order, axis=0, kind="stable")[:n]
    kept = as_kernel_array(np.take_along_axis(every, order, axis=0))
    return Arrangement(options, kept, places, resets | options.at_outputs, times.shape[1] == 1)
