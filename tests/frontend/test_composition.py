"""Sums of fields, parts of a longer theta and constants: values, gradients, bits, errors, nothing compiled."""

import pickle
import threading

import numpy as np
import pytest

import tapeless
from differences import central_difference
from tapeless.fields import MLP, Activation, Dense, Field, Frozen, Network, Slice, Sum
from tapeless.testing import check_vjp
from tapeless_kernels import _cache
from tapeless_kernels.launch import cpu

every_dtype = pytest.mark.parametrize("dtype", cpu.WIDTHS, ids=str)


def prey(t, y, theta, dy):
    dy[0] = (theta[0] - theta[1] * y[1]) * y[0]
    dy[1] = 0.0


def predator(t, y, theta, dy):
    dy[0] = 0.0
    dy[1] = (theta[0] * y[0] - theta[1]) * y[1]


def both(t, y, theta, dy):
    dy[0] = (theta[0] - theta[1] * y[1]) * y[0]
    dy[1] = (theta[2] * y[0] - theta[3]) * y[1]


def together(t, y, theta, dy):
    """`both` and a network 2-2-2 with tanh at its end, by hand."""
    h0 = np.tanh(theta[4] * y[0] + theta[6] * y[1] + theta[8])
    h1 = np.tanh(theta[5] * y[0] + theta[7] * y[1] + theta[9])
    z0 = np.tanh(theta[10] * h0 + theta[12] * h1 + theta[14])
    z1 = np.tanh(theta[11] * h0 + theta[13] * h1 + theta[15])
    dy[0] = (theta[0] - theta[1] * y[1]) * y[0] + z0
    dy[1] = (theta[2] * y[0] - theta[3]) * y[1] + z1


def doubled(t, y, theta, dy):
    dy[0], dy[1] = 2 * y[0], 2 * y[1]


def doubled_vjp(t, y, theta, dy_bar, y_bar, theta_bar):
    for i in range(2):
        dy_bar[i] *= 2
        y_bar[i] = dy_bar[i]


PREY, PREDATOR = (Field(f, 2, 2, "symbolic") for f in (prey, predator))
BOTH, TOGETHER = Field(both, 2, 4, "symbolic"), Field(together, 2, 16, "symbolic")
TANH = Activation("tanh")
NETWORK = Network(2, [Dense(2), TANH, Dense(2), TANH])
RNG = np.random.default_rng(0)
RATES, WEIGHTS = np.array([1.0, 0.5, 0.3, 0.8]), 0.5 * NETWORK.init(rng=1)
THETA = np.concatenate([RATES, WEIGHTS])
Y0 = RNG.uniform(0.5, 2, (70, 2))
BARS = RNG.normal(size=Y0.shape)
# Fields that are the same function of the same parameters, or of some of them.
SAME = {
    "sum": (BOTH + NETWORK, THETA, slice(None)),
    "three terms": (PREY + PREDATOR + NETWORK, THETA, slice(None)),
    "nested": (Sum([Sum([PREY, PREDATOR]), NETWORK]), THETA, slice(None)),
    "slice": (
        Slice(BOTH + NETWORK, 20, 3),
        np.concatenate([np.ones(3), THETA, [7.0]]),
        slice(None),
    ),
    "frozen network": (BOTH + Frozen(NETWORK, WEIGHTS), RATES, slice(4)),
    "frozen function": (Frozen(BOTH, RATES) + NETWORK, WEIGHTS, slice(4, None)),
}
# Two that keep something for their transpose, before one that writes to the cotangent and one that reads it.
NETWORKS = NETWORK + MLP(2, [3], time=True) + Field(doubled, 2, 0, doubled_vjp) + BOTH
OTHERS = {"networks first": (NETWORKS, RNG.uniform(-0.5, 0.5, NETWORKS.n_params), None)}
same_field = pytest.mark.parametrize(("field", "theta", "part"), SAME.values(), ids=SAME)
every_field = pytest.mark.parametrize(
    ("field", "theta", "part"), [*SAME.values(), *OTHERS.values()], ids=[*SAME, *OTHERS]
)


def of_parts(field, theta_bar):
    """Return the gradient without what lies outside the slice, which is 0."""
    if not isinstance(field, Slice):
        return theta_bar
    inside = slice(field.start, field.start + field.field.n_params)
    assert not np.delete(theta_bar, np.r_[inside]).any()
    return theta_bar[inside]


