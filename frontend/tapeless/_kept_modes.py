"""The modes that are kept of a grid, found by products or by FFT: whichever is faster here, or is asked for."""

import functools
import math
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from tapeless import _check as check
from tapeless import _transform_cost as cost
from tapeless._complain import complain, describe
from tapeless_kernels.launch.threads import n_cores
from tapeless_kernels.spectral import launch
from tapeless_kernels.spectral.modes import wavenumbers

Floats = NDArray[np.floating]
METHODS = (None, "product", "fft")
MAX_AXES = 3
NUMBERS_PER_THREAD = 1 << 16  # fewer are done before another thread has begun


class Modes:
    """The real transform of fields (n, *shape) to their modes (n_modes, 2, n), and its transpose.

    In the form "plain" a mode is the sum of x times exp(-i k j); in the form "scaled" it is also divided by the number
    of points, and doubled where it stands for its conjugate too. So `synthesise` of the scaled form is the inverse FFT, and
    that of the plain one the transpose of the FFT.
    """

    def __init__(self, shape: tuple[int, ...], modes: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape, self.modes, self.dtype = shape, modes, dtype
        self.complex = np.result_type(dtype, np.complex64)
        self.counts = (*(2 * m for m in modes[:-1]), modes[-1])
        self.n_modes, self.n_points = math.prod(self.counts), math.prod(shape)
        self.axes = tuple(range(1, len(shape) + 1))
        half = (*shape[:-1], shape[-1] // 2 + 1)
        self._half, self._kept = half, np.ix_(*(k % n for k, n in zip(wavenumbers(modes), shape, strict=True)))
        k = np.arange(modes[-1])
        self._twice = np.where((k == 0) | (2 * k == shape[-1]), 1, 2).astype(dtype)

    @functools.cached_property
    def product(self) -> launch.Transform:
        """The tables and kernels of the products."""
        return launch.Transform(self.shape, self.modes, self.dtype)

    def analyse(self, x: Floats, form: str, method: str, threads: int) -> Floats:
        """Return the modes (n_modes, 2, n) of x (n, *shape), C-contiguous and of this dtype."""
        out = np.empty((self.n_modes, 2, len(x)), self.dtype)
        if method == "product":
            return self.product.to_modes(x, out, self._weights(form), threads)
        spectrum = scipy.fft.rfftn(x, axes=self.axes, workers=threads)
        kept = spectrum[(slice(None), *self._kept)]
        if form == "scaled":
            kept = kept * (self._twice / self.dtype.type(self.n_points))
        kept = kept.reshape(len(x), self.n_modes).T
        out[:, 0], out[:, 1] = kept.real, kept.imag
        return out

    def synthesise(
        self, given: Floats, form: str, method: str, threads: int, out: Floats | None = None
    ) -> Floats:
        """Return the fields (n, *shape) of modes (n_modes, 2, n): the transpose of `analyse`."""
        n = given.shape[2]
        out = np.empty((n, *self.shape), self.dtype) if out is None else out
        if method == "product":
            return self.product.from_modes(given, out, self._weights(form), threads)
        spectrum = np.zeros((n, *self._half), self.complex)
        kept = np.empty((n, self.n_modes), self.complex)
        kept.real, kept.imag = given[:, 0].T, given[:, 1].T
        kept = kept.reshape(n, *self.counts)
        if form == "plain":
            kept *= self.dtype.type(self.n_points) / self._twice
        spectrum[(slice(None), *self._kept)] = kept
        out[...] = scipy.fft.irfftn(spectrum, s=self.shape, axes=self.axes, workers=threads)
        return out

    @functools.cached_property
    def faster(self) -> str:
        """The method that takes less time on this machine."""
        return cost.faster(self.shape, self.modes, self.dtype, Modes)

    def _weights(self, form: str) -> Floats:
        return self.product.scaled if form == "scaled" else self.product.plain


@functools.lru_cache(maxsize=64)
def kept(shape: tuple[int, ...], modes: tuple[int, ...], dtype: np.dtype) -> Modes:
    """Return the modes of a grid, whose tables are made once."""
    return Modes(shape, modes, dtype)


def check_modes(caller: str, modes: Any, shape: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """Return the number of modes of each axis; with a shape, if its axes have so many."""
    given = (modes,) if isinstance(modes, (int, np.integer)) else modes
    if not isinstance(given, (tuple, list)) or not 1 <= len(given) <= MAX_AXES:
        wanted = f"a positive integer or a tuple of 1 to {MAX_AXES} of them"
        raise complain(ValueError, caller, "modes", wanted, describe(modes))
    found = tuple(check.positive_int(caller, "modes", m) for m in given)
    if shape is None:
        return found
    for axis, (m, n) in enumerate(zip(found, shape, strict=True)):
        most = n // 2 + (axis == len(found) - 1)
        if m > most:
            kinds = "0 to n // 2" if axis == len(found) - 1 else "-m to m - 1, m <= n // 2"
            wanted = f"at most {most} along an axis of {n} points, whose modes are {kinds}"
            raise complain(ValueError, caller, "modes", wanted, describe(modes))
    return found


def threads_for(caller: str, threads: Any, size: int) -> int:
    """Return how many threads to take for so many numbers."""
    if threads is not None:
        return check.positive_int(caller, "threads", threads)
    return max(1, min(n_cores(), size // NUMBERS_PER_THREAD))
