from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest
import scipy.integrate

import tapeless
from tapeless import solve_ode
from tapeless.fields import MLP
from tapeless.methods import EXPLICIT
from tapeless_kernels.status import MAX_STEPS, SUCCESS

ADAPTIVE = [m.name for m in EXPLICIT if m.error is not None]
ORDERS = {m.name: m.order for m in EXPLICIT}
TIMES = np.array([0.3, 0.5, 0.55, 1.2, 2.0])

every_method = pytest.mark.parametrize("method", [m.name for m in EXPLICIT])
every_adaptive_method = pytest.mark.parametrize("method", ADAPTIVE)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


@pytest.fixture(scope="module")
def problem():
    """A small network that depends on time, and states for it."""
    field = MLP(3, [8], time=True)
    theta = 1.5 * field.init(rng=0)
    y0 = np.random.default_rng(1).standard_normal((20, 3))
    return SimpleNamespace(field=field, theta=theta, y0=y0)


def numpy_field(problem):
    """Return the field as SciPy takes it."""
    p = problem.field.unflatten(problem.theta)

    def f(t, y):
        hidden = np.tanh(np.append(y, t) @ p["dense0.weight"] + p["dense0.bias"])
        return np.append(hidden, t) @ p["dense1.weight"] + p["dense1.bias"]

    return f


def exact(problem, y0, t_span, times=None):
    """Return the states at `times`, or at the end, by SciPy's DOP853 and NumPy."""
    times = [t_span[1]] if times is None else times
    done = scipy.integrate.solve_ivp(
        numpy_field(problem), t_span, y0, "DOP853", t_eval=times, rtol=1e-12, atol=1e-12
    )
    return done.y.T


def exact_batch(problem, t_span, times=None):
    ys = np.array([exact(problem, y, t_span, times) for y in problem.y0])
    return ys[:, 0] if times is None else ys


def settings(method):
    """Return what makes a method accurate to about 1e-6 on this problem; Euler's, to 1e-4."""
    if method not in ADAPTIVE:
        return {"n_steps": min(10_000, round(100 ** (4 / ORDERS[method])))}
    return {"rtol": 1e-7, "atol": 1e-7, "max_steps": 20000}


def accuracy(method):
    """Return what `settings` must reach."""
    return 1e-3 if method == "euler" else 1e-5


@every_method
@pytest.mark.parametrize("t_span", [(0.0, 2.0), (2.0, 0.0), (-1.0, 1.0)], ids=str)
def test_final_states_are_those_of_scipy(problem, method, t_span):
    sol = solve_ode(
        problem.field, t_span, problem.y0, problem.theta, method=method, **settings(method)
    )
    assert sol.success and sol.ts == t_span[1]
    np.testing.assert_allclose(sol.ys, exact_batch(problem, t_span), atol=accuracy(method))


@every_method
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("interpolate", [False, True], ids=["steps", "Hermite"])
def test_outputs_are_those_of_scipy(problem, method, backward, interpolate):
    t_span, times = ((2.0, 0.0), TIMES[::-1]) if backward else ((0.0, 2.0), TIMES)
    sol = solve_ode(
        problem.field, t_span, problem.y0, problem.theta, method=method, t_eval=times,
        interpolate=interpolate, **settings(method),
    )  # fmt: skip
    assert sol.ys.shape == (20, 5, 3) and np.array_equal(sol.ts, times)
    # The interpolant is of order 3, and these steps are long: Hairer, Norsett and Wanner I, II.6.
    atol = 5e-3 if interpolate else accuracy(method)
    np.testing.assert_allclose(sol.ys, exact_batch(problem, t_span, times), atol=atol)


