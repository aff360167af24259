"""Spectral solvers of partial differential equations on periodic boxes: what `tapeless.pde` is made of."""
