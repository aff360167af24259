"""The coefficients of a field of two or three axes in products of cosines and sines, axis by axis, and the way back."""

from typing import NamedTuple

import numpy as np

from .._jit import kernel
from .trig import analyse_columns, analyse_rows, n_folded, synthesise_columns, synthesise_rows

Real = np.float64


class Tensor(NamedTuple):
    """The axes of a grid, as tables for kernels."""

    axes: tuple  # three of them; those that a field lacks come first and have one point
    n_axes: int
    n_points: int  # of the grid
    pitch: int  # of rows, where their columns are vectors
    n_planes: int  # coefficients along the first axis of three


class Scratch(NamedTuple):
    """What one caller needs to go from a field to its modes."""

    folded: np.ndarray
    padded: np.ndarray  # a field whose rows are whole vectors
    first: np.ndarray  # coefficients along the first axis of three
    second: np.ndarray  # and along the one before the last
    found: np.ndarray  # and along all
    joined: np.ndarray  # modes of the last two axes of three


def scratch_sizes(tensor, vector):
    """Return the numbers of each array of a `Scratch`."""
    upper, middle, last = tensor.axes
    folded = max(n_folded(last), n_folded(middle, vector), n_folded(upper, vector))
    if tensor.n_axes == 1:
        return folded, 0, 0, 0, 0, 0
    rows, pitch, n = middle.n_classes * middle.width, tensor.pitch, n_coefficients(tensor)
    return (
        folded, upper.n * middle.n * pitch, tensor.n_planes * middle.n * pitch,
        tensor.n_planes * rows * pitch, n, 2 * n if tensor.n_axes == 3 else 0,
    )  # fmt: skip


def n_coefficients(tensor):
    """Return how many coefficients a field has."""
    return int(np.prod([a.n_classes * a.width for a in tensor.axes[3 - tensor.n_axes :]]))


@kernel
def analyse(x, x_at, tensor, scratch):
    """The coefficients of a field of two or three axes: along the first, which makes fewer rows for the others."""
    upper, middle, last = tensor.axes
    source, at, inner = x, x_at, tensor.pitch
    if inner != last.n:
        pad(x, x_at, upper.n * middle.n, last.n, scratch.padded, inner)
        source, at = scratch.padded, 0
    planes, rows = tensor.n_planes, middle.n_classes * middle.width
    if tensor.n_axes > 2:
        analyse_columns(source, at, upper, middle.n * inner, scratch.folded, scratch.first, 0)
        source, at = scratch.first, 0
    for i in range(planes):
        analyse_columns(
            source, at + i * middle.n * inner, middle, inner, scratch.folded, scratch.second, i * rows * inner
        )  # fmt: skip
    analyse_rows(scratch.second, 0, inner, planes * rows, last, scratch.folded, scratch.found, 0)


@kernel
def synthesise(tensor, scratch, y, y_at):
    """The transpose of `analyse`."""
    upper, middle, last = tensor.axes
    inner, rows = tensor.pitch, middle.n_classes * middle.width
    planes = tensor.n_planes
    synthesise_rows(scratch.found, 0, planes * rows, last, scratch.folded, scratch.second, 0, inner)
    target, at = y, y_at
    if inner != last.n:
        target, at = scratch.padded, 0
    of_planes, of_planes_at = target, at
    if tensor.n_axes > 2:
        of_planes, of_planes_at = scratch.first, 0
    for i in range(planes):
        synthesise_columns(
            scratch.second, i * rows * inner, middle, inner, scratch.folded,
            of_planes, of_planes_at + i * middle.n * inner,
        )  # fmt: skip
    if tensor.n_axes > 2:
        synthesise_columns(scratch.first, 0, upper, middle.n * inner, scratch.folded, target, at)
    if inner != last.n:
        unpad(scratch.padded, inner, y, y_at, upper.n * middle.n, last.n)


@kernel
def pad(x, x_at, n_rows, n, out, pitch):
    """Copy rows of n numbers to places that are `pitch` apart, with zeros between."""
    for r in range(n_rows):
        for i in range(n):
            out[r * pitch + i] = x[x_at + r * n + i]
        for i in range(n, pitch):
            out[r * pitch + i] = Real(0)


@kernel
def unpad(padded, pitch, y, y_at, n_rows, n):
    """The transpose of `pad`."""
    for r in range(n_rows):
        for i in range(n):
            y[y_at + r * n + i] = padded[r * pitch + i]
