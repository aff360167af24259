"""The network ODE on blocks of threads that share weights and stages: what network_ode.cu is given, and its twin.

The twin is the solver of the CPU, `launch.cpu`: steps, counts and times are those of the CPU wherever no error
estimate is within rounding of 1, states and gradients to rounding. `network_plan.step_flops` and `step_bytes` count
what a step costs. Nothing here has run on a GPU.
"""

import pathlib
from typing import NamedTuple

import numpy as np

from .._cupy import raw_kernel
from ..controllers.step_size import START
from ..status import RUNNING, SUCCESS
from ..tableaus.butcher import arrays
from .network_plan import LANES, THREADS, make_block
from .raw_arguments import FLOATS

SOURCE = pathlib.Path(__file__).with_suffix(".cu")
# Rows of counts, clocks and marks, as the kernels have them.
EVALUATIONS, ACCEPTED, REJECTED, GRID, EMITTED, STATUS, FILLED = range(7)
T0, T1, NOW, PROPOSED, LAST = range(5)
RTOL, ATOL, RATIO, RATIO_BEFORE = range(4)
PARTS_BYTES = 256 << 20  # of cotangents of theta that tiles have not yet summed
GRID_MOST = 1024  # blocks that have slopes in global memory
PLACES = (
    "DIM N N_LAYERS N_PARAMS STAGES FSAL N_ERRORS N_TIMES OWN_TIMES ADAPTIVE N_STEPS MAX_STEPS "
    "CAPACITY FRESH RESIDENT N_WEIGHTS ROWS BAR_ROWS SLOPES_ON_CHIP"
).split()


def instance(kernel, dtype, lanes=0, time="double"):
    """Return the name expression of a kernel; `lanes` is 0 for one that has no tile."""
    real = FLOATS[np.dtype(dtype)]
    types = (real, time, str(lanes)) if lanes else (real,)
    return f"{kernel}<{', '.join(types)}>"


INSTANCES = tuple(
    instance(kernel, dtype, lanes)
    for dtype in FLOATS
    for kernel, widths in (("network_ode", LANES), ("network_ode_vjp", LANES), ("sum_tiles", (0,)))
    for lanes in widths
)
# To be read for doubles: time, which is one in a solve, is a float here.
INSTANCES_WITHOUT_DOUBLE = (
    *(
        instance(kernel, np.float32, lanes, time="float")
        for kernel in ("network_ode", "network_ode_vjp")
        for lanes in LANES
    ),
    instance("sum_tiles", np.float32),
)


class Scheme(NamedTuple):
    """How to step: a tableau, the numbers of its controller, and limits."""

    tableau: object
    numbers: np.ndarray
    n_steps: int  # 0: adaptive
    max_steps: int


class Record(NamedTuple):
    """A part of the accepted steps, the next of each trajectory: where they began, and when they began and ended."""

    t: object  # (capacity, 2, n) float64
    y: object  # (capacity, dim, n)
    filled: object  # (n,) int32


