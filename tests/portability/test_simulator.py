"""The CUDA kernels in numba-cuda's simulator, against the kernels in plain Python.

Those have the bits of the CPU's (test_twins.py). The simulator is threads of Python, set up when
numba.cuda is imported: it needs a process of its own, and few threads and steps.
"""

import functools

import numpy as np
import pytest

from tapeless_kernels.buffers import Control, Method
from tapeless_kernels.controllers.step_size import PI, control_numbers
from tapeless_kernels.cuda.example_fields import lorenz, lorenz_vjp
from tapeless_kernels.launch.python import (
    PlainKernels,
    allocate,
    from_tiles,
    load,
    run,
    run_vjp,
)
from tapeless_kernels.status import DONE, SUCCESS
from tapeless_kernels.steppers.explicit_rk import step, step_vjp
from tapeless_kernels.tableaus.butcher import arrays
from tapeless_kernels.tableaus.explicit import EXPLICIT

pytest.importorskip("numba_cuda")

TIMES = [0.0, 0.02, 0.05]
THETA = [10, 28, 8 / 3]
Y0 = [[1, 2, 20], [-3, 0.5, 15], [8, -7, 30], [0.1, 0, 10]]
N, DIM = 4, 3
LAUNCH = """
import sys
import numpy as np
from tapeless_kernels import _cuda
from tapeless_kernels.buffers import Control, Method, Outputs
from tapeless_kernels.controllers.step_size import PI, control_numbers
from tapeless_kernels.cuda.trajectories import *
from tapeless_kernels.cuda.example_fields import lorenz, lorenz_vjp
from tapeless_kernels.launch.python import allocate, load
from tapeless_kernels.status import BUDGET_SPENT, DONE
from tapeless_kernels.tableaus.butcher import arrays
from tapeless_kernels.tableaus.explicit import EXPLICIT

DIM = 3
given = np.load(sys.argv[1])
assert _cuda.simulated()
tableau = next(t for t in EXPLICIT if t.name == sys.argv[2])
y, theta, times = given["y"], given["theta"], given["times"]
n, dtype, stages = y.shape[1], y.dtype, tableau.stages
kernels = CudaKernels(dtype, DIM, stages, lorenz, lorenz_vjp)
blocks, threads = 2, 3  # two threads have no trajectory
codes = np.full(n, FRESH)

adaptive = int(tableau.error is not None)
method = Method(*arrays(tableau, dtype), stages, 1, tableau.n_errors)  # for Hermite outputs
order = tableau.error_exponent_order or tableau.order
control = Control(control_numbers(PI, order, dtype), adaptive, 0, 1, 20, 3, 0, 0, 0)
solve = per_thread(allocate(dtype, n, 1, DIM, stages, len(times), 5))
load(solve, times[0], times[-1], 0.0, 1e-4, y.T, times, PI.start)
kept = solve.head, solve.record, theta
launch, calls = kernels(solve_kernel), 0
while (codes < 0).any() or (codes == BUDGET_SPENT).any():
    launch[blocks, threads](method, control, solve.lanes, solve.outputs, *kept, 1, codes)
    calls += 1
assert (codes == DONE).all() and calls > 1
bars = solve.outputs._replace(ys=given["ys_bar"])
y0_bar, theta_bar = np.zeros((1, DIM, n), dtype), np.zeros((len(theta), n), dtype)
kernels(solve_vjp_kernel)[blocks, threads](
    method, control, bars, *kept, solve.lanes.emitted, y0_bar, theta_bar, codes
)
assert (codes == DONE).all()

method = Method(*arrays(tableau, dtype), stages, int(tableau.fsal), 1)
t, h = given["t"], given["h"]
z, y_next = np.zeros((stages, DIM, n), dtype), np.zeros((DIM, n), dtype)
kernels(step_kernel)[blocks, threads](method, t, h, y, theta, z, y_next, codes)
y_bar, k0_bar, step_theta_bar = given["y_bar"], given["k0_bar"], np.zeros_like(theta_bar)
kernels(step_vjp_kernel)[blocks, threads](
    method, t, h, theta, z, y_bar, k0_bar, step_theta_bar, codes
)
assert (codes == DONE).all()
np.savez(
    sys.argv[3], ys=solve.outputs.ys[0], counts=solve.lanes.counts[0, :3], y0_bar=y0_bar[0],
    theta_bar=theta_bar, y_next=y_next, y_bar=y_bar, k0_bar=k0_bar, step_theta_bar=step_theta_bar,
)
"""


