"""What tests share: kernels in plain loops, and scripts in processes of their own.

Kernels come from the user's cache, which knows them by their content: a second run compiles little.
"""

import functools
import itertools
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tapeless_kernels._jit import Family
from tapeless_kernels.launch import cpu, sde_plan


@pytest.fixture(scope="session", autouse=True)
def one_signature():
    """Hold, when all tests have had their chance to add one, that no kernel of a solve has two signatures."""
    yield
    for dtype, lanes in itertools.product(cpu.WIDTHS, (1, *cpu.WIDTHS.values())):
        entries = cpu.family(dtype, lanes)._entries if lanes in (1, cpu.WIDTHS[dtype]) else {}
        counts = {
            f.__name__: len(d.signatures)
            for f, d in entries.items()
            if "launch.entry" in f.__module__
        }
        assert {name: n for name, n in counts.items() if n > 1} == {}, (dtype, lanes)
    for dtype, narrow in cpu.WIDTHS.items():
        for lanes in (narrow, sde_plan.WIDE):
            entries = sde_plan.family(dtype, lanes)._entries
            counts = {f.__name__: len(d.signatures) for f, d in entries.items()}
            assert {name: n for name, n in counts.items() if n > 1} == {}, (dtype, lanes)


@pytest.fixture(scope="session")
def plain():
    """Return the kernels of a dtype and width in plain loops, without explicit vectors."""

    @functools.cache
    def family(dtype, lanes):
        dtype = np.dtype(dtype)
        return Family(f"plain_{dtype.name}_{lanes}", {"LANES": lanes, "Real": dtype.type})

    return family


@pytest.fixture(scope="session")
def run_python():
    """Run a script in a fresh interpreter, in which warnings are errors, and return what it prints.

    It may import what is in tests/support.
    """
    support = str(pathlib.Path(__file__).with_name("support"))
    path = os.pathsep.join(filter(None, [support, os.environ.get("PYTHONPATH")]))

    def run(script, *arguments, timeout=300, **environment):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=os.environ | {"PYTHONPATH": path} | environment,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
