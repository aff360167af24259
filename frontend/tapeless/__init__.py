"""Neural differential equations from NumPy, at compiled speed, without an autodiff tape."""

from typing import TYPE_CHECKING

from tapeless import (
    fft,
    fields,
    losses,
    methods,
    operators,
    optim,
    pde,
    plot,
    regularise,
    spectral,
    testing,
)  # fmt: skip
from tapeless._address import address, c_declarations
from tapeless._adjoint_memory import AdjointMemory, adjoint_memory
from tapeless._backsolve import Backsolve, BackwardStats
from tapeless._brownian import BrownianPath, Increment
from tapeless._c_field import CField, c_field
from tapeless._diffusion import Diffusion, diffusion
from tapeless._diffusion_network import DiffusionNetwork
from tapeless._fit import fit
from tapeless._gradient import Gradient
from tapeless._ivp import IvpStats, OdeResult, OdeSolution, solve_ivp
from tapeless._joint_field import JointField
from tapeless._objective import Evaluation, Objective
from tapeless._ode import solve_ode
from tapeless._save import Saved, load, save
from tapeless._sde import solve_sde
from tapeless._sde_solution import SdeSolution, SdeStats
from tapeless._solution import Solution, Stats
from tapeless._steps import Steps, StepsBar
from tapeless._training_result import Fit, History
from tapeless.errors import SolverError, TrainingError
from tapeless.fields import field
from tapeless.methods import check_tableau, reversible

__all__ = [
    "AdjointMemory",
    "Backsolve",
    "BackwardStats",
    "BrownianPath",
    "CField",
    "Diffusion",
    "DiffusionNetwork",
    "Evaluation",
    "Fit",
    "Gradient",
    "History",
    "Increment",
    "IvpStats",
    "JointField",
    "Objective",
    "OdeResult",
    "OdeSolution",
    "Saved",
    "SdeSolution",
    "SdeStats",
    "Solution",
    "SolverError",
    "Stats",
    "Steps",
    "StepsBar",
    "TrainingError",
    "address",
    "adjoint_memory",
    "c_declarations",
    "c_field",
    "check_tableau",
    "diffusion",
    "fft",
    "field",
    "fields",
    "fit",
    "load",
    "losses",
    "methods",
    "operators",
    "optim",
    "pde",
    "plot",
    "regularise",
    "reversible",
    "save",
    "solve_ivp",
    "solve_ode",
    "solve_sde",
    "spectral",
    "testing",
]

__version__: str

# Out of the sight of type checkers, which would take it to define any name, misspelt ones too.
if not TYPE_CHECKING:

    def __getattr__(name):
        if name == "__version__":
            from importlib.metadata import version

            return version("tapeless")
        if name == "cuda":  # on first use: few need it, and it needs more than others
            from importlib import import_module

            return import_module("tapeless.cuda")
        raise AttributeError(f"module 'tapeless' has no attribute {name!r}")
