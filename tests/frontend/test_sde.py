"""`solve_sde`: what no bit depends on, steps that adapt, ends that fail, kinds of noise, and equations of the field."""

import math
import os
import signal
import threading

import numpy as np
import pytest

import tapeless
from tapeless import BrownianPath, Increment, SolverError, solve_sde
from tapeless.fields import MLP, Activation, Dense


@tapeless.field(dim=2, n_params=2, vjp="symbolic")
def drift(t, y, theta, dy):
    dy[0] = -theta[0] * y[0] + math.sin(y[1] + t)
    dy[1] = math.cos(y[0]) - theta[1] * y[1]


@tapeless.diffusion(dim=2, n_params=1, vjp="symbolic", jvp="symbolic")
def diagonal(t, y, theta, dg):
    dg[0] = theta[0] * math.sin(y[0]) + 0.8
    dg[1] = 0.7 * math.cos(theta[0] * y[1] + t)


@tapeless.diffusion(dim=2, channels=2, n_params=1, vjp="symbolic")
def general(t, y, theta, dg):
    dg[0, 0] = theta[0] * math.sin(y[1])
    dg[0, 1] = 0.5 * y[0]
    dg[1, 0] = 0.6 * math.cos(y[0])
    dg[1, 1] = 0.5


THETA = np.array([1.0, 0.5, 0.7])
SPAN = (0.0, 1.0)


def states(n, dtype=np.float64):
    return np.random.default_rng(n).standard_normal((n, 2)).astype(dtype)


def path_of(n, field=diagonal, **options):
    options = {"levy_area": "space-time", "resolution": 2.0**-12} | options
    return BrownianPath(9, 0.0, 1.0, (n, field.channels), **options)


# ---------------------------------------------------------------- invariances

WAYS = {
    "grid": {"method": "sriw1", "dt": 0.07},
    "reversible": {"method": "reversible_heun", "n_steps": 12},
    "adaptive": {"method": "sriw1", "rtol": 1e-2, "atol": 1e-2},
}


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


# ---------------------------------------------------------------- steps that adapt


@pytest.mark.parametrize(
    ("method", "field"),
    [("sriw1", diagonal), ("heun", diagonal), ("heun", general), ("spark", general)],
    ids=str,
)
def test_adaptive_errors_follow_the_tolerance(method, field):
    n, errors, steps = 64, [], []
    path = path_of(n, field, resolution=2.0**-16)
    exact = solve_sde(
        drift, field, SPAN, states(n), THETA, path=path, method=method, n_steps=2**13, adjoint=None
    )
    for tolerance in (1e-1, 1e-2, 1e-3):
        sol = solve_sde(
            drift,
            field,
            SPAN,
            states(n),
            THETA,
            path=path,
            method=method,
            rtol=tolerance,
            atol=tolerance,
        )
        errors.append(math.sqrt(((sol.ys - exact.ys) ** 2).mean()))
        steps.append(sol.stats.accepted.mean())
        assert tolerance == 0.1 or np.ptp(sol.stats.accepted) > 0
    assert errors[2] < 0.5 * errors[1] < 0.5 * errors[0] and steps[2] > steps[1]


def test_every_rejected_time_is_stepped_to_later():
    recorded = []
    sol = solve_sde(
        drift,
        diagonal,
        SPAN,
        states(3),
        THETA,
        path=path_of(3, resolution=2.0**-16),
        method="heun",
        rtol=1e-3,
        atol=1e-3,
    )
    assert sol.stats.rejected.min() > 5
    grid = sol._reverse._solve.chunks[0].grid
    lanes = grid.times.reshape(len(grid.times), -1)
    steps = [lanes[: n + 1, i] for i, n in enumerate(sol.stats.accepted)]
    # The path is asked for fixed steps on the same times: the same states, so nothing else was looked at.
    for i, times in enumerate(steps):
        assert (np.diff(times) > 0).all() and times[-1] == 1.0
        again = solve_sde(
            drift, diagonal, SPAN, states(3)[i : i + 1], THETA, path=path_of(1, resolution=2.0**-16, first_sample=i),
            method="heun", dt=times,
        )  # fmt: skip
        assert again.ys.tobytes() == sol.ys[i].tobytes()
        recorded.append(times)
    # No step may pass the top of the stack of rejected times, and at the end it is empty: all were gone to.
    steps = sol._reverse._solve.chunks[0].steps
    assert (steps.depth == 0).all() and (steps.counts[1].reshape(-1)[:3] > 5).all()
    # By the same rules in plain Python (to rounding: after a while noise at other times leads elsewhere).
    for i, times in enumerate(recorded):
        first = replay(states(3)[i], path_of(1, resolution=2.0**-16, first_sample=i))[0]
        assert abs(times - first).min() < 1e-7


