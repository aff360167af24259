"""Penalties by a solver's own estimates: of all steps, or of one."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from tapeless import _check as check
from tapeless import methods
from tapeless._complain import complain, describe
from tapeless._functionals import Functional, Kind, Reduce
from tapeless._local import LOCAL_SAMPLERS, local_penalty, with_output
from tapeless._regularised import Penalty, Problem, Solved
from tapeless._weights import Weight, check_weight, value_of

_RNG: TypeAlias = np.random.Generator | None


@dataclass(frozen=True)
class Global:
    """Global regularisation (R3): a functional of all accepted steps, in the mean over trajectories.

    Its gradient is the discrete adjoint of the solver's own error and stiffness estimates, with step sizes held
    constant.

    Parameters
    ----------
    of : "error", "error_squared" or "stiffness"
        What a step gives: ``|h| E``, ``E**2`` or ``|h| S``.
    weight : float or callable
        Of the penalty: a number, or a function of the number of steps taken, as `Annealed`.
    reduce : "sum", "mean" or "max"
        What is taken of all steps of a trajectory.

    Raises
    ------
    ValueError
        If there is no such functional, or the weight is negative.

    References
    ----------
    .. [1] Pal, Ma, Shah and Rackauckas, Opening the blackbox: accelerating neural differential equations by
       regularizing internal solver heuristics, ICML (2021), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> field = tapeless.fields.MLP(1, [8])
    >>> y0 = np.linspace(-1, 1, 32)[:, None]
    >>> objective = tapeless.Objective(field, (0.0, 1.0), tapeless.losses.mse, rtol=1e-6, atol=1e-6)
    >>> fit = tapeless.fit(
    ...     objective, field.init(rng=0), (y0, np.sin(y0)), epochs=20,
    ...     regularise=tapeless.regularise.Global("error", weight=10.0),
    ... )
    >>> len(fit.history.penalty)
    20
    """

    of: Kind = "error"
    weight: Weight = 1.0
    reduce: Reduce = "sum"
    draws, last = False, False

    def __post_init__(self) -> None:
        Functional(self.of, self.reduce)
        check_weight("Global", "weight", self.weight)

    def prepare(self, problem: Problem, rng: _RNG) -> Problem:
        """Return the problem with its steps measured."""
        _needs("Global", problem, Functional(self.of, self.reduce).needs)
        return problem.measured()

    def penalty(self, solved: Solved, n: int, rng: _RNG) -> Penalty:
        """Return the penalty in the n-th step."""
        functional, steps = Functional(self.of, self.reduce), solved.sol.steps
        weight, values = value_of(self.weight, n), functional.value(steps)
        bar = np.full(np.shape(values), weight / max(np.size(values), 1))
        return Penalty(weight * float(np.mean(values)), steps_bar=functional.vjp(steps, bar))


@dataclass(frozen=True)
class Local:
    """Local regularisation (R8): the error of one step, times its size, at a time that is drawn for each batch.

    Parameters
    ----------
    weight : float or callable
        Of the penalty: a number, or a function of the number of steps taken, as `Annealed`.
    sampler : "unbiased", "biased" or "exact"
        Where the step is taken: at a time drawn uniformly from the span; at the start of an accepted step, each as
        likely as the others; or an accepted step is drawn with the probability |h_j| / T, T being the length of the
        span, and the penalty is T E_j, whose expectation is the sum of |h_j| E_j.
    h_reg : "initial" or "accepted"
        The size of the step: that of Hairer's automatic first step, or that of the accepted step in which it begins.
        "exact" asks for "accepted", which is the default there.
    through_state : bool
        Whether the gradient goes on through the state in which the step begins. If not, as published, the state
        is held constant.
    hold_slope : bool
        Whether the step's first slope is held constant too, as in the authors' code; not with `through_state`. The
        error then has a gradient where it is constant, and trainings have led to more evaluations, not fewer.

    Raises
    ------
    ValueError
        If there is no such sampler, or "exact" is to take the initial step.

    References
    ----------
    .. [1] Pal, Edelman and Rackauckas, Locally regularized neural differential equations: some black boxes were
       meant to remain closed!, ICML (2023), section 3.
    """

    weight: Weight = 1.0
    sampler: Literal["unbiased", "biased", "exact"] = "unbiased"
    h_reg: Literal["initial", "accepted"] | None = None
    through_state: bool = False
    hold_slope: bool = False
    draws, last = True, True

    def __post_init__(self) -> None:
        check_weight("Local", "weight", self.weight)
        check.one_of("Local", "sampler", self.sampler, LOCAL_SAMPLERS)
        if self.h_reg is None:
            size = "accepted" if self.sampler == "exact" else "initial"
            object.__setattr__(self, "h_reg", size)
        check.one_of("Local", "h_reg", self.h_reg, ("initial", "accepted"))
        if self.hold_slope and self.through_state:
            raise complain(
                ValueError, "Local", "hold_slope", "false with through_state=True", "True"
            )
        if self.sampler == "exact" and self.h_reg != "accepted":
            wanted = "'accepted' with sampler='exact', which draws accepted steps"
            raise complain(ValueError, "Local", "h_reg", wanted, describe(self.h_reg))

    def prepare(self, problem: Problem, rng: _RNG) -> Problem:
        """Return the problem with what the sampler needs: an output at the time that it draws, or measured steps."""
        _needs("Local", problem, "error")
        if self.sampler == "unbiased":
            assert rng is not None
            problem = with_output(problem, id(self), float(rng.uniform()))
            return problem.measured() if self.h_reg == "accepted" else problem
        fresh = self.h_reg == "initial" or not self.through_state
        return problem.measured("states" if fresh else True)

    def penalty(self, solved: Solved, n: int, rng: _RNG) -> Penalty:
        """Return the penalty in the n-th step."""
        assert rng is not None
        return local_penalty(self, solved, value_of(self.weight, n), rng)


def _needs(caller: str, problem: Problem, what: str) -> None:
    """Complain of a method that has no such estimate."""
    method = methods.find(caller, problem.method)
    if getattr(getattr(method, "base", method), what, None) is None:
        have = ", ".join(t.name for t in methods.EXPLICIT if getattr(t, what) is not None)
        estimate = "an error estimate" if what == "error" else "a pair of stages at one time"
        wanted = f"a method with {estimate}: {have}"
        raise complain(ValueError, caller, "method", wanted, repr(method.name))
