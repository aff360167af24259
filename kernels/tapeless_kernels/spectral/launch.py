"""Runs spectral kernels on the CPU: families, tables that are kept, and fields or modes shared by threads."""

import functools

import numpy as np

from .. import activations
from .._jit import Family
from ..launch.array import carve
from ..launch.threads import THREADS
from . import fold, mixing, pointwise as at_points, product
from .mixing import mix, mix_vjp_weights, mix_vjp_x
from .modes import Scratch, from_modes, make_modes, n_coefficients, scratch_sizes, to_modes
from .pointwise import Panels, activated_vjp, panel_sizes, pointwise, pointwise_vjp


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
        **at_points.bindings(dtype.itemsize),
    }
    return Family(f"spectral_{dtype.name}", bind)


class Transform:
    """The modes that are kept of a grid, in one dtype: to them, back to a field, and the transposes of both."""

    def __init__(self, shape, modes, dtype):
        kernels = family(dtype)
        self.shape, self.dtype = shape, dtype
        self._vector = kernels.bind["VECTOR"]
        self.tables, signs = make_modes(shape, modes, dtype, self._vector)
        self.n_modes, self._size = self.tables.n_modes, n_coefficients(self.tables)
        # A half spectrum stands for the other half too, but for its first column and Nyquist's.
        last = np.arange(modes[-1])
        twice = np.where((last == 0) | (2 * last == shape[-1]), 1.0, 2.0)
        scales = np.tile(twice, self.n_modes // modes[-1]) / self.tables.n_points
        self.plain = signs.astype(dtype).ravel()
        self.scaled = (signs * scales[:, None, None]).astype(dtype).ravel()
        self._to, self._from = kernels(to_modes), kernels(from_modes)

    def to_modes(self, x, out, weights, n_threads=1):
        """Fill out (modes, 2, n) with the modes of x (n, *shape)."""

        def run(part, stop):
            scratch = self._scratch()
            self._to(
                x.reshape(-1), self.tables, weights, scratch, out.reshape(-1), len(x), self._size, *part
            )

        THREADS.map(run, parts(len(x), n_threads), n_threads)
        return out

    def from_modes(self, modes, y, weights, n_threads=1):
        """Fill y (n, *shape) with the fields that have these modes: the transpose of `to_modes`."""

        def run(part, stop):
            scratch = self._scratch()
            self._from(
                modes.reshape(-1), self.tables, weights, scratch, y.reshape(-1), len(y), self._size, *part
            )

        THREADS.map(run, parts(len(y), n_threads), n_threads)
        return y

    def _scratch(self):
        return Scratch(*carve([((size,), self.dtype) for size in scratch_sizes(self.tables, self._vector)]))


def parts(n, n_threads):
    """Return n things as ranges (first, last), one a thread."""
    size = max(1, -(-n // n_threads))
    return [(i, min(i + size, n)) for i in range(0, n, size)]


@functools.lru_cache(maxsize=64)
def transform(shape, modes, dtype):
    """Return the transform of a grid, made once."""
    return Transform(shape, modes, dtype)


def mixed(x, weights, out, n_threads=1):
    """Fill out (modes, 2, batch, n_out) with x (modes, 2, batch, n_in) times weights (modes, 2, n_in, n_out)."""
    n, _, n_in, n_out = weights.shape
    run = family(x.dtype)(mix)
    THREADS.map(
        lambda part, stop: run(
            x.reshape(-1), weights.reshape(-1), out.reshape(-1), x.shape[2], n_in, n_out, *part
        ),
        parts(n, n_threads),
        n_threads,
    )
    return out


def mixed_vjp(x, weights, out_bar, x_bar, weights_bar, n_threads=1):
    """The transposes of `mixed`: fill x_bar, and add to weights_bar; either may be None."""
    n, _, n_in, n_out = weights.shape
    of_x, of_weights = family(out_bar.dtype)(mix_vjp_x), family(out_bar.dtype)(mix_vjp_weights)
    batch = out_bar.shape[2]

    def run(part, stop):
        if x_bar is not None:
            panel = np.empty(2 * n_in * n_out, out_bar.dtype)
            of_x(
                weights.reshape(-1), out_bar.reshape(-1), x_bar.reshape(-1), batch, n_in, n_out, panel, *part
            )
        if weights_bar is not None:
            of_weights(
                x.reshape(-1), out_bar.reshape(-1), weights_bar.reshape(-1), batch, n_in, n_out, *part
            )

    THREADS.map(run, parts(n, n_threads), n_threads)


def points(theta, at, x, out, after, activation, fresh, n_threads=1):
    """Fill out (batch, n_out, n) with what is there, or 0 if fresh, plus W^T x + b, and `after` with act(out).

    W (n_in, n_out) begins at `at` in theta, and b follows; without an activation, code 0, `after` may be empty.
    """
    (batch, n_in, n), n_out = x.shape, out.shape[1]
    run = family(x.dtype)(pointwise)

    def share(part, stop):
        run(
            theta, at, x.reshape(-1), out.reshape(-1), after.reshape(-1), (n_in, n_out, n), activation, fresh,
            _panels(x.dtype, n_in, n_out), *part,
        )  # fmt: skip

    THREADS.map(share, parts(batch, n_threads), n_threads)


def points_vjp(theta, at, x, out_bar, x_bar, fresh, n_threads=1):
    """The transpose of `points`: add to x_bar, from 0 if fresh, and return the cotangents of W and b."""
    (batch, n_in, n), n_out = x.shape, out_bar.shape[1]
    of_samples = np.empty((batch, (n_in + 1) * n_out), x.dtype)
    run = family(x.dtype)(pointwise_vjp)

    def share(part, stop):
        run(
            theta, at, x.reshape(-1), out_bar.reshape(-1), x_bar.reshape(-1), of_samples.reshape(-1),
            (n_in, n_out, n), fresh, _panels(x.dtype, n_in, n_out), *part,
        )  # fmt: skip

    THREADS.map(share, parts(batch, n_threads), n_threads)
    return of_samples.sum(axis=0)  # in the order of samples, whoever did them


def _panels(dtype, n_in, n_out):
    sizes = panel_sizes(n_in, n_out, family(dtype).bind["VECTOR"])
    return Panels(*carve([((size,), dtype) for size in sizes]))


def activation_vjp(activation, value, bar, n_threads=1):
    """bar *= act', where act' is a function of `value`, in place."""
    run = family(bar.dtype)(activated_vjp)
    flat, bars = value.reshape(-1), bar.reshape(-1)
    THREADS.map(
        lambda part, stop: run(activation, flat, bars, *part), parts(len(bars), n_threads), n_threads
    )
