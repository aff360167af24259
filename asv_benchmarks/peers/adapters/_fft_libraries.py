"""Transforms by the FFT libraries that NumPy's users have, one thread each, for W7.

`LIBRARIES[name](kind, x, axes)` returns a function without arguments that transforms x along axes; kinds are those of
`problems.FFT_CASES`. `pairs(name, n, dtype)` returns rfft2 and irfft2 of n x n arrays as functions of an array.
"""

import functools
import importlib.util

import numpy as np
import scipy.fft
from problems import cast


def numpy_fft(kind, x, axes):
    """numpy.fft, which has no DCT."""
    return functools.partial(getattr(np.fft, f"{kind}n"), x, axes=axes)


def scipy_fft(kind, x, axes):
    """scipy.fft"""
    if kind.startswith("dct"):
        return functools.partial(scipy.fft.dct, x, int(kind[3:]), axis=axes[0])
    return functools.partial(getattr(scipy.fft, f"{kind}n"), x, axes=axes)


def ducc0_fft(kind, x, axes):
    """ducc0.fft"""
    import ducc0

    options = {"axes": axes, "nthreads": 1}
    if kind == "rfft":
        return functools.partial(ducc0.fft.r2c, x, **options)
    if kind == "irfft":
        options |= {"lastsize": 2 * (x.shape[-1] - 1), "forward": False, "inorm": 2}
        return functools.partial(ducc0.fft.c2r, x, **options)
    return functools.partial(ducc0.fft.dct, x, type=int(kind[3:]), **options)


def pyfftw_plan(kind, shape, dtype, axes):
    """Plan a pyFFTW transform of real arrays of a shape, by measuring; the plan holds its input and output."""
    import pyfftw

    half = pyfftw.empty_aligned(
        (*shape[:-1], shape[-1] // 2 + 1), cast(1j * np.ones(1), dtype).dtype
    )
    real = pyfftw.empty_aligned(shape, dtype)
    plan = functools.partial(pyfftw.FFTW, axes=axes, threads=1)
    if kind == "rfft":
        return plan(real, half, flags=("FFTW_MEASURE",))
    if kind == "irfft":
        flags = ("FFTW_MEASURE", "FFTW_DESTROY_INPUT")
        return plan(half, real, direction="FFTW_BACKWARD", flags=flags)
    direction = {"dct2": "FFTW_REDFT10", "dct3": "FFTW_REDFT01"}[kind]
    other = pyfftw.empty_aligned(shape, dtype)
    return plan(real, other, direction=direction, flags=("FFTW_MEASURE",))


def pyfftw_fft(kind, x, axes):
    """pyFFTW with planned arrays, which costs its user that the next call overwrites the output."""
    shape = (*x.shape[:-1], 2 * (x.shape[-1] - 1)) if kind == "irfft" else x.shape
    plan = pyfftw_plan(kind, shape, x.real.dtype, axes)
    plan.input_array[:] = x
    if kind != "irfft":
        return plan

    def run():
        plan.input_array[:] = (
            x  # the transform back destroys its input, so that copying it in is part of the work
        )
        return plan()

    return run


def rocket_fft(kind, x, axes):
    """rocket-fft: numpy.fft and scipy.fft inside functions that Numba compiles."""
    import numba

    if kind.startswith("dct"):
        type_ = int(kind[3:])
        return functools.partial(numba.njit(lambda x: scipy.fft.dct(x, type_)), x)
    transform = getattr(scipy.fft, kind if len(axes) == 1 else f"{kind}2")
    return functools.partial(numba.njit(lambda x: transform(x)), x)


LIBRARIES = {
    "numpy": numpy_fft,
    "scipy": scipy_fft,
    "ducc0": ducc0_fft,
    "pyfftw": pyfftw_fft,
    "rocket-fft": rocket_fft,
}
LIBRARIES = {
    name: transform
    for name, transform in LIBRARIES.items()
    if importlib.util.find_spec(name.replace("-", "_"))
}


def pairs(name, n, dtype):
    """Return rfft2 and irfft2, as a hand-written solver on n x n arrays would call them."""
    if name == "pyfftw":
        forward, backward = (pyfftw_plan(k, (n, n), dtype, (0, 1)) for k in ("rfft", "irfft"))
        # Given an array, a plan copies it in; its output is overwritten by the next call.
        return lambda x: forward(x).copy(), lambda x: backward(x).copy()
    if name == "ducc0":
        import ducc0

        options = {"axes": (0, 1), "nthreads": 1}
        back = options | {"lastsize": n, "forward": False, "inorm": 2}
        back["allow_overwriting_input"] = True
        return (
            functools.partial(ducc0.fft.r2c, **options),
            functools.partial(ducc0.fft.c2r, **back),
        )
    module = {"numpy": np.fft, "scipy": scipy.fft}[name]
    return module.rfft2, module.irfft2
