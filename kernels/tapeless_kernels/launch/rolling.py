"""A record of some steps at a time, made as the solve goes on: for tangents, which go with it."""

from ..buffers import KEPT
from . import table as at
from .tape import Block, step_bytes, use

ROLLING = "rolling"  # as the memory of a chunk
BYTES = 1 << 18  # of the record: what tangents read is to be near


class Rolling:
    """One block of the record, used again and again."""

    def __init__(self, plan, tiles, n_cache, table):
        capacity = max(1, BYTES // step_bytes(plan, tiles, n_cache))
        self._block, self._table = Block(plan, tiles, n_cache, capacity), table
        self.n_bytes = capacity * step_bytes(plan, tiles, n_cache)

    def nbytes(self):
        """Return the bytes of what is kept: none; and of what is made again."""
        return 0, self.n_bytes

    def begin(self, rounds):
        """Start anew."""
        self._block.filled[0] = 0
        use(self._table, self._block, KEPT, self._block.capacity, 0)

    def make_room(self):
        """Forget the steps in the record."""
        self._table[at.BEFORE] += self._block.filled[0]
        self._block.filled[0] = 0

    def onward(self, go_on):
        """Yield the number of iterations in the record, again and again, from the first; `go_on` takes the steps."""
        filled = self._block.capacity
        while filled == self._block.capacity:
            go_on()
            filled = int(self._block.filled[0])
            yield filled
            self.make_room()
