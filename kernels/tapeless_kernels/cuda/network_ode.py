"""The network ODE on blocks of threads that share weights and stages: what network_ode.cu is given, and its twin.

The twin is the solver of the CPU, `launch.cpu`: steps, counts and times are those of the CPU wherever no error
estimate is within rounding of 1, states and gradients to rounding. `network_plan.step_flops` and `step_bytes` count
what a step costs. Nothing here has run on a GPU.
"""

import pathlib
from typing import NamedTuple

import numpy as np

from .._cupy import raw_kernel
from ..buffers import Control, Method
from ..controllers.step_size import START
from ..launch.table import bytes_of
from ..status import RUNNING
from .arrays import Sizes
from .network_plan import LANES, THREADS, Layer, make_block
from .raw_arguments import FLOATS

SOURCE = pathlib.Path(__file__).with_suffix(".cu")
# Rows of counts, clocks and marks, as the kernels have them.
EVALUATIONS, ACCEPTED, REJECTED, GRID, EMITTED, STATUS, FILLED = range(7)
T0, T1, NOW, PROPOSED, LAST = range(5)
RTOL, ATOL, RATIO, RATIO_BEFORE = range(4)
PLACES = (
    "DIM N N_LAYERS N_PARAMS STAGES FSAL N_ERRORS N_TIMES OWN_TIMES ADAPTIVE N_STEPS MAX_STEPS "
    "CAPACITY FRESH RESIDENT N_WEIGHTS ROWS BAR_ROWS SLOPES_ON_CHIP"
).split()
PARTS_BYTES = 256 << 20  # of cotangents of theta that tiles have not yet summed
MOST_BLOCKS = 1024  # in a launch whose slopes are in global memory


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
# To be read for doubles: time, which is one in a solve, is a float in them.
WITHOUT_DOUBLE = tuple(
    instance(kernel, np.float32, LANES[0], time="float")
    for kernel in ("network_ode", "network_ode_vjp")
)


class NetworkSetup(NamedTuple):
    """What the parts of an ensemble share, as `ensemble.Setup`; arrays but those of the records are on the device."""

    device: object
    method: Method  # on the host
    control: Control  # on the host
    sizes: Sizes
    kept: str | None
    block: int  # steps of a trajectory in a block of the record
    dtype: np.dtype
    dim: int
    n_params: int
    y0: object  # (n, dim)
    numbers: object  # (5, n or 1), as Given.numbers
    theta: object  # (n_params,)
    times: object  # (1, n_outputs, n or 1)
    own: tuple[bool, bool, bool]
    layers: tuple[Layer, ...]
    limit: int  # bytes of shared memory that a block may have
    threads: int = THREADS  # of a block


class Steps(NamedTuple):
    """A block of the record: of each trajectory the next accepted steps, when they began and ended, and from where."""

    t: object  # (capacity, 2, n) float64
    y: object  # (capacity, dim, n)
    filled: object  # (n,) int32


