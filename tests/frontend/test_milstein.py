"""Gradients through the derivative of a diffusion: Milstein's method, and drifts converted between the two senses."""

import math

import numpy as np
import pytest

import tapeless
from tapeless import BrownianPath, DiffusionNetwork, solve_sde
from tapeless.fields import MLP, Activation, ConcatTime, Dense, Frozen, Slice, SpectralDense
from tapeless.testing import check_vjp, check_vjp_jvp
from tapeless_kernels.tableaus.stochastic import ITO, StochasticMethod, W

SPAN = (0.0, 0.8)
Y0 = np.random.default_rng(0).standard_normal((5, 2))
BAR = np.random.default_rng(1).standard_normal((5, 2))
THETA = np.array([1.0, 0.5, 0.7, 0.4])
OWN = THETA * np.linspace(0.9, 1.1, 5)[:, None]


@tapeless.field(dim=2, n_params=2, vjp="symbolic")
def drift(t, y, theta, dy):
    dy[0] = -theta[0] * y[0] + math.sin(y[1] + t)
    dy[1] = math.cos(y[0]) - theta[1] * y[1]


def diagonal_fun(t, y, theta, dg):
    dg[0] = theta[0] * math.sin(y[0]) + 0.8
    dg[1] = 0.7 * math.cos(theta[1] * y[1] + 3.0 * t)


def scalar_fun(t, y, theta, dg):
    dg[0, 0] = theta[0] * math.sin(y[1]) + 0.8
    dg[1, 0] = 0.7 * math.cos(theta[1] * y[0] * y[1] + t)


def commutative_fun(t, y, theta, dg):
    for k in range(3):
        dg[0, k] = 0.1 * (k + 1) * (theta[0] * math.sin(y[1]) + y[0])
        dg[1, k] = 0.1 * (k + 1) * math.cos(theta[1] * y[0] + t) * y[1]


def made(fun, channels=None, noise=None, **derivatives):
    derivatives = {"vjp": "symbolic", "jvp": "symbolic"} | derivatives
    return tapeless.diffusion(2, channels, 2, noise=noise, **derivatives)(fun)


DIAGONAL = made(diagonal_fun, noise="diagonal")
SCALAR = made(scalar_fun, 1)
COMMUTATIVE = made(commutative_fun, 3)
FROM_ITO = {"calculus": "ito", "convert": True}
FROM_STRATONOVICH = {"calculus": "stratonovich", "convert": True}
MILSTEIN = {"method": "milstein"}
CASES = {
    "diagonal": (DIAGONAL, THETA, MILSTEIN),
    "scalar": (SCALAR, THETA, MILSTEIN),
    "commutative": (COMMUTATIVE, THETA, MILSTEIN),
    "own theta": (DIAGONAL, OWN, MILSTEIN),
    "own theta, commutative": (COMMUTATIVE, OWN, MILSTEIN),
    "converted to Ito's sense": (DIAGONAL, THETA, MILSTEIN | FROM_STRATONOVICH),
    "a matrix to Ito's sense": (COMMUTATIVE, OWN, {"method": "euler_maruyama"} | FROM_STRATONOVICH),
    # Drift and diffusion are evaluated at other times.
    "at other times": (DIAGONAL, THETA, {"method": "sriw1"} | FROM_STRATONOVICH),
    "converted to Stratonovich's": (DIAGONAL, THETA, {"method": "heun"} | FROM_ITO),
    "a matrix to Stratonovich's": (COMMUTATIVE, THETA, {"method": "heun"} | FROM_ITO),
    "reversible Heun": (COMMUTATIVE, OWN, {"method": "reversible_heun"} | FROM_ITO),
    "adaptive": (DIAGONAL, THETA, {"method": "sriw1", "n_steps": None} | FROM_STRATONOVICH),
}


def gradients(g, theta, f=drift, y0=Y0, bar=BAR, **how):
    sol = solve_sde(f, g, SPAN, y0, theta, **{"n_steps": 7, "rng": 3} | how)
    return sol, *sol.vjp(bar)


