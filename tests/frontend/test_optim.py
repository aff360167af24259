"""Optimisers against their rules in plain NumPy, schedules against closed forms."""

import numpy as np
import pytest

from tapeless import optim
from tapeless_kernels import optimisers as kernels
from tapeless_kernels.launch import optimise

N, N_STEPS = 101, 7  # no multiple of a vector
RNG = np.random.default_rng(5)
BARS = RNG.standard_normal((N_STEPS, N))
START = RNG.standard_normal(N)

# (optimiser, rule): rule(state, theta, g, n) returns theta after step n = 1, 2, ...; state is a dict.


def sgd(s, theta, g, n):
    return theta - 0.1 * g


def sgd_momentum(s, theta, g, n):
    g = g + 0.02 * theta
    s["v"] = 0.9 * s.get("v", 0) + g
    return theta - 0.1 * s["v"]


def sgd_nesterov(s, theta, g, n):
    s["v"] = 0.9 * s.get("v", 0) + g
    return theta - 0.1 * (g + 0.9 * s["v"])


def adam(s, theta, g, n, decay=0.0):
    s["m"] = 0.8 * s.get("m", 0) + 0.2 * g
    s["v"] = 0.95 * s.get("v", 0) + 0.05 * g**2
    m, v = s["m"] / (1 - 0.8**n), s["v"] / (1 - 0.95**n)
    return theta - 0.1 * (m / (np.sqrt(v) + 1e-3) + decay * theta)


def adamw(s, theta, g, n):
    return adam(s, theta, g, n, decay=0.3)


def rmsprop(s, theta, g, n):
    g = g + 0.02 * theta
    s["v"] = 0.9 * s.get("v", 0) + 0.1 * g**2
    s["u"] = 0.5 * s.get("u", 0) + g / (np.sqrt(s["v"]) + 1e-3)
    return theta - 0.1 * s["u"]


def lion(s, theta, g, n):
    m = s.get("m", np.zeros_like(theta))
    s["m"] = 0.95 * m + 0.05 * g
    return theta - 0.1 * (np.sign(0.8 * m + 0.2 * g) + 0.3 * theta)


RULES = [
    (lambda: optim.SGD(0.1), sgd),
    (lambda: optim.SGD(0.1, 0.9, weight_decay=0.02), sgd_momentum),
    (lambda: optim.SGD(0.1, 0.9, nesterov=True), sgd_nesterov),
    (lambda: optim.Adam(0.1, (0.8, 0.95), 1e-3), adam),
    (lambda: optim.AdamW(0.1, (0.8, 0.95), 1e-3, weight_decay=0.3), adamw),
    (lambda: optim.RMSProp(0.1, 0.9, 1e-3, momentum=0.5, weight_decay=0.02), rmsprop),
    (lambda: optim.Lion(0.1, (0.8, 0.95), weight_decay=0.3), lion),
]
OF_EACH = [lambda: optim.SGD(0.1, 0.9), optim.Adam, optim.AdamW, optim.RMSProp, optim.Lion]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("make", "rule"), RULES, ids=lambda x: getattr(x, "__name__", ""))
def test_steps_follow_the_rule(make, rule, dtype):
    optimiser, theta, expected, state = make(), START.astype(dtype), START.copy(), {}
    for n, g in enumerate(BARS, start=1):
        theta = optimiser.step(theta, g.astype(dtype))
        expected = rule(state, expected, g, n)
    assert theta.dtype == dtype and optimiser.n_steps == N_STEPS
    np.testing.assert_allclose(theta, expected, rtol=0, atol=2e-6 if dtype == np.float32 else 1e-14)


def test_every_optimiser_has_a_rule_here():
    assert {type(make()) for make, _ in RULES} == set(optim.OPTIMISERS)
    assert {type(make()) for make in OF_EACH} == set(optim.OPTIMISERS)
    assert {o.kernel for o in optim.OPTIMISERS} == set(kernels.STEPS)


