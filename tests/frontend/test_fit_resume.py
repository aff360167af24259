"""A training that stopped goes on to the bit, from its own checkpoint alone."""

import numpy as np
import pytest

import tapeless
from fit_problem import DATA, FIELD, QUICK, THETA, objective, quadratic
from tapeless import TrainingError, fit, optim


class Stop(Exception):
    pass


def stops_at(n, error):
    """Return an objective with noise of its own that raises at its n-th call."""
    calls = 0

    def objective_of(theta, y0, target, rng):
        nonlocal calls
        calls += 1
        noise = rng.standard_normal(y0.shape)
        if calls == n:
            raise error
        return objective(theta, y0 + 0.1 * noise, target)

    return objective_of


OPTIONS = {"batch_size": 16, "epochs": 4, "validation": lambda theta: abs(theta).sum()}


@pytest.mark.parametrize("n", [1, 4, 6, 9, 14])  # in and between epochs of four steps
@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937, np.random.Philox])
def test_a_training_goes_on_to_the_bit(tmp_path, n, bits):
    def run(call, **options):
        rng, adam = np.random.Generator(bits(5)), optim.AdamW(optim.Cosine(0.02, 16))
        return fit(call, THETA, DATA, rng=rng, optimiser=adam, **OPTIONS, **options)

    path = tmp_path / "run.npz"
    whole = run(stops_at(0, None))
    with pytest.raises(Stop) as info:
        run(stops_at(n, Stop()), checkpoint=path)
    partial = info.value.result
    assert partial.n_steps == n - 1 and partial.stopped == "failed"
    assert partial.history.step_loss == whole.history.step_loss[: n - 1]
    rest = run(stops_at(0, None), checkpoint=path, resume=True)
    for name in ("loss", "validation", "nfe", "step_loss", "step_nfe"):
        assert getattr(rest.history, name) == getattr(whole.history, name), name
    assert rest.theta.tobytes() == whole.theta.tobytes()
    assert rest.best_theta.tobytes() == whole.best_theta.tobytes()
    assert (rest.n_epochs, rest.n_steps) == (whole.n_epochs, whole.n_steps) == (4, 16)
    again = run(stops_at(0, None), checkpoint=path, resume=True)  # nothing is left to do
    assert again.theta.tobytes() == whole.theta.tobytes() and again.n_steps == 16


@pytest.mark.parametrize("options", [{}, {"batch_size": 16, "rng": 3}])
def test_a_validation_that_fails_is_what_a_resumed_training_begins_with(tmp_path, options):
    """All steps of the epoch have been taken, and are not taken again."""
    path, failing = tmp_path / "run.npz", iter([1.0, np.nan])
    arguments = {"epochs": 3, "optimiser": optim.Adam(0.02), **options}
    with pytest.raises(TrainingError, match="fit: after the steps of epoch 2, the loss on the"):
        fit(
            objective, THETA, DATA, checkpoint=path, validation=lambda x: next(failing), **arguments
        )
    rest = fit(
        objective, THETA, DATA, checkpoint=path, resume=True, validation=lambda x: 0.5, **arguments
    )
    whole = fit(objective, THETA, DATA, validation=lambda x: 0.5, **arguments)
    assert rest.history.step_loss == whole.history.step_loss
    assert rest.theta.tobytes() == whole.theta.tobytes()


def test_more_epochs_go_on_from_a_training_that_ended(tmp_path):
    path = tmp_path / "run.npz"
    fit(objective, THETA, DATA, epochs=2, checkpoint=path, **QUICK)
    rest = fit(objective, THETA, DATA, epochs=3, checkpoint=path, resume=True, **QUICK)
    whole = fit(objective, THETA, DATA, epochs=3, **QUICK)
    assert rest.theta.tobytes() == whole.theta.tobytes()


def test_a_first_start_with_resume_finds_no_file(tmp_path):
    found = fit(quadratic, np.ones(2), epochs=2, checkpoint=tmp_path / "new", resume=True)
    assert found.n_epochs == 2 and (tmp_path / "new").exists()


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    fit(objective, THETA, DATA, epochs=1, checkpoint=path, **QUICK)
    same = {"epochs": 2, "checkpoint": path, "resume": True, **QUICK}
    for theta, data, change, said in [
        (THETA.astype(np.float32), DATA, {}, "float64, not"),
        (THETA, [x[:40] for x in DATA], {}, "its number of rows of `data` is 50, not 40"),
        (THETA, DATA, {"batch_size": 8}, "its `batch_size` is 16, not 8"),
        (THETA, DATA, {"optimiser": optim.Adam(0.1)}, "its optimiser is Adam"),
        (THETA, DATA, {"optimiser": optim.Lion(0.02)}, "its optimiser is Adam"),
        (THETA, DATA, {"rng": np.random.Generator(np.random.MT19937(0))}, "MT19937"),
    ]:
        with pytest.raises(ValueError, match="fit: `path` must be a file that fit wrote") as info:
            fit(objective, theta, data, **same | change)
        assert said in str(info.value)
    tapeless.save(path, FIELD, THETA)
    with pytest.raises(ValueError, match="it holds a 'model', not a 'training'"):
        fit(objective, THETA, DATA, **same)