def replay(y0, path):
    """Return the times that Heun's steps reject, by the rules of docs/sde.md in plain Python."""
    t, h, y, stack, rejected, before = 0.0, 0.01, y0.copy(), [], [], (1e-4, 1e-4)
    f, g = np.empty(2), np.empty(2)
    while t < 1.0:
        forced = min([1.0, *stack])
        room = forced - t
        end = forced if h >= 0.99 * room else t + (0.5 * room if h > 0.5 * room else h)
        step, w = end - t, path(t, end).W[0]
        stages, slopes = [y], []
        for j in range(2):
            drift.fun(t + j * step, stages[j], THETA[:2], f)
            diagonal.fun(t + j * step, stages[j], THETA[2:], g)
            slopes.append(f * step + g * w)
            stages.append(y + slopes[0])
        after = y + 0.5 * (slopes[0] + slopes[1])
        scale = 1e-3 + 1e-3 * np.maximum(abs(y), abs(after))
        q = ((0.5 * (slopes[1] - slopes[0]) / scale) ** 2).mean()
        order = 1.5
        if q <= 1:
            factor = 0.9 * q ** (-(1 / order - 0.03) / 2) * before[0] ** (0.04 / 2)
            size = step * min(max(factor, 0.2), 10.0)
            h = h if step < 0.99 * h and size < h else size
            before, t, y = (q, before[0]), end, after
            stack = [x for x in stack if x != end]
        else:
            rejected.append(end)
            if not stack or end < min(stack):
                stack.append(end)
            h = step * min(max(0.9 * q ** (-1 / order / 2), 0.2), 1.0)
    return rejected


def test_adaptive_gradient_is_that_of_its_grid():
    options = {
        "path": path_of(20, resolution=2.0**-16),
        "method": "sriw1",
        "rtol": 1e-2,
        "atol": 1e-2,
    }
    sol = solve_sde(drift, diagonal, SPAN, states(20), THETA, t_eval=[0.4, 1.0], **options)
    bar = np.random.default_rng(0).standard_normal(sol.ys.shape)
    y0_bar, theta_bar = sol.vjp(bar)
    total, grid = 0, sol._reverse._solve.chunks[0].grid
    for i, n in enumerate(sol.stats.accepted):
        lane = grid.times.reshape(len(grid.times), -1)[: n + 1, i]
        one = {
            "path": path_of(1, resolution=2.0**-16, first_sample=i),
            "method": "sriw1",
            "dt": lane,
        }
        alone = solve_sde(
            drift, diagonal, SPAN, states(20)[i : i + 1], THETA, t_eval=[0.4, 1.0], **one
        )
        found = alone.vjp(bar[i : i + 1])
        assert found[0].tobytes() == y0_bar[i].tobytes()
        total = total + found[1]
    np.testing.assert_allclose(theta_bar, total, rtol=1e-12)
    for how in ({"adjoint": "every", "stride": 3}, {"adjoint": "binomial", "budget": 60_000}):
        again = solve_sde(
            drift, diagonal, SPAN, states(20), THETA, t_eval=[0.4, 1.0], **options, **how
        )
        assert again.vjp(bar)[1].tobytes() == theta_bar.tobytes()


