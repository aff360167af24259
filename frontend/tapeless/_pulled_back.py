"""The cotangents that `Solution.vjp` is given, looked at and taken back to y0, theta and times."""

from typing import TYPE_CHECKING

import numpy as np

from tapeless._check import as_state
from tapeless._complain import check_reconstruction, complain, describe
from tapeless._gradient import Gradient, gradient_of
from tapeless._stats import Floats
from tapeless._steps import StepsBar
from tapeless._types import ArrayInput
from tapeless.errors import SolverError

if TYPE_CHECKING:  # they import this module
    from tapeless._backward import Backward
    from tapeless._solution import Solution
    from tapeless._solve import Reverse


def pulled_back(
    sol: "Solution",
    ys_bar: ArrayInput | None,
    steps_bar: StepsBar | None,
    first_passage_bar: ArrayInput | None,
    times: bool,
) -> tuple[Floats, Floats] | Gradient:
    """Return what `Solution.vjp` does."""
    reverse = _reverse_of(sol)
    if ys_bar is None:
        ys_bar = np.zeros_like(sol.ys)
    ys_bar = as_state("Solution.vjp", "ys_bar", ys_bar).astype(sol.ys.dtype, copy=False)
    if ys_bar.shape != sol.ys.shape:
        wanted = f"of the shape of `ys`, {sol.ys.shape}"
        raise complain(ValueError, "Solution.vjp", "ys_bar", wanted, describe(ys_bar))
    spread = None
    if steps_bar is not None:
        spread = sol._measured().spread(steps_bar)
        if not reverse.keeps_slopes:
            raise ValueError(
                "Solution.vjp: `steps_bar` must be left out after a solve by a reversible method or with "
                "adjoint='backsolve', which measures steps and keeps none of their slopes; it goes with adjoint="
                "'store', 'every' and 'binomial' of other methods."
            )
    passage_bar = None
    if first_passage_bar is not None:
        passage_bar = _passage_bar(sol, first_passage_bar)
    if times and not reverse.time_gradients:
        raise ValueError(
            "Solution.vjp: `times` needs slopes that were not kept; call solve_ode with time_gradients=True."
        )
    try:
        bars = reverse(ys_bar[None] if sol._single else ys_bar, spread, passage_bar, times)
    except SolverError as error:  # on the way back
        error.solution = sol
        raise
    errors = reverse.reconstruction()
    if errors is not None:
        sol.stats = check_reconstruction(sol, errors, reverse.throw, sol._single)
    if times:
        return gradient_of(bars, reverse.shared, sol._single, reverse.final)
    return (bars.y0[0] if sol._single else bars.y0), bars.theta


def _reverse_of(sol: "Solution") -> "Reverse | Backward":
    """Return the transpose of a solve, or say why there is none."""
    if sol._reverse is not None:
        return sol._reverse
    if sol._adjoint == "forward":
        raise ValueError(
            "Solution.vjp: `adjoint` must be 'store', 'every', 'binomial', 'reversible' or 'backsolve' in "
            "solve_ode; got 'forward', which has `jvp` alone."
        )
    if sol._without_vjp:
        raise ValueError(
            f"Solution.vjp: the field has no `vjp` in {', '.join(map(str, sol._without_vjp))}, and "
            'solve_ode kept nothing to differentiate; give tapeless.field a `vjp`, say "symbolic".'
        )
    raise ValueError(
        "Solution.vjp: solve_ode was called with adjoint=None, and kept nothing to differentiate; call "
        "it with adjoint='store'."
    )


def _passage_bar(sol: "Solution", given: ArrayInput) -> Floats:
    """Return the cotangent of the first passages, 0 where there is none."""
    passage = sol.reduced.first_passage
    if passage is None:
        raise ValueError(
            "Solution.vjp: `first_passage_bar` must be left out, unless solve_ode is called with first_passage."
        )
    bar = as_state("Solution.vjp", "first_passage_bar", given)
    if bar.shape != np.shape(passage):
        wanted = f"of shape {np.shape(passage)}"
        raise complain(ValueError, "Solution.vjp", "first_passage_bar", wanted, describe(bar))
    bar = np.atleast_1d(np.where(np.isnan(passage), 0.0, bar))
    if not np.isfinite(bar).all():
        raise complain(
            ValueError, "Solution.vjp", "first_passage_bar", "finite", "NaN or inf in it"
        )
    return bar
