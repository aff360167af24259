"""The CUDA kernels in numba-cuda's simulator, against the same code objects in plain Python.

Those have the bits of the CPU's (test_cuda.py in tests/frontend). The simulator is threads of Python, set up when
numba.cuda is imported: it needs a process of its own, and few threads and steps.
"""

import pytest

pytest.importorskip("numba_cuda")

SCRIPT = """
import numpy as np
import tapeless
from tapeless import cuda
from tapeless_kernels import _cuda
from tapeless_kernels.cuda.arrays import sizes_of
from tapeless_kernels.cuda.device import as_numba
from tapeless_kernels.cuda.example_fields import lorenz, lorenz_vjp
from tapeless_kernels.cuda.kernels import CudaTarget, Kernels
from tapeless_kernels.cuda.report import TSIT5, arguments, method_record, step_kernel, step_vjp_kernel

assert _cuda.simulated()
PAIR = tapeless.reversible("bosh3")
FIELD = tapeless.field(dim=3, n_params=3, vjp=lorenz_vjp)(lorenz)
CASES = (
    (np.float32, {"method": "rk4", "n_steps": 3, "interpolate": True}),
    (np.float64, {"rtol": 1e-4}),
    (np.float64, {"method": PAIR, "adjoint": "reversible", "n_steps": 3}),
)
Y0 = np.array([[1, 2, 20], [-3, 0.5, 15], [8, -7, 30], [0.1, 0, 10]])


class Simulator(cuda.StandIn):
    def launch(self, kernel, n, arguments):
        kernel[-(-n // 3), 3](*(as_numba(x, self._checked) for x in arguments))  # some threads have nothing to do


def solve(device, dtype, how):
    y0, ys_bar = Y0.astype(dtype), np.arange(36.0, dtype=dtype).reshape(4, 3, 3)
    sol = cuda.solve_ode(
        FIELD, (0.0, 0.05), y0, [10, 28, 8 / 3], t_eval=[0, 0.02, 0.05], chunk=3, device=device, **how
    )
    return [device.host(x) for x in (sol.ys, sol.stats.nfe, sol.stats.status, *sol.vjp(ys_bar))]


def step(device, dtype, how):
    rng, dtype, found = np.random.default_rng(0), np.dtype(dtype), []
    sizes = sizes_of(method_record(TSIT5, dtype))
    kernels = Kernels(dtype, 3, sizes, lorenz, lorenz_vjp, target=device.target)
    for name, kernel in (("step", step_kernel), ("step_vjp", step_vjp_kernel)):
        method, *others = arguments(name, 3, dtype)
        made = [device.array(rng.standard_normal(x.shape).astype(x.dtype)) for x in others]
        method = type(method)(*(device.array(x) if isinstance(x, np.ndarray) else x for x in method))
        device.launch(kernels(kernel), 2, (method, *made))
        found += [device.host(x) for x in made]
    return found


def compare(run, dtype, how=None):
    plain, simulated = run(cuda.StandIn(), dtype, how), run(Simulator(target=CudaTarget), dtype, how)
    for x, y in zip(plain, simulated, strict=True):
        assert x.dtype == y.dtype and x.shape == y.shape
        if x.dtype.kind == "f":
            np.testing.assert_array_max_ulp(x, y, maxulp=4)
        else:
            np.testing.assert_array_equal(x, y)


for case in CASES:
    compare(solve, *case)
for dtype in (np.float32, np.float64):
    compare(step, dtype)
"""


def test_simulated_threads_agree_with_plain_python(run_python):
    """In one process, for it takes longer to begin than to run."""
    run_python(SCRIPT, NUMBA_ENABLE_CUDASIM="1")
