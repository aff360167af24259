"""Spectral solvers of partial differential equations on periodic boxes, with exact discrete adjoints."""

from tapeless._pde.coefficients import etdrk4_coefficients, ifrk4_coefficients, phi
from tapeless._pde.exponential import exponential_step, exponential_step_vjp
from tapeless._pde.factors import Coefficients
from tapeless._pde.public import solve_burgers, solve_navier_stokes
from tapeless._pde.random_field import gaussian_random_field, navier_stokes_forcing
from tapeless._pde.solution import PdeGradient, PdeSolution, PdeStats

__all__ = [
    "Coefficients",
    "PdeGradient",
    "PdeSolution",
    "PdeStats",
    "etdrk4_coefficients",
    "exponential_step",
    "exponential_step_vjp",
    "gaussian_random_field",
    "ifrk4_coefficients",
    "navier_stokes_forcing",
    "phi",
    "solve_burgers",
    "solve_navier_stokes",
]
