"""Penalties on how a neural differential equation is solved, and what they are compared with: arguments of `fit`."""

from tapeless._baselines import RNODE, STEER, WeightDecay
from tapeless._functionals import FUNCTIONALS, Functional
from tapeless._local import LOCAL_SAMPLERS
from tapeless._regularised import Regulariser
from tapeless._regularisers import Global, Local
from tapeless._weights import Annealed

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

# To add one, write it and name it here.
REGULARISERS = (Global, Local, STEER, WeightDecay, RNODE)
