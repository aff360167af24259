"""Forward mode: `Solution.jvp` is the transpose of `vjp`, whatever was kept, and however many tangents there are."""

import numpy as np
import pytest

import tapeless
from forward_cases import ENDS, NETWORK, OWN, THETA, TIMES, lorenz
from tapeless.fields import Frozen, Slice

SUM = lorenz + NETWORK
SUM_THETA = np.concatenate([[10.0, 28.0, 8 / 3], THETA])
CASES = {
    "one alone": (lorenz, OWN[0], 1, 1.0, {}),
    "few": (NETWORK, THETA, 5, 1.0, {"rtol": 1e-7, "t_eval": TIMES}),
    "a tile that is not full": (NETWORK, THETA, 40, 1.0, {"rtol": 1e-7}),
    "not FSAL": (lorenz, OWN[0], 40, 1.0, {"method": "heun21", "atol": 1e-3}),
    "a sum": (SUM, SUM_THETA, 40, 0.3, {"t_eval": TIMES * 0.3}),
    "a part of theta": (Slice(NETWORK, 90, 7) + Frozen(lorenz, OWN[0]), np.ones(90), 5, 0.2, {}),
    "interpolated": (lorenz, OWN[0], 40, 1.0, {"method": "bosh3", "t_eval": TIMES}),
    "backward": (lorenz, OWN[0], 40, -0.3, {"method": "dop853"}),
    "equal steps": (NETWORK, THETA, 40, 1.0, {"method": "rk4", "n_steps": 23, "t_eval": TIMES}),
    "in lockstep": (NETWORK, THETA, 100, 1.0, {"coupled": True, "rtol": 1e-6}),
    "turns of many": (NETWORK, THETA, 400, ENDS, {"rtol": 1e-6}),
    "theta of each": (lorenz, OWN, 400, ENDS, {}),
    "theta of each, few": (lorenz, OWN, 5, 1.0, {"t_eval": TIMES}),
    "some that fail": (lorenz, OWN, 400, ENDS, {"max_steps": 25, "throw": False}),
}


def solve(case, **keep):
    field, theta, n, t1, options = CASES[case]
    y0 = np.random.default_rng(n).normal(size=(n, 3))
    theta = theta[:n] if np.ndim(theta) > 1 else theta
    return tapeless.solve_ode(field, (0.0, t1), y0, theta, threads=2, **options, **keep)


def directions(case, n_tangents, seed=0):
    _, theta, n, _, _ = CASES[case]
    rng, shape = np.random.default_rng(seed), (n, 3) if np.ndim(theta) > 1 else np.shape(theta)
    return rng.normal(size=(n_tangents, n, 3)), rng.normal(size=(n_tangents, *shape))


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_transpose_of_vjp(case):
    sol = solve(case)
    y0_dot, theta_dot = directions(case, 3)
    ys_dot = sol.jvp(y0_dot, theta_dot)
    assert np.array_equal(np.isnan(ys_dot[0]), np.isnan(sol.ys))
    bar = np.random.default_rng(0).normal(size=sol.ys.shape)
    y0_bar, theta_bar = sol.vjp(bar)
    for j in range(3):
        terms = np.nan_to_num(ys_dot[j]) * bar
        backward = (y0_bar * y0_dot[j]).sum() + (theta_bar * theta_dot[j]).sum()
        assert abs(terms.sum() - backward) <= 1e-11 * np.abs(terms).sum()


@pytest.mark.parametrize("case", CASES)
def test_so_it_is_with_times(case):
    sol, rng = solve(case, time_gradients=True), np.random.default_rng(1)
    y0_dot, theta_dot = directions(case, 1)
    shapes = {"t0": (), "t1": np.shape(CASES[case][3])}
    if "t_eval" in CASES[case][4]:
        shapes["t_eval"] = CASES[case][4]["t_eval"].shape
    dots = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    ys_dot = sol.jvp(y0_dot[0], theta_dot[0], **{f"{name}_dot": x for name, x in dots.items()})
    bar = rng.normal(size=sol.ys.shape)
    gradient = sol.vjp(bar, times=True)
    terms = np.nan_to_num(ys_dot) * bar
    dots |= {"y0": y0_dot[0], "theta": theta_dot[0]}
    parts = [(getattr(gradient, name) * x).sum() for name, x in dots.items()]
    assert abs(terms.sum() - sum(parts)) <= 1e-11 * (np.abs(terms).sum() + np.abs(parts).sum())


@pytest.mark.parametrize("case", CASES)
def test_bits_are_the_same_whatever_was_kept_and_however_many_there_are(case):
    sol, others = solve(case), [solve(case, adjoint="forward")]
    others.append(solve(case, adjoint="every", stride=3))
    y0_dot, theta_dot = directions(case, 11)  # two groups, one not full
    ys_dot = sol.jvp(y0_dot, theta_dot)
    for other in others:
        assert other.ys.tobytes() == sol.ys.tobytes()
        for _ in range(2):
            assert other.jvp(y0_dot, theta_dot).tobytes() == ys_dot.tobytes()
    for j in (0, 10):
        assert sol.jvp(y0_dot[j], theta_dot[j]).tobytes() == ys_dot[j].tobytes()
    np.testing.assert_array_equal(sol.jvp(y0_dot), sol.jvp(y0_dot, 0 * theta_dot))
    np.testing.assert_array_equal(sol.jvp(None, theta_dot), sol.jvp(0 * y0_dot, theta_dot))


