"""Transforms by tapeless beside those of NumPy, SciPy, ducc0, rocket-fft and pyFFTW, as the table of docs/fft.md.

    OMP_NUM_THREADS=1 taskset -c 0 python asv_benchmarks/fft_speed.py

One thread; the least time of rounds in which all take turns, in an order by chance, in microseconds. What is not
installed is left out. pyFFTW's plans are measured ones, made beforehand, and fill an array of their own: no time goes
into them or into memory for the result; what destroys its input copies it first.
"""

import importlib
import math
import time

import numpy as np
import scipy.fft
from benchmarks.fft import CASES, problem
from peers.tables import table

from tapeless import fft

SECONDS, ROUNDS = 3e-3, 80
TYPES = {"dctn": 2, "idctn": 3}


def by_tapeless(engine):
    def make(name, x, axes, shape):
        transform = getattr(fft, name)

        def run():
            return transform(x, axes=axes)

        return run

    return lambda *case: in_engine(engine, make(*case))


def in_engine(engine, function):
    """Return a function to be timed by one engine, and how it is chosen before."""
    return function, lambda: fft.set_engine(engine)


def by_transpose(engine):
    def make(name, x, axes, shape):
        y_bar, transpose = getattr(fft, name)(x, axes=axes), getattr(fft, f"{name}_vjp")
        return in_engine(engine, lambda: transpose(y_bar, axes=axes))

    return make


def by_numpy(name, x, axes, shape):
    transform = getattr(np.fft, name)  # has no cosines
    if len(axes) == 1:
        transform = getattr(np.fft, name[:-1])
        return lambda: transform(x, axis=axes[0])
    return lambda: transform(x, axes=axes)


def by_scipy(name, x, axes, shape):
    if len(axes) == 1:
        transform = getattr(scipy.fft, name[:-1])
        return lambda: transform(x, axis=axes[0])
    transform = getattr(scipy.fft, name)
    return lambda: transform(x, axes=axes)


def by_ducc0(name, x, axes, shape):
    library = importlib.import_module("ducc0").fft
    if name == "rfftn":
        return lambda: library.r2c(x, axes=axes)
    if name == "irfftn":
        n = shape[axes[-1]]
        return lambda: library.c2r(x, axes=axes, lastsize=n, forward=False, inorm=2)
    inorm = 0 if name == "dctn" else 2
    return lambda: library.dct(x, TYPES[name], axes=axes, inorm=inorm)


def by_rocket_fft(name, x, axes, shape):
    importlib.import_module("rocket_fft")
    from numba import njit

    call = {
        ("rfftn", 1): njit(lambda x: np.fft.rfft(x)),
        ("rfftn", 2): njit(lambda x: scipy.fft.rfft2(x)),
        ("irfftn", 1): njit(lambda x: np.fft.irfft(x)),
        ("irfftn", 2): njit(lambda x: scipy.fft.irfft2(x)),
        ("dctn", 1): njit(lambda x: scipy.fft.dct(x, 2)),
        ("idctn", 1): njit(lambda x: scipy.fft.idct(x, 2)),
    }[name, len(axes)]
    return lambda: call(x)


def by_pyfftw(name, x, axes, shape):
    library = importlib.import_module("pyfftw")
    real, z = x.real.dtype, np.result_type(x.dtype, np.complex64)
    half = [*shape[:-1], shape[-1] // 2 + 1]
    options = {"axes": axes, "flags": ["FFTW_MEASURE"]}
    if name == "rfftn":
        a, b = library.empty_aligned(shape, real), library.empty_aligned(half, z)
    elif name == "irfftn":
        a, b = library.empty_aligned(half, z), library.empty_aligned(shape, real)
        options |= {"direction": "FFTW_BACKWARD", "flags": ["FFTW_MEASURE", "FFTW_DESTROY_INPUT"]}
    else:
        a, b = library.empty_aligned(shape, real), library.empty_aligned(shape, real)
        options["direction"] = {"dctn": "FFTW_REDFT10", "idctn": "FFTW_REDFT01"}[name]
    plan = library.FFTW(a, b, **options)
    a[...] = x
    if name != "irfftn":
        return plan

    def run():
        a[...] = x
        return plan()

    return run


COLUMNS = {
    **{f"tapeless, {engine}": by_tapeless(engine) for engine in fft.engines()},
    "NumPy": by_numpy,
    "SciPy": by_scipy,
    "ducc0": by_ducc0,
    "rocket-fft": by_rocket_fft,
    "pyFFTW": by_pyfftw,
    **{f"transpose, {engine}": by_transpose(engine) for engine in fft.engines()},
}


def made(column, *case):
    """Return what a column times and what goes before, or None where it has no such transform."""
    try:
        found = COLUMNS[column](*case)
    except (ImportError, AttributeError):
        return None
    return found if isinstance(found, tuple) else (found, lambda: None)


def least(functions):
    """Return the least time of a call of each, in turns."""
    calls, best = [], [math.inf] * len(functions)
    for function, before in functions:
        before()
        function()  # compiles, or plans
        begun = time.perf_counter()
        function()
        calls.append(max(1, int(SECONDS / max(time.perf_counter() - begun, 1e-7))))
    order = np.random.default_rng(0)
    for _ in range(ROUNDS):
        for i in order.permutation(len(functions)):
            function, before = functions[i]
            before()
            for _ in range(3):  # so that none pays for what another has left in caches and heap
                function()
            begun = time.perf_counter()
            for _ in range(calls[i]):
                function()
            best[i] = min(best[i], (time.perf_counter() - begun) / calls[i])
    return best


def main():
    installed = [name for name in COLUMNS if made(name, "rfftn", np.ones(4), (0,), (4,))]
    rows = []
    for dtype in ("float32", "float64"):
        for case in CASES:
            name, x, axes = problem(case, dtype)
            runs = {column: made(column, name, x, axes, CASES[case][1]) for column in installed}
            runs = {column: run for column, run in runs.items() if run}
            times = dict(zip(runs, least(list(runs.values())), strict=True))
            rows.append([case, dtype, *(micro(times.get(column)) for column in installed)])
    print(table(("transform", "dtype", *installed), rows))


def micro(seconds):
    """Return microseconds in three digits."""
    return (
        ""
        if seconds is None
        else f"{seconds * 1e6:.1f}"
        if seconds < 1e-4
        else f"{seconds * 1e6:.0f}"
    )


if __name__ == "__main__":
    main()
