"""What the CUDA kernels need of a GPU, as its assembler says without one: registers, stack, spills.

``python -m tapeless_kernels.cuda.report > docs/results/gpu_resources.md`` writes the table
that tests/portability holds the kernels to.
"""

import functools
import itertools
from typing import NamedTuple

import numpy as np

from .._cuda import Resources, resources
from ..buffers import Control, Method
from ..controllers.step_size import PI, control_numbers
from ..launch.python import allocate
from ..tableaus.butcher import arrays
from ..tableaus.explicit import TSIT5
from .trajectories import (
    CudaKernels,
    per_thread,
    solve_kernel,
    solve_vjp_kernel,
    step_kernel,
    step_vjp_kernel,
)

KERNELS = (step_kernel, step_vjp_kernel, solve_kernel, solve_vjp_kernel)
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
ARCHITECTURES = ((8, 0), (9, 0))

HEADING = """# Registers, stack and spills of the CUDA kernels

The Lorenz system with a drift, of dim 3, and Lorenz-96 of dim 8, by Tsit5, one trajectory a thread. Bytes are
per thread. So says nvJitLink's assembler: no number here was taken on a GPU. Written by
`python -m tapeless_kernels.cuda.report`.

| kernel | dim | dtype | architecture | registers | stack | spills |
|---|--:|---|---|--:|--:|--:|
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


def lorenz96(t, y, theta, dy):
    """Lorenz (1996), Predictability: a ring of 8 sites, driven by theta[0]."""
    for i in range(8):
        dy[i] = (y[(i + 1) % 8] - y[(i + 6) % 8]) * y[(i + 7) % 8] - y[i] + theta[0]


def lorenz96_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
    """Run the transpose of `lorenz96`."""
    for i in range(8):
        before, after = (i + 7) % 8, (i + 1) % 8
        y_bar[i] = dy_bar[before] * y[(i + 6) % 8] - dy_bar[(i + 2) % 8] * y[after] - dy_bar[i]
        y_bar[i] += dy_bar[after] * (y[(i + 2) % 8] - y[before])
        theta_bar[0] += dy_bar[i]


FIELDS = {3: (lorenz, lorenz_vjp), 8: (lorenz96, lorenz96_vjp)}


class Row(NamedTuple):
    """One line of the table."""

    kernel: str
    dim: int
    dtype: str
    architecture: str
    resources: Resources

    def __str__(self):
        cells = (f"`{self.kernel}`", self.dim, self.dtype, self.architecture, *self.resources)
        return "| " + " | ".join(map(str, cells)) + " |"


def row(kernel, dim, dtype, cc):
    """Measure one kernel."""
    name = kernel.__name__.removesuffix("_kernel")
    found = resources(ptx(kernel, dtype, cc, dim=dim), cc)
    return Row(name, dim, dtype.name, f"sm_{cc[0]}{cc[1]}", found)


@functools.cache
def ptx(kernel, dtype, cc, time=np.float64, dim=3):
    """Return the PTX of one kernel for the field of this dimension."""
    return _kernels(dtype, time, dim).ptx(kernel, _arguments(dtype, time, dim)[kernel], cc)


@functools.cache
def _kernels(dtype, time, dim):
    return CudaKernels(dtype, dim, TSIT5.stages, *FIELDS[dim], time=time)


def _arguments(dtype, time, dim):
    """Return arguments of the right types for each kernel."""
    n, stages = 2, TSIT5.stages
    method = Method(*arrays(TSIT5, dtype), stages, 1, 1)
    control = Control(
        control_numbers(PI, TSIT5.error_exponent_order, dtype), 1, 0, 0, 1, 0, 0, 0, 0
    )
    solve = per_thread(allocate(dtype, n, 1, dim, stages, 1, 1, time=time))
    t, y = np.zeros(n, dtype), np.zeros((dim, n), dtype)
    z, theta, codes = np.zeros((stages, dim, n), dtype), t, np.zeros(n, np.int64)
    kept = (solve.head, solve.record, theta)
    return {
        step_kernel: (method, t, t, y, theta, z, y, codes),
        step_vjp_kernel: (method, t, t, theta, z, y, y, y, codes),
        solve_kernel: (method, control, solve.lanes, solve.outputs, *kept, 1, codes),
        solve_vjp_kernel: (
            method,
            control,
            solve.outputs,
            *kept,
            solve.lanes.emitted,
            y[None],
            y,
            codes,
        ),
    }


# Each kernel, dim, dtype and architecture in the table.
CASES = tuple(itertools.product(KERNELS, FIELDS, DTYPES, ARCHITECTURES))


def main():
    """Print the table."""
    rows = [row(*case) for case in CASES]
    print(HEADING + "\n".join(map(str, rows)))


if __name__ == "__main__":
    main()
