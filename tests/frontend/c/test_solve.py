"""What C receives is what Python does, of the same field."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tapeless
from tapeless_kernels.capi.methods import CONTROLLERS, METHODS

F4, F8 = np.dtype(np.float32), np.dtype(np.float64)


def hares_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
    u, v, a, b = y[0], y[1], dy_bar[0], dy_bar[1]
    y_bar[0] = (theta[0] - theta[1] * v) * a + theta[2] * v * b
    y_bar[1] = (theta[2] * u - theta[3]) * b - theta[1] * u * a
    theta_bar[0] += u * a
    theta_bar[1] -= u * v * a
    theta_bar[2] += u * v * b
    theta_bar[3] -= v * b


@tapeless.field(2, 4, vjp=hares_vjp)
def hares(t, y, theta, dy):
    dy[0] = theta[0] * y[0] - theta[1] * (y[0] * y[1])
    dy[1] = theta[2] * (y[0] * y[1]) - theta[3] * y[1]


def states(n, dtype=F8):
    return (1 + np.random.default_rng(0).random((n, 2))).astype(dtype)


THETA = np.array([1.1, 0.4, 0.3, 0.9])
TIMES = np.linspace(0, 10, 6)
TOLERANCES = {"rtol": 1e-5, "atol": 1e-7}


def check(c, sol, exact_theta):
    """Hold that a solve from C, and its gradient, are those of Python."""
    assert c.solve() == 0
    np.testing.assert_array_equal(c.ys, sol.ys)
    assert (c.status == 1).all() and c.ode.n_failed == 0
    stats = np.stack([sol.stats.nfe, sol.stats.accepted, sol.stats.rejected], axis=1)
    np.testing.assert_array_equal(c.counts, stats)
    np.testing.assert_array_equal(c.reached[:, 1], sol.stats.t)
    ys_bar = np.cos(np.arange(c.ys.size)).reshape(c.ys.shape).astype(c.dtype)
    code, y0_bar, theta_bar = c.vjp(ys_bar)
    wanted = sol.vjp(ys_bar)
    assert code == 0
    np.testing.assert_array_equal(y0_bar, wanted[0])
    if exact_theta:
        np.testing.assert_array_equal(theta_bar, wanted[1])
    else:  # the trajectories add to it in another order: to rounding of what is added, which cancels
        alone = [
            sol.vjp(np.where(np.arange(len(ys_bar)) == i, ys_bar.T, 0).T)[1]
            for i in range(len(ys_bar))
        ]
        difference = np.abs(theta_bar - wanted[1])
        assert (difference <= 20 * np.finfo(c.dtype).eps * np.abs(alone).sum(axis=0)).all()
    again = c.vjp(ys_bar)
    np.testing.assert_array_equal(again[2], theta_bar)


@pytest.mark.parametrize("method", ["tsit5", "bosh3", "dop853"])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("times", [None, TIMES])
def test_adaptive_solve_and_gradient(c_solve, method, own, times):
    y0 = states(3)
    theta = THETA * np.array([[1], [1.1], [0.9]]) if own else THETA
    options = {"method": method, "t_eval": times, "interpolate": False, **TOLERANCES}
    sol = tapeless.solve_ode(hares, (0.0, 10.0), y0, theta, **options)
    check(c_solve(y0, theta, times, method=METHODS.index(method)), sol, own)


@pytest.mark.parametrize("interpolate", [False, True])
@pytest.mark.parametrize("method", ["euler", "rk4", "tsit5"])
def test_equal_steps_backward_in_time(c_solve, method, interpolate):
    y0, times = states(2), TIMES[::-1].copy()
    options = {"method": method, "n_steps": 40, "t_eval": times, "interpolate": interpolate}
    sol = tapeless.solve_ode(hares, (10.0, 0.0), y0, THETA, **options)
    c = c_solve(
        y0, THETA, times, method=METHODS.index(method), n_steps=40, interpolate=interpolate, t0=10.0, t1=0.0
    )  # fmt: skip
    check(c, sol, False)
    assert c.ode.iterations == 2 * (40 + (0 if interpolate else 6))


@pytest.mark.parametrize("controller", [one.name for one in CONTROLLERS])
def test_numbers_and_times_of_its_own_for_each(c_solve, controller):
    y0, t1 = states(3), np.array([4.0, 7.0, 10.0])
    rtol, first = np.array([1e-3, 1e-5, 1e-7]), np.array([0.1, 0.01, 0.3])
    times = np.linspace(0, t1, 5)
    numbers = np.stack([np.zeros(3), t1, first, rtol, np.full(3, 1e-7)])
    sol = tapeless.solve_ode(
        hares, (0.0, t1), y0, THETA, rtol=rtol, atol=1e-7, first_step=first, t_eval=times.T,
        controller=controller, interpolate=False,
    )  # fmt: skip
    c = c_solve(y0, THETA, times, controller=[x.name for x in CONTROLLERS].index(controller))
    c.ode.numbers = c.pointer(numbers, "double*")
    check(c, sol, False)
    np.testing.assert_array_equal(numbers[2], first)  # not written to


@pytest.mark.slow  # each width and dtype is compiled by itself
@pytest.mark.parametrize("own", [False, True])
def test_tiles(c_solve, own):
    y0 = states(75)
    theta = THETA * np.linspace(0.9, 1.1, 75)[:, None] if own else THETA
    sol = tapeless.solve_ode(hares, (0.0, 10.0), y0, theta, threads=1, **TOLERANCES)
    check(c_solve(y0, theta, tiles="_tiles"), sol, own)


@pytest.mark.slow
def test_float32(c_solve):
    y0, theta = states(3, F4), THETA.astype(F4)
    sol = tapeless.solve_ode(hares, (0.0, 10.0), y0, theta, **TOLERANCES)
    check(c_solve(y0, theta), sol, False)


@pytest.mark.parametrize("iterations", [1, 7, 500])
def test_size_of_the_blocks_changes_no_bit(c_solve, iterations):
    y0 = states(4)
    one, other = c_solve(y0, THETA, iterations=64), c_solve(y0, THETA, iterations=iterations)
    assert one.solve() == other.solve() == 0
    assert (len(other.blocks) > len(one.blocks)) == (iterations < 64)
    np.testing.assert_array_equal(one.ys, other.ys)
    for a, b in zip(one.vjp(one.ys)[1:], other.vjp(one.ys)[1:], strict=True):
        np.testing.assert_array_equal(a, b)


def test_budget_and_no_record_change_no_bit(c_solve):
    y0 = states(4)
    one, other = c_solve(y0, THETA), c_solve(y0, THETA, keep=0, budget=3)
    assert one.solve() == other.solve() == 0
    assert other.blocks == [] and other.ode.iteration_bytes == 0
    np.testing.assert_array_equal(one.ys, other.ys)


def test_struct_can_be_used_again(c_solve):
    c = c_solve(states(2), THETA.copy())
    assert c.solve() == 0
    first = c.ys.copy()
    c.theta[0] *= 1.1
    assert c.go_on() == 0 and not (c.ys == first).all()
    c.theta[:] = THETA
    assert c.go_on() == 0
    np.testing.assert_array_equal(c.ys, first)


def test_threads_with_memory_of_their_own_give_the_same_bits(c_solve):
    y0 = states(5)
    tapeless.address("solve"), tapeless.address("solve_vjp")
    solves = [c_solve(y0, THETA) for _ in range(8)]

    def work(c):
        assert c.solve() == 0
        return c.vjp(c.ys)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(work, solves))
    for c, (code, *bars) in zip(solves, results, strict=True):
        assert code == 0
        np.testing.assert_array_equal(c.ys, solves[0].ys)
        for a, b in zip(bars, results[0][1:], strict=True):
            np.testing.assert_array_equal(a, b)


def test_network_in_c(c_solve, ffi):
    field = tapeless.fields.MLP(2, [16, 8])
    y0, theta = states(1), field.init(rng=0)
    sol = tapeless.solve_ode(field, (0.0, 10.0), y0, theta, **TOLERANCES)
    pointers = tapeless.c_field(field)
    c = c_solve(y0, theta, n_cache=pointers.n_cache)
    c.ode.field = ffi.cast("tapeless_field_f64", pointers.field)
    c.ode.vjp = ffi.cast("tapeless_vjp_f64", pointers.vjp)
    c.ode.context = ffi.cast("void*", pointers.context)
    pointers.prepare_vjp(theta)
    check(c, sol, True)  # one trajectory: there is but one order


NORMALISED = tapeless.fields.Network(2, [tapeless.fields.SpectralDense(2)])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((hares, "f8", 2), ValueError, "`lanes` must be 1 or 32 with float64; got 2"),
        ((hares, "i4"), ValueError, "`dtype` must be float32 or float64"),
        ((lambda t, y: y,), TypeError, "`field` must be a tapeless field"),
        ((NORMALISED,), ValueError, "`field` must be one that takes its parameters as they are"),
    ],
)
def test_c_field_says_what_it_takes(arguments, error, words):
    with pytest.raises(error, match=f"c_field: .*{words}"):
        tapeless.c_field(*arguments)
    with pytest.raises(ValueError, match=r"CField.prepare_vjp: `theta` must be of shape \(4,\)"):
        tapeless.c_field(hares).prepare_vjp(np.zeros(3))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("solve_me",), "`name` must be one of 'ode_init'.*; got 'solve_me'"),
        ((3,), "`name` must be .*; got 3"),
        (("solve", "int32"), "`dtype` must be float32 or float64; got 'int32'"),
    ],
)
def test_address_says_what_there_is(arguments, words):
    with pytest.raises(ValueError, match=f"address: {words}"):
        tapeless.address(*arguments)


def test_no_trajectories(c_solve):
    c = c_solve(np.zeros((0, 2)), THETA)
    assert c.solve() == 0 and c.ode.n_failed == 0
    code, _, theta_bar = c.vjp(c.ys)
    assert code == 0 and (theta_bar == 0).all()
