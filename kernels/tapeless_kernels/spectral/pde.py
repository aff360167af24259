"""The kernels of spectral solvers for each float type."""

import functools

import numpy as np

from .._jit import Family
from ..drivers import normals


@functools.cache
def family(dtype):
    """Return the kernels of one float type."""
    return Family(f"pde_{np.dtype(dtype).name}_1", {"LANES": 1, "Real": np.dtype(dtype).type})


@functools.cache
def normal_family():
    """Return the kernels that draw: in float64, whatever the field is."""
    return Family("gaussian_float64_1", {"LANES": 1, **normals.bindings(np.dtype(np.float64))})
