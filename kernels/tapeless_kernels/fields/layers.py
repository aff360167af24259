"""What a network program is made of: layers as data, listed in LAYERS."""

from typing import NamedTuple


class Dense(NamedTuple):
    """W^T x + b with n_out outputs."""

    n_out: int


class LowRankDense(NamedTuple):
    """V^T U^T x + b with n_out outputs, U (n_in, rank) and V (rank, n_out)."""

    n_out: int
    rank: int


class SpectralDense(NamedTuple):
    """c W^T x / |W| + b with n_out outputs, |W| the largest singular value: Lipschitz's constant is c."""

    n_out: int
    lipschitz: float = 1.0


class Bilinear(NamedTuple):
    """The sums over i and j of W[i, j, m] x[i] x[j], plus b[m], for n_out values of m."""

    n_out: int


class Activation(NamedTuple):
    """An elementwise function, by its name in ACTIVATIONS."""

    name: str


class LayerNorm(NamedTuple):
    """w (x - mean) / sqrt(variance + eps) + b, of the entries of x."""

    eps: float = 1e-5


class FourierFeatures(NamedTuple):
    """sin(B^T x + b), then cos(B^T x + b), B (n_in, n) of normal numbers times `scale`, fixed unless trainable."""

    n: int
    scale: float = 1.0
    trainable: bool = False


class GatedCell(NamedTuple):
    """z (g - x), g = tanh(dense(r x)), r and z the sigmoids of dense(x): a GRU as a vector field."""


class ConcatTime(NamedTuple):
    """x with the time t as one more entry, the last."""


class Residual(NamedTuple):
    """x + layers(x)."""

    layers: tuple


class Skip(NamedTuple):
    """layers(x), then x: both in one vector."""

    layers: tuple


LAYERS = (
    Dense,
    LowRankDense,
    SpectralDense,
    Bilinear,
    Activation,
    LayerNorm,
    FourierFeatures,
    GatedCell,
    ConcatTime,
    Residual,
    Skip,
)
