"""Python functions of one trajectory as fields: values, widths, transposes and failures."""

import math
import sys
from math import exp

import numpy as np
import pytest

import tapeless
from differences import central_difference
from tapeless.fields import Field
from tapeless_kernels.launch import cpu
from tapeless_kernels.status import FIELD_FAILED, NON_FINITE, SUCCESS

every_dtype = pytest.mark.parametrize("dtype", cpu.WIDTHS, ids=str)
RATE = 0.5


def helper(x):
    return x * x


def forced(t, y, theta, dy):
    dy[0] = theta[0] * y[1] + RATE * math.sin(t)
    dy[1] = -theta[1] * helper(y[0]) - np.tanh(y[1])


def forced_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
    y_bar[0] = -2 * theta[1] * y[0] * dy_bar[1]
    y_bar[1] = theta[0] * dy_bar[0] - (1 - np.tanh(y[1]) ** 2) * dy_bar[1]
    theta_bar[0] += y[1] * dy_bar[0]
    theta_bar[1] -= y[0] * y[0] * dy_bar[1]


FORCED = Field(forced, 2, 2, forced_vjp)
THETA = np.array([1.2, 0.7])
Y0 = np.random.default_rng(0).uniform(-1, 1, (70, 2))


def naive(t, y):
    dy = np.empty_like(y)
    forced(t, y, THETA, dy)
    return dy


