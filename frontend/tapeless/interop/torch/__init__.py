"""Solves, fields and operators as functions and modules of torch; see docs/torch.md."""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError(
        "tapeless.interop.torch: torch is not installed; pip install 'tapeless[torch]', or without its parts for "
        "GPUs: pip install torch --index-url https://download.pytorch.org/whl/cpu"
    ) from error

from tapeless.interop.torch._functions import apply_operator, evaluate
from tapeless.interop.torch._modules import FNO, NeuralODE, NeuralSDE, SpectralConv, VectorField
from tapeless.interop.torch._ode import solve_ode
from tapeless.interop.torch._odeint import odeint
from tapeless.interop.torch._sde import solve_sde

__all__ = [
    "FNO",
    "NeuralODE",
    "NeuralSDE",
    "SpectralConv",
    "VectorField",
    "apply_operator",
    "evaluate",
    "odeint",
    "solve_ode",
    "solve_sde",
]
