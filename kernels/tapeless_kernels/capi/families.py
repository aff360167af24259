"""The kernels of each dtype and width, with the constants that what C calls is compiled with."""

import functools

import numpy as np

from .._jit import Family
from ..launch import cpu
from .methods import constants
from .room import room_layout
from .sizes import layouts


@functools.cache
def family(dtype, lanes):
    """Return the kernels of one dtype and width."""
    dtype = np.dtype(dtype)
    facts, coefficients, numbers = constants(dtype)
    bind = cpu.family(dtype, lanes).bind | {
        "FACTS": facts, "COEFFICIENTS": coefficients, "CONTROL_NUMBERS": numbers, "ITEM": dtype.itemsize,
        "ROOM": room_layout(dtype, lanes), **layouts(dtype, lanes),
    }  # fmt: skip
    return Family(f"capi_{dtype.name}_{lanes}", bind)