def assert_is_derivative(sol, bars, g, theta, f=drift, **how):
    """Hold cotangents to differences of solves on the path of `sol`, of fourth order in their size."""
    rng, how = np.random.default_rng(5), {"n_steps": 7, "adjoint": None} | how

    def loss(h, y0_dot, theta_dot):
        found = solve_sde(f, g, SPAN, Y0 + h * y0_dot, theta + h * theta_dot, path=sol.path, **how)
        return np.vdot(found.ys, BAR)

    def slope(h, *dots):
        return (loss(h, *dots) - loss(-h, *dots)) / (2 * h)

    for _ in range(3):
        dots = rng.standard_normal(Y0.shape), rng.standard_normal(theta.shape)
        expected = (4 * slope(1e-4, *dots) - slope(2e-4, *dots)) / 3
        found = sum(np.vdot(bar, dot) for bar, dot in zip(bars, dots, strict=True))
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", [name for name in CASES if name != "adaptive"])
def test_gradients_are_those_of_the_discrete_solution(name):
    g, theta, how = CASES[name]
    sol, *bars = gradients(g, theta, **how)
    assert bars[1].shape == theta.shape and bars[0].dtype == bars[1].dtype == np.float64
    assert_is_derivative(sol, bars, g, theta, **how)
    assert all(map(np.array_equal, sol.vjp(BAR), bars))  # nothing that is read again was written to


def test_adaptive_steps_have_the_gradient_of_their_grid():
    g, theta, how = CASES["adaptive"]
    path = BrownianPath(3, *SPAN, (1, 2), "space-time", resolution=2.0**-12)
    one = {"y0": Y0[:1], "bar": BAR[:1], "path": path, "rng": None}
    sol, *bars = gradients(g, theta, rtol=1e-2, atol=1e-2, **one, **how)
    n = int(sol.stats.accepted[0])
    times = sol._reverse._solve.chunks[0].grid.times[: n + 1, 0, 0]
    again, *wanted = gradients(g, theta, dt=times, **one, **how)
    assert n > 8 and again.ys.tobytes() == sol.ys.tobytes()
    assert all(x.tobytes() == y.tobytes() for x, y in zip(bars, wanted, strict=True))


def test_geometric_brownian_motion_has_the_derivative_of_its_recursion():
    n, mu, sigma = 16, 0.3, 0.6
    linear = {"dim": 1, "n_params": 1, "vjp": "symbolic"}
    f = tapeless.field(**linear)(times_y)
    g = tapeless.diffusion(**linear, jvp="symbolic", noise="diagonal")(times_y)
    y0 = np.linspace(0.5, 2.0, 6)[:, None]
    sol = solve_sde(f, g, SPAN, y0, [mu, sigma], n_steps=n, rng=2, method="milstein")
    times = np.linspace(*SPAN, n + 1)
    h, w = SPAN[1] / n, sol.path(times[:-1], times[1:])[..., 0]
    factors = 1 + mu * h + sigma * w + 0.5 * sigma**2 * (w**2 - h)
    growth = factors.prod(axis=0)
    np.testing.assert_allclose(sol.ys[:, 0], y0[:, 0] * growth, rtol=1e-13)
    y0_bar, theta_bar = sol.vjp(np.ones_like(y0))
    np.testing.assert_allclose(y0_bar[:, 0], growth, rtol=1e-13)
    ends = y0[:, 0] * growth
    expected = [(ends * (d / factors).sum(axis=0)).sum() for d in (h, w + sigma * (w**2 - h))]
    np.testing.assert_allclose(theta_bar, expected, rtol=1e-12)


def times_y(t, y, theta, out):
    out[0] = theta[0] * y[0]


# ---------------------------------------------------------------- networks, and what is composed

