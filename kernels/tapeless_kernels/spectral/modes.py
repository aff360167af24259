"""From fields on grids of one to three axes to the complex modes that are kept, and back; each is the other's transpose.

A field's coefficients are those of products of cosines and sines, one factor an axis: real numbers, found axis by axis.
A mode is a sum of 2^(d-1) of them for its real part and of as many for its imaginary part. Modes lie as
(modes, 2, fields), real parts and imaginary ones apart.
"""

import itertools
from typing import NamedTuple

import numpy as np

from .._jit import kernel
from .trig import (
    ROWS,
    Axis,
    analyse_columns,
    analyse_rows,
    axis,
    n_classes,
    n_folded,
    place,
    synthesise_columns,
    synthesise_rows,
)

Real = np.float64
N_AXES = 3  # of the tables; those that a field lacks come first and have one point


class Modes(NamedTuple):
    """The modes that are kept of a grid, as tables for kernels."""

    axes: tuple  # of N_AXES
    n_axes: int
    terms: np.ndarray  # (modes, 2, terms): which coefficients are added up
    n_terms: int
    n_modes: int
    n_points: int  # of the grid
    pitch: int  # of rows, where their columns are vectors


class Scratch(NamedTuple):
    """What one caller needs to go from a field to its modes."""

    folded: np.ndarray
    padded: np.ndarray  # a field whose rows are whole vectors
    first: np.ndarray  # coefficients along the first axis of three
    second: np.ndarray  # and along the one before the last
    found: np.ndarray  # and along all


def wavenumbers(modes):
    """Return the wavenumbers of each axis: 0 to m - 1 of the last, of the others also -m to -1, as an FFT orders them."""
    *others, last = modes
    return [np.r_[0:m, -m:0] for m in others] + [np.arange(last)]


