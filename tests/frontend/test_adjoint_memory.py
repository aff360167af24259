"""What is kept for a gradient changes memory and time, and never a bit of the gradient."""

import numpy as np
import pytest

import tapeless
from equations import lorenz
from tapeless_kernels.launch.schedule import next_checkpoint, steps_again

RNG = np.random.default_rng(5)
NETWORK = tapeless.fields.MLP(3, [8])
THETA = NETWORK.init(rng=1)
TIMES = np.linspace(0.0, 1.0, 4)


SUM = lorenz + NETWORK
OWN = np.array([10.0, 28.0, 8 / 3]) * RNG.uniform(0.7, 1.0, (1500, 3))
ENDS = RNG.uniform(0.05, 1.0, 1500)
CASES = {
    "one alone": (lorenz, OWN[0], 1, 1.0, {}),
    "a tile that is not full": (NETWORK, THETA, 40, 1.0, {"rtol": 1e-7}),
    "float32": (NETWORK, THETA, 100, 1.0, {"dtype": np.float32, "rtol": 1e-5, "t_eval": TIMES}),
    "not FSAL": (lorenz, OWN[0], 60, 1.0, {"method": "heun21", "atol": 1e-3}),
    "a sum": (SUM, np.concatenate([[10.0, 28.0, 8 / 3], THETA]), 60, 0.3, {}),
    "interpolated": (lorenz, OWN[0], 60, 1.0, {"method": "bosh3", "t_eval": TIMES}),
    "two errors": (lorenz, OWN[0], 60, -0.3, {"method": "dop853"}),
    "equal steps": (NETWORK, THETA, 60, 1.0, {"method": "rk4", "n_steps": 23, "t_eval": TIMES}),
    "in lockstep": (NETWORK, THETA, 100, 1.0, {"coupled": True, "rtol": 1e-8}),
    "turns of many": (NETWORK, THETA, 1500, ENDS, {"rtol": 1e-7}),
    "reversible": (NETWORK, THETA, 60, 1.0, {"method": tapeless.reversible("bosh3"), "rtol": 1e-5}),
    "leapfrog": (NETWORK, THETA, 60, 1.0, {"method": "alf", "rtol": 1e-2}),
    "theta of each": (lorenz, OWN, 1500, ENDS, {"t_eval": None}),
    "some that fail": (lorenz, OWN, 1500, ENDS, {"max_steps": 25, "throw": False}),
}


def solve(case, **keep):
    field, theta, n, t1, options = CASES[case]
    options = dict(options)
    y0 = np.random.default_rng(n).normal(size=(n, 3)).astype(options.pop("dtype", np.float64))
    if np.ndim(theta) > 1:
        theta = theta[:n]
    return tapeless.solve_ode(field, (0.0, t1), y0, theta, threads=2, **options, **keep)


@pytest.mark.parametrize("case", CASES)
def test_no_way_of_keeping_changes_a_bit(case):
    sol = solve(case)
    bar = np.random.default_rng(0).normal(size=sol.ys.shape).astype(sol.ys.dtype)
    wanted = [x.tobytes() for x in sol.vjp(bar)]
    ways = [{"adjoint": "every", "stride": n} for n in (1, 3, 10_000)]
    ways += [{"adjoint": "binomial", "budget": b} for b in budgets(case, sol.nbytes_adjoint)]
    for keep in ways:
        other = solve(case, **keep)
        assert other.ys.tobytes() == sol.ys.tobytes()
        for _ in range(2):  # the second finds other checkpoints
            assert [x.tobytes() for x in other.vjp(bar)] == wanted, keep
        assert other.ys.tobytes() == sol.ys.tobytes()
        assert other.nbytes_adjoint <= keep.get("budget", np.inf)


def budgets(case, n_bytes):
    """Return the least budget, and some up to all bytes."""
    with pytest.raises(ValueError, match="at least") as caught:
        solve(case, adjoint="binomial", budget=1)
    least = int(str(caught.value).split("at least ")[1].split(",")[0])
    return sorted({least, *(least + int(f * n_bytes) for f in (0.02, 0.1, 0.5))})


def test_caller_may_change_what_was_passed_in():
    theta, y0, times = THETA.copy(), np.ones((40, 3)), TIMES.copy()
    sols = [
        tapeless.solve_ode(NETWORK, (0.0, 1.0), y0, theta, t_eval=times, **keep)
        for keep in ({}, {"adjoint": "every", "stride": 2})
    ]
    bar = np.ones_like(sols[0].ys)
    wanted = sols[0].vjp(bar)[1].tobytes()
    theta[:], y0[:], times[:] = 0, np.nan, 0.5
    assert [sol.vjp(bar)[1].tobytes() for sol in sols] == [wanted, wanted]


