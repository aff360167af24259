"""A part of an ensemble of SDEs on a device: its arrays, its solve, and its reverse pass."""

from typing import NamedTuple

import numpy as np

from ..launch.table import bytes_of
from ..status import RUNNING
from .ensemble import EnsembleSolve
from .sde import sde_kernel, sde_kernel_vjp, sde_pair_kernel_vjp, sde_unwind_kernel
from .sde_arrays import Cotangents, Ensemble, PathSource, Span, StepGrid
from .sde_kernels import SdeKernels

BUDGET = 4096  # steps of a launch: between two of them an interrupt is heard
REVERSIBLE = "reversible"


class SdeSetup(NamedTuple):
    """What the parts of an ensemble share; arrays are on the device."""

    device: object
    kernels: SdeKernels
    method: object  # tableaus.stochastic.StochasticArrays
    source: PathSource
    grid: StepGrid
    kept: str | None  # of steps, for the reverse pass: "every" `stride`-th state, or nothing if they are taken back
    stride: int
    dtype: np.dtype
    dim: int
    rows: int  # numbers of the diffusion
    n_params: int
    y0: object  # (n, dim)
    theta: object  # (1, n_params, n or 1)
    own: tuple[bool, bool]  # whether each trajectory has parameters of its own: the second

    @property
    def n_steps(self):
        """How many steps all take."""
        return len(self.grid.times) - 1


class SdeResults(NamedTuple):
    """What a solve leaves, on the device."""

    ys: object  # (n, n_outputs, dim)
    y: object  # (n, dim)
    steps: object  # (n,) int64
    t: object  # (n,) float64: the time reached
    status: object  # (n,) uint8


class SdeBack(NamedTuple):
    """The cotangents that a reverse pass leaves."""

    y: object  # (dim, n)
    theta: object  # (n_params, n)
    reconstruction: float  # how far y0 was missed: steps that are taken back are not compared


