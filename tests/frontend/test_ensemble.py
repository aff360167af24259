"""Ensembles: lanes that take up one trajectory after the other, and no trajectory that sees another."""

import numpy as np
import pytest

import tapeless
from ensemble_problem import FUZZ, N, ensemble, hunt, solve
from tapeless import _memory
from tapeless_kernels.launch import cpu, tape
from tapeless_kernels.launch.pool import POOL
from tapeless_kernels.status import FIELD_FAILED, MAX_STEPS, NON_FINITE, STEP_TOO_SMALL, SUCCESS


@tapeless.field(dim=2, n_params=2)
def guarded(t, y, theta, dy):
    if theta[0] > 1e3:
        raise ValueError("too many")
    dy[0] = y[0] * (theta[0] - y[1]) if theta[0] > 0 else y[0] * y[0]
    dy[1] = y[1] * (y[0] - theta[1])


def assert_same(a, b, chosen):
    """Assert that solution b holds those of a's trajectories that were chosen."""
    assert a.ys[chosen].tobytes() == b.ys.tobytes() and a.y[chosen].tobytes() == b.y.tobytes()
    for x, y in zip(a.stats, b.stats, strict=True):
        assert np.array_equal(x[chosen], y)


@pytest.mark.parametrize("method", ["dopri5", "bosh3", "dop853"])
def test_refilled_lanes_give_the_bits_of_a_trajectory_alone(method):
    given = ensemble()
    sol = solve(hunt, slice(None), given, method=method)
    assert sol.success and np.ptp(sol.stats.accepted) > 20
    for chosen in ([0], [N - 1], range(1000, 1005), range(40, 100), range(0, N, 2)):
        assert_same(sol, solve(hunt, list(chosen), given, method=method), list(chosen))


@pytest.mark.parametrize("n", [513, 1000, 1025, N])
def test_threads_and_chunks_change_no_bit(n, monkeypatch):
    given = ensemble(n, seed=n)
    sol = solve(hunt, slice(None), given, threads=1)
    assert_same(sol, solve(hunt, slice(None), given, threads=3), slice(None))
    monkeypatch.setattr(_memory, "MOST_ROUNDS", 1)
    assert_same(sol, solve(hunt, slice(None), given), slice(None))
    monkeypatch.setattr(_memory, "MOST_ROUNDS", 1000)
    monkeypatch.setattr(_memory, "CHUNKS", 1)
    assert_same(sol, solve(hunt, slice(None), given), slice(None))


def test_trajectory_that_fails_ends_alone():
    t1, y0, theta, rtol = ensemble()
    expected = solve(guarded, slice(None), (t1, y0, theta, rtol))
    bad = np.array([3, 700, 701, 1999])
    theta[3] = 1e4  # raises
    theta[700] = -1  # explodes
    y0[701] = np.nan
    rtol[1999], t1[1999] = 1e-12, 1e6  # has no end
    sol = solve(guarded, slice(None), (t1, y0, theta, rtol), throw=False, max_steps=2000)
    assert sol.stats.status[3] == FIELD_FAILED and sol.stats.status[701] == NON_FINITE
    assert sol.stats.status[700] in (NON_FINITE, STEP_TOO_SMALL)
    assert sol.stats.status[1999] == MAX_STEPS and sol.stats.accepted[1999] > 1000
    others = np.setdiff1d(np.arange(N), bad)
    assert (sol.stats.status[others] == SUCCESS).all() and not sol.success
    assert sol.ys[others].tobytes() == expected.ys[others].tobytes()
    with pytest.raises(tapeless.SolverError, match="Trajectory 3"):
        solve(guarded, slice(None), (t1, y0, theta, rtol), max_steps=2000)


hunt_back = tapeless.field(dim=2, n_params=2, vjp="symbolic")(hunt.fun)


@tapeless.field(dim=2, n_params=2, vjp="symbolic")
def reciprocal(t, y, theta, dy):
    dy[0] = theta[0] / y[0]
    dy[1] = theta[1] * y[0]


@pytest.mark.parametrize("method", ["dopri5", "bosh3", "dop853"])
def test_refilled_lanes_give_the_gradient_of_a_trajectory_alone(method):
    given = t1, _, _, _ = ensemble()
    t1[[5, 700]], t1[2001] = 0, -1
    bar = np.random.default_rng(1).standard_normal((N, 4, 2))

    def gradient(chosen, **options):
        return solve(hunt_back, chosen, given, method=method, **options).vjp(bar[chosen])

    expected = gradient(slice(None), threads=1)
    for chosen in (
        slice(None),
        [0],
        [5],
        [700],
        [2001],
        list(range(40, 100)),
        list(range(0, N, 2)),
    ):
        for x, y in zip(expected, gradient(chosen, threads=2), strict=True):
            assert x[chosen].tobytes() == y.tobytes()


