"""Training: what it minimises, how it stops, and that it goes on to the bit."""

import os
import signal
import sys
import threading

import numpy as np
import pytest

import tapeless
from tapeless import Objective, TrainingError, fit, losses, optim
from tapeless.fields import MLP

FIELD = MLP(2, [8])
THETA = FIELD.init(rng=0)
N = 50
Y0 = np.random.default_rng(1).standard_normal((N, 2))
DATA = Y0, np.stack([Y0[:, 1], -Y0[:, 0]], axis=1)
objective = Objective(FIELD, (0.0, 1.0), losses.mse, rtol=1e-4)
QUICK = {"batch_size": 16, "rng": 3, "optimiser": optim.Adam(0.02)}


def quadratic(theta, *batch):
    return float(theta @ theta), 2 * theta


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


# ---------------------------------------------------------------- validation and ends


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


# ---------------------------------------------------------------- going on


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


# ---------------------------------------------------------------- Ctrl-C


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


# ---------------------------------------------------------------- faults


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


# ---------------------------------------------------------------- L-BFGS


def rosenbrock(theta):
    from scipy.optimize import rosen, rosen_der

    return float(rosen(theta)), rosen_der(theta)


def test_lbfgs_finds_the_minimum_and_says_so():
    found = fit(rosenbrock, np.full(5, -1.0), optimiser=optim.LBFGS(), epochs=500)
    np.testing.assert_allclose(found.theta, 1, atol=1e-5)
    assert found.stopped == "converged" and found.n_epochs == len(found.history.loss) < 100
    assert found.history.loss[-1] < 1e-9
    few = fit(rosenbrock, np.full(5, -1.0), optimiser=optim.LBFGS(), epochs=5)
    assert (few.stopped, few.n_epochs) == ("epochs", 5)
    assert few.history.loss == found.history.loss[:5]


def test_lbfgs_on_solves_in_float32_with_validation():
    single = [x.astype(np.float32) for x in DATA]
    found = fit(
        objective, THETA.astype(np.float32), single, optimiser=optim.LBFGS(), epochs=60,
        validation=single, patience=30,
    )  # fmt: skip
    assert found.theta.dtype == np.float32
    assert found.history.loss[-1] < 0.05 * found.history.loss[0]
    assert min(found.history.validation) == pytest.approx(
        objective.value(found.best_theta, *single), rel=1e-6
    )


def test_lbfgs_stops_when_it_is_told_to():
    lbfgs = {"optimiser": optim.LBFGS(), "epochs": 90}
    found = fit(rosenbrock, np.full(5, -1.0), callback=lambda f: f.n_epochs == 4, **lbfgs)
    assert (found.stopped, found.n_epochs) == ("callback", 4)
    calls = []

    def interrupted(theta):
        calls.append(None)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return rosenbrock(theta)

    found = fit(interrupted, np.full(5, -1.0), **lbfgs)
    assert found.stopped == "interrupted" and 0 < found.n_epochs < 8
    rising = iter(range(99))
    found = fit(rosenbrock, -np.ones(5), validation=lambda x: next(rising), patience=3, **lbfgs)
    assert (found.stopped, found.n_epochs) == ("patience", 4)
    for options in ({"batch_size": 4, "rng": 0}, {"checkpoint": "x.npz"}):
        with pytest.raises(ValueError, match="left out with LBFGS"):
            fit(quadratic, np.ones(2), Y0, optimiser=optim.LBFGS(), **options)


# ---------------------------------------------------------------- the bar


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
