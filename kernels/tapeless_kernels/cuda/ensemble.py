"""Solves of ensembles on a device: parts that fit its memory, one after the other, and their reverse passes.

A part that runs out of memory is let go of and taken again in halves; those before it stay. No trajectory's bits depend
on how they are divided, and neither does the sum of their cotangents of theta: see `sums.py`.
"""

import functools
from typing import Any, NamedTuple

import numpy as np

from . import arrays
from .kernels import Kernels
from .part import Part, bytes_each
from .sums import collapse, n_groups, sum_kernel

SHARE = 0.9  # of the free memory that parts are made for: a pool has gaps
BLOCK = 64  # steps in a block of the record, where their number is not known


class Setup(NamedTuple):
    """What the parts of an ensemble share; arrays are on the device."""

    device: Any
    kernels: Kernels
    method: Any  # buffers.Method
    control: Any  # buffers.Control
    sizes: arrays.Sizes
    kept: str | None  # of steps, for the reverse pass
    block: int  # steps in a block of the record
    dtype: np.dtype
    dim: int
    n_params: int
    y0: Any  # (n, dim)
    numbers: Any  # (5, n or 1), as Given.numbers
    theta: Any  # (n_params, n or 1)
    times: Any  # (1, n_outputs, n or 1)
    own: tuple[
        bool, bool, bool
    ]  # whether each trajectory has numbers, parameters, output times of its own


class Results(NamedTuple):
    """What a solve leaves, on the device."""

    ys: Any  # (n, n_outputs, dim)
    y: Any  # (n, dim)
    counts: Any  # (3, n) int64: evaluations, accepted, rejected
    times: Any  # (2, n) float64: the last step, the time reached
    status: Any  # (n,) uint8
    drift: Any  # (n,): of the two states of a reversible method


class Bars(NamedTuple):
    """What a reverse pass returns, on the device."""

    y0: Any  # (n, dim)
    theta: Any  # (n_params,), or (n, n_params) of its own for each
    reconstruction: Any  # (n,) float64: how far y0 was missed, where steps were taken back


class EnsembleSolve:
    """A solve of n trajectories; `chunk` is the most that a part may have, by default as many as fit."""

    caller, part, bytes_each = "solve_ode", Part, staticmethod(bytes_each)

    def __init__(self, setup, chunk=None):
        self.setup, self._chunk = setup, chunk
        self._n, self._n_blocks = len(setup.y0), 1  # blocks of a record, as far as is known
        self._whole = None  # the only part, with its record
        self.sizes = []  # of the parts of the last pass

    def run(self):
        """Integrate all trajectories, and return the Results."""
        results = self._results()

        def forward(part, where, record):
            part.run(record)
            part.put_down(results, where)

        if self.setup.kept is not None and self._size(True) >= self._n > 0:
            self._whole, self.sizes = self._try(forward, slice(0, self._n), True), [self._n]
        if self._whole is None:
            self._walk(forward, False)
        return results

    def vjp(self, ys_bar):
        """Return the Bars of ys_bar (n, n_outputs, dim); forward solves of which no record is held are taken again."""
        setup, device, own = self.setup, self.setup.device, self.setup.own[1]
        kernel = setup.kernels(sum_kernel)
        y0_bar = device.empty((self._n, setup.dim), setup.dtype)
        missed = device.zeros(self._n, np.float64)
        theta_bar = device.zeros((self._n * own, setup.n_params), setup.dtype)
        sums = device.zeros((setup.n_params, n_groups(self._n)), setup.dtype)

        def backward(part, where, record):
            if part is not self._whole:
                part.run(record)
            back = part.vjp(ys_bar[where])
            y0_bar[where], missed[where] = back.y.T, back.reconstruction
            if own:
                theta_bar[where] = back.theta.T
            elif setup.n_params:
                device.launch(kernel, sums.size, (back.theta, where.start, sums))

        if self._whole is None or self._try(backward, slice(0, self._n), True, self._whole) is None:
            self._whole = None
            self._walk(backward, True)
        return Bars(y0_bar, theta_bar if own else collapse(device, kernel, sums), missed)

    def _results(self):
        """Return Results of trajectories that have not had their turn."""
        setup, device, n = self.setup, self.setup.device, self._n
        n_outputs = setup.times.shape[1]
        return Results(
            device.empty((n, n_outputs, setup.dim), setup.dtype), device.empty((n, setup.dim), setup.dtype),
            device.zeros((3, n), np.int64), device.zeros((2, n), np.float64), device.zeros(n, np.uint8),
            device.zeros(n, setup.dtype),
        )  # fmt: skip

    def _walk(self, work, record):
        """Do some work on one part after the other, smaller ones where memory runs out."""
        start, most, self.sizes = 0, self._n, []
        while start < self._n:
            size = min(self._size(record), most, self._n - start)
            if self._try(work, slice(start, start + size), record) is not None:
                self.sizes.append(size)
                start += size
            elif size > 1:
                most = size // 2
            else:
                raise MemoryError(
                    f"{self.caller}: the device has no memory left for one trajectory, with {start} of {self._n} done; "
                    "free other arrays on it, ask for fewer output times, or "
                    + (
                        "use adjoint='reversible' or fewer steps."
                        if record
                        else "solve smaller batches."
                    )
                )

    def _try(self, work, where, record, part=None):
        """Do some work on a part and return it, or None if memory ran out."""
        try:
            part = self.part(self.setup, where) if part is None else part
            work(part, where, record)
            return part
        except MemoryError:
            if part is not None and record:
                self._n_blocks = max(self._n_blocks, len(part.blocks) + 1)
        del part  # and with it its arrays, before their memory is given back
        self.setup.device.give_back()
        return None

    def _size(self, record):
        """Return how many trajectories a part may have."""
        free = SHARE * self.setup.device.free_bytes()
        fit = int(free / self.bytes_each(self.setup, self._n_blocks if record else 0))
        return max(1, min(fit, self._n, self._chunk or self._n))


@functools.lru_cache(maxsize=64)
def kernels_for(target, dtype, dim, sizes, f, f_vjp, kept):
    """Return the Kernels of these, the same ones each time: they are compiled once in a process."""
    return Kernels(dtype, dim, sizes, f, f_vjp, kept=kept, target=target)
