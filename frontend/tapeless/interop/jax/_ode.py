"""`solve_ode` in jax: differentiable, and a batch under `jax.vmap`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.typing import ArrayLike

from tapeless import _arguments as arguments
from tapeless._arguments import SOLVE
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless.interop.jax._arguments import as_operand, frozen, is_traced
from tapeless.interop.jax._frozen import Frozen
from tapeless.interop.jax._ode_problem import TIMES, OdeProblem
from tapeless.interop.jax._primitives import call
from tapeless.regularise import Functional

# Options of the NumPy function whose results have no place in arrays of a shape known beforehand.
LEFT_OUT = ("first_passage", "measure", "progress", "reduce")


class Measured(NamedTuple):
    """States, and what was made of the solver's heuristics.

    Attributes
    ----------
    ys : jax.Array
        The states.
    values : tuple of jax.Array, shape (batch,)
        The value of each functional; without the batch axis for a single trajectory or a coupled solve.
    """

    ys: jax.Array
    values: tuple[jax.Array, ...]


def solve_ode(
    field: VectorField,
    t_span: tuple[ArrayLike, ArrayLike],
    y0: ArrayLike,
    theta: ArrayLike | None = None,
    *,
    t_eval: ArrayLike | None = None,
    functionals: Sequence[Functional] = (),
    time_gradients: bool = False,
    **options: Any,
) -> Any:
    """Integrate dy/dt = f(t, y, theta), as a function that jax transforms.

    It can be jitted, differentiated in forward and reverse mode and mapped by `jax.vmap`, which makes one batch of
    what is mapped: y0, times, and theta too where the field takes parameters of each trajectory's own.

    Parameters
    ----------
    field : Network, Field or Sum
        The vector field, a constant.
    t_span : tuple (t0, t1)
        Initial and final time. Numbers are constants and stay float64; a jax array, of shape () or (batch,), is an
        operand.
    y0 : array, shape (batch, dim) or (dim,)
        Initial states, whose dtype, float32 or float64, is that of the solve.
    theta : array, shape (n_params,) or (batch, n_params)
        Parameters of the field.
    t_eval : array, shape (n_times,) or (batch, n_times), optional
        Output times; as for `t_span` jax arrays are operands.
    functionals : sequence of tapeless.regularise.Functional
        What to return of each trajectory's error and stiffness estimates.
    time_gradients : bool
        Whether there are gradients with respect to those times that are operands.
    **options : object
        Constants, as of `tapeless.solve_ode`: method, rtol, atol, adjoint, n_steps and so on, but not `measure`,
        `reduce`, `first_passage` and `progress`.

    Returns
    -------
    jax.Array or Measured
        `ys` of shape (batch, dim), or (batch, n_times, dim) with `t_eval`; with `functionals` their values too.

    Raises
    ------
    TypeError, ValueError
        Where the call is traced, if an argument is not what it must be.
    jax.errors.JaxRuntimeError, ValueError
        Where the program runs, with the message of the `SolverError` or `ValueError` that the NumPy function raises:
        a trajectory that fails, a theta that is not finite, times that are not in order.

    See Also
    --------
    tapeless.solve_ode : The NumPy function, with all options.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> import tapeless, tapeless.interop.jax as tj
    >>> field = tapeless.fields.MLP(2, [16])
    >>> theta = jnp.asarray(field.init(rng=0, dtype="float32"))
    >>> loss = lambda theta, y0: (tj.solve_ode(field, (0.0, 1.0), y0, theta) ** 2).mean()
    >>> value, theta_bar = jax.jit(jax.value_and_grad(loss))(theta, jnp.ones((5, 2)))
    >>> theta_bar.shape
    (82,)
    """
    if not isinstance(field, VectorField):
        wanted = "a tapeless field, say tapeless.fields.MLP(dim, hidden)"
        raise complain(TypeError, SOLVE, "field", wanted, describe(field))
    for name in LEFT_OUT:
        if name in options:
            wanted = "left out in jax, where shapes of results are known beforehand"
            advice = "`functionals` has sums, means and maxima of what `measure` gives."
            raise complain(TypeError, SOLVE, name, wanted, describe(options[name]), advice)
    functionals = _functionals(functionals)
    try:
        t0, t1 = t_span
    except (TypeError, ValueError):
        raise complain(ValueError, SOLVE, "t_span", "a pair (t0, t1)", describe(t_span)) from None
    state = as_operand(SOLVE, "y0", y0)
    params = np.zeros(0, np.float32) if theta is None and not field.n_params else theta
    if params is None:
        arguments.parameters(field, None, np.float32, 1)  # complains
    times, operands = [], [state, as_operand(SOLVE, "theta", params)]
    for name, x in zip(TIMES, (t0, t1, t_eval), strict=True):
        traced = is_traced(x)
        if traced:
            operands.append(as_operand(SOLVE, "t_eval" if x is t_eval else "t_span", x))
        times.append(None if traced else _constant(name, x))
    problem = OdeProblem(
        field, tuple(times), tuple(is_traced(x) for x in (t0, t1, t_eval)), functionals,
        bool(time_gradients), frozen(SOLVE, options),
    )  # fmt: skip
    problem.check(*operands)
    ys, *values = call(problem, *operands)
    return Measured(ys, tuple(values)) if functionals else ys


def _constant(name: str, x: Any) -> Frozen:
    """Return a time that the program is compiled for."""
    if x is None or type(x) in (int, float):
        return Frozen(x if x is None else float(x))
    return Frozen(np.asarray(x) if name == "t_eval" or np.ndim(x) else float(x))


def _functionals(given: Any) -> tuple[Functional, ...]:
    found = (given,) if isinstance(given, Functional) else tuple(given)
    for one in found:
        if not isinstance(one, Functional):
            wanted = "a sequence of tapeless.regularise.Functional"
            raise complain(TypeError, SOLVE, "functionals", wanted, describe(one))
    return found
