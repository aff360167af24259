"""The log of a chunk: what is measured of its steps, in arrays that grow as there are more."""

from . import table as at
from .array import carve

FIRST = 64  # iterations that there is room for at first


class StepLog:
    """What a Log holds of one chunk, by addresses in its table."""

    def __init__(self, plan, tiles, table):
        self._row, self._dtype, self._table = (tiles, 2, plan.lanes), plan.dtype, table
        self._state = (tiles, plan.control.states, plan.program.dim, plan.lanes)
        self._make_room(FIRST)

    @property
    def full(self):
        """Whether there is no room for another iteration."""
        return self._arrays[-1][0] == len(self._arrays[0])

    def begin(self):
        """Start anew."""
        self._arrays[-1][0] = 0

    def grow(self):
        """Have twice the room."""
        before = self._arrays
        self._make_room(2 * len(before[0]))
        for old, new in zip(before[:-1], self._arrays, strict=False):
            new[: len(old)] = old
        self._arrays[-1][:] = before[-1]

    def read(self):
        """Return starts and sizes, estimates, counts and, if they are logged, states: the arrays of a Log."""
        n = int(self._arrays[-1][0])
        return tuple(array[:n].copy() for array in self._arrays[:-1])

    def _make_room(self, capacity):
        shape = (capacity, *self._row)
        states = ((capacity, *self._state), self._dtype)
        self._arrays = carve(
            [(shape, "f8"), (shape, self._dtype), (shape, "i8"), states, ((1,), "i8")]
        )
        self.n_bytes = sum(array.nbytes for array in self._arrays)
        self._table[at.N_LOG] = len(self._arrays[0])
        self._table[at.LOG : at.CHECKPOINTS] = [array.ctypes.data for array in self._arrays]
