"""The pool of chunks, which solves use one after the other."""

import os
import threading
import weakref
from collections import OrderedDict, deque

from .cpu import Chunk

POOLED_BYTES = 1 << 29
POOLED_PLANS = 256  # a frontend that remembers so many plans asks for the chunks of no others


class _Loan(weakref.ref):
    """Chunks that an owner works with; dead when the owner is."""

    __slots__ = ("chunks", "n_bytes")


class Pool:
    """Chunks of earlier solves, to be used again: making one costs more than a small solve.

    They come back when their owner is gone. No line of Python runs then, in which a Ctrl-C would
    be lost: the dead loan goes to a queue that the next solve looks through. So all that is lent
    counts as if it lay here already.
    """

    def __init__(self, make=Chunk):
        self._make = make
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self):
        # Of the parent's threads none is there to release the lock in a forked child.
        self._free, self._bytes, self._lock = OrderedDict(), 0, threading.RLock()
        self._loans, self._dead = {}, deque()

    def take(self, plan, tiles):
        """Return a chunk for a plan, one that is no longer in use if there is any."""
        with self._lock:
            self._collect()
            free = self._free.get((plan, tiles))
            if free:
                chunk = free.pop()
                self._bytes -= chunk.n_bytes
                return chunk
            # One thread at a time: what a chunk calls is made with the first of its kind.
            return self._make(plan, tiles)

    def give(self, chunk):
        """Take back a chunk that nobody owns any more, unless there is no room for it."""
        with self._lock:
            if self._bytes + chunk.n_bytes <= POOLED_BYTES:
                self._bytes += chunk.n_bytes
                self._keep(chunk)

    def lend(self, chunks, owner):
        """Have chunks back when `owner` is gone, unless there is no room for them."""
        n = sum(chunk.n_bytes for chunk in chunks)
        with self._lock:
            self._collect()
            while self._bytes + n > POOLED_BYTES and self._free:
                self._drop_oldest()
            if self._bytes + n <= POOLED_BYTES:
                loan = _Loan(owner, self._dead.append)
                loan.chunks, loan.n_bytes = chunks, n
                self._loans[id(loan)] = loan
                self._bytes += n

    def _collect(self):
        """Move what has come back to where `take` finds it."""
        while self._dead:
            loan = self._dead.popleft()
            del self._loans[id(loan)]
            self._bytes -= loan.n_bytes
            for chunk in loan.chunks:
                self._bytes += chunk.n_bytes
                self._keep(chunk)

    def _keep(self, chunk):
        """Put a chunk where `take` finds it."""
        chunk.release()
        key = chunk.key
        self._free.setdefault(key, []).append(chunk)
        self._free.move_to_end(key)
        while len(self._free) > POOLED_PLANS:
            self._drop_oldest()

    def _drop_oldest(self):
        """Let go of the chunks of the plan that was not asked for longest."""
        _, oldest = self._free.popitem(last=False)
        self._bytes -= sum(chunk.n_bytes for chunk in oldest)


POOL = Pool()
