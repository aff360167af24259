"""What kernels in CUDA C are given, looked at first: a kernel sees addresses alone, and CuPy looks at nothing."""

import numpy as np

FLOATS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}


def float_name(caller, dtype):
    """Return what C++ calls a float type."""
    try:
        return FLOATS[np.dtype(dtype)]
    except (KeyError, TypeError):
        raise TypeError(f"{caller}: `dtype` must be float32 or float64, got {dtype}") from None


def checked(caller, xp, dtype, shape, **arrays):
    """Raise unless all arrays are of `xp`, of this dtype and shape, C-contiguous and native; return them."""
    for name, x in arrays.items():
        wanted = f"a C-contiguous {xp.__name__} array of {np.dtype(dtype)} and shape {shape}"
        if not isinstance(x, xp.ndarray):
            raise TypeError(f"{caller}: `{name}` must be {wanted}, got {type(x).__name__}")
        right = x.dtype == dtype and x.dtype.isnative and x.shape == tuple(shape)
        if not right or not x.flags.c_contiguous:
            order = "" if x.flags.c_contiguous else ", not C-contiguous"
            raise ValueError(
                f"{caller}: `{name}` must be {wanted}, got {x.dtype} and shape {x.shape}{order}; "
                "ascontiguousarray and astype make one"
            )
    return tuple(arrays.values())
