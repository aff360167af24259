"""What one round of a compiled loop takes: the least of several runs, which the machine disturbs least."""

import time


def least_seconds(loop, seconds=0.02, repeats=7):
    """Return the least time of a round of loop(n), which does n of them, in runs of about `seconds`."""
    n, once = 1, _time(loop, 1)
    while once < seconds / 2:
        n = max(2 * n, int(n * seconds / max(once, 1e-7)))
        once = _time(loop, n)
    return min(_time(loop, n) for _ in range(repeats)) / n


def _time(loop, n):
    begun = time.perf_counter()
    loop(n)
    return time.perf_counter() - begun
