"""The CUDA kernel of SDE steps: in the simulator it has the CPU's path and states; assembled it keeps to its budget."""

import numpy as np
import pytest

from tapeless import BrownianPath, diffusion, field, solve_sde
from tapeless_kernels._cuda import resources
from tapeless_kernels.cuda.sde import SdeKernel
from tapeless_kernels.tableaus.stochastic import STOCHASTIC

pytest.importorskip("numba_cuda")
METHODS = {method.name: method for method in STOCHASTIC}


def drift(t, y, theta, dy):
    """A linear drift with a coupling."""
    dy[0] = -theta[0] * y[0] + y[1]
    dy[1] = t - theta[1] * y[1]


def vector(t, y, theta, dg):
    """Diagonal noise."""
    dg[0] = theta[0] * y[0]
    dg[1] = 0.5 + theta[0] * y[1]


CASES = (("euler_maruyama", "float32"), ("heun", "float64"), ("sriw1", "float64"))
SCRIPT = """
import sys
import numpy as np
from tapeless_kernels import _cuda
from tapeless_kernels.cuda.sde import SdeKernel
from tapeless_kernels.tableaus.stochastic import STOCHASTIC

def drift(t, y, theta, dy):
    dy[0] = -theta[0] * y[0] + y[1]
    dy[1] = t - theta[1] * y[1]

def vector(t, y, theta, dg):
    dg[0] = theta[0] * y[0]
    dg[1] = 0.5 + theta[0] * y[1]

assert _cuda.simulated()
found = {}
for name, dtype in (("euler_maruyama", "float32"), ("heun", "float64"), ("sriw1", "float64")):
    method = next(m for m in STOCHASTIC if m.name == name)
    kernel = SdeKernel(method, dtype, 2, drift, vector, 2, 4)
    y0 = (1 + np.arange(10.0)).reshape(2, 5).astype(dtype)
    ys = np.full((2, 5), np.nan, dtype)
    theta, times = np.array([0.5, 1.0, 0.3], dtype), np.arange(13) / 16
    kernel[1, 5](kernel.method, np.array([7, 0], np.uint64), 2, 0.0, 1.0, times, y0, theta, ys)
    found[name] = ys
np.savez(sys.argv[1], **found)
"""


def test_simulated_threads_have_the_cpus_path(run_python, tmp_path):
    run_python(SCRIPT, tmp_path / "found.npz", NUMBA_ENABLE_CUDASIM="1")
    found, f, g = np.load(tmp_path / "found.npz"), field(2, 2)(drift), diffusion(2, None, 1)(vector)
    for name, dtype in CASES:
        area = METHODS[name].area
        path = BrownianPath(
            7, 0.0, 1.0, (5, 2), area, dtype=dtype, resolution=2.0**-4, first_sample=2
        )
        y0 = (1 + np.arange(10.0)).reshape(2, 5).T.astype(dtype)
        sol = solve_sde(f, g, (0.0, 0.75), y0, [0.5, 1.0, 0.3], path=path, method=name, n_steps=12)
        # Fields are not the CPU's to the bit: Python's own arithmetic on one side, fma nowhere.
        np.testing.assert_allclose(
            found[name].T, sol.ys, rtol=2e-6 if dtype == "float32" else 1e-14
        )
        other = BrownianPath(
            8, 0.0, 1.0, (5, 2), area, dtype=dtype, resolution=2.0**-4, first_sample=2
        )
        apart = solve_sde(
            f, g, (0.0, 0.75), y0, [0.5, 1.0, 0.3], path=other, method=name, n_steps=12
        )
        assert abs(apart.ys - sol.ys).max() > 0.01


# Registers and stack of one thread with a tree of depth 10; by nvJitLink's assembler, not measured on a GPU.
BUDGETS = {
    ("euler_maruyama", "float32"): (74, 256),
    ("heun", "float32"): (74, 272),
    ("sriw1", "float64"): (118, 1440),
}


@pytest.mark.parametrize(("name", "dtype"), BUDGETS, ids=str)
def test_assembled_kernel_keeps_to_its_budget(name, dtype):
    kernel = SdeKernel(METHODS[name], dtype, 2, drift, vector, 2, 10)
    y, times = np.zeros((2, 3), dtype), np.zeros(3)
    arguments = (
        kernel.method,
        np.zeros(2, np.uint64),
        0,
        0.0,
        1.0,
        times,
        y,
        np.zeros(3, dtype),
        y,
    )
    found = resources(kernel.ptx(arguments, (8, 0)), (8, 0))
    registers, stack = BUDGETS[name, dtype]
    assert found.spills == 0
    assert found.registers <= registers + 16 and found.stack <= stack + 64
