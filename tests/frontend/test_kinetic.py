"""Networks with their kinetic energy and their Jacobian's size: against NumPy, by complex step, and as any field."""

import itertools
import pickle

import numpy as np
import pytest

import tapeless
from tapeless import fields, solve_ivp, solve_ode
from tapeless.fields import (
    MLP,
    Activation,
    ConcatTime,
    Dense,
    FourierFeatures,
    Kinetic,
    LayerNorm,
    Network,
    Residual,
    Slice,
    SpectralDense,
)
from tapeless.testing import check_gradient, check_vjp

NETWORK = MLP(2, [5], time=True)
THETA = NETWORK.init(rng=0) + 0.1 * np.random.default_rng(1).standard_normal(NETWORK.n_params)
FIELD = Kinetic(NETWORK)
Z0 = np.random.default_rng(2).standard_normal((40, 2))
Y0 = FIELD.initial(Z0, rng=3)
STEPS = {"method": "rk4", "n_steps": 5}
widths = pytest.mark.parametrize("batch", [3, 40], ids=["single lanes", "tiles"])
both = pytest.mark.parametrize("jacobian", [True, False], ids=["jacobian", "kinetic"])


def slopes(t, y, theta, jacobian):
    """Return dy of the field in NumPy, complex if it must be; y (batch, dim)."""
    w0, b0, w1, b1 = np.split(theta, np.cumsum([15, 5, 12]))
    w0, w1 = w0.reshape(3, 5), w1.reshape(6, 2)
    z, time = y[:, :2], np.full((len(y), 1), t)
    h = np.tanh(np.hstack([z, time]) @ w0 + b0)
    f = np.hstack([h, time]) @ w1 + b1
    dy = [f, (f * f).mean(axis=1, keepdims=True)]
    if jacobian:
        eps = y[:, 4:]
        g = ((1 - h * h) * (eps @ w1[:5].T)) @ w0[:2].T
        dy += [(g * g).mean(axis=1, keepdims=True), 0 * eps]
    return np.hstack(dy)


def rk4(y, theta, jacobian, n_steps=5):
    """Return y(1) by RK4."""
    h = 1 / n_steps
    for i in range(n_steps):
        t = i * h
        a = slopes(t, y, theta, jacobian)
        b = slopes(t + h / 2, y + h / 2 * a, theta, jacobian)
        c = slopes(t + h / 2, y + h / 2 * b, theta, jacobian)
        d = slopes(t + h, y + h * c, theta, jacobian)
        y = y + h / 6 * (a + 2 * b + 2 * c + d)
    return y


@both
@widths
def test_solves_and_gradients_are_those_of_numpy(jacobian, batch):
    """The gradient by complex step: to rounding."""
    field = Kinetic(NETWORK, jacobian)
    y0 = field.initial(Z0[:batch], rng=3)
    sol = solve_ode(field, (0, 1), y0, THETA, **STEPS)
    np.testing.assert_allclose(sol.ys, rk4(y0, THETA, jacobian), rtol=1e-13, atol=1e-14)
    rng = np.random.default_rng(4)
    weights = rng.standard_normal(sol.ys.shape)
    y0_bar, theta_bar = sol.vjp(weights)
    for _ in range(3):
        y_dot, theta_dot = rng.standard_normal(y0.shape), rng.standard_normal(THETA.shape)
        ends = rk4(y0 + 1e-30j * y_dot, THETA + 1e-30j * theta_dot, jacobian)
        slope = np.vdot(weights, ends.imag) / 1e-30
        found = np.vdot(y0_bar, y_dot) + np.vdot(theta_bar, theta_dot)
        np.testing.assert_allclose(found, slope, rtol=1e-12)


@both
@pytest.mark.parametrize(
    "layers",
    [
        [Dense(4), LayerNorm(0.1), Activation("silu"), ConcatTime(), Dense(2)],
        [Residual((Dense(3), Activation("gelu"), Dense(2))), Activation("tanh")],
        [SpectralDense(4, 0.8), Activation("softplus"), SpectralDense(2)],
    ],
    ids=["norm", "residual", "spectral"],
)
def test_transposes_are_those_of_differences(layers, jacobian):
    """Of state, parameters and time."""
    network = Network(2, layers)
    field, theta = Kinetic(network, jacobian), network.init(rng=5)
    check_vjp(field, theta=theta)
    check_vjp(Slice(field, len(theta) + 3, 2), theta=np.append(np.append([1.0, 2.0], theta), 3.0))
    check_gradient(field, (0, 1), field.initial(Z0[:20], rng=6), theta, n_steps=4, method="rk4")


