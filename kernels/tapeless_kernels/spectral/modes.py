"""From fields on grids of one to three axes to the complex modes that are kept, and back: transposes.

A field's coefficients are those of products of cosines and sines, one factor an axis: real numbers, found axis by axis
(`tensor.py`). Modes are sums and differences of rows of them, rows being all waves of the last axis, even ones
first and padded to whole vectors. So the modes of a field are (signed waves of the other axes, 2, row), and those of
n fields lie as (signed waves, 2, row, n), real parts and imaginary ones apart.
"""

from typing import NamedTuple

import numpy as np

from .._jit import kernel, separate
from .mixing import turn_matrix
from .tensor import Tensor, analyse, synthesise
from .trig import ROWS, analyse_rows, axis, half_width, place, synthesise_rows

Real = np.float64
GROUP = 2 * ROWS  # fields that are turned together: whole vectors of any type


class Modes(NamedTuple):
    """The modes that are kept of a grid, as tables for kernels."""

    tensor: Tensor
    upper: (
        np.ndarray
    )  # (m + 1, 2): the row of each wave's cosine and sine, of the first axis of three
    middle: np.ndarray  # the same, of the axis before the last
    row: int  # complex numbers of a row
    n_rows: int  # of a field: signed waves times two parts


def wavenumbers(modes):
    """Return the wavenumbers of each axis, as an FFT orders them: 0 to m - 1, and but for the last -m to -1."""
    *others, last = modes
    return [np.r_[0:m, -m:0] for m in others] + [np.arange(last)]


