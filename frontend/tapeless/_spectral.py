"""Weights divided by their largest singular value, once for a solve; with its transpose, its tangent and both."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def _singular(
    theta: Floats, parts: tuple[Any, ...]
) -> Iterator[tuple[slice, Floats, Floats, float, float]]:
    """Yield where each such weight lies, itself, u v^T of its largest singular value, that value, and the bound."""
    for part in parts:
        if part.lipschitz:
            place = slice(part.at, part.at + int(np.prod(part.shape)))
            weight = theta[place].reshape(part.shape).astype(np.float64)
            u, s, vt = np.linalg.svd(weight, full_matrices=False)
            yield place, weight, np.outer(u[:, 0], vt[0]), float(s[0]), part.lipschitz


def normalised(theta: Floats, parts: tuple[Any, ...]) -> Floats:
    """Return theta with c W / |W| for each weight W of a spectral layer; a weight of 0 stays."""
    theta = theta.copy()
    for place, weight, _, largest, bound in _singular(theta, parts):
        if largest > 0:
            theta[place] = (bound / largest * weight).ravel()
    return theta


def normalised_vjp(theta: Floats, bar: Floats, parts: tuple[Any, ...]) -> Floats:
    """Return the cotangent of theta from that of `normalised`: c (bar - <bar, W> u v^T / |W|) / |W|."""
    bar = bar.copy()
    for place, weight, outer, largest, bound in _singular(theta, parts):
        given = bar[place].reshape(weight.shape).astype(np.float64)
        pulled = given - np.vdot(given, weight) / largest * outer if largest > 0 else 0 * given
        bar[place] = (bound / largest * pulled).ravel() if largest > 0 else 0
    return bar


def normalised_jvp(theta: Floats, dot: Floats, parts: tuple[Any, ...]) -> Floats:
    """Return the tangent of `normalised`: c (dot - <u v^T, dot> W / |W|) / |W|."""
    dot = dot.copy()
    for place, weight, outer, largest, bound in _singular(theta, parts):
        given = dot[place].reshape(weight.shape).astype(np.float64)
        pushed = given - np.vdot(outer, given) / largest * weight if largest > 0 else 0 * given
        dot[place] = (bound / largest * pushed).ravel() if largest > 0 else 0
    return dot


def normalised_vjp_jvp(
    theta: Floats, dot: Floats, bar: Floats, bar_dot: Floats, parts: tuple[Any, ...]
) -> tuple[Floats, Floats]:
    """Return what `normalised_vjp` does, and its tangent along `dot` of theta and `bar_dot` of bar.

    With s = |W| and P = u v^T, both move: s_dot = <P, dot>, and P by the other singular vectors. Where the largest
    singular value is a double one there is no second derivative; what is not finite is left out then.
    """
    pulled, pulled_dot = normalised_vjp(theta, bar, parts), bar_dot.copy()
    for place, weight, outer, largest, bound in _singular(theta, parts):
        shape = weight.shape
        moved, given, given_dot, was = (
            x[place].reshape(shape).astype(np.float64) for x in (dot, bar, bar_dot, pulled)
        )
        if largest == 0:
            pulled_dot[place] = 0
            continue
        s_dot = np.vdot(outer, moved)
        along = np.vdot(given, weight) / largest
        along_dot = (np.vdot(given_dot, weight) + np.vdot(given, moved) - along * s_dot) / largest
        turned = given_dot - along_dot * outer - along * _outer_dot(weight, moved)
        pulled_dot[place] = (bound / largest * turned - s_dot / largest * was).ravel()
    return pulled, pulled_dot


def _outer_dot(weight: Floats, dot: Floats) -> Floats:
    """Return the tangent of u v^T, of the largest singular value of a weight, along `dot`."""
    u, s, vt = np.linalg.svd(weight)
    padded = np.zeros(max(weight.shape))
    padded[: len(s)] = s
    inside = u.T @ dot @ vt.T
    column, row = inside[:, 0], inside[0]  # parts of dot v in the u_i, and of dot^T u in the v_i
    largest, n, m = s[0], *weight.shape
    left, right = np.zeros(max(n, m)), np.zeros(max(n, m))
    left[:n], right[:m] = column, row
    gaps = largest**2 - padded**2
    gaps[0] = np.inf
    gaps[gaps == 0] = np.inf
    u_dot = u @ ((largest * left + padded * right) / gaps)[:n]
    v_dot = vt.T @ ((largest * right + padded * left) / gaps)[:m]
    moved: Floats = np.outer(u_dot, vt[0]) + np.outer(u[:, 0], v_dot)
    return moved
