"""solve_ivp on one thread: W10 of the peers' harness, and what a small solve costs besides."""

import functools
import itertools
import math

import numpy as np
import problems as P
from adapters._nonstiff_fields import IN_PLACE
from adapters.tapeless_ivp_adapter import build
from core import relative_error
from numba import njit

import tapeless

from . import compile_kernels
from .timing import least_seconds

setup_cache = compile_kernels
timeout = 300

CASE = "lorenz@1e-6"


def lorenz_list(t, y):
    """Lorenz's field as a list, which costs less than an array of three numbers."""
    return [10.0 * (y[1] - y[0]), y[0] * (28.0 - y[2]) - y[1], y[0] * y[1] - 8.0 / 3.0 * y[2]]


def error_at_end(case, solution):
    """Return the relative error of the last state."""
    reference = P.nonstiff_reference(case.split("@")[0])["y"]
    return relative_error(solution.y[:, -1], reference)


class PythonCallable:
    """Lorenz's field as a Python function, by RK45 with the ends of all steps for output."""

    params = (["array", "list"],)
    param_names = ("returns",)

    def setup(self, returns):
        p = P.nonstiff(CASE)
        self.fun = {"array": p["f"], "list": lorenz_list}[returns]
        span, options = (p["t0"], p["t1"]), {"rtol": p["rtol"], "atol": p["atol"]}
        self.run = functools.partial(tapeless.solve_ivp, self.fun, span, p["y0"], **options)
        self.solution = self.run()

    def time_solve(self, returns):
        self.run()

    def track_overhead_per_evaluation(self, returns):
        """What a solve takes beyond its calls of the function, for each of them."""
        fun, y = self.fun, self.solution.y[:, -1].copy()

        def calls(n):
            for _ in itertools.repeat(None, n):
                fun(0.0, y)

        solve = least_seconds(lambda n: [self.run() for _ in range(n)])
        return 1e6 * (solve / self.solution.nfev - least_seconds(calls))

    def track_error(self, returns):
        return error_at_end(CASE, self.solution)

    track_overhead_per_evaluation.unit = "us"
    track_error.unit = "relative error"


class Compiled:
    """W10: a compiled field, with the final state or dense output."""

    params = (P.NONSTIFF_CASES, ["RK45", "DOP853"], ["final", "dense"])
    param_names = ("case", "method", "output")

    def setup(self, case, method, output):
        self.run, self.finish = build(method, True, output, case, "float64")
        self.run()

    def time_solve(self, case, method, output):
        self.run()

    def track_evaluations(self, case, method, output):
        return self.finish(self.run())["nfe"]

    def track_error(self, case, method, output):
        return error_at_end(case, self.run())

    track_evaluations.unit = "evaluations"
    track_error.unit = "relative error"


class OneStep:
    """A solve of a single step with a compiled field: what all solves cost at least."""

    t1 = 0.01

    def setup(self):
        y0 = P.nonstiff(CASE)["y0"]
        options = {"first_step": self.t1, "rtol": 1e-3, "atol": 1e-6}
        self.run = functools.partial(
            tapeless.solve_ivp, IN_PLACE["lorenz"], (0.0, self.t1), y0, **options
        )
        self.run()

    def time_solve(self):
        self.run()

    def track_steps(self):
        return self.run().stats.accepted

    def track_error(self):
        options = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-12, "first_step": None}
        return relative_error(self.run().y[:, -1], self.run(**options).y[:, -1])

    track_steps.unit = "steps"
    track_error.unit = "relative error"


class DenseOutput:
    """The evaluation of a solution at 1,000 times in order, and at one."""

    params = (["RK45", "DOP853"],)
    param_names = ("method",)

    def setup(self, method):
        run, _ = build(method, True, "dense", "pleiades@1e-6", "float64")
        self.sol = run().sol
        self.times = np.linspace(self.sol.t_min, self.sol.t_max, 1000)
        self.sol(self.times)

    def time_thousand(self, method):
        self.sol(self.times)

    def time_one(self, method):
        self.sol(1.0)

    def track_error(self, method):
        p = P.nonstiff("pleiades@1e-6")
        options = {"t_eval": self.times, "method": "DOP853", "rtol": 1e-12, "atol": 1e-12}
        exact = tapeless.solve_ivp(IN_PLACE["pleiades"], (p["t0"], p["t1"]), p["y0"], **options)
        return relative_error(self.sol(self.times), exact.y)

    track_error.unit = "relative error"


GRAVITY, RESTITUTION, BOUNCES = 9.81, 0.9, 10


def falls(t, y):
    return [y[1], -GRAVITY]


@njit
def falls_in_place(t, y, dy):
    dy[0] = y[1]
    dy[1] = -GRAVITY


def lands(t, y):
    return y[0]


lands.terminal, lands.direction = True, -1


class Events:
    """A ball that bounces ten times: each solve ends by an event, and the next starts from there."""

    params = (["Python", "compiled"],)
    param_names = ("field",)

    def setup(self, field):
        self.fun = {"Python": falls, "compiled": falls_in_place}[field]
        self.run()

    def run(self):
        """Return the time of the last impact."""
        t, y = 0.0, np.array([10.0, 0.0])
        for _ in range(BOUNCES):
            options = {"events": lands, "rtol": 1e-8, "atol": 1e-8}
            solution = tapeless.solve_ivp(self.fun, (t, t + 10.0), y, **options)
            t, y = solution.t[-1], np.array([0.0, -RESTITUTION * solution.y[1, -1]])
        return t

    def time_bounces(self, field):
        self.run()

    def track_error(self, field):
        """Error of the time of the last impact, which is known: fall and flights add up."""
        fall = math.sqrt(2 * 10.0 / GRAVITY)
        flights = [2 * fall * RESTITUTION**k for k in range(1, BOUNCES)]
        exact = fall + sum(flights)
        return abs(self.run() - exact) / exact

    track_error.unit = "relative error"
