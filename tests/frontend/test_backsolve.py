"""The continuous adjoint: as exact as its tolerances, in memory that does not grow with steps."""

import math

import numpy as np
import pytest

import tapeless
from differences import central_difference
from equations import lorenz
from tapeless import Backsolve, SolverError, solve_ode
from tapeless_kernels.status import NON_FINITE, SUCCESS

RNG = np.random.default_rng(5)
NETWORK = tapeless.fields.MLP(3, [8], time=True)
THETA = NETWORK.init(rng=1)
TIMES = np.array([0.0, 0.25, 0.25, 0.6, 0.9])
TIGHT = {"rtol": 1e-11, "atol": 1e-11}


@tapeless.field(dim=1, n_params=1, vjp="symbolic")
def relax(t, y, theta, dy):
    dy[0] = -theta[0] * (y[0] - math.cos(t))


@tapeless.field(dim=1, n_params=1, vjp="symbolic")
def forced(t, y, theta, dy):
    dy[0] = -y[0] + theta[0] * math.sin(6.0 * t)


OWN = np.array([10.0, 28.0, 8 / 3]) * RNG.uniform(0.7, 1.0, (40, 3))
ENDS = RNG.uniform(0.05, 0.3, 40)
OWN_TIMES = np.sort(ENDS[:, None] * RNG.uniform(0.0, 1.0, (40, 3)), axis=1)
# What is solved, and how: field, theta, trajectories, t1, options of the solve, options of the way back.
CASES = {
    "one alone": (lorenz, OWN[0], 1, 0.3, {}, {}),
    "a tile that is not full": (NETWORK, THETA, 40, 1.0, {"t_eval": TIMES}, {}),
    "backward in time": (NETWORK, THETA, 40, -1.0, {"t_eval": -TIMES}, {"at_outputs": False}),
    "states kept": (NETWORK, THETA, 40, -1.0, {"t_eval": -TIMES}, {"resets": 3}),
    "in lockstep": (NETWORK, THETA, 100, 1.0, {"coupled": True, "t_eval": TIMES}, {"resets": 1}),
    "theta of each": (lorenz, OWN, 40, ENDS, {}, {}),
    "theta of each in the norm": (lorenz, OWN, 40, ENDS, {}, {"seminorm": False}),
    "times of each": (NETWORK, THETA, 40, ENDS, {"t_eval": OWN_TIMES}, {"resets": 2}),
    "a sum": (lorenz + NETWORK, np.concatenate([OWN[0], THETA]), 40, 0.2, {}, {}),
    "theta in the norm": (NETWORK, THETA, 40, 1.0, {"t_eval": TIMES}, {"seminorm": False}),
    "another method": (NETWORK, THETA, 40, 1.0, {}, {"method": "dop853", "rtol": 1e-12}),
    "two errors, not FSAL": (NETWORK, THETA, 40, 1.0, {"method": "dop853"}, {}),
}


def solve(case, **more):
    field, theta, n, t1, options, how = CASES[case]
    y0 = np.random.default_rng(n).normal(size=(n, 3))
    options = TIGHT | options | more
    if "adjoint" not in more:
        options |= {"adjoint": "backsolve", "backsolve": Backsolve(**how)}
    return solve_ode(field, (0.0, t1), y0, theta[:n] if np.ndim(theta) > 1 else theta, **options)


