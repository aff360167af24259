"""tapeless.fft by each of its engines, on one thread: the full transforms of W7."""

import functools
import importlib

import problems as P
from core import register

fft = importlib.import_module(
    "tapeless.fft"
)  # an older tapeless lacks it, and bench.py skips this file


def transform(engine, case, dtype):
    """Build one full transform."""
    p = P.fft_input(case)
    x, kind = P.cast(p["x"], dtype), p["kind"]
    if kind.startswith("dct"):
        call = functools.partial(fft.dct, x, int(kind[3:]), axis=p["axes"][0])
    else:
        call = functools.partial(getattr(fft, f"{kind}n"), x, axes=p["axes"])

    def run():
        with fft.engine(engine):
            return call()

    return run, lambda y: {"y": y}


for engine in fft.engines():
    register("tapeless", "W7", f"fft {engine}", P.FFT_CASES)(functools.partial(transform, engine))
