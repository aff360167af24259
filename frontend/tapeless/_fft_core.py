"""Unchecked Fourier, cosine and sine transforms over axes, each with its transpose below it.

What they take is a native array of float or complex numbers, distinct non-negative axes, and `inorm`: 0, 1 or 2 for
division by 1, sqrt(n) or n, where n is the product of the lengths. Cotangents are dL/dRe + i dL/dIm.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless._fft_engine import current

Array = NDArray[Any]
Axes = tuple[int, ...]

COMPLEX = {np.dtype(real): np.dtype(z) for real, z in zip("fdgFDG", "FDGFDG", strict=True)}
REAL = {np.dtype(z): np.dtype(real) for z, real in zip("fdgFDG", "fdgfdg", strict=True)}


def c2c(x: Array, axes: Axes, forward: bool = True, inorm: int = 0, out: Any = None) -> Array:
    """y_k = sum_j x_j exp(-2 pi i jk / n), or with + in the exponent where it is not forward; x may be real."""
    if not x.size:
        return empty(x.shape, COMPLEX[x.dtype], out)
    engine, workers = current()
    return engine.c2c(x, axes, forward, inorm, out, workers)


def c2c_vjp(y_bar: Array, axes: Axes, forward: bool = True, inorm: int = 0) -> Array:
    """x_bar = the transform with the other sign: the matrix is symmetric, and the transpose conjugates it."""
    return c2c(y_bar, axes, not forward, inorm)


def r2c(x: Array, axes: Axes, forward: bool = True, inorm: int = 0, out: Any = None) -> Array:
    """y = c2c(x) of a real x, of which the last axis keeps its first n // 2 + 1 coefficients."""
    if not x.size:
        return empty(swapped(x.shape, axes[-1], x.shape[axes[-1]] // 2 + 1), COMPLEX[x.dtype], out)
    engine, workers = current()
    return engine.r2c(x, axes, forward, inorm, out, workers)


def r2c_vjp(y_bar: Array, axes: Axes, n: int, forward: bool = True, inorm: int = 0) -> Array:
    """x_bar_j = Re sum_{k <= n/2} y_bar_k exp(+2 pi i jk / n): c2r, which counts twice all that has a mirror image."""
    # One pass over y_bar: to scale a copy would take two, which is half the time of the transform.
    half = (np.ascontiguousarray(y_bar).view(REAL[y_bar.dtype]) * 0.5).view(y_bar.dtype)
    for k in {0, n // 2} if n % 2 == 0 else {0}:
        alone = (slice(None),) * axes[-1] + (k,)
        half[alone] = y_bar[alone]
    return c2r(half, axes, n, not forward, inorm)


def c2r(
    y: Array, axes: Axes, n: int, forward: bool = False, inorm: int = 2, out: Any = None
) -> Array:
    """x = c2c of the Hermitian spectrum that begins with y along the last axis, which has n points.

    The imaginary parts of y_0 and, where n is even, of y_{n/2} are left out, for such a spectrum has none.
    """
    if not y.size:
        return empty(swapped(y.shape, axes[-1], n), REAL[y.dtype], out)
    engine, workers = current()
    return engine.c2r(y, axes, n, forward, inorm, out, workers)


def c2r_vjp(x_bar: Array, axes: Axes, forward: bool = False, inorm: int = 2) -> Array:
    """y_bar_k = w_k sum_j x_bar_j exp(-2 pi i jk / n): w is 2 for what has a mirror image, and 1 for 0 and n/2."""
    y_bar = r2c(x_bar, axes, not forward, inorm)
    scale(y_bar, axes[-1], 1, (x_bar.shape[axes[-1]] + 1) // 2, 2)
    return y_bar


# Types II and III are each other's transposes, but for the edges.
TRANSPOSED = {1: 1, 2: 3, 3: 2, 4: 4}
# The coefficients that count half as much as others; an orthogonal transform scales them by sqrt(2) on each side.
EDGES = {
    ("dct", 1): (0, -1),
    ("dct", 2): (0,),
    ("dct", 3): (0,),
    ("dst", 2): (-1,),
    ("dst", 3): (-1,),
}


def r2r(kind: str, x: Array, type: int, axes: Axes, inorm: int, ortho: bool) -> Array:
    """y = the cosine ("dct") or sine ("dst") transform of type 1 to 4, of real and imaginary parts alike.

    With C the cosines of the type, of which those in the columns of edges are halved in types 1 and 3, it is y = 2 C x;
    `ortho` scales edges on both sides so that C is symmetric or, for types 2 and 3, the transpose of the other's.
    """
    if not x.size or not axes:
        return x.copy()
    engine, workers = current()
    transform = engine.dct if kind == "dct" else engine.dst
    if x.dtype.kind != "c":
        return transform(x, type, axes, inorm, None, workers, ortho)
    y = np.empty(x.shape, x.dtype)
    transform(x.real, type, axes, inorm, y.real, workers, ortho)
    transform(x.imag, type, axes, inorm, y.imag, workers, ortho)
    return y


def r2r_vjp(kind: str, y_bar: Array, type: int, axes: Axes, inorm: int, ortho: bool) -> Array:
    """x_bar = W r2r(V y_bar) of the transposed type: V doubles edges for types 1 and 2, W halves them for 1 and 3."""
    if ortho or (kind, type) not in EDGES:
        return r2r(kind, y_bar, TRANSPOSED[type], axes, inorm, ortho)
    edges = [(i, edge % y_bar.shape[i]) for i in axes for edge in EDGES[kind, type]]
    if type in (1, 2):
        y_bar = y_bar.copy()
        for axis, edge in edges:
            scale(y_bar, axis, edge, edge + 1, 2)
    x_bar = r2r(kind, y_bar, TRANSPOSED[type], axes, inorm, ortho)
    if type in (1, 3):
        for axis, edge in edges:
            scale(x_bar, axis, edge, edge + 1, 0.5)
    return x_bar


def scale(x: Array, axis: int, start: int, stop: int, factor: float) -> None:
    """Scale a part of a contiguous array in place; as real numbers, for a complex product makes inf to NaN."""
    if x.dtype.kind == "c" and axis == x.ndim - 1:
        start, stop = 2 * start, 2 * stop
    part = x.view(REAL[x.dtype])[(slice(None),) * axis + (slice(start, stop),)]
    np.multiply(part, factor, out=part)


def transform(
    kind: str, x: Array, axes: Axes, lengths: Axes, forward: bool, inorm: int, out: Any = None
) -> Array:
    """y = a transform of x cut off or padded by zeros to lengths: those of the real side where one is real."""
    if kind == "c2r":
        n = lengths[-1]
        x = resized(x, axes, (*lengths[:-1], n // 2 + 1))
        return c2r(x, axes, n, forward, inorm, out)
    x = resized(x, axes, lengths)
    return (r2c if kind == "r2c" else c2c)(x, axes, forward, inorm, out)


def transform_vjp(
    kind: str, y_bar: Array, axes: Axes, lengths: Axes, lengths_x: Axes, forward: bool, inorm: int
) -> Array:
    """x_bar = the transposed transform, padded by zeros or cut off to the lengths that x had."""
    if kind == "r2c":
        x_bar = r2c_vjp(y_bar, axes, lengths[-1], forward, inorm)
    else:
        x_bar = (c2r_vjp if kind == "c2r" else c2c_vjp)(y_bar, axes, forward, inorm)
    return resized(x_bar, axes, lengths_x)


def resized(x: Array, axes: Axes, lengths: tuple[int, ...]) -> Array:
    """Return x cut off, or padded by zeros, at the ends of axes: the transpose is this with the lengths x had."""
    if tuple([x.shape[i] for i in axes]) == lengths:
        return x
    shape, kept = list(x.shape), [slice(None)] * x.ndim
    for i, n in zip(axes, lengths, strict=True):
        shape[i], kept[i] = n, slice(min(n, x.shape[i]))
    part = x[tuple(kept)]
    if part.shape == tuple(shape):
        return part
    y = np.zeros(shape, x.dtype)
    y[tuple(kept)] = part
    return y


def swapped(shape: tuple[int, ...], axis: int, n: int) -> tuple[int, ...]:
    """Return a shape with another length along an axis."""
    return (*shape[:axis], n, *shape[axis + 1 :])


def empty(shape: tuple[int, ...], dtype: Any, out: Any = None) -> Array:
    """Return an array without entries."""
    assert not math.prod(shape)
    return np.empty(shape, dtype) if out is None else out
