"""The arguments of `solve_sde`, checked and brought into the form that a solve takes."""

import functools
import itertools
from typing import Any

import numpy as np

from tapeless import _arguments as arguments
from tapeless import _check as check
from tapeless import _sde_methods as sde_methods
from tapeless import methods
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._joint_field import JointField
from tapeless._memory import check_kept
from tapeless._sde_grid import SOLVE
from tapeless._sde_solve import Adaptive, Memory, SdeSolve
from tapeless_kernels.launch.sde_plan import SdePlan
from tapeless_kernels.status import INTERRUPTED, SUCCESS
from tapeless_kernels.tableaus.stochastic import ITO, STOCHASTIC, STRATONOVICH, StochasticMethod

LARGEST_RECORD = 1 << 30  # bytes that "store" keeps at most
ADJOINTS = ("store", "every", "binomial", "reversible", "backsolve", None)


@functools.lru_cache(maxsize=256)
def plan_of(
    dtype: Any, lanes: int, programs: Any, start: int, n_params: int, own: bool, method: StochasticMethod, dim: int,
    channels: int, mixes: bool, transpose: bool, adaptive: bool, correction: int,
) -> SdePlan:  # fmt: skip
    """Return the plan of these arguments, the same one each time."""
    drift, diffusion, joint = programs
    return SdePlan(
        dtype, lanes, drift, diffusion, joint, (0, start), n_params, own, method, dim, channels, mixes, transpose,
        adaptive, correction,
    )  # fmt: skip


def evaluations(plan: SdePlan, solve: SdeSolve) -> Any:
    """Return the evaluations of drift and diffusion of each trajectory."""
    tried = solve.accepted + solve.rejected
    tried = tried + (~np.isin(solve.status, (SUCCESS, INTERRUPTED)) & (solve.rejected == 0))
    uses = plan.arrays.uses.sum(axis=1)
    start = int(sde_methods.is_reversible(plan.method))
    return np.array([tried * uses[0] + start, tried * uses[1] + start])


def correction_of(method, calculus, noise, convert):
    """Return what is to be done to the drift for a method of the other sense: 1 if it is that of Ito, -1, or 0."""
    if not convert or noise == "additive" or calculus in (None, method.calculus):
        return 0
    return 1 if calculus == ITO else -1


def noisy_field(drift, diffusion):
    """Return the diffusion, or what has it too, with its channels."""
    if not isinstance(drift, VectorField):
        raise complain(TypeError, SOLVE, "drift", "a tapeless field", describe(drift))
    if diffusion is None:
        if not isinstance(drift, JointField):
            raise complain(
                TypeError, SOLVE, "diffusion", "given, unless `drift` is a JointField", "None"
            )
        return drift
    if isinstance(drift, JointField) or hasattr(drift, "channels"):
        wanted = "a field of as many values as the state has; a JointField stands alone"
        raise complain(TypeError, SOLVE, "drift", wanted, describe(drift))
    if not isinstance(diffusion, VectorField) or isinstance(diffusion, JointField):
        wanted = "a tapeless.diffusion, a DiffusionNetwork or a field"
        raise complain(TypeError, SOLVE, "diffusion", wanted, describe(diffusion))
    if diffusion.dim != drift.dim:
        raise complain(
            ValueError,
            SOLVE,
            "diffusion",
            f"of dim={drift.dim}, as the drift",
            f"dim={diffusion.dim}",
        )
    return diffusion if hasattr(diffusion, "channels") else _Plain(diffusion)


class _Plain:
    """A field as the diffusion with a channel for each component."""

    mixes, noise = False, None

    def __init__(self, field):
        self._field = field
        self.channels = field.dim

    def __getattr__(self, name):
        return getattr(self._field, name)


def states(drift: VectorField, y0: Any) -> tuple[Any, bool]:
    """Return a copy of y0, which `vjp` reads again, as (batch, dim), and whether it came without the batch axis."""
    y0, single = arguments.states(drift, y0, SOLVE)
    return np.array(y0), single


def parameters(parts: Any, theta: Any, dtype: Any, batch: int) -> Any:
    """Return theta in the dtype of the solve."""
    theta = None if theta is None else check.as_state(SOLVE, "theta", theta)
    if not check_parameters(parts, theta, batch):
        return np.zeros(0, dtype)
    if not np.isfinite(theta).all():
        raise not_finite()
    return theta.astype(dtype, order="C")


def check_parameters(parts: Any, theta: Any, batch: int) -> bool:
    """Return whether there is a theta, an array of any library or None; complain of one that has another shape."""
    n = sum(part.n_params for part in parts)
    if theta is None and n == 0:
        return False
    own = all(part.takes_own_theta for part in parts if part.n_params)
    wanted = f"of shape ({n},), the drift's {parts[0].n_params} numbers first"
    wanted += f", or ({batch}, {n})" if own else ""
    if theta is None:
        raise complain(TypeError, SOLVE, "theta", f"an array {wanted}", "None")
    if theta.shape != (n,) and not (own and theta.shape == (batch, n)):
        raise complain(ValueError, SOLVE, "theta", wanted, describe(theta))
    return True


