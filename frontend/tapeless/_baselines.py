"""What the regularisation of a solver is compared with: other penalties, and none."""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from tapeless._complain import complain, describe
from tapeless._regularised import Penalty, Problem, Solved
from tapeless._weights import Weight, check_positive, check_weight, value_of
from tapeless.fields import Kinetic

_RNG: TypeAlias = np.random.Generator | None


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
        check_positive("STEER", "b", self.b)

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
        check_weight("WeightDecay", "weight", self.weight)

    def prepare(self, problem: Problem, rng: _RNG) -> Problem:
        """Return the problem as it is."""
        return problem

    def penalty(self, solved: Solved, n: int, rng: _RNG) -> Penalty:
        """Return the penalty in the n-th step."""
        weight, theta = value_of(self.weight, n), solved.whole
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
        check_weight("RNODE", "kinetic", self.kinetic)
        check_weight("RNODE", "jacobian", self.jacobian)

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
        weights = np.array([value_of(self.kinetic, n), value_of(self.jacobian, n)])[:n_parts]
        energies = ends[..., dim : dim + n_parts]
        ys_bar = np.zeros_like(ys)
        last = ys_bar if ends is ys else ys_bar[..., -1, :]
        last[..., dim : dim + n_parts] = weights / max(energies[..., 0].size, 1)
        means = energies.reshape(-1, n_parts).mean(axis=0)
        return Penalty(float(weights @ means), ys_bar=ys_bar)
