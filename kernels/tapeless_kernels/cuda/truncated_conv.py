"""The spectral convolution on a GPU: kept modes only, by products with waves. No GPU has run it yet.

`truncated_conv.cu` has the kernels, each beside its transpose; the CPU's own are in `spectral`. A field is read once
for its modes and written once from them, so that on large grids memory sets the time: see `work`.
"""

import itertools
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._cupy import raw_kernel
from ..spectral.launch import half_spectrum
from .raw_arguments import FLOATS, checked, float_name
from .work import Work

SOURCE = Path(__file__).with_suffix(".cu")
# As the .cu file has them.
THREADS, ROWS, MODES, POINTS, SIDE = 128, 32, 16, 32, 16
MOST_POINTS = 1 << 16  # of an axis: products of a wave and a point are of 32 bits
TRANSFORMS = "analyse", "synthesise"
PRODUCTS = "mix", "mix_vjp_x", "mix_vjp_weights"


def instances(real):
    """Return the kernels of one type of C."""
    transforms = (
        f"{kernel}<{real}, {pairs}>" for kernel in TRANSFORMS for pairs in ("false", "true")
    )
    return *transforms, *(f"{kernel}<{real}>" for kernel in PRODUCTS)


INSTANCES = tuple(itertools.chain.from_iterable(map(instances, FLOATS.values())))


class Axis(NamedTuple):
    """An axis of a grid: its points, the waves that are kept, and how many of those are not negative."""

    n: int
    count: int
    half: int


