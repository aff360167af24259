"""The CUDA kernel of Brownian paths: in the simulator it has the CPU's bits, and assembled it keeps to its budget."""

import numpy as np
import pytest

from tapeless import BrownianPath
from tapeless._brownian import LEVY_AREAS
from tapeless_kernels._cuda import resources
from tapeless_kernels.cuda.paths import PathKernel

pytest.importorskip("numba_cuda")

SCRIPT = """
import sys
import numpy as np
from tapeless_kernels import _cuda
from tapeless_kernels.cuda.paths import PathKernel

assert _cuda.simulated()
found = {}
for dtype in (np.float32, np.float64):
    for rows in (1, 3):
        kernel = PathKernel(dtype, 6, rows)
        s, t = np.array([0.0, 0.25, 0.1, 0.6, 0.1]), np.array([1.0, 0.3, 0.9, 0.6, 0.105])
        out = np.full((5, rows, 6, 2), np.nan, dtype)
        kernel[1, 5](np.array([11, 3], np.uint64), 0.0, 1.0, s, t, 3, out)  # five of three quads by two channels
        kernel[2, 3](np.array([11, 3], np.uint64), 0.0, 1.0, s, t, 3, out)
        found[f"{np.dtype(dtype)}_{rows}"] = out
np.savez(sys.argv[1], **found)
"""


@pytest.mark.slow
def test_simulated_threads_have_the_cpus_bits(run_python, tmp_path):
    run_python(SCRIPT, tmp_path / "found.npz", NUMBA_ENABLE_CUDASIM="1")
    found, key = np.load(tmp_path / "found.npz"), 11 + 3 * 2**32
    s, t = np.array([0.0, 0.25, 0.1, 0.6, 0.1]), np.array([1.0, 0.3, 0.9, 0.6, 0.105])
    for dtype in (np.float32, np.float64):
        for rows, levy_area in ((1, LEVY_AREAS[0]), (3, LEVY_AREAS[2])):
            options = {"dtype": dtype, "resolution": 2.0**-6, "first_sample": 3}
            wanted = BrownianPath(key, 0, 1, (6, 2), levy_area, **options)(s, t)
            wanted = np.stack(wanted if rows == 3 else [wanted], axis=1)
            assert found[f"{np.dtype(dtype)}_{rows}"].tobytes() == wanted.tobytes()


# Registers and stack of one thread, with a tree of depth 10; by nvJitLink's assembler, not measured on a GPU.
BUDGETS = {
    (np.float32, 3): (133, 1152),
    (np.float64, 3): (188, 2304),
}


@pytest.mark.parametrize(("dtype", "rows"), BUDGETS, ids=str)
def test_assembled_kernel_keeps_to_its_budget(dtype, rows):
    times, out = np.zeros(3), np.zeros((3, rows, 5, 2), dtype)
    arguments = (np.zeros(2, np.uint64), 0.0, 1.0, times, times, 0, out)
    found = resources(PathKernel(dtype, 10, rows).ptx(arguments, (8, 0)), (8, 0))
    registers, stack = BUDGETS[dtype, rows]
    assert found.spills == 0
    assert found.registers <= registers + 16 and found.stack <= stack + 64
