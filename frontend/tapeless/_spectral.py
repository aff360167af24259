"""Weights divided by their largest singular value, once for a solve; with the transpose and the tangent of that."""

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
