"""The threads that share a solve: made when first used, made again after a fork, stopped by an interruption.

Threads meet in C only, in queues and a list: Ctrl-C may come between any two lines of the main thread,
and must leave no lock behind that a worker waits for.
"""

import contextlib
import os
import threading
import time
from queue import Empty, SimpleQueue

SECONDS_PER_WAIT = 0.02  # a signal that comes just before a wait does not end it


class Stop:
    """A flag that one thread sets and others look at."""

    __slots__ = ("wanted",)

    def __init__(self):
        self.wanted = False


class _Jobs:
    """Jobs that workers share; the one that is free takes the next."""

    def __init__(self, function, jobs):
        self.stop, self.results = Stop(), [None] * len(jobs)
        self._working, self._ended, self._errors = [], SimpleQueue(), []
        self._function, self._jobs, self._next = function, jobs, iter(range(len(jobs)))

    def work(self):
        """Do jobs until there are none left, or it is wanted to stop."""
        self._working.append(True)  # before the look at `stop`: see `halt`
        try:
            for i in self._next:
                if self.stop.wanted:
                    return
                self.results[i] = self._function(self._jobs[i], self.stop)
        except BaseException as error:
            self._errors.append(error)
            self.stop.wanted = True
        finally:
            self._working.pop()
            self._ended.put(None)

    def wait(self, workers):
        """Return when so many workers have ended; raise the first error of a job."""
        while workers > 0:
            with contextlib.suppress(Empty):
                self._ended.get(timeout=SECONDS_PER_WAIT)
                workers -= 1
        if self._errors:
            raise self._errors[0]

    def halt(self):
        """Stop all workers, and return when none is at a job.

        One that begins after the last look here finds that it is wanted to stop.
        """
        self.stop.wanted = True
        while self._working:
            with contextlib.suppress(KeyboardInterrupt):  # again: nobody may leave a job running
                time.sleep(1e-4)


def _serve(tasks):
    while True:
        tasks.get().work()


class Threads:
    """Threads that share jobs; kernels release the interpreter's lock, so they run side by side."""

    def __init__(self):
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self):
        # A forked child inherits none of the threads, and perhaps a held lock.
        self._tasks, self._size, self._lock = SimpleQueue(), 0, threading.Lock()

    def map(self, function, jobs, n):
        """Return [function(job, stop) for job in jobs], n at a time; an exception stops all jobs."""
        if n <= 1 or len(jobs) <= 1:
            stop = Stop()
            return [function(job, stop) for job in jobs]
        n, shared = min(n, len(jobs)), _Jobs(function, jobs)
        try:
            self._grow(n)
            for _ in range(n):
                self._tasks.put(shared)
            shared.wait(n)
        except BaseException:  # Ctrl-C too, even before all workers are there
            shared.halt()
            raise
        return shared.results

    def _grow(self, n):
        with self._lock:
            while self._size < n:
                name = f"tapeless-{self._size}"
                threading.Thread(target=_serve, args=(self._tasks,), name=name, daemon=True).start()
                self._size += 1


THREADS = Threads()


def n_cores():
    """Return the number of cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
