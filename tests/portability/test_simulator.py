"""The CUDA kernels in numba-cuda's simulator, against the same code objects in plain Python.

Those have the bits of the CPU's (test_cuda.py in tests/frontend). The simulator is threads of Python, set up when
numba.cuda is imported: it needs a process of its own, and few threads and steps.
"""

import pytest

pytest.importorskip("numba_cuda")

COMMON = """
import sys
import numpy as np
import tapeless
from tapeless import cuda
from tapeless_kernels import _cuda
from tapeless_kernels.cuda.device import as_numba
from tapeless_kernels.cuda.example_fields import lorenz, lorenz_vjp
from tapeless_kernels.cuda.kernels import CudaTarget, Kernels
from tapeless_kernels.cuda.stand_in import Plain

assert _cuda.simulated()
name, dtype = sys.argv[1:]


class Simulator(cuda.StandIn):
    def launch(self, kernel, n, arguments):
        kernel[-(-n // 3), 3](*(as_numba(x, self._checked) for x in arguments))  # some threads have nothing to do


def compare(run):
    plain, simulated = run(cuda.StandIn()), run(Simulator(target=CudaTarget))
    for x, y in zip(plain, simulated, strict=True):
        assert x.dtype == y.dtype and x.shape == y.shape
        np.testing.assert_array_max_ulp(x, y, maxulp=4) if x.dtype.kind == "f" else np.testing.assert_array_equal(x, y)
"""
SOLVE = """
y0 = np.array([[1, 2, 20], [-3, 0.5, 15], [8, -7, 30], [0.1, 0, 10]], dtype)
how = {
    "rk4": {"method": "rk4", "n_steps": 3, "interpolate": True},
    "tsit5": {"rtol": 1e-4},
    "pair": {"method": tapeless.reversible("bosh3"), "adjoint": "reversible", "n_steps": 3},
}[name]
field = tapeless.field(dim=3, n_params=3, vjp=lorenz_vjp)(lorenz)


def run(device):
    theta = [10, 28, 8 / 3]
    sol = cuda.solve_ode(field, (0.0, 0.05), y0, theta, t_eval=[0, 0.02, 0.05], chunk=3, device=device, **how)
    bars = sol.vjp(np.arange(36.0, dtype=dtype).reshape(4, 3, 3))
    return [device.host(x) for x in (sol.ys, sol.stats.nfe, sol.stats.status, *bars)]


compare(run)
"""
STEP = """
from tapeless_kernels.cuda.arrays import sizes_of
from tapeless_kernels.cuda.report import arguments, method_record, step_kernel, step_vjp_kernel, TSIT5

assert name == "tsit5"
dtype = np.dtype(dtype)


def run(device):
    rng, kernels = np.random.default_rng(0), Kernels(
        dtype, 3, sizes_of(method_record(TSIT5, dtype)), lorenz, lorenz_vjp, target=device.target
    )
    found = []
    for name, kernel in (("step", step_kernel), ("step_vjp", step_vjp_kernel)):
        given = arguments(name, 3, dtype)
        made = [x if isinstance(x, tuple) else device.array(rng.standard_normal(x.shape).astype(x.dtype)) for x in given]
        made[0] = type(given[0])(*(device.array(x) if isinstance(x, np.ndarray) else x for x in given[0]))
        device.launch(kernels(kernel), 2, made)
        found += [device.host(x) for x in made[1:]]
    return found


compare(run)
"""


@pytest.mark.parametrize(
    ("name", "dtype"), [("rk4", "float32"), ("tsit5", "float64"), ("pair", "float64")]
)
def test_simulated_solves_agree_with_plain_python(name, dtype, run_python):
    run_python(COMMON + SOLVE, name, dtype, NUMBA_ENABLE_CUDASIM="1")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_simulated_steps_agree_with_plain_python(dtype, run_python):
    run_python(COMMON + STEP, "tsit5", dtype, NUMBA_ENABLE_CUDASIM="1")