@pytest.mark.parametrize("make", OF_EACH)
def test_clipping_shortens_the_gradient_to_the_norm(make):
    clipped, plain = make(), make()
    clipped.clip_norm = 0.5
    for g in BARS:
        short = g * (0.5 / np.linalg.norm(g))
        a, b = clipped.step(START, g), plain.step(START, short)
        np.testing.assert_allclose(a, b, rtol=1e-12)
    # One that is short enough is left as it is, to the bit.
    clipped, plain = make(), make()
    clipped.clip_norm = 2 * np.linalg.norm(BARS[0])
    assert clipped.step(START, BARS[0]).tobytes() == plain.step(START, BARS[0]).tobytes()


@pytest.mark.parametrize("make", OF_EACH)
def test_step_writes_where_it_is_told(make):
    a, b, c, d = make(), make(), make(), make()
    theta = START.copy()
    expected = a.step(theta, BARS[0])
    assert theta.tobytes() == START.tobytes()
    out = np.empty(N)
    assert b.step(theta, BARS[0], out=out) is out and out.tobytes() == expected.tobytes()
    assert c.step(theta, BARS[0], out=theta) is theta and theta.tobytes() == expected.tobytes()
    out = BARS[0].copy()  # the gradient's own memory
    assert d.step(START, out, out=out).tobytes() == expected.tobytes()


def test_norm_is_that_of_numpy_and_of_huge_gradients_too():
    for n in (0, 1, 31, 32, 33, 1000):
        for dtype in (np.float32, np.float64):
            x = RNG.standard_normal(n).astype(dtype)
            expected = np.linalg.norm(x.astype(np.float64))
            np.testing.assert_allclose(optimise.norm(x), expected, rtol=1e-14)
    theta = optim.SGD(1.0, clip_norm=5.0).step(np.zeros(2), np.array([3e200, 4e200]))
    np.testing.assert_allclose(theta, [-3, -4])


@pytest.mark.parametrize("make", OF_EACH)
def test_any_shape_steps_as_the_flat_one_does(make):
    flat, other, turned = make(), make(), make()
    theta, g = START[:100], BARS[0, :100]
    expected = flat.step(flat.step(theta, g), -2 * g)
    for optimiser, order in ((other, "C"), (turned, "F")):
        x = np.asarray(theta.reshape(20, 5), order=order)
        found = optimiser.step(optimiser.step(x, g.reshape(20, 5)), -2 * g.reshape(20, 5))
        assert found.shape == (20, 5) and found.tobytes() == expected.tobytes()
    assert make().step(np.float64(3.0), 0.5).shape == ()


def test_the_learning_rate_may_be_set_to_a_number_or_a_schedule():
    sgd = optim.SGD(1.0)
    sgd.lr = 0.5
    assert sgd.step([0.0], [1.0]).tolist() == [-0.5]
    sgd.lr = optim.Exponential(1.0, 0.5)
    assert sgd.step([0.0], [1.0]).tolist() == [-0.5]  # the second step
    with pytest.raises(ValueError, match="SGD: `lr` must be positive"):
        sgd.lr = -1


