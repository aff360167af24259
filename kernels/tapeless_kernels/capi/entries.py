"""The functions that C calls: what each is for, its prototype, and its address."""

import functools
from typing import NamedTuple

import numpy as np
from numba import types

from .._jit import Family
from ..launch import cpu
from . import entry
from .methods import constants
from .sizes import layouts


def family(dtype, lanes):
    """Return the kernels of one dtype and width, with the constants that the entries are compiled with."""
    return _family(np.dtype(dtype), lanes)


@functools.cache
def _family(dtype, lanes):
    facts, coefficients, numbers = constants(dtype)
    bind = cpu.family(dtype, lanes).bind | {
        "FACTS": facts, "COEFFICIENTS": coefficients, "CONTROL_NUMBERS": numbers, "ITEM": dtype.itemsize,
        "ROOM": entry.room_layout(dtype, lanes), **layouts(dtype, lanes),
    }  # fmt: skip
    return Family(f"capi_{dtype.name}_{lanes}", bind)
