"""The Fourier neural operator: lifting, spectral layers with a pointwise path, projection."""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tapeless import _check as check
from tapeless._convolution import Floats
from tapeless._flat import checked, parameters
from tapeless._fno_passes import Dense, Passes, Step
from tapeless._interchange import converting, takes_arrays
from tapeless._kept_modes import check_modes
from tapeless._operator_arguments import as_cotangent, as_field, as_tangent
from tapeless._spectral_conv import Pullback, SpectralConv
from tapeless._types import RNG, ArrayInput, Integer
from tapeless_kernels.activations import ACTIVATIONS

CODES = {activation.name: activation for activation in ACTIVATIONS}


class FNO(Passes):
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
        self._lift = Dense("lift", n_lifted, self.width, 0, 0)
        at, self._layers = self._lift.end, []
        for i in range(self.n_layers):
            act = code if i < self.n_layers - 1 else 0
            dense = Dense(f"layer{i}", self.width, self.width, at + self.conv.n_params, act)
            self._layers.append((at, dense))
            at = dense.end
        self._first = Dense("projection0", self.width, hidden, at, code)
        self._second = Dense("projection1", hidden, self.out_channels, self._first.end, 0)
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
        return y, self._tangent(steps, values, moved, dots).reshape(y.shape)

    def _forward(
        self, caller: str, x: ArrayInput, theta: ArrayInput, keep: bool
    ) -> tuple[Floats, list[Step], Floats]:
        found = as_field(caller, x, self.in_channels, len(self.modes))
        grid = found.shape[2:]
        check_modes(caller, self.modes, grid)
        values = parameters(caller, theta, self.n_params, found.dtype)
        return *self._run(found, values, keep), values

    def _pullback(
        self, steps: list[Step], theta: Floats, shape: tuple[int, ...], y_bar: ArrayInput
    ) -> tuple[Floats, Floats]:
        bar = as_cotangent("FNO.pullback", y_bar, shape, theta.dtype)
        return self._run_vjp(steps, theta, bar)
