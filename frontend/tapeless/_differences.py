"""The transpose of a field at a point, and central differences that it is compared with."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tapeless._check import as_real
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._evaluate import Evaluator

Floats: TypeAlias = NDArray[np.float64]


def centre_of(caller: str, field: VectorField, y: Any, theta: Any) -> Floats:
    """Return the state and the parameters around which points are drawn."""
    centre = np.zeros(field.dim + field.n_params)
    for name, x, part in (("y", y, slice(field.dim)), ("theta", theta, slice(field.dim, None))):
        if x is not None:
            given = as_real(caller, name, x)
            if given.shape != centre[part].shape:
                wanted = f"an array of shape {centre[part].shape}"
                raise complain(ValueError, caller, name, wanted, describe(given))
            centre[part] = given
    return centre


def differing(found: Floats, expected: Floats, rtol: float, bar: Floats) -> int | None:
    """Return the entry that differs most, if it differs by more than it may."""
    allowed = rtol * max(1.0, np.abs(expected).max(initial=0), np.abs(bar).max())
    wrong = np.abs(found - expected)
    i = int(np.argmax(np.where(np.isnan(wrong), np.inf, wrong)))
    return None if wrong[i] <= allowed else i


class Compiled:
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


def transpose_of(field: Any, t: float, point: Floats, bar: Floats) -> Floats:
    """Return the cotangents of state and parameters, and of time if the field gives it."""
    y_bar, theta_bar = np.full(field.dim, np.nan), np.zeros(field.n_params)
    t_bar = [] if field.without_time_bar else [np.full(1, np.nan)]
    state, parameters = point[: field.dim].copy(), point[field.dim :].copy()
    field.vjp(t, state, parameters, bar.copy(), y_bar, theta_bar, *t_bar)
    return np.concatenate([y_bar, theta_bar, *t_bar])


def differences(field: Any, t: float, point: Floats, bar: Floats) -> Floats:
    """Return what `transpose_of` does, that of time the last."""

    def paired(x: Floats) -> float:
        dy = np.full(len(bar), np.nan)
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
