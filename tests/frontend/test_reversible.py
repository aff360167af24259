"""Reversible methods: the gradient of steps taken back is that of steps stored, and says when it is not."""

import numpy as np
import pytest

import tapeless
from tapeless import SolverError, reversible
from tapeless_kernels.status import IRREVERSIBLE, MAX_STEPS, SUCCESS

RNG = np.random.default_rng(5)
NETWORK = tapeless.fields.MLP(2, [8], time=True)
THETA = NETWORK.init(rng=1)
TIMES = np.linspace(0.0, 1.0, 4)
N = 1500
OWN = RNG.uniform(0.5, 1.5, (N, 2))
ENDS = RNG.uniform(0.05, 2.0, N)


@tapeless.field(dim=2, n_params=2, vjp="symbolic")
def prey(t, y, theta, dy):
    dy[0] = theta[0] * y[0] - y[0] * y[1]
    dy[1] = y[0] * y[1] - theta[1] * y[1]


@tapeless.field(dim=1, n_params=1, vjp="symbolic")
def decay(t, y, theta, dy):
    dy[0] = -theta[0] * y[0]


@tapeless.field(dim=2, vjp="symbolic")
def oscillator(t, y, theta, dy):
    dy[0] = y[1]
    dy[1] = -y[0]


PAIR = reversible("tsit5")
CASES = {
    "one alone": (prey, OWN[0], 1, 2.0, {"method": PAIR}),
    "a tile that is not full": (NETWORK, THETA, 40, 1.0, {"method": PAIR, "t_eval": TIMES}),
    "float32": (NETWORK, THETA, 70, 1.0, {"method": PAIR, "dtype": np.float32, "rtol": 1e-4}),
    "in lockstep": (NETWORK, THETA, 100, 1.0, {"method": PAIR, "coupled": True, "rtol": 1e-8}),
    "backward": (NETWORK, THETA, 40, -1.0, {"method": PAIR, "t_eval": -TIMES}),
    "turns of many": (NETWORK, THETA, N, ENDS, {"method": PAIR, "rtol": 1e-6}),
    "theta of each": (prey, OWN, N, ENDS, {"method": PAIR}),
    "some that fail": (prey, OWN, N, ENDS, {"method": PAIR, "max_steps": 9, "throw": False}),
    "two errors": (NETWORK, THETA, 20, 1.0, {"method": reversible("dop853", 0.99), "rtol": 1e-9}),
    "base not FSAL": (prey, OWN[0], 40, 1.0, {"method": reversible("heun21", 1.0)}),
    "equal steps": (NETWORK, THETA, 40, 1.0, {"method": reversible("rk4", 0.9), "n_steps": 23, "t_eval": TIMES}),
    "Heun": (NETWORK, THETA, 40, 1.0, {"method": "reversible_heun", "t_eval": TIMES}),
    "Heun in turns": (prey, OWN, N, ENDS, {"method": "reversible_heun"}),
    "Heun alone": (prey, OWN[0], 3, 1.0, {"method": "reversible_heun", "n_steps": 30}),
    "leapfrog": (NETWORK, THETA, 40, 1.0, {"method": "alf", "t_eval": TIMES}),
    "leapfrog in turns": (prey, OWN, N, ENDS, {"method": "alf"}),
    "leapfrog damped": (prey, OWN[0], 3, 1.0, {"method": tapeless.methods.alf(0.95), "n_steps": 30}),
}  # fmt: skip


def solve(case, **keep):
    field, theta, n, t1, options = CASES[case]
    options = dict(options)
    y0 = np.random.default_rng(n).uniform(0.5, 1.5, (n, 2))
    y0 = y0.astype(options.pop("dtype", np.float64))
    t1 = t1[:n] if np.ndim(t1) else t1
    return tapeless.solve_ode(field, (0.0, t1), y0, theta, threads=2, **options, **keep)


def distance(x, y):
    return np.abs(x - y).max() / np.abs(y).max()