def test_gradient_of_shared_parameters_is_the_same_bits_whatever_a_call_may_take(monkeypatch):
    """The order in which lanes add to it is that in which they take up trajectories: not one of budgets and blocks."""
    t1, y0, theta, rtol = ensemble()

    def gradient(theta):
        sol = tapeless.solve_ode(hunt_back, (0, t1), y0, theta, rtol=rtol)
        return sol.vjp(2 * sol.ys)

    expected = gradient(theta[0])
    rows = gradient(np.tile(theta[0], (N, 1)))
    assert rows[0].tobytes() == expected[0].tobytes()
    np.testing.assert_allclose(rows[1].sum(axis=0), expected[1], rtol=1e-11)
    monkeypatch.setattr(tape, "SMALL_BLOCK", 1 << 16)
    monkeypatch.setattr(tape, "LARGE_BLOCK", 1 << 16)
    monkeypatch.setattr(cpu, "SECONDS_PER_CALL", 1e-4)
    POOL._forget()
    for x, y in zip(expected, gradient(theta[0]), strict=True):
        assert x.tobytes() == y.tobytes()


def test_gradient_beside_trajectories_that_fail_where_a_field_is_singular():
    t1, y0, theta, rtol = ensemble()
    theta[:, 0], bad = abs(theta[:, 0]), slice(3, N, 100)
    good = np.setdiff1d(np.arange(N), np.arange(N)[bad])
    expected = solve(reciprocal, good, (t1, y0, theta, rtol)).vjp(np.ones((len(good), 4, 2)))
    theta[bad, 0] = -10  # y reaches 0 in finite time
    sol = solve(reciprocal, slice(None), (t1, y0, theta, rtol), throw=False)
    assert (sol.stats.status[bad] != SUCCESS).all() and (sol.stats.status[good] == SUCCESS).all()
    found = sol.vjp(np.ones((N, 4, 2)))
    for x, y in zip(expected, found, strict=True):
        assert x.tobytes() == y[good].tobytes()
    # Of parameters that all share, the sum is over what each has written.
    shared = [1.0, 1.0]
    y0[bad, 0] = 0
    sol = solve(reciprocal, slice(None), (t1, y0, np.tile(shared, (N, 1)), rtol), throw=False)
    rows = sol.vjp(np.ones((N, 4, 2)))[1]
    whole = tapeless.solve_ode(
        reciprocal,
        (0, t1),
        y0,
        shared,
        rtol=rtol,
        t_eval=np.linspace(0.1, 1, 4) * t1[:, None],
        throw=False,
    )
    np.testing.assert_allclose(whole.vjp(np.ones((N, 4, 2)))[1], rows[good].sum(axis=0), rtol=1e-10)


def test_spans_of_length_zero_and_backward():
    t1, y0, theta, rtol = ensemble()
    t1[::3], t1[1::3] = 0, -t1[1::3]
    sol = solve(hunt, slice(None), (t1, y0, theta, rtol))
    assert sol.success and np.array_equal(sol.ys[::3, -1], y0[::3]) and (sol.stats.t == t1).all()
    assert_same(sol, solve(hunt, [0, 1, 2], (t1, y0, theta, rtol)), [0, 1, 2])


def test_one_chunk_serves_all_that_a_thread_solves():
    given = ensemble(40_000)
    sol = solve(hunt, slice(None), given, threads=1)
    POOL._collect()
    plan = next(reversed(POOL._free))[0]
    assert sol.success and plan.program is hunt.program and len(POOL._free[plan, 1]) <= 3


# Fixed steps to where the field overflows: the end was finite, the interpolant before it was not.
@pytest.mark.parametrize("seed", [767, 4189, 9999, 17168, 39458, 67219])
def test_ensembles_that_once_failed(seed):
    FUZZ["assert_sound"](seed)


@pytest.mark.parametrize("n", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_random_ensembles(n):
    for seed in range(n):
        FUZZ["assert_sound"](seed)


def test_threads_that_come_first_together_compile_once(run_python):
    script = """
import sys
from collections import Counter
import numpy as np, tapeless
from tapeless_kernels._cache import COMPILATIONS
sys.setswitchinterval(1e-6)

@tapeless.field(dim=2, n_params=1, vjp="symbolic")
def f(t, y, theta, dy):
    dy[0] = theta[0] * y[1]
    dy[1] = -y[0]

y0 = np.ones((2000, 2))
tapeless.solve_ode(f, (0, 1), y0, [1.0], threads=4, adjoint=None)
sol = tapeless.solve_ode(f, (0, 1), y0, [1.0], threads=4)
sol.vjp(sol.ys)
print(*{n for n, times in Counter(c.kernel for c in COMPILATIONS).items() if times > 1})
"""
    for _ in range(3):
        assert run_python(script).strip() == ""
