"""Bugs planted in the network ODE in CUDA C show on the CPU, and without any it passes sanitizers."""

import numpy as np
import pytest
from cuda_on_cpu import SANITIZERS, OnCpu
from cuda_on_cpu.module import ORDERS, LaunchError
from network_runs import CASES, TIMES, WIDE, Module, Played, assert_agrees, case

from tapeless import cuda
from tapeless.errors import SolverError
from tapeless.fields import MLP
from tapeless_kernels.cuda import network_ode

pytestmark = pytest.mark.usefixtures("blocks_of_64")
AT_PANEL = "const T* panel"
PLANTED = {
    "no barrier between layers": (
        "__syncthreads();\n        product<T, LANES, false>",
        "product<T, LANES, false>",
    ),
    "a race between stages": (
        "    }\n    __syncthreads();\n}\n\n// W_bar",
        "    }\n}\n\n// W_bar",
    ),
    "no barrier before a panel is read": (
        f"__syncthreads();\n                {AT_PANEL}",
        AT_PANEL,
    ),
    "a wrong bound in the last tile": ("const bool there = i < n;", "const bool there = i <= n;"),
    "no cotangent of a bias": ("if (k <= n_in && m < n_out)", "if (k < n_in && m < n_out)"),
    "cotangents of outputs left out": ("asked[left - 1] == t_next)", "asked[left] == t_next)"),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bugs_show(bug):
    backward, panels = (
        bug in ("no cotangent of a bias", "cotangents of outputs left out"),
        "panel" in bug,
    )
    module = Module(exchanged=(PLANTED[bug],), instances=WIDE if backward else WIDE[:1])
    problem = case(n=37, time=True) if not panels else case(n=37, dim=24, hidden=[24])
    shown = []
    for order in ORDERS:
        on_cpu = module._replace(on_cpu=OnCpu(order, 7))
        device = Played(on_cpu, (60 if panels else 227) * 1024)
        try:
            how = {"adjoint": "store" if backward else None, "method": "dop853"}
            assert_agrees(device, *problem, t_eval=TIMES, **how)
        except (AssertionError, LaunchError, IndexError, SolverError) as fault:
            shown.append(fault)
    assert shown


def test_a_wrong_dtype_shows(monkeypatch):
    layout = network_ode.steps_layout
    monkeypatch.setattr(
        network_ode, "steps_layout", lambda c, d, n, dtype: layout(c, d, n, np.dtype(np.float32))
    )
    with pytest.raises(TypeError, match="must be an array of f8"):
        cuda.solve_ode(MLP(2, [4]), (0.0, 1.0), np.ones((2, 2)), np.zeros(22), device=Played())


def exercise(on_cpu):
    """Solve and differentiate in each way to lie in memory."""
    cuda.NETWORK_THREADS = 64
    module = Module(on_cpu, instances=WIDE)
    for name, kilobytes in (("ragged", 227), ("slopes off chip", 60)):
        problem, how, _ = CASES[name]
        assert_agrees(Played(module, kilobytes * 1024), *problem, **how)


@pytest.mark.parametrize("sanitize", SANITIZERS)
def test_under_a_sanitizer(sanitize, sanitized):
    sanitized(__file__, sanitize)
