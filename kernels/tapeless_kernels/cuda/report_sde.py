"""What the CUDA kernels of SDEs need, as `report.py` says of those of ODEs.

``python -m tapeless_kernels.cuda.report_sde > docs/results/gpu_resources_sde.md`` writes the table that
tests/portability holds the kernels to.
"""

import functools
import itertools
from typing import NamedTuple

import numpy as np

from .._cuda import Resources, resources
from ..launch.user_field import UserProgram
from ..tableaus.stochastic import (
    EULER_MARUYAMA,
    HEUN,
    MILSTEIN,
    REVERSIBLE_HEUN,
    StochasticArrays,
)
from .remembered import remembered
from .report import ARCHITECTURES, DTYPES, LOWEST
from .sde import sde_kernel, sde_kernel_vjp, sde_pair_kernel_vjp, sde_unwind_kernel
from .sde_arrays import Cotangents, Ensemble, PathSource, Span, StepGrid
from .sde_kernels import SdeKernels

FLOAT32, FLOAT64 = DTYPES
DEPTH = 10  # of the path's tree: 1024 steps

HEADING = """# Registers, stack and spills of the CUDA kernels for SDEs

Two coupled components with a channel of noise each, on a path of 1024 steps, one trajectory a thread. Bytes are per
thread. So says nvJitLink's assembler of PTX for sm_75: no number here was taken on a GPU. Written by
`python -m tapeless_kernels.cuda.report_sde`.

The stack frame holds the way down the path's tree, of which each level is found by an index: 11 levels of 2 children
of 2 channels, 176 bytes in float32, and three times as much where a method needs areas.

| kernel | method | dtype | architecture | registers | stack | spills |
|---|---|---|---|--:|--:|--:|
"""


def drift(t, y, theta, dy):
    """Fill a linear drift with a coupling that depends on time."""
    dy[0] = -theta[0] * y[0] + y[1]
    dy[1] = t - theta[1] * y[1]


def drift_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
    """Run the transpose of `drift`."""
    y_bar[0] = -theta[0] * dy_bar[0]
    y_bar[1] = dy_bar[0] - theta[1] * dy_bar[1]
    theta_bar[0] -= y[0] * dy_bar[0]
    theta_bar[1] -= y[1] * dy_bar[1]


def diffusion(t, y, theta, dg):
    """Fill diagonal noise, of which a part is additive."""
    dg[0] = theta[0] * y[0]
    dg[1] = theta[1] + theta[0] * y[1]


def diffusion_vjp(t, y, theta, dg_bar, y_bar, theta_bar):
    """Run the transpose of `diffusion`."""
    y_bar[0] = theta[0] * dg_bar[0]
    y_bar[1] = theta[0] * dg_bar[1]
    theta_bar[0] += y[0] * dg_bar[0] + y[1] * dg_bar[1]
    theta_bar[1] += dg_bar[1]


def diffusion_jvp(t, y, theta, t_dot, y_dot, theta_dot, dg_dot):
    """Run the tangent of `diffusion`."""
    dg_dot[0] = theta_dot[0] * y[0] + theta[0] * y_dot[0]
    dg_dot[1] = theta_dot[1] + theta_dot[0] * y[1] + theta[0] * y_dot[1]


def diffusion_vjp_jvp(t, y, theta, dg_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot):
    """Run the transpose of `diffusion` and its tangent along y_dot."""
    y_bar[0] = theta[0] * dg_bar[0]
    y_bar[1] = theta[0] * dg_bar[1]
    y_bar_dot[0] = y_bar_dot[1] = 0
    theta_bar_dot[0] += y_dot[0] * dg_bar[0] + y_dot[1] * dg_bar[1]


DRIFT = UserProgram(drift, drift_vjp, 2, 2)
DIFFUSION = UserProgram(diffusion, diffusion_vjp, 2, 2, diffusion_jvp, second=diffusion_vjp_jvp)

# Each kernel, method and dtype in the table: the loops of all methods are one, but for what these add to them.
SDE_CASES = (
    (sde_kernel, EULER_MARUYAMA, FLOAT32),
    (sde_kernel_vjp, EULER_MARUYAMA, FLOAT32),
    (sde_kernel, MILSTEIN, FLOAT32),
    (sde_kernel_vjp, MILSTEIN, FLOAT32),
    (sde_kernel, HEUN, FLOAT64),
    (sde_kernel_vjp, HEUN, FLOAT64),
    (sde_kernel, REVERSIBLE_HEUN, FLOAT32),
)


class SdeRow(NamedTuple):
    """One line of the table."""

    kernel: str
    method: str
    dtype: str
    architecture: str
    resources: Resources

    def __str__(self):
        cells = (
            f"`{self.kernel}`",
            f"`{self.method}`",
            self.dtype,
            self.architecture,
            *self.resources,
        )
        return "| " + " | ".join(map(str, cells)) + " |"


def sde_row(kernel, method, dtype, cc):
    """Measure one kernel."""
    found = resources(sde_ptx(kernel, method, dtype), cc)
    return SdeRow(kernel.__name__, method.name, dtype.name, f"sm_{cc[0]}{cc[1]}", found)


@remembered
def sde_ptx(kernel, method, dtype):
    """Return the PTX of one kernel, for the lowest architecture."""
    return sde_kernels(method, dtype).ptx(kernel, sde_arguments(kernel, method, dtype), LOWEST)


@functools.cache
def sde_kernels(method, dtype):
    """Return the kernels of the example's fields."""
    rows = 1 if method.area == "none" else 3
    return SdeKernels(method, dtype, DRIFT, DIFFUSION, rows, DEPTH)


def sde_arguments(kernel, method, dtype):
    """Return arguments of the right types for a kernel."""
    dim, n_params, n, steps = DRIFT.dim, 4, 2, 3
    kernels = sde_kernels(method, dtype)
    y, theta = np.zeros((dim, n), dtype), np.zeros((1, n_params, n), dtype)
    pair = np.zeros((dim * kernels.reversible, n), dtype)
    lengths = np.zeros(n, np.int64)
    state = Ensemble(y, pair, pair, pair, np.zeros(n, np.uint8), lengths, np.zeros(n))
    grid = StepGrid(np.zeros((steps + 1, 1, 1)), np.zeros((1, 1, 1), np.int64))
    kept, ys = np.zeros((steps, dim, n), dtype), np.zeros((1, 1, dim, n), dtype)
    source = PathSource(np.zeros(2, np.uint64), 0, 0.0, 1.0)
    shared = (StochasticArrays(*kernels.method), source, grid, theta)
    bars = Cotangents(ys, y, theta)
    rest = {
        sde_kernel: (state, kept, ys, Span(0, steps)),
        sde_kernel_vjp: (kept, lengths, bars, Span(0, steps)),
        sde_pair_kernel_vjp: (kept, lengths, y, bars),
        sde_unwind_kernel: (state, y, bars),
    }
    return *shared, *rest[kernel]


def main():
    """Print the table."""
    print(HEADING, end="")
    for case, cc in itertools.product(SDE_CASES, ARCHITECTURES):
        print(sde_row(*case, cc), flush=True)


if __name__ == "__main__":
    main()