def given(dtype):
    """Return what the kernels are given, trajectories along the last axis."""
    rng = np.random.default_rng(3)
    shapes = {"y_bar": (DIM, N), "k0_bar": (DIM, N), "ys_bar": (1, len(TIMES), DIM, N), "t": (N,)}
    found = {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
    found["y"], found["theta"] = np.array(Y0, dtype).T.copy(), np.array(THETA, dtype)
    return found | {"h": np.array([0.01, 0.02, -0.01, 0.005], dtype), "times": np.array(TIMES)}


def alone(tableau, dtype, x, i):
    """Return what trajectory i comes to by itself, in plain Python."""
    kernels = PlainKernels(dtype, 1, lorenz, lorenz_vjp)
    found, stages, theta = {}, tableau.stages, x["theta"]
    method = functools.partial(Method, *arrays(tableau, dtype), stages, n_errors=tableau.n_errors)
    order = tableau.error_exponent_order or tableau.order
    adaptive = int(tableau.error is not None)
    control = Control(control_numbers(PI, order, dtype), adaptive, 0, 1, 20, 3, 0, 0, 0)
    solve = allocate(dtype, 1, 1, DIM, stages, len(TIMES), 5)
    load(solve, TIMES[0], TIMES[-1], 0.0, 1e-4, x["y"].T[i : i + 1], TIMES, PI.start)
    assert run(kernels, 0, method(1), control, solve, theta) == DONE
    assert solve.lanes.status[0, 0] == SUCCESS
    ys_bar = from_tiles(x["ys_bar"], N)[i : i + 1]
    bars = run_vjp(kernels, 0, (method(1), control), solve, theta, ys_bar)
    y0_bar, found["theta_bar"] = bars[:2]
    found["ys"], found["y0_bar"] = solve.outputs.ys[0, ..., 0], y0_bar[0]
    found["counts"] = solve.lanes.counts[0, :3, 0]

    y, h = x["y"][:, i : i + 1], x["h"][i : i + 1]
    k, z = np.zeros((stages + 1, DIM, 1), dtype), np.zeros((stages, DIM, 1), dtype)
    lorenz(x["t"][i], y[:, 0], theta, k[0, :, 0])
    time, y_next = np.full((2, 1), x["t"][i]), np.zeros((DIM, 1), dtype)
    method = method(int(tableau.fsal))
    kernels(step)(0, method, h, y, theta, k, (z, z), (time, np.zeros(1)), y_next)
    bars = x["y_bar"][:, i : i + 1].copy(), x["k0_bar"][:, i : i + 1].copy(), 0 * k, 0 * k[:2]
    bars = *bars, np.zeros((3, 1), dtype), k[:0]
    sums = np.zeros_like(theta)
    kernels(step_vjp)(0, method, h, theta, (z, z, k[:0]), time, bars, np.ones(1), sums)
    found["y_next"] = (z[-1] if tableau.fsal else y_next)[:, 0]
    found |= {"y_bar": bars[0][:, 0], "k0_bar": bars[1][:, 0], "step_theta_bar": sums}
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["rk4", "tsit5"])
def test_simulated_threads_agree_with_plain_python(name, dtype, run_python, tmp_path):
    tableau = next(t for t in EXPLICIT if t.name == name)
    x = given(dtype)
    np.savez(tmp_path / "given.npz", **x)
    files = tmp_path / "given.npz", name, tmp_path / "found.npz"
    run_python(LAUNCH, *files, NUMBA_ENABLE_CUDASIM="1")
    found = np.load(tmp_path / "found.npz")
    for i in range(N):
        for key, wanted in alone(tableau, dtype, x, i).items():
            if key == "counts":
                assert found[key][:, i].tolist() == wanted.tolist()
            else:
                assert found[key].dtype == dtype
                np.testing.assert_array_max_ulp(found[key][..., i], wanted, maxulp=4)
