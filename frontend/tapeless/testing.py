"""Checks of what users write: the transpose of a field, and the gradient of a solve, against differences."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tapeless._check import as_real, generator
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._evaluate import Evaluator
from tapeless._interchange import takes_arrays
from tapeless._ode import solve_ode
from tapeless._types import RNG, ArrayInput, Integer
from tapeless.fields import Field

__all__ = ["check_gradient", "check_vjp"]

Floats: TypeAlias = NDArray[np.float64]


@takes_arrays
def check_vjp(
    field: VectorField,
    *,
    y: ArrayInput | None = None,
    theta: ArrayInput | None = None,
    t: float = 0.3,
    n_points: Integer = 5,
    rtol: float = 1e-6,
    rng: RNG = 0,
) -> None:
    """Compare the transpose of a field with central differences of the field.

    The cotangent of time is compared too, where the transpose gives one.

    Parameters
    ----------
    field : Field, Network or Sum
        A field with a `vjp`. A `Field` is called as the Python function that it is, others as compiled.
    y : array, shape (dim,), optional
        State around which points are drawn; by default 0. Give one where the field is defined.
    theta : array, shape (n_params,), optional
        Parameters around which points are drawn; by default 0.
    t : float
        The time.
    n_points : int
        Number of points, each a state, parameters and a cotangent.
    rtol : float
        Largest difference, relative to the largest entry of the gradient or of the cotangent.
    rng : numpy.random.Generator or int, optional
        Where the points come from.

    Raises
    ------
    AssertionError
        If an entry differs; the message says which, and by how much.
    TypeError
        If `field` is no field with a `vjp`, or composed of one without.

    Examples
    --------
    >>> import tapeless
    >>> @tapeless.field(dim=1, n_params=1, vjp="symbolic")
    ... def decay(t, y, theta, dy):
    ...     dy[0] = -theta[0] * y[0]
    >>> tapeless.testing.check_vjp(decay)
    """
    if not isinstance(field, VectorField) or field.without_vjp:
        parts = getattr(field, "without_vjp", ())
        got = f"{', '.join(map(str, parts))} without one" if parts else describe(field)
        raise complain(TypeError, "check_vjp", "field", "a Field with a `vjp`", got)
    functions = field if isinstance(field, Field) else _Compiled(field)
    draw = generator("check_vjp", rng)
    dim, n_params = field.dim, field.n_params
    centre = np.zeros(dim + n_params)
    for name, x, part in (("y", y, slice(dim)), ("theta", theta, slice(dim, None))):
        if x is not None:
            given = as_real("check_vjp", name, x)
            if given.shape != centre[part].shape:
                wanted = f"an array of shape {centre[part].shape}"
                raise complain(ValueError, "check_vjp", name, wanted, describe(given))
            centre[part] = given
    for _ in range(int(n_points)):
        point = centre + 0.3 * draw.standard_normal(dim + n_params)
        bar = draw.standard_normal(dim)
        found = _transpose(functions, t, point, bar)
        expected = _differences(functions, t, point, bar)[: len(found)]
        allowed = rtol * max(1.0, np.abs(expected).max(initial=0), np.abs(bar).max())
        wrong = np.abs(found - expected)
        i = int(np.argmax(np.where(np.isnan(wrong), np.inf, wrong)))
        if not wrong[i] <= allowed:
            entry = f"y_bar[{i}]" if i < dim else f"theta_bar[{i - dim}]"
            entry = entry if i < dim + n_params else "t_bar"
            raise AssertionError(
                f"check_vjp: {entry} is {found[i]:.8g} by the vjp of {field} and {expected[i]:.8g} by "
                f"differences, at y = {point[:dim]} and theta = {point[dim:]}."
            )


@takes_arrays
def check_gradient(
    field: VectorField,
    t_span: tuple[Any, Any],
    y0: ArrayInput,
    theta: ArrayInput | None = None,
    *,
    n_directions: Integer = 5,
    tolerance: float = 1e-7,
    rng: RNG = 0,
    **options: Any,
) -> None:
    """Compare the gradient of a solve with central differences of solves, in float64.

    The loss is a sum of the solution with random weights; along random directions of y0 and theta its slope is
    taken from `Solution.vjp`, and from solves at points beside.

    Parameters
    ----------
    field : field
        Of `tapeless.fields`, with a `vjp`.
    t_span : tuple (t0, t1)
        Initial and final time.
    y0 : array, shape (batch, dim) or (dim,)
        Initial states.
    theta : array, shape (n_params,) or (batch, n_params), optional
        Parameters of the field.
    n_directions : int
        Number of directions.
    tolerance : float
        Largest difference, relative to the largest slope there could be: the length of the gradient.
    rng : numpy.random.Generator or int, optional
        Where weights and directions come from.
    **options
        Of `solve_ode`. By default 50 equal steps of dopri5: adaptive ones would be others at the points beside,
        and differences then agree no better than to the solve's tolerance.

    Raises
    ------
    AssertionError
        If a slope differs; the message has both.
    TypeError, ValueError, SolverError
        As `solve_ode`.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> field = tapeless.fields.MLP(2, [8])
    >>> tapeless.testing.check_gradient(field, (0.0, 1.0), np.ones((3, 2)), field.init(rng=0))
    """
    caller = "check_gradient"
    if not isinstance(field, VectorField):
        wanted = "a tapeless field, say tapeless.fields.MLP(dim, hidden)"
        raise complain(TypeError, caller, "field", wanted, describe(field))
    solver: Any = {"method": "dopri5", "n_steps": 50} | options
    state = as_real(caller, "y0", y0)
    parameters = np.zeros(0) if theta is None else as_real(caller, "theta", theta)
    draw = generator(caller, rng)
    sol = solve_ode(field, t_span, state, parameters, **solver)
    weights = draw.standard_normal(sol.ys.shape)
    bars = sol.vjp(weights)
    length = float(np.sqrt(np.vdot(bars[0], bars[0]) + np.vdot(bars[1], bars[1])))

    def loss(step: float, direction: list[Floats]) -> float:
        at = state + step * direction[0], parameters + step * direction[1]
        return float(np.vdot(weights, solve_ode(field, t_span, *at, **solver).ys))

    h = 1e-4 * max(1.0, float(np.abs(state).max(initial=0)))
    for _ in range(int(n_directions)):
        direction = [draw.standard_normal(x.shape) for x in (state, parameters)]
        scale = float(
            np.sqrt(np.vdot(direction[0], direction[0]) + np.vdot(direction[1], direction[1]))
        )
        direction = [x / scale for x in direction]
        found = float(np.vdot(bars[0], direction[0]) + np.vdot(bars[1], direction[1]))
        near = (loss(h, direction) - loss(-h, direction)) / (2 * h)
        far = (loss(2 * h, direction) - loss(-2 * h, direction)) / (4 * h)
        expected = (4 * near - far) / 3  # Richardson's: the error is of order h**4
        if not abs(found - expected) <= tolerance * max(1.0, length):
            raise AssertionError(
                f"{caller}: along a direction the slope is {found:.10g} by the vjp of the solve and "
                f"{expected:.10g} by differences, where the gradient has length {length:.3g}."
            )


class _Compiled:
    """The functions of a field that is no Python function, as such."""

    def __init__(self, field: VectorField) -> None:
        self.dim, self.n_params = field.dim, field.n_params
        self.without_time_bar = field.without_time_bar
        self._evaluate = Evaluator(field, transpose=True)

    def fun(self, t: float, y: Floats, theta: Floats, dy: Floats) -> None:
        dy[:] = self._evaluate(t, y, theta)

    def vjp(
        self, t: float, y: Floats, theta: Floats, dy_bar: Floats, y_bar: Floats, theta_bar: Floats,
        *t_bar: Floats,
    ) -> None:  # fmt: skip
        y_bar[:], theta_bar[:] = self._evaluate.vjp(t, y, theta, dy_bar)
        for bar in t_bar:
            bar[:] = self._evaluate.t_bar


def _transpose(field: Any, t: float, point: Floats, bar: Floats) -> Floats:
    """Return the cotangents of state and parameters, and of time if the field gives it."""
    y_bar, theta_bar = np.full(field.dim, np.nan), np.zeros(field.n_params)
    t_bar = [] if field.without_time_bar else [np.full(1, np.nan)]
    state, parameters = point[: field.dim].copy(), point[field.dim :].copy()
    field.vjp(t, state, parameters, bar.copy(), y_bar, theta_bar, *t_bar)
    return np.concatenate([y_bar, theta_bar, *t_bar])


def _differences(field: Any, t: float, point: Floats, bar: Floats) -> Floats:
    """Return what `_transpose` does, that of time the last."""

    def paired(x: Floats) -> float:
        dy = np.full(field.dim, np.nan)
        field.fun(x[-1], x[: field.dim].copy(), x[field.dim : -1].copy(), dy)
        return float(bar @ dy)

    point = np.append(point, t)
    gradient = np.empty(len(point))
    for i in range(len(point)):
        h = 1e-5 * max(1.0, abs(point[i]))
        step = h * (np.arange(len(point)) == i)
        # Richardson's: the error is of order h**4.
        near = (paired(point + step) - paired(point - step)) / (2 * h)
        far = (paired(point + 2 * step) - paired(point - 2 * step)) / (4 * h)
        gradient[i] = (4 * near - far) / 3
    return gradient
