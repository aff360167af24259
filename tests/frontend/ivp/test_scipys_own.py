"""SciPy's tests of solve_ivp, which its package brings along, with our function in place of theirs."""

import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest

FIXTURES = """
import pytest


@pytest.fixture
def num_parallel_threads():
    return 1
"""


def test_scipys_own_tests_pass(tmp_path):
    found = importlib.util.find_spec("scipy.integrate._ivp.tests.test_ivp")
    if found is None:
        pytest.skip("this SciPy was installed without its tests")
    source = pathlib.Path(found.origin).read_text()
    ours, n = re.subn(
        r"^from scipy.integrate import solve_ivp\b(, )?",
        lambda m: (
            "from tapeless import solve_ivp" + ("\nfrom scipy.integrate import " if m[1] else "")
        ),
        source,
        flags=re.MULTILINE,
    )
    assert n == 1
    (tmp_path / "test_ivp.py").write_text(ours)
    (tmp_path / "conftest.py").write_text(FIXTURES)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_ivp.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 40
