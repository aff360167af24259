"""Parts of a flat theta: checked, and named."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tapeless._check import as_array, as_state
from tapeless._complain import complain, describe
from tapeless._types import ArrayInput


def checked(caller: str, theta: ArrayInput, n_params: int, name: str = "theta") -> NDArray[Any]:
    """Return theta as an array, if it has this length."""
    theta = as_array(caller, name, theta)
    if theta.shape != (n_params,):
        wanted = f"an array of shape ({n_params},)"
        raise complain(ValueError, caller, name, wanted, describe(theta))
    return theta


def ready(x: NDArray[np.floating], dtype: DTypeLike | None = None) -> NDArray[np.floating]:
    """Return x as kernels take it: C-contiguous, aligned and writable. Numba compiles anew for what is not."""
    return np.require(x, dtype, ["C", "A", "W"])


def parameters(
    caller: str, theta: ArrayInput, n_params: int, dtype: DTypeLike | None, name: str = "theta"
) -> NDArray[np.floating]:
    """Return theta as kernels take it, if it is real and has this length."""
    return ready(as_state(caller, name, checked(caller, theta, n_params, name)), dtype)


def named(field: Any, theta: NDArray[Any], name: str) -> dict[str, NDArray[Any]]:
    """Return the parameters of a part by their names in it, with its own before them."""
    if not hasattr(field, "unflatten"):
        return {name or "theta": theta}
    before = f"{name}." if name else ""
    return {before + inner: view for inner, view in field.unflatten(theta).items()}