@every_dtype
@pytest.mark.parametrize("batch", [3, 70])
@same_field
def test_values_and_gradients_are_those_of_one_function(field, theta, part, batch, dtype):
    y0, bars = Y0[:batch].astype(dtype), BARS[:batch].astype(dtype)
    sol = tapeless.solve_ode(field, (0, 2), y0, theta, n_steps=20)
    expected = tapeless.solve_ode(TOGETHER, (0, 2), y0, THETA, n_steps=20)
    rtol = 200 * np.finfo(dtype).eps
    np.testing.assert_allclose(sol.ys, expected.ys, rtol=rtol)
    y0_bar, theta_bar = sol.vjp(bars)
    y0_expected, theta_expected = expected.vjp(bars)
    np.testing.assert_allclose(y0_bar, y0_expected, rtol=rtol, atol=10 * rtol)
    scale = np.abs(theta_expected).max()
    found = of_parts(field, theta_bar)
    np.testing.assert_allclose(found, theta_expected[part], rtol=rtol, atol=rtol * scale)


def test_one_evaluation_differs_by_rounding_alone():
    options = {"method": "euler", "n_steps": 1}
    for field, theta, _ in SAME.values():
        sol = tapeless.solve_ode(field, (0, 1), Y0, theta, **options)
        expected = tapeless.solve_ode(TOGETHER, (0, 1), Y0, THETA, **options)
        np.testing.assert_allclose(sol.ys, expected.ys, rtol=0, atol=8 * np.spacing(2.0))


@every_field
def test_gradients_by_central_differences(field, theta, part):
    def loss(y0, theta):
        return np.sum(BARS * tapeless.solve_ode(field, (0, 1), y0, theta, n_steps=8).ys)

    y0_bar, theta_bar = tapeless.solve_ode(field, (0, 1), Y0, theta, n_steps=8).vjp(BARS)
    dy, dtheta, h = RNG.normal(size=Y0.shape), RNG.normal(size=theta.shape), 1e-5
    slope = central_difference(lambda s: loss(Y0 + s * dy, theta), h)
    np.testing.assert_allclose(np.sum(y0_bar * dy), slope, rtol=1e-7)
    slope = central_difference(lambda s: loss(Y0, theta + s * dtheta), h)
    np.testing.assert_allclose(theta_bar @ dtheta, slope, rtol=1e-7)


@every_field
def test_check_vjp_takes_them(field, theta, part):
    check_vjp(field, theta=theta, y=[1.0, 1.0])


@every_dtype
@every_field
def test_a_trajectory_is_alone_in_any_width_and_thread(field, theta, part, dtype):
    y0, bars = np.tile(Y0, (3, 1)).astype(dtype), np.tile(BARS, (3, 1)).astype(dtype)
    every = tapeless.solve_ode(field, (0, 2), y0, theta, threads=1)
    y0_bar, theta_bar = every.vjp(bars)
    threaded = tapeless.solve_ode(field, (0, 2), y0, theta, threads=2)
    assert np.array_equal(threaded.ys, every.ys)
    assert all(map(np.array_equal, threaded.vjp(bars), (y0_bar, theta_bar)))
    for few in (slice(0, 1), slice(3, 9), slice(20, 60)):
        some = tapeless.solve_ode(field, (0, 2), y0[few], theta)
        assert np.array_equal(some.ys, every.ys[few])
        assert np.array_equal(some.vjp(bars[few])[0], y0_bar[few])


def test_threads_of_the_callers_share_no_scratch():
    field, theta, _ = SAME["nested"]
    expected = tapeless.solve_ode(field, (0, 2), Y0, theta, threads=1).vjp(BARS)[1]
    found = []

    def work():
        for _ in range(20):
            found.append(tapeless.solve_ode(field, (0, 2), Y0, theta, threads=1).vjp(BARS)[1])

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 80 and all(np.array_equal(x, expected) for x in found)


@pytest.mark.parametrize("batch", [5, 40])
def test_functions_may_have_parameters_for_each_trajectory(batch):
    """Beside a network only if that is frozen."""
    field, y0 = Slice(PREY + PREDATOR + Frozen(NETWORK, WEIGHTS), 6, 1), Y0[:batch]
    own = np.zeros((batch, 6))
    own[:, 1:5] = RATES * RNG.uniform(0.8, 1.2, (batch, 1))
    sol = tapeless.solve_ode(field, (0, 2), y0, own)
    y0_bar, own_bar = sol.vjp(BARS[:batch])
    for i in range(batch):
        alone = tapeless.solve_ode(field, (0, 2), y0[i : i + 1], own[i])
        assert np.array_equal(alone.ys[0], sol.ys[i])
        y0_bar_alone, theta_bar_alone = alone.vjp(BARS[i : i + 1])
        assert np.array_equal(y0_bar_alone[0], y0_bar[i])
        assert np.array_equal(theta_bar_alone, own_bar[i])
    with pytest.raises(ValueError, match=r"`theta` must be of shape \(16,\) for this field"):
        tapeless.solve_ode(BOTH + NETWORK, (0, 1), y0, np.ones((batch, 16)))


