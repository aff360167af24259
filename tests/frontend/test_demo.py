import contextlib
import io
import sys

import numpy as np
import pytest

from tapeless import demo, optim
from tapeless._classifier import Classifier
from tapeless.fields import Activation, ConcatTime, Dense, Network, Residual

for package in ("sklearn", "matplotlib", "tqdm"):
    pytest.importorskip(package)


@pytest.fixture(scope="module")
def short_run(tmp_path_factory):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        result = demo.run(tmp_path_factory.mktemp("demo"), epochs=2)
    return result, printed.getvalue()


def assert_png(path):
    assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 20_000


def test_short_run_learns_and_writes(short_run):
    result, _ = short_run
    assert result.accuracies[0] > 0.85
    assert not result.interrupted
    assert_png(result.picture)


def test_the_second_half_compares_two_trainings(short_run):
    result, printed = short_run
    assert list(result.nfe) == ["plain", "penalised"] and len(result.nfe["plain"]) == 1
    assert "NFE, plain" in printed and "of the evaluations; accuracy changed by" in printed
    assert_png(result.picture.with_name("regularised.png"))


def test_gradient_agrees_with_central_differences(short_run):
    result, printed = short_run
    assert len(result.gradient_errors) == 5
    assert max(result.gradient_errors) < 1e-5
    assert f"{result.gradient_errors[0]:.1e}" in printed


@pytest.mark.parametrize(
    "row",
    ["test accuracy", "NFE", "prediction", "training step", "forward solve", "adjoint memory"],
)
def test_table_has(short_run, row):
    assert any(line.strip().startswith(row) for line in short_run[1].splitlines())


def test_model_is_plain_arrays_that_predict_the_same(short_run):
    result, _ = short_run
    with np.load(result.model, allow_pickle=False) as file:
        assert all(file[name].dtype.kind in "fU" for name in file.files)
    _, _, images, labels = demo.digits()
    model = demo.load(result.model)
    assert np.mean(model.predict(images) == labels) == result.accuracies[0]


def test_interruption_keeps_what_was_learnt(tmp_path, monkeypatch, capsys):
    step, n_steps = optim.Adam.step, iter(range(100))

    def interrupted_step(adam, theta, theta_bar):
        if next(n_steps) == 5:
            raise KeyboardInterrupt
        return step(adam, theta, theta_bar)

    monkeypatch.setattr(optim.Adam, "step", interrupted_step)
    result = demo.run(tmp_path, seeds=(3, 4))
    assert result.interrupted and list(result.accuracies) == [3]
    assert result.accuracies[3] > 0.5
    assert_png(result.picture)
    assert demo.load(result.model).n_classes == 10
    assert "Interrupted after 5 steps" in capsys.readouterr().out


def test_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(
        demo.MissingDependency, match=r'scikit-learn .* pip install "tapeless\[demo'
    ):
        demo.run(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "named"), [({"seeds": ()}, "seeds"), ({"epochs": 0}, "epochs")]
)
def test_bad_arguments_are_named(tmp_path, arguments, named):
    with pytest.raises(ValueError, match=f"`{named}` must"):
        demo.run(tmp_path, **arguments)


def test_all_layers_survive_saving(tmp_path):
    inner = Residual((Dense(5), Activation("silu"), Dense(3)))
    field = Network(3, [ConcatTime(), Dense(3), inner, Activation("tanh")])
    rng = np.random.default_rng(0)
    images = rng.normal(size=(20, 3))
    model = Classifier.new(field, images, 4, rng, {"method": "bosh3"})
    model.save(tmp_path / "model.npz")
    again = demo.load(tmp_path / "model.npz")
    assert again.field == field and again.solver == model.solver
    assert again.params.dtype == np.float32
    assert np.array_equal(again.scores(images), model.scores(images))


def files_that_are_no_model(folder):
    np.savez(folder / "other.npz", a=np.ones(3))
    np.savez(folder / "pickled.npz", description=np.array([{}], object))
    np.save(folder / "array.npy", np.ones(3))
    (folder / "text.npz").write_text("no archive")
    (folder / "empty.npz").write_bytes(b"")
    return sorted(folder.iterdir())


def test_other_files_are_refused(tmp_path):
    for path in files_that_are_no_model(tmp_path):
        with pytest.raises(ValueError, match=r"load: `path` must be a \.npz file that"):
            demo.load(path)


def test_truncated_parameters_are_refused(short_run, tmp_path):
    with np.load(short_run[0].model) as file:
        arrays = dict(file) | {"params": file["params"][:-1]}
    np.savez(tmp_path / "short.npz", **arrays)
    with pytest.raises(ValueError, match=r"not of shape \(8970,\)"):
        demo.load(tmp_path / "short.npz")


@pytest.mark.slow
def test_mean_accuracy_over_five_seeds(tmp_path, capsys):
    result = demo.run(tmp_path, seeds=range(5))
    assert np.mean(list(result.accuracies.values())) >= 0.97
    assert "mean" in capsys.readouterr().out
