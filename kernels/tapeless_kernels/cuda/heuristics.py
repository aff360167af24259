r"""Reductions of a solver's heuristics on a GPU: error and stiffness of steps, and functionals of them.

The kernels are those of heuristics.cu. Arrays are (dim, n) or (n_steps, n), trajectories last. With the scale
:math:`s = atol + rtol \max(|y|, |z|)` of a step from y to z,

.. math:: E = \sqrt{\mathrm{mean}((e / s)^2)}, \qquad S = |k_x - k_y| / |z_x - z_y|,

per trajectory, or over all of them where they share their steps (`coupled`); a method with two errors has E as
DOP853 does (`steppers/estimates.py`). A functional adds up \|h\| E, E**2 or \|h\| S over the steps.

Sums are in an order that neither the grid nor the GPU changes, that of `sum_rows` and `total` below: against these the
kernels agree to the bit. The CPU's chain of fma rounds otherwise: they agree with it to a few ulps.

Operations and bytes, each number of w bytes, for the roofline:

==================  ==================================  ==========================
kernel              operations                          numbers read and written
==================  ==================================  ==========================
error_squares       9 dim n, one of them a division     3 dim n + 3 n
error_squares_vjp   12 dim n, two of them divisions     6 dim n + 3 n
pair_squares        6 dim n                             3 dim n + 3 n
pair_squares_vjp    4 dim n                             4 dim n + 2 n
total               n a row                             n a row
estimates           10 n, with 4 divisions and roots    7 n
estimates_vjp       20 n, with 8 divisions and roots    12 n
functional          4 n_steps n                         3 n_steps n (h twice)
functional_vjp      5 n_steps n                         4 n_steps n
==================  ==================================  ==========================
"""

import pathlib
from typing import NamedTuple

import numpy as np

from .._cupy import raw_kernel
from .raw_arguments import FLOATS, checked, float_name

SOURCE = pathlib.Path(__file__).with_suffix(".cu")
LANES, STRIPS = 32, 8  # columns of a block, and threads of a column
FLAT = 128  # threads of a block of what has no rows
KERNELS = (
    "error_squares", "error_squares_vjp", "pair_squares", "pair_squares_vjp", "total", "estimates", "estimates_vjp",
    "functional", "functional_vjp",
)  # fmt: skip
INSTANCES = tuple(f"{kernel}<{real}>" for kernel in KERNELS for real in FLOATS.values())

KINDS, REDUCTIONS = ("sized", "squared"), ("sum", "mean", "max")  # in the order of the enums


def sum_rows(x):
    """Return the sums over the first axis in the kernels' order."""
    strips = np.zeros((STRIPS, *x.shape[1:]), x.dtype)
    for m, row in enumerate(x):
        strips[m % STRIPS] += row
    return _tree(strips)