def test_backsolve_goes_back_over_steps_that_were_chosen():
    errors = []
    for tolerance in (1e-1, 1e-2, 1e-3):
        options = {
            "path": path_of(20, resolution=2.0**-20),
            "method": "heun",
            "rtol": tolerance,
            "atol": tolerance,
        }
        sol = solve_sde(drift, diagonal, SPAN, states(20), THETA, **options)
        other = solve_sde(drift, diagonal, SPAN, states(20), THETA, adjoint="backsolve", **options)
        wanted, found = (np.concatenate([x.ravel() for x in s.vjp(sol.ys)]) for s in (sol, other))
        errors.append(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
    assert errors[2] < 0.5 * errors[0] and errors[2] < 0.02


@pytest.mark.parametrize("way", ["grid", "adaptive"])
def test_a_path_has_state_of_less_than_a_kibibyte(way):
    path = path_of(256, resolution=2.0**-18)
    sol = solve_sde(drift, diagonal, SPAN, states(256), THETA, path=path, **WAYS[way])
    chunks = sol._reverse._solve.chunks
    assert sum(chunk.path_bytes for chunk in chunks) <= 1024 * 256 * 2


# ---------------------------------------------------------------- fields of other kinds


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
    dot, step = np.random.default_rng(4).standard_normal(len(theta)), 1e-6
    ends = [
        solve_sde(f, g, SPAN, y0, theta + s * dot, adjoint=None, **options).ys
        for s in (step, -step)
    ]
    np.testing.assert_allclose(
        theta_bar @ dot, ((ends[0] - ends[1]) * bar).sum() / (2 * step), rtol=1e-7
    )
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
    dot, step = np.random.default_rng(1).standard_normal(len(theta)), 1e-6
    ends = [
        solve_sde(f, diagonal, SPAN, states(5), theta + s * dot, adjoint=None, **options).ys
        for s in (step, -step)
    ]
    wanted = ((ends[0] - ends[1]) * sol.ys).sum() / (2 * step)
    np.testing.assert_allclose(sol.vjp(sol.ys)[1] @ dot, wanted, rtol=1e-6)


# ---------------------------------------------------------------- kinds of noise, and the senses of the integral


def kind(fun, channels=None, n_params=0):
    g = tapeless.diffusion(2, channels, n_params)(fun)
    return solve_sde(
        drift, g, SPAN, states(3), THETA[: 2 + n_params], rng=0, n_steps=2, adjoint=None
    ).noise


def test_derivatives_tell_kinds_of_noise_apart():
    def of_time(t, y, theta, dg):
        dg[0], dg[1] = 1.0 + t, 2.0

    def each(t, y, theta, dg):
        dg[0], dg[1] = y[0], math.sin(y[1])

    def other(t, y, theta, dg):
        dg[0], dg[1] = y[1], 1.0

    def matrix_of_time(t, y, theta, dg):
        dg[0, 0] = dg[1, 1] = t
        dg[0, 1] = dg[1, 0] = 0.5

    def one(t, y, theta, dg):
        dg[0, 0], dg[1, 0] = y[1], y[0] * y[1]

    def commuting(t, y, theta, dg):
        dg[0, 0], dg[1, 0], dg[0, 1], dg[1, 1] = y[0], 0.0, 0.0, y[1]

    assert [kind(f) for f in (of_time, each, other)] == ["additive", "diagonal", "diagonal-general"]
    found = [kind(matrix_of_time, 2), kind(one, 1), kind(commuting, 2)]
    assert found == ["additive", "scalar", "commutative"]
    assert solve_sde(drift, general, SPAN, states(3), THETA, rng=0, n_steps=2).noise == "general"
    # A dense network with one output for each component is not diagonal.
    f, g = MLP(2, 4), MLP(2, 4)
    theta = np.concatenate(
        [f.init(0), np.zeros(g.n_params)]
    )  # nor additive, whatever its parameters are now
    assert solve_sde(f, g, SPAN, states(3), theta, rng=0, n_steps=2).noise == "diagonal-general"


def test_a_start_that_is_not_finite_says_nothing_of_the_noise():
    def steady(t, y, theta, dg):
        dg[0], dg[1] = 0.5, y[1]

    g = tapeless.diffusion(2)(steady)
    options = {"rng": 0, "n_steps": 2, "adjoint": None, "throw": False}
    bad = solve_sde(drift, g, SPAN, np.full((1, 2), np.nan), THETA[:2], **options)
    assert bad.noise == "diagonal-general" and bad.stats.status[0] == 4
    assert solve_sde(drift, g, SPAN, states(2), THETA[:2], **options).noise == "diagonal"


def test_what_is_said_of_the_noise_belongs_to_a_diffusion():
    def mixed(t, y, theta, dg):
        dg[0], dg[1] = y[0], y[1]

    true, wrong = (tapeless.diffusion(2, noise=x)(mixed) for x in ("diagonal", "additive"))
    solve_sde(drift, true, SPAN, states(3), THETA[:2], rng=0, n_steps=2)
    with pytest.warns(UserWarning, match="said to be 'additive', but it looks 'diagonal'"):
        solve_sde(drift, wrong, SPAN, states(3), THETA[:2], rng=0, n_steps=2)


def test_noise_that_is_not_what_was_said_is_warned_of():
    def swapped(t, y, theta, dg):
        dg[0], dg[1] = y[1], y[0]

    g = tapeless.diffusion(2, noise="diagonal")(swapped)
    with pytest.warns(
        UserWarning, match="said to be 'diagonal', but it looks 'diagonal-general': entry"
    ):
        solve_sde(drift, g, SPAN, states(3), THETA[:2], rng=0, n_steps=2)


@pytest.mark.parametrize("method", ["heun", "reversible_heun", "midpoint"])
def test_conversion_leads_to_the_other_solution(method):
    path, y0 = path_of(400, resolution=2.0**-10), np.tile([0.7, -0.4], (400, 1))
    ito = solve_sde(drift, diagonal, SPAN, y0, THETA, path=path, method="milstein", n_steps=1024).ys
    other = solve_sde(drift, diagonal, SPAN, y0, THETA, path=path, method=method, n_steps=1024).ys
    found = solve_sde(
        drift,
        diagonal,
        SPAN,
        y0,
        THETA,
        path=path,
        method=method,
        calculus="ito",
        convert=True,
        n_steps=1024,
    ).ys
    apart = [math.sqrt(((x - ito) ** 2).mean()) for x in (found, other)]
    assert apart[0] < 0.003 and apart[1] > 10 * apart[0]
    back = solve_sde(
        drift, diagonal, SPAN, y0, THETA, path=path, method="milstein", calculus="stratonovich", convert=True,
        n_steps=1024,
    ).ys  # fmt: skip
    assert math.sqrt(((back - other) ** 2).mean()) < 0.003


# ---------------------------------------------------------------- equations of the field


def test_lorenz_with_additive_noise_keeps_to_its_attractor():
    @tapeless.field(dim=3, n_params=3)
    def lorenz(t, y, theta, dy):
        dy[0] = theta[0] * (y[1] - y[0])
        dy[1] = y[0] * (theta[1] - y[2]) - y[1]
        dy[2] = y[0] * y[1] - theta[2] * y[2]

    @tapeless.diffusion(dim=3)
    def noise(t, y, theta, dg):
        dg[0] = dg[1] = dg[2] = 0.5

    theta = [10.0, 28.0, 8 / 3]
    sol = solve_sde(
        lorenz, noise, (0.0, 10.0), np.ones((50, 3)), theta, rng=0, rtol=1e-3, atol=1e-3
    )
    assert sol.method == "sra1" and sol.noise == "additive" and sol.success
    assert (abs(sol.ys[:, :2]) < 35).all() and ((sol.ys[:, 2] > -5) & (sol.ys[:, 2] < 60)).all()
    assert np.std(sol.ys[:, 0]) > 4


def test_double_well_visits_both_wells_as_often():
    @tapeless.field(dim=1)
    def well(t, y, theta, dy):
        dy[0] = y[0] - y[0] ** 3

    @tapeless.diffusion(dim=1)
    def noise(t, y, theta, dg):
        dg[0] = 0.7

    sol = solve_sde(
        well, noise, (0.0, 40.0), np.zeros((4000, 1)), n_steps=1600, method="shark", rng=1
    )
    grid = np.linspace(-3, 3, 2001)
    density = np.exp((grid**2 - grid**4 / 2) / 0.7**2)
    second = (grid**2 * density).sum() / density.sum()  # of the invariant law
    assert abs(sol.ys.mean()) < 4 * sol.ys.std() / math.sqrt(4000)
    assert abs((sol.ys**2).mean() - second) < 4 * (sol.ys**2).std() / math.sqrt(4000)


def test_square_root_process_reports_where_it_leaves_its_domain():
    @tapeless.field(dim=1, n_params=2)
    def reverting(t, y, theta, dy):
        dy[0] = theta[0] * (theta[1] - y[0])

    @tapeless.diffusion(dim=1, n_params=1, noise="diagonal")
    def root(t, y, theta, dg):
        dg[0] = theta[0] * math.sqrt(y[0])

    calm = solve_sde(
        reverting, root, SPAN, np.full((2000, 1), 0.5), [2.0, 0.5, 0.2], n_steps=256, rng=0
    )
    assert abs(calm.ys.mean() - 0.5) < 4 * calm.ys.std() / math.sqrt(2000)
    variance = 0.5 * 0.2**2 / (2 * 2.0) * (1 - math.exp(-4.0))
    assert abs(calm.ys.var() / variance - 1) < 0.12
    with pytest.raises(
        SolverError, match=r"trajectories failed.*a value that is not finite"
    ) as caught:
        solve_sde(
            reverting, root, SPAN, np.full((100, 1), 0.05), [2.0, 0.05, 1.0], n_steps=64, rng=0
        )
    sol = caught.value.solution
    failed = sol.stats.status != 1
    assert 0 < failed.sum() < 100 and np.isnan(sol.ys[failed]).all() and np.isfinite(sol.y).all()
    assert (sol.stats.t[failed] < 1.0).all() and (sol.stats.accepted[failed] < 64).all()


# ---------------------------------------------------------------- ends that fail


def test_a_lane_that_fails_stops_alone_and_has_no_gradient_but_of_its_outputs():
    @tapeless.field(dim=1, n_params=1, vjp="symbolic")
    def explosive(t, y, theta, dy):
        dy[0] = theta[0] * y[0] ** 3

    @tapeless.diffusion(dim=1, vjp="symbolic")
    def small(t, y, theta, dg):
        dg[0] = 1e-3

    y0 = np.array([[0.1], [50.0], [0.2]])
    options = {"rng": 0, "n_steps": 40, "t_eval": [0.025, 0.5, 1.0], "throw": False}
    sol = solve_sde(explosive, small, SPAN, y0, [1.0], **options)
    assert list(sol.stats.status) == [1, 4, 1] and not sol.success
    assert (
        np.isfinite(sol.ys[[0, 2]]).all()
        and np.isnan(sol.ys[1, 1:]).all()
        and np.isfinite(sol.ys[1, 0])
    )
    for mode in ({}, {"adjoint": "every", "stride": 7}):
        y0_bar, theta_bar = solve_sde(explosive, small, SPAN, y0, [1.0], **options, **mode).vjp(
            np.ones((3, 3, 1))
        )
        assert np.isfinite(y0_bar).all() and np.isfinite(theta_bar).all() and y0_bar[1, 0] != 0


def test_statuses_of_adaptive_steps():
    coarse = path_of(4, resolution=2.0**-4)
    options = {"method": "sriw1", "rtol": 1e-6, "atol": 1e-6}
    with pytest.raises(
        SolverError, match="needed a step below the resolution of its Brownian path"
    ):
        solve_sde(drift, diagonal, SPAN, states(4), THETA, path=coarse, **options)
    with pytest.raises(SolverError, match="had taken all its steps"):
        solve_sde(
            drift,
            diagonal,
            SPAN,
            states(4),
            THETA,
            path=path_of(4, resolution=2.0**-40),
            max_steps=9,
            **options,
        )
    sol = solve_sde(drift, diagonal, SPAN, states(4), THETA, path=coarse, throw=False, **options)
    assert (sol.stats.status == 8).all() and (sol.stats.t < 1).all() and np.isnan(sol.ys).all()
    y0_bar, _ = sol.vjp(np.ones((4, 2)))
    assert (y0_bar == 0).all()


def test_two_million_steps_take_no_recursion():
    @tapeless.field(dim=1)
    def falling(t, y, theta, dy):
        dy[0] = -y[0]

    @tapeless.diffusion(dim=1)
    def tiny(t, y, theta, dg):
        dg[0] = 0.1

    sol = solve_sde(falling, tiny, SPAN, [[1.0]], n_steps=2_000_000, rng=0, adjoint=None)
    assert sol.success and abs(sol.ys[0, 0] - math.exp(-1)) < 0.3


def test_a_record_of_gigabytes_is_not_kept(monkeypatch):
    sol = solve_sde(drift, diagonal, SPAN, states(40), THETA, path=path_of(40), n_steps=200)
    monkeypatch.setattr("tapeless._sde_arguments.LARGEST_RECORD", 1 << 18)
    other = solve_sde(drift, diagonal, SPAN, states(40), THETA, path=path_of(40), n_steps=200)
    assert other.nbytes_adjoint < sol.nbytes_adjoint / 3
    for x, y in zip(sol.vjp(sol.ys), other.vjp(sol.ys), strict=True):
        assert x.tobytes() == y.tobytes()


BAD = {
    "drift": ({"drift": 3}, "`drift` must be a tapeless field"),
    "diffusion": ({"diffusion": lambda t: t}, "`diffusion` must be a tapeless.diffusion"),
    "no diffusion": (
        {"diffusion": None},
        "`diffusion` must be given, unless `drift` is a JointField",
    ),
    "reversed": ({"t_span": (1.0, 0.0)}, "`t_span` must be a pair with t0 < t1"),
    "empty span": ({"t_span": (1.0, 1.0)}, "`t_span` must be a pair with t0 < t1"),
    "NaN span": ({"t_span": (0.0, np.nan)}, "`t_span` must be a pair of finite numbers"),
    "y0": ({"y0": np.ones((3, 5))}, r"`y0` must be of shape \(batch, 2\)"),
    "theta": ({"theta": [1.0]}, r"`theta` must be of shape \(3,\), the drift's 2 numbers first"),
    "inf theta": ({"theta": [1.0, np.inf, 0.0]}, "`theta` must be finite"),
    "dt": ({"n_steps": None, "dt": -0.1}, "`dt` must be a positive number"),
    "NaN dt": ({"n_steps": None, "dt": np.nan}, "`dt` must be a positive number"),
    "tiny dt": ({"n_steps": None, "dt": 1e-300}, "`dt` must be a positive number"),
    "both": ({"dt": 0.1}, "`dt` must be left out where there is `n_steps`"),
    "n_steps": ({"n_steps": 0}, "`n_steps` must be a positive integer"),
    "times": ({"n_steps": None, "dt": [0.0, 0.5]}, "times of steps from t0 = 0.0 to t1 = 1.0"),
    "t_eval": ({"t_eval": [0.5, 2.0]}, r"`t_eval` must be in ascending order, within \[0.0, 1.0\]"),
    "method": ({"method": "rk4"}, "`method` must be one of euler_maruyama, milstein"),
    "calculus": ({"calculus": "stochastic"}, "`calculus` must be 'ito' or 'stratonovich'"),
    "other sense": (
        {"method": "heun", "calculus": "ito"},
        "Those that do: euler_maruyama, milstein, milstein_free",
    ),
    "noise": (
        {"method": "sra1"},
        "`method` must be one that takes 'diagonal' noise; got 'sra1', which takes additive",
    ),
    "adaptive": (
        {"n_steps": None, "method": "euler_maruyama"},
        "adaptive methods for 'diagonal' noise are sriw1",
    ),
    "path and rng": (
        {"rng": 0, "path": path_of(3)},
        "`rng` must be left out where there is a `path`",
    ),
    "path's shape": ({"path": path_of(4)}, r"`path` must be of shape \(3, 2\)"),
    "path's span": (
        {"path": path_of(3), "t_span": (0.0, 2.0)},
        r"`path` must be on all of \[0.0, 2.0\]",
    ),
    "path's areas": (
        {"path": path_of(3, levy_area="none"), "method": "sriw1"},
        "one with areas for this method",
    ),
    "increments": ({"path": np.zeros((9, 3, 2))}, "`path` must be of 8 steps"),
    "increments' shape": ({"path": np.zeros((8, 4, 2))}, r"increments of shape \(n_steps, 3, 2\)"),
    "NaN increments": ({"path": np.full((8, 3, 2), np.nan)}, "`path` must be finite"),
    "adapted increments": (
        {"path": np.zeros((8, 3, 2)), "n_steps": None, "method": "sriw1"},
        "BrownianPath",
    ),
    "no areas": ({"path": np.zeros((8, 3, 2)), "method": "sriw1"}, "and areas of that shape"),
    "adjoint": ({"adjoint": "forward"}, "`adjoint` must be one of 'store'"),
    "stride": ({"adjoint": "every"}, "`stride` must be given with adjoint='every'"),
    "budget": ({"adjoint": "binomial", "budget": 10}, "`budget` must be at least"),
    "reversible": (
        {"adjoint": "reversible"},
        "only the steps of 'reversible_heun' can be taken back",
    ),
    "backsolve": ({"adjoint": "backsolve"}, "the continuous adjoint is that of Stratonovich ones"),
    "rtol": (
        {"n_steps": None, "method": "sriw1", "rtol": -1.0},
        "`rtol` must be a number, finite and not negative",
    ),
    "tolerances": (
        {"n_steps": None, "method": "sriw1", "rtol": 0, "atol": 0},
        "`atol` must be positive",
    ),
    "convert": (
        {"diffusion": general, "method": "heun", "calculus": "ito", "convert": True},
        "one with a `jvp`",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_nonsense_is_named(case):
    changes, match = BAD[case]
    given = {
        "drift": drift, "diffusion": diagonal, "t_span": SPAN, "y0": states(3), "theta": THETA, "n_steps": 8,
    } | changes  # fmt: skip
    arguments = [given.pop(name) for name in ("drift", "diffusion", "t_span", "y0", "theta")]
    with pytest.raises((TypeError, ValueError), match=match) as caught:
        solve_sde(*arguments, **given)
    assert str(caught.value).startswith("solve_sde: ")


def test_gradients_that_there_are_not():
    sol = solve_sde(drift, diagonal, SPAN, states(3), THETA, rng=0, n_steps=4)
    with pytest.raises(ValueError, match="a Brownian path has no derivative"):
        sol.vjp(sol.ys, times=True)
    with pytest.raises(ValueError, match="`ys_bar` must be of shape"):
        sol.vjp(np.ones(3))
    with pytest.raises(ValueError, match="`ys_bar` must be finite"):
        sol.vjp(np.full((3, 2), np.nan))
    none = solve_sde(drift, diagonal, SPAN, states(3), THETA, rng=0, n_steps=4, adjoint=None)
    with pytest.raises(ValueError, match="nothing was kept"):
        none.vjp(sol.ys)
    plain = tapeless.diffusion(2, n_params=1)(diagonal.fun)
    with pytest.raises(ValueError, match="`vjp` must be given for every field"):
        solve_sde(drift, plain, SPAN, states(3), THETA, rng=0, n_steps=4).vjp(sol.ys)


@pytest.mark.parametrize("adaptive", [False, True])
def test_interruption_keeps_what_was_reached(adaptive):
    def press():
        os.kill(os.getpid(), signal.SIGINT)

    how = (
        {"n_steps": 10_000_000}
        if not adaptive
        else {"method": "sriw1", "rtol": 0, "atol": 1e-9, "max_steps": 2**40}
    )
    if adaptive:
        how["path"] = path_of(40, resolution=2.0**-48)
    for warm in ({"n_steps": 2}, {"method": "sriw1"}):  # compiled before
        solve_sde(drift, diagonal, SPAN, states(40), THETA, rng=0, adjoint=None, **warm)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(1.5, press)
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            timer.start()
            solve_sde(drift, diagonal, SPAN, states(40), THETA, adjoint=None, **how)
    finally:
        signal.signal(signal.SIGINT, before)
    sol = caught.value.solution
    assert (
        (sol.stats.status == 6).all()
        and (sol.stats.accepted > 0).all()
        and np.isfinite(sol.y).all()
    )
    assert ((sol.stats.t > 0) & (sol.stats.t < 1)).all() and not sol.success


def test_a_field_that_raises_stops_its_lane():
    @tapeless.field(dim=1)
    def picky(t, y, theta, dy):
        if y[0] > 2.0:
            raise ValueError("too large")
        dy[0] = y[0]

    @tapeless.diffusion(dim=1, noise="additive")
    def small(t, y, theta, dg):
        dg[0] = 1e-3

    with pytest.raises(SolverError, match="was stopped by its field") as caught:
        solve_sde(picky, small, SPAN, [[0.1], [1.5], [0.2]], rng=0, n_steps=50)
    assert list(caught.value.solution.stats.status) == [1, 5, 1]


def test_empty_batches():
    for way in WAYS.values():
        sol = solve_sde(drift, diagonal, SPAN, np.zeros((0, 2)), THETA, rng=0, **way)
        assert sol.ys.shape == (0, 2) and sol.success
        y0_bar, theta_bar = sol.vjp(np.zeros((0, 2)))
        assert y0_bar.shape == (0, 2) and (theta_bar == 0).all()
