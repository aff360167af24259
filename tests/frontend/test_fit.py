"""Training: what it minimises, validation and ends, interruption and the bar."""

import os
import signal
import sys
import threading

import numpy as np
import pytest

import tapeless
from fit_problem import DATA, FIELD, QUICK, THETA, Y0, N, objective, quadratic
from tapeless import fit, losses, optim


def test_steps_are_those_of_a_loop_by_hand():
    found = fit(objective, THETA, DATA, epochs=3, **QUICK)
    theta, adam, rng = THETA.copy(), optim.Adam(0.02), np.random.default_rng(3)
    seen, nfe = [], []
    for _ in range(3):
        order = rng.permutation(N)
        for i in range(0, N, 16):
            part = order[i : i + 16]
            sol = tapeless.solve_ode(FIELD, (0, 1), Y0[part], theta, rtol=1e-4)
            loss, ys_bar = losses.mse(sol.ys, DATA[1][part])
            theta = adam.step(theta, sol.vjp(ys_bar)[1])
            seen.append(loss)
            nfe.append(sol.stats.nfe.mean())
    assert found.theta.tobytes() == theta.tobytes() == found.best_theta.tobytes()
    assert found.history.step_loss == seen and found.history.step_nfe == nfe
    assert (found.n_epochs, found.n_steps, found.stopped) == (3, 12, "epochs")
    weights = [16, 16, 16, 2]
    expected = [np.average(seen[i : i + 4], weights=weights) for i in (0, 4, 8)]
    np.testing.assert_allclose(found.history.loss, expected, rtol=1e-15)
    assert len(found.history.seconds) == 3 and min(found.history.seconds) > 0
    assert found.optimiser.n_steps == 12


def test_nothing_that_is_given_is_changed():
    theta, adam = THETA.copy(), optim.Adam()
    fit(objective, theta, DATA, optimiser=adam, epochs=2)
    assert theta.tobytes() == THETA.tobytes() and adam.n_steps == 0 and adam.means is None


def test_it_learns_and_keeps_the_dtype():
    single = [x.astype(np.float32) for x in DATA]
    found = fit(objective, THETA.astype(np.float32), single, epochs=60, **QUICK)
    assert found.theta.dtype == np.float32
    assert found.history.loss[-1] < 0.1 * found.history.loss[0]


def test_without_data_an_epoch_is_a_step():
    found = fit(quadratic, np.ones(3), optimiser=optim.SGD(0.25), epochs=4)
    np.testing.assert_allclose(found.theta, 0.5**4)
    np.testing.assert_allclose(found.history.loss, [3 * 0.25**i for i in range(4)])
    assert np.isnan(found.history.nfe).all()


def test_one_array_is_data_and_an_objective_may_draw():
    drawn = []

    def noisy(theta, x, rng):
        assert x.shape == (5, 2)
        drawn.append(rng.standard_normal())
        return quadratic(theta)

    fit(noisy, np.ones(3), Y0[:10], epochs=2, batch_size=5, rng=7)
    rng, expected = np.random.default_rng(7), []
    for _ in range(2):
        rng.permutation(10)
        expected += [rng.standard_normal(), rng.standard_normal()]
    assert drawn == expected
    with pytest.raises(ValueError, match="fit: `rng` must be a numpy Generator or a seed, which"):
        fit(noisy, np.ones(3), Y0[:10])


def test_the_best_of_validation_is_kept_and_patience_ends():
    # The loss on the validation data is least after the third epoch.
    theta = []

    def validate(x):
        theta.append(x.copy())
        return float(abs(len(theta) - 3))

    found = fit(quadratic, np.ones(3), epochs=50, validation=validate, patience=4)
    assert (found.stopped, found.n_epochs) == ("patience", 7)
    assert found.best_theta.tobytes() == theta[2].tobytes() != found.theta.tobytes()
    assert found.history.validation == [2.0, 1.0, 0.0, 1.0, 2.0, 3.0, 4.0]


def test_validation_data_are_not_trained_on():
    found = fit(objective, THETA, DATA, validation=(Y0[:5], DATA[1][:5]), epochs=2, **QUICK)
    assert found.history.validation[-1] == objective.value(found.theta, Y0[:5], DATA[1][:5])
    plain = fit(objective, THETA, DATA, epochs=2, **QUICK)
    assert plain.theta.tobytes() == found.theta.tobytes()
    of_function = fit(quadratic, np.ones(2), Y0, validation=Y0, epochs=2)
    assert of_function.history.validation[-1] == quadratic(of_function.theta)[0]


def test_a_callback_sees_each_epoch_and_may_end_it():
    seen = []

    def callback(found):
        seen.append(found.n_epochs)
        return found.n_epochs == 3

    found = fit(quadratic, np.ones(3), epochs=9, callback=callback)
    assert seen == [1, 2, 3] and found.stopped == "callback"


def test_plot():
    found = fit(objective, THETA, DATA, validation=DATA, epochs=3, **QUICK)
    assert [line.get_label() for line in found.plot().lines] == ["loss", "validation"]


def test_ctrl_c_returns_what_there_is(tmp_path):
    whole = fit(objective, THETA, DATA, epochs=3, **QUICK)
    calls = 0

    def interrupted(theta, *batch):
        nonlocal calls
        calls += 1
        if calls == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return objective(theta, *batch)

    path = tmp_path / "run.npz"
    found = fit(interrupted, THETA, DATA, epochs=3, checkpoint=path, **QUICK)
    assert found.stopped == "interrupted" and found.n_epochs == 1
    assert found.history.step_loss == whole.history.step_loss[: found.n_steps]
    assert found.n_steps in (6, 7) and len(found.history.loss) == 1
    rest = fit(objective, THETA, DATA, epochs=3, checkpoint=path, resume=True, **QUICK)
    assert rest.theta.tobytes() == whole.theta.tobytes()


def test_ctrl_c_within_a_step_comes_after_it(monkeypatch):
    adam, before = optim.Adam(0.02), signal.getsignal(signal.SIGINT)
    step, seen = optim.Adam.step, []

    def interrupted(self, *arguments, **options):
        seen.append(None)
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):  # time for the signal to be seen
                pass
        return step(self, *arguments, **options)

    monkeypatch.setattr(optim.Adam, "step", interrupted)
    found = fit(objective, THETA, DATA, optimiser=adam, batch_size=16, rng=3)
    assert (found.stopped, found.n_steps, found.optimiser.n_steps) == ("interrupted", 3, 3)
    assert signal.getsignal(signal.SIGINT) is before


def test_it_trains_in_other_threads_too():
    found = []
    thread = threading.Thread(target=lambda: found.append(fit(quadratic, np.ones(2), epochs=3)))
    thread.start()
    thread.join()
    assert found[0].n_steps == 3


def test_the_bar_shows_loss_evaluations_and_speed(capsys):
    fit(objective, THETA, DATA, epochs=2, progress=True, **QUICK)
    said = capsys.readouterr().err
    assert "8/8" in said and "loss 2." in said and "NFE " in said and "steps/s" in said
    fit(objective, THETA, DATA, epochs=1, **QUICK)  # no terminal: no bar
    assert capsys.readouterr().err == ""


def test_without_tqdm_there_is_no_bar_but_on_demand(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert fit(quadratic, np.ones(2), epochs=2).n_steps == 2
    with pytest.raises(ImportError, match=r"pip install 'tapeless\[progress\]'"):
        fit(quadratic, np.ones(2), epochs=2, progress=True)
