"""The real trigonometric transform of one axis: coefficients of cosines and sines of the wavenumbers that are kept.

``c[k] = sum_j x[j] cos(2 pi j k / n)`` and ``s[k] = sum_j x[j] sin(2 pi j k / n)`` for k < n_waves. Along the last axis
a row's coefficients lie as (classes, width), `width` whole vectors; along another axis as (classes, width, inner).
"""

from typing import NamedTuple

import numpy as np

from .._jit import kernel
from .fold import fold, unfold
from .product import FRESH, multiply

ROWS = 12  # that are folded together: a tall register block
PANEL = 8  # vectors of columns that are folded together, so that they stay in the first-level cache

VECTOR = 1  # `product.bindings` gives it a meaning


class Axis(NamedTuple):
    """The tables of one axis for kernels: a basis per class, (points, width) and turned, (width, room for points)."""

    basis: np.ndarray
    turned: np.ndarray
    n: int
    n_classes: int
    n_points: int  # of a class
    width: int  # coefficients of a class, with those that pad it
    room: int  # for points, with those that pad them


def n_classes(n):
    """Return into how many classes an axis of n points is folded."""
    return 4 if n % 4 == 0 else 2


def half_width(n_waves, vector):
    """Return how many even, and how many odd wavenumbers there is room for, in whole vectors."""
    return (n_waves + 1) // 2 + -((n_waves + 1) // 2) % vector


def place(k, n_waves, vector):
    """Return where a wavenumber's coefficient lies among those of cosines, and of sines: even ones come first.

    So it is with any number of points, and modes of one grid are modes of another.
    """
    return k % 2 * half_width(n_waves, vector) + k // 2


def cosine(p, q):
    """cos(2 pi p / q) for integers: angles are brought into an eighth of the circle, where zeros and ones are exact."""
    p = np.asarray(p) % q
    p = 2 * np.minimum(p, q - p)  # of pi / q now
    sign = np.where(2 * p > q, -1.0, 1.0)
    p = np.minimum(p, q - p)
    near = np.cos(np.pi * p / q)
    return sign * np.where(4 * p > q, np.sin(np.pi * (q - 2 * p) / (2 * q)), near)


def sine(p, q):
    """sin(2 pi p / q) for integers."""
    return cosine(4 * np.asarray(p) - q, 4 * q)


def axis(n, n_waves, dtype, vector=1):
    """Return the tables for n points and wavenumbers 0 to n_waves - 1, padded to whole vectors."""
    classes, half = n_classes(n), half_width(n_waves, vector)
    points = n // classes + 1
    room = -(-points // vector) * vector
    waves = np.zeros((2, points, 2 * half))
    j = np.arange(points)
    for k in range(n_waves):
        waves[:, :, place(k, n_waves, vector)] = cosine(j * k, n), sine(j * k, n)
    width = 4 * half // classes
    basis = np.moveaxis(waves.reshape(2, points, classes // 2, width), 2, 1)
    basis = basis.reshape(classes, points, width)
    turned = np.zeros((classes, width, room))
    turned[:, :, :points] = basis.swapaxes(1, 2)
    return Axis(
        basis.astype(dtype).ravel(), turned.astype(dtype).ravel(), n, classes, points, width, room
    )


@kernel
def analyse_rows(x, x_at, pitch, n_rows, axis, folded, out, out_at):
    """The coefficients of rows that begin `pitch` numbers apart."""
    panel, line = axis.n_points, axis.n_classes * axis.width
    for first in range(0, n_rows, ROWS):
        rows = min(ROWS, n_rows - first)
        fold(
            x, x_at + first * pitch, 1, axis.n, 1, folded, 0, panel, axis.n_classes, rows, pitch
        )  # fmt: skip
        for c in range(axis.n_classes):
            multiply(
                folded, c * panel, axis.n_classes * panel, 1,
                axis.basis, c * panel * axis.width, axis.width,
                out, out_at + first * line + c * axis.width, line, rows, panel, axis.width, FRESH,
            )  # fmt: skip


@kernel
def synthesise_rows(coefficients, at, n_rows, axis, folded, y, y_at, pitch):
    """The transpose of `analyse_rows`: y = sum of coefficients times waves."""
    room, line = axis.room, axis.n_classes * axis.width
    for first in range(0, n_rows, ROWS):
        rows = min(ROWS, n_rows - first)
        for c in range(axis.n_classes):
            multiply(
                coefficients, at + first * line + c * axis.width, line, 1,
                axis.turned, c * axis.width * room, room,
                folded, c * room, axis.n_classes * room, rows, axis.width, room, FRESH,
            )  # fmt: skip
        unfold(
            folded, 0, room, axis.n_classes, y, y_at + first * pitch, 1, axis.n, 1, rows, pitch
        )  # fmt: skip


@kernel
def analyse_columns(x, x_at, axis, inner, folded, out, out_at):
    """The coefficients (classes, width, inner) of (n, inner), inner being whole vectors."""
    for column in range(0, inner, PANEL * VECTOR):
        n = min(PANEL * VECTOR, inner - column)
        size = axis.n_points * n
        fold(x, x_at + column, inner, axis.n, n, folded, 0, size, axis.n_classes, 1, 0)
        for c in range(axis.n_classes):
            multiply(
                axis.turned, c * axis.width * axis.room, axis.room, 1,
                folded, c * size, n,
                out, out_at + c * axis.width * inner + column, inner, axis.width, axis.n_points, n, FRESH,
            )  # fmt: skip


@kernel
def synthesise_columns(coefficients, at, axis, inner, folded, y, y_at):
    """The transpose of `analyse_columns`."""
    for column in range(0, inner, PANEL * VECTOR):
        n = min(PANEL * VECTOR, inner - column)
        size = axis.n_points * n
        for c in range(axis.n_classes):
            multiply(
                axis.basis, c * axis.n_points * axis.width, axis.width, 1,
                coefficients, at + c * axis.width * inner + column, inner,
                folded, c * size, n, axis.n_points, axis.width, n, FRESH,
            )  # fmt: skip
        unfold(folded, 0, size, axis.n_classes, y, y_at + column, inner, axis.n, n, 1, 0)


def n_folded(axis, vector=0):
    """Return how many numbers are folded at once along rows, or, with a vector's size, across them."""
    return axis.n_classes * axis.room * (PANEL * vector or ROWS)
