"""Arrays of every kind and layout give `solve_ode` the same bits, and stay as they are."""

import array_api_strict
import numpy as np
import pytest

from array_exporters import Exporter
from layouts import LAYOUTS
from ode_problem import TIMES
from tapeless import solve_ode


class OnlyArray:
    """Offers __array__ and nothing else."""

    def __init__(self, x):
        self.x = x

    def __array__(self, dtype=None, copy=None):
        return np.array(self.x, dtype)


INPUTS = {
    "list": np.ndarray.tolist,
    "tuple": lambda x: tuple(x.tolist()),
    **LAYOUTS,
    "array_api_strict": lambda x: array_api_strict.asarray(x),
    "memoryview": lambda x: memoryview(x),
    "only __array__": OnlyArray,
    "only __dlpack__": Exporter,
    "subclass": lambda x: x.view(type("Subclass", (np.ndarray,), {})),
}


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(kind, np.float64) for kind in INPUTS]
    + [(kind, np.float32) for kind in INPUTS if kind not in ("list", "tuple")],
)
def test_inputs_of_every_kind_give_the_same_bits(problem, kind, dtype):
    y0, theta, change = problem.y0.astype(dtype), problem.theta.astype(dtype), INPUTS[kind]
    ys_bar = np.random.default_rng(0).standard_normal((20, 5, 3)).astype(dtype)
    results = []
    for wrap in (lambda x: x, change):
        before = y0.copy(), theta.copy(), ys_bar.copy()
        sol = solve_ode(
            problem.field,
            (0, 2),
            wrap(y0),
            wrap(theta),
            t_eval=wrap(TIMES),
            rtol=wrap(np.full(20, 1e-4)),
        )
        results.append([sol.ys, *sol.vjp(wrap(ys_bar))])
        for x, y in zip(before, (y0, theta, ys_bar), strict=True):
            assert np.array_equal(x, y)
    for expected, got in zip(*results, strict=True):
        assert type(got) is type(change(expected) if kind == "array_api_strict" else expected)
        got = np.asarray(got)
        assert got.dtype == dtype and np.array_equal(expected, got)


def test_integers_become_float64(problem):
    y0 = np.arange(6).reshape(2, 3)
    assert np.array_equal(
        solve_ode(problem.field, (0, 1), y0, problem.theta).ys,
        solve_ode(problem.field, (0, 1), y0.astype(float), problem.theta).ys,
    )


def test_results_are_the_callers_own(problem):
    """Memory of a solve is used again: neither its results nor its inputs may be part of it."""
    y0, theta = problem.y0.copy(), problem.theta.copy()
    sol = solve_ode(problem.field, (0, 2), y0, theta)
    y0_bar, theta_bar = (x.copy() for x in sol.vjp(np.ones_like(sol.ys)))
    kept = sol.ys.copy()
    y0 += 1
    theta += 1
    sol.ys[...] = 0
    other = solve_ode(problem.field, (0, 2), problem.y0 - 1, problem.theta)
    other.vjp(np.ones_like(other.ys))
    again = sol.vjp(np.ones_like(sol.ys))
    assert np.array_equal(y0_bar, again[0]) and np.array_equal(theta_bar, again[1])
    assert np.array_equal(kept, solve_ode(problem.field, (0, 2), problem.y0, problem.theta).ys)
