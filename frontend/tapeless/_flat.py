"""Parts of a flat theta: checked, and named."""

from typing import Any

from numpy.typing import NDArray

from tapeless._check import as_array
from tapeless._complain import complain, describe
from tapeless._types import ArrayInput


def checked(caller: str, theta: ArrayInput, n_params: int) -> NDArray[Any]:
    """Return theta as an array, if it has this length."""
    theta = as_array(caller, "theta", theta)
    if theta.shape != (n_params,):
        wanted = f"an array of shape ({n_params},)"
        raise complain(ValueError, caller, "theta", wanted, describe(theta))
    return theta


def named(field: Any, theta: NDArray[Any], name: str) -> dict[str, NDArray[Any]]:
    """Return the parameters of a part by their names in it, with its own before them."""
    if not hasattr(field, "unflatten"):
        return {name or "theta": theta}
    before = f"{name}." if name else ""
    return {before + inner: view for inner, view in field.unflatten(theta).items()}