def test_solve_ivp_takes_them():
    for field, theta, _ in SAME.values():
        sol = tapeless.solve_ivp(field, (0, 2), Y0[0], args=(theta,) if len(theta) else ())
        expected = tapeless.solve_ivp(TOGETHER, (0, 2), Y0[0], args=(THETA,))
        np.testing.assert_allclose(sol.y, expected.y, rtol=1e-12)


def test_a_part_without_a_transpose_is_named():
    field = Sum([NETWORK, Slice(Frozen(Field(both, 2, 4), RATES), 5)])
    sol = tapeless.solve_ode(field, (0, 1), Y0, np.ones(17))
    assert sol.nbytes_adjoint == 0
    with pytest.raises(ValueError, match=r"has no `vjp` in Field\(both, dim=2, n_params=4\)"):
        sol.vjp(sol.ys)
    with pytest.raises(TypeError, match=r"got Field\(both, dim=2, n_params=4\) without one"):
        check_vjp(field)


def test_failures_of_a_part_end_a_trajectory_alone():
    def still(t, y, theta, dy):
        dy[0] = dy[1] = 0.0

    def fragile(t, y, theta, dy):
        if y[1] == 2:
            raise ValueError("two")
        dy[0] = np.nan if y[1] == 3 else 0.0
        dy[1] = 0.0

    y0 = np.ones((40, 2))
    y0[4, 1], y0[7, 1] = 2, 3
    zero = Field(still, 2)
    sol = tapeless.solve_ode(zero + Field(fragile, 2) + zero, (0, 1), y0, throw=False)
    assert [sol.stats.status[i] for i in (3, 4, 7)] == [1, 5, 4]


def test_unflatten_names_the_parts_and_shares_memory():
    views = SAME["three terms"][0].unflatten(THETA)
    names = ["dense0.weight", "dense0.bias", "dense1.weight", "dense1.bias"]
    assert list(views) == ["0", "1", *(f"2.{name}" for name in names)]
    assert np.array_equal(views["1"], RATES[2:]) and np.shares_memory(views["2.dense1.bias"], THETA)
    assert next(iter((Frozen(BOTH, RATES) + NETWORK).unflatten(WEIGHTS))) == "1.dense0.weight"
    sliced = Slice(PREY, 5, 2).unflatten(np.arange(5.0))
    assert np.array_equal(sliced["theta"], [2, 3])
    with pytest.raises(
        ValueError, match=r"Sum.unflatten: `theta` must be an array of shape \(16,\)"
    ):
        (BOTH + NETWORK).unflatten(RATES)


@pytest.mark.parametrize(
    "field",
    [MLP(2, [3]) + MLP(2, [4]), Slice(MLP(2, [3]), 30, 2), Frozen(MLP(2, [3]), np.ones(17))],
    ids=repr,
)
def test_they_compare_show_and_pickle(field):
    again = pickle.loads(pickle.dumps(field))
    assert again == field and hash(again) == hash(field) and repr(again) == repr(field)
    kind, arguments = field.__reduce__()
    assert eval(repr(field).partition("(")[0]) is kind and field != kind(
        *(([*arguments[0], MLP(2, [1])],) if kind is Sum else (MLP(2, [1]), *arguments[1:]))
        if kind is not Frozen
        else (arguments[0], 2 * arguments[1])
    )


def test_sums_of_sums_are_flat():
    assert (PREY + PREDATOR) + (NETWORK + BOTH) == Sum([PREY, PREDATOR, NETWORK, BOTH])


def test_other_compositions_compile_nothing():
    sol = tapeless.solve_ode(PREY + MLP(2, [3]), (0, 1), Y0, np.ones(19))
    sol.vjp(sol.ys)
    before = len(_cache.COMPILATIONS)
    for field in (
        MLP(2, [5], time=True) + PREY + Frozen(MLP(2, [7]), np.ones(37)),
        Sum([PREY]),
        Slice(Sum([MLP(2, []), MLP(2, [2, 2])]), 99),
    ):
        sol = tapeless.solve_ode(field, (0, 1), Y0, np.full(field.n_params, 0.1))
        sol.vjp(sol.ys)
    assert _cache.COMPILATIONS[before:] == []


def test_only_fields_are_added():
    with pytest.raises(TypeError, match="unsupported operand"):
        NETWORK + 3
