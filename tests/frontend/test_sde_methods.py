"""Methods for SDEs: strong orders against their own limit and against a common one, weak orders, discrete adjoints."""

import math

import numpy as np
import pytest

import tapeless
from differences import central_difference
from tapeless import BrownianPath, solve_sde
from tapeless_kernels.tableaus.stochastic import DERIVATIVE, NOISES, STOCHASTIC, STRATONOVICH


@tapeless.field(dim=2, n_params=2, vjp="symbolic")
def drift(t, y, theta, dy):
    """Two oscillating components."""
    dy[0] = -theta[0] * y[0] + math.sin(2 * y[1] + t)
    dy[1] = math.cos(2 * y[0]) - theta[1] * y[1]


def additive(t, y, theta, dg):
    dg[0] = theta[0] * (1.2 + 0.3 * math.sin(t))
    dg[1] = 1.5


def diagonal(t, y, theta, dg):
    dg[0] = theta[0] * math.sin(y[0]) + 1.0
    dg[1] = math.cos(theta[0] * y[1] + t)


def diagonal_general(t, y, theta, dg):
    dg[0] = theta[0] * math.sin(2 * y[1]) + 1.0
    dg[1] = math.cos(2 * y[0] + t)


def scalar(t, y, theta, dg):
    dg[0, 0] = theta[0] * math.sin(y[0] + y[1]) + 0.5
    dg[1, 0] = math.cos(y[1] + 0.5 * y[0])


def commutative(t, y, theta, dg):
    # Two linear maps that commute.
    dg[0, 0] = theta[0] * (0.6 * y[0] - 0.4 * y[1])
    dg[1, 0] = theta[0] * (0.4 * y[0] + 0.6 * y[1])
    dg[0, 1] = 0.3 * y[0] + 0.7 * y[1]
    dg[1, 1] = -0.7 * y[0] + 0.3 * y[1]


def general(t, y, theta, dg):
    dg[0, 0] = theta[0] * math.sin(2 * y[1])
    dg[0, 1] = y[0]
    dg[1, 0] = theta[0] * math.cos(2 * y[0])
    dg[1, 1] = 1.0


def make(fun, channels=None, **options):
    """Return one of the functions above as a diffusion with one parameter."""
    return tapeless.diffusion(2, channels, 1, vjp="symbolic", jvp="symbolic", **options)(fun)


DIFFUSIONS = {
    "additive": make(additive),
    "scalar": make(scalar, 1),
    "diagonal": make(diagonal),
    "commutative": make(commutative, 2),
    "diagonal-general": make(diagonal_general),
    "general": make(general, 2),
}
START, THETA = (0.7, -0.4), (1.0, 0.5, 0.8)

CASES = [(method, noise) for method in STOCHASTIC for noise in method.strong]
WITH_TRANSPOSE = [(m, noise) for m, noise in CASES if m.kind != DERIVATIVE]
LEVELS, FINE, PATHS, GROUPS = (5, 6, 7, 8), 11, 1024, 8


def name_of(x):
    return getattr(x, "name", x)


@pytest.fixture(scope="module")
def solve():
    """Return the ends of solves over equal steps of one path for each kind of noise; solves are remembered."""
    found = {}

    def run(method, noise, level):
        if (method, noise, level) not in found:
            g = DIFFUSIONS[noise]
            path = BrownianPath(
                3, 0.0, 1.0, (PATHS, g.channels), "space-time", resolution=2.0**-FINE
            )
            y0 = np.tile(START, (PATHS, 1))
            options = {"path": path, "method": method, "n_steps": 2**level, "adjoint": None}
            sol = solve_sde(drift, g, (0.0, 1.0), y0, THETA, **options)
            assert sol.noise == noise  # what derivatives say
            found[method, noise, level] = sol.ys
        return found[method, noise, level]

    return run


@pytest.mark.parametrize(("method", "noise"), CASES, ids=name_of)
def test_strong_order_and_the_common_limit(solve, method, noise):
    limit = solve(method.name, noise, FINE)
    squares = [((solve(method.name, noise, k) - limit) ** 2).sum(axis=1) for k in LEVELS]
    groups = np.log2([s.reshape(-1, GROUPS).mean(axis=0) for s in squares]) / 2
    slopes = -np.polyfit(LEVELS, groups, 1)[0]
    deviation = slopes.std(ddof=1) / math.sqrt(GROUPS)
    # 95 % confidence, by t of 7 degrees of freedom: the interval is narrower than what is tolerated.
    assert abs(slopes.mean() - method.strong[noise]) < 0.15 and 2.36 * deviation < 0.15
    common = "heun" if method.calculus == STRATONOVICH else "euler_maruyama"
    between = math.sqrt(((limit - solve(common, noise, FINE)) ** 2).sum(axis=1).mean())
    # Where the other one has order 1 its own error is h; else sqrt(h). The senses are apart by 0.1 and more.
    quick = noise == "additive" or (common == "heun" and noise in NOISES[:4])
    assert between < (6 * 2.0**-FINE if quick else 2 * 2.0 ** (-FINE / 2))


