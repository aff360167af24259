"""The Fourier neural operator: lifting, spectral layers with a pointwise path, projection."""

import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tapeless import _check as check
from tapeless import _recycled as recycled
from tapeless._flat import checked, parameters
from tapeless._interchange import converting, takes_arrays
from tapeless._kept_modes import check_modes, kept, threads_for
from tapeless._operator_arguments import as_cotangent, as_field, as_tangent
from tapeless._spectral_conv import Pullback, SpectralConv
from tapeless._types import RNG, ArrayInput, Integer
from tapeless_kernels.activations import ACTIVATIONS
from tapeless_kernels.spectral import launch

Floats = NDArray[np.floating]
CODES = {activation.name: activation for activation in ACTIVATIONS}


class _Dense(NamedTuple):
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


class _Step(NamedTuple):
    """What one dense layer leaves for its transpose, with the spectral path beside it if there is one."""

    dense: _Dense
    x: Floats
    slopes: Floats  # of the activation, if there is one
    conv: Any
    conv_at: int


class FNO:
    """A Fourier neural operator: an operator between functions on a periodic grid, at any resolution.

    ``v = P(x, coordinates)``; ``v = act(SpectralConv(v) + W^T v + b)`` in each layer, the last one without the
    activation; ``y = Q2^T act(Q1^T v)``. P, W, Q1 and Q2 act at each point, with biases.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of x and of y.
    modes : int or tuple of int
        Modes of each axis, as `SpectralConv` takes them.
    width : int
        Channels of v.
    n_layers : int
        Spectral layers.
    projection : int
        Channels within Q.
    activation : str
        The name of an activation, say "gelu", "tanh", "relu", "silu".
    coordinates : bool
        Whether P sees the coordinates of each point too, j / n along each axis.
    weights, rank, method, threads : optional
        Of the layers, as `SpectralConv` takes them.

    Attributes
    ----------
    in_channels, out_channels, modes, width, n_layers, n_params
        As given; n_params is the length of theta.

    Raises
    ------
    ValueError, TypeError
        If an argument is not what it must be.

    References
    ----------
    .. [1] Li, Kovachki, Azizzadenesheli, Liu, Bhattacharya, Stuart and Anandkumar, Fourier neural operator for
       parametric partial differential equations, ICLR (2021), section 4.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> model = tapeless.operators.FNO(1, 1, modes=8, width=16, n_layers=2)
    >>> theta = model.init(rng=0)
    >>> model(np.zeros((3, 1, 64)), theta).shape, model(np.zeros((3, 1, 256)), theta).shape
    ((3, 1, 64), (3, 1, 256))
    """

    def __init__(
        self,
        in_channels: Integer,
        out_channels: Integer,
        modes: Integer | tuple[Integer, ...],
        *,
        width: Integer = 32,
        n_layers: Integer = 4,
        projection: Integer = 128,
        activation: str = "gelu",
        coordinates: bool = True,
        weights: str = "dense",
        rank: Integer | None = None,
        method: str | None = None,
        threads: Integer | None = None,
    ) -> None:
        name = "FNO"
        self.in_channels = check.positive_int(name, "in_channels", in_channels)
        self.out_channels = check.positive_int(name, "out_channels", out_channels)
        self.modes = check_modes(name, modes)
        self.width = check.positive_int(name, "width", width)
        self.n_layers = check.positive_int(name, "n_layers", n_layers)
        hidden = check.positive_int(name, "projection", projection)
        self.activation = CODES[check.one_of(name, "activation", activation, tuple(CODES))]
        self.coordinates, self.threads = bool(coordinates), threads
        options: dict[str, Any] = {
            "weights": weights, "rank": rank, "method": method, "threads": threads,
        }  # fmt: skip
        self.conv = SpectralConv(self.width, self.width, self.modes, **options)
        code, n_lifted = self.activation.code, self.in_channels + self.coordinates * len(self.modes)
        self._lift = _Dense("lift", n_lifted, self.width, 0, 0)
        at, self._layers = self._lift.end, []
        for i in range(self.n_layers):
            act = code if i < self.n_layers - 1 else 0
            dense = _Dense(f"layer{i}", self.width, self.width, at + self.conv.n_params, act)
            self._layers.append((at, dense))
            at = dense.end
        self._first = _Dense("projection0", self.width, hidden, at, code)
        self._second = _Dense("projection1", hidden, self.out_channels, self._first.end, 0)
        self.n_params = self._second.end

    def __repr__(self) -> str:
        return (
            f"FNO({self.in_channels}, {self.out_channels}, modes={self.modes}, width={self.width}, "
            f"n_layers={self.n_layers}, n_params={self.n_params})"
        )

    def init(self, rng: RNG = None, dtype: DTypeLike = np.float64) -> Floats:
        """Return initial parameters: normal weights of variance 1 / n_in, zero biases.

        Parameters
        ----------
        rng : numpy.random.Generator or int, optional
            Where they come from.
        dtype : dtype
            Float32 or float64.

        Returns
        -------
        ndarray, shape (n_params,)
            The parameters.
        """
        real = check.float_dtype("FNO.init", dtype)
        generator = check.generator("FNO.init", rng)
        theta = np.zeros(self.n_params, real)
        for at, _ in self._layers:
            theta[at : at + self.conv.n_params] = self.conv.init(generator, real)
        for dense in self._all_dense():
            n = dense.n_in * dense.n_out
            theta[dense.at : dense.at + n] = generator.standard_normal(n) / np.sqrt(dense.n_in)
        return theta

    @takes_arrays
    def unflatten(self, theta: ArrayInput) -> dict[str, Floats]:
        """Return the parameters by name, as views of theta.

        Parameters
        ----------
        theta : array, shape (n_params,)
            All parameters.

        Returns
        -------
        dict
            For each dense layer ``NAME.weight`` (n_in, n_out) and ``NAME.bias``, for each spectral one
            ``layerI.spectral``, which `conv.unflatten` reads.
        """
        values = checked("FNO.unflatten", theta, self.n_params)
        found = {}
        for dense in self._all_dense():
            n = dense.n_in * dense.n_out
            weight = values[dense.at : dense.at + n]
            found[f"{dense.name}.weight"] = weight.reshape(dense.n_in, dense.n_out)
            found[f"{dense.name}.bias"] = values[dense.at + n : dense.end]
        for i, (at, _) in enumerate(self._layers):
            found[f"layer{i}.spectral"] = values[at : at + self.conv.n_params]
        return found

    @takes_arrays
    def groups(self, theta: ArrayInput) -> Mapping[str, Floats]:
        """Return the groups of parameters, as `fit` names them where something is wrong.

        Parameters
        ----------
        theta : array, shape (n_params,)
            All parameters.

        Returns
        -------
        dict
            As of `unflatten`.
        """
        return self.unflatten(theta)

    @takes_arrays
    def __call__(self, x: ArrayInput, theta: ArrayInput) -> Floats:
        """Return the operator's value.

        Parameters
        ----------
        x : array, shape (batch, in_channels, *grid)
            The functions, float32 or float64, on a grid with as many modes as are kept.
        theta : array, shape (n_params,)
            The parameters.

        Returns
        -------
        ndarray, shape (batch, out_channels, *grid)
            The values, of the dtype of x.

        Raises
        ------
        TypeError, ValueError
            If x is no such array, or the grid is too coarse.
        """
        return self._forward("FNO", x, theta, keep=False)[0]

    @takes_arrays
    def pullback(self, x: ArrayInput, theta: ArrayInput) -> tuple[Floats, Pullback]:
        """Return the operator's value, and a function that takes its cotangent back.

        Parameters
        ----------
        x, theta : array
            As of a call.

        Returns
        -------
        y : ndarray
            As of a call.
        pullback : callable
            ``pullback(y_bar)`` returns ``(x_bar, theta_bar)``. Theta is not copied, and must be as it was when
            `pullback` is called.
        """
        y, steps, values = self._forward("FNO.pullback", x, theta, keep=True)
        pull = functools.partial(self._pullback, steps, values, y.shape)
        return y, converting("FNO.pullback", pull)

    @takes_arrays
    def vjp(self, x: ArrayInput, theta: ArrayInput, y_bar: ArrayInput) -> tuple[Floats, Floats]:
        """Return the cotangents of x and theta from that of y.

        Parameters
        ----------
        x, theta : array
            As of a call.
        y_bar : array, shape (batch, out_channels, *grid)
            The cotangent of y.

        Returns
        -------
        x_bar : ndarray, shape of `x`
            The cotangent of x.
        theta_bar : ndarray, shape (n_params,)
            That of theta, summed over the batch.
        """
        return self.pullback(x, theta)[1](y_bar)

    @takes_arrays
    def jvp(
        self, x: ArrayInput, theta: ArrayInput, x_dot: ArrayInput, theta_dot: ArrayInput
    ) -> tuple[Floats, Floats]:
        """Return the operator's value, and its tangent.

        Parameters
        ----------
        x, theta : array
            As of a call.
        x_dot, theta_dot : array
            Tangents of the shapes of x and theta.

        Returns
        -------
        y, y_dot : ndarray
            The value and its tangent.
        """
        y, steps, values = self._forward("FNO.jvp", x, theta, keep=True)
        moved = as_tangent("FNO.jvp", x_dot, (len(y), self.in_channels, *y.shape[2:]), y.dtype)
        dots = parameters("FNO.jvp", theta_dot, self.n_params, y.dtype, "theta_dot")
        dot = self._lifted(moved, zeros=True)
        for step in steps:
            out = np.zeros((len(dot), step.dense.n_out, dot.shape[2]), y.dtype)
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
        return y, dot.reshape(y.shape)

    def _all_dense(self) -> tuple[_Dense, ...]:
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

    def _forward(
        self, caller: str, x: ArrayInput, theta: ArrayInput, keep: bool
    ) -> tuple[Floats, list[_Step], Floats]:
        found = as_field(caller, x, self.in_channels, len(self.modes))
        grid = found.shape[2:]
        check_modes(caller, self.modes, grid)
        values = parameters(caller, theta, self.n_params, found.dtype)
        threads = threads_for("FNO", self.threads, found.size * self.width)
        modes = kept(grid, self.modes, found.dtype)
        steps: list[_Step] | None = [] if keep else None
        v = self._lifted(found)
        v = self._dense(self._lift, values, v, None, threads, steps)
        for at, dense in self._layers:
            weights = self.conv._weights.dense(values[at : at + self.conv.n_params])
            field = v.reshape(len(v), self.width, *grid)
            pre, left = self.conv._apply(field, weights, modes, modes)
            v = self._dense(dense, values, v, pre.reshape(v.shape), threads, steps, left, at)
        for dense in (self._first, self._second):
            v = self._dense(dense, values, v, None, threads, steps)
        return v.reshape(len(v), self.out_channels, *grid), steps or [], values

    def _dense(
        self, dense: _Dense, theta: Floats, x: Floats, out: Floats | None, threads: int,
        steps: list[_Step] | None, conv: Any = None, conv_at: int = 0,
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
            steps.append(_Step(dense, x, out, conv, conv_at))
        return after if code else out

    def _pullback(
        self, steps: list[_Step], theta: Floats, shape: tuple[int, ...], y_bar: ArrayInput
    ) -> tuple[Floats, Floats]:
        bar = as_cotangent("FNO.pullback", y_bar, shape, theta.dtype)
        return self._backward(steps, theta, bar)

    def _backward(self, steps: list[_Step], theta: Floats, bar: Floats) -> tuple[Floats, Floats]:
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
