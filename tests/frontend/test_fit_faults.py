"""Trainings that fail say where, with the last good state; what cannot be trained is named."""

import numpy as np
import pytest

import tapeless
from fit_problem import DATA, FIELD, QUICK, THETA, Y0, N, objective, quadratic
from tapeless import Objective, TrainingError, fit, losses, optim


def nan_at(n):
    calls = 0

    def call(theta, y0, target):
        nonlocal calls
        calls += 1
        loss, theta_bar, nfe = objective(theta, y0, target)
        if calls == n:
            FIELD.unflatten(theta_bar)["dense1.weight"][3, 1] = np.nan
            loss = np.nan
        return loss, theta_bar, nfe

    call.groups = objective.groups
    return call


def test_a_nan_loss_names_step_and_group_and_keeps_the_last_good_state(tmp_path):
    whole = fit(objective, THETA, DATA, epochs=2, **QUICK)
    path = tmp_path / "run.npz"
    with pytest.raises(TrainingError, match="in epoch 2, step 3, the loss is nan") as info:
        fit(nan_at(7), THETA, DATA, epochs=2, checkpoint=path, **QUICK)
    assert "NaN or inf in dense1.weight;" in str(info.value)
    assert "the largest parameter is" in str(info.value)
    result = info.value.result
    assert result.n_steps == 6 and result.history.step_loss == whole.history.step_loss[:6]
    rest = fit(objective, THETA, DATA, epochs=2, checkpoint=path, resume=True, **QUICK)
    assert rest.theta.tobytes() == whole.theta.tobytes()


@pytest.mark.parametrize("optimiser", [optim.SGD(0.1), optim.LBFGS()])
def test_a_gradient_with_nan_is_no_step(optimiser):
    def call(theta):
        theta_bar = 2 * theta
        theta_bar[1] = np.inf
        return float(theta @ theta), theta_bar

    with pytest.raises(TrainingError, match="gradient is not finite; its gradient has NaN") as info:
        fit(call, np.ones(3), optimiser=optimiser)
    assert info.value.result.theta.tolist() == [1, 1, 1]


def test_a_solve_that_fails_is_a_training_error():
    large = THETA * 1e30
    with pytest.raises(TrainingError, match="in epoch 1, step 1, a solve failed") as info:
        fit(objective, large, DATA)
    assert isinstance(info.value.__cause__.__cause__, tapeless.SolverError)
    assert info.value.result.theta.tobytes() == large.tobytes()


@pytest.mark.parametrize("optimiser", [optim.Adam(), optim.LBFGS()])
def test_a_validation_that_is_nan_ends_it(optimiser):
    with pytest.raises(TrainingError, match="the loss on the validation data is nan") as info:
        fit(quadratic, np.ones(3), optimiser=optimiser, validation=lambda theta: np.nan)
    assert np.isfinite(info.value.result.theta).all()


@pytest.mark.parametrize("optimiser", [optim.Adam(), optim.LBFGS()])
def test_an_error_of_the_objective_arrives_with_the_result(optimiser):
    def call(theta):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as info:
        fit(call, np.ones(3), optimiser=optimiser)
    assert info.value.result.n_steps == 0


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "what"),
    [
        (("f", THETA), {}, TypeError, "fit: `objective` must be a function"),
        (
            (objective, THETA[:5], DATA),
            {},
            ValueError,
            r"`theta` must be an array of shape \(42,\)",
        ),
        ((quadratic, np.ones((2, 2))), {}, ValueError, "`theta` must be an array of shape"),
        ((quadratic, [1.0, np.nan]), {}, ValueError, "`theta` must be finite"),
        ((quadratic, [1j]), {}, TypeError, "`theta` must be of dtype float32 or float64"),
        ((quadratic, [1.0]), {"optimiser": "adam"}, TypeError, "`optimiser` must be an optimiser"),
        ((quadratic, [1.0]), {"epochs": 0}, ValueError, "`epochs` must be a positive integer"),
        ((quadratic, [1.0]), {"patience": 3}, ValueError, "`validation` must be given"),
        ((quadratic, [1.0]), {"resume": True}, ValueError, "`checkpoint` must be given"),
        ((quadratic, [1.0]), {"callback": 3}, TypeError, "`callback` must be a function"),
        ((quadratic, [1.0]), {"progress": "yes"}, TypeError, "`progress` must be True, False"),
        ((quadratic, [1.0]), {"batch_size": 3}, ValueError, "`data` must be given with"),
        ((quadratic, [1.0], Y0), {"batch_size": 3}, ValueError, "`rng` must be a numpy Generator"),
        ((quadratic, [1.0], Y0), {"batch_size": 0, "rng": 0}, ValueError, "`batch_size` must be"),
        ((quadratic, [1.0], Y0[:0]), {}, ValueError, "`data` must be arrays with at least one row"),
        ((quadratic, [1.0], (Y0, Y0[:3])), {}, ValueError, "one length; got lengths 50 and 3"),
        ((objective, THETA, Y0), {}, ValueError, r"`data` must be a pair \(y0, target\), as an"),
        ((objective, THETA), {}, ValueError, r"`data` must be a pair .* got 0 arrays"),
        ((quadratic, [1.0], 3.0), {}, ValueError, "`data` must be arrays with at least one row"),
        ((quadratic, [1.0], Y0), {"validation": Y0[:0]}, ValueError, "`validation` must be arrays"),
        ((lambda theta: 1.0, [1.0]), {}, TypeError, r"`objective` must be a function that returns"),
        (
            (lambda theta: (1.0, theta[:1]), [1.0, 2.0]),
            {},
            ValueError,
            "whose gradient has theta's",
        ),
    ],
)
def test_nonsense_is_named(arguments, options, kind, what):
    with pytest.raises(kind, match=what):
        fit(*arguments, **options)


def test_labels_out_of_range_are_named():
    readout = Objective(FIELD, (0.0, 1.0), losses.cross_entropy)
    with pytest.raises(ValueError, match="cross_entropy: `labels` must be from 0 to 1"):
        fit(readout, THETA, (Y0, np.full(N, 2)))


def test_objectives_are_checked():
    @tapeless.field(dim=2)
    def bare(t, y, theta, dy):
        dy[0] = dy[1] = 0.0

    for arguments, options, kind, what in [
        (("f", (0, 1), losses.mse), {}, TypeError, "Objective: `field` must be a tapeless field"),
        ((FIELD, (0, 1), "mse"), {}, TypeError, "Objective: `loss` must be a function"),
        ((FIELD, (0, 1), losses.mse), {"adjoint": None}, ValueError, "Objective: `adjoint`"),
        ((bare + FIELD, (0, 1), losses.mse), {}, ValueError, "every part has a `vjp`"),
    ]:
        with pytest.raises(kind, match=what):
            Objective(*arguments, **options)
