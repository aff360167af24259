"""What a network program is made of: layers as data, listed in LAYERS."""

from typing import NamedTuple


class Dense(NamedTuple):
    """W^T x + b with n_out outputs."""

    n_out: int


class Activation(NamedTuple):
    """An elementwise function, by its name in ACTIVATIONS."""

    name: str


class ConcatTime(NamedTuple):
    """x with the time t as one more entry, the last."""


class Residual(NamedTuple):
    """x + layers(x)."""

    layers: tuple


LAYERS = (Dense, Activation, ConcatTime, Residual)