@pytest.mark.parametrize(
    ("method", "theirs"), [("bosh3", "RK23"), ("dopri5", "RK45"), ("dop853", "DOP853")]
)
def test_steps_are_those_of_scipy(problem, method, theirs):
    """SciPy has the I controller too, and the same bounds of its factors; it only dares less after rejections."""
    kwargs = {"rtol": 1e-8, "atol": 1e-9, "first_step": 1e-3}
    sol = solve_ode(
        problem.field, (0, 3), problem.y0[0], problem.theta, method=method, controller="i", **kwargs
    )
    done = scipy.integrate.solve_ivp(numpy_field(problem), (0, 3), problem.y0[0], theirs, **kwargs)
    assert sol.stats.accepted == len(done.t) - 1 >= 10 and sol.stats.rejected == 0
    np.testing.assert_allclose(sol.ys, done.y[:, -1], rtol=1e-13)


def test_hermite_outputs_converge_with_order_four(problem):
    times, errors = [0.34, 0.99, 1.53], []
    expected = exact_batch(problem, (0, 2), times)
    for n in (20, 40):
        sol = solve_ode(
            problem.field, (0, 2), problem.y0, problem.theta, method="rk4", n_steps=n, t_eval=times,
            interpolate=True,
        )  # fmt: skip
        errors.append(abs(sol.ys - expected).max())
    assert 3 < np.log2(errors[0] / errors[1]) < 5


@every_adaptive_method
@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize("controller", ["i", "pi", "h312"])
def test_error_follows_the_tolerance(problem, method, coupled, controller):
    expected = exact_batch(problem, (0, 2))
    # Fehlberg's pair keeps the result whose error it estimates, the others a better one.
    errors, most = [], 60 if method == "rkf45" else 30
    for tolerance in (1e-3, 1e-6):
        sol = solve_ode(
            problem.field, (0, 2), problem.y0, problem.theta, method=method, rtol=tolerance,
            atol=tolerance, coupled=coupled, controller=controller,
        )  # fmt: skip
        errors.append(abs(sol.ys - expected).max())
        assert errors[-1] < most * tolerance
    assert errors[1] < max(errors[0] / 30, tolerance)


@pytest.mark.parametrize("method", ["rk4", "dopri5"])
def test_coupled_steps_are_shared_and_others_are_not(problem, method):
    kwargs = {"method": method} | ({"n_steps": 9} if method == "rk4" else {})
    y0 = problem.y0 * np.linspace(0, 20, 20)[:, None]
    sol = solve_ode(problem.field, (0, 2), y0, problem.theta, coupled=True, **kwargs)
    assert np.ptp(sol.stats.nfe) == 0 and np.ptp(sol.stats.last_step) == 0
    alone = solve_ode(problem.field, (0, 2), y0, problem.theta, **kwargs)
    assert (np.ptp(alone.stats.nfe) > 0) == (method == "dopri5")
    if method == "rk4":
        assert np.array_equal(alone.ys, sol.ys)


def test_spans_tolerances_and_first_steps_of_each_sample_are_its_own(problem):
    rng = np.random.default_rng(3)
    own = {
        "rtol": 10 ** rng.uniform(-8, -3, 20),
        "atol": 10 ** rng.uniform(-8, -3, 20),
        "first_step": 10 ** rng.uniform(-3, 0, 20),
    }
    t0, t1 = rng.uniform(-1, 1, 20), rng.uniform(-1, 1, 20)
    sol = solve_ode(problem.field, (t0, t1), problem.y0, problem.theta, **own)
    assert np.array_equal(sol.ts, t1) and np.array_equal(sol.stats.t, t1)
    for i in range(20):
        numbers = {name: float(x[i]) for name, x in own.items()}
        one = solve_ode(
            problem.field, (float(t0[i]), float(t1[i])), problem.y0[i], problem.theta, **numbers
        )
        assert np.array_equal(one.ys, sol.ys[i]) and one.stats.nfe == sol.stats.nfe[i]
        np.testing.assert_allclose(
            one.ys, exact(problem, problem.y0[i], (t0[i], t1[i]))[0], atol=0.02
        )


