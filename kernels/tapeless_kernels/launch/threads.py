"""The thread pool: made when first used, made again after a fork, stopped by an interruption."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait


class Stop:
    """A flag that one thread sets and others look at."""

    __slots__ = ("wanted",)

    def __init__(self):
        self.wanted = False


class Threads:
    """Threads that share jobs; kernels release the interpreter's lock, so they run side by side."""

    def __init__(self):
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self):
        # A forked child inherits the pool but none of its threads, and perhaps a held lock.
        self._pool, self._size, self._lock = None, 0, threading.Lock()

    def map(self, function, jobs, n):
        """Return [function(job, stop) for job in jobs], on n threads; an exception stops all jobs."""
        stop = Stop()
        if n <= 1 or len(jobs) <= 1:
            return [function(job, stop) for job in jobs]
        with self._lock:
            if self._size < n:
                self._pool, self._size = ThreadPoolExecutor(n, "tapeless"), n
            pool = self._pool
        futures = [pool.submit(function, job, stop) for job in jobs]
        try:
            return [future.result() for future in futures]
        except BaseException:
            stop.wanted = True
            wait(futures)
            raise


THREADS = Threads()


def n_cores():
    """Return the number of cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
