"""Operators under `fit`: losses fall, checkpoints go on to the bit, own loops give the same steps."""

import numpy as np
import pytest

import tapeless
from differences import central_difference
from tapeless import fit, losses, optim
from tapeless.operators import FNO, OperatorObjective, SpectralConv

MODEL = FNO(1, 1, 4, width=6, n_layers=2, projection=8)
THETA = MODEL.init(rng=0)
MODES = np.random.default_rng(1).standard_normal((2, 12, 1, 4))
X = np.fft.irfft(MODES[0] + 1j * MODES[1], 20, norm="forward")
DATA = X, np.roll(X, 1, axis=2)
OBJECTIVE = OperatorObjective(MODEL, losses.relative_l2)
QUICK = {"batch_size": 5, "rng": 3, "optimiser": optim.Adam(0.01)}


def test_an_evaluation_is_the_loss_with_its_gradient():
    loss, theta_bar, _ = OBJECTIVE(THETA, *DATA)
    y, pullback = MODEL.pullback(X, THETA)
    expected, y_bar = losses.relative_l2(y, DATA[1])
    assert loss == expected == OBJECTIVE.value(THETA, *DATA)
    assert np.array_equal(theta_bar, pullback(y_bar)[1])
    along = np.random.default_rng(0).standard_normal(THETA.shape)
    slope = central_difference(lambda s: OBJECTIVE.value(THETA + s * along, *DATA), 1e-5)
    assert theta_bar @ along == pytest.approx(slope, rel=1e-6)
    assert OBJECTIVE.n_params == MODEL.n_params
    assert list(OBJECTIVE.groups(THETA)) == list(MODEL.unflatten(THETA))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_loss_falls(dtype):
    data = [a.astype(dtype) for a in DATA]
    found = fit(OBJECTIVE, THETA.astype(dtype), data, epochs=40, **QUICK)
    assert found.theta.dtype == dtype
    assert found.history.loss[-1] < 0.5 * found.history.loss[0]


def test_a_single_convolution_is_learnt():
    """Least squares in the modes that are kept: Adam finds the filter that made the data."""
    conv = SpectralConv(2, 1, 5)
    x, wanted = np.random.default_rng(2).standard_normal((30, 2, 16)), conv.init(rng=5)
    objective = OperatorObjective(conv, losses.mse)
    found = fit(
        objective, conv.init(rng=6), (x, conv(x, wanted)), epochs=600, optimiser=optim.Adam(0.03)
    )
    assert found.history.loss[-1] < 1e-8
    np.testing.assert_allclose(conv(x, found.theta), conv(x, wanted), atol=1e-3)
    assert list(objective.groups(wanted)) == ["theta"]


def test_steps_are_those_of_a_loop_by_hand():
    found = fit(OBJECTIVE, THETA, DATA, epochs=2, **QUICK)
    theta, adam, rng = THETA.copy(), optim.Adam(0.01), np.random.default_rng(3)
    for _ in range(2):
        order = rng.permutation(12)
        for i in range(0, 12, 5):
            part = order[i : i + 5]
            y, pullback = MODEL.pullback(X[part], theta)
            _, y_bar = losses.relative_l2(y, DATA[1][part])
            adam.step(theta, pullback(y_bar)[1], out=theta)
    assert found.theta.tobytes() == theta.tobytes()


def test_a_training_goes_on_from_its_checkpoint_to_the_bit(tmp_path):
    whole = fit(OBJECTIVE, THETA, DATA, epochs=4, **QUICK)
    kept = {"checkpoint": tmp_path / "run.npz", "resume": True, "epochs": 4}
    part = fit(OBJECTIVE, THETA, DATA, callback=lambda f: f.n_epochs == 2, **kept, **QUICK)
    rest = fit(OBJECTIVE, THETA, DATA, **kept, **QUICK)
    assert (part.n_epochs, rest.n_epochs) == (2, 4)
    assert rest.theta.tobytes() == whole.theta.tobytes()


def test_a_gradient_that_is_nan_names_its_groups():
    x = X.copy()
    x[3, 0, 7] = np.nan
    with pytest.raises(tapeless.TrainingError, match=r"layer1\.spectral"):
        fit(OBJECTIVE, THETA, (x, DATA[1]), epochs=1)