def test_views_integers_lists_and_empty_vectors_step_too():
    assert optim.SGD(0.5).step([2, 4], [2, 2]).tolist() == [1, 3]
    strided = np.arange(8.0)[::2]
    assert optim.SGD(1.0).step(strided, np.ones(4)).tolist() == [-1, 1, 3, 5]
    assert optim.Adam().step(np.zeros(0), np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("make", OF_EACH)
def test_gradients_that_are_not_finite_change_nothing(make, bad):
    optimiser, theta = make(), START.copy()
    optimiser.step(theta, BARS[0], out=theta)
    before = theta.tobytes(), [m.tobytes() for m in optimiser.means], optimiser.n_steps
    g = BARS[1].copy()
    g[17] = bad
    with pytest.raises(ValueError, match=r"step: `theta_bar` must be finite; got .* at place 17"):
        optimiser.step(theta, g, out=theta)
    assert before == (theta.tobytes(), [m.tobytes() for m in optimiser.means], optimiser.n_steps)


def test_steps_of_another_shape_or_dtype_are_refused():
    adam = optim.Adam()
    adam.step(START, BARS[0])
    for theta, g, what in [
        (START[:5], BARS[0], r"`theta` must be of the parameters' shape \(101,\)"),
        (START, BARS[0][:5], r"`theta_bar` must be of the parameters' shape \(101,\)"),
        (START.astype(np.float32), BARS[0], "`theta` must be of dtype float64"),
        (START[None], BARS[0], r"`theta` must be of the parameters' shape \(101,\)"),
    ]:
        with pytest.raises(ValueError, match=what):
            adam.step(theta, g)
    for out in (np.empty(5), np.empty(N, np.float32), np.empty(2 * N)[::2], [0.0] * N):
        with pytest.raises(ValueError, match=r"Adam\.step: `out` must be"):
            adam.step(START, BARS[0], out=out)
    with pytest.raises(TypeError, match="float32 or float64"):
        adam.step(START.astype(complex), BARS[0])
    assert adam.n_steps == 1


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: optim.Adam(lr=0), "Adam: `lr` must be positive and finite; got 0"),
        (lambda: optim.Adam(lr=np.nan), "Adam: `lr`"),
        (lambda: optim.Adam(lr="fast"), "Adam: `lr`"),
        (lambda: optim.Adam(betas=(0.9, 1.0)), "Adam: `betas` must be two numbers"),
        (lambda: optim.Adam(betas=0.9), "Adam: `betas` must be two numbers"),
        (lambda: optim.AdamW(eps=0), "AdamW: `eps`"),
        (lambda: optim.AdamW(weight_decay=-1), "AdamW: `weight_decay`"),
        (lambda: optim.SGD(momentum=1.0), "SGD: `momentum`"),
        (lambda: optim.SGD(nesterov=True), "SGD: `momentum` must be positive with nesterov"),
        (lambda: optim.RMSProp(beta=-0.1), "RMSProp: `beta`"),
        (lambda: optim.Lion(clip_norm=0), "Lion: `clip_norm`"),
        (lambda: optim.LBFGS(memory=0), "LBFGS: `memory`"),
        (lambda: optim.Cosine(1.0, 0), "Cosine: `n_steps`"),
        (lambda: optim.Exponential(1.0, -1), "Exponential: `decay`"),
        (lambda: optim.WarmUp("soon", 3), "WarmUp: `schedule`"),
    ],
)
def test_options_are_checked(make, what):
    with pytest.raises(ValueError, match=what):
        make()


def test_a_function_is_no_schedule_as_no_file_could_hold_it():
    with pytest.raises(TypeError, match=r"Adam: `lr` must be a positive number or a schedule"):
        optim.Adam(lr=lambda n: 0.1)


def test_schedules():
    assert optim.Constant(0.3)(0) == optim.Constant(0.3)(10**9) == 0.3
    cosine = optim.Cosine(1.0, 8, end=0.2)
    n = np.arange(12)
    expected = 0.2 + 0.8 * np.cos(np.pi / 2 * np.minimum(n / 8, 1)) ** 2
    np.testing.assert_allclose([cosine(i) for i in n], expected, atol=1e-15)
    exponential = optim.Exponential(0.5, 0.9, 3)
    np.testing.assert_allclose([exponential(i) for i in n], 0.5 * 0.9 ** (n / 3), rtol=1e-14)
    warm = optim.WarmUp(optim.Exponential(0.5, 0.9), 4)
    np.testing.assert_allclose(
        [warm(i) for i in n], [*np.arange(1, 5) / 10, *0.5 * 0.9 ** np.arange(8)], rtol=1e-14
    )
    assert {type(s) for s in (optim.Constant(1), cosine, exponential, warm)} == set(optim.SCHEDULES)


def test_the_learning_rate_of_a_step_is_that_of_the_steps_before():
    sgd, theta = optim.SGD(optim.Exponential(1.0, 0.5)), np.zeros(1)
    for _ in range(4):
        theta = sgd.step(theta, [-1.0])
    assert theta[0] == 1 + 0.5 + 0.25 + 0.125


@pytest.mark.parametrize("make", OF_EACH)
def test_options_make_an_optimiser_of_the_same_steps(make):
    first = make()
    first.step(START, BARS[0])
    again, reference = first.fresh(), make()
    assert again.n_steps == 0 and repr(again) == repr(reference)
    assert again.step(START, BARS[1]).tobytes() == reference.step(START, BARS[1]).tobytes()
