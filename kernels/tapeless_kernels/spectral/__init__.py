"""Spectral transforms of the modes that are kept, mixing of channels, and steps of spectral PDE solvers."""
