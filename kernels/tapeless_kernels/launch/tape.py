"""What a chunk keeps of a solve for its transpose: every step, or states from which steps are taken again."""

from collections import deque
from typing import NamedTuple

import numpy as np

from ..buffers import COUNTED, KEPT, TAKEN_BACK, TIMED
from . import table as at
from .array import carve, offsets
from .schedule import next_checkpoint, steps_again
from .table import bytes_of, checkpoint_layout, n_evaluations, record_layout, times_layout

# Bytes of a block of the record: each costs a return to Python. What is not written is not resident.
SMALL_BLOCK, LARGE_BLOCK = 1 << 20, 1 << 26


class Stored:
    """A record of every step, in blocks; of a solve that keeps none, room for one step."""

    def __init__(self, plan, tiles, n_cache, table):
        self._plan, self._tiles, self._n_cache, self._table = plan, tiles, n_cache, table
        self._step_bytes, self._keep = step_bytes(plan, tiles, n_cache), KEPT if plan.keep else 0
        self._blocks, self._n_blocks, self._rounds = [], 0, 1
        self.n_bytes = 0  # that it occupies at most, blocks of earlier solves included

    def nbytes(self):
        """Return the bytes of what is kept, and of what is made again: none."""
        return self._filled() * self._step_bytes, 0

    def begin(self, rounds):
        """Start a record, of a solve in which each lane has so many trajectories."""
        steps, self._rounds = 0, rounds
        if self._n_blocks > 1:
            steps = sum(block.capacity for block in self._blocks[: self._n_blocks])
            if steps * self._step_bytes <= LARGE_BLOCK:
                self._blocks, self.n_bytes = [], 0  # the next like this one has all it needs in one
        self._n_blocks = 0
        self.make_room(steps)

    def make_room(self, steps=0):
        """Take up the next block of the record; where there is none, make one, of `steps` if given."""
        if self._n_blocks == len(self._blocks):
            capacity = steps or self._steps_ahead()
            self._blocks.append(Block(self._plan, self._tiles, self._n_cache, capacity))
            self.n_bytes += capacity * self._step_bytes
        block = self._blocks[self._n_blocks]
        block.filled[0] = 0
        self._n_blocks += 1
        self._use(block)

    def segments(self, chunk):
        """Yield the number of iterations in the record, block by block, the last first."""
        for block in self._blocks[self._n_blocks - 1 :: -1] if self._n_blocks else ():
            self._use(block)
            yield int(block.filled[0])

    def onward(self, go_on):
        """Yield the number of iterations in the record, block by block, the first first: no steps are taken."""
        for block in self._blocks[: self._n_blocks]:
            self._use(block)
            yield int(block.filled[0])

    def _steps_ahead(self):
        """Return the steps to make room for: those known to come, or as many as there were."""
        control, filled = self._plan.control, self._filled()
        if not self._keep:
            return 1
        wanted = max(SMALL_BLOCK // self._step_bytes, filled)
        if not control.adaptive:
            outputs = 0 if control.interpolate else self._plan.n_outputs
            wanted = self._rounds * (control.n_steps + outputs) - filled
        return max(1, min(wanted, LARGE_BLOCK // self._step_bytes))

    def _filled(self):
        return sum(int(block.filled[0]) for block in self._blocks[: self._n_blocks])

    def _use(self, block):
        before = self._blocks[: self._blocks.index(block)]
        use(self._table, block, self._keep, block.capacity, sum(int(b.filled[0]) for b in before))


class Memory(NamedTuple):
    """How a solve is kept in states from which steps are taken again."""

    length: int  # iterations that are recorded at a time
    slots: int  # checkpoints that each chunk may have at a time; 0: as many as there are

    def most(self, n):
        """Return the most checkpoints that there are at a time, of a chunk that takes n iterations."""
        needed = -(-n // self.length)
        return min(needed, self.slots) if self.slots else needed

    def again(self, n):
        """Return how many iterations are taken again, of n, besides those that are recorded again."""
        if not self.slots:
            return 0
        stride = self.length
        while -(-n // stride) > -(-self.slots // 2):
            stride *= 2
        taken = 0
        for used, first in enumerate(range(0, n, stride), 1):
            units = -(-min(stride, n - first) // self.length)
            taken += self.length * steps_again(units, self.slots - used)
        return taken


# How a solve is kept of whose steps there are the times alone: a reversible method takes them back from the end.
TIMES_ALONE = Memory(0, 0)


class Timed:
    """The times of all steps, in blocks, and a record of the one step that has just been taken back."""

    def __init__(self, plan, tiles, n_cache, table):
        self._plan, self._tiles, self._n_cache, self._table = plan, tiles, n_cache, table
        self._count = Block(plan, tiles, n_cache, 1, evaluations=1)
        self._bytes = bytes_of(times_layout(plan, tiles, 1))
        self._times, self._filled, self._n_blocks = [], [], 0
        self.n_bytes = 0

    def nbytes(self):
        """Return the bytes of the times, and of the record that is made again."""
        return sum(self._counts()) * self._bytes, taken_back_bytes(
            self._plan, self._tiles, self._n_cache
        )

    def begin(self, rounds):
        """Start anew."""
        self._filled, self._n_blocks = [], 0
        self._use_block(0)

    def make_room(self):
        """Take up the next block of times, twice as large as all before."""
        self._filled = self._counts()
        self._use_block(self._n_blocks)

    def segments(self, chunk):
        """Yield the number of iterations whose times are in a block, block by block, the last first."""
        self._filled = self._counts()
        record = take_record(self._plan, self._tiles, self._n_cache, 1, TAKEN_BACK)
        try:
            for i in range(len(self._filled) - 1, -1, -1):
                use(self._table, record, TAKEN_BACK, len(self._times[i]), sum(self._filled[:i]))
                self._table[at.TIMES] = self._times[i].ctypes.data
                yield self._filled[i]
        finally:
            RECORDS.append(record)

    def _counts(self):
        """Return how many iterations each block holds."""
        if len(self._filled) == self._n_blocks:
            return self._filled
        return [*self._filled, int(self._count.filled[0])]

    def _use_block(self, i):
        if i == len(self._times):
            before = sum(len(block) for block in self._times)
            capacity = max(before, SMALL_BLOCK // 16 // self._bytes, 1)
            self._times += carve(times_layout(self._plan, self._tiles, capacity))
            self.n_bytes += self._times[-1].nbytes
        self._n_blocks = i + 1
        self._count.filled[0] = 0
        use(self._table, self._count, TIMED, len(self._times[i]), sum(self._filled))
        self._table[at.TIMES] = self._times[i].ctypes.data


class Checkpointed:
    """States of all lanes, every `length` iterations at first, and a record of so many, made again and again.

    Of a limited number of slots half are filled as the solve goes on: when they are full, every other
    checkpoint is let go, and the distance doubles. The rest is for going backward, binomially between them.
    """

    def __init__(self, plan, tiles, n_cache, table, memory):
        self._plan, self._tiles, self._n_cache, self._table = plan, tiles, n_cache, table
        self.memory, self._limit = memory, -(-memory.slots // 2) or UNLIMITED
        self._count = Block(plan, tiles, n_cache, 1, evaluations=1)
        *self._offsets, self._state_bytes = offsets(checkpoint_layout(plan, tiles))
        self._step_bytes = step_bytes(plan, tiles, n_cache)
        # So many checkpoints in a block: only what is written is to be resident, which needs small ones.
        self._rows = max(1, STATES_BLOCK // self._state_bytes)
        self._states, self.n_bytes = [], 0

    def nbytes(self):
        """Return the bytes of the checkpoints that there will be, and of the record that is made again."""
        n = self._iterations()
        return self.memory.most(n) * self._state_bytes, min(
            n, self.memory.length
        ) * self._step_bytes

    def begin(self, rounds):
        """Start anew."""
        table, self._kept, self._n = self._table, [], None
        table[at.STRIDE], table[at.STATE_BYTES] = self.memory.length, self._state_bytes
        table[at.CHECKPOINTS + 1 : at.TABLE] = self._offsets
        self._count.filled[0] = 0
        use(table, self._count, COUNTED, 0, 0)  # full: the first state is a checkpoint
        self._go_on_from(0)

    def make_room(self):
        """Have room for more checkpoints: let go of every other one, if their number is limited."""
        table, n = self._table, self._saved()
        if n < self._limit:
            self._go_on_from(n)
            return
        for i in range(1, -(-n // 2)):
            self._row(i)[:] = self._row(2 * i)
        self._go_on_from(-(-n // 2))
        if n % 2:  # here is no place for one
            table[at.CAPACITY] += table[at.STRIDE]
        table[at.STRIDE] *= 2

    def segments(self, chunk):
        """Yield the number of iterations in a record, segment by segment, the last first; `chunk` takes the steps."""
        end, length = self._iterations(), self.memory.length
        if self._n is None:
            positions = (int(self._row(i)[:8].view(np.int64)[0]) for i in range(self._saved()))
            self._n, self._kept = end, [(x, i) for i, x in enumerate(positions)]
        stack, record = (
            list(self._kept),
            take_record(self._plan, self._tiles, self._n_cache, self.memory.length, KEPT),
        )
        free = set(range(self.memory.slots)) - {slot for _, slot in stack}
        try:
            while end > 0:
                position, slot = stack[-1]
                if position == end:
                    free.add(stack.pop()[1])
                    continue
                self._row(slot)
                chunk.go_back(slot % self._rows)
                units = -(-(end - position) // length)
                if units > 1 and free:
                    ahead = length * next_checkpoint(units, len(free))
                    self._go_on(chunk, ahead, position)
                    stack.append((position + ahead, free.pop()))
                    self._save(chunk, stack[-1][1])
                    continue
                first = position + length * (units - 1)
                if first > position:
                    self._go_on(chunk, first - position, position)
                use(self._table, record, KEPT, end - first, first)
                record.filled[0] = 0
                chunk.go_on()
                yield end - first
                end = first
        finally:
            RECORDS.append(record)

    def _iterations(self):
        return int(self._table[at.BEFORE] + self._count.filled[0]) if self._n is None else self._n

    def _saved(self):
        return self._block * self._rows + int(self._table[at.SAVED])

    def _go_on_from(self, n):
        """Have the solve put its next checkpoints in the slots from the n-th on."""
        self._block = min(n, self._limit - 1) // self._rows
        before = self._block * self._rows
        self._table[at.SAVED] = n - before
        self._table[at.SLOTS] = min(self._rows, self._limit - before)
        self._row(before)

    def _row(self, slot):
        """Point the table to the block of a slot, and return its bytes."""
        block, row = divmod(slot, self._rows)
        while block >= len(self._states):
            self._states += carve([((self._rows, self._state_bytes), "u1")])
            self.n_bytes += self._states[-1].nbytes
        self._table[at.CHECKPOINTS] = self._states[block].ctypes.data
        return self._states[block][row]

    def _go_on(self, chunk, n, position):
        """Take n iterations from this one on, and keep none of them."""
        self._count.filled[0] = 0
        self._table[at.SAVED] = self._table[at.SLOTS] = 0  # nor a checkpoint
        use(self._table, self._count, COUNTED, n, position)
        chunk.go_on()

    def _save(self, chunk, slot):
        """Make a checkpoint; what the solve has kept in this slot is lost."""
        self._kept = [kept for kept in self._kept if kept[1] != slot]
        self._row(slot)
        row = slot % self._rows
        self._table[at.SAVED], self._table[at.SLOTS] = row, row + 1
        chunk.keep_state()


def take_record(plan, tiles, n_cache, length, keep):
    """Return a record of so many iterations, from an earlier reverse pass if there is one like it."""
    key = (plan, tiles, length, keep)
    for block in list(RECORDS):
        if block.key == key:
            try:
                RECORDS.remove(block)
            except ValueError:  # another thread was faster
                continue
            return block
    evaluations = n_taken_back(plan) if keep == TAKEN_BACK else None
    return Block(plan, tiles, n_cache, length, evaluations=evaluations, key=key)


class Block:
    """A part of a record: so many iterations, by addresses."""

    def __init__(self, plan, tiles, n_cache, capacity, *, evaluations=None, key=None):
        evaluations = evaluations or (n_evaluations(plan.method) if plan.keep else 1)
        self._arrays = carve(record_layout(plan, tiles, n_cache, capacity, evaluations))
        self.capacity, self.filled, self.key = capacity, self._arrays[-1], key
        self.addresses = np.array([array.ctypes.data for array in self._arrays])


UNLIMITED, STATES_BLOCK = 1 << 40, 1 << 18
# Records of reverse passes, for the next ones: memory touched for the first time may take 2 ns a byte.
RECORDS = deque(maxlen=8)


def use(table, block, keep, capacity, before):
    """Point a table to a block of the record, which `before` iterations precede."""
    table[at.KEEP], table[at.CAPACITY], table[at.BEFORE] = keep, capacity, before
    table[at.RECORD : at.TIMES] = block.addresses


def step_bytes(plan, tiles, n_cache):
    """Return the bytes of an iteration in the record."""
    numbers = 1 + n_evaluations(plan.method) * (plan.program.dim + n_cache)
    return tiles * plan.lanes * (plan.dtype.itemsize * numbers + 24)


def n_taken_back(plan):
    """Return the evaluations in the record of a step that was taken back: one may belong to the next."""
    return max(n_evaluations(plan.method), 2)


def taken_back_bytes(plan, tiles, n_cache):
    """Return the bytes of the record of a step that was taken back."""
    return bytes_of(record_layout(plan, tiles, n_cache, 1, n_taken_back(plan)))


def checkpoint_bytes(plan, tiles):
    """Return the bytes of a checkpoint."""
    return offsets(checkpoint_layout(plan, tiles))[-1]
