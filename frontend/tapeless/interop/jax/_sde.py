"""`solve_sde` in jax: pathwise derivatives, on a path that a key of jax names."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

import tapeless
from tapeless import _arguments as arguments
from tapeless import _sde_arguments as sde_arguments
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._sde_grid import SOLVE
from tapeless.interop.jax._arguments import as_operand, frozen, is_traced, zeros_like
from tapeless.interop.jax._frozen import Frozen
from tapeless.interop.jax._keys import as_words, number_of
from tapeless.interop.jax._ode_problem import OF_ADJOINT
from tapeless.interop.jax._primitives import call


def solve_sde(
    drift: VectorField,
    diffusion: VectorField | None,
    t_span: tuple[float, float],
    y0: ArrayLike,
    theta: ArrayLike | None = None,
    *,
    key: ArrayLike | None = None,
    path: tapeless.BrownianPath | None = None,
    t_eval: ArrayLike | None = None,
    **options: Any,
) -> jax.Array:
    """Integrate dy = f(t, y, theta) dt + g(t, y, theta) dW, as a function that jax transforms.

    Gradients are pathwise, with steps and noise held, in reverse mode. `jax.vmap` solves one after the other, so that
    each has the noise that it has alone; many trajectories are faster as a batch.

    Parameters
    ----------
    drift, diffusion : field
        As `tapeless.solve_sde` takes them; constants.
    t_span : tuple (t0, t1)
        Initial and final time, constants.
    y0 : array, shape (batch, dim) or (dim,)
        Initial states, whose dtype is that of the solve.
    theta : array, shape (n_params,) or (batch, n_params)
        Parameters of the drift, then those of the diffusion.
    key : jax key or int, optional
        What the noise is made of: a key of `jax.random`, which may be traced. The noise is that of
        ``tapeless.solve_sde(..., rng=seed)``, the seed being the key's two words as one number.
    path : BrownianPath, optional
        The noise itself, a constant, in place of a key.
    t_eval : array, shape (n_times,), optional
        Output times, constants.
    **options : object
        Constants, as of `tapeless.solve_sde`: method, calculus, n_steps, dt, adjoint and so on.

    Returns
    -------
    jax.Array, shape (batch, dim) or (batch, n_times, dim)
        The states, without the batch axis if y0 has none.

    Raises
    ------
    TypeError, ValueError
        Where the call is traced, if an argument is not what it must be.
    jax.errors.JaxRuntimeError, ValueError
        Where the program runs, with the message of the error that the NumPy function raises.

    See Also
    --------
    tapeless.solve_sde : The NumPy function, with all options.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> import tapeless, tapeless.interop.jax as tj
    >>> drift = tapeless.fields.MLP(2, [16])
    >>> diffusion = tapeless.DiffusionNetwork(2, [tapeless.fields.Dense(2)])
    >>> theta = jnp.zeros(drift.n_params + diffusion.n_params)
    >>> y = tj.solve_sde(drift, diffusion, (0.0, 1.0), jnp.ones((5, 2)), theta, key=jax.random.key(0), n_steps=10)
    >>> y.shape
    (5, 2)
    """
    noisy: Any = sde_arguments.noisy_field(drift, diffusion)
    parts = (drift,) if diffusion is None else (drift, noisy)
    if (key is None) == (path is None) or "rng" in options:
        wanted = "given, and `path` and `rng` left out, or `path` in its place"
        got = "neither" if key is None and path is None else "more than one of them"
        raise complain(TypeError, SOLVE, "key", wanted, got)
    state = as_operand(SOLVE, "y0", y0)
    n = sum(part.n_params for part in parts)
    given = np.zeros(0, np.float32) if theta is None and n == 0 else theta
    constants = {"t_span": _times(t_span), "t_eval": t_eval, "path": path} | options
    if theta is None and n:
        sde_arguments.parameters(parts, None, state.dtype, 1)  # complains
    operands = [state, as_operand(SOLVE, "theta", given)]
    if key is not None:
        operands.append(as_words(SOLVE, key))
    found = frozen(SOLVE, {name: x for name, x in constants.items() if x is not None})
    problem = _SdeProblem(drift, diffusion, key is not None, found)
    problem.check(parts, *operands[:2])
    return call(problem, *operands)[0]


def _times(t_span: Any) -> Any:
    """Return a pair of constants, for the function below to check."""
    pair = isinstance(t_span, tuple | list) and not any(map(is_traced, t_span))
    if not pair:
        wanted = "a pair (t0, t1) of Python numbers: a Brownian path has no derivative in time"
        raise complain(TypeError, SOLVE, "t_span", wanted, describe(t_span))
    return tuple(t_span)


@dataclass(frozen=True)
class _SdeProblem:
    """A solve but for its operands: y0, theta, and the key if there is one."""

    drift: VectorField
    diffusion: VectorField | None
    keyed: bool
    frozen: tuple[tuple[str, Frozen], ...]

    name, folds = SOLVE, False

    @functools.cached_property
    def options(self) -> dict[str, Any]:
        """The constants of `tapeless.solve_sde`."""
        return {name: value.value for name, value in self.frozen}

    @functools.cached_property
    def without_tape(self) -> dict[str, Any]:
        """Those that keep nothing, and take the same steps."""
        others = {name: x for name, x in self.options.items() if name not in OF_ADJOINT}
        return others | {"adjoint": None}

    @property
    def cores(self) -> tuple[int, ...]:
        """The axes of each operand besides the batch."""
        return (1, 1, 1) if self.keyed else (1, 1)

    @property
    def own(self) -> tuple[bool, ...]:
        """Not asked for: nothing folds."""
        return (False,) * len(self.cores)

    def check(self, parts: Any, y0: Any, theta: Any) -> None:
        """Complain of shapes, dtypes and options, as the NumPy function does."""
        state, _ = arguments.states(self.drift, zeros_like(y0), SOLVE)
        sde_arguments.parameters(parts, zeros_like(theta), state.dtype, len(state))
        _check_options(self, state.dtype, theta.shape[-1], theta.ndim)

    def outputs(self, avals: Sequence[Any]) -> list[tuple[tuple[int, ...], Any]]:
        """Return shape and dtype of the states."""
        y0, at = avals[0], self.options.get("t_eval")
        n_times = () if at is None else np.shape(at)
        return [((*y0.shape[:-1], *n_times, y0.shape[-1]), y0.dtype)]

    def check_wanted(self, wanted: tuple[bool, ...]) -> None:
        """Complain of nothing: a key is no float."""

    def check_reverse(self) -> None:
        """Complain of nothing: what is missing is said where it is asked for."""

    def run(self, *operands: Any) -> list[Any]:
        """Return the states."""
        return [self._solve(operands, self.without_tape).ys]

    def keep(self, *operands: Any) -> "tuple[list[Any], _KeptSde]":
        """Return the states and the solution."""
        sol = self._solve(operands, self.options)
        return [sol.ys], _KeptSde(sol)

    def _solve(self, operands: Sequence[Any], options: dict[str, Any]) -> tapeless.SdeSolution:
        y0, theta, *key = operands
        if key:
            options = options | {"rng": number_of(key[0])}
        return tapeless.solve_sde(self.drift, self.diffusion, y0=y0, theta=theta, **options)


@functools.lru_cache(maxsize=256)
def _check_options(problem: _SdeProblem, dtype: Any, n_params: int, theta_ndim: int) -> None:
    """Solve for no trajectories at all, which checks every constant but a path."""
    theta = np.zeros((0,) * (theta_ndim - 1) + (n_params,), dtype)
    y0 = np.zeros((0, problem.drift.dim), dtype)
    options = problem.options | {"path": None, "rng": 0}
    tapeless.solve_sde(problem.drift, problem.diffusion, y0=y0, theta=theta, **options)


class _KeptSde:
    """A solution that waits for cotangents."""

    def __init__(self, sol: tapeless.SdeSolution) -> None:
        self._sol, self.nbytes = sol, sol.nbytes_adjoint

    def jvp(self, dots: list[Any]) -> list[Any]:
        """Complain: there are no tangents."""
        raise TypeError(
            f"{SOLVE}: it has derivatives in reverse mode only, say jax.grad or jacrev."
        )

    def vjp(self, bars: Sequence[Any], wanted: tuple[bool, ...]) -> list[Any]:
        """Return the cotangents of y0 and theta, if they are wanted."""
        found = (*self._sol.vjp(bars[0]), None)
        return [bar for bar, one in zip(found, wanted, strict=False) if one]