def test_values_are_those_of_the_function():
    sol = tapeless.solve_ode(FORCED, (0, 2), Y0, THETA, rtol=1e-9, atol=1e-11)
    for y0, y in zip(Y0[:5], sol.ys, strict=False):
        expected = tapeless.solve_ivp(naive, (0, 2), y0, "DOP853", rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(y, expected.y[:, -1], rtol=1e-8)
    single = tapeless.solve_ivp(FORCED, (0, 2), Y0[0], "DOP853", args=(THETA,), rtol=1e-11)
    np.testing.assert_allclose(single.y[:, -1], sol.ys[0], rtol=1e-7)


@every_dtype
def test_a_trajectory_is_alone_in_any_width(dtype):
    y0 = Y0.astype(dtype)
    every = tapeless.solve_ode(FORCED, (0, 2), y0, THETA, adjoint=None)
    for part in (slice(0, 1), slice(3, 9), slice(20, 60)):
        some = tapeless.solve_ode(FORCED, (0, 2), y0[part], THETA, adjoint=None, threads=2)
        assert np.array_equal(some.ys, every.ys[part])
        assert np.array_equal(some.stats.nfe, every.stats.nfe[part])


@every_dtype
def test_functions_of_math_and_numpy_are_vectorised_and_right(dtype):
    names = ("sin", "cos", "exp", "log", "tanh", "sqrt")

    def all_of_them(t, y, theta, dy):
        dy[0], dy[1], dy[2] = math.sin(y[0]), math.cos(y[1]), math.exp(y[2])
        dy[3], dy[4], dy[5] = math.log(y[3]), math.tanh(y[4]), math.sqrt(y[5])
        dy[6], dy[7], dy[8] = np.sin(y[6]), np.cos(y[7]), np.exp(y[8])
        dy[9], dy[10], dy[11] = np.log(y[9]), np.tanh(y[10]), np.sqrt(y[11])
        dy[12] = exp(y[12]) + abs(y[12])

    field = Field(all_of_them, 13)
    y0 = np.random.default_rng(1).uniform(0.1, 3, (40, 13)).astype(dtype)
    sol = tapeless.solve_ode(field, (0, 1), y0, method="euler", n_steps=1)
    slope = np.concatenate([getattr(np, n)(y0[:, [i, i + 6]]) for i, n in enumerate(names)], axis=1)
    slope = slope[:, [*range(0, 12, 2), *range(1, 12, 2)]]
    expected = y0 + np.concatenate([slope, np.exp(y0[:, 12:]) + y0[:, 12:]], axis=1)
    np.testing.assert_allclose(sol.ys, expected, rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize(
    "options", [{}, {"method": "rk4", "n_steps": 20}, {"coupled": True}], ids=str
)
@pytest.mark.parametrize("batch", [3, 70])
def test_gradients_by_a_transpose_of_the_users(options, batch):
    y0, grid = Y0[:batch], {"rtol": 1e-10, "atol": 1e-12} if not options.get("n_steps") else {}
    weights = np.random.default_rng(2).normal(size=y0.shape)

    def loss(y0, theta):
        sol = tapeless.solve_ode(FORCED, (0, 1), y0, theta, **options, **grid)
        return np.sum(weights * sol.ys)

    sol = tapeless.solve_ode(FORCED, (0, 1), y0, THETA, **options, **grid)
    y0_bar, theta_bar = sol.vjp(weights)
    h = 1e-5
    for i in range(2):
        unit = np.eye(2)[i]
        by_theta = central_difference(lambda s, unit=unit: loss(y0, THETA + s * unit), h)
        np.testing.assert_allclose(theta_bar[i], by_theta, rtol=1e-6)
        by_y0 = central_difference(lambda s, unit=unit: loss(y0 + s * unit, THETA), h)
        np.testing.assert_allclose(y0_bar[:, i].sum(), by_y0, rtol=1e-6)


@every_dtype
@pytest.mark.parametrize("batch", [1, 5, 70])
def test_parameters_of_its_own_for_each_trajectory(dtype, batch):
    """States, counts and both gradients are those of the trajectory alone, to the bit."""
    y0 = Y0[:batch].astype(dtype)
    theta = (THETA + 0.2 * np.random.default_rng(3).normal(size=(batch, 2))).astype(dtype)
    sol = tapeless.solve_ode(FORCED, (0, 2), y0, theta, t_eval=[1.0, 2.0])
    y0_bar, theta_bar = sol.vjp(sol.ys)
    assert y0_bar.shape == theta_bar.shape == (batch, 2) and theta_bar.dtype == dtype
    for i in range(batch):
        alone = tapeless.solve_ode(FORCED, (0, 2), y0[i : i + 1], theta[i], t_eval=[1.0, 2.0])
        assert np.array_equal(alone.ys[0], sol.ys[i])
        assert alone.stats.nfe[0] == sol.stats.nfe[i]
        y0_bar_alone, theta_bar_alone = alone.vjp(alone.ys)
        assert np.array_equal(y0_bar_alone[0], y0_bar[i])
        assert np.array_equal(theta_bar_alone, theta_bar[i])
    threads = tapeless.solve_ode(FORCED, (0, 2), y0, theta, t_eval=[1.0, 2.0], threads=2)
    assert np.array_equal(threads.vjp(sol.ys)[1], theta_bar)


def test_a_transpose_derived_by_sympy():
    def many(t, y, theta, dy):
        a = math.exp(-theta[0] * y[0]) + np.sqrt(1 + y[1] * y[1])
        for i in range(2):
            dy[i] = a * math.sin(t * y[i]) + theta[1] ** 2 * math.log(2 + y[1 - i] ** 2)
        dy[2] = (
            np.tanh(y[2] * y[0]) - np.cos(y[1]) / (2 + y[2] ** 2) + math.atan(y[0]) + helper(y[2])
        )

    field = tapeless.field(dim=3, n_params=2, vjp="symbolic")(many)
    tapeless.testing.check_vjp(field, rng=1)
    by_hand = tapeless.solve_ode(FORCED, (0, 2), Y0, THETA)
    derived = tapeless.solve_ode(Field(forced, 2, 2, "symbolic"), (0, 2), Y0, THETA)
    for ours, theirs in zip(by_hand.vjp(Y0), derived.vjp(Y0), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)
    assert Field(forced, 2, 2, "symbolic") == Field(forced, 2, 2, "symbolic")


def test_what_sympy_cannot_follow():
    def with_a_condition(t, y, theta, dy):
        dy[0] = y[0] if y[0] > 0 else 0.0

    def with_a_gap(t, y, theta, dy):
        dy[0] = y[0]

    with pytest.raises(TypeError, match="as at conditions on the state"):
        Field(with_a_condition, 1, vjp="symbolic")
    with pytest.raises(TypeError, match="must fill all of dy"):
        Field(with_a_gap, 2, vjp="symbolic")


def test_sympy_is_asked_for_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(ImportError, match=r"pip install 'tapeless\[symbolic\]'"):
        Field(lambda t, y, theta, dy: None, 1, vjp="symbolic")


def test_check_vjp_finds_what_is_wrong():
    tapeless.testing.check_vjp(FORCED)

    def wrong(t, y, theta, dy_bar, y_bar, theta_bar):
        forced_vjp(t, y, theta, dy_bar, y_bar, theta_bar)
        theta_bar[1] *= 1.001

    with pytest.raises(AssertionError, match=r"theta_bar\[1\] is .* by the vjp of Field\(forced"):
        tapeless.testing.check_vjp(Field(forced, 2, 2, wrong))

    def forgets(t, y, theta, dy_bar, y_bar, theta_bar):
        y_bar[0] = 0.0

    with pytest.raises(AssertionError, match="y_bar"):
        tapeless.testing.check_vjp(Field(forced, 2, 2, forgets))
    with pytest.raises(TypeError, match="a Field with a `vjp`"):
        tapeless.testing.check_vjp(Field(forced, 2, 2))


def test_without_a_transpose_there_is_no_gradient():
    sol = tapeless.solve_ode(Field(forced, 2, 2), (0, 1), Y0, THETA)
    assert sol.nbytes_adjoint == 0
    with pytest.raises(ValueError, match=r"no `vjp` in Field\(forced, dim=2, n_params=2\)"):
        sol.vjp(sol.ys)


@every_dtype
@pytest.mark.parametrize("batch", [8, 70])
def test_what_goes_wrong_in_one_trajectory_ends_it_alone(dtype, batch):
    def fragile(t, y, theta, dy):
        if y[1] == 2 and t > 0.5:
            raise ValueError("two")
        dy[0] = np.nan if y[1] == 3 and t > 0.5 else -y[0]
        dy[1] = 0.0

    y0 = np.ones((batch, 2), dtype)
    healthy = tapeless.solve_ode(Field(fragile, 2), (0, 1), y0)
    y0[2, 1], y0[5, 1] = 2, 3
    sol = tapeless.solve_ode(Field(fragile, 2), (0, 1), y0, throw=False)
    expected = np.full(batch, SUCCESS)
    expected[[2, 5]] = FIELD_FAILED, NON_FINITE
    assert np.array_equal(sol.stats.status, expected)
    others = expected == SUCCESS
    assert np.array_equal(sol.ys[others], healthy.ys[others])


def test_fields_compare_and_show():
    assert Field(forced, 2, 2) == Field(forced, 2, 2) != Field(forced, 2, 2, forced_vjp)
    assert hash(FORCED) == hash(Field(forced, 2, 2, forced_vjp))
    assert repr(FORCED) == "Field(forced, dim=2, n_params=2)"
