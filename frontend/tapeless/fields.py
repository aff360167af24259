"""Vector fields: networks of layers with one flat parameter vector, functions of your own, and sums of both."""

from tapeless._composition import Sum
from tapeless._evaluate import evaluate, jvp, vjp
from tapeless._field import Field, field
from tapeless._kinetic import Kinetic
from tapeless._network import MLP, Network
from tapeless._parameters import Frozen, Slice
from tapeless._second import vjp_jvp
from tapeless_kernels.fields.layers import (
    LAYERS,
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

__all__ = [
    "LAYERS",
    "MLP",
    "Activation",
    "Bilinear",
    "ConcatTime",
    "Dense",
    "Field",
    "FourierFeatures",
    "Frozen",
    "GatedCell",
    "Kinetic",
    "LayerNorm",
    "LowRankDense",
    "Network",
    "Residual",
    "Skip",
    "Slice",
    "SpectralDense",
    "Sum",
    "evaluate",
    "field",
    "jvp",
    "vjp",
    "vjp_jvp",
]