@pytest.mark.parametrize("case", CASES)
def test_gradient_is_that_of_stored_steps(case):
    stored, sol = solve(case), solve(case, adjoint="reversible")
    single = sol.ys.dtype == np.float32
    assert sol.ys.tobytes() == stored.ys.tobytes()
    assert np.isnan(sol.stats.reconstruction).all()
    assert (sol.stats.drift >= 0).all()
    bar = np.random.default_rng(0).normal(size=sol.ys.shape).astype(sol.ys.dtype)
    wanted, found = stored.vjp(bar), sol.vjp(bar)
    missed = sol.stats.reconstruction
    assert (missed < (1e-5 if single else 1e-12)).all()
    for x, y in zip(found, wanted, strict=True):
        assert distance(x, y) < 10 * missed.max() + (1e-5 if single else 1e-12)
    again = sol.vjp(bar)
    assert [x.tobytes() for x in again] == [x.tobytes() for x in found]
    assert (sol.stats.status == stored.stats.status).all()
    assert np.isnan(stored.stats.reconstruction).all()


def test_sample_is_alone():
    y0 = RNG.uniform(0.5, 1.5, (70, 2))
    options = {"method": PAIR, "adjoint": "reversible", "t_eval": TIMES}
    whole = tapeless.solve_ode(NETWORK, (0.0, 1.0), y0, THETA, **options)
    bar = RNG.normal(size=whole.ys.shape)
    y0_bar, _ = whole.vjp(bar)
    for i in (0, 33, 69):
        alone = tapeless.solve_ode(NETWORK, (0.0, 1.0), y0[i], THETA, **options)
        assert alone.vjp(bar[i])[0].tobytes() == y0_bar[i].tobytes()
        assert alone.stats.reconstruction == whole.stats.reconstruction[i]
        assert alone.stats.drift == whole.stats.drift[i]


def test_caller_may_change_what_came_and_went():
    y0, theta, times = np.ones((40, 2)), THETA.copy(), TIMES.copy()
    sol = tapeless.solve_ode(
        NETWORK, (0.0, 1.0), y0, theta, method=PAIR, adjoint="reversible", t_eval=times
    )
    bar = np.ones_like(sol.ys)
    wanted = sol.vjp(bar)[1].tobytes()
    for x in (y0, theta, times, sol.ys, sol.y, *sol.stats):
        x[:] = 0
    assert sol.vjp(bar)[1].tobytes() == wanted
    assert sol.stats.reconstruction.max() < 1e-12


NET = tapeless.fields.MLP(2, [16])
CLOSE = {
    "decay": (decay, np.array([1.0]), np.ones((3, 1))),
    "oscillator": (oscillator, np.zeros(0), np.array([[1.0, 0.0], [0.3, -2.0]])),
    "tanh network": (NET, NET.init(rng=0), RNG.normal(size=(40, 2))),
}


@pytest.mark.parametrize("name", CLOSE)
def test_thousand_steps_lead_back(name):
    field, theta, y0 = CLOSE[name]
    sol = tapeless.solve_ode(
        field, (0.0, 10.0), y0, theta, method=PAIR, n_steps=1000, adjoint="reversible"
    )
    sol.vjp(np.ones_like(sol.ys))
    assert sol.success and (sol.stats.status == SUCCESS).all()
    assert sol.stats.reconstruction.max() < 1e-9


def fast(t1, **options):
    """y' = -10 y in steps of 0.01, outside of the small stability region."""
    options = {"method": PAIR, "n_steps": round(100 * t1), "adjoint": "reversible"} | options
    return tapeless.solve_ode(decay, (0.0, t1), np.ones((3, 1)), np.array([10.0]), **options)


def test_states_that_come_apart_end_in_a_status():
    with pytest.raises(SolverError, match=r"reached t = .* of 10.*drift apart") as caught:
        fast(10.0)
    sol = caught.value.solution
    assert (sol.stats.status == IRREVERSIBLE).all() and not sol.success
    assert (sol.stats.t < 10).all() and np.isnan(sol.ys).all()
    coupled = fast(10.0, coupled=True, throw=False)
    assert (coupled.stats.status == IRREVERSIBLE).all()
    adaptive = fast(
        10.0, n_steps=None, throw=False, adjoint="store"
    )  # which resists by ever shorter steps
    assert (adaptive.stats.status == MAX_STEPS).all() and adaptive.stats.drift.max() < 0.1


