"""`solve_sde`: what no bit depends on, and fields of other kinds."""

import math

import numpy as np
import pytest

import tapeless
from differences import central_difference
from sde_problem import SPAN, THETA, WAYS, diagonal, drift, path_of, states
from tapeless import BrownianPath, Increment, solve_sde
from tapeless.fields import MLP, Activation, Dense


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("way", WAYS)
def test_a_trajectory_is_alone(way, dtype):
    n = 100 if way == "adaptive" else 700  # of functions, many trajectories go in wider tiles
    y0, bar = states(n, dtype), np.ones((n, 2), dtype)
    sol = solve_sde(drift, diagonal, SPAN, y0, THETA, path=path_of(n), **WAYS[way])
    y0_bar, _ = sol.vjp(bar)
    assert sol.ys.dtype == y0_bar.dtype == dtype
    # Alone, in a batch that begins within a quad, in one that ends elsewhere, and in a wide one that does both.
    for first, last in ((41, 42), (3, 90), (0, 33), (n // 20 + 1, n - 6)):
        rows = slice(first, last)
        part = solve_sde(
            drift,
            diagonal,
            SPAN,
            y0[rows],
            THETA,
            path=path_of(last - first, first_sample=first),
            **WAYS[way],
        )
        assert part.ys.tobytes() == sol.ys[rows].tobytes()
        assert part.vjp(bar[rows])[0].tobytes() == y0_bar[rows].tobytes()
        assert (part.stats.accepted == sol.stats.accepted[rows]).all()


@pytest.mark.parametrize("way", WAYS)
def test_threads_change_no_bit(way):
    n = 1500
    results = []
    for threads in (1, 2):
        sol = solve_sde(
            drift, diagonal, SPAN, states(n), THETA, path=path_of(n), threads=threads, **WAYS[way]
        )
        results.append((sol.ys, *sol.vjp(np.ones((n, 2)))))
    assert all(x.tobytes() == y.tobytes() for x, y in zip(*results, strict=True))


def test_parameters_of_its_own_for_each_trajectory():
    theta = THETA + 0.1 * np.random.default_rng(0).standard_normal((40, 3))
    sol = solve_sde(drift, diagonal, SPAN, states(40), theta, path=path_of(40), dt=0.1)
    y0_bar, theta_bar = sol.vjp(np.ones((40, 2)))
    assert theta_bar.shape == (40, 3)
    for i in (0, 17, 39):
        one = solve_sde(
            drift,
            diagonal,
            SPAN,
            states(40)[i : i + 1],
            theta[i],
            path=path_of(1, first_sample=i),
            dt=0.1,
        )
        found = one.vjp(np.ones((1, 2)))
        assert one.ys.tobytes() == sol.ys[i].tobytes() and found[0].tobytes() == y0_bar[i].tobytes()
        assert found[1].tobytes() == theta_bar[i].tobytes()


def test_increments_work_where_a_path_does():
    n, times = 30, np.linspace(0.0, 1.0, 21)
    path = path_of(n)
    wanted = solve_sde(drift, diagonal, SPAN, states(n), THETA, path=path, dt=times, method="sriw1")
    done = path(times[:-1], times[1:])
    found = solve_sde(
        drift, diagonal, SPAN, states(n), THETA, path=Increment(*done[:2]), dt=times, method="sriw1"
    )
    assert found.ys.tobytes() == wanted.ys.tobytes()
    w_only = solve_sde(drift, diagonal, SPAN, states(n), THETA, path=done.W, dt=times)
    assert (
        w_only.ys.tobytes()
        == solve_sde(drift, diagonal, SPAN, states(n), THETA, path=path, dt=times).ys.tobytes()
    )


@pytest.mark.parametrize("n_steps", [1, 7, 64, 100])
def test_a_path_that_is_drawn_is_a_path(n_steps):
    sol = solve_sde(
        drift, diagonal, SPAN, states(20), THETA, rng=3, n_steps=n_steps, t_eval=[0.3, 1.0]
    )
    again = solve_sde(
        drift, diagonal, SPAN, states(20), THETA, path=sol.path, n_steps=n_steps, t_eval=[0.3, 1.0]
    )
    same = solve_sde(
        drift, diagonal, SPAN, states(20), THETA, rng=3, n_steps=n_steps, t_eval=[0.3, 1.0]
    )
    assert sol.ys.tobytes() == again.ys.tobytes() == same.ys.tobytes()
    # Its increments over the steps are of variance dt, exactly by how it is made, and nest.
    assert sol.path.resolution * (sol.path.t1 - sol.path.t0) <= 1.0 / n_steps * (1 + 1e-12)
    np.testing.assert_allclose(
        sol.path(0.0, 1.0), sol.path(0.0, 0.3) + sol.path(0.3, 1.0), atol=1e-12
    )


def test_outputs_are_those_of_shorter_solves():
    times = np.array([0.0, 0.2, 0.2, 0.55, 1.0])
    sol = solve_sde(
        drift, diagonal, SPAN, states(30), THETA, path=path_of(30), n_steps=20, t_eval=times
    )
    assert (sol.ys[:, 0] == states(30)).all() and (sol.ys[:, 1] == sol.ys[:, 2]).all()
    part = solve_sde(drift, diagonal, (0.0, 0.55), states(30), THETA, path=path_of(30), n_steps=11)
    np.testing.assert_allclose(sol.ys[:, 3], part.ys, rtol=1e-12)
    single = solve_sde(
        drift,
        diagonal,
        SPAN,
        states(30)[4],
        THETA,
        path=path_of(1, first_sample=4),
        n_steps=20,
        t_eval=times,
    )
    assert single.ys.shape == (5, 2) and single.ys.tobytes() == sol.ys[4].tobytes()
    y0_bar, _ = single.vjp(np.eye(5, 2))
    assert y0_bar.shape == (2,)


def test_networks_and_their_joint_cache():
    f = MLP(3, 8)
    g = tapeless.DiffusionNetwork(3, [Dense(8), Activation("tanh"), Dense(6)], channels=2)
    theta = np.concatenate([f.init(0), g.init(1)])
    y0 = np.random.default_rng(2).standard_normal((20, 3))
    options = {"path": BrownianPath(1, 0.0, 1.0, (20, 2)), "method": "heun", "n_steps": 8}
    sol = solve_sde(f, g, SPAN, y0, theta, **options)
    assert sol.noise == "general"
    bar = np.random.default_rng(3).standard_normal((20, 3))
    y0_bar, theta_bar = sol.vjp(bar)
    dot = np.random.default_rng(4).standard_normal(len(theta))
    ys_dot = central_difference(
        lambda s: solve_sde(f, g, SPAN, y0, theta + s * dot, adjoint=None, **options).ys, 1e-6
    )
    np.testing.assert_allclose(theta_bar @ dot, (ys_dot * bar).sum(), rtol=1e-7)
    back = solve_sde(f, g, SPAN, y0, theta, adjoint="binomial", budget=200_000, **options)
    assert back.vjp(bar)[0].tobytes() == y0_bar.tobytes()


@pytest.mark.parametrize(
    "method", ["euler_maruyama", "euler_heun", "heun", "reversible_heun", "sriw1"]
)
def test_a_joint_field_is_both(method):
    def both(t, y, theta, out):
        out[0] = -theta[0] * y[0] + math.sin(y[1] + t)
        out[1] = math.cos(y[0]) - theta[1] * y[1]
        out[2] = theta[2] * math.sin(y[0]) + 0.8
        out[3] = 0.7 * math.cos(theta[2] * y[1] + t)

    joint = tapeless.JointField(both, 2, n_params=3, vjp="symbolic")
    options = {"path": path_of(20), "method": method, "n_steps": 16}
    found = solve_sde(joint, None, SPAN, states(20), THETA, **options)
    wanted = solve_sde(drift, diagonal, SPAN, states(20), THETA, **options)
    assert found.noise == wanted.noise == "diagonal"
    np.testing.assert_allclose(found.ys, wanted.ys, rtol=1e-13)
    for x, y in zip(found.vjp(found.ys), wanted.vjp(wanted.ys), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-11, atol=1e-12)


def test_spectral_weights_are_mapped():
    f = tapeless.fields.Network(2, [tapeless.fields.SpectralDense(2)])
    theta = np.concatenate([3 * f.init(0), [0.5]])
    options = {"path": path_of(5), "n_steps": 6}
    sol = solve_sde(f, diagonal, SPAN, states(5), theta, **options)
    dot = np.random.default_rng(1).standard_normal(len(theta))
    ys_dot = central_difference(
        lambda s: (
            solve_sde(f, diagonal, SPAN, states(5), theta + s * dot, adjoint=None, **options).ys
        ),
        1e-6,
    )
    wanted = (ys_dot * sol.ys).sum()
    np.testing.assert_allclose(sol.vjp(sol.ys)[1] @ dot, wanted, rtol=1e-6)
