"""The lowest waves of both signs of complex signals, by products or by FFT, as `Modes` are those of real fields."""

import functools

import numpy as np

from tapeless import _pruned as pruned
from tapeless import _recycled as recycled
from tapeless import _transform_cost as cost
from tapeless._fft_core import REAL, Array
from tapeless._kept_modes import kept


class Waves:
    """The transform of complex signals (n_signals, n) to waves 0 to m - 1 and -m to -1, and its transpose."""

    def __init__(self, shape: tuple[int, ...], modes: tuple[int, ...], dtype: np.dtype) -> None:
        ((self.n,), (self.m,)), self.dtype = (shape, modes), dtype
        self.parts = kept(shape, (self.m + 1,), REAL[dtype])

    @functools.cached_property
    def faster(self) -> str:
        """The method that takes less time on this machine."""
        return cost.faster((self.n,), (self.m,), self.dtype, Waves)

    def both_ways(self, x: Array, method: str) -> Array:
        """Return what is timed to find the faster method."""
        return self.synthesise(self.analyse(x, method, 1), method, 1)

    def analyse(self, x: Array, method: str, threads: int) -> Array:
        """F = R + iI of the modes of real and imaginary parts, and F(-k) = conj R(k) + i conj I(k)."""
        if method == "fft":
            return pruned.lowest_waves(x, 1, self.m)
        parts = recycled.empty((2, *x.shape), REAL[self.dtype])
        parts[0], parts[1] = x.real, x.imag
        flat = parts.reshape(-1, self.n)
        r, i = np.split(self.parts.analyse_complex(flat, "plain", method, threads), 2)
        y = np.empty((len(x), 2 * self.m), self.dtype)
        up, down = self._signs(y)
        up.real, up.imag = r.real[:, :-1] - i.imag[:, :-1], r.imag[:, :-1] + i.real[:, :-1]
        down.real, down.imag = r.real[:, 1:] + i.imag[:, 1:], i.real[:, 1:] - r.imag[:, 1:]
        return y

    def synthesise(self, y_bar: Array, method: str, threads: int) -> Array:
        """R_bar(k) = F_bar(k) + conj F_bar(-k), and I_bar(k) = -i F_bar(k) + i conj F_bar(-k)."""
        if method == "fft":
            return pruned.lowest_waves_vjp(y_bar, 1, self.n)
        up, down = self._signs(y_bar)
        parts = np.zeros((2, len(y_bar), self.m + 1), self.dtype)
        r_bar, i_bar = parts
        r_bar[:, :-1], i_bar.real[:, :-1], i_bar.imag[:, :-1] = up, up.imag, -up.real
        r_bar[:, 1:] += down.conj()
        i_bar.real[:, 1:] += down.imag
        i_bar.imag[:, 1:] += down.real
        flat = parts.reshape(-1, self.m + 1)
        found = self.parts.synthesise_complex(flat, "plain", method, threads)
        x_bar = np.empty((len(y_bar), self.n), self.dtype)
        x_bar.real, x_bar.imag = np.split(found, 2)
        return x_bar

    def _signs(self, y: Array) -> tuple[Array, Array]:
        """Return waves 0 to m - 1, and -1 to -m: in the order of their conjugates."""
        return y[:, : self.m], y[:, : self.m - 1 : -1]


@functools.lru_cache(maxsize=64)
def kept_waves(n: int, m: int, dtype: np.dtype) -> Waves:
    """Return the waves of signals of n points, whose tables are made once."""
    return Waves((n,), (m,), dtype)
