"""Queries of Brownian paths in order and at random: W6 of the peers, and its normals alone."""

import numpy as np
import problems as P

import tapeless

from . import compile_kernels

setup_cache = compile_kernels


class Queries:
    """A thousand increments of a path, one thread."""

    params = (["sequential", "random"], ["none", "space-time-time"], ["float32", "float64"])
    param_names = ("order", "levy_area", "dtype")

    def setup(self, order, levy_area, dtype):
        self.times = P.queries(f"brownian1000@{order}")
        options = {"dtype": dtype, "resolution": 2.0**-10}
        self.path = tapeless.BrownianPath(0, 0.0, 1.0, P.QUERY_SHAPE, levy_area, **options)
        self.time_queries(order, levy_area, dtype)  # compiles

    def time_queries(self, order, levy_area, dtype):
        self.path(*self.times, threads=1)

    def track_bytes_per_number(self, order, levy_area, dtype):
        return self.path.nbytes / np.prod(P.QUERY_SHAPE)
