"""Checks of what users write: the transpose of a field against differences."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tapeless._check import as_real, generator
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._evaluate import Evaluator
from tapeless._types import RNG, ArrayInput, Integer
from tapeless.fields import Field

__all__ = ["check_vjp"]

Floats: TypeAlias = NDArray[np.float64]


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
        expected = _differences(functions, t, point, bar)
        allowed = rtol * max(1.0, np.abs(expected).max(initial=0), np.abs(bar).max())
        wrong = np.abs(found - expected)
        i = int(np.argmax(np.where(np.isnan(wrong), np.inf, wrong)))
        if not wrong[i] <= allowed:
            entry = f"y_bar[{i}]" if i < dim else f"theta_bar[{i - dim}]"
            raise AssertionError(
                f"check_vjp: {entry} is {found[i]:.8g} by the vjp of {field} and {expected[i]:.8g} by "
                f"differences, at y = {point[:dim]} and theta = {point[dim:]}."
            )


class _Compiled:
    """The functions of a field that is no Python function, as such."""

    def __init__(self, field: VectorField) -> None:
        self.dim, self.n_params = field.dim, field.n_params
        self._evaluate = Evaluator(field, transpose=True)

    def fun(self, t: float, y: Floats, theta: Floats, dy: Floats) -> None:
        dy[:] = self._evaluate(t, y, theta)

    def vjp(
        self, t: float, y: Floats, theta: Floats, dy_bar: Floats, y_bar: Floats, theta_bar: Floats
    ) -> None:
        y_bar[:], theta_bar[:] = self._evaluate.vjp(t, y, theta, dy_bar)


def _transpose(field: Any, t: float, point: Floats, bar: Floats) -> Floats:
    y_bar, theta_bar = np.full(field.dim, np.nan), np.zeros(field.n_params)
    field.vjp(t, point[: field.dim].copy(), point[field.dim :].copy(), bar.copy(), y_bar, theta_bar)
    return np.concatenate([y_bar, theta_bar])


def _differences(field: Any, t: float, point: Floats, bar: Floats) -> Floats:
    def paired(x: Floats) -> float:
        dy = np.full(field.dim, np.nan)
        field.fun(t, x[: field.dim].copy(), x[field.dim :].copy(), dy)
        return float(bar @ dy)

    gradient = np.empty(len(point))
    for i in range(len(point)):
        h = 1e-5 * max(1.0, abs(point[i]))
        step = h * (np.arange(len(point)) == i)
        # Richardson's: the error is of order h**4.
        near = (paired(point + step) - paired(point - step)) / (2 * h)
        far = (paired(point + 2 * step) - paired(point - 2 * step)) / (4 * h)
        gradient[i] = (4 * near - far) / 3
    return gradient