def make_modes(shape, modes, dtype, vector):
    """Return the tables, and the signs of their terms, (modes, 2, terms), for `modes` of each axis of `shape`."""
    waves, d = wavenumbers(modes), len(shape)
    axes = [axis(n, m + 1, dtype) for n, m in zip(shape[:-1], modes[:-1], strict=True)]
    axes.append(axis(shape[-1], modes[-1], dtype, vector))
    sizes = [a.n_classes * a.width for a in axes]
    strides = np.r_[np.cumprod(sizes[:0:-1])[::-1], 1].astype(np.int64)
    kept = list(itertools.product(*waves))
    terms = np.empty((len(kept), 2, 2 ** (d - 1)), np.int64)
    signs = np.empty(terms.shape)
    for m, wave in enumerate(kept):
        n_found = [0, 0]
        for sines in itertools.product((0, 1), repeat=d):
            # The product of cos - i sign(k) sin: an even number of sines is real.
            part, turns = sum(sines) % 2, sum(sines)
            at = 0
            for a, k, is_sine, stride in zip(axes, wave, sines, strides, strict=True):
                which, where = place(a.n, abs(k), is_sine)
                at += (which * a.width + where) * stride
            sign = -1 if turns in (1, 2) else 1  # (-i)^turns is -i, -1, i
            for k, is_sine in zip(wave, sines, strict=True):
                sign *= -1 if is_sine and k < 0 else 1
            terms[m, part, n_found[part]], signs[m, part, n_found[part]] = at, sign
            n_found[part] += 1
    empty = Axis(np.zeros(0, dtype), np.zeros(0, dtype), 1, 1, 1, 1, 1)
    padded = (empty,) * (N_AXES - d) + tuple(axes)
    tables = Modes(padded, d, terms.ravel(), terms.shape[2], len(kept), int(np.prod(shape)),
        -(-shape[-1] // vector) * vector,
    )
    return tables, signs


def scratch_sizes(modes, vector):
    """Return the numbers of each array of a `Scratch`."""
    upper, middle, last = modes.axes
    folded = max(n_folded(last), n_folded(middle, vector), n_folded(upper, vector))
    planes, rows = upper.n_classes * upper.width, middle.n_classes * middle.width
    pitch = modes.pitch
    if modes.n_axes == 1:
        return folded, 0, 0, 0, ROWS * n_coefficients(modes)
    return (
        folded, upper.n * middle.n * pitch, planes * middle.n * pitch, planes * rows * pitch,
        n_coefficients(modes),
    )  # fmt: skip


def n_coefficients(modes):
    """Return how many coefficients a field has."""
    return int(np.prod([a.n_classes * a.width for a in modes.axes]))


@kernel
def analyse(x, x_at, modes, scratch):
    """The coefficients of a field of two or three axes: along the first, which makes fewer rows for the others."""
    upper, middle, last = modes.axes
    source, at, inner = x, x_at, modes.pitch
    if inner != last.n:
        pad(x, x_at, upper.n * middle.n, last.n, scratch.padded, inner)
        source, at = scratch.padded, 0
    planes, rows = 1, middle.n_classes * middle.width
    if modes.n_axes > 2:
        planes = upper.n_classes * upper.width
        analyse_columns(source, at, upper, middle.n * inner, scratch.folded, scratch.first, 0)
        source, at = scratch.first, 0
    for i in range(planes):
        analyse_columns(
            source, at + i * middle.n * inner, middle, inner, scratch.folded, scratch.second, i * rows * inner
        )  # fmt: skip
    analyse_rows(scratch.second, 0, inner, planes * rows, last, scratch.folded, scratch.found, 0)


@kernel
def synthesise(modes, scratch, y, y_at):
    """The transpose of `analyse`."""
    upper, middle, last = modes.axes
    inner, rows = modes.pitch, middle.n_classes * middle.width
    planes = upper.n_classes * upper.width if modes.n_axes > 2 else 1
    synthesise_rows(scratch.found, 0, planes * rows, last, scratch.folded, scratch.second, 0, inner)
    target, at = y, y_at
    if inner != last.n:
        target, at = scratch.padded, 0
    of_planes, of_planes_at = target, at
    if modes.n_axes > 2:
        of_planes, of_planes_at = scratch.first, 0
    for i in range(planes):
        synthesise_columns(
            scratch.second, i * rows * inner, middle, inner, scratch.folded,
            of_planes, of_planes_at + i * middle.n * inner,
        )  # fmt: skip
    if modes.n_axes > 2:
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


@kernel
def gather(coefficients, at, terms, weights, n_modes, n_terms, out, field, n_fields):
    """out[mode, part, field] = sum of weights times coefficients."""
    i, place = 0, field
    for _ in range(2 * n_modes):
        total = Real(0)
        for _ in range(n_terms):
            total += weights[i] * coefficients[at + terms[i]]
            i += 1
        out[place] = total
        place += n_fields


@kernel
def scatter(modes, field, n_fields, terms, weights, n_modes, n_terms, coefficients, at, n):
    """The transpose of `gather`, for n coefficients in all."""
    for i in range(at, at + n):
        coefficients[i] = Real(0)
    i, place = 0, field
    for _ in range(2 * n_modes):
        value = modes[place]
        for _ in range(n_terms):
            coefficients[at + terms[i]] += weights[i] * value
            i += 1
        place += n_fields


@kernel
def to_modes(x, modes, weights, scratch, out, n_fields, n, first, last):
    """The modes of fields first to last - 1 of n_fields; n is the number of a field's coefficients."""
    group = ROWS if modes.n_axes == 1 else 1
    for field in range(first, last, group):
        n_now, at = min(group, last - field), field * modes.n_points
        if modes.n_axes == 1:
            analyse_rows(x, at, modes.n_points, n_now, modes.axes[2], scratch.folded, scratch.found, 0)
        else:
            analyse(x, at, modes, scratch)
        for i in range(n_now):
            gather(
                scratch.found, i * n, modes.terms, weights, modes.n_modes, modes.n_terms,
                out, field + i, n_fields,
            )  # fmt: skip


@kernel
def from_modes(given, modes, weights, scratch, y, n_fields, n, first, last):
    """The transpose of `to_modes`."""
    group = ROWS if modes.n_axes == 1 else 1
    for field in range(first, last, group):
        n_now, at = min(group, last - field), field * modes.n_points
        for i in range(n_now):
            scatter(
                given, field + i, n_fields, modes.terms, weights, modes.n_modes, modes.n_terms,
                scratch.found, i * n, n,
            )  # fmt: skip
        if modes.n_axes == 1:
            synthesise_rows(
                scratch.found, 0, n_now, modes.axes[2], scratch.folded, y, at, modes.n_points
            )
        else:
            synthesise(modes, scratch, y, at)
