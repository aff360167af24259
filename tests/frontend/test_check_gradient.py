"""The check of a solve's gradient: right ones pass, wrong ones do not."""

import numpy as np
import pytest

import tapeless
from tapeless.testing import check_gradient


@tapeless.field(dim=2, n_params=1, vjp="symbolic")
def spring(t, y, theta, dy):
    dy[0] = y[1]
    dy[1] = -theta[0] * y[0]


def doubled(t, y, theta, dy_bar, y_bar, theta_bar):
    y_bar[0] = -theta[0] * dy_bar[1]
    y_bar[1] = dy_bar[0]
    theta_bar[0] -= 2 * y[0] * dy_bar[1]


NETWORK = tapeless.fields.MLP(2, [8], time=True)
Y0 = np.random.default_rng(0).standard_normal((3, 2))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"t_eval": [0.5]},
        {"method": "rk4", "n_steps": 7},
        {"adjoint": "binomial", "budget": 10**6},
        {"n_steps": None, "rtol": 1e-12, "atol": 1e-12},
    ],
)
def test_right_gradients_pass(options):
    check_gradient(NETWORK, (0.0, 1.0), Y0, NETWORK.init(rng=1), **options)
    check_gradient(spring + NETWORK, (1.0, 0.0), Y0, np.ones(1 + NETWORK.n_params), **options)


def test_parameters_of_each_trajectory_and_a_single_state():
    check_gradient(spring, (0.0, 1.0), Y0, [[1.0], [2.0], [3.0]])
    check_gradient(spring, (0.0, 1.0), [1.0, 0.0], [2.0])
    check_gradient(tapeless.fields.Network(2, []), (0.0, 1.0), Y0)


def test_a_wrong_transpose_is_found():
    wrong = tapeless.fields.Field(spring.fun, 2, 1, vjp=doubled)
    with pytest.raises(AssertionError, match="check_gradient: along a direction the slope is"):
        check_gradient(wrong, (0.0, 1.0), Y0, [2.0])


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="check_gradient: `field` must be a tapeless field"):
        check_gradient("spring", (0.0, 1.0), Y0)
    bare = tapeless.fields.Field(spring.fun, 2, 1)
    with pytest.raises(ValueError, match="no `vjp`"):
        check_gradient(bare, (0.0, 1.0), Y0, [2.0])
