"""The diffusion of a stochastic differential equation as a network."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tapeless._composition import VectorField
from tapeless._diffusion import Noise, _sizes
from tapeless._network import Network
from tapeless._types import RNG, Integer
from tapeless_kernels.fields.lower import lower


class DiffusionNetwork(VectorField):
    """A diffusion that is a network, whose last layer returns dim values, or dim by channels row by row.

    Parameters
    ----------
    dim : int
        Number of entries of the state.
    layers : sequence of layers
        Of `tapeless.fields.LAYERS`, applied one after the other to y.
    channels : int, optional
        Number of channels of noise that a matrix mixes; None: one for each component.
    noise : str, optional
        What it is, as in `Diffusion`.

    Attributes
    ----------
    dim, channels, n_params : int
        Entries of the state, channels of noise, length of its part of theta.
    mixes : bool
        Whether it is a matrix.
    layers : tuple
        The layers.
    noise : str or None
        As given.

    Raises
    ------
    ValueError
        If the layers do not return as many values as are wanted, or `noise` does not go with `channels`.

    Examples
    --------
    >>> from tapeless import DiffusionNetwork
    >>> from tapeless.fields import Activation, Dense
    >>> g = DiffusionNetwork(2, [Dense(16), Activation("tanh"), Dense(6)], channels=3)
    >>> g.init(rng=0).shape
    (150,)
    """

    def __init__(
        self,
        dim: Integer,
        layers: Iterable[Any],
        channels: Integer | None = None,
        noise: Noise | None = None,
    ) -> None:
        name = "DiffusionNetwork"
        self.dim, self.channels, self.mixes, self.noise = _sizes(name, dim, channels, noise)
        self.layers, rows = tuple(layers), self.dim * (self.channels if self.mixes else 1)
        try:
            self.program = lower(self.layers, self.dim, rows, "this diffusion")
        except (ValueError, TypeError) as error:
            raise type(error)(f"{name}: in `layers`, {error}.") from None
        self.n_params: int = self.program.n_params
        self.maps_theta = any(part.lipschitz for part in self.program.parts)

    effective = Network.effective
    _effective_vjp = Network._effective_vjp
    _effective_jvp = Network._effective_jvp
    unflatten = Network.unflatten

    def init(self, rng: RNG = None, dtype: DTypeLike = np.float64) -> NDArray[np.floating]:
        """Return initial parameters, as `Network.init` does.

        Parameters
        ----------
        rng : numpy.random.Generator or int, optional
            Where the numbers come from.
        dtype : dtype
            Of the parameters, float32 or float64.

        Returns
        -------
        ndarray, shape (n_params,)
            The parameters.
        """
        return Network.init(self, rng, dtype)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        channels = f", channels={self.channels}" if self.mixes else ""
        return f"DiffusionNetwork({self.dim}, {list(self.layers)}{channels})"

    def __reduce__(self) -> tuple[Any, ...]:
        channels = self.channels if self.mixes else None
        return DiffusionNetwork, (self.dim, self.layers, channels, self.noise)
