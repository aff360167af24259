"""Tangents of solves through layers of every kind and functions of the user's own, and along times that move."""

import numpy as np
import pytest

import tapeless
from differences import central_difference
from forward_cases import NETWORK, OWN, THETA, lorenz
from tapeless.fields import (
    MLP,
    Activation,
    Bilinear,
    Dense,
    FourierFeatures,
    GatedCell,
    LayerNorm,
    LowRankDense,
    Network,
    Residual,
    Skip,
    SpectralDense,
)  # fmt: skip


def oscillate(t, y, theta, dy):
    dy[0] = y[1]
    dy[1] = -theta[0] * y[0] * t


def oscillate_jvp(t, y, theta, t_dot, y_dot, theta_dot, dy_dot):
    dy_dot[0] = y_dot[1]
    dy_dot[1] = -(theta_dot[0] * y[0] * t + theta[0] * (y_dot[0] * t + y[0] * t_dot))


OSCILLATOR = tapeless.fields.Field(oscillate, 2, 1, vjp="symbolic", jvp=oscillate_jvp)
ONLY_FORWARD = tapeless.fields.Field(oscillate, 2, 1, jvp=oscillate_jvp)


LAYERED = {
    **{
        name: MLP(3, [5], activation=name, final_activation=name, time=True)
        for name in ("tanh", "silu", "softplus", "sin")
    },
    "Residual": Network(3, [Residual((Dense(3), Activation("gelu"), Dense(3)))]),
    "Skip": Network(3, [Skip((Dense(2), Activation("tanh"))), Dense(3)]),
    "LayerNorm": Network(3, [LowRankDense(4, 2), LayerNorm(), Dense(3)]),
    "SpectralDense": Network(3, [SpectralDense(4), Activation("tanh"), Dense(3)]),
    "Bilinear": Network(3, [Bilinear(4), Activation("tanh"), Dense(3)]),
    "FourierFeatures": Network(3, [FourierFeatures(4), Dense(3)]),
    "GatedCell": Network(3, [GatedCell()]),
}


@pytest.mark.parametrize("batch", [2, 20])
@pytest.mark.parametrize("name", LAYERED)
def test_a_step_is_the_tangent_of_the_field(name, batch):
    field, rng = LAYERED[name], np.random.default_rng(0)
    theta, y0 = 0.7 * field.init(rng=0), rng.normal(size=(batch, 3))
    y0_dot, theta_dot = rng.normal(size=(5, batch, 3)), rng.normal(size=(5, field.n_params))
    t0, t1 = 0.3, 0.425
    sol = tapeless.solve_ode(field, (t0, t1), y0, theta, method="euler", n_steps=1)
    t0_dot = rng.normal(size=5)
    found = sol.jvp(y0_dot, theta_dot, t0_dot=t0_dot)
    for j in range(5):
        dots = {"t_dot": t0_dot[j], "y_dot": y0_dot[j], "theta_dot": theta_dot[j]}
        dy, dy_dot = tapeless.fields.jvp(field, t0, y0, theta, **dots)
        wanted = y0_dot[j] + (t1 - t0) * dy_dot - t0_dot[j] * dy
        np.testing.assert_allclose(found[j], wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("batch", [3, 40])
@pytest.mark.parametrize("field", [NETWORK, lorenz], ids=["network", "function"])
def test_times_are_differences_of_solves(field, batch):
    """Along the interpolant, and with the whole span; the steps of the solves beside are where they would be."""
    theta = THETA if field is NETWORK else OWN[0]
    y0 = np.random.default_rng(0).normal(size=(batch, 3))
    times = np.array([0.0, 0.21, 0.5, 1.0])
    direction = {"t0_dot": 0.3, "t1_dot": -0.7, "t_eval_dot": np.array([0.3, 0.1, -0.4, -0.7])}

    def solved(x):
        span = x * direction["t0_dot"], 1 + x * direction["t1_dot"]
        at = times + x * direction["t_eval_dot"]
        options = {"t_eval": at, "n_steps": 40, "method": "rk4"}
        return tapeless.solve_ode(field, span, y0, theta, **options)

    wanted = central_difference(lambda x: solved(x).ys, 1e-5)
    found = solved(0.0).jvp(**direction)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6 * np.abs(wanted).max())
    at_once = solved(0.0).jvp(**{k: np.stack([x, 0 * x]) for k, x in direction.items()})
    assert at_once[0].tobytes() == found.tobytes() and not at_once[1].any()


def test_times_of_each():
    y0 = np.random.default_rng(0).normal(size=(40, 3))
    t0, t1 = np.linspace(0.0, 0.1, 40), np.linspace(0.5, 0.4, 40)
    t0_dot, t1_dot = np.random.default_rng(1).normal(size=(2, 40))

    def solved(x):
        span = t0 + x * t0_dot, t1 + x * t1_dot
        return tapeless.solve_ode(lorenz, span, y0, OWN[0], n_steps=50, method="heun21")

    wanted = central_difference(lambda x: solved(x).ys, 1e-5)
    found = solved(0.0).jvp(t0_dot=t0_dot, t1_dot=t1_dot)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6 * np.abs(wanted).max())


def test_steps_end_on_output_times_that_move():
    """Where each span between two outputs has its own steps, so has a solve of each span."""
    y0, times = np.ones((3, 3)), np.array([0.3, 0.7, 1.0])
    dots = np.array([0.5, -1.0, 0.25])
    tight = {"rtol": 1e-10, "atol": 1e-12}
    sol = tapeless.solve_ode(NETWORK, (0.0, 1.0), y0, THETA, t_eval=times, **tight)
    found, start, t0, dot, y_dot = sol.jvp(t_eval_dot=dots), y0, 0.0, 0.0, np.zeros((3, 3))
    for i, (t1, t1_dot) in enumerate(zip(times, dots, strict=True)):
        part = tapeless.solve_ode(NETWORK, (t0, t1), start, THETA, **tight)
        y_dot = part.jvp(y_dot, t0_dot=dot, t1_dot=t1_dot)
        np.testing.assert_allclose(found[:, i], y_dot, rtol=1e-6)
        start, t0, dot = part.ys, t1, t1_dot


def test_functions_of_your_own():
    y0, y0_dot = np.ones(2), np.array([0.3, -0.2])
    derived = tapeless.fields.Field(oscillate, 2, 1, jvp="symbolic")
    options = {"adjoint": "forward", "n_steps": 10, "method": "rk4"}
    found = [
        tapeless.solve_ode(field, (0.5, 1.0), y0, [3.0], **options).jvp(y0_dot, [0.7], t0_dot=0.2)
        for field in (OSCILLATOR, derived, ONLY_FORWARD)
    ]
    assert found[0].shape == (2,)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-14)
    assert found[2].tobytes() == found[0].tobytes()
    stored = tapeless.solve_ode(ONLY_FORWARD, (0.5, 1.0), y0, [3.0], n_steps=10, method="rk4")
    assert stored.jvp(y0_dot, [0.7], t0_dot=0.2).tobytes() == found[0].tobytes()