class NetworkSolve:
    """A solve on arrays that have trajectories last, and its transpose.

    Parameters
    ----------
    xp : module
        NumPy or CuPy: of the arrays.
    layers : sequence of `network_plan.Layer`
        The network.
    theta : array (n_params,)
        Its parameters.
    scheme : Scheme
        How to step.
    spans : array (3, n) float64
        Rows t0, t1 and the first step, 0 for an automatic one.
    tolerances : array (2, n)
        Rows rtol and atol, of the solve's dtype.
    times : array (n_times, n) or (n_times, 1) float64
        Output times.
    y0 : array (dim, n)
        Initial states.
    limit : int
        Bytes of shared memory that a block may have.
    keep : bool
        Whether steps are kept for `vjp`.
    capacity : int
        Steps of a trajectory to a part of the record.
    threads : int
        Threads of a block, a multiple of 32, at most 256.
    module : callable, optional
        What makes modules in the place of `cupy.RawModule`: tests run kernels on the CPU.
    """

    def __init__(
        self, xp, layers, theta, scheme, spans, tolerances, times, y0,
        *, limit, keep=True, capacity=64, threads=THREADS, module=None,
    ):  # fmt: skip
        self.xp, self._module, self._scheme, self.theta = xp, module, scheme, theta
        self._layers, self._limit, self._threads, self._times = layers, limit, threads, times
        self.dtype, (self.dim, self.n) = y0.dtype, y0.shape
        tableau = scheme.tableau
        packed = arrays(tableau, self.dtype)
        self._tableau = xp.asarray(
            np.concatenate([packed.a.ravel(), packed.c, packed.error.ravel()]).astype(self.dtype)
        )
        self._numbers = xp.asarray(scheme.numbers.astype(self.dtype))
        n = self.n
        self.clocks = xp.zeros((5, n), np.float64)
        self.clocks[[T0, T1, PROPOSED]], self.clocks[NOW] = spans, spans[0]
        self.marks = xp.zeros((4, n), self.dtype)
        self.marks[:2], self.marks[RATIO:] = tolerances, scheme.numbers[START]
        self.counts = xp.zeros((7, n), np.int32)
        self.y, self._k0 = y0.copy(), xp.zeros((self.dim, n), self.dtype)
        self.ys = xp.full((len(times), self.dim, n), np.nan, self.dtype)
        self._capacity, self.records = capacity if keep else 0, []

    def _block(self, transposed):
        """Return the block, and the numbers that it reads."""
        block = make_block(
            self._layers, self.dim, self.dtype, self._scheme.tableau.stages, self._limit,
            transposed=transposed, threads=self._threads,
        )  # fmt: skip
        if block is None:
            widest = max(max(x.n_in, x.n_out) for x in self._layers)
            raise ValueError(
                f"a network with {widest} values side by side does not fit {self._limit} bytes of shared memory"
            )
        return block

    def _how(self, block, fresh):
        """Return the numbers that a kernel reads."""
        tableau, scheme = self._scheme.tableau, self._scheme
        values = {
            "DIM": self.dim, "N": self.n, "N_LAYERS": len(self._layers), "N_PARAMS": self.theta.size,
            "STAGES": tableau.stages, "FSAL": int(tableau.fsal), "N_ERRORS": tableau.n_errors,
            "N_TIMES": len(self._times), "OWN_TIMES": int(self._times.shape[1] > 1),
            "ADAPTIVE": int(scheme.n_steps == 0), "N_STEPS": scheme.n_steps, "MAX_STEPS": scheme.max_steps,
            "CAPACITY": self._capacity, "FRESH": int(fresh), "RESIDENT": int(block.resident),
            "N_WEIGHTS": block.n_weights, "ROWS": block.rows, "BAR_ROWS": block.bar_rows,
            "SLOPES_ON_CHIP": int(block.slopes_on_chip),
        }  # fmt: skip
        return self.xp.asarray(np.array([values[place] for place in PLACES], np.int32))

    def _launch(self, name, block, n_tiles, arguments, *scalars):
        """Run a kernel on so many tiles."""
        grid = n_tiles if block.slopes_on_chip else min(n_tiles, GRID_MOST)
        size = 1 if block.slopes_on_chip else grid * block.slopes
        workspace = self.xp.empty(size, self.dtype)
        kernel = raw_kernel(SOURCE, instance(name, self.dtype, block.lanes), module=self._module)
        kernel.max_dynamic_shared_size_bytes = block.shared
        kernel(
            (grid,), (block.threads,), (*arguments, workspace, *scalars), shared_mem=block.shared
        )

    def run(self):
        """Integrate all trajectories to their end."""
        if self.n == 0:
            return
        block = self._block(transposed=False)
        table, n_tiles, fresh = self.xp.asarray(block.table), -(-self.n // block.lanes), True
        while True:
            self.counts[FILLED] = 0
            size = self._capacity or 1
            t = self.xp.empty((size, 2, self.n), np.float64)
            y = self.xp.empty((size, self.dim, self.n) if self._capacity else 1, self.dtype)
            self._launch(
                "network_ode", block, n_tiles,
                (self._how(block, fresh), table, self.theta, self._tableau, self._numbers, self._times,
                 self.clocks, self.marks, self.counts, self.y, self._k0, self.ys, t, y),
            )  # fmt: skip
            if self._capacity:
                self.records.append(Record(t, y, self.counts[FILLED].copy()))
            fresh = False
            if not (self.counts[STATUS] == RUNNING).any():
                return

    def vjp(self, ys_bar):
        """Return the cotangents of y0 (dim, n) and theta from those of `ys`; the same bits for any PARTS_BYTES."""
        xp = self.xp
        y0_bar, theta_bar = xp.zeros((self.dim, self.n), self.dtype), xp.zeros_like(self.theta)
        if self.n == 0:
            return y0_bar, theta_bar
        block = self._block(transposed=True)
        table, n_tiles = xp.asarray(block.table), -(-self.n // block.lanes)
        how = [self._how(block, fresh) for fresh in (False, True)]
        emitted, n_params = self.counts[EMITTED].copy(), self.theta.size
        wave = max(1, min(n_tiles, PARTS_BYTES // (n_params * self.dtype.itemsize)))
        sum_tiles = raw_kernel(SOURCE, instance("sum_tiles", self.dtype), module=self._module)
        for first in range(0, n_tiles, wave):
            n = min(wave, n_tiles - first)
            parts = xp.zeros((n, n_params), self.dtype)
            for i in range(len(self.records) - 1, -1, -1):
                record = self.records[i]
                self._launch(
                    "network_ode_vjp", block, n,
                    (how[i == 0], table, self.theta, self._tableau, self._times, record.t, record.y,
                     record.filled, emitted, ys_bar, y0_bar, parts),
                    np.int32(first), np.int32(n),
                )  # fmt: skip
            grid = (-(-n_params // self._threads),)
            sum_tiles(
                grid, (self._threads,), (parts, theta_bar, np.int32(n), np.int32(n_params))
            )
        return y0_bar, theta_bar

    @property
    def success(self):
        """Whether all trajectories have arrived."""
        return bool((self.counts[STATUS] == SUCCESS).all())
