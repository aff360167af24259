"""Neural operators: maps between functions on a grid, with their gradients, at any resolution."""

from tapeless._spectral_conv import SpectralConv

__all__ = ["SpectralConv"]
