"""Runs spectral kernels on the CPU: families, tables that are kept, and fields or modes shared by threads."""

import functools
from collections import deque

import numpy as np

from .. import activations
from .._jit import Family
from ..launch.array import carve
from ..launch.threads import THREADS
from . import fold, mixing, product
from .mixing import mix, mix_vjp_weights, mix_vjp_x
from .modes import GROUP, from_modes, make_modes, places, to_modes
from .pointwise import Panels, panel_sizes, pointwise, pointwise_vjp
from .tensor import Scratch, n_coefficients, scratch_sizes
from .trig import half_width


@functools.cache
def family(dtype):
    """Return the spectral kernels of one dtype."""
    bind = {
        "Real": dtype.type,
        "LANES": 2,  # not a single lane: kernels that are apart stay so
        **activations.bindings(dtype),
        **fold.bindings(dtype.itemsize),
        **product.bindings(dtype.itemsize),
        **mixing.bindings(dtype.itemsize),
    }
    return Family(f"spectral_{dtype.name}_1", bind)


class Transform:
    """The modes that are kept of a grid, in one dtype: to them, back to a field, and the transposes of both.

    In the form "plain" a mode is the sum of x times exp(-i k j); in the form "scaled" it is also divided by the number
    of points, and doubled where it stands for its conjugate too. So the way back in the scaled form is the inverse FFT,
    and in the plain one the transpose of the FFT.
    """

    def __init__(self, shape, modes, dtype):
        kernels = family(dtype)
        self.shape, self.dtype, self._vector = shape, dtype, kernels.bind["VECTOR"]
        self.tables = make_modes(shape, modes, dtype, self._vector)
        self._n = n_coefficients(self.tables.tensor)
        plain, scaled = np.zeros((2, self.tables.row), dtype)
        where = row_places(modes, dtype)
        plain[where], scaled[where] = 1, half_spectrum(shape[-1], modes[-1]) / np.prod(shape)
        self._scales = {"plain": plain, "scaled": scaled}
        self._to, self._from = kernels(to_modes), kernels(from_modes)
        self._free = deque(), deque()

    def to_modes(self, x, form, out, n_threads=1):
        """Fill out (waves, 2, row, n) with the modes of x (n, *shape)."""
        self._run(self._to, x.reshape(-1), form, out.reshape(-1), len(x), n_threads)
        return out

    def from_modes(self, modes, form, y, n_threads=1):
        """Fill y (n, *shape) with the fields that have these modes: the transpose of `to_modes`."""
        self._run(self._from, modes.reshape(-1), form, y.reshape(-1), len(y), n_threads)
        return y

    def _run(self, kernel, source, form, target, n, n_threads):
        # Each direction has scratch of its own: what is not finite in one must not be met in the other.
        scales, free = self._scales[form], self._free[kernel is self._to]

        def run(part, stop):
            try:
                scratch = free.pop()
            except IndexError:
                scratch = self._scratch()
            kernel(source, self.tables, scales, *scratch, target, n, self._n, *part)
            free.append(scratch)

        THREADS.map(run, parts(n, n_threads), n_threads)

    def _scratch(self):
        sizes = scratch_sizes(self.tables.tensor, self._vector)
        packed = GROUP * self.tables.n_rows * self.tables.row
        *arrays, packed = carve([((size,), self.dtype) for size in (*sizes, packed)])
        for x in arrays[-2:]:  # what no wave belongs to is never written, and stays 0
            x[:] = 0
        return Scratch(*arrays), packed


def vector(dtype):
    """Return the numbers of a vector on this machine."""
    return family(dtype).bind["VECTOR"]


def row_places(modes, dtype):
    """Return where the waves 0, 1, ... of the last axis lie in a row."""
    return places(modes[-1:], vector(dtype))


def row_size(modes, dtype):
    """Return the complex numbers of a row, those that pad it too."""
    return 2 * half_width(modes[-1], vector(dtype))


def half_spectrum(n, m):
    """Return how often waves 0 to m - 1 of n points count in a half spectrum: 1 for the mean and Nyquist's, else 2."""
    k = np.arange(m)
    return np.where((k == 0) | (2 * k == n), 1, 2)


