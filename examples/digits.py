"""Handwritten digits by the estimator: a search over widths and tolerances, and what one training looks like."""

import sys

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV, train_test_split

from tapeless.plot import history
from tapeless.sklearn import NeuralODEClassifier

QUICK = "--quick" in sys.argv  # less of everything, for the tests
images, labels = load_digits(return_X_y=True)
split = train_test_split(
    images.astype(np.float32), labels, test_size=450, random_state=0, stratify=labels
)
x, x_test, y, y_test = split

# Any tool of scikit-learn takes the estimator: here three folds choose a width and a tolerance.
classifier = NeuralODEClassifier(noise=0.5, batch_size=128, max_iter=30, random_state=0)
grid = {"hidden_layer_sizes": [(16,), (64,)], "rtol": [1e-1, 1e-3]}
search = GridSearchCV(classifier, grid, cv=2 if QUICK else 3).fit(x, y)
for options, score in zip(
    search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"{options}: {score:.1%} in cross-validation")

best = search.best_estimator_
predicted, p = best.predict(x_test), best.predict_proba(x_test)
print(f"{np.mean(predicted == y_test):.1%} of {len(y_test)} test digits, by {search.best_params_}")

figure = Figure(figsize=(13, 4), layout="constrained")
left, middle, right = figure.subplots(1, 3)
history(best.history_, ax=left)
left.set_title("training: loss, and evaluations of the field")
ConfusionMatrixDisplay.from_predictions(y_test, predicted, ax=middle, colorbar=False, cmap="Blues")
middle.set_title("test digits")
right.hist(p.max(axis=1)[predicted == y_test], bins=np.linspace(0, 1, 21), label="right")
right.hist(p.max(axis=1)[predicted != y_test], bins=np.linspace(0, 1, 21), label="wrong")
right.set(xlabel="probability of the class that is chosen", ylabel="test digits", yscale="log")
right.legend(frameon=False)
name = next((a for a in sys.argv[1:] if a != "--quick"), "digits_estimator.png")
figure.savefig(name, dpi=100)
