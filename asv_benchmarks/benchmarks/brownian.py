"""Queries of Brownian paths in order and at random: W6 of the peers, and its normals alone."""

import numpy as np

import tapeless

N, SHAPE = 1000, (256, 16)


class Queries:
    """A thousand increments of a path, one thread."""

    params = (["sequential", "random"], ["none", "space-time-time"], ["float32", "float64"])
    param_names = ("order", "levy_area", "dtype")

    def setup(self, order, levy_area, dtype):
        i = np.arange(N)
        if order == "random":
            i = np.random.default_rng(3).permutation(N)
        self.times = i / N, (i + 1) / N
        options = {"dtype": dtype, "resolution": 2.0**-10}
        self.path = tapeless.BrownianPath(0, 0.0, 1.0, SHAPE, levy_area, **options)
        self.time_queries(order, levy_area, dtype)  # compiles

    def time_queries(self, order, levy_area, dtype):
        self.path(*self.times, threads=1)

    def track_bytes_per_number(self, order, levy_area, dtype):
        return self.path.nbytes / np.prod(SHAPE)
