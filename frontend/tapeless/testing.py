"""Checks of what users write: the transpose of a field, and the gradient of a solve, against differences."""

from typing import Any

import numpy as np

from tapeless._check import as_real, generator
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._differences import Compiled, Floats, centre_of, differences, differing, transpose_of
from tapeless._diffusion import Diffusion
from tapeless._interchange import takes_arrays
from tapeless._ode import solve_ode
from tapeless._types import RNG, ArrayInput, Integer
from tapeless.fields import Field

__all__ = ["check_gradient", "check_vjp", "check_vjp_jvp"]


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
    functions = field if isinstance(field, Field) else Compiled(field)
    draw = generator("check_vjp", rng)
    dim, n_params = field.dim, field.n_params
    centre = centre_of("check_vjp", field, y, theta)
    rows = getattr(field.program, "n_rows", 0) or dim  # a diffusion may be a matrix
    for _ in range(int(n_points)):
        point = centre + 0.3 * draw.standard_normal(dim + n_params)
        bar = draw.standard_normal(rows)
        found = transpose_of(functions, t, point, bar)
        expected = differences(functions, t, point, bar)[: len(found)]
        i = differing(found, expected, rtol, bar)
        if i is not None:
            entry = f"y_bar[{i}]" if i < dim else f"theta_bar[{i - dim}]"
            entry = entry if i < dim + n_params else "t_bar"
            raise AssertionError(
                f"check_vjp: {entry} is {found[i]:.8g} by the vjp of {field} and {expected[i]:.8g} by "
                f"differences, at y = {point[:dim]} and theta = {point[dim:]}."
            )


@takes_arrays
def check_vjp_jvp(
    field: Diffusion,
    *,
    y: ArrayInput | None = None,
    theta: ArrayInput | None = None,
    t: float = 0.3,
    n_points: Integer = 5,
    rtol: float = 1e-6,
    rng: RNG = 0,
) -> None:
    """Compare the `vjp_jvp` of a diffusion with its `vjp`, and with central differences of that along directions of y.

    Parameters
    ----------
    field : Diffusion
        A diffusion with a `vjp` and a `vjp_jvp`, which are called as the Python functions that they are.
    y : array, shape (dim,), optional
        State around which points are drawn; by default 0. Give one where the diffusion has second derivatives.
    theta : array, shape (n_params,), optional
        Parameters around which points are drawn; by default 0.
    t : float
        The time.
    n_points : int
        Number of points, each a state, parameters, a cotangent and a direction.
    rtol : float
        Largest difference, relative to the largest entry of what is compared or of the cotangent.
    rng : numpy.random.Generator or int, optional
        Where the points come from.

    Raises
    ------
    AssertionError
        If an entry differs; the message says which, and by how much.
    TypeError
        If `field` is no `Diffusion` with both.

    Examples
    --------
    >>> import math
    >>> import tapeless
    >>> def g(t, y, theta, dg):
    ...     dg[0] = theta[0] * math.sin(y[0])
    >>> def second(t, y, theta, dg_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot):
    ...     y_bar[0] = theta[0] * math.cos(y[0]) * dg_bar[0]
    ...     y_bar_dot[0] = -theta[0] * math.sin(y[0]) * y_dot[0] * dg_bar[0]
    ...     theta_bar_dot[0] += math.cos(y[0]) * y_dot[0] * dg_bar[0]
    >>> diffusion = tapeless.diffusion(1, n_params=1, vjp="symbolic", jvp="symbolic", vjp_jvp=second)
    >>> tapeless.testing.check_vjp_jvp(diffusion(g))
    """
    caller = "check_vjp_jvp"
    if not isinstance(field, Diffusion) or field.without_vjp or field.without_vjp_jvp:
        wanted = "a Diffusion with a `vjp` and a `vjp_jvp`"
        raise complain(TypeError, caller, "field", wanted, describe(field))
    draw, dim, n_params = generator(caller, rng), field.dim, field.n_params
    centre, second = centre_of(caller, field, y, theta), field.vjp_jvp
    assert second is not None
    for _ in range(int(n_points)):
        point = centre + 0.3 * draw.standard_normal(dim + n_params)
        shape = (dim, field.channels) if field.mixes else (dim,)
        bar, direction = draw.standard_normal(shape), np.zeros(dim + n_params)
        direction[:dim] = draw.standard_normal(dim)
        rows = np.full((2, dim), np.nan)
        found, theta_bar_dot = rows.reshape(-1), np.zeros(n_params)
        second(
            t, point[:dim].copy(), point[dim:].copy(), bar.copy(), direction[:dim].copy(), *rows, theta_bar_dot
        )  # fmt: skip
        found = np.concatenate([found, theta_bar_dot])

        def transpose(
            h: float, point: Floats = point, bar: Floats = bar, by: Floats = direction
        ) -> Floats:
            return transpose_of(field, t, point + h * by, bar)[: dim + n_params]

        h = 1e-4 * max(1.0, np.abs(point[:dim]).max())
        near = (transpose(h) - transpose(-h)) / (2 * h)
        far = (transpose(2 * h) - transpose(-2 * h)) / (4 * h)
        expected = np.concatenate([transpose(0.0)[:dim], (4 * near - far) / 3])
        i = differing(found, expected, rtol, bar)
        if i is not None:
            names = [f"{name}[{j}]" for name in ("y_bar", "y_bar_dot") for j in range(dim)]
            names += [f"theta_bar_dot[{j}]" for j in range(n_params)]
            raise AssertionError(
                f"{caller}: {names[i]} is {found[i]:.8g} by the vjp_jvp of {field} and {expected[i]:.8g} by its vjp, "
                f"at y = {point[:dim]} and theta = {point[dim:]}."
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
