"""What the CUDA kernels need of a GPU, as its assembler says without one: registers, stack, spills.

``python -m tapeless_kernels.launch.cuda_report > docs/results/gpu_resources.md`` writes the table
that tests/portability holds the kernels to.
"""

import functools
from typing import NamedTuple

import numpy as np

from .._cuda import Resources, resources
from ..buffers import Control, Method
from ..controllers.step_size import PI, control_numbers
from ..tableaus.butcher import arrays
from ..tableaus.explicit import TSIT5
from .cuda import (
    CudaKernels,
    per_thread,
    solve_kernel,
    solve_vjp_kernel,
    step_kernel,
    step_vjp_kernel,
)
from .python import allocate

KERNELS = (step_kernel, step_vjp_kernel, solve_kernel, solve_vjp_kernel)
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
ARCHITECTURES = ((8, 0), (9, 0))
DIM = N_PARAMS = 3

HEADING = """# Registers, stack and spills of the CUDA kernels

The Lorenz system with a drift, by Tsit5, one trajectory a thread, dim 3. Bytes are per thread. So
says nvJitLink's assembler: no number here was taken on a GPU. Written by
`python -m tapeless_kernels.launch.cuda_report`.

| kernel | dtype | architecture | registers | stack | spills |
|---|---|---|--:|--:|--:|
"""


def lorenz(t, y, theta, dy):
    """Lorenz (1963), J. Atmos. Sci. 20, 130-141, with a parameter that drifts: t must not be dead."""
    dy[0] = theta[0] * (y[1] - y[0])
    dy[1] = y[0] * (theta[1] + t - y[2]) - y[1]
    dy[2] = y[0] * y[1] - theta[2] * y[2]


def lorenz_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
    """Run the transpose of `lorenz`."""
    y_bar[0] = dy_bar[1] * (theta[1] + t - y[2]) + dy_bar[2] * y[1] - dy_bar[0] * theta[0]
    y_bar[1] = dy_bar[0] * theta[0] - dy_bar[1] + dy_bar[2] * y[0]
    y_bar[2] = -dy_bar[1] * y[0] - dy_bar[2] * theta[2]
    theta_bar[0] += dy_bar[0] * (y[1] - y[0])
    theta_bar[1] += dy_bar[1] * y[0]
    theta_bar[2] -= dy_bar[2] * y[2]


class Row(NamedTuple):
    """One line of the table."""

    kernel: str
    dtype: str
    architecture: str
    resources: Resources

    def __str__(self):
        cells = (f"`{self.kernel}`", self.dtype, self.architecture, *self.resources)
        return "| " + " | ".join(map(str, cells)) + " |"


def row(kernel, dtype, cc):
    """Measure one kernel."""
    name = kernel.__name__.removesuffix("_kernel")
    return Row(name, dtype.name, f"sm_{cc[0]}{cc[1]}", resources(ptx(kernel, dtype, cc), cc))


@functools.cache
def ptx(kernel, dtype, cc, time=np.float64):
    """Return the PTX of one kernel for the Lorenz system."""
    return _kernels(dtype, time).ptx(kernel, _arguments(dtype, time)[kernel], cc)


@functools.cache
def _kernels(dtype, time):
    return CudaKernels(dtype, DIM, TSIT5.stages, lorenz, lorenz_vjp, time=time)


def _arguments(dtype, time):
    """Return arguments of the right types for each kernel."""
    n, stages = 2, TSIT5.stages
    method = Method(*arrays(TSIT5, dtype), stages, 1, 1)
    control = Control(control_numbers(PI, TSIT5.error_exponent_order, dtype), 1, 0, 0, 1, 0, 0)
    solve = per_thread(allocate(dtype, n, 1, DIM, stages, 1, 1, time=time))
    t, y = np.zeros(n, dtype), np.zeros((DIM, n), dtype)
    z, theta, codes = np.zeros((stages, DIM, n), dtype), t, np.zeros(n, np.int64)
    kept = (solve.head, solve.record, theta)
    return {
        step_kernel: (method, t, t, y, theta, z, y, codes),
        step_vjp_kernel: (method, t, t, theta, z, y, y, y, codes),
        solve_kernel: (method, control, solve.lanes, solve.outputs, *kept, 1, codes),
        solve_vjp_kernel: (method, solve.outputs, *kept, solve.lanes.emitted, y[None], y, codes),
    }


def main():
    """Print the table."""
    rows = [row(k, dtype, cc) for k in KERNELS for dtype in DTYPES for cc in ARCHITECTURES]
    print(HEADING + "\n".join(map(str, rows)))


if __name__ == "__main__":
    main()
