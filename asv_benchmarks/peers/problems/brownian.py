"""Increments of a Brownian path over a thousand equal intervals, in order and at random: W6."""

import numpy as np

QUERIES, QUERY_SHAPE = 1000, (256, 16)
QUERY_CASES = ("brownian1000@sequential", "brownian1000@random")


def queries(case):
    """Return the times at which intervals begin and end."""
    i = np.arange(QUERIES)
    if case.endswith("random"):
        i = np.random.default_rng(3).permutation(QUERIES)
    return i / QUERIES, (i + 1) / QUERIES


def spread(w):
    """Return what a case reports: deviations of increments and of their sums, in units of the right ones."""
    return {"std_inc": float(w.std() * QUERIES**0.5), "std_total": float(w.sum(axis=0).std())}
