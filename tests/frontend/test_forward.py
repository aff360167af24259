"""Forward mode: `Solution.jvp` is the transpose of `vjp`, whatever was kept, and however many tangents there are."""

import numpy as np
import pytest

import tapeless
from tapeless.fields import LAYERS, MLP, Activation, Dense, Frozen, Network, Residual, Skip, Slice

NETWORK = MLP(3, [8], time=True)
THETA = NETWORK.init(rng=1)
TIMES = np.linspace(0.0, 1.0, 4)


@tapeless.field(dim=3, n_params=3, vjp="symbolic", jvp="symbolic")
def lorenz(t, y, theta, dy):
    dy[0] = theta[0] * (y[1] - y[0])
    dy[1] = y[0] * (theta[1] - y[2]) - y[1]
    dy[2] = y[0] * y[1] - theta[2] * y[2] + t


def oscillate(t, y, theta, dy):
    dy[0] = y[1]
    dy[1] = -theta[0] * y[0] * t


def oscillate_jvp(t, y, theta, t_dot, y_dot, theta_dot, dy_dot):
    dy_dot[0] = y_dot[1]
    dy_dot[1] = -(theta_dot[0] * y[0] * t + theta[0] * (y_dot[0] * t + y[0] * t_dot))


OSCILLATOR = tapeless.fields.Field(oscillate, 2, 1, vjp="symbolic", jvp=oscillate_jvp)
WITHOUT = tapeless.fields.Field(oscillate, 2, 1, vjp="symbolic")
ONLY_FORWARD = tapeless.fields.Field(oscillate, 2, 1, jvp=oscillate_jvp)
RNG = np.random.default_rng(5)
OWN = np.array([10.0, 28.0, 8 / 3]) * RNG.uniform(0.7, 1.0, (400, 3))
ENDS = RNG.uniform(0.05, 1.0, 400)
SUM = lorenz + NETWORK
SUM_THETA = np.concatenate([[10.0, 28.0, 8 / 3], THETA])
CASES = {
    "one alone": (lorenz, OWN[0], 1, 1.0, {}),
    "few": (NETWORK, THETA, 5, 1.0, {"rtol": 1e-7, "t_eval": TIMES}),
    "a tile that is not full": (NETWORK, THETA, 40, 1.0, {"rtol": 1e-7}),
    "not FSAL": (lorenz, OWN[0], 40, 1.0, {"method": "heun21", "atol": 1e-3}),
    "a sum": (SUM, SUM_THETA, 40, 0.3, {"t_eval": TIMES * 0.3}),
    "a part of theta": (Slice(NETWORK, 90, 7) + Frozen(lorenz, OWN[0]), np.ones(90), 5, 0.2, {}),
    "interpolated": (lorenz, OWN[0], 40, 1.0, {"method": "bosh3", "t_eval": TIMES}),
    "backward": (lorenz, OWN[0], 40, -0.3, {"method": "dop853"}),
    "equal steps": (NETWORK, THETA, 40, 1.0, {"method": "rk4", "n_steps": 23, "t_eval": TIMES}),
    "in lockstep": (NETWORK, THETA, 100, 1.0, {"coupled": True, "rtol": 1e-6}),
    "turns of many": (NETWORK, THETA, 400, ENDS, {"rtol": 1e-6}),
    "theta of each": (lorenz, OWN, 400, ENDS, {}),
    "theta of each, few": (lorenz, OWN, 5, 1.0, {"t_eval": TIMES}),
    "some that fail": (lorenz, OWN, 400, ENDS, {"max_steps": 25, "throw": False}),
}


def solve(case, **keep):
    field, theta, n, t1, options = CASES[case]
    y0 = np.random.default_rng(n).normal(size=(n, 3))
    theta = theta[:n] if np.ndim(theta) > 1 else theta
    return tapeless.solve_ode(field, (0.0, t1), y0, theta, threads=2, **options, **keep)


def directions(case, n_tangents, seed=0):
    _, theta, n, _, _ = CASES[case]
    rng, shape = np.random.default_rng(seed), (n, 3) if np.ndim(theta) > 1 else np.shape(theta)
    return rng.normal(size=(n_tangents, n, 3)), rng.normal(size=(n_tangents, *shape))


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_transpose_of_vjp(case):
    sol = solve(case)
    y0_dot, theta_dot = directions(case, 3)
    ys_dot = sol.jvp(y0_dot, theta_dot)
    assert np.array_equal(np.isnan(ys_dot[0]), np.isnan(sol.ys))
    bar = np.random.default_rng(0).normal(size=sol.ys.shape)
    y0_bar, theta_bar = sol.vjp(bar)
    for j in range(3):
        terms = np.nan_to_num(ys_dot[j]) * bar
        backward = (y0_bar * y0_dot[j]).sum() + (theta_bar * theta_dot[j]).sum()
        assert abs(terms.sum() - backward) <= 1e-11 * np.abs(terms).sum()


@pytest.mark.parametrize("case", CASES)
def test_bits_are_the_same_whatever_was_kept_and_however_many_there_are(case):
    sol, others = solve(case), [solve(case, adjoint="forward")]
    others.append(solve(case, adjoint="every", stride=3))
    y0_dot, theta_dot = directions(case, 11)  # two groups, one not full
    ys_dot = sol.jvp(y0_dot, theta_dot)
    for other in others:
        assert other.ys.tobytes() == sol.ys.tobytes()
        for _ in range(2):
            assert other.jvp(y0_dot, theta_dot).tobytes() == ys_dot.tobytes()
    for j in (0, 10):
        assert sol.jvp(y0_dot[j], theta_dot[j]).tobytes() == ys_dot[j].tobytes()
    np.testing.assert_array_equal(sol.jvp(y0_dot), sol.jvp(y0_dot, 0 * theta_dot))
    np.testing.assert_array_equal(sol.jvp(None, theta_dot), sol.jvp(0 * y0_dot, theta_dot))


LAYERED = [
    MLP(3, [5], activation=name, final_activation=name)
    for name in ("tanh", "silu", "gelu", "softplus", "sin")
]
LAYERED += [
    Network(3, [layer(3) if layer in (Dense, LAYERS[1]) else layer(4), Dense(3)])
    for layer in (Dense,)
]
LAYERED += [
    Network(3, [Residual((Dense(3), Activation("silu"), Dense(3)))]),
    Network(3, [Skip((Dense(2), Activation("tanh"))), Dense(3)]),
    Network(3, [tapeless.fields.LowRankDense(4, 2), tapeless.fields.LayerNorm(), Dense(3)]),
    Network(3, [tapeless.fields.SpectralDense(4), Activation("tanh"), Dense(3)]),
    Network(3, [tapeless.fields.Bilinear(4), Activation("tanh"), Dense(3)]),
    Network(3, [tapeless.fields.FourierFeatures(4), Dense(3)]),
    Network(3, [tapeless.fields.GatedCell()]),
]