def not_finite() -> Exception:
    """Return what is to be raised if a theta is not finite."""
    return complain(ValueError, SOLVE, "theta", "finite", "NaN or inf in it")


def why_no_transpose(parts: Any, method: StochasticMethod, adjoint: Any, correction: int) -> str:
    """Return why a solve has no transpose, empty if it has one."""
    if adjoint is None:
        return "`adjoint` must not be None in solve_sde for its gradient; nothing was kept."
    without = [field for part in parts for field in part.without_vjp]
    if without:
        names = ", ".join(map(str, without))
        return f"`vjp` must be given for every field; got none for {names}. vjp='symbolic' may derive it."
    bent = parts[-1].without_vjp_jvp
    if bent and sde_methods.differentiates(method, correction):
        why = "convert=True" if correction else f"method={method.name!r}"
        return f"`vjp_jvp` must be given where {why} differentiates the diffusion. {sde_methods.why_no_second(bent)}"
    return ""


def usual_adaptive(calculus, noise):
    """Return the method that adaptive solves take if none is named: the first that fits, of the highest order."""
    fits = [
        m for m in STOCHASTIC
        if sde_methods.adapts(m) and noise in m.strong and (noise == "additive" or m.calculus == calculus)
    ]  # fmt: skip
    return max(fits, key=lambda m: m.strong[noise], default=None)


def check_adjoint(method, adjoint, stride, budget, noise):
    """Complain of an adjoint that does not go with the method, or is not what it must be."""
    check_kept(SOLVE, adjoint, ADJOINTS, stride, budget)
    if adjoint == "reversible" and not sde_methods.is_reversible(method):
        wanted = (
            "another one with this method, as only the steps of 'reversible_heun' can be taken back"
        )
        raise complain(
            ValueError, SOLVE, "adjoint", wanted, f"'reversible' with method={method.name!r}"
        )
    if adjoint == "backsolve" and method.calculus != STRATONOVICH and noise != "additive":
        wanted = "another one with a method for Ito equations; the continuous adjoint is that of Stratonovich ones"
        raise complain(
            ValueError, SOLVE, "adjoint", wanted, f"'backsolve' with method={method.name!r}"
        )


def how_steps_adapt(path, controller, noise, rtol, atol, first_step, max_steps, t0, t1):
    """Return how steps adapt."""
    tolerances = []
    for name, value in (("rtol", rtol), ("atol", atol)):
        x = check.as_real(SOLVE, name, value)
        if x.ndim or not np.isfinite(x) or x < 0:
            raise complain(
                ValueError, SOLVE, name, "a number, finite and not negative", describe(value)
            )
        tolerances.append(float(x))
    if not sum(tolerances) > 0:
        raise complain(ValueError, SOLVE, "atol", "positive where `rtol` is 0", describe(atol))
    first = (t1 - t0) / 100
    if first_step is not None:
        step = check.as_real(SOLVE, "first_step", first_step)
        if step.ndim or not np.isfinite(step) or step <= 0:
            raise complain(
                ValueError, SOLVE, "first_step", "a positive number", describe(first_step)
            )
        first = float(step)
    least = path.resolution * (path.t1 - path.t0)
    most = check.positive_int(SOLVE, "max_steps", max_steps)
    control = methods.find_controller(SOLVE, controller)
    return Adaptive(control, noise, *tolerances, max(first, least), least, most)


def memory_of(plan, batch, n, threads, adjoint, stride, budget):
    """Return what is kept for the way back."""
    if adjoint == "every":
        return Memory("every", check.positive_int(SOLVE, "stride", stride))
    if adjoint not in ("store", "binomial"):
        return Memory(adjoint)
    chunks = max(1, -(-batch // plan.chunk))
    lanes = -(-min(max(batch, 1), plan.chunk) // plan.lanes) * plan.lanes
    step, state = min(threads, chunks) * lanes * plan.step_bytes, chunks * lanes * plan.state_bytes
    if adjoint == "store":
        block = max(1, LARGEST_RECORD // 4 // step)  # of records that are made again
        fits = n is None or n * chunks * lanes * plan.step_bytes <= LARGEST_RECORD
        return Memory("store" if fits else "every", block)
    budget = check.positive_int(SOLVE, "budget", budget)
    if budget < step + state:
        wanted = f"at least {step + state}, for a step of each thread and a state of each chunk"
        raise complain(ValueError, SOLVE, "budget", wanted, describe(budget))
    block = max(1, min(budget // 2, budget - state) // step)
    if n is not None:
        block = min(block, n)
    return Memory("binomial", block, max(0, (budget - block * step) // state - 1))


def mapped(parts, theta):
    """Return the parameters that kernels are given, and the map of their cotangent to that of theta."""
    ends = np.cumsum([0] + [part.n_params for part in parts])
    places = [slice(a, b) for a, b in itertools.pairwise(ends)]
    used = np.concatenate([p.effective(theta[at]) for p, at in zip(parts, places, strict=True)])
    kept = theta.copy()

    def pull(bar):
        pairs = zip(parts, places, strict=True)
        return np.concatenate([p._effective_vjp(kept[at], bar[at]) for p, at in pairs])

    return used, pull
