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
from ..tableaus.explicit import TSIT5
from ..tableaus.reversible import arrays_of, paired
from . import arrays
from .arrays import NOTHING, STORED, TIMED, sizes_of
from .example_fields import FIELDS
from .kernels import Kernels
from .remembered import remembered
from .steps import step_kernel, step_vjp_kernel
from .sums import sum_kernel
from .trajectories import solve_kernel, solve_vjp_kernel, take_back_vjp_kernel

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
ARCHITECTURES = ((7, 5), (8, 0), (9, 0), (10, 0), (12, 0))
# PTX is compiled once, for the first of them: it is portable to the others, and assembling it is what differs.
LOWEST = ARCHITECTURES[0]
PAIR = paired(TSIT5, 0.999)
# Each kernel, by its name in the table: what is kept of steps, and by which method they are taken.
VARIANTS = {
    "step": (step_kernel, STORED, TSIT5),
    "step_vjp": (step_vjp_kernel, STORED, TSIT5),
    "solve": (solve_kernel, NOTHING, TSIT5),
    "solve, storing": (solve_kernel, STORED, TSIT5),
    "solve_vjp": (solve_vjp_kernel, STORED, TSIT5),
    "solve, reversible": (solve_kernel, TIMED, PAIR),
    "take_back_vjp": (take_back_vjp_kernel, TIMED, PAIR),
    "sum": (sum_kernel, STORED, TSIT5),
}

HEADING = """# Registers, stack and spills of the CUDA kernels

The Lorenz system with a drift, of dim 3, and Lorenz-96 of dim 8, by Tsit5, or by the reversible pair that is made of
it, one trajectory a thread. Bytes are per thread. So says nvJitLink's assembler of PTX for sm_75: no number here was
taken on a GPU. Written by `python -m tapeless_kernels.cuda.report`.

The stack frame holds what is indexed at run time: the slopes of a step and the states of its stages, which the loops
over a tableau of any number of stages index, so that they cannot lie in registers. Of Tsit5 that is 7 slopes of dim
numbers, and as many cotangents in a transpose; a pair has 12. It is addressed alike in all threads, and its lines in
the cache are those of a warp. A spill would be a register that the assembler ran out of: there is none.

| kernel | dim | dtype | architecture | registers | stack | spills |
|---|--:|---|---|--:|--:|--:|
"""


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


def row(name, dim, dtype, cc):
    """Measure one kernel."""
    found = resources(ptx(name, dim, dtype), cc)
    return Row(name, dim, dtype.name, f"sm_{cc[0]}{cc[1]}", found)


@remembered
def ptx(name, dim, dtype, cc=LOWEST, time=np.float64):
    """Return the PTX of one kernel for the field of this dimension."""
    kernel, kept, method = VARIANTS[name]
    return kernels(dim, dtype, kept, method, time).ptx(
        kernel, arguments(name, dim, dtype, time), cc
    )


@functools.cache
def kernels(dim, dtype, kept, method, time=np.float64):
    """Return the kernels of one variant."""
    sizes = sizes_of(method_record(method, dtype))
    return Kernels(dtype, dim, sizes, *FIELDS[dim], kept=kept, time=time)


def method_record(method, dtype):
    """Return a tableau, or a pair, as kernels take it."""
    how = (method.kind, method.halves) if method is PAIR else ()
    return Method(*arrays_of(method, dtype), method.stages, int(method.fsal), method.n_errors, *how)


def arguments(name, dim, dtype, time=np.float64):
    """Return arguments of the right types for a kernel."""
    kernel, kept, tableau = VARIANTS[name]
    n, n_params, method = 2, 3, method_record(tableau, dtype)
    numbers, sizes = control_numbers(PI, tableau.error_exponent_order, dtype), sizes_of(method)
    control = Control(numbers, 1, 0, 0, 4096, 0, 0, 0)

    def made(layout):
        return (np.zeros(shape, time if kind == "f8" else kind) for shape, kind in layout)

    given = arrays.Given(*made(arrays.given_layout(1, 1, dim, n_params, n, dtype)))
    state = arrays.Ensemble(*made(arrays.ensemble_layout(dim, n, dtype, sizes.reversible)))
    asked = arrays.Asked(*made(arrays.asked_layout(1, 1, dim, n, dtype)))
    steps = arrays.steps_layout(4, sizes.evaluations, dim, n, dtype, kept)
    steps, codes = arrays.Steps(*made(steps), 1), np.zeros(n, np.int8)
    if kernel is solve_kernel:
        return method, control, given, state, asked, steps, 1, codes
    if kernel in (solve_vjp_kernel, take_back_vjp_kernel):
        back = made(arrays.back_layout(dim, n_params, n, dtype, sizes.reversible))
        return (
            method,
            control,
            given,
            asked,
            steps,
            arrays.Back(*back, state, np.zeros(n, time), 1),
            codes,
        )
    t, y, theta = np.zeros(n, dtype), np.zeros((dim, n), dtype), np.zeros((n_params, n), dtype)
    if kernel is sum_kernel:
        return theta, 0, theta
    z = np.zeros((sizes.stages, dim, n), dtype)
    if kernel is step_kernel:
        return method, t, t, y, theta[:, 0].copy(), z, y, codes
    return method, t, t, theta[:, 0].copy(), z, y, y, theta, codes


# Each kernel, dim, dtype and architecture in the table.
CASES = tuple(itertools.product(VARIANTS, FIELDS, DTYPES, ARCHITECTURES))


def main():
    """Print the table."""
    rows = [row(*case) for case in CASES]
    print(HEADING + "\n".join(map(str, rows)))


if __name__ == "__main__":
    main()
