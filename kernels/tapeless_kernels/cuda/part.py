"""A part of an ensemble on a device: its arrays, its solve, and its reverse pass."""

import numpy as np

from ..buffers import KEPT, TIMED
from ..launch.table import bytes_of
from ..loops.reversal import DISTANCE
from ..status import BUDGET_SPENT, BUFFER_FULL
from . import arrays
from .arrays import LAST, STORED, Asked, Back, Ensemble, Given, Steps, T
from .trajectories import FRESH, solve_kernel, solve_vjp_kernel, take_back_vjp_kernel

BUDGET = 4096  # iterations of a launch: between two of them an interrupt is heard
KEEP = {STORED: KEPT, arrays.TIMED: TIMED}


class Part:
    """The trajectories `where`, a slice, of an ensemble."""

    def __init__(self, setup, where):
        self._setup, self._n = setup, where.stop - where.start
        device = setup.device
        numbers, theta, times = (
            x[..., where] if own else x
            for x, own in zip((setup.numbers, setup.theta, setup.times), setup.own, strict=True)
        )
        self._given = Given(*map(device.array, (setup.y0[where].T, numbers, theta)))
        self._state = Ensemble(*self._new(arrays.ensemble_layout, setup.sizes.reversible))
        ys = device.empty((1, setup.times.shape[1], setup.dim, self._n), setup.dtype)
        self._asked, self.blocks = Asked(device.array(times), ys), []

    def _new(self, layout, *more):
        setup = self._setup
        wanted = layout(setup.dim, self._n, setup.dtype, *more)
        return [setup.device.empty(shape, dtype) for shape, dtype in wanted]

    def run(self, record):
        """Integrate; with `record` what the reverse pass needs is kept."""
        setup, device = self._setup, self._setup.device
        codes = device.full(self._n, FRESH, np.int8)
        kernel, steps = setup.kernels(solve_kernel), self._block(record)
        while True:
            arguments = (self._given, self._state, self._asked, steps, BUDGET, codes)
            device.launch(kernel, self._n, (setup.method, setup.control, *arguments))
            found = device.host(codes)
            if (found == BUFFER_FULL).any():
                steps = self._block(record)
            elif not (found == BUDGET_SPENT).any():
                return

    def _block(self, record):
        """Return a new block of the record, or room for one step."""
        setup = self._setup
        n = self._n if setup.kept is not None else 1  # else it is not read
        layout = arrays.steps_layout(
            setup.block if record else 1,
            setup.sizes.evaluations,
            setup.dim,
            n,
            setup.dtype,
            setup.kept,
        )
        made = [setup.device.empty(shape, dtype) for shape, dtype in layout[:-1]]
        steps = Steps(*made, setup.device.zeros(n, np.int64), KEEP[setup.kept] if record else 0)
        self.blocks.append(steps)
        return steps

    def put_down(self, results, where):
        """Copy what was found to the Results."""
        state = self._state
        results.ys[where] = self._asked.ys[0].transpose(2, 0, 1)
        results.y[where] = state.y.T
        results.counts[:, where] = state.counts[: len(results.counts)]
        results.times[0, where], results.times[1, where] = state.times[LAST], state.times[T]
        results.status[where] = state.status
        if self._setup.sizes.reversible:
            results.drift[where] = state.drift[DISTANCE]

    def vjp(self, ys_bar):
        """Return Back, run to the start, from ys_bar (n, n_outputs, dim); `run` kept what it needs."""
        setup, device = self._setup, self._setup.device
        given = (
            self._given,
            self._asked._replace(ys=device.array(ys_bar.transpose(1, 2, 0)[None])),
        )
        bars = arrays.back_layout(
            setup.dim, setup.n_params, self._n, setup.dtype, setup.sizes.reversible
        )
        state = Ensemble(*map(device.copy, self._state))  # a second call begins where this one does
        missed, codes = device.zeros(self._n, np.float64), device.full(self._n, 0, np.int8)
        back = Back(*(device.zeros(*x) for x in bars), state, missed, 0)
        kernel = setup.kernels(solve_vjp_kernel if setup.kept == STORED else take_back_vjp_kernel)
        for i in range(len(self.blocks) - 1, -1, -1):
            back = back._replace(first=int(i == 0))
            arguments = (setup.method, setup.control, *given, self.blocks[i], back, codes)
            device.launch(kernel, self._n, arguments)
        return back


def bytes_each(setup, n_blocks):
    """Return the bytes that a trajectory of a part takes, with so many blocks of a record or without one."""
    dim, real, reversible = setup.dim, setup.dtype, setup.sizes.reversible
    n_outputs, capacity = setup.times.shape[1], setup.block if n_blocks else 1
    layouts = [
        # The states at outputs twice: they are copied to another layout.
        *2 * arrays.asked_layout(n_outputs, 1, dim, 1, real),
        *arrays.ensemble_layout(dim, 1, real, reversible),
        *arrays.given_layout(1, 1, dim, setup.n_params, 1, real),
    ]
    if setup.kept is not None:
        steps = arrays.steps_layout(capacity, setup.sizes.evaluations, dim, 1, real, setup.kept)
        layouts += max(n_blocks, 1) * steps
    if n_blocks:
        layouts += [
            *arrays.ensemble_layout(dim, 1, real, reversible),
            *arrays.back_layout(dim, setup.n_params, 1, real, reversible),
        ]
    return bytes_of(layouts)