@pytest.mark.parametrize("interpolate", [False, True], ids=["steps", "Hermite"])
def test_output_times_of_each_sample_are_its_own(problem, interpolate):
    times = np.sort(np.random.default_rng(4).uniform(0, 2, (20, 4)))
    times[3] = [0, 0, 2, 2]  # at the ends, and twice
    kwargs = {"interpolate": interpolate, "rtol": 1e-7}
    sol = solve_ode(problem.field, (0, 2), problem.y0, problem.theta, t_eval=times, **kwargs)
    assert sol.ts.shape == (20, 4)
    for i in (0, 3, 19):
        one = solve_ode(
            problem.field, (0, 2), problem.y0[i], problem.theta, t_eval=times[i], **kwargs
        )
        assert np.array_equal(one.ys, sol.ys[i])
        expected = exact(problem, problem.y0[i], (0, 2), np.unique(times[i]))
        np.testing.assert_allclose(
            np.unique(one.ys, axis=0), np.unique(expected, axis=0), atol=5e-3
        )
    assert np.array_equal(sol.ys[3, 0], problem.y0[3])
    assert np.array_equal(sol.ys[3, 2], sol.ys[3, 3])


def test_output_at_the_end_is_the_final_state(problem):
    final = solve_ode(problem.field, (0, 2), problem.y0, problem.theta)
    for interpolate in (False, True):
        ts = solve_ode(
            problem.field, (0, 2), problem.y0, problem.theta, t_eval=[0, 2], interpolate=interpolate
        )
        assert np.array_equal(ts.ys[:, 0], problem.y0) and np.array_equal(ts.ys[:, 1], final.ys)


@every_dtype
@every_method
def test_dtype_is_kept(problem, method, dtype):
    y0, n_steps = problem.y0.astype(dtype), None if method in ADAPTIVE else 100
    sol = solve_ode(problem.field, (0, 1), y0, problem.theta, method=method, n_steps=n_steps)
    y0_bar, theta_bar = sol.vjp(np.ones_like(sol.ys, dtype=np.float64))
    assert {x.dtype for x in (sol.ys, sol.y, y0_bar, theta_bar)} == {np.dtype(dtype)}
    assert sol.stats.t.dtype == sol.stats.last_step.dtype == np.float64
    np.testing.assert_allclose(sol.ys, exact_batch(problem, (0, 1)), atol=0.02)


def test_float32_gives_what_float64_does(problem):
    results = []
    for dtype in (np.float32, np.float64):
        sol = solve_ode(problem.field, (0, 2), problem.y0.astype(dtype), problem.theta, rtol=1e-5)
        results.append([sol.ys, *sol.vjp(np.ones_like(sol.ys))])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def test_one_state_is_a_batch_without_its_axis(problem):
    one = solve_ode(problem.field, (0, 2), problem.y0[0], problem.theta, t_eval=TIMES)
    batch = solve_ode(problem.field, (0, 2), problem.y0[:1], problem.theta, t_eval=TIMES)
    assert one.ys.shape == (5, 3) and one.y.shape == (3,)
    assert np.array_equal(one.ys, batch.ys[0])
    for mine, theirs in zip(one.stats, batch.stats, strict=True):
        assert np.ndim(mine) == 0 and mine == theirs[0]
    ys_bar = np.random.default_rng(0).standard_normal((5, 3))
    mine, theirs = one.vjp(ys_bar), batch.vjp(ys_bar[None])
    assert np.array_equal(mine[0], theirs[0][0]) and np.array_equal(mine[1], theirs[1])


class OnlyArray:
    """Offers __array__ and nothing else."""

    def __init__(self, x):
        self.x = x

    def __array__(self, dtype=None, copy=None):
        return np.array(self.x, dtype)


class OnlyDLPack:
    """Offers a CPU __dlpack__ and nothing else."""

    def __init__(self, x):
        self.x = x

    def __dlpack__(self, **kwargs):
        return self.x.__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self.x.__dlpack_device__()


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def misaligned(x):
    raw = np.zeros(x.nbytes + 1, np.uint8)[1:]
    y = raw.view(x.dtype).reshape(x.shape)
    y[...] = x
    assert not y.flags.aligned
    return y


