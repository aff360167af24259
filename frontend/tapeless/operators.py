"""Neural operators: maps between functions on a grid, with their gradients, at any resolution."""

from tapeless._fno import FNO
from tapeless._operator_objective import OperatorObjective
from tapeless._spectral_conv import SpectralConv

__all__ = ["FNO", "OperatorObjective", "SpectralConv"]
