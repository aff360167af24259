"""Arguments of calls within traced programs: what can be said of them before there are numbers."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tapeless._complain import complain, describe
from tapeless.interop.jax._frozen import Frozen


def is_traced(x: Any) -> bool:
    """Return whether x is jax's: an array whose numbers a program may not know yet."""
    return isinstance(x, jax.Array)


def as_operand(caller: str, name: str, x: Any, dtype: Any = None) -> Any:
    """Return x as a jax array of floats; integers become jax's float."""
    try:
        found = jnp.asarray(x, dtype)
    except (TypeError, ValueError) as error:
        got = f"{describe(x)} ({error})"
        raise complain(TypeError, caller, name, "an array", got) from None
    if found.dtype.kind in "iub":
        found = found.astype(jnp.result_type(float))
    return found


def zeros_like(x: Any) -> np.ndarray[Any, Any]:
    """Return zeros of the shape and dtype of an operand, for checks that look at no number."""
    return np.zeros(x.shape, x.dtype)


def frozen(caller: str, options: Mapping[str, Any]) -> tuple[tuple[str, Frozen], ...]:
    """Return options as values with a hash, which a program is compiled for."""
    for name, value in options.items():
        if is_traced(value):
            wanted = "a number of Python or NumPy, known when jax traces the call"
            advice = "Pass float(x), or make the argument static in jax.jit."
            raise complain(TypeError, caller, name, wanted, _name(value), advice)
    return tuple((name, Frozen(value)) for name, value in sorted(options.items()))


def _name(x: Any) -> str:
    return f"{type(x).__name__} of shape {x.shape} and dtype {x.dtype}"