def with_gaps(x):
    wide = np.full([3 * n for n in x.shape], np.nan, x.dtype)
    view = wide[tuple(slice(None, None, 3) for _ in x.shape)]
    view[...] = x
    return view


INPUTS = {
    "list": np.ndarray.tolist,
    "tuple": lambda x: tuple(x.tolist()),
    "read-only": read_only,
    "Fortran order": np.asfortranarray,
    "strided": with_gaps,
    "reversed": lambda x: x[::-1].copy()[::-1],
    "misaligned": misaligned,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "array_api_strict": lambda x: array_api_strict.asarray(x),
    "memoryview": lambda x: memoryview(x),
    "only __array__": OnlyArray,
    "only __dlpack__": OnlyDLPack,
    "subclass": lambda x: x.view(type("Subclass", (np.ndarray,), {})),
}


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(kind, np.float64) for kind in INPUTS]
    + [(kind, np.float32) for kind in INPUTS if kind not in ("list", "tuple")],
)
def test_inputs_of_every_kind_give_the_same_bits(problem, kind, dtype):
    y0, theta, change = problem.y0.astype(dtype), problem.theta.astype(dtype), INPUTS[kind]
    ys_bar = np.random.default_rng(0).standard_normal((20, 5, 3)).astype(dtype)
    results = []
    for wrap in (lambda x: x, change):
        before = y0.copy(), theta.copy(), ys_bar.copy()
        sol = solve_ode(
            problem.field,
            (0, 2),
            wrap(y0),
            wrap(theta),
            t_eval=wrap(TIMES),
            rtol=wrap(np.full(20, 1e-4)),
        )
        results.append([sol.ys, *sol.vjp(wrap(ys_bar))])
        for x, y in zip(before, (y0, theta, ys_bar), strict=True):
            assert np.array_equal(x, y)
    for expected, got in zip(*results, strict=True):
        assert type(got) is type(change(expected) if kind == "array_api_strict" else expected)
        got = np.asarray(got)
        assert got.dtype == dtype and np.array_equal(expected, got)


def test_integers_become_float64(problem):
    y0 = np.arange(6).reshape(2, 3)
    assert np.array_equal(
        solve_ode(problem.field, (0, 1), y0, problem.theta).ys,
        solve_ode(problem.field, (0, 1), y0.astype(float), problem.theta).ys,
    )


def test_results_are_the_callers_own(problem):
    """Memory of a solve is used again: neither its results nor its inputs may be part of it."""
    y0, theta = problem.y0.copy(), problem.theta.copy()
    sol = solve_ode(problem.field, (0, 2), y0, theta)
    y0_bar, theta_bar = (x.copy() for x in sol.vjp(np.ones_like(sol.ys)))
    kept = sol.ys.copy()
    y0 += 1
    theta += 1
    sol.ys[...] = 0
    other = solve_ode(problem.field, (0, 2), problem.y0 - 1, problem.theta)
    other.vjp(np.ones_like(other.ys))
    again = sol.vjp(np.ones_like(sol.ys))
    assert np.array_equal(y0_bar, again[0]) and np.array_equal(theta_bar, again[1])
    assert np.array_equal(kept, solve_ode(problem.field, (0, 2), problem.y0, problem.theta).ys)


@every_method
@every_dtype
def test_empty_span_returns_y0_and_the_identity(problem, method, dtype):
    y0, n_steps = problem.y0.astype(dtype), None if method in ADAPTIVE else 5
    for kwargs in ({}, {"coupled": True}, {"t_eval": [1.0, 1.0]}):
        sol = solve_ode(
            problem.field, (1, 1), y0, problem.theta, method=method, n_steps=n_steps, **kwargs
        )
        assert (sol.stats.status == SUCCESS).all()
        assert (sol.stats.accepted == 0).all() and (sol.stats.nfe == 0).all()
        ys_bar = np.random.default_rng(0).standard_normal(sol.ys.shape).astype(dtype)
        y0_bar, theta_bar = sol.vjp(ys_bar)
        outputs = kwargs.get("t_eval", [1])
        assert np.array_equal(sol.ys.reshape(20, -1), np.tile(y0, len(outputs)))
        assert np.array_equal(y0_bar, ys_bar.reshape(20, -1, 3).sum(1)) and not theta_bar.any()


