"""The modes that are kept of a grid, found by products or by FFT: whichever is faster here, or is asked for."""

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless import _check as check
from tapeless import _fft_core as core
from tapeless import _pruned as pruned
from tapeless import _recycled as recycled
from tapeless import _transform_cost as cost
from tapeless._complain import complain, describe
from tapeless_kernels.launch.threads import n_cores
from tapeless_kernels.spectral import launch

Floats = NDArray[np.floating]
Complexes = NDArray[np.complexfloating]
METHODS = (None, "product", "fft")
MAX_AXES = 3
NUMBERS_PER_THREAD = 1 << 16  # fewer are done before another thread has begun


class Modes:
    """The transform of fields (n, *shape) to their modes (waves, 2, row, n), and its transpose: see `launch.Transform`.

    Rows are padded: modes that are not kept are never read.
    """

    def __init__(self, shape: tuple[int, ...], modes: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape, self.modes, self.dtype = shape, modes, dtype
        self.complex = np.result_type(dtype, np.complex64)
        self.counts = (*(2 * m for m in modes[:-1]), modes[-1])
        self.n_points, self.n_waves = math.prod(shape), math.prod(self.counts[:-1])
        self.axes = tuple(range(1, len(shape) + 1))
        self.places = launch.row_places(modes, dtype)
        self.row = launch.row_size(modes, dtype)
        self._half = (*shape[:-1], shape[-1] // 2 + 1)
        self._twice = launch.half_spectrum(shape[-1], modes[-1]).astype(dtype)

    @functools.cached_property
    def product(self) -> launch.Transform:
        """The tables and kernels of the products."""
        return launch.Transform(self.shape, self.modes, self.dtype)

    @functools.cached_property
    def faster(self) -> str:
        """The method that takes less time on this machine."""
        return cost.faster(self.shape, self.modes, self.dtype, Modes)

    def analyse(self, x: Floats, form: str, method: str, threads: int) -> Floats:
        """Return the modes (waves, 2, row, n) of x (n, *shape), C-contiguous and of this dtype."""
        if method == "product":
            out = recycled.empty((self.n_waves, 2, self.row, len(x)), self.dtype)
            return self.product.to_modes(x, form, out, threads)
        return self.pack(self._by_fft(x, form))

    def synthesise(
        self, given: Floats, form: str, method: str, threads: int, out: Floats | None = None
    ) -> Floats:
        """Return the fields (n, *shape) of modes (waves, 2, row, n): the transpose of `analyse`."""
        n = given.shape[3]
        out = recycled.empty((n, *self.shape), self.dtype) if out is None else out
        if method == "product":
            return self.product.from_modes(given, form, out, threads)
        return self._by_fft_vjp(self.unpack(given), form, out)

    def analyse_complex(self, x: Floats, form: str, method: str, threads: int) -> Complexes:
        """Return the modes that `analyse` finds as complex numbers (n, *counts)."""
        if method == "fft":
            return self._by_fft(x, form)
        return self.unpack(self.analyse(x, form, method, threads))

    def synthesise_complex(self, modes: Complexes, form: str, method: str, threads: int) -> Floats:
        """Return the fields (n, *shape) of complex modes: the transpose of `analyse_complex`."""
        if method == "fft":
            return self._by_fft_vjp(modes, form)
        return self.synthesise(self.pack(modes), form, method, threads)

    def both_ways(self, x: Floats, method: str) -> Floats:
        """Return what is timed to find the faster method."""
        return self.synthesise(self.analyse(x, "plain", method, 1), "scaled", method, 1)

    def _by_fft(self, x: Floats, form: str) -> Complexes:
        """Return the complex modes of x, axis by axis."""
        *others, last = self.axes
        modes = core.r2c(x, (last,))[..., : self.modes[-1]]
        if form == "scaled":
            modes = modes * (self._twice / self.n_points)
        for axis in reversed(others):
            modes = pruned.lowest_waves(modes, axis, self.modes[axis - 1])
        return modes

    def _by_fft_vjp(self, modes: Complexes, form: str, out: Floats | None = None) -> Floats:
        """Return the fields of complex modes."""
        *others, last = self.axes
        for axis in others:
            modes = pruned.lowest_waves_vjp(modes, axis, self.shape[axis - 1])
        half = np.zeros((len(modes), *self._half), self.complex)
        # c2r counts twice all that has a mirror image, as scaled modes are meant.
        scale = 1 / self._twice if form == "plain" else self.dtype.type(1 / self.n_points)
        np.multiply(modes, scale, out=half[..., : self.modes[-1]])
        return core.c2r(half, (last,), self.shape[-1], inorm=0, out=out)

    def pack(self, modes: Complexes) -> Floats:
        """Return complex modes (n, *counts) as kernels take them."""
        out = np.zeros((self.n_waves, 2, self.row, len(modes)), self.dtype)
        turned = np.moveaxis(modes.reshape(len(modes), self.n_waves, self.modes[-1]), 0, -1)
        out[:, 0, self.places], out[:, 1, self.places] = turned.real, turned.imag
        return out

    def unpack(self, given: Floats) -> Complexes:
        """Return complex modes (n, *counts)."""
        out = np.empty((given.shape[3], self.n_waves, self.modes[-1]), self.complex)
        turned = np.moveaxis(given[:, :, self.places], -1, 0)
        out.real, out.imag = turned[:, :, 0], turned[:, :, 1]
        return out.reshape(len(out), *self.counts)


@functools.lru_cache(maxsize=64)
def kept(shape: tuple[int, ...], modes: tuple[int, ...], dtype: np.dtype) -> Modes:
    """Return the modes of a grid, whose tables are made once."""
    return Modes(shape, modes, dtype)


def check_modes(
    caller: str, modes: Any, shape: tuple[int, ...] | None = None, half: bool = True
) -> tuple[int, ...]:
    """Return the number of modes of each axis; with a shape, if its axes have so many.

    Of the last axis they are waves of one sign, as a half spectrum has, or else of both, as of the others.
    """
    given = (modes,) if isinstance(modes, (int, np.integer)) else modes
    if not isinstance(given, (tuple, list)) or not 1 <= len(given) <= MAX_AXES:
        wanted = f"a positive integer or a tuple of 1 to {MAX_AXES} of them"
        raise complain(ValueError, caller, "modes", wanted, describe(modes))
    found = tuple(check.positive_int(caller, "modes", m) for m in given)
    if shape is None:
        return found
    for axis, (m, n) in enumerate(zip(found, shape, strict=True)):
        one_sign = half and axis == len(found) - 1
        most = n // 2 + (one_sign and n > 0)
        if m > most:
            kinds = "0 to n // 2" if one_sign else "-m to m - 1, m <= n // 2"
            wanted = f"at most {most} along an axis of {n} points, whose modes are {kinds}"
            raise complain(ValueError, caller, "modes", wanted, describe(modes))
    return found


def threads_for(caller: str, threads: Any, size: int) -> int:
    """Return how many threads to take for so many numbers."""
    if threads is not None:
        return check.positive_int(caller, "threads", threads)
    return max(1, min(n_cores(), size // NUMBERS_PER_THREAD))
