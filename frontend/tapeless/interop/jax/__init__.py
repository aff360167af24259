"""Solves and operators as functions that jax transforms: jit, grad, jvp, vmap, scan and checkpoint."""

try:
    import jax as _jax  # noqa: F401
except ImportError as error:
    raise ImportError(
        "tapeless.interop.jax: jax must be installed; got none. pip install 'tapeless[jax]' brings it."
    ) from error

from tapeless.interop.jax._brownian import brownian_increments
from tapeless.interop.jax._ode import Measured, solve_ode
from tapeless.interop.jax._operators import fno, spectral_conv
from tapeless.interop.jax._sde import solve_sde

__all__ = ["Measured", "brownian_increments", "fno", "solve_ode", "solve_sde", "spectral_conv"]