def test_empty_spans_among_others(problem):
    t1 = np.where(np.arange(20) % 3 == 0, 0.0, 2.0)
    sol = solve_ode(problem.field, (0, t1), problem.y0, problem.theta)
    whole = solve_ode(problem.field, (0, 2), problem.y0, problem.theta)
    assert np.array_equal(sol.ys, np.where(t1[:, None] == 0, problem.y0, whole.ys))


@every_adaptive_method
@every_dtype
@pytest.mark.parametrize(
    "t_span",
    [(0, 1e-12), (0, -1e-30), (0, 1e-50), (0, 5e-324), (1, 1 + 1e-15), (1e6, 1e6 - 1e-9)],
    ids=str,
)
def test_tiny_spans_arrive(problem, method, dtype, t_span):
    sol = solve_ode(problem.field, t_span, problem.y0.astype(dtype), problem.theta, method=method)
    assert sol.success and (sol.stats.t == t_span[1]).all() and (sol.stats.accepted < 12).all()
    np.testing.assert_allclose(sol.ys, problem.y0, rtol=1e-6, atol=1e-2 if t_span[0] > 1 else 1e-6)
    y0_bar, theta_bar = sol.vjp(np.ones_like(sol.ys))
    np.testing.assert_allclose(y0_bar, 1, rtol=1e-6)
    assert np.isfinite(theta_bar).all()


@pytest.mark.parametrize("t0", [1e8, 1e12, 1e13, -1e13], ids=str)
@every_adaptive_method
def test_steps_are_those_between_representable_times(method, t0):
    """Near 1e13 numbers lie 0.002 apart: each step is that from one to another, and they add up."""
    field = MLP(3, [8])
    theta, y0 = 0.5 * field.init(rng=0), np.random.default_rng(0).standard_normal((20, 3))
    for span in (10.0, -10.0):
        kwargs = {"method": method, "rtol": 1e-5, "atol": 1e-5}
        near = solve_ode(field, (0, span), y0, theta, rtol=1e-9, atol=1e-9)
        far = solve_ode(field, (t0, t0 + span), y0, theta, **kwargs)
        np.testing.assert_allclose(far.ys, near.ys, atol=2e-3)
        far = solve_ode(field, (t0, t0 + span), y0, theta, first_step=1e-9, **kwargs)
        np.testing.assert_allclose(far.ys, near.ys, atol=2e-3)


def loss(problem, y0, theta, weights, **kwargs):
    sol = solve_ode(problem.field, (0, 2), y0, theta, **kwargs)
    return (sol.ys * weights).sum(), sol


def check_gradient(problem, tolerance, **kwargs):
    """Compare the gradient with central differences in random directions."""
    rng = np.random.default_rng(5)
    shape = solve_ode(problem.field, (0, 2), problem.y0, problem.theta, **kwargs).ys.shape
    weights = rng.standard_normal(shape)
    _, sol = loss(problem, problem.y0, problem.theta, weights, **kwargs)
    y0_bar, theta_bar = sol.vjp(weights)
    h = 1e-5
    for _ in range(4):
        dy, dtheta = rng.standard_normal(y0_bar.shape), rng.standard_normal(theta_bar.shape)
        ends = [
            loss(problem, problem.y0 + s * dy, problem.theta + s * dtheta, weights, **kwargs)[0]
            for s in (h, -h)
        ]
        slope, expected = (ends[0] - ends[1]) / (2 * h), (y0_bar * dy).sum() + theta_bar @ dtheta
        assert abs(slope - expected) <= tolerance * (1 + abs(expected))


