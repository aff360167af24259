"""Penalties on how a neural differential equation is solved, and what they are compared with: arguments of `fit`."""

from tapeless._functionals import FUNCTIONALS, Functional
from tapeless._local import LOCAL_SAMPLERS
from tapeless._regularised import Regulariser
from tapeless._regularisers import (
    REGULARISERS,
    RNODE,
    STEER,
    Annealed,
    Global,
    Local,
    WeightDecay,
)

__all__ = [
    "FUNCTIONALS",
    "LOCAL_SAMPLERS",
    "REGULARISERS",
    "RNODE",
    "STEER",
    "Annealed",
    "Functional",
    "Global",
    "Local",
    "Regulariser",
    "WeightDecay",
]
