"""Forward mode on one thread: eight tangents through the solves of W1, beside the solve itself."""

import functools

import numpy as np
import problems as P
from adapters.tapeless_adapter import problem

import tapeless

from . import compile_kernels
from .solve import ADAPTIVE, DTYPES, NETWORKS, skip_unless
from .timing import least_seconds

setup_cache = compile_kernels
timeout = 300
N_TANGENTS = 8


class Tangents:
    """Eight tangents of y0, or of y0 and theta, behind steps that were kept, or that are taken again."""

    params = (NETWORKS, DTYPES, ["store", "forward"], ["y0", "y0 and theta"])
    param_names = ("network", "dtype", "adjoint", "of")

    def setup(self, network, dtype, adjoint, of):
        skip_unless(dtype == "float32" or network != "D64H128B256")
        field, span, y0, theta = problem(network, dtype)
        options = ADAPTIVE | {"coupled": P.MLP_SIZES[network][2] > 1}
        self.solve = functools.partial(tapeless.solve_ode, field, span, y0, theta, **options)
        rng = np.random.default_rng(0)
        dots = [rng.standard_normal((N_TANGENTS, *x.shape)).astype(dtype) for x in (y0, theta)]
        self.dots = dots[:1] if of == "y0" else dots
        self.solution = self.solve(adjoint=adjoint)
        self.solution.jvp(*self.dots)  # what is made on first use is not timed
        self.solve(adjoint=None)

    def time_jvp(self, network, dtype, adjoint, of):
        self.solution.jvp(*self.dots)

    def peakmem_jvp(self, network, dtype, adjoint, of):
        self.solution.jvp(*self.dots)

    def track_forwards(self, network, dtype, adjoint, of):
        """Return the time in those of the solve that keeps nothing."""

        def solves(n):
            for _ in range(n):
                self.solve(adjoint=None)

        def tangents(n):
            for _ in range(n):
                self.solution.jvp(*self.dots)

        return least_seconds(tangents) / least_seconds(solves)

    track_forwards.unit = "forward solves"
