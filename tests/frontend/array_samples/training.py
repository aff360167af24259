"""Objectives, losses, optimisers, estimators and files, with arrays made by `of`."""

import tempfile

import numpy as np
import pytest

import tapeless
from array_samples.problem import FIELD, OBJECTIVE, THETA, Y0, drawn
from tapeless import Objective, fit, losses, optim

LABELS = np.array([0, 1, 1, 0])


def saved(of):
    with tempfile.TemporaryDirectory() as folder:
        tapeless.save(f"{folder}/model", FIELD, of(THETA))
        return tapeless.load(f"{folder}/model").theta.tolist()


def stepped(of):
    optimiser = optim.Adam()
    return optimiser.step(of(THETA), of(THETA)), optimiser.step(of(THETA), of(THETA))


def estimator(name, of):
    module = pytest.importorskip("tapeless.sklearn")
    made = getattr(module, name)((3,), max_iter=1, batch_size=4, random_state=0)
    return made.fit(of(Y0), of(LABELS if name.endswith("Classifier") else Y0[:, 0]))


SAMPLES = {
    "Fit.plot": lambda of: drawn(lambda: fit(OBJECTIVE, of(THETA), (of(Y0), of(Y0)), epochs=1).plot())[0][0][1],
    "NeuralODEClassifier.fit": lambda of: bool(estimator("NeuralODEClassifier", of).classes_.tolist()),
    "NeuralODEClassifier.predict": lambda of: estimator("NeuralODEClassifier", of).predict(of(Y0)),
    "NeuralODEClassifier.predict_proba": lambda of: estimator("NeuralODEClassifier", of).predict_proba(of(Y0)),
    "NeuralODERegressor.fit": lambda of: estimator("NeuralODERegressor", of).n_features_in_,
    "NeuralODERegressor.predict": lambda of: estimator("NeuralODERegressor", of).predict(of(Y0)),
    "Objective.__call__": lambda of: OBJECTIVE(of(THETA), of(Y0), of(Y0)),
    "Objective.__init__": lambda of: Objective(FIELD, (0.0, of(np.array(1.0))), losses.mse)(*map(of, (THETA, Y0, Y0))),
    "Objective.field_part": lambda of: OBJECTIVE.field_part(of(THETA)),
    "Objective.groups": lambda of: OBJECTIVE.groups(of(THETA)),
    "Objective.join": lambda of: OBJECTIVE.join(of(THETA), of(THETA)),
    "Objective.loss_vjp": lambda of: OBJECTIVE.loss_vjp(*map(of, (THETA, Y0, Y0))),
    "Objective.value": lambda of: OBJECTIVE.value(*map(of, (THETA, Y0, Y0))),
    "Optimiser.step": stepped,
    "losses.cross_entropy": lambda of: losses.cross_entropy(of(Y0), of(LABELS)),
    "fit": lambda of: fit(OBJECTIVE, of(THETA), (of(Y0), of(Y0)), epochs=2),
    "losses.gaussian_nll": lambda of: losses.gaussian_nll(of(Y0), of(Y0[:, :1])),
    "losses.huber": lambda of: losses.huber(of(Y0), of(2 * Y0)),
    "losses.mse": lambda of: losses.mse(of(Y0), of(2 * Y0)),
    "losses.relative_l2": lambda of: losses.relative_l2(of(Y0), of(2 * Y0)),
    "save": saved,
}  # fmt: skip