def test_adjoints_agree_to_the_bit_and_samples_are_alone():
    options = {"rtol": 1e-5, "atol": 1e-7, "threads": 1}
    sol = solve_ode(FIELD, (0, 1), Y0, THETA, **options)
    stored = sol.vjp(sol.ys)
    for kept in ({"adjoint": "every", "stride": 3}, {"adjoint": "binomial", "budget": 300_000}):
        again = solve_ode(FIELD, (0, 1), Y0, THETA, **options, **kept)
        for x, y in zip(stored, again.vjp(again.ys), strict=True):
            assert x.tobytes() == y.tobytes()
    few = solve_ode(FIELD, (0, 1), Y0[5:8], THETA, **options)
    assert few.ys.tobytes() == sol.ys[5:8].tobytes()
    assert few.vjp(few.ys)[0].tobytes() == stored[0][5:8].tobytes()


def test_signs_estimate_the_norm_of_the_jacobian():
    """The mean over all signs is exact."""
    z = np.array([0.3, -1.2])
    rates = [
        fields.evaluate(FIELD, 0.2, [*z, 0, 0, *eps], THETA)
        for eps in itertools.product([-1.0, 1.0], repeat=2)
    ]
    rows = [fields.vjp(NETWORK, 0.2, z, THETA, row)[0] for row in np.eye(2)]
    np.testing.assert_allclose(np.mean(rates, axis=0)[3], np.sum(np.square(rows)) / 2, rtol=1e-13)
    f = fields.evaluate(NETWORK, 0.2, z, THETA)
    np.testing.assert_allclose(rates[0], [*f, f @ f / 2, rates[0][3], 0, 0], rtol=1e-13)


def test_steps_are_those_of_the_network_with_scaled_tolerances():
    """Of z' = (sin(9 t), cos(9 t)), whose energies have no error."""
    network, theta = Network(2, [ConcatTime(), FourierFeatures(1)]), np.array([0.0, 0.0, 9.0, 0.0])
    options = {"t_span": (0, 5), "theta": theta, "first_step": 0.1}
    alone = solve_ode(network, y0=Z0, rtol=1e-6, atol=1e-8, **options)
    for jacobian in (True, False):
        field = Kinetic(network, jacobian)
        scale, y0 = field.tolerance_scale, field.initial(Z0, rng=0)
        sol = solve_ode(field, y0=y0, rtol=1e-6 * scale, atol=1e-8 * scale, **options)
        assert (sol.stats.accepted == alone.stats.accepted).all()
        assert (sol.stats.rejected == alone.stats.rejected).all()
        np.testing.assert_allclose(field.split(sol.ys).z, alone.ys, rtol=1e-12)
        unscaled = solve_ode(field, y0=y0, rtol=1e-6, atol=1e-8, **options)
        assert (unscaled.stats.accepted < alone.stats.accepted).all()


def test_float32_and_other_solvers():
    y0, theta = Y0.astype(np.float32), THETA.astype(np.float32)
    sol = solve_ode(FIELD, (0, 1), y0, theta, **STEPS)
    wide = solve_ode(FIELD, (0, 1), Y0, THETA, **STEPS)
    assert sol.ys.dtype == np.float32
    np.testing.assert_allclose(sol.ys, wide.ys, rtol=1e-4, atol=1e-5)
    for x, y in zip(sol.vjp(sol.ys), wide.vjp(wide.ys), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-5 * abs(y).max())
    ivp = solve_ivp(FIELD, (0, 1), Y0[0], "DOP853", args=(THETA,), rtol=1e-10, atol=1e-12)
    ode = solve_ode(FIELD, (0, 1), Y0[0], THETA, method="dop853", rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ivp.y[:, -1], ode.ys, rtol=1e-9)


def test_states_are_put_together_and_taken_apart():
    assert FIELD.dim == 6 and FIELD.n_params == NETWORK.n_params
    parts = FIELD.split(Y0)
    assert (parts.z == Z0).all() and not parts.kinetic.any() and not parts.jacobian.any()
    assert set(np.unique(parts.eps)) == {-1.0, 1.0} and np.shares_memory(parts.eps, Y0)
    gaussian = FIELD.initial(Z0.astype(np.float32), rng=3, noise="gaussian")
    assert gaussian.dtype == np.float32 and (abs(FIELD.split(gaussian).eps) != 1).all()
    assert (np.sign(gaussian[:, 4:]) == parts.eps).all()
    less = Kinetic(NETWORK, jacobian=False)
    assert less.dim == 3 and less.split(less.initial(Z0[0])).eps is None
    assert pickle.loads(pickle.dumps(FIELD)) == FIELD != less
    assert {FIELD: 1}[Kinetic(NETWORK)] == 1
    assert list(FIELD.unflatten(THETA)) == list(NETWORK.unflatten(THETA))
    assert tapeless.fields.Kinetic is Kinetic