class NetworkPart:
    """The trajectories `where`, a slice, of an ensemble of networks."""

    def __init__(self, setup, where):
        self._setup, self._n = setup, where.stop - where.start
        device, n = setup.device, self._n
        own = setup.own[2]
        self._times = device.array(setup.times[0][..., where] if own else setup.times[0])
        self._y = device.array(setup.y0[where].T)
        if self._y is setup.y0:  # of one entry: kernels write to it
            self._y = device.copy(self._y)
        numbers = setup.numbers[..., where] if setup.own[0] else setup.numbers
        self._clocks = device.zeros((5, n), np.float64)
        for row, number in ((T0, 0), (T1, 1), (NOW, 0), (PROPOSED, 2)):
            self._clocks[row] = numbers[number]
        self._marks = device.full((4, n), setup.control.numbers[START], setup.dtype)
        self._marks[RTOL], self._marks[ATOL] = numbers[3], numbers[4]
        self._counts = device.zeros((7, n), np.int32)
        self._k0 = device.zeros((setup.dim, n), setup.dtype)
        self._ys = device.full((len(self._times), setup.dim, n), np.nan, setup.dtype)
        packed = (setup.method.a, setup.method.c, setup.method.error)
        self._tableau = device.array(np.concatenate([x.ravel() for x in packed]))
        self._numbers = device.array(setup.control.numbers)
        self.blocks = []

    def run(self, record):
        """Integrate; with `record` what the reverse pass needs is kept."""
        setup, device, n = self._setup, self._setup.device, self._n
        block, fresh, size = block_of(setup, False), True, setup.block if record else 1
        n_tiles, table = -(-n // block.lanes), device.array(block.table)
        while True:
            self._counts[FILLED] = 0
            steps = Steps(
                *(device.empty(*x) for x in steps_layout(size, setup.dim, n, setup.dtype))
            )
            how = self._how(block, size if record else 0, fresh)
            self._launch(
                "network_ode", block, n_tiles,
                (how, table, setup.theta, self._tableau, self._numbers, self._times, self._clocks,
                 self._marks, self._counts, self._y, self._k0, self._ys, steps.t, steps.y),
            )  # fmt: skip
            steps.filled[...] = self._counts[FILLED]
            self.blocks.append(steps)
            fresh = False
            if not bool((self._counts[STATUS] == RUNNING).any()):
                return

    def put_down(self, results, where):
        """Copy what was found to the Results."""
        results.ys[where] = self._ys.transpose(2, 0, 1)
        results.y[where] = self._y.T
        results.counts[:, where] = self._counts[: len(results.counts)]
        results.times[0, where], results.times[1, where] = self._clocks[LAST], self._clocks[NOW]
        results.status[where] = self._counts[STATUS]

    def vjp(self, ys_bar, theta_bar):
        """Return the cotangent (dim, n) of y0 from ys_bar (n, n_outputs, dim), and add that of theta to theta_bar.

        Tiles are added in their order, so that neither MOST_BLOCKS nor PARTS_BYTES changes a bit.
        """
        setup, device = self._setup, self._setup.device
        block, n_params = block_of(setup, True), setup.n_params
        n_tiles, table = -(-self._n // block.lanes), device.array(block.table)
        how = [self._how(block, setup.block, fresh) for fresh in (False, True)]
        ys_bar = device.array(ys_bar.transpose(1, 2, 0))
        y_bar = device.zeros((setup.dim, self._n), setup.dtype)
        emitted = device.copy(self._counts[EMITTED])
        wave = tiles_at_once(n_params, setup.dtype, n_tiles)
        sum_tiles = raw_kernel(SOURCE, instance("sum_tiles", setup.dtype), module=device.raw_module)
        for first in range(0, n_tiles, wave):
            n = min(wave, n_tiles - first)
            parts = device.zeros((n, n_params), setup.dtype)
            for i in range(len(self.blocks) - 1, -1, -1):
                self._launch(
                    "network_ode_vjp", block, n,
                    (how[i == 0], table, setup.theta, self._tableau, self._times, *self.blocks[i],
                     emitted, ys_bar, y_bar, parts),
                    np.int32(first), np.int32(n),
                )  # fmt: skip
            grid, sizes = (-(-n_params // setup.threads),), (np.int32(n), np.int32(n_params))
            sum_tiles(grid, (setup.threads,), (parts, theta_bar, *sizes))
        return y_bar

    def _how(self, block, capacity, fresh):
        """Return the numbers that a kernel reads, on the device."""
        setup, method, control = self._setup, self._setup.method, self._setup.control
        values = {
            "DIM": setup.dim, "N": self._n, "N_LAYERS": len(setup.layers), "N_PARAMS": setup.n_params,
            "STAGES": method.stages, "FSAL": method.fsal, "N_ERRORS": method.n_errors,
            "N_TIMES": len(self._times), "OWN_TIMES": self._times.shape[1] > 1, "ADAPTIVE": control.adaptive,
            "N_STEPS": control.n_steps, "MAX_STEPS": control.max_steps, "CAPACITY": capacity, "FRESH": fresh,
            "RESIDENT": block.resident, "N_WEIGHTS": block.n_weights, "ROWS": block.rows,
            "BAR_ROWS": block.bar_rows, "SLOPES_ON_CHIP": block.slopes_on_chip,
        }  # fmt: skip
        limited = [min(int(values[x]), np.iinfo(np.int32).max) for x in PLACES]  # max_steps
        return setup.device.array(np.array(limited, np.int32))

    def _launch(self, name, block, n_tiles, arguments, *scalars):
        """Run a kernel on so many tiles."""
        setup = self._setup
        grid = n_tiles if block.slopes_on_chip else min(n_tiles, MOST_BLOCKS)
        workspace = setup.device.empty(
            1 if block.slopes_on_chip else grid * block.slopes, setup.dtype
        )
        expression = instance(name, setup.dtype, block.lanes)
        kernel = raw_kernel(SOURCE, expression, module=setup.device.raw_module)
        kernel.max_dynamic_shared_size_bytes = block.shared
        arguments = (*arguments, workspace, *scalars)
        kernel((grid,), (setup.threads,), arguments, shared_mem=block.shared)


def block_of(setup, transposed):
    """Return the `Block` of a setup; None if the network does not fit."""
    return make_block(
        setup.layers, setup.dim, setup.dtype, setup.method.stages, setup.limit,
        transposed=transposed, threads=setup.threads,
    )  # fmt: skip


def steps_layout(capacity, dim, n, dtype):
    """Return shapes and dtypes of `Steps`."""
    return (
        ((capacity, 2, n), np.dtype(np.float64)),
        ((capacity, dim, n), dtype),
        ((n,), np.dtype(np.int32)),
    )


def tiles_at_once(n_params, dtype, n_tiles):
    """Return for how many tiles there is room in PARTS_BYTES."""
    return max(1, min(n_tiles, PARTS_BYTES // max(1, n_params * dtype.itemsize)))


def bytes_each(setup, n_blocks):
    """Return the bytes that a trajectory of a part takes, with so many blocks of a record or without one."""
    dim, real, n_outputs = setup.dim, setup.dtype, setup.times.shape[1]
    # The states at outputs twice, for they are copied to another layout; y, k0 and marks; clocks; counts.
    layouts = [
        ((2 * n_outputs + 2, dim + 2), real),
        ((5,), np.dtype(np.float64)),
        ((7,), np.dtype(np.int32)),
    ]
    layouts += max(n_blocks, 1) * steps_layout(setup.block if n_blocks else 1, dim, 1, real)
    if n_blocks:  # cotangents; those of theta are of a tile
        layouts += [((n_outputs + 1, dim), real), ((setup.n_params // min(LANES) + 1,), real)]
    return bytes_of(layouts)