# Evaluates both fields in one state, at two times.
TWO_TIMES = StochasticMethod(
    "two_times", ITO, {"scalar": 0.5}, {"scalar": 1.0}, "",
    a=((), (0.75,), (0.3, 0.7)), b={W: ((), (0.5,), (0.4, 0.6))}, c=(0, 0.75), d=(0, 0.25),
)  # fmt: skip
NETWORKS = {
    "scalar": (
        DiffusionNetwork(2, [ConcatTime(), Dense(5), Activation("tanh"), Dense(2)], 1), MILSTEIN,
    ),
    "diagonal": (DiffusionNetwork(2, [Activation("sin")], noise="diagonal"), MILSTEIN),
    "at other times": (
        DiffusionNetwork(2, [ConcatTime(), Dense(3), Activation("tanh"), Dense(2)], 1),
        {"method": TWO_TIMES} | FROM_STRATONOVICH,
    ),
    # It is not, which the method does not know: its transpose is that of what it computes.
    "commutative": (
        DiffusionNetwork(2, [Dense(4), Activation("sigmoid")], 2, "commutative"), MILSTEIN,
    ),
    "spectral": (DiffusionNetwork(2, [SpectralDense(3), Activation("gelu"), SpectralDense(2)], 1), MILSTEIN),
    "converted": (
        DiffusionNetwork(2, [Dense(3), Activation("softplus"), Dense(6)], 3),
        {"method": "reversible_heun"} | FROM_ITO,
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:solve_sde. the diffusion's noise was said")
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name):
    f, (g, how) = MLP(2, [4]), NETWORKS[name]
    theta = 0.5 * np.random.default_rng(7).standard_normal(f.n_params + g.n_params)
    sol, *bars = gradients(g, theta, f, **how)
    assert_is_derivative(sol, bars, g, theta, f, **how)
    assert all(map(np.array_equal, sol.vjp(BAR), bars))


def test_sums_slices_and_constants():
    plain = {"vjp": "symbolic", "jvp": "symbolic"}
    a, b = (tapeless.field(2, 2, **plain)(fun) for fun in (diagonal_fun, squares))
    g = Slice(a, 5, 1) + Frozen(b, [0.3, -0.2]) + b
    theta = np.concatenate([THETA[:2], [9.0], THETA[2:], [9.0, 9.0], [0.2, 0.1]])
    sol, *bars = gradients(g, theta, **MILSTEIN)
    assert sol.noise == "diagonal" and (bars[1][[2, 5, 6]] == 0).all()
    assert_is_derivative(sol, bars, g, theta, **MILSTEIN)


def squares(t, y, theta, dg):
    dg[0] = theta[0] * y[0] * y[0]
    dg[1] = theta[1] * y[1] * math.exp(-y[1])


# ---------------------------------------------------------------- what no bit depends on


@pytest.mark.parametrize("name", ["commutative", "own theta", "at other times"])
def test_adjoints_agree_to_the_bit(name):
    g, theta, how = CASES[name]
    _, *kept = gradients(g, theta, **how)
    for adjoint in (
        {"adjoint": "every", "stride": 3},
        {"adjoint": "binomial", "budget": 100_000},
    ):
        sol, *bars = gradients(g, theta, **how, **adjoint)
        assert sol.nbytes_adjoint > 0
        assert all(x.tobytes() == y.tobytes() for x, y in zip(bars, kept, strict=True))


def test_conversion_where_steps_are_taken_back_and_where_the_adjoint_is_solved():
    how = {"method": "reversible_heun", **FROM_ITO}
    for g, theta in ((DIAGONAL, THETA), (COMMUTATIVE, OWN)):
        _, *kept = gradients(g, theta, **how)
        for x, y in zip(gradients(g, theta, adjoint="reversible", **how)[1:], kept, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11)
    how = {"method": "heun", "n_steps": 4000, **FROM_ITO}
    _, *kept = gradients(DIAGONAL, THETA, **how)
    for x, y in zip(gradients(DIAGONAL, THETA, adjoint="backsolve", **how)[1:], kept, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=2e-2)


@pytest.mark.parametrize(
    "g", [pytest.param(DIAGONAL, marks=pytest.mark.slow), COMMUTATIVE], ids=["vector", "matrix"]
)
def test_a_trajectory_is_alone(g):
    n, how = 150, {"method": "milstein", "n_steps": 5}  # of functions, so many go in wider tiles
    y0 = np.random.default_rng(3).standard_normal((n, 2))
    path = {"resolution": 2.0**-8}
    sol = solve_sde(
        drift, g, SPAN, y0, THETA, path=BrownianPath(1, 0, 1, (n, g.channels), **path), **how
    )
    y0_bar, _ = sol.vjp(np.ones((n, 2)))
    for i in (0, 101):
        one = BrownianPath(1, 0, 1, (1, g.channels), first_sample=i, **path)
        alone = solve_sde(drift, g, SPAN, y0[i : i + 1], THETA, path=one, **how)
        assert alone.ys[0].tobytes() == sol.ys[i].tobytes()
        assert alone.vjp(np.ones((1, 2)))[0][0].tobytes() == y0_bar[i].tobytes()


@pytest.mark.slow
def test_float32():
    for name in ("diagonal", "commutative", "converted to Stratonovich's"):
        g, theta, how = CASES[name]
        path = BrownianPath(3, 0.0, 1.0, (5, g.channels), resolution=2.0**-8)
        wanted = gradients(g, theta, path=path, rng=None, **how)[1:]
        path = BrownianPath(3, 0.0, 1.0, (5, g.channels), resolution=2.0**-8, dtype=np.float32)
        y0, bar = Y0.astype(np.float32), BAR.astype(np.float32)
        found = gradients(g, theta, y0=y0, bar=bar, path=path, rng=None, **how)[1:]
        for x, y in zip(found, wanted, strict=True):
            assert x.dtype == np.float32
            np.testing.assert_allclose(x, y, rtol=0, atol=2e-5 * abs(y).max())


def test_a_lane_that_has_ended_leaves_the_others_gradients_alone():
    root = tapeless.diffusion(1, n_params=1, noise="diagonal", vjp="symbolic", jvp="symbolic")(
        lambda t, y, theta, dg: square_root(y, theta, dg)
    )
    fall = tapeless.field(1, vjp="symbolic")(lambda t, y, theta, dy: falling(y, dy))
    y0 = np.array([[1.0], [0.0], [2.0]])  # the second has an infinite derivative at once
    how = {"method": "milstein", "n_steps": 6, "rng": 0, "throw": False}
    sol = solve_sde(fall, root, SPAN, y0, [0.1], **how)
    assert list(sol.stats.status != 1) == [False, True, False]
    y0_bar, theta_bar = sol.vjp(np.ones((3, 1)))
    assert np.isfinite(y0_bar).all() and np.isfinite(theta_bar).all() and y0_bar[1] == 0


def square_root(y, theta, dg):
    dg[0] = theta[0] * math.sqrt(y[0])


def falling(y, dy):
    dy[0] = -y[0]


# ---------------------------------------------------------------- derivatives by hand


def by_hand(t, y, theta, dg_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot):
    """Run the tangent of the transpose of `diagonal_fun`."""
    s0, c0, phase = math.sin(y[0]), math.cos(y[0]), theta[1] * y[1] + 3.0 * t
    s1, c1 = 0.7 * math.sin(phase), 0.7 * math.cos(phase)
    y_bar[0] = theta[0] * c0 * dg_bar[0]
    y_bar[1] = -theta[1] * s1 * dg_bar[1]
    y_bar_dot[0] = -theta[0] * s0 * y_dot[0] * dg_bar[0]
    y_bar_dot[1] = -(theta[1] ** 2) * c1 * y_dot[1] * dg_bar[1]
    theta_bar_dot[0] += c0 * y_dot[0] * dg_bar[0]
    theta_bar_dot[1] -= (s1 + theta[1] * y[1] * c1) * y_dot[1] * dg_bar[1]


def test_a_function_of_the_users_stands_for_what_is_derived():
    g = made(diagonal_fun, noise="diagonal", vjp_jvp=by_hand)
    check_vjp_jvp(g, theta=THETA[2:])
    wanted, found = (gradients(field, THETA, **MILSTEIN) for field in (DIAGONAL, g))
    for x, y in zip(found[1:], wanted[1:], strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-13)
    assert g.vjp_jvp is by_hand and g != DIAGONAL


@pytest.mark.parametrize("g", [DIAGONAL, SCALAR, COMMUTATIVE], ids=str)
def test_what_sympy_derives_passes_the_check(g):
    check_vjp_jvp(g, y=[0.3, -0.4], theta=[0.5, 0.8])
    check_vjp(g, theta=[0.5, 0.8])  # of matrices too


def test_the_check_finds_what_is_wrong():
    def scaled(which, factor):
        def wrong(t, y, theta, dg_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot):
            bars = y_bar, y_bar_dot, theta_bar_dot
            by_hand(t, y, theta, dg_bar, y_dot, *bars)
            bars[which][1] *= factor

        return wrong

    for which, name in enumerate(["y_bar", "y_bar_dot", "theta_bar_dot"]):
        wrong = scaled(which, 1.001)
        g = made(diagonal_fun, noise="diagonal", vjp_jvp=wrong)
        with pytest.raises(AssertionError, match=rf"^check_vjp_jvp: {name}\[1\] is .* by its vjp"):
            check_vjp_jvp(g, y=[0.3, 0.2], theta=[0.5, 0.8])
    for bad in (drift, made(diagonal_fun, jvp=None), made(diagonal_fun, vjp=None)):
        with pytest.raises(
            TypeError, match="`field` must be a Diffusion with a `vjp` and a `vjp_jvp`"
        ):
            check_vjp_jvp(bad)


# ---------------------------------------------------------------- faults


def tangent(t, y, theta, t_dot, y_dot, theta_dot, dg_dot):
    dg_dot[0] = theta[0] * math.cos(y[0]) * y_dot[0]
    dg_dot[1] = -0.7 * theta[1] * math.sin(theta[1] * y[1] + 3.0 * t) * y_dot[1]


def test_a_tangent_without_that_of_the_transpose_is_named():
    g = made(diagonal_fun, noise="diagonal", jvp=tangent)
    for how in (MILSTEIN, {"method": "heun"} | FROM_ITO):
        sol = solve_sde(drift, g, SPAN, Y0, THETA, n_steps=4, rng=0, **how)
        assert sol.nbytes_adjoint == 0
        with pytest.raises(
            ValueError, match="give it a `vjp_jvp`; or take a method that"
        ) as caught:
            sol.vjp(BAR)
        assert "Diffusion(diagonal_fun, dim=2, n_params=2) lacks" in str(caught.value)
        wanted = "solve_sde: `adjoint` must be None with .* and this diffusion; got 'every'. Its gradient"
        with pytest.raises(ValueError, match=wanted):
            solve_sde(drift, g, SPAN, Y0, THETA, n_steps=4, rng=0, adjoint="every", stride=2, **how)
    # SymPy derives it beside a tangent by hand where it is asked to.
    asked = made(diagonal_fun, noise="diagonal", jvp=tangent, vjp_jvp="symbolic")
    sol, *bars = gradients(asked, THETA, **MILSTEIN)
    assert_is_derivative(sol, bars, asked, THETA, **MILSTEIN)


def test_functions_of_other_arguments_are_named():
    with pytest.raises(TypeError, match=r"`vjp_jvp` must be a Python function vjp_jvp.*one of 4"):
        made(diagonal_fun, vjp_jvp=diagonal_fun)
    with pytest.raises(TypeError, match="`vjp_jvp` must be a Python function"):
        made(diagonal_fun, vjp_jvp=3)