@every_method
@pytest.mark.parametrize(
    "kwargs",
    [{}, {"t_eval": TIMES, "interpolate": False}, {"t_eval": TIMES, "interpolate": True}],
    ids=["final", "steps", "Hermite"],
)
def test_gradient_on_fixed_steps_is_that_of_central_differences(problem, method, kwargs):
    check_gradient(problem, 1e-7, method=method, n_steps=12, **kwargs)


@every_adaptive_method
@pytest.mark.parametrize("kwargs", [{}, {"coupled": True}, {"t_eval": TIMES, "interpolate": False}],
                         ids=["final", "coupled", "steps"])  # fmt: skip
def test_gradient_on_fine_adaptive_steps_is_that_of_central_differences(problem, method, kwargs):
    """The grid is held constant: what central differences see of its changes vanishes with the tolerance."""
    tolerance = 1e-7 if ORDERS[method] == 2 else 1e-9
    check_gradient(
        problem, 1e-4, method=method, rtol=tolerance, atol=tolerance, max_steps=20000, **kwargs
    )


def test_gradient_with_own_spans_and_output_times(problem):
    """Each sample's gradient is that of its own solve."""
    rng = np.random.default_rng(6)
    t0, t1 = rng.uniform(-1, 1, (2, 20))
    times = t0[:, None] + np.sort(rng.uniform(0, 1, (20, 3))) * (t1 - t0)[:, None]
    for interpolate in (False, True):
        kwargs = {"interpolate": interpolate, "rtol": 1e-4}
        sol = solve_ode(problem.field, (t0, t1), problem.y0, problem.theta, t_eval=times, **kwargs)
        ys_bar = rng.standard_normal(sol.ys.shape)
        y0_bar, theta_bar = sol.vjp(ys_bar)
        total = np.zeros_like(theta_bar)
        for i in range(20):
            one = solve_ode(
                problem.field,
                (t0[i], t1[i]),
                problem.y0[i],
                problem.theta,
                t_eval=times[i],
                **kwargs,
            )
            y_bar, part = one.vjp(ys_bar[i])
            assert np.array_equal(y_bar, y0_bar[i])
            total += part
        np.testing.assert_allclose(theta_bar, total, rtol=1e-12, atol=1e-12)


def test_vjp_twice_gives_the_same_bits(problem):
    sol = solve_ode(problem.field, (0, 2), problem.y0, problem.theta, t_eval=TIMES)
    ys_bar = np.random.default_rng(0).standard_normal(sol.ys.shape)
    first = sol.vjp(ys_bar)
    doubled = sol.vjp(2 * ys_bar)
    second = sol.vjp(ys_bar)
    for a, b, c in zip(first, second, doubled, strict=True):
        assert np.array_equal(a, b) and np.array_equal(2 * a, c)


def test_vjp_is_linear_in_the_cotangent(problem):
    sol = solve_ode(problem.field, (0, 2), problem.y0, problem.theta, t_eval=TIMES)
    a, b = np.random.default_rng(0).standard_normal((2, *sol.ys.shape))
    for x, y, both in zip(sol.vjp(a), sol.vjp(b), sol.vjp(a + b), strict=True):
        np.testing.assert_allclose(x + y, both, rtol=1e-10, atol=1e-10)


