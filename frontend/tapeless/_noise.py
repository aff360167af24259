"""Of what kind the noise of an SDE is: found out by derivatives of the diffusion along directions."""

import warnings
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless._complain import frames_to_caller
from tapeless._evaluate import Evaluator
from tapeless_kernels.tableaus.stochastic import NOISES

SMALL = 1e-5  # of a derivative, relative to the largest: differences have so many digits
STEP = 1e-6  # of differences
POINTS = 3
NOT_FINITE = " (it is not finite near y0)"
_AS_SAID: "weakref.WeakSet[Any]" = weakref.WeakSet()  # looked at before
_MOST_GENERAL: "weakref.WeakSet[Any]" = (
    weakref.WeakSet()
)  # of which nothing more special will be found


def kind_of_noise(caller: str, field: Any, y0: NDArray[Any], t: float, theta: NDArray[Any]) -> str:
    """Return what the diffusion's noise is; where that was said, warn if derivatives say otherwise."""
    said, itself = field.noise, getattr(field, "_field", field)
    general = "general" if field.mixes else "diagonal-general"
    if itself in _MOST_GENERAL:
        found, where = general, ""
    elif said is not None and field in _AS_SAID:
        return str(said)
    else:
        found, where = _probe(field, y0, t, theta)
        if found == general and where != NOT_FINITE:
            _MOST_GENERAL.add(itself)
    if said is None:
        return found
    if NOISES.index(found) > NOISES.index(said) and {said, found} != {"scalar", "diagonal"}:
        warnings.warn(
            f"{caller}: the diffusion's noise was said to be {said!r}, but it looks {found!r}{where}; a method that "
            "counts on it converges with a lower order, or to something else.",
            UserWarning,
            stacklevel=frames_to_caller(),
        )
    if where != NOT_FINITE:
        _AS_SAID.add(field)
    return str(said)


def _probe(field, y0, t, theta):
    """Return the most special kind that derivatives at a few points agree with, and what spoke against the next."""
    value, derivative = _functions(field)
    rng, theta = np.random.default_rng(0), np.array(theta, np.float64)
    base = np.array(y0[: 1 if len(y0) else 0], np.float64).reshape(-1, field.dim)
    base = base[0] if len(base) else np.zeros(field.dim)
    additive = special = True
    where, seen = "", 0
    for i in range(POINTS):
        y = base + (0.1 * i) * (1 + abs(base)) * rng.standard_normal(field.dim)
        # Generic parameters: a network that begins at 0 is not additive.
        used = theta
        if i and hasattr(field.program, "operations"):
            used = theta + 0.1 * rng.standard_normal(len(theta))
        g = value(t, y, used)
        directions = rng.standard_normal((2, field.dim))
        along = np.array([derivative(t, y, used, v) for v in directions])
        if not (np.isfinite(g).all() and np.isfinite(along).all()):
            continue
        seen += 1
        size = max(abs(g).max(), abs(along).max(), 1e-300)
        additive &= bool(abs(along).max() <= SMALL * size)
        if field.mixes:
            columns = g.reshape(field.dim, field.channels)
            bracket = _bracket(derivative, t, y, used, columns)
            worst = abs(bracket).max(initial=0.0)
            if special and worst > SMALL * size**2:
                _, j, k = np.unravel_index(abs(bracket).argmax(), bracket.shape)
                special, where = (
                    False,
                    f": columns {j} and {k} do not commute at y = {np.round(y, 4)}",
                )
        else:
            # Of a diagonal matrix D, (D v)_i w_i = (D w)_i v_i.
            apart = abs(along[0] * directions[1] - along[1] * directions[0])
            if special and apart.max() > SMALL * max(abs(along).max(), SMALL * size) * 3:
                i_worst = int(apart.argmax())
                special, where = (
                    False,
                    f": entry {i_worst} depends on other entries of y at y = {np.round(y, 4)}",
                )
    if not seen:
        return ("general" if field.mixes else "diagonal-general"), NOT_FINITE
    if additive:
        return "additive", ""
    if field.mixes:
        if field.channels == 1:
            return "scalar", ""
        return ("commutative" if special else "general"), where
    return ("diagonal" if special or field.dim == 1 else "diagonal-general"), where


def _bracket(derivative, t, y, theta, g):
    """Return D g_j g_k - D g_k g_j, of shape (dim, channels, channels)."""
    dim, channels = g.shape
    if channels == 1:
        return np.zeros((dim, 1, 1))
    along = np.array(
        [derivative(t, y, theta, g[:, k]).reshape(dim, channels) for k in range(channels)]
    )
    turned = np.moveaxis(along, 0, 2)
    return turned - turned.transpose(0, 2, 1)


def _functions(field):
    """Return functions of (t, y, theta) and a direction: the values of the diffusion, and their derivatives."""
    call = Evaluator(field)
    joint = getattr(field.program, "more", 0) > 0
    part = slice(field.dim, None) if joint else slice(None)

    def value(t, y, theta):
        return call(t, y, theta)[part]

    def difference(t, y, theta, v):
        step = STEP * (1 + abs(y).max()) / max(abs(v).max(), 1e-300)
        return (value(t, y + step * v, theta) - value(t, y - step * v, theta)) / (2 * step)

    def exact(t, y, theta, v):
        return call.jvp(t, y, theta, (0.0, v, np.zeros_like(theta)))[1]

    return value, exact if hasattr(field.program, "operations") else difference