def test_start_that_is_missed_ends_in_a_status():
    sol = fast(2.8, n_steps=1400)
    assert sol.success
    with pytest.raises(SolverError, match=r"could not be taken back.*adjoint='store'") as caught:
        sol.vjp(np.ones_like(sol.ys))
    assert caught.value.solution is sol and not sol.success
    assert (sol.stats.status == IRREVERSIBLE).all()
    assert (sol.stats.reconstruction > 1e-6).all()
    lenient = fast(2.8, n_steps=1400, throw=False)
    y0_bar, theta_bar = lenient.vjp(np.ones_like(lenient.ys))
    assert np.isfinite(y0_bar).all() and np.isfinite(theta_bar).all()
    assert (lenient.stats.status == IRREVERSIBLE).all()
    stored = fast(2.8, n_steps=1400, adjoint="store")
    stored.vjp(np.ones_like(stored.ys))
    assert stored.success


def test_smaller_coupling_or_more_steps_help():
    for options in ({"method": reversible("tsit5", 0.85)}, {"n_steps": 30_000, "method": PAIR}):
        sol = fast(3.0, **options)
        assert sol.stats.drift.max() < 1e-9


def test_status_of_the_forward_pass_stays():
    sol = fast(3.0, n_steps=None, max_steps=2, throw=False)
    sol.vjp(np.zeros_like(sol.ys))
    assert (sol.stats.status == MAX_STEPS).all()


def test_memory_is_that_of_the_times():
    def kept(n_steps, **options):
        options = {"method": PAIR, "adjoint": "reversible", "n_steps": n_steps} | options
        y0 = np.ones((64, 2))
        memory = tapeless.adjoint_memory(
            NET, 64, n_steps, threads=1, **{k: options[k] for k in options if k != "n_steps"}
        )
        sol = tapeless.solve_ode(NET, (0.0, 1.0), y0, NET.init(rng=0), threads=1, **options)
        assert sol.nbytes_adjoint == memory.kept == memory.steps + memory.states + memory.starts
        return sol.nbytes_adjoint

    assert kept(5000) - kept(50) == 8 * 64 * 4950
    assert kept(5000, coupled=True) - kept(50, coupled=True) == 8 * 4950


PEAK = """
import numpy as np, tapeless
from resident import peak_from_here, resident
field = tapeless.fields.MLP(2, [50, 50])
theta, y0 = field.init(rng=0), np.ones((32, 2))

def gradient(n):
    tapeless.solve_ode(
        field, (0.0, 1.0), y0, theta, n_steps=n, method=tapeless.reversible("bosh3"), threads=1,
        adjoint="reversible",
    ).vjp(y0)

gradient(50)
before = peak_from_here()
gradient(5000)
print(resident() - before)
"""


def test_peak_memory_is_flat(run_python):
    times = 8 * 32 * 5000
    assert int(run_python(PEAK)) < times + 300_000


def test_what_a_method_cannot_have_is_named():
    wanted = r"`method` must be tapeless\.reversible\('tsit5'\), or one of 'reversible_heun', 'alf'"
    with pytest.raises(ValueError, match=wanted):
        tapeless.solve_ode(NET, (0, 1), np.ones((3, 2)), NET.init(rng=0), adjoint="reversible")


@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize("method", [PAIR, "reversible_heun", "alf"], ids=str)
def test_steps_are_measured(method, coupled):
    """E is what a step was accepted by; a pair of stages at one time there is none."""
    y0 = np.random.default_rng(0).standard_normal((5, 2))
    field = tapeless.fields.MLP(2, [8], time=True)
    options = {"method": method, "rtol": 1e-4, "atol": 1e-4, "coupled": coupled}
    plain = tapeless.solve_ode(field, (0.0, 2.0), y0, field.init(rng=0), **options)
    sol = tapeless.solve_ode(field, (0.0, 2.0), y0, field.init(rng=0), measure="states", **options)
    assert sol.ys.tobytes() == plain.ys.tobytes()
    steps = sol.steps
    counts = np.sum(~np.isnan(steps.h), axis=-1)
    assert (counts == sol.stats.accepted).all() and steps.stiffness is None
    there = ~np.isnan(steps.error)
    assert (steps.error[there] <= 1).all() and (steps.error[there] > 0).all()
    assert steps.error[there].max() > 0.1
    np.testing.assert_array_equal(steps.y[:, 0], y0)
    ends = np.nansum(steps.h, axis=-1)
    np.testing.assert_allclose(ends, 2.0)