class SdePart:
    """The trajectories `where`, a slice, of an ensemble."""

    def __init__(self, setup, where):
        self._setup, self._n = setup, where.stop - where.start
        device, twice = setup.device, setup.kernels.reversible
        self._source = setup.source._replace(first=setup.source.first + where.start)
        self._theta = device.array(setup.theta[..., where] if setup.own[1] else setup.theta)
        self._y0 = device.array(setup.y0[where].T)
        pair = [device.empty((n * twice, self._n), setup.dtype) for n in (setup.dim, setup.dim, setup.rows)]
        self._state = self._fresh(device.copy(self._y0), pair)
        shape = (1, len(setup.grid.outputs), setup.dim, self._n)
        self._ys = device.full(shape, np.nan, setup.dtype)
        self._nothing = device.empty((0, setup.dim, self._n), setup.dtype)
        self.blocks = []  # the states before all steps, or the one before each stride

    def _fresh(self, y, pair):
        """Return trajectories that have taken no step yet, in the states y."""
        device, n = self._setup.device, self._n
        status, steps = device.full(n, RUNNING, np.uint8), device.zeros(n, np.int64)
        return Ensemble(y, *pair, status, steps, device.zeros(n, np.float64))

    def _advance(self, state, grid, ys, first, last, block=None):
        """Take the steps from `first` to `last`; the states before them go to `block`."""
        setup = self._setup
        kernel, shared = setup.kernels(sde_kernel), (setup.method, self._source, grid, self._theta)
        for at in range(first, last, BUDGET):
            end = min(at + BUDGET, last)
            kept = self._nothing if block is None else block[at - first : end - first]
            setup.device.launch(kernel, self._n, (*shared, state, kept, ys, Span(at, end)))

    def run(self, record):
        """Integrate; with `record` what the reverse pass needs is kept."""
        setup, state = self._setup, self._state
        n, self.blocks = setup.n_steps, []
        states = record and setup.kept != REVERSIBLE
        if states and setup.stride < n:
            for first in range(0, n, setup.stride):
                self.blocks.append(setup.device.copy(state.y))
                self._advance(state, setup.grid, self._ys, first, min(first + setup.stride, n))
            return
        block = self._block(n) if states else None
        self._advance(state, setup.grid, self._ys, 0, n, block)
        self.blocks = [block]

    def _block(self, n):
        """Return room for the states before n steps."""
        return self._setup.device.empty((n, self._setup.dim, self._n), self._setup.dtype)

    def put_down(self, results, where):
        """Copy what was found to the results."""
        state = self._state
        results.ys[where], results.y[where] = self._ys[0].transpose(2, 0, 1), state.y.T
        results.steps[where], results.t[where], results.status[where] = state.steps, state.t, state.status

    def vjp(self, ys_bar):
        """Return SdeBack from ys_bar (n, n_outputs, dim); `run` kept what it needs."""
        setup, device, n = self._setup, self._setup.device, self._n
        bars = Cotangents(
            device.array(ys_bar.transpose(1, 2, 0)[None]), device.zeros((setup.dim, n), setup.dtype),
            device.zeros((1, setup.n_params, n), setup.dtype),
        )  # fmt: skip
        shared = (setup.method, self._source, setup.grid, self._theta)
        if setup.kept == REVERSIBLE:
            kernel = setup.kernels(sde_unwind_kernel)
            device.launch(kernel, n, (*shared, self._state, self._y0, bars))
        elif setup.kernels.reversible:
            kernel, kept = setup.kernels(sde_pair_kernel_vjp), self.blocks[0]
            device.launch(kernel, n, (*shared, kept, self._state.steps, self._y0, bars))
        else:
            kernel = setup.kernels(sde_kernel_vjp)
            for first, last, block in self._blocks_back():
                for end in range(last, first, -BUDGET):
                    at = max(end - BUDGET, first)
                    kept = block[at - first : end - first]
                    device.launch(
                        kernel, n, (*shared, kept, self._state.steps, bars, Span(at, end))
                    )
        return SdeBack(bars.y, bars.theta[0], 0.0)

    def _blocks_back(self):
        """Yield steps (first, last) and the states before each, from the last ones: taken again but where all are kept."""
        setup, n, stride = self._setup, self._setup.n_steps, self._setup.stride
        if stride >= n:
            yield 0, n, self.blocks[0]
            return
        silent = setup.grid._replace(outputs=setup.device.empty((0, 1, 1), np.int64))
        nowhere = setup.device.empty((1, 0, setup.dim, self._n), setup.dtype)
        block = self._block(stride)
        for first in range((n - 1) // stride * stride, -1, -stride):
            # No way back reads what steps after a failure leave.
            state = self._fresh(setup.device.copy(self.blocks[first // stride]), self._state[1:4])
            last = min(first + stride, n)
            self._advance(state, silent, nowhere, first, last, block)
            yield first, last, block


def bytes_each(setup, record):
    """Return the bytes that a trajectory of a part takes, with a record or without one."""
    dim, real, n_outputs = setup.dim, setup.dtype, len(setup.grid.outputs)
    twice = 2 * dim + setup.rows if setup.kernels.reversible else 0
    layouts = [
        # The states at outputs twice: they are copied to another layout.
        ((2 * n_outputs + 2, dim), real), ((twice,), real), ((setup.n_params,), real), ((2,), "f8"), ((1,), "u1"),
    ]  # fmt: skip
    if record:
        stride = min(setup.stride, setup.n_steps)
        states = 0 if setup.kept == REVERSIBLE else stride + -(-setup.n_steps // stride) + 1
        layouts += [((states + n_outputs + 1, dim), real), ((setup.n_params,), real)]
    return bytes_of(layouts)


class SdeEnsembleSolve(EnsembleSolve):
    """A solve of an ensemble of SDEs, in parts that fit the device."""

    caller, part, bytes_each = "solve_sde", SdePart, staticmethod(bytes_each)

    def _results(self):
        """Return what is known of trajectories that have not had their turn."""
        setup, device, n = self.setup, self.setup.device, self._n
        return SdeResults(
            device.empty((n, len(setup.grid.outputs), setup.dim), setup.dtype),
            device.empty((n, setup.dim), setup.dtype), device.zeros(n, np.int64), device.zeros(n, np.float64),
            device.zeros(n, np.uint8),
        )  # fmt: skip
