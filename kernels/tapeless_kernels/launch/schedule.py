"""Where to put checkpoints: the fewest steps taken again, for so many checkpoints at a time.

Griewank and Walther, Algorithm 799: Revolve, ACM TOMS 26 (2000), 19-45.
"""

from math import comb


def repetitions(length, free):
    """Return the least t for which C(s + t, t) >= length: so often is any step taken again, s = free + 1."""
    t = 0
    while comb(free + 1 + t, t) < length:
        t += 1
    return t


def steps_again(length, free):
    """Return how many steps are taken to go backward through `length` steps, those that are recorded aside.

    The state before the first step is kept, and `free` more can be: t l - C(s + t, t - 1), s = free + 1.
    """
    t = repetitions(length, free)
    return t * length - comb(free + 1 + t, t - 1) if t > 0 else 0


def next_checkpoint(length, free):
    """Return after how many of `length` > 1 steps to keep the next state, of `free` > 0 that can be."""
    t, s = repetitions(length, free), free + 1
    return max(1, min(comb(s + t - 1, t - 1), length - comb(s + t - 2, t - 1)))
