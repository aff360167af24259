"""Vector fields made of layers, with one flat parameter vector."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tapeless._check import as_array, generator
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._interchange import takes_arrays
from tapeless._spectral import normalised, normalised_jvp, normalised_vjp, normalised_vjp_jvp
from tapeless._types import RNG, ArrayInput, Integer
from tapeless_kernels.activations import ACTIVATIONS
from tapeless_kernels.fields.layers import (
    Activation,
    Bilinear,
    ConcatTime,
    Dense,
    FourierFeatures,
    GatedCell,
    LayerNorm,
    LowRankDense,
    Residual,
    Skip,
    SpectralDense,
)
from tapeless_kernels.fields.lower import lower

Layer: TypeAlias = (
    Dense
    | LowRankDense
    | SpectralDense
    | Bilinear
    | Activation
    | LayerNorm
    | FourierFeatures
    | GatedCell
    | ConcatTime
    | Residual
    | Skip
)


class Network(VectorField):
    """A vector field dy/dt = f(t, y, theta) made of layers.

    Parameters
    ----------
    dim : int
        Number of entries of the state y.
    layers : sequence of layers
        Of `LAYERS`, say `Dense`, `Activation` and `Residual`, applied one after the other to y.

    Attributes
    ----------
    dim : int
        Number of entries of the state.
    n_params : int
        Length of theta: for each Dense its weight (fan_in, fan_out), row by row, then its bias; for the other
        layers what `unflatten` lists, in the order of the layers.
    layers : tuple
        The layers.

    Raises
    ------
    ValueError
        If `dim` is not positive, or the layers do not map `dim` values to `dim` values.

    Examples
    --------
    >>> from tapeless.fields import Activation, ConcatTime, Dense, Network
    >>> field = Network(2, [ConcatTime(), Dense(16), Activation("tanh"), Dense(2)])
    >>> field.n_params
    98
    """

    def __init__(self, dim: Integer, layers: Iterable[Layer]) -> None:
        if not isinstance(dim, (int, np.integer)) or dim < 1:
            raise complain(ValueError, "Network", "dim", "a positive integer", describe(dim))
        layers = layers if isinstance(layers, Iterable) else (layers,)
        self.dim, self.layers = int(dim), tuple(layers)
        try:
            self.program = lower(self.layers, self.dim)
        except (ValueError, TypeError) as error:
            raise type(error)(f"Network: in `layers`, {error}.") from None
        self.n_params: int = self.program.n_params
        self.maps_theta = any(part.lipschitz for part in self.program.parts)

    @takes_arrays
    def effective(self, theta: NDArray[Any]) -> NDArray[Any]:
        """Return the parameters that kernels are given for theta.

        Parameters
        ----------
        theta : ndarray, shape (n_params,)
            The parameters.

        Returns
        -------
        ndarray, shape (n_params,)
            Theta itself, unless a `SpectralDense` maps its weights.
        """
        return normalised(theta, self.program.parts) if self.maps_theta else theta

    def _effective_vjp(self, theta: NDArray[Any], bar: NDArray[Any]) -> NDArray[Any]:
        """Return the cotangent of theta from that of the effective parameters."""
        return normalised_vjp(theta, bar, self.program.parts) if self.maps_theta else bar

    def _effective_jvp(self, theta: NDArray[Any], dot: NDArray[Any]) -> NDArray[Any]:
        """Return the tangent of the effective parameters from that of theta."""
        return normalised_jvp(theta, dot, self.program.parts) if self.maps_theta else dot

    def _effective_vjp_jvp(
        self, theta: NDArray[Any], dot: NDArray[Any], bar: NDArray[Any], bar_dot: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return what `_effective_vjp` does, and its tangent."""
        if not self.maps_theta:
            return bar, bar_dot
        return normalised_vjp_jvp(theta, dot, bar, bar_dot, self.program.parts)

    def __repr__(self) -> str:
        return f"Network({self.dim}, {list(self.layers)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Network, (self.dim, self.layers)

    def __eq__(self, other: object) -> bool:
        # By their text: as tuples, layers of other kinds with the same numbers are equal.
        return isinstance(other, Network) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def init(self, rng: RNG = None, dtype: DTypeLike = np.float64) -> NDArray[np.floating]:
        """Return initial parameters: Glorot's uniform weights and zero biases, unless a layer says otherwise.

        Parameters
        ----------
        rng : numpy.random.Generator or int, optional
            Where the numbers come from; anything that `numpy.random.default_rng` takes.
        dtype : dtype
            Of the parameters, float32 or float64.

        Returns
        -------
        ndarray, shape (n_params,)
            The parameters theta.

        References
        ----------
        .. [1] Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
           networks, AISTATS (2010), eq. (16).
        """
        rng, theta = generator("Network.init", rng), np.zeros(self.n_params)
        for part in self.program.parts:
            values = theta[part.at : part.at + int(np.prod(part.shape))]
            if part.start is not None:
                values[:] = part.start
            elif part.deviation:
                values[:] = part.deviation * rng.standard_normal(values.size)
            else:
                bound = np.sqrt(6 / sum(part.shape))
                values[:] = rng.uniform(-bound, bound, values.size)
        return theta.astype(dtype)

    @takes_arrays
    def unflatten(self, theta: ArrayInput) -> Mapping[str, NDArray[Any]]:
        """Return the parameter arrays as views of theta, by name.

        Parameters
        ----------
        theta : array, shape (n_params,)
            The parameters.

        Returns
        -------
        mapping of str to ndarray
            ``"dense0.weight"`` of shape (fan_in, fan_out), ``"dense0.bias"`` of shape (fan_out,),
            ``"dense1.weight"`` and so on, in the order of the layers; other layers' names begin with
            ``"low_rank"``, ``"spectral"``, ``"bilinear"``, ``"norm"``, ``"fourier"`` and ``"gated"``. They share
            theta's memory.

        Raises
        ------
        ValueError
            If theta has another length.
        """
        theta = as_array("Network.unflatten", "theta", theta)
        if theta.shape != (self.n_params,):
            wanted = f"an array of shape ({self.n_params},)"
            raise complain(ValueError, "Network.unflatten", "theta", wanted, describe(theta))
        return MappingProxyType(
            {
                part.name: theta[part.at : part.at + int(np.prod(part.shape))].reshape(part.shape)
                for part in self.program.parts
            }
        )


