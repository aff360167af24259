"""Penalties on how an equation is solved, and what they are compared with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from tapeless import _check as check
from tapeless import methods
from tapeless._complain import complain, describe
from tapeless._functionals import Functional, Kind, Reduce
from tapeless._local import LOCAL_SAMPLERS, local_penalty, with_output
from tapeless._regularised import Penalty, Problem, Solved
from tapeless._types import Integer
from tapeless.fields import Kinetic

Weight: TypeAlias = float | Callable[[int], float]
_RNG: TypeAlias = np.random.Generator | None


@dataclass(frozen=True)
class Annealed:
    """A weight that goes from one value to another exponentially, and then stays: w0 (w1 / w0)**(n / n_steps).

    Parameters
    ----------
    start, end : float
        Of the first step, and after `n_steps`; positive.
    n_steps : int
        Number of steps of the training.

    Raises
    ------
    ValueError
        If a number is not positive.

    Examples
    --------
    >>> from tapeless.regularise import Annealed
    >>> weight = Annealed(100.0, 10.0, n_steps=4)
    >>> [round(weight(n), 3) for n in (0, 2, 4, 9)]
    [100.0, 31.623, 10.0, 10.0]
    """

    start: float
    end: float
    n_steps: Integer

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            _positive("Annealed", name, getattr(self, name))
        check.positive_int("Annealed", "n_steps", self.n_steps)

    def __call__(self, n: Integer) -> float:
        """Return the weight of the step after the first `n`."""
        share = min(int(n) / int(self.n_steps), 1.0)
        return float(self.start * (self.end / self.start) ** share)


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
        _weight("Global", "weight", self.weight)

    def prepare(self, problem: Problem, rng: _RNG) -> Problem:
        """Return the problem with its steps measured."""
        _needs("Global", problem, Functional(self.of, self.reduce).needs)
        return problem.measured()

    def penalty(self, solved: Solved, n: int, rng: _RNG) -> Penalty:
        """Return the penalty in the n-th step."""
        functional, steps = Functional(self.of, self.reduce), solved.sol.steps
        weight, values = _value(self.weight, n), functional.value(steps)
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
        _weight("Local", "weight", self.weight)
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
        return local_penalty(self, solved, _value(self.weight, n), rng)


@dataclass(frozen=True)
class STEER:
    """Stochastic end times: t1 is drawn anew for each batch from ``[t1 - b, t1 + b]``.

    With output times each of them, but those at t0, is drawn from its surroundings instead: as far as `b`, and no
    farther than half the way to the one before.

    Parameters
    ----------
    b : float
        Positive, and less than the length of the span.

    Raises
    ------
    ValueError
        If `b` is not positive, or too long for the span.

    References
    ----------
    .. [1] Ghosh, Behl, Dupont, Torr and Namboodiri, STEER: simple temporal regularization for neural ODEs,
       NeurIPS (2020), eq. (4).
    """

    b: float = 0.5
    draws, last = True, False

    def __post_init__(self) -> None:
        _positive("STEER", "b", self.b)

    def prepare(self, problem: Problem, rng: _RNG) -> Problem:
        """Return the problem with other times."""
        assert rng is not None
        (t0, t1), times = problem.t_span, problem.options.get("t_eval")
        t0, t1 = np.asarray(t0, np.float64), np.asarray(t1, np.float64)
        if not (self.b < np.abs(t1 - t0)).all():
            wanted = f"less than the length of the span, {np.min(np.abs(t1 - t0)):g}"
            raise complain(ValueError, "STEER", "b", wanted, describe(self.b))
        if times is None:
            return replace(problem, t_span=(t0, t1 + rng.uniform(-self.b, self.b)))
        times = np.asarray(times, np.float64)
        gaps = np.diff(times, axis=-1, prepend=np.broadcast_to(t0, times.shape[:-1])[..., None])
        room = np.minimum(np.abs(gaps) / 2, self.b)
        drawn = times + room * rng.uniform(-1, 1, times.shape)
        last = drawn[..., -1]
        ends = np.where(np.abs(last - t0) > np.abs(t1 - t0), last, t1)
        return replace(problem, t_span=(t0, ends)).with_options(t_eval=drawn)

    def penalty(self, solved: Solved, n: int, rng: _RNG) -> Penalty:
        """Return no penalty."""
        return Penalty(0.0)


@dataclass(frozen=True)
class WeightDecay:
    """Half the squared length of all parameters, times a weight; `tapeless.optim.AdamW` decays them otherwise.

    Parameters
    ----------
    weight : float or callable
        Of the penalty: a number, or a function of the number of steps taken.

    Raises
    ------
    ValueError
        If the weight is negative.
    """

    weight: Weight = 1e-4
    draws, last = False, False

    def __post_init__(self) -> None:
        _weight("WeightDecay", "weight", self.weight)

    def prepare(self, problem: Problem, rng: _RNG) -> Problem:
        """Return the problem as it is."""
        return problem

    def penalty(self, solved: Solved, n: int, rng: _RNG) -> Penalty:
        """Return the penalty in the n-th step."""
        weight, theta = _value(self.weight, n), solved.whole
        return Penalty(weight / 2 * float(np.vdot(theta, theta)), whole_bar=weight * theta)


@dataclass(frozen=True)
class RNODE:
    """Kinetic energy and the size of the Jacobian, integrated along each trajectory.

    The field becomes a `tapeless.fields.Kinetic`, tolerances are multiplied by its `tolerance_scale`, and the
    penalty is the mean over trajectories of ``kinetic * E(|f|**2) + jacobian * E(|eps^T df/dz|**2)``, integrals over
    time with signs eps that are drawn for each trajectory.

    Parameters
    ----------
    kinetic, jacobian : float or callable
        Weights of both parts: numbers, or functions of the number of steps taken. With ``jacobian=0`` that part is
        not integrated.

    Raises
    ------
    ValueError
        If a weight is negative.

    References
    ----------
    .. [1] Finlay, Jacobsen, Nurbekyan and Oberman, How to train your neural ODE: the world of Jacobian and kinetic
       regularization, ICML (2020), eq. (8).
    """

    kinetic: Weight = 0.01
    jacobian: Weight = 0.01
    draws, last = True, False

    def __post_init__(self) -> None:
        _weight("RNODE", "kinetic", self.kinetic)
        _weight("RNODE", "jacobian", self.jacobian)

    def prepare(self, problem: Problem, rng: _RNG) -> Problem:
        """Return the problem with the augmented field."""
        assert rng is not None
        field, options = Kinetic(problem.field, self.jacobian != 0), problem.options
        scaled = {
            name: np.asarray(options.get(name, default)) * field.tolerance_scale
            for name, default in (("rtol", 1e-3), ("atol", 1e-6))
        }
        y0 = field.initial(problem.y0, rng=rng)
        places = {**problem.places, id(self): problem.field.dim}
        return replace(problem, field=field, y0=y0, places=places).with_options(**scaled)

    def penalty(self, solved: Solved, n: int, rng: _RNG) -> Penalty:
        """Return the penalty in the n-th step."""
        dim, n_parts = solved.problem.places[id(self)], 1 + (self.jacobian != 0)
        ys = solved.sol.ys
        ends = ys if solved.problem.final and solved.problem.outputs is None else ys[..., -1, :]
        weights = np.array([_value(self.kinetic, n), _value(self.jacobian, n)])[:n_parts]
        energies = ends[..., dim : dim + n_parts]
        ys_bar = np.zeros_like(ys)
        last = ys_bar if ends is ys else ys_bar[..., -1, :]
        last[..., dim : dim + n_parts] = weights / max(energies[..., 0].size, 1)
        means = energies.reshape(-1, n_parts).mean(axis=0)
        return Penalty(float(weights @ means), ys_bar=ys_bar)


REGULARISERS = (Global, Local, STEER, WeightDecay, RNODE)


def _positive(name: str, argument: str, x: object) -> None:
    if isinstance(x, bool) or not isinstance(x, (int, float, np.number)) or not 0 < x < np.inf:
        raise complain(ValueError, name, argument, "a positive number", describe(x))


def _weight(name: str, argument: str, x: object) -> None:
    number = isinstance(x, (int, float, np.number)) and not isinstance(x, bool)
    if not callable(x) and not (number and 0 <= x < np.inf):  # type: ignore[operator]
        wanted = "a number of at least 0, or a function of the number of steps"
        raise complain(ValueError, name, argument, wanted, describe(x))


def _needs(caller: str, problem: Problem, what: str) -> None:
    """Complain of a method that has no such estimate."""
    method = methods.find(caller, problem.options.get("method", "tsit5"))
    if getattr(method, what) is None:
        have = ", ".join(t.name for t in methods.EXPLICIT if getattr(t, what) is not None)
        estimate = "an error estimate" if what == "error" else "a pair of stages at one time"
        wanted = f"a method with {estimate}: {have}"
        raise complain(ValueError, caller, "method", wanted, repr(method.name))


def _value(weight: Weight, n: int) -> float:
    return float(weight(n)) if callable(weight) else float(weight)
