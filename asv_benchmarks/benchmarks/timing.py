"""The least time of several runs, which the machine disturbs least: of a loop's round, or of functions in turns."""

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


def least_in_turns(*functions, repeats):
    """Return the least time of each function, measured in turns, so that slow phases meet all of them."""
    best = [float("inf")] * len(functions)
    for _ in range(repeats):
        for i, function in enumerate(functions):
            best[i] = min(best[i], _time(lambda _, function=function: function(), 1))
    return best