def MLP(
    dim: Integer,
    hidden: Integer | Iterable[Integer],
    *,
    activation: str = "tanh",
    final_activation: str | None = None,
    time: bool = False,
) -> Network:
    """Return a fully connected network as a vector field.

    Parameters
    ----------
    dim : int
        Number of entries of the state.
    hidden : int or sequence of int
        Widths of the hidden layers.
    activation : str
        Name of the activation after each hidden layer: ``"tanh"``, ``"softplus"``, ``"silu"``, ``"gelu"``,
        ``"relu"``, ``"elu"``, ``"sigmoid"``, ``"sin"`` or ``"identity"``.
    final_activation : str, optional
        Activation after the last layer.
    time : bool
        Whether every Dense layer also sees the time t, as one more input.

    Returns
    -------
    Network
        The field ``Dense, activation, ..., Dense`` from `dim` to `dim`.

    Raises
    ------
    ValueError
        If a width is not positive, or no activation has that name.

    Examples
    --------
    >>> import tapeless
    >>> field = tapeless.fields.MLP(2, [50, 50])
    >>> theta = field.init(rng=0)
    >>> field.unflatten(theta)["dense1.weight"].shape
    (50, 50)
    """
    names = [a.name for a in ACTIVATIONS]
    for argument, name in (("activation", activation), ("final_activation", final_activation)):
        if name not in names and not (name is None and argument == "final_activation"):
            raise complain(
                ValueError, "MLP", argument, f"one of {', '.join(names)}", describe(name)
            )
    widths = list(hidden) if isinstance(hidden, Iterable) else [hidden]
    if any(not isinstance(n, (int, np.integer)) or n < 1 for n in widths):
        raise complain(ValueError, "MLP", "hidden", "positive integers", describe(hidden))
    layers: list[Layer] = []
    for i, n_out in enumerate([*widths, dim]):
        layers += [ConcatTime()] if time else []
        layers += [Dense(int(n_out)) if isinstance(n_out, (int, np.integer)) else Dense(n_out)]
        name = activation if i < len(widths) else final_activation
        layers += [Activation(name)] if name is not None else []
    return Network(dim, layers)
