"""The spectral convolution of fields that were looked at: kept modes, mixed over channels, and back."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tapeless import _recycled as recycled
from tapeless._kept_modes import Modes, threads_for
from tapeless._mode_weights import Weights
from tapeless_kernels.spectral import launch

Floats = NDArray[np.floating]


class Forward(NamedTuple):
    """What a forward pass leaves for its transpose."""

    x_modes: Floats  # (modes, 2, batch, in)
    weights: Floats
    source: Modes
    target: Modes
    methods: tuple[str, str]
    threads: int


class Convolution:
    """What `SpectralConv` computes, and its transpose; nothing is checked here."""

    in_channels: int
    out_channels: int
    modes: tuple[int, ...]
    method: str | None
    threads: int | None
    _weights: Weights

    def _apply(
        self, x: Floats, weights: Floats, source: Modes, target: Modes
    ) -> tuple[Floats, Forward]:
        """Return the convolved field and what its transpose needs; nothing is checked."""
        batch, n_in = x.shape[:2]
        threads = threads_for("SpectralConv", self.threads, x.size)
        methods = self.method or source.faster, self.method or target.faster
        modes = source.analyse(x.reshape(batch * n_in, *source.shape), "plain", methods[0], threads)
        modes = modes.reshape(*modes.shape[:3], batch, n_in)
        mixed = self._mixed(modes, weights, source, threads)
        if target is not source:  # modes are sums over the points of the first grid
            factor = x.dtype.type(target.n_points / source.n_points)
            mixed[:, :, source.places] *= factor  # what pads them is not initialised
        y = target.synthesise(mixed, "scaled", methods[1], threads)
        kept = Forward(modes, weights, source, target, methods, threads)
        return y.reshape(batch, self.out_channels, *target.shape), kept

    def _apply_vjp(self, kept: Forward, y_bar: Floats) -> tuple[Floats, Floats]:
        """Return the cotangents of x and of the weights: the transpose of `_apply`."""
        (batch, n_in), threads = kept.x_modes.shape[3:], kept.threads
        flat = y_bar.reshape(batch * self.out_channels, *kept.target.shape)
        bars = kept.target.analyse(flat, "scaled", kept.methods[1], threads)
        if kept.target is not kept.source:
            bars *= y_bar.dtype.type(kept.target.n_points / kept.source.n_points)
        modes_bar, weights_bar = self._mixed_vjp(kept, bars)
        x_bar = kept.source.synthesise(modes_bar, "plain", kept.methods[0], threads)
        return x_bar.reshape(batch, n_in, *kept.source.shape), weights_bar

    def _mixed(self, x_modes: Floats, weights: Floats, source: Modes, threads: int) -> Floats:
        """Return the modes of the result, (waves, 2, row, batch * out)."""
        *lead, batch, _ = x_modes.shape
        if self._weights.separable:
            x = self._channelwise(source.unpack(x_modes.reshape(*lead, -1)))
            return source.pack((x * _as_complex(weights)).reshape(-1, *source.counts))
        out = recycled.empty((*lead, batch, self.out_channels), x_modes.dtype)
        return launch.mixed(x_modes, weights, out, self.modes, threads).reshape(*lead, -1)

    def _mixed_vjp(self, kept: Forward, bars: Floats) -> tuple[Floats, Floats]:
        """Return the cotangents of the modes of x and of the weights: the transpose of `_mixed`."""
        x_modes, weights, source = kept.x_modes, kept.weights, kept.source
        *lead, batch, _ = x_modes.shape
        if self._weights.separable:
            x = self._channelwise(source.unpack(x_modes.reshape(*lead, -1)))
            bar = self._channelwise(source.unpack(bars))
            x_bar = source.pack((bar * _as_complex(weights).conj()).reshape(-1, *source.counts))
            of_weights = (x.conj() * bar).sum(axis=0).T
            return x_bar, np.stack([of_weights.real, of_weights.imag], axis=1)
        x_bar = recycled.empty(x_modes.shape, x_modes.dtype)
        if batch == 0:  # kernels add up at least one sample
            return x_bar.reshape(*lead, 0), np.zeros_like(weights)
        weights_bar = np.empty_like(weights)
        bars = bars.reshape(*lead, batch, self.out_channels)
        launch.mixed_vjp(x_modes, weights, bars, x_bar, weights_bar, self.modes, kept.threads)
        return x_bar.reshape(*lead, -1), weights_bar

    def _channelwise(self, modes: NDArray[np.complexfloating]) -> NDArray[np.complexfloating]:
        """Return complex modes (batch * channels, ...) of separable weights as (batch, channels, modes)."""
        n = self.in_channels
        return modes.reshape(len(modes) // n, n, self._weights.n_modes)


def _as_complex(weights: Floats) -> NDArray[np.complexfloating]:
    """Return separable weights (modes, 2, channels) as complex ones (channels, modes)."""
    return (weights[:, 0] + 1j * weights[:, 1]).T.astype(np.result_type(weights, np.complex64))