def make_modes(shape, modes, dtype, vector):
    """Return the tables for `modes` of each axis of `shape`."""
    axes = [axis(n, m + 1, dtype) for n, m in zip(shape[:-1], modes[:-1], strict=True)]
    axes.append(axis(shape[-1], modes[-1], dtype, vector))
    rows = [_rows(a, m) for a, m in zip(axes[:-1], modes[:-1], strict=True)]
    empty = axis(1, 1, dtype)
    padded = (empty,) * (3 - len(axes)) + tuple(axes)
    rows = [np.zeros((1, 2), np.int64)] * (2 - len(rows)) + rows
    n_planes = padded[0].n_classes * padded[0].width if len(shape) == 3 else 1
    pitch = -(-shape[-1] // vector) * vector
    tensor = Tensor(padded, len(shape), int(np.prod(shape)), pitch, n_planes)
    row = axes[-1].n_classes * axes[-1].width // 2
    return Modes(tensor, *rows, row, 2 * int(np.prod([2 * m for m in modes[:-1]])))


def _rows(table, m):
    """Return the rows of cosines and sines 0 to m of an axis that is not the last."""
    half = table.n_classes * table.width // 2
    return np.array(
        [[place(k, m + 1, 1), half + place(k, m + 1, 1)] for k in range(m + 1)], np.int64
    )


def places(modes, vector):
    """Return where each mode's real part lies, for a single field; the imaginary one lies a row behind."""
    *others, last = modes
    row = 2 * half_width(last, vector)
    lead = np.arange(int(np.prod([2 * m for m in others]))) * 2 * row
    return np.add.outer(lead, [place(k, last, vector) for k in range(last)]).ravel()


@separate
def join(source, at, waves, n_inner, row, sign, out, out_at):
    """Join cosines and sines of one axis to waves of both signs: cos - i sin, and its conjugate.

    `source` holds, for each row of `waves`, n_inner complex arrays, real parts then imaginary ones, the latter
    times `sign`; out holds the same for 0, 1, ... and then ..., -1.
    """
    m, size = len(waves) - 1, 2 * n_inner * row
    for k in range(m + 1):
        cosine, sine = at + waves[k, 0] * size, at + waves[k, 1] * size
        up, down = out_at + k * size, out_at + (2 * m - k) * size
        for _ in range(n_inner):
            if k < m:
                for c in range(row):
                    out[up + c] = source[cosine + c] + sign * source[sine + row + c]
                    out[up + row + c] = sign * source[cosine + row + c] - source[sine + c]
            if k > 0:
                for c in range(row):
                    out[down + c] = source[cosine + c] - sign * source[sine + row + c]
                    out[down + row + c] = sign * source[cosine + row + c] + source[sine + c]
            cosine, sine, up, down = cosine + 2 * row, sine + 2 * row, up + 2 * row, down + 2 * row


@separate
def part(source, at, waves, n_inner, row, sign, out, out_at):
    """The transpose of `join`, from waves of both signs in `source` to cosines and sines in `out`."""
    m, size = len(waves) - 1, 2 * n_inner * row
    for k in range(m + 1):
        cosine, sine = out_at + waves[k, 0] * size, out_at + waves[k, 1] * size
        up, down = at + k * size, at + (2 * m - k) * size
        for _ in range(n_inner):
            for c in range(row):
                re, im, other_re, other_im = Real(0), Real(0), Real(0), Real(0)
                if k < m:
                    re, im = source[up + c], source[up + row + c]
                if k > 0:
                    other_re, other_im = source[down + c], source[down + row + c]
                out[cosine + c] = re + other_re
                out[cosine + row + c] = sign * (im + other_im)
                out[sine + c] = other_im - im
                out[sine + row + c] = sign * (re - other_re)
            cosine, sine, up, down = cosine + 2 * row, sine + 2 * row, up + 2 * row, down + 2 * row


@kernel
def scaled(x, at, n, row, scales):
    """Multiply the n rows of a field's modes by numbers that depend on the place in a row; 0 clears what pads it."""
    for r in range(n):
        part_of_x = x[at + r * row : at + (r + 1) * row]
        for c in range(row):
            part_of_x[c] = part_of_x[c] * scales[c] if scales[c] > 0 else Real(0)


@kernel
def to_modes(x, modes, scales, scratch, packed, out, n_fields, n, first, last):
    """The modes of fields first to last - 1 of n_fields; n is the number of a field's coefficients."""
    tensor, size = modes.tensor, modes.n_rows * modes.row
    for field in range(first, last, GROUP):
        group, at = min(GROUP, last - field), field * tensor.n_points
        if tensor.n_axes == 1:
            analyse_rows(x, at, tensor.n_points, group, tensor.axes[2], scratch.folded, packed, 0)
        for i in range(group):
            if tensor.n_axes == 1:
                imaginary = packed[i * size + modes.row : (i + 1) * size]
                for c in range(modes.row):
                    imaginary[c] = -imaginary[c]
            else:
                analyse(x, at + i * tensor.n_points, tensor, scratch)
                join_all(scratch, modes, n, packed, i * size)
            scaled(packed, i * size, modes.n_rows, modes.row, scales)
        turn_matrix(packed, 0, size, out, field, n_fields, group, size)


@kernel
def from_modes(given, modes, scales, scratch, packed, y, n_fields, n, first, last):
    """The transpose of `to_modes`."""
    tensor, size = modes.tensor, modes.n_rows * modes.row
    for field in range(first, last, GROUP):
        group, at = min(GROUP, last - field), field * tensor.n_points
        turn_matrix(given, field, n_fields, packed, 0, size, size, group)
        for i in range(group):
            scaled(packed, i * size, modes.n_rows, modes.row, scales)
            if tensor.n_axes == 1:
                imaginary = packed[i * size + modes.row : (i + 1) * size]
                for c in range(modes.row):
                    imaginary[c] = -imaginary[c]
            else:
                part_all(packed, i * size, modes, n, scratch)
                synthesise(tensor, scratch, y, at + i * tensor.n_points)
        if tensor.n_axes == 1:
            synthesise_rows(
                packed, 0, group, tensor.axes[2], scratch.folded, y, at, tensor.n_points
            )


@kernel
def join_all(scratch, modes, n, out, out_at):
    """The modes of a field's coefficients, in scratch.found; sines count minus i."""
    middle, upper, minus, plus = modes.middle, modes.upper, Real(-1), Real(1)
    if modes.tensor.n_axes == 2:
        join(scratch.found, 0, middle, 1, modes.row, minus, out, out_at)
    else:
        n_middle = 2 * (len(middle) - 1)
        plane = n // modes.tensor.n_planes
        for i in range(modes.tensor.n_planes):
            join(
                scratch.found, i * plane, middle, 1, modes.row, minus,
                scratch.joined, i * n_middle * 2 * modes.row,
            )  # fmt: skip
        join(scratch.joined, 0, upper, n_middle, modes.row, plus, out, out_at)


@kernel
def part_all(given, at, modes, n, scratch):
    """The transpose of `join_all`."""
    middle, upper, minus, plus = modes.middle, modes.upper, Real(-1), Real(1)
    if modes.tensor.n_axes == 2:
        part(given, at, middle, 1, modes.row, minus, scratch.found, 0)
    else:
        n_middle = 2 * (len(middle) - 1)
        plane = n // modes.tensor.n_planes
        part(given, at, upper, n_middle, modes.row, plus, scratch.joined, 0)
        for i in range(modes.tensor.n_planes):
            part(
                scratch.joined, i * n_middle * 2 * modes.row, middle, 1, modes.row, minus,
                scratch.found, i * plane,
            )  # fmt: skip