def test_a_wrong_coefficient_is_seen(solve):
    def broken(level):
        g = DIFFUSIONS["additive"]
        path = BrownianPath(3, 0.0, 1.0, (PATHS, 2), "space-time", resolution=2.0**-FINE)
        done = path(*(np.arange(2**level + i)[i:] / 2**level for i in (0, 1)))
        other = tapeless.Increment(done.W, -done.H)  # the sign of the area turned
        y0 = np.tile(START, (PATHS, 1))
        options = {"method": "shark", "n_steps": 2**level, "adjoint": None}
        return solve_sde(drift, g, (0.0, 1.0), y0, THETA, path=other, **options).ys

    limit = solve("shark", "additive", FINE)
    errors = [math.sqrt(((broken(k) - limit) ** 2).mean()) for k in LEVELS]
    assert -np.polyfit(LEVELS, np.log2(errors), 1)[0] < 1.25


WEAK = [m for m in STOCHASTIC if "scalar" in m.strong or "additive" in m.strong]


@tapeless.field(dim=1, n_params=1)
def linear(t, y, theta, dy):
    dy[0] = theta[0] * y[0]


@tapeless.diffusion(dim=1, n_params=1, jvp="symbolic")
def proportional(t, y, theta, dg):
    dg[0] = theta[0] * y[0]


@tapeless.diffusion(dim=1, n_params=1, jvp="symbolic")
def constant(t, y, theta, dg):
    dg[0] = theta[0]


def antithetic(n, paths, seed):
    """Return increments of n steps whose first moments and areas are exact by symmetry: four signs of each."""
    rng, h = np.random.default_rng(seed), 1.0 / n
    w = rng.standard_normal((n, paths, 1)) * math.sqrt(h)
    a = rng.standard_normal((n, paths, 1)) * math.sqrt(h / 12)
    signs = ((1, 1), (1, -1), (-1, 1), (-1, -1))
    return tapeless.Increment(
        *(np.concatenate([s[i] * x for s in signs], 1) for i, x in enumerate((w, a)))
    )


@pytest.mark.parametrize("method", [m for m in WEAK if "diagonal" in m.strong], ids=name_of)
def test_weak_order_on_geometric_brownian_motion(method):
    mu, sigma, levels = -1.5, 0.3, (1, 2, 3)
    drift_of_mean = mu if method.calculus == "ito" else mu + sigma**2 / 2
    errors = []
    for level in levels:
        noise = antithetic(2**level, 20_000, level)
        options = {"method": method, "n_steps": 2**level, "adjoint": None}
        y0 = np.ones((80_000, 1))
        ends = solve_sde(
            linear, proportional, (0.0, 1.0), y0, [mu, sigma], path=noise, **options
        ).ys
        # A control variate with the same noise: the product of 1 + sigma W, of mean 1.
        control = np.prod(1 + sigma * noise.W[:, :, 0], axis=0)
        slope = np.cov(ends[:, 0], control)[0, 1] / control.var()
        errors.append(abs((ends[:, 0] - slope * (control - 1)).mean() - math.exp(drift_of_mean)))
    assert -np.polyfit(levels, np.log2(errors), 1)[0] > method.weak["diagonal"] - 0.25


@pytest.mark.parametrize("method", [m for m in WEAK if "additive" in m.strong], ids=name_of)
def test_weak_order_on_ornstein_uhlenbeck(method):
    # The method is linear in y0 and in the noise, so one solve for each source of noise gives the variance exactly.
    theta, sigma, levels, errors = -1.5, 0.8, (2, 3, 4), []
    for level in levels:
        n = 2**level
        w, a = np.zeros((n, 2 * n, 1)), np.zeros((n, 2 * n, 1))
        w[np.arange(n), np.arange(n), 0] = math.sqrt(1 / n)
        a[np.arange(n), n + np.arange(n), 0] = math.sqrt(1 / (12 * n))
        options = {
            "method": method,
            "n_steps": n,
            "adjoint": None,
            "path": tapeless.Increment(w, a),
        }
        ends = solve_sde(
            linear, constant, (0.0, 1.0), np.zeros((2 * n, 1)), [theta, sigma], **options
        ).ys
        exact = sigma**2 * (math.exp(2 * theta) - 1) / (2 * theta)
        mean = solve_sde(
            linear, constant, (0.0, 1.0), [[1.0]], [theta, sigma], method=method, n_steps=n, adjoint=None,
            path=tapeless.Increment(np.zeros((n, 1, 1)), np.zeros((n, 1, 1))),
        ).ys[0, 0]  # fmt: skip
        errors.append(abs((ends**2).sum() - exact) + abs(mean - math.exp(theta)))
    assert -np.polyfit(levels, np.log2(errors), 1)[0] > method.weak["additive"] - 0.25


