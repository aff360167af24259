"""What tests of CUDA C share: kernels on the CPU in three orders of threads, and under sanitizers."""

import pathlib

import pytest
from cuda_on_cpu import OnCpu, missing_compiler, missing_sanitizer, sanitized_environment
from cuda_on_cpu.module import ORDERS

from tapeless import cuda


@pytest.fixture(scope="session")
def on_cpu():
    """Return what makes modules that run on the CPU, `OnCpu`; skip where g++ is missing."""
    reason = missing_compiler()
    if reason:
        pytest.skip(reason)
    return OnCpu


@pytest.fixture(params=ORDERS)
def module(request, on_cpu):
    """Return a maker of modules for each order of threads: the `module` of `_cupy.raw_kernel`."""
    return on_cpu(request.param, seed=11)


@pytest.fixture(scope="session")
def sanitized(run_python, on_cpu):
    """Call the function `exercise(module)` of a test file, in a process that a sanitizer watches."""

    def run(file, sanitize):
        reason = missing_sanitizer(sanitize)
        if reason:
            pytest.skip(reason)
        file = pathlib.Path(file)
        script = (
            "import importlib.util, sys\n"
            "from cuda_on_cpu import OnCpu\n"
            "spec = importlib.util.spec_from_file_location('exercised', sys.argv[1])\n"
            "tests = importlib.util.module_from_spec(spec)\n"
            "spec.loader.exec_module(tests)\n"
            "tests.exercise(OnCpu(sanitize=sys.argv[2]))\n"
        )
        return run_python(script, file, sanitize, **sanitized_environment(sanitize))

    return run


@pytest.fixture
def blocks_of_64(monkeypatch, on_cpu):
    """Have several rounds of a product for each thread, at widths that tests can afford."""
    monkeypatch.setattr(cuda, "NETWORK_THREADS", 64)