def error(found, wanted):
    """Return the largest error of gradients with respect to y0 and theta, in their largest entries."""
    return max(abs(x - y).max() / abs(y).max() for x, y in zip(found, wanted, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_gradient_is_the_discrete_one_to_tolerances(case):
    sol, exact = solve(case), solve(case, adjoint="store")
    bar = np.random.default_rng(0).normal(size=sol.ys.shape)
    assert error(sol.vjp(bar), exact.vjp(bar)) < (1e-6 if "one" in case or "each" in case else 1e-9)
    assert sol.nbytes_adjoint < exact.nbytes_adjoint / 5
    assert np.all(sol.backward_stats.status == SUCCESS)
    assert np.all(sol.backward_stats.accepted > 0)


@pytest.mark.parametrize(
    "case", ["states kept", "in lockstep", "theta of each", "theta in the norm"]
)
def test_bits_do_not_depend_on_threads_and_calls(case):
    sol = solve(case, threads=1)
    bar = np.random.default_rng(0).normal(size=sol.ys.shape)
    wanted = [x.tobytes() for x in sol.vjp(bar)]
    assert [x.tobytes() for x in sol.vjp(bar)] == wanted
    assert [x.tobytes() for x in solve(case, threads=3).vjp(bar)] == wanted
    assert [x.tobytes() for x in sol.vjp(0.25 * bar)] == [
        (0.25 * x).tobytes() for x in sol.vjp(bar)
    ]


def test_sample_is_alone():
    y0, bar = RNG.normal(size=(100, 3)), RNG.normal(size=(100, 5, 3))

    def gradient(some):
        how = {"t_eval": TIMES, "adjoint": "backsolve", "rtol": 1e-5}
        return solve_ode(NETWORK, (0.0, 1.0), y0[some], THETA, **how).vjp(bar[some])[0]

    whole = gradient(slice(None))
    for some in (slice(0, 1), slice(60, 70), slice(20, 90)):
        assert gradient(some).tobytes() == whole[some].tobytes()


def test_error_shrinks_with_the_tolerances():
    y0 = RNG.normal(size=(5, 3))
    exact = solve_ode(lorenz, (0.0, 0.3), y0, OWN[0], rtol=1e-13, atol=1e-13)
    wanted, errors, tolerances = exact.vjp(np.ones_like(y0)), [], 10.0 ** -np.arange(3, 11)
    for tol in tolerances:
        sol = solve_ode(lorenz, (0.0, 0.3), y0, OWN[0], rtol=tol, atol=tol, adjoint="backsolve")
        errors.append(error(sol.vjp(np.ones_like(y0)), wanted))
    slope = np.polyfit(np.log10(tolerances), np.log10(errors), 1)[0]
    assert slope > 0.8 and errors[-1] < 1e-6, errors


@pytest.mark.parametrize(("method", "order"), [("midpoint", 2), ("rk4", 4)])
def test_equal_steps_have_the_order_of_the_method(method, order):
    y0 = RNG.normal(size=(4, 3))
    wanted = solve_ode(NETWORK, (0.0, 2.0), y0, THETA, rtol=1e-13, atol=1e-13).vjp(y0)
    options = {"method": method, "adjoint": "backsolve", "t_eval": [0.9, 2.0]}
    bar = np.stack([np.zeros_like(y0), y0], axis=1)
    errors = []
    for n in (20, 40, 80):
        sol = solve_ode(NETWORK, (0.0, 2.0), y0, THETA, n_steps=n, **options)
        errors.append(error(sol.vjp(bar), wanted))
        assert np.all(sol.backward_stats.accepted == n)
    slopes = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.all(abs(slopes - order) < 0.3), slopes


@pytest.mark.parametrize("method", ["rk4", "dopri5", "heun21"])
def test_integral_from_the_record_is_that_of_the_system(method):
    """On one grid the norm has no say: states and cotangents have the same bits, in either width."""
    y0 = RNG.normal(size=(40, 3))
    options = {"method": method, "n_steps": 9, "t_eval": TIMES, "adjoint": "backsolve"}
    bar = RNG.normal(size=(40, 5, 3))
    found, wanted = (
        solve_ode(NETWORK, (0.0, 1.0), y0, THETA, backsolve=Backsolve(seminorm=on), **options).vjp(
            bar
        )
        for on in (True, False)
    )
    assert found[0].tobytes() == wanted[0].tobytes()
    assert error(found[1:], wanted[1:]) < 1e-14


@pytest.mark.parametrize("n", [3, 40])
def test_seminorm_saves_steps(n):
    """The integral for theta oscillates; states and cotangents, of which the steps are made, do not."""
    y0, theta = np.ones((n, 1)), np.zeros(1)
    wanted = solve_ode(forced, (0.0, 2.0), y0, theta, **TIGHT).vjp(y0)
    steps = []
    for seminorm in (True, False):
        how = Backsolve(seminorm=seminorm)
        sol = solve_ode(
            forced, (0.0, 2.0), y0, theta, rtol=1e-8, atol=1e-8, adjoint="backsolve", backsolve=how
        )
        assert error(sol.vjp(y0), wanted) < 1e-6
        steps.append(sol.backward_stats.accepted.max())
    assert steps[0] < 0.7 * steps[1], steps


def test_states_that_are_kept_hold_a_dissipative_solve():
    y0, theta = np.linspace(-1, 1, 5)[:, None], np.array([20.0])
    options = {"t_eval": [0.3, 2.0], "rtol": 1e-6, "atol": 1e-6}
    exact = solve_ode(relax, (0.0, 2.0), y0, theta, **options | TIGHT)
    bar, errors, drifts = np.ones_like(exact.ys), [], []
    for how in (Backsolve(at_outputs=False), Backsolve(), Backsolve(resets=40)):
        sol = solve_ode(
            relax, (0.0, 2.0), y0, theta, **options, adjoint="backsolve", backsolve=how, throw=False
        )
        errors.append(error(sol.vjp(bar), exact.vjp(bar)))
        drifts.append(sol.backward_stats.drift.max())
    assert errors[0] > 1 and errors[1] < 1e-2 and errors[2] < 1e-4, errors
    assert drifts[0] > 1e6 > 10 > drifts[2]
    with pytest.raises(SolverError, match="off by more than their size"):
        solve_ode(relax, (0.0, 2.0), y0, theta, adjoint="backsolve").vjp(y0)


def test_way_back_that_fails_is_an_error():
    y0 = np.ones((3, 1))
    sol = solve_ode(relax, (0.0, 20.0), y0, [50.0], adjoint="backsolve")
    with pytest.raises(SolverError, match=r"on the way back.*not finite") as caught:
        sol.vjp(y0)
    assert caught.value.solution is sol and np.isnan(caught.value.gradients[0]).all()
    assert np.all(sol.backward_stats.status == NON_FINITE)
    assert np.all((sol.backward_stats.t > 0) & (sol.backward_stats.t < 20))


def test_trajectory_that_failed_has_the_gradient_of_what_it_reached():
    times = [0.1, 0.2, 1.0]
    y0 = RNG.normal(size=(3, 3))
    y0[1] = np.nan
    options = TIGHT | {"t_eval": times, "throw": False}
    sol = solve_ode(lorenz, (0.0, 1.0), y0, OWN[0], **options, adjoint="backsolve", max_steps=60)
    assert np.isfinite(sol.ys[0, :1]).all() and np.isnan(sol.ys[0, -1]).all()
    bar = np.where(np.isfinite(sol.ys), 1.0, np.inf)
    found = sol.vjp(bar)
    wanted = solve_ode(
        lorenz, (0.0, 1.0), y0, OWN[0], **options, adjoint="store", max_steps=60
    ).vjp(bar)
    assert error(found, wanted) < 1e-6 and np.all(found[0][1] == 0)


def test_spans_of_no_length():
    y0 = RNG.normal(size=(20, 3))
    sol = solve_ode(NETWORK, (0.0, 0.0), y0, THETA, adjoint="backsolve")
    y0_bar, theta_bar = sol.vjp(y0)
    assert np.array_equal(y0_bar, y0) and not theta_bar.any()
    ends = np.array([0.5] * 10 + [0.0] * 10)
    y0_bar, _ = solve_ode(NETWORK, (0.0, ends), y0, THETA, adjoint="backsolve").vjp(y0)
    assert np.array_equal(y0_bar[10:], y0[10:]) and np.all(y0_bar[:10] != y0[:10])


def test_single_precision_and_a_single_trajectory():
    y0 = np.array([0.5, -0.3, 0.1], np.float32)
    options = {"rtol": 1e-5, "atol": 1e-6, "t_eval": TIMES}
    sol = solve_ode(NETWORK, (0.0, 1.0), y0, THETA, **options, adjoint="backsolve")
    bar = np.ones_like(sol.ys)
    found = sol.vjp(bar)
    wanted = solve_ode(NETWORK, (0.0, 1.0), y0.astype(float), THETA, **TIGHT, t_eval=TIMES).vjp(bar)
    assert error(found, wanted) < 1e-5
    assert found[0].dtype == found[1].dtype == np.float32 and found[0].shape == (3,)
    assert sol.backward_stats.nfe.shape == ()


def test_times_have_cotangents():
    y0, theta, bar = np.linspace(-1, 1, 5)[:, None], np.array([3.0]), RNG.normal(size=(5, 2, 1))

    def solved(t0=0.0, first=0.2, last=0.6, **how):
        return solve_ode(relax, (t0, 1.0), y0, theta, t_eval=[first, last], **TIGHT, **how)

    def slope(**step):
        return central_difference(
            lambda e: np.sum(bar * solved(**{k: x + e for k, x in step.items()}).ys), 1e-5
        )

    found = solved(adjoint="backsolve", backsolve=Backsolve(resets=2)).vjp(bar, times=True)
    wanted = [slope(first=0.2), slope(last=0.6), slope(t0=0.0)]
    assert np.allclose([*found.t_eval, found.t0], wanted, rtol=1e-6)


MEMORY = """
import numpy as np, tapeless
from resident import resident
field = tapeless.fields.MLP(2, [50, 50])
theta, y0 = field.init(rng=0), np.ones((256, 2))

def gradient(n):
    options = {"method": "rk4", "threads": 1, "n_steps": n, "adjoint": "backsolve"}
    sol = tapeless.solve_ode(field, (0.0, 1.0), y0, theta, **options)
    sol.vjp(y0)
    return sol.nbytes_adjoint

kept = gradient(50)
before = resident()
assert gradient(1000) == kept
print(resident() - before)
"""


def test_memory_does_not_grow_with_steps(run_python):
    assert int(run_python(MEMORY)) < 2_000_000  # the steps are 800 MB


def test_objective_takes_it():
    y0 = RNG.normal(size=(4, 3))
    found, wanted = (
        tapeless.Objective(NETWORK, (0.0, 1.0), tapeless.losses.mse, adjoint=adjoint, **TIGHT)
        for adjoint in ("backsolve", "store")
    )
    assert found.value(THETA, y0, 0 * y0) == wanted.value(THETA, y0, 0 * y0)
    assert np.allclose(found(THETA, y0, 0 * y0)[1], wanted(THETA, y0, 0 * y0)[1], rtol=1e-8)


def test_combinations_that_do_not_go_together():
    y0 = np.ones((4, 3))

    def still(t, y, theta, dy):
        dy[:] = 0.0

    for field, message, options in (
        (tapeless.fields.Field(still, 3), "no `vjp`", {}),
        (lorenz, "`reduce` must be left out", {"reduce": True}),
        (lorenz, "`first_passage` must be left out", {"first_passage": (0, 1.0)}),
        (lorenz, "`stride` must be left out", {"stride": 3}),
        (lorenz, "unless `n_steps`", {"backsolve": Backsolve(method="rk4")}),
    ):
        theta = OWN[0] if field is lorenz else None
        with pytest.raises(ValueError, match=message):
            solve_ode(field, (0.0, 1.0), y0, theta, adjoint="backsolve", **options)
    with pytest.raises(ValueError, match="adjoint='backsolve'"):
        solve_ode(lorenz, (0.0, 1.0), y0, OWN[0], backsolve=Backsolve())
