"""The way back through a grid of steps with few states kept: which steps are taken again, and when."""

import itertools

from .schedule import next_checkpoint


class Tape:
    """The states of a chunk at some steps, and from them its steps backward.

    Records are of `block` steps; `free` states may be kept beside that at the start, or one at every block if it is
    None.
    """

    def __init__(self, n, block, free):
        self.n, self._block, self._free = n, max(1, block), free
        self._kept = []

    def places(self):
        """Return the steps at which the first pass is to keep the state."""
        if self._free is None:
            return range(0, self.n, self._block)
        found, at, free = [0], 0, self._free
        while free > 0 and self.n - at > self._block:
            at += next_checkpoint(-(-(self.n - at) // self._block), free) * self._block
            found, free = [*found, at], free - 1
        return found

    def forward(self, chunk, stop):
        """Take all steps, and keep the states."""
        places = [*self.places(), self.n]
        self._kept = []
        for first, last in itertools.pairwise(places):
            self._kept.append((first, chunk.save()))
            chunk.run(first, last, stop)

    @property
    def n_bytes(self):
        """The bytes of the states that are kept."""
        return sum(array.nbytes for _, state in self._kept for array in state)

    def back(self, chunk, bars, ys_bar, stop):
        """Run all steps backward."""
        last, record = self.n, chunk.record(min(self._block, self.n))
        for i in range(len(self._kept) - 1, -1, -1):
            first, state = self._kept[i]
            free = 0 if self._free is None else self._free - i
            self._segment(chunk, bars, ys_bar, record, (first, last), state, free, stop)
            last = first

    def _segment(self, chunk, bars, ys_bar, record, span, state, free, stop):
        """Run the steps of a span backward, from the state at its start, with room for so many more."""
        first, last = span
        while last > first and not stop.wanted:
            chunk.restore(state)
            if last - first <= self._block:
                chunk.run(first, last, stop, record)
                chunk.back(bars, ys_bar, record, first, last, first, stop)
                return
            blocks = -(-(last - first) // self._block)
            if free == 0:
                begin = first + (blocks - 1) * self._block
                chunk.run(first, begin, stop)
                chunk.run(begin, last, stop, record)
                chunk.back(bars, ys_bar, record, begin, last, begin, stop)
                last = begin
            else:
                middle = first + next_checkpoint(blocks, free) * self._block
                chunk.run(first, middle, stop)
                saved = chunk.save()
                self._segment(chunk, bars, ys_bar, record, (middle, last), saved, free - 1, stop)
                last = middle
