"""The estimators, by scikit-learn's own checks and on data."""

import os
import pickle
import signal
import sys

import numpy as np
import pytest
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tapeless.sklearn import NeuralODEClassifier, NeuralODERegressor

X, Y = make_moons(200, noise=0.1, random_state=0)


@parametrize_with_checks([NeuralODEClassifier(max_iter=30), NeuralODERegressor(max_iter=30)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_moons_by_pipeline_and_search():
    pipeline = make_pipeline(MinMaxScaler(), NeuralODEClassifier(n_augment=1, random_state=0))
    grid = {"neuralodeclassifier__max_iter": [1, 150]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, Y)
    assert search.best_params_ == {"neuralodeclassifier__max_iter": 150}
    assert search.best_score_ > 0.95


def test_same_state_same_bits_and_pickles_predict_the_same():
    a, b = (NeuralODEClassifier(max_iter=5, random_state=3).fit(X, Y) for _ in range(2))
    assert a.theta_.tobytes() == b.theta_.tobytes()
    again = pickle.loads(pickle.dumps(a))
    assert again.predict_proba(X).tobytes() == a.predict_proba(X).tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_are_kept(dtype):
    x = X.astype(dtype)
    classifier = NeuralODEClassifier(max_iter=3).fit(x, Y)
    assert classifier.theta_.dtype == classifier.predict_proba(x).dtype == dtype
    regressor = NeuralODERegressor(max_iter=3).fit(x, x)
    assert regressor.predict(x).dtype == dtype and regressor.predict(x).shape == x.shape


def test_circles_need_more_dimensions():
    """Trajectories in the plane cannot cross: a disc stays within its ring."""
    rng = np.random.default_rng(0)
    angle, radius = rng.uniform(0, 2 * np.pi, 300), np.repeat([0.5, 1.5], 150)
    x = (radius * [np.cos(angle), np.sin(angle)]).T
    options = {"hidden_layer_sizes": (16,), "max_iter": 60, "random_state": 0}
    flat = NeuralODEClassifier(**options).fit(x, radius > 1)
    augmented = NeuralODEClassifier(n_augment=1, **options).fit(x, radius > 1)
    assert augmented.history_.loss[-1] < 0.1 * flat.history_.loss[-1]
    assert augmented.field_.dim == 3 and augmented.n_features_in_ == 2


def test_early_stopping_keeps_the_best_and_noise_is_drawn():
    options = {"max_iter": 200, "n_iter_no_change": 5, "random_state": 0}
    early = NeuralODEClassifier(early_stopping=True, validation_fraction=0.3, **options).fit(X, Y)
    assert early.n_iter_ < 200 and len(early.history_.validation) == early.n_iter_
    best = np.argmin(early.history_.validation)
    assert best == early.n_iter_ - 1 - 5
    plain, noisy = (
        NeuralODERegressor(max_iter=3, noise=noise, random_state=0).fit(X, X) for noise in (0, 0.3)
    )
    assert plain.history_.loss[0] < noisy.history_.loss[0]


def test_ctrl_c_keeps_what_was_learnt(monkeypatch):
    calls, readout = [], None

    def interrupted(self, theta, *batch):
        calls.append(None)
        if len(calls) == 9:
            os.kill(os.getpid(), signal.SIGINT)
        return readout(self, theta, *batch)

    from tapeless._readout import Readout

    readout = Readout.__call__
    monkeypatch.setattr(Readout, "__call__", interrupted)
    with pytest.warns(ConvergenceWarning, match="interrupted after 1 of 50 epochs"):
        classifier = NeuralODEClassifier(max_iter=50, random_state=0).fit(X, Y)
    assert classifier.predict(X).shape == Y.shape


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    for name in ("sklearn", "_estimator", "_sklearn"):
        monkeypatch.delitem(sys.modules, f"tapeless.{name}")
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(ImportError, match=r"pip install 'tapeless\[demo\]'"):
        import tapeless.sklearn  # noqa: F401
