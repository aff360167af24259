"""Checks and conversions of arguments, shared by the public functions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless._complain import complain, describe
from tapeless._interchange.libraries import Library, kind_of
from tapeless._interchange.views import view

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def as_array(caller: str, name: str, x: Any) -> NDArray[Any]:
    """Return x as an ndarray, without a copy where it offers its memory: array, buffer or CPU DLPack."""
    if type(x) is np.ndarray:
        return x
    library = kind_of(type(x))
    if isinstance(library, Library):  # a callback's result, or a batch of data
        return view(caller, name, x, library)
    try:
        return np.asarray(x)
    except (ValueError, TypeError, RuntimeError, BufferError) as error:
        wanted = "an array, or an object that offers one through __array__, a buffer or __dlpack__"
        raise complain(TypeError, caller, name, wanted, f"{type(x).__name__} ({error})") from error


def as_state(caller: str, name: str, x: Any) -> NDArray[np.floating]:
    """Return x as a native float32 or float64 array; integers and lists become float64."""
    x = as_array(caller, name, x)
    if x.dtype in FLOATS:
        return x
    dtype = x.dtype.newbyteorder("=")
    if dtype in FLOATS:
        return x.astype(dtype, copy=False)
    if dtype.kind in "iub":
        return x.astype(np.float64)
    raise complain(
        TypeError,
        caller,
        name,
        "of dtype float32 or float64",
        describe(x),
        "Convert it with astype.",
    )


def as_real(caller: str, name: str, x: Any) -> NDArray[np.float64]:
    """Return x as a float64 array of numbers, of any shape."""
    x = as_array(caller, name, x)
    if x.dtype.kind not in "iubf":
        raise complain(TypeError, caller, name, "a number or an array of them", describe(x))
    return x.astype(np.float64, copy=False)


def per_sample(caller, name, x, batch):
    """Return x as a float64 number or an array of shape (batch,)."""
    if type(x) in (float, int):
        return np.float64(x)
    x = as_real(caller, name, x)
    if x.ndim == 0 or x.shape == (batch,):
        return x[()]
    raise complain(
        ValueError, caller, name, f"a number or an array of shape ({batch},)", describe(x)
    )


def positive_int(caller: str, name: str, x: object) -> int:
    """Return x as an int of at least 1."""
    if type(x) is int and x >= 1:
        return x
    if isinstance(x, (bool, np.bool_)) or not isinstance(x, (int, np.integer)) or x < 1:
        raise complain(ValueError, caller, name, "a positive integer", describe(x))
    return int(x)


def float_dtype(caller: str, dtype: Any) -> np.dtype:
    """Return the dtype, float32 or float64."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found not in FLOATS:
        raise complain(ValueError, caller, "dtype", "float32 or float64", describe(dtype))
    return found


def one_of(caller, name, x, choices):
    """Return x if it is one of the choices."""
    if not (x is None or isinstance(x, str)) or x not in choices:
        listed = ", ".join(repr(c) for c in choices)
        raise complain(ValueError, caller, name, f"one of {listed}", describe(x))
    return x


def generator(caller: str, rng: Any) -> np.random.Generator:
    """Return a numpy Generator made from `rng`, as SPEC 7 says."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        wanted = "a numpy Generator, a seed or None"
        raise complain(type(error), caller, "rng", wanted, describe(rng)) from None