def total(x):
    """Return the sum of a flat array in the order of the kernel `total`."""
    threads = LANES * STRIPS
    padded = np.zeros(-(-len(x) // threads) * threads, x.dtype)
    padded[: len(x)] = x
    parts = np.zeros(threads, x.dtype)
    for row in padded.reshape(-1, threads):
        parts += row
    return _tree(parts)


def _tree(parts):
    while len(parts) > 1:
        parts = parts[: len(parts) // 2] + parts[len(parts) // 2 :]
    return parts[0]


class Step(NamedTuple):
    """What a step is measured by, arrays (dim, n); `error` has one or two of them, of the embedded errors."""

    y: object  # where it began
    z: object  # and ended
    error: tuple  # h sum(error_j k_j)
    slopes: object  # k_x - k_y of the method's pair of stages at one time
    states: object  # and z_x - z_y


class Heuristics:
    """The reductions in one float type, on arrays of `xp`: of CuPy, or of NumPy where `module` is of the CPU."""

    def __init__(self, xp, dtype, module=None):
        self._xp, self._dtype = xp, np.dtype(dtype)
        self._real, self._module = float_name("Heuristics", dtype), module
        self._together = tuple(e for e in INSTANCES if e.endswith(f"<{self._real}>"))

    def _kernel(self, name):
        expression, together = f"{name}<{self._real}>", self._together
        return raw_kernel(SOURCE, expression, module=self._module, together=together)

    def _run(self, kernel, columns, *arguments, flat=False):
        width, block = (FLAT, (FLAT,)) if flat else (LANES, (LANES, STRIPS))
        self._kernel(kernel)((-(-columns // width),), block, arguments)

    def _empty(self, *shape):
        return self._xp.empty(shape, self._dtype)

    def _step(self, caller, step, rtol, atol):
        """Return the step's dim and n, looked at."""
        shape = step.y.shape
        if len(shape) != 2 or len(step.error) not in (0, 1, 2):
            raise ValueError(f"{caller}: `step` must have states (dim, n) and at most two errors")
        errors = {f"error[{i}]": e for i, e in enumerate(step.error)}
        parts = {name: getattr(step, name) for name in ("y", "z", "slopes", "states")} | errors
        checked(caller, self._xp, self._dtype, shape, **parts)
        checked(caller, self._xp, self._dtype, shape[1:], rtol=rtol, atol=atol)
        return shape

    def measure(self, step, rtol, atol, noise, *, coupled=False):
        """Return E and S, rows of (2, n) or coupled of (2, 1), and the sums of squares for the transpose.

        `noise` is that share of |y|**2 below which |z_x - z_y|**2 is rounding.
        """
        dim, n = self._step("measure", step, rtol, atol)
        squares = self._empty(3 + len(step.error), n)
        if n == 0 or dim == 0:
            squares[...] = 0
        else:
            sizes = np.int32(dim), np.int32(n)
            self._run("pair_squares", n, step.slopes, step.states, step.y, *sizes, squares[:3])
            for e, row in zip(step.error, squares[3:], strict=True):
                self._run("error_squares", n, e, step.y, step.z, rtol, atol, *sizes, row)
        if coupled and n > 0:
            squares, rows = self._empty(len(squares), 1), squares
            self._total(rows, squares)
        columns, estimates = squares.shape[1], self._empty(2, squares.shape[1])
        if columns:
            self._run(
                "estimates",
                columns,
                squares,
                *self._numbers(step, columns, noise),
                estimates,
                flat=True,
            )
        return estimates, squares

    def _total(self, rows, out):
        """Sum each row."""
        arguments = rows, np.int32(rows.shape[1]), out
        self._kernel("total")((len(rows),), (LANES * STRIPS,), arguments)

    def _numbers(self, step, columns, noise):
        """Return what `estimates` takes besides arrays."""
        dim, n = step.y.shape
        count = self._dtype.type(
            dim * (n // columns)
        )  # columns are all trajectories, or one for all
        return np.int32(len(step.error)), count, self._dtype.type(noise), np.int32(columns)

    def measure_vjp(self, step, rtol, atol, noise, squares, bars):
        """Return the cotangents of a Step, from those of E and S, of the shape that `measure` gave."""
        dim, n = self._step("measure_vjp", step, rtol, atol)
        columns = squares.shape[1]
        checked(
            "measure_vjp", self._xp, self._dtype, (3 + len(step.error), columns), squares=squares
        )
        checked("measure_vjp", self._xp, self._dtype, (2, columns), bars=bars)
        y_bar, z_bar = (self._xp.zeros((dim, n), self._dtype) for _ in range(2))
        made = Step(y_bar, z_bar, (), self._empty(dim, n), self._empty(dim, n))
        if n == 0 or dim == 0:
            return made._replace(error=tuple(self._empty(dim, n) for _ in step.error))
        squares_bar = self._empty(*squares.shape)
        numbers = self._numbers(step, columns, noise)
        self._run("estimates_vjp", columns, squares, *numbers, bars, squares_bar, flat=True)
        sizes, by = (np.int32(dim), np.int32(n)), np.int32(columns == n)
        pair = step.slopes, step.states, *sizes, squares_bar[:2], by, made.slopes, made.states
        self._run("pair_squares_vjp", n, *pair)
        errors = []
        for e, bar in zip(step.error, squares_bar[3:], strict=True):
            errors.append(self._empty(dim, n))
            of_y, of_z = self._empty(dim, n), self._empty(dim, n)
            states = e, step.y, step.z, rtol, atol, *sizes
            self._run("error_squares_vjp", n, *states, bar, by, errors[-1], of_y, of_z)
            y_bar += of_y
            z_bar += of_z
        return made._replace(error=tuple(errors))

    def _functional(self, caller, h, x, kind, reduce):
        if h.ndim != 2:
            raise ValueError(f"{caller}: `h` must be (n_steps, n), got shape {h.shape}")
        checked(caller, self._xp, self._dtype, h.shape, h=h, x=x)
        for name, value, known in (("kind", kind, KINDS), ("reduce", reduce, REDUCTIONS)):
            if value not in known:
                raise ValueError(f"{caller}: `{name}` must be one of {known}, got {value!r}")
        numbers = (*h.shape, KINDS.index(kind), REDUCTIONS.index(reduce))
        return h, x, *map(np.int32, numbers)

    def functional(self, h, x, kind, reduce):
        """Return a number of each trajectory from sizes and estimates (n_steps, n); NaN stands behind the last step.

        A step gives |h| x ("sized") or x**2 ("squared"); `reduce` is "sum", "mean" or "max".
        """
        arguments, out = self._functional("functional", h, x, kind, reduce), self._empty(h.shape[1])
        if h.shape[1]:
            self._run("functional", h.shape[1], *arguments, out)
        return out

    def functional_vjp(self, h, x, kind, reduce, bar):
        """Return the cotangents of h and x, from those of the values; 0 behind the last step."""
        arguments = self._functional("functional_vjp", h, x, kind, reduce)
        checked("functional_vjp", self._xp, self._dtype, h.shape[1:], bar=bar)
        h_bar, x_bar = self._empty(*h.shape), self._empty(*h.shape)
        if h.size:
            self._run("functional_vjp", h.shape[1], *arguments, bar, h_bar, x_bar)
        return h_bar, x_bar