class TruncatedConv:
    """``y = irfftn(W * rfftn(x))`` on the lowest modes, and its transpose, with dense weights.

    `xp` makes arrays, NumPy or CuPy, and `module` compiles kernels, as `_cupy.raw_kernel` takes it. With `target`
    y is on another grid.
    """

    def __init__(self, grid, modes, n_in, n_out, dtype, xp, target=None, module=None):
        target = grid if target is None else target
        self.dtype, self.n_in, self.n_out = np.dtype(dtype), n_in, n_out
        self._xp, self._module, self._real = xp, module, float_name("TruncatedConv", dtype)
        self.source, self.target = axes_of(grid, modes), axes_of(target, modes)
        self.counts = tuple(axis.count for axis in self.source)
        self.n_modes, m = math.prod(self.counts), modes[-1]
        self._roots = {n: self._array(roots(n)) for n in {*grid, *target}}
        self._plain = self._array(np.ones(m))
        self._scaled = self._array(half_spectrum(target[-1], m) / math.prod(grid))

    def forward(self, x, theta):
        """Return y (batch, n_out, *target) of x (batch, n_in, *grid), and the modes of x, which `vjp` takes."""
        batch = len(x)
        self._check("forward", (batch, self.n_in), self.source, x=x)
        self._check_theta("forward", theta)
        x_modes = self._to_modes(x, self.source, self._plain)
        mixed = self._pairs(batch * self.n_out)
        self._mix("mix", x_modes, theta, mixed, batch, batch, self.n_out)
        y = self._from_modes(mixed, self.target, self._scaled, (batch, self.n_out))
        return y, x_modes

    def vjp(self, x_modes, theta, y_bar):
        """Return the cotangents of x and of theta: the transpose of `forward`."""
        batch = len(y_bar)
        self._check("vjp", (batch, self.n_out), self.target, y_bar=y_bar)
        self._check_theta("vjp", theta)
        bars = self._to_modes(y_bar, self.target, self._scaled)
        modes_bar, theta_bar = self._pairs(batch * self.n_in), self._empty(theta.shape)
        self._mix("mix_vjp_x", bars, theta, modes_bar, batch, batch, self.n_in)
        self._mix("mix_vjp_weights", x_modes, bars, theta_bar, batch, self.n_in, self.n_out)
        x_bar = self._from_modes(modes_bar, self.source, self._plain, (batch, self.n_in))
        return x_bar, theta_bar

    def work(self, batch):
        """Return the Work of the kernels of `forward`, in the order of their launches."""
        size, found = self.dtype.itemsize, []
        items = batch * self.n_in * math.prod(axis.n for axis in self.source)
        for axis in reversed(self.source):
            found.append(
                _transform_work("analyse", axis, items // axis.n, axis is self.source[-1], size)
            )
            items = items // axis.n * axis.count
        n = self.n_modes
        numbers = n * (batch * (self.n_in + self.n_out) + self.n_in * self.n_out)
        found.append(Work("mix", 8 * n * batch * self.n_in * self.n_out, 2 * size * numbers))
        items = n * batch * self.n_out
        for axis in self.target:
            rows = items // axis.count
            found.append(_transform_work("synthesise", axis, rows, axis is self.target[-1], size))
            items = rows * axis.n
        return found

    def _check(self, method, lead, axes, **arrays):
        shape = (*lead, *(axis.n for axis in axes))
        checked(f"TruncatedConv.{method}", self._xp, self.dtype, shape, **arrays)

    def _check_theta(self, method, theta):
        shape = (2 * self.n_modes * self.n_in * self.n_out,)
        checked(f"TruncatedConv.{method}", self._xp, self.dtype, shape, theta=theta)

    def _to_modes(self, x, axes, scale):
        """Return the modes (*counts, batch, channels) of fields as pairs, the last axis first."""
        items, pairs = x.size, "false"
        for axis in reversed(axes):
            rows = items // axis.n
            out = self._empty((2 * axis.count * rows,))
            blocks = _blocks(rows, ROWS), _blocks(axis.count, MODES)
            self._transform("analyse", pairs, blocks, x, axis, scale, out, rows)
            x, items, pairs = out, axis.count * rows, "true"
        return x

    def _from_modes(self, modes, axes, scale, lead):
        """Return the fields (*lead, *grid) of modes: the transpose of `_to_modes`, the first axis first."""
        items = modes.size // 2
        for axis in axes:
            rows, last = items // axis.count, axis is axes[-1]
            shape = (*lead, *(a.n for a in axes)) if last else (2 * rows * axis.n,)
            out = self._empty(shape)
            blocks = _blocks(rows, ROWS), _blocks(axis.n, POINTS)
            pairs = "false" if last else "true"
            self._transform("synthesise", pairs, blocks, modes, axis, scale, out, rows)
            modes, items = out, rows * axis.n
        return modes

    def _transform(self, kernel, pairs, blocks, given, axis, scale, out, rows):
        if rows:
            sizes = np.int64(rows), *map(np.int32, axis)
            arguments = given, self._roots[axis.n], scale, out, *sizes
            self._run(f"{kernel}<{self._real}, {pairs}>", blocks, arguments)

    def _mix(self, kernel, a, b, out, batch, rows, columns):
        if batch == 0:
            out[...] = 0
            return
        blocks = self.n_modes, _blocks(rows, SIDE), _blocks(columns, SIDE)
        sizes = map(np.int32, (batch, self.n_in, self.n_out))
        self._run(f"{kernel}<{self._real}>", blocks, (a, b, out, *sizes))

    def _run(self, instance, blocks, arguments):
        together = instances(self._real)
        kernel = raw_kernel(SOURCE, instance, module=self._module, together=together)
        kernel(blocks, (THREADS,), arguments)

    def _pairs(self, n):
        return self._empty((2 * self.n_modes * n,))

    def _empty(self, shape):
        return self._xp.empty(shape, self.dtype)

    def _array(self, x):
        return self._xp.asarray(x.astype(self.dtype))


def axes_of(grid, modes):
    """Return the axes of a grid: waves of both signs, of the last axis those from 0 on."""
    *others, last = zip(grid, modes, strict=True)
    return *(Axis(n, 2 * m, m) for n, m in others), Axis(last[0], last[1], last[1])


def roots(n):
    """Return exp(2 pi i j / n) for j below n, as pairs."""
    turns = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(turns), np.sin(turns)], axis=-1).ravel()


def _blocks(n, tile):
    return -(-n // tile)


def _transform_work(kernel, axis, rows, real, size):
    """Return the Work of a transform of one axis; the field is real, or the whole is complex."""
    parts = 1 if real else 2
    numbers = parts * rows * axis.n + 2 * rows * axis.count
    return Work(kernel, 4 * parts * rows * axis.n * axis.count, size * numbers)