def parts(n, n_threads):
    """Return n things as ranges (first, last), one a thread."""
    size = max(1, -(-n // n_threads))
    return [(i, min(i + size, n)) for i in range(0, n, size)]


@functools.lru_cache(maxsize=64)
def _places(modes, dtype):
    return places(modes, vector(dtype))


def mixed(x, weights, out, modes, n_threads=1):
    """Fill out (waves, 2, row, batch, n_out) with x times weights (n_modes, 2, n_in, n_out)."""
    n, _, n_in, n_out = weights.shape
    if not x.size:  # kernels sum over one number at least
        return out
    run, where = family(x.dtype)(mix), _places(modes, x.dtype)
    THREADS.map(
        lambda part, stop: run(
            x.reshape(-1), weights.reshape(-1), out.reshape(-1), where, x.shape[2], x.shape[3], n_in, n_out, *part
        ),
        parts(n, n_threads),
        n_threads,
    )  # fmt: skip
    return out


def mixed_vjp(x, weights, out_bar, x_bar, weights_bar, modes, n_threads=1):
    """The transposes of `mixed`: fill x_bar and weights_bar."""
    n, _, n_in, n_out = weights.shape
    if not x.size:
        weights_bar[...] = 0
        return
    kernels, where = family(x.dtype), _places(modes, x.dtype)
    of_x, of_weights = kernels(mix_vjp_x), kernels(mix_vjp_weights)
    row, batch = out_bar.shape[2:4]
    flat_bar = out_bar.reshape(-1)

    def run(part, stop):
        (panel,) = carve([((2 * n_in * n_out,), out_bar.dtype)])
        of_x(
            weights.reshape(-1), flat_bar, x_bar.reshape(-1), where, row, batch, n_in, n_out, panel, *part
        )  # fmt: skip
        of_weights(
            x.reshape(-1), flat_bar, weights_bar.reshape(-1), where, row, batch, n_in, n_out, *part
        )

    THREADS.map(run, parts(n, n_threads), n_threads)


def points(theta, at, x, out, after, activation, fresh, n_threads=1):
    """Fill out (batch, n_out, n) with what is there, or 0 if fresh, plus W^T x + b, and `after` with act(out).

    W (n_in, n_out) begins at `at` in theta, and b follows. The activation is a code, which is negative if its slopes
    are to be left in out; with code 0 `after` may be empty.
    """
    (batch, n_in, n), n_out = x.shape, out.shape[1]
    run = family(x.dtype)(pointwise)

    def share(part, stop):
        run(
            theta, at, x.reshape(-1), out.reshape(-1), after.reshape(-1), (n_in, n_out, n), activation, fresh,
            _panels(x.dtype, n_in, n_out), *part,
        )  # fmt: skip

    THREADS.map(share, parts(batch, n_threads), n_threads)


def points_vjp(theta, at, x, slopes, after_bar, x_bar, fresh, n_threads=1):
    """The transpose of `points`: add to x_bar, from 0 if fresh, and return the cotangents of W and b.

    Without slopes, an empty array, `after_bar` is the cotangent of out.
    """
    (batch, n_in, n), n_out = x.shape, after_bar.shape[1]
    of_samples = np.empty((batch, (n_in + 1) * n_out), x.dtype)
    run = family(x.dtype)(pointwise_vjp)

    def share(part, stop):
        run(
            theta, at, x.reshape(-1), slopes.reshape(-1), after_bar.reshape(-1), x_bar.reshape(-1),
            of_samples.reshape(-1), (n_in, n_out, n), fresh, _panels(x.dtype, n_in, n_out), *part,
        )  # fmt: skip

    THREADS.map(share, parts(batch, n_threads), n_threads)
    return of_samples.sum(axis=0)  # in the order of samples, whoever did them


def _panels(dtype, n_in, n_out):
    sizes = panel_sizes(n_in, n_out, family(dtype).bind["VECTOR"])
    return Panels(*carve([((size,), dtype) for size in sizes]))
