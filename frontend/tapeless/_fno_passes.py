"""What a Fourier neural operator computes of functions that were looked at: layer by layer, there and back."""

import math
from typing import Any, NamedTuple

import numpy as np

from tapeless import _recycled as recycled
from tapeless._convolution import Floats
from tapeless._kept_modes import kept, threads_for
from tapeless._spectral_conv import SpectralConv
from tapeless_kernels.spectral import launch


class Dense(NamedTuple):
    """A dense layer at every point, and where its parameters are in theta."""

    name: str
    n_in: int
    n_out: int
    at: int
    activation: int

    @property
    def end(self) -> int:
        """Where its parameters end."""
        return self.at + (self.n_in + 1) * self.n_out


class Step(NamedTuple):
    """What one dense layer leaves for its transpose, with the spectral path beside it if there is one."""

    dense: Dense
    x: Floats
    slopes: Floats  # of the activation, if there is one
    conv: Any
    conv_at: int


class Passes:
    """The passes of `FNO` through its layers; nothing is checked here."""

    in_channels: int
    out_channels: int
    modes: tuple[int, ...]
    width: int
    coordinates: bool
    threads: Any
    n_params: int
    conv: SpectralConv
    _lift: Dense
    _layers: list[tuple[int, Dense]]  # with where the parameters of the convolution beside it are
    _first: Dense
    _second: Dense

    def _all_dense(self) -> tuple[Dense, ...]:
        return (self._lift, *(dense for _, dense in self._layers), self._first, self._second)

    def _lifted(self, x: Floats, zeros: bool = False) -> Floats:
        """Return x (batch, channels, points) with the coordinates after it, or zeros in their place."""
        batch, grid = len(x), x.shape[2:]
        out = np.empty((batch, self._lift.n_in, *grid), x.dtype)
        out[:, : self.in_channels] = x
        for i, n in enumerate(grid[: len(grid) * self.coordinates]):
            axis = np.zeros(n) if zeros else np.arange(n) / n
            out[:, self.in_channels + i] = axis.reshape(-1, *(1,) * (len(grid) - 1 - i))
        return out.reshape(batch, self._lift.n_in, math.prod(grid))

    def _run(self, x: Floats, values: Floats, keep: bool) -> tuple[Floats, list[Step]]:
        """Return the operator's value, and what its transpose needs if that is to be kept."""
        grid = x.shape[2:]
        threads = threads_for("FNO", self.threads, x.size * self.width)
        modes = kept(grid, self.modes, x.dtype)
        steps: list[Step] | None = [] if keep else None
        v = self._lifted(x)
        v = self._dense(self._lift, values, v, None, threads, steps)
        for at, dense in self._layers:
            weights = self.conv._weights.dense(values[at : at + self.conv.n_params])
            field = v.reshape(len(v), self.width, *grid)
            pre, left = self.conv._apply(field, weights, modes, modes)
            v = self._dense(dense, values, v, pre.reshape(v.shape), threads, steps, left, at)
        for dense in (self._first, self._second):
            v = self._dense(dense, values, v, None, threads, steps)
        return v.reshape(len(v), self.out_channels, *grid), steps or []

    def _run_vjp(self, steps: list[Step], theta: Floats, bar: Floats) -> tuple[Floats, Floats]:
        """Return the cotangents of x and theta from that of the value, which is written over."""
        grid, threads = bar.shape[2:], threads_for("FNO", self.threads, bar.size * self.width)
        theta_bar = np.zeros(self.n_params, theta.dtype)
        bar = bar.reshape(*bar.shape[:2], math.prod(grid))
        for step in reversed(steps):
            dense, conv = step.dense, step.conv
            slopes = step.slopes if dense.activation else step.slopes[:0]
            if conv is None:
                x_bar = recycled.empty(step.x.shape, step.x.dtype)
            else:
                if dense.activation:  # the convolution's transpose takes all of it
                    bar *= slopes  # never the caller's: the last step has no activation
                    slopes = slopes[:0]
                x_bar, weights_bar = self.conv._apply_vjp(conv, bar.reshape(*bar.shape[:2], *grid))
                part = slice(step.conv_at, step.conv_at + self.conv.n_params)
                theta_bar[part] = self.conv._weights.dense_vjp(theta[part], weights_bar)
                x_bar = x_bar.reshape(step.x.shape)
            theta_bar[dense.at : dense.end] = launch.points_vjp(
                theta, dense.at, step.x, slopes, bar, x_bar, int(conv is None), threads
            )
            bar = x_bar
        x_bar = bar[:, : self.in_channels].reshape(len(bar), self.in_channels, *grid)
        return x_bar, theta_bar

    def _tangent(self, steps: list[Step], values: Floats, x_dot: Floats, dots: Floats) -> Floats:
        """Return the tangent of the operator's value, by point, from those of x and theta."""
        dot = self._lifted(x_dot, zeros=True)
        for step in steps:
            out = np.zeros((len(dot), step.dense.n_out, dot.shape[2]), dot.dtype)
            none = out[:0]
            without_bias = np.array(values[step.dense.at : step.dense.end])
            without_bias[step.dense.n_in * step.dense.n_out :] = 0
            launch.points(without_bias, 0, dot, out, none, 0, 1)
            launch.points(dots, step.dense.at, step.x, out, none, 0, 0)
            if step.conv is not None:
                part = slice(step.conv_at, step.conv_at + self.conv.n_params)
                grid = step.conv.source.shape
                _, moved = self.conv.jvp(
                    step.x.reshape(*step.x.shape[:2], *grid), values[part],
                    dot.reshape(*dot.shape[:2], *grid), dots[part],
                )  # fmt: skip
                out += moved.reshape(out.shape)
            if step.dense.activation:
                out *= step.slopes
            dot = out
        return dot

    def _dense(
        self, dense: Dense, theta: Floats, x: Floats, out: Floats | None, threads: int,
        steps: list[Step] | None, conv: Any = None, conv_at: int = 0,
    ) -> Floats:  # fmt: skip
        """Return act(out + W^T x + b), and note what its transpose needs, if `steps` are wanted."""
        fresh = out is None
        if out is None:
            out = recycled.empty((len(x), dense.n_out, x.shape[2]), x.dtype)
        code = dense.activation
        after = recycled.empty(out.shape, x.dtype) if code else out[:0]
        launch.points(
            theta, dense.at, x, out, after, code if steps is None else -code, int(fresh), threads
        )
        if steps is not None:
            steps.append(Step(dense, x, out, conv, conv_at))
        return after if code else out
