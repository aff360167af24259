import signal
import threading
import time

import pytest

from tapeless_kernels.launch.threads import Threads


@pytest.fixture
def threads():
    pool = Threads()
    pool.map(lambda job, stop: None, range(8), 8)  # more threads than the tests ask for
    return pool


class Watch:
    """Jobs that last until it is wanted to stop, or for some time; counts how many are at work."""

    def __init__(self, seconds):
        self.seconds, self.begun, self.now, self.most = seconds, 0, 0, 0
        self._lock = threading.Lock()

    def __call__(self, job, stop):
        with self._lock:
            self.begun, self.now = self.begun + 1, self.now + 1
            self.most = max(self.most, self.now)
        end = time.perf_counter() + self.seconds
        while not stop.wanted and time.perf_counter() < end:
            time.sleep(0.001)
        with self._lock:
            self.now -= 1
        return -job


@pytest.mark.parametrize("n", [1, 2, 3])
def test_results_are_in_order_and_no_more_than_n_jobs_run_at_once(threads, n):
    watch = Watch(0.002)
    assert threads.map(watch, range(20), n) == [-i for i in range(20)]
    assert watch.most <= n and watch.begun == 20


def test_exception_of_one_job_stops_all_and_begins_no_other(threads):
    watch = Watch(60)

    def job(i, stop):
        if i == 1:
            raise RuntimeError("of job 1")
        return watch(i, stop)

    with pytest.raises(RuntimeError, match="of job 1"):
        threads.map(job, range(20), 2)
    assert watch.now == 0 and watch.begun <= 2


class Tasks:
    """A queue that Ctrl-C finds when so many tasks are in it."""

    def __init__(self, tasks, n):
        self._tasks, self._left = tasks, iter(range(n))

    def put(self, task):
        if next(self._left, None) is None:
            raise KeyboardInterrupt
        self._tasks.put(task)
        time.sleep(0.02)


@pytest.mark.parametrize("n_submitted", [0, 1, 2])
def test_interruption_before_all_workers_are_there_leaves_no_job_running(threads, n_submitted):
    watch, tasks = Watch(60), threads._tasks
    threads._tasks = Tasks(tasks, n_submitted)
    with pytest.raises(KeyboardInterrupt):
        threads.map(watch, range(20), 3)
    assert watch.now == 0 and watch.begun <= n_submitted
    threads._tasks = tasks
    assert threads.map(lambda i, stop: i, range(5), 3) == list(range(5))


def test_signal_that_wakes_nobody_is_seen(threads):
    """A signal may come after the last look at signals and before the wait, which it does not end then."""
    watch = Watch(5)

    def job(i, stop):
        if i == 0:  # the main thread, in its wait, is not disturbed by a signal to another
            time.sleep(0.05)
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        return watch(i, stop)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    begun = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        threads.map(job, range(2), 2)
    assert time.perf_counter() - begun < 1 and watch.now == 0
    signal.signal(signal.SIGINT, before)