def test_vjp_after_failures_is_finite_and_that_of_what_was_reached(problem):
    """Trajectories that ran out of steps have the gradient of the outputs that they wrote."""
    y0 = problem.y0 * np.linspace(0, 30, 20)[:, None]
    kwargs = {"rtol": 1e-6, "max_steps": 12, "throw": False, "t_eval": TIMES}
    sol = solve_ode(problem.field, (0, 2), y0, problem.theta, **kwargs)
    status = sol.stats.status
    assert {SUCCESS, MAX_STEPS} == set(status) and not sol.success
    reached = TIMES <= sol.stats.t[:, None]
    assert np.array_equal(np.isfinite(sol.ys).all(-1), reached)
    ys_bar = np.where(reached[..., None], 1.0, np.nan) * np.ones(3)
    y0_bar, theta_bar = sol.vjp(ys_bar)
    assert np.isfinite(y0_bar).all() and np.isfinite(theta_bar).all()
    i = int(np.argmax(reached.any(1) & ~reached.all(1)))
    n = reached[i].sum()
    part = solve_ode(
        problem.field, (0, 2), y0[i], problem.theta, rtol=1e-6, t_eval=TIMES, max_steps=4096
    )
    assert np.array_equal(part.ys[:n], sol.ys[i, :n])
    cotangent = np.zeros((5, 3))
    cotangent[:n] = 1
    assert np.array_equal(part.vjp(cotangent)[0], y0_bar[i])


def test_stats_count_evaluations_and_steps(problem):
    def stats(**kwargs):
        return solve_ode(problem.field, (0, 2), problem.y0 * 8, problem.theta, **kwargs).stats

    s = stats(method="dopri5", rtol=1e-5)  # the first slope, and one more to choose the first step
    assert np.array_equal(s.nfe, 2 + 6 * (s.accepted + s.rejected)) and s.rejected.any()
    s = stats(method="dopri5", first_step=0.1)
    assert np.array_equal(s.nfe, 1 + 6 * (s.accepted + s.rejected))
    s = stats(method="heun21")
    assert np.array_equal(s.nfe, 2 + 2 * (s.accepted + s.rejected))
    s = stats(method="bosh3")
    assert np.array_equal(s.nfe, 2 + 3 * (s.accepted + s.rejected))
    s = stats(method="rk4", n_steps=100)
    assert (s.nfe == 400).all() and (s.accepted == 100).all() and not s.rejected.any()
    np.testing.assert_allclose(s.last_step, 0.02)
    s = stats(method="rk4", n_steps=100, t_eval=[0.5, 0.513], interpolate=False)
    assert (s.accepted == 101).all() and (s.nfe == 404).all()
    s = stats(method="dopri5", n_steps=100)
    assert (s.nfe == 601).all()


def test_last_step_has_the_sign_of_the_direction(problem):
    for t_span in ((0, 2), (2, 0)):
        sol = solve_ode(problem.field, t_span, problem.y0, problem.theta)
        assert (np.sign(sol.stats.last_step) == np.sign(t_span[1] - t_span[0])).all()


def test_max_steps_bounds_the_tries(problem):
    sol = solve_ode(
        problem.field, (0, 2), problem.y0 * 8, problem.theta, rtol=1e-8, max_steps=3, throw=False
    )
    assert (sol.stats.status == MAX_STEPS).all()
    assert (sol.stats.accepted + sol.stats.rejected == 3).all() and (sol.stats.t < 2).all()
    assert np.isnan(sol.ys).all() and np.isfinite(sol.y).all()


def test_method_may_be_a_tableau(problem):
    for tableau in EXPLICIT[-2:]:
        a, b = (
            solve_ode(problem.field, (0, 2), problem.y0, problem.theta, method=m).ys
            for m in (tableau, tableau.name)
        )
        assert np.array_equal(a, b)


def test_without_adjoint_the_states_are_the_same(problem):
    sols = [
        solve_ode(problem.field, (0, 2), problem.y0, problem.theta, adjoint=adjoint, t_eval=TIMES)
        for adjoint in ("store", None)
    ]
    assert np.array_equal(sols[0].ys, sols[1].ys)
    assert sols[0].nbytes_adjoint > 0 == sols[1].nbytes_adjoint


def test_solution_says_what_it_is(problem):
    sol = solve_ode(problem.field, (0, 2), problem.y0, problem.theta)
    assert repr(sol).startswith(
        "Solution(ys of shape (20, 3) and dtype float64, success=True, nfe="
    )
    assert isinstance(sol, tapeless.Solution) and sol.success is True