def test_interrupted_solve_has_the_gradient_of_what_was_reached():
    def interrupted(**keep):
        def stop(ended, batch):
            if ended > 0:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) as caught:
            tapeless.solve_ode(
                NETWORK, (0.0, 1.0), np.ones((3000, 3)), THETA, threads=1, progress=stop, **keep
            )
        return caught.value.solution

    sol, other = interrupted(), interrupted(adjoint="every", stride=2)
    bar = np.where(np.isfinite(sol.ys), 1.0, 0.0)
    assert [x.tobytes() for x in other.vjp(bar)] == [x.tobytes() for x in sol.vjp(bar)]


@pytest.mark.parametrize("keep", [{}, {"adjoint": "every", "stride": 8}, {"adjoint": "binomial"}])
def test_prediction_is_what_was_kept(keep):
    steps = {"method": "rk4", "threads": 2}
    if keep.get("adjoint") == "binomial":
        whole = tapeless.adjoint_memory(NETWORK, 300, 200, **steps).kept
        keep = keep | {"budget": whole // 10}
    sol = tapeless.solve_ode(
        NETWORK, (0.0, 1.0), np.ones((300, 3)), THETA, n_steps=200, **steps, **keep
    )
    memory = tapeless.adjoint_memory(NETWORK, 300, 200, **steps, **keep)
    assert memory.kept == sol.nbytes_adjoint <= keep.get("budget", np.inf)
    assert memory.kept == memory.steps + memory.states + memory.starts
    assert f"{memory.total / 1e6:.3f} MB" in str(memory)


PEAK = """
import numpy as np, tapeless, sys
from resident import peak_from_here, resident
field = tapeless.fields.MLP(2, [50, 50])
theta, y0 = field.init(rng=0), np.ones((256, 2))
options = {"method": "rk4", "threads": 1}
n_steps, keep = 400, {}
if sys.argv[1] != "store":
    whole = tapeless.adjoint_memory(field, 256, n_steps, **options).kept
    keep = {"adjoint": "binomial", "budget": whole // 10}

def gradient(n):
    tapeless.solve_ode(field, (0.0, 1.0), y0, theta, n_steps=n, **options, **keep).vjp(y0)

gradient(1)
before = peak_from_here()
gradient(n_steps)
print(resident() - before, tapeless.adjoint_memory(field, 256, n_steps, **options, **keep).total)
"""


@pytest.mark.parametrize("adjoint", ["store", "binomial"])
def test_peak_memory_is_as_predicted(run_python, adjoint):
    measured, predicted = map(int, run_python(PEAK, adjoint).split())
    assert abs(measured / predicted - 1) < 0.1, (measured, predicted)


def test_schedule_takes_the_fewest_steps():
    most = 60
    least = np.zeros((most + 1, 7), int)
    for n in range(2, most + 1):
        least[n, 0] = n * (n - 1) // 2
        for free in range(1, 7):
            costs = [m + least[n - m, free - 1] + least[m, free] for m in range(1, n)]
            least[n, free] = min(costs)
            assert costs[next_checkpoint(n, free) - 1] == least[n, free]
            assert steps_again(n, free) == least[n, free]
        assert steps_again(n, 0) == least[n, 0]


def test_steps_taken_again_grow_with_the_logarithm():
    """With memory for so many steps and states, 100 times the steps are not 100 times as often taken again."""
    budget, again = 60_000, []
    for n in (50, 500, 5000):
        memory = tapeless.adjoint_memory(lorenz, 32, n, adjoint="binomial", budget=budget)
        assert memory.kept <= budget
        again.append(memory.again)
    assert again == sorted(again) and again[2] < again[0] + 6


def test_a_budget_is_enough_for_no_trajectories():
    field = tapeless.fields.MLP(2, [4])
    options = {"adjoint": "binomial", "budget": 10**6, "n_steps": 8}
    sol = tapeless.solve_ode(field, (0.0, 1.0), np.zeros((0, 2)), field.init(rng=0), **options)
    assert [x.shape for x in sol.vjp(np.zeros((0, 2)))] == [(0, 2), (field.n_params,)]
