"""Arguments that may be real or complex."""

from typing import Any

import numpy as np

from tapeless import _check as check
from tapeless._pde.factors import Array


def as_number(caller: str, name: str, x: Any) -> Array:
    """Return x as a native real or complex array of single or double precision; integers become float64."""
    x = check.as_array(caller, name, x)
    dtype = x.dtype.newbyteorder("=")
    if dtype.char in "FD":
        return np.asarray(x, dtype, order="C")
    return np.asarray(check.as_state(caller, name, x), order="C")
