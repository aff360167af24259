"""The thread pool: made when first used, made again after a fork, stopped by an interruption."""

import contextlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor


class Stop:
    """A flag that one thread sets and others look at."""

    __slots__ = ("wanted",)

    def __init__(self):
        self.wanted = False


class _Jobs:
    """Jobs that workers share; the one that is free takes the next."""

    def __init__(self, function, jobs):
        self.stop, self.results, self._working = Stop(), [None] * len(jobs), []
        self._function, self._jobs, self._next = function, jobs, iter(range(len(jobs)))

    def work(self):
        """Do jobs until there are none left, or it is wanted to stop."""
        self._working.append(True)  # before the look at `stop`: see `halt`
        try:
            for i in self._next:
                if self.stop.wanted:
                    return
                self.results[i] = self._function(self._jobs[i], self.stop)
        except BaseException:
            self.stop.wanted = True
            raise
        finally:
            self._working.pop()

    def halt(self):
        """Stop all workers, and return when none is at a job.

        One that begins after the last look here finds that it is wanted to stop.
        """
        self.stop.wanted = True
        while self._working:
            with contextlib.suppress(KeyboardInterrupt):  # again: nobody may leave a job running
                time.sleep(1e-4)


class Threads:
    """Threads that share jobs; kernels release the interpreter's lock, so they run side by side."""

    def __init__(self):
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self):
        # A forked child inherits the pool but none of its threads, and perhaps a held lock.
        self._pool, self._size, self._lock = None, 0, threading.Lock()

    def map(self, function, jobs, n):
        """Return [function(job, stop) for job in jobs], n at a time; an exception stops all jobs."""
        if n <= 1 or len(jobs) <= 1:
            stop = Stop()
            return [function(job, stop) for job in jobs]
        with self._lock:
            if self._size < n:
                self._pool, self._size = ThreadPoolExecutor(n, "tapeless"), n
            pool = self._pool
        shared = _Jobs(function, jobs)
        try:
            workers = [pool.submit(shared.work) for _ in range(min(n, len(jobs)))]
            for worker in workers:
                worker.result()
        except BaseException:  # Ctrl-C too, even before all workers are there
            shared.halt()
            raise
        return shared.results


THREADS = Threads()


def n_cores():
    """Return the number of cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
