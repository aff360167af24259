"""Steps of `solve_sde` that adapt: errors, the times that they visit, and gradients on the grid they chose."""

import math

import numpy as np
import pytest

from sde_problem import SPAN, THETA, WAYS, diagonal, drift, general, path_of, states
from tapeless import solve_sde


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