@pytest.mark.parametrize("batch", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_float32(batch):
    rng = np.random.default_rng(0)
    y0 = rng.normal(size=(batch, 3)).astype(np.float32)
    options = {"n_steps": 20, "method": "rk4", "t_eval": TIMES}
    y0_dot, theta_dot = rng.normal(size=(9, batch, 3)), rng.normal(size=(9, len(THETA)))
    dots = {"t1_dot": rng.normal(size=9), "t_eval_dot": rng.normal(size=(9, len(TIMES)))}
    single, double = (
        tapeless.solve_ode(NETWORK, (0.0, 1.0), x, THETA, **options).jvp(y0_dot, theta_dot, **dots)
        for x in (y0, y0.astype(float))
    )
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=0, atol=1e-5 * np.abs(double).max())


@pytest.mark.parametrize("own", [False, True], ids=["one theta", "theta of each"])
def test_a_sample_is_alone(own):
    n, rng = 70, np.random.default_rng(6)
    y0, theta = rng.normal(size=(n, 3)), OWN[:n] if own else OWN[0]
    y0_dot, theta_dot = rng.normal(size=(3, n, 3)), rng.normal(size=(3, *theta.shape))
    whole = tapeless.solve_ode(lorenz, (0.0, 1.0), y0, theta, threads=2).jvp(y0_dot, theta_dot)
    one = tapeless.solve_ode(lorenz, (0.0, 1.0), y0, theta, threads=1).jvp(y0_dot, theta_dot)
    assert whole.tobytes() == one.tobytes()
    for i in (0, 31, 69):
        mine, dots = (theta[i : i + 1], theta_dot[:, i : i + 1]) if own else (theta, theta_dot)
        sol = tapeless.solve_ode(lorenz, (0.0, 1.0), y0[i : i + 1], mine)
        assert sol.jvp(y0_dot[:, i : i + 1], dots).tobytes() == whole[:, i : i + 1].tobytes()


def test_caller_may_change_what_was_passed_in():
    theta, y0, times = THETA.copy(), np.ones((40, 3)), TIMES.copy()
    sol = tapeless.solve_ode(NETWORK, (0.0, 1.0), y0, theta, t_eval=times, adjoint="forward")
    wanted = sol.jvp(theta_dot=THETA).tobytes()
    theta[:], y0[:], times[:] = 0, np.nan, 0.5
    assert sol.jvp(theta_dot=THETA).tobytes() == wanted


def test_interrupted_solve_has_the_tangents_of_what_was_reached():
    def stop(ended, batch):
        if ended > 0:
            raise KeyboardInterrupt

    found = []
    for adjoint in ("store", "forward"):
        with pytest.raises(KeyboardInterrupt) as caught:
            tapeless.solve_ode(
                NETWORK,
                (0.0, 1.0),
                np.ones((3000, 3)),
                THETA,
                threads=1,
                progress=stop,
                adjoint=adjoint,
            )
        sol = caught.value.solution
        found.append(sol.jvp(theta_dot=THETA))
        assert np.array_equal(np.isnan(found[-1]), np.isnan(sol.ys)) and np.isnan(sol.ys).any()
    assert found[0].tobytes() == found[1].tobytes()


def test_nothing_and_none_at_all():
    sol = tapeless.solve_ode(NETWORK, (0.0, 1.0), np.ones((2, 3)), THETA, adjoint="forward")
    assert not sol.jvp().any() and sol.jvp().shape == (2, 3)
    assert sol.jvp(np.ones((0, 2, 3))).shape == (0, 2, 3)
    empty = tapeless.solve_ode(NETWORK, (0.0, 1.0), np.ones((0, 3)), THETA, adjoint="forward")
    assert empty.jvp(theta_dot=np.ones((4, len(THETA)))).shape == (4, 0, 3)
    still = tapeless.solve_ode(NETWORK, (1.0, 1.0), np.ones((2, 3)), THETA, adjoint="forward")
    assert (still.jvp(np.full((2, 3), 2.0)) == 2).all()


PEAK = """
import numpy as np, tapeless, sys
from resident import peak_from_here, resident
field = tapeless.fields.MLP(2, [50, 50])
theta, y0 = field.init(rng=0), np.ones((256, 2))
options = {"method": "rk4", "threads": 1, "adjoint": "forward"}

def tangents(n):
    sol = tapeless.solve_ode(field, (0.0, 1.0), y0, theta, n_steps=n, **options)
    sol.jvp(np.ones((8, 256, 2)), np.ones((8, len(theta))))
    return sol.nbytes_adjoint

tangents(20)
before = peak_from_here()
kept = tangents(int(sys.argv[1]))
print(resident() - before, kept, y0.nbytes)
"""


def test_memory_does_not_grow_with_steps(run_python):
    grown, kept, states = map(int, run_python(PEAK, 1000).split())
    assert kept == states
    assert grown < 2_000_000, grown  # of a record of all steps: 1.6e9