# ---------------------------------------------------------------- discrete adjoints


def example(noise, batch=5, seed=0):
    """Return a diffusion, its path, initial states and a cotangent of outputs at three times."""
    rng, g = np.random.default_rng(seed), DIFFUSIONS[noise]
    path = BrownianPath(5, 0.0, 1.0, (batch, g.channels), "space-time", resolution=2.0**-12)
    return g, path, rng.standard_normal((batch, 2)), rng.standard_normal((batch, 3, 2))


TIMES = np.array([0.25, 0.6, 1.0])


@pytest.mark.parametrize("batch", [5, 40])
@pytest.mark.parametrize(("method", "noise"), WITH_TRANSPOSE, ids=name_of)
def test_adjoint_against_central_differences(method, noise, batch):
    g, path, y0, bar = example(noise, batch)
    options = {"path": path, "method": method, "dt": 0.07, "t_eval": TIMES}
    sol = solve_sde(drift, g, (0.0, 1.0), y0, THETA, **options)
    y0_bar, theta_bar = sol.vjp(bar)
    rng, theta = np.random.default_rng(1), np.array(THETA)
    for y_dot, theta_dot in (
        (rng.standard_normal(y0.shape), 0 * theta),
        (0 * y0, rng.standard_normal(3)),
    ):

        def moved(s, y_dot=y_dot, theta_dot=theta_dot):
            y, parameters = y0 + s * y_dot, theta + s * theta_dot
            return solve_sde(drift, g, (0.0, 1.0), y, parameters, adjoint=None, **options).ys

        wanted = (central_difference(moved, 1e-6) * bar).sum()
        found = (y0_bar * y_dot).sum() + (theta_bar * theta_dot).sum()
        assert abs(found - wanted) < 1e-6 * max(abs(wanted), 0.1)


@pytest.mark.parametrize(("method", "noise"), WITH_TRANSPOSE, ids=name_of)
def test_memory_modes_agree_to_the_bit(method, noise):
    g, path, y0, bar = example(noise, 20)
    options = {"path": path, "method": method, "dt": 0.03, "t_eval": TIMES}
    stored = solve_sde(drift, g, (0.0, 1.0), y0, THETA, **options)
    wanted = stored.vjp(bar)
    for how in ({"adjoint": "every", "stride": 5}, {"adjoint": "binomial", "budget": 100_000}):
        sol = solve_sde(drift, g, (0.0, 1.0), y0, THETA, **options, **how)
        assert sol.ys.tobytes() == stored.ys.tobytes()
        for _ in range(2):
            found = sol.vjp(bar)
            assert all(x.tobytes() == y.tobytes() for x, y in zip(found, wanted, strict=True))
        assert sol.nbytes_adjoint < stored.nbytes_adjoint


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("batch", [3, 40])
def test_reversible_heun_takes_its_steps_back(noise, batch):
    g, path, y0, bar = example(noise, batch)
    options = {"path": path, "method": "reversible_heun", "dt": 0.07, "t_eval": TIMES}
    wanted = solve_sde(drift, g, (0.0, 1.0), y0, THETA, **options).vjp(bar)
    sol = solve_sde(drift, g, (0.0, 1.0), y0, THETA, adjoint="reversible", **options)
    for _ in range(2):
        for x, y in zip(sol.vjp(bar), wanted, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-11)
    longer = solve_sde(
        drift,
        g,
        (0.0, 1.0),
        y0,
        THETA,
        adjoint="reversible",
        path=path,
        method="reversible_heun",
        n_steps=2048,
    )
    assert longer.nbytes_adjoint - sol.nbytes_adjoint < 2**15  # but for the times of steps, flat


@pytest.mark.parametrize("noise", NOISES)
def test_backsolve_converges_to_the_discrete_adjoint(noise):
    g, path, y0, bar = example(noise, 64)
    errors = []
    for n in (32, 128, 512):
        options = {"path": path, "method": "heun", "n_steps": n, "t_eval": TIMES}
        wanted = np.concatenate(
            [x.ravel() for x in solve_sde(drift, g, (0.0, 1.0), y0, THETA, **options).vjp(bar)]
        )
        sol = solve_sde(drift, g, (0.0, 1.0), y0, THETA, adjoint="backsolve", **options)
        found = np.concatenate([x.ravel() for x in sol.vjp(bar)])
        errors.append(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
    assert errors[2] < 0.35 * errors[0] and errors[2] < 0.03
