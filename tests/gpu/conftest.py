"""The device of these tests: a GPU, where there is one, and everywhere the CPU that plays one, on small sizes."""

from typing import Any, NamedTuple

import pytest
from cuda_on_cpu import OnCpu, missing_compiler

from tapeless import cuda


class Machine(NamedTuple):
    """Where a test runs."""

    device: Any
    is_gpu: bool

    def size(self, small, large):
        """Return how many trajectories, or the like, to take."""
        return large if self.is_gpu else small


@pytest.fixture(scope="session", params=["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
def machine(request):
    """Return a Machine; a GPU that cannot be reached is a reason to skip, in the words that users get."""
    if request.param == "stand-in":
        reason = missing_compiler()
        if reason:
            pytest.skip(reason)
        return Machine(cuda.StandIn(raw_module=OnCpu()), False)
    try:
        device = cuda.Device()
    except (ImportError, RuntimeError) as reason:
        pytest.skip(str(reason))
    return Machine(device, True)
