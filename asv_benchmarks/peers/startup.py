"""One fresh process of W9: python startup.py LIBRARY first-solve|first-gradient

Imports the library, then solves W1 or differentiates W2 of D16H64B64 twice (float32; scipy
float64), and prints the seconds as a line of JSON.
"""

import importlib
import json
import sys
import time
from typing import NamedTuple


class Library(NamedTuple):
    """What a user of a library imports, and the rows of W1 and W2 that stand for it."""

    imports: tuple
    adapter: str
    solve: str
    gradient: str | None
    dtype: str = "float32"


LIBRARIES = {
    "tapeless": Library(("tapeless",), "tapeless_adapter", "tsit5", "tsit5 store adjoint"),
    "diffrax": Library(("jax", "diffrax"), "jax_ode", "tsit5", "tsit5 RecursiveCheckpointAdjoint"),
    "torchdiffeq": Library(("torchdiffeq",), "torch_ode", "dopri5", "dopri5 backprop"),
    "torchode": Library(("torchode",), "torchode_ode", "dopri5", "dopri5 backprop"),
    "scipy": Library(
        ("scipy.integrate",), "numpy_ode", "RK45 (flattened batch)", None, dtype="float64"
    ),
}


def main(name, kind):
    """Time import, setup, first and second run."""
    library = LIBRARIES[name]
    times = [time.perf_counter()]
    for module in library.imports:
        importlib.import_module(module)
    times.append(time.perf_counter())

    core = importlib.import_module("core")
    importlib.import_module(f"adapters.{library.adapter}")
    workload, method = ("W1", library.solve) if kind == "first-solve" else ("W2", library.gradient)
    key = f"{workload}/D16H64B64/{library.dtype}/{name}/{method}"
    run, _ = next(case for case in core.REGISTRY if case.key == key).build()
    times.append(time.perf_counter())
    for _ in range(2):
        run()
        times.append(time.perf_counter())

    names = ("import_s", "setup_s", "first_s", "second_s")
    print(json.dumps({n: b - a for n, a, b in zip(names, times, times[1:], strict=False)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
