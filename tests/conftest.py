"""What tests share: kernels in plain loops, and scripts in processes of their own.

Kernels come from the user's cache, which knows them by their content: a second run compiles little.
"""

import functools
import os
import subprocess
import sys

import numpy as np
import pytest

from tapeless_kernels._jit import Family


def pytest_collection_modifyitems(items):
    """Count signatures last, when all other tests have had their chance to add one."""
    items.sort(key=lambda item: item.path.name == "test_signatures.py")


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
    """Run a script in a fresh interpreter, in which warnings are errors, and return what it prints."""

    def run(script, *arguments, timeout=300, **environment):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=os.environ | environment,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
