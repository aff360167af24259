"""Neural ODEs with scikit-learn's face: a classifier and a regressor for pipelines, searches and `cross_val_score`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless import losses
from tapeless._estimator import PARAMETERS, Floats, NeuralODE
from tapeless._interchange import takes_arrays
from tapeless._sklearn import (
    ClassifierMixin,
    RegressorMixin,
    check_classification_targets,
    validate_data,
)

__all__ = ["NeuralODEClassifier", "NeuralODERegressor"]


class NeuralODEClassifier(ClassifierMixin, NeuralODE):
    """A classifier by the flow of a neural ODE: softmax of W^T y(1) + b, y(0) the scaled input.

    {parameters}

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        The labels.
    field_ : Network
        The vector field.
    theta_ : ndarray, shape (field_.n_params + (field_.dim + 1) * n_classes,)
        Parameters of the field, then W by rows, then b.
    mean_, scale_ : ndarray, shape (n_features,)
        The inputs are scaled by ``(x - mean_) / scale_``.
    history_ : History
        Losses, evaluations and times by epoch.
    n_iter_ : int
        Epochs.

    References
    ----------
    .. [1] Chen, Rubanova, Bettencourt and Duvenaud, Neural ordinary differential equations, NeurIPS (2018).

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from tapeless.sklearn import NeuralODEClassifier
    >>> x, y = make_moons(200, noise=0.1, random_state=0)
    >>> NeuralODEClassifier(random_state=0).fit(x, y).score(x, y) > 0.98
    True
    """

    @takes_arrays
    def fit(self, X: Any, y: Any) -> "NeuralODEClassifier":
        """Fit to inputs and their labels.

        Parameters
        ----------
        X : array, shape (n_samples, n_features)
            Inputs; float32 is computed in float32, all else in float64.
        y : array, shape (n_samples,)
            Labels.

        Returns
        -------
        NeuralODEClassifier
            This object.
        """
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        self._train(X, labels, len(self.classes_), losses.cross_entropy, labels)
        return self

    @takes_arrays
    def predict_proba(self, X: Any) -> Floats:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : array, shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray, shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        scores = self._outputs(X)
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    @takes_arrays
    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likeliest class of each input.

        Parameters
        ----------
        X : array, shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray, shape (n_samples,)
            Labels.
        """
        best = self._outputs(X).argmax(axis=1)
        return self.classes_[best]


class NeuralODERegressor(RegressorMixin, NeuralODE):
    """A regressor by the flow of a neural ODE: W^T y(1) + b, y(0) the scaled input, by least squares.

    {parameters}

    Attributes
    ----------
    field_ : Network
        The vector field.
    theta_ : ndarray, shape (field_.n_params + (field_.dim + 1) * n_outputs,)
        Parameters of the field, then W by rows, then b.
    mean_, scale_ : ndarray, shape (n_features,)
        The inputs are scaled by ``(x - mean_) / scale_``.
    target_mean_, target_scale_ : ndarray, shape (n_outputs,)
        So are the targets.
    history_ : History
        Losses, evaluations and times by epoch.
    n_iter_ : int
        Epochs.

    References
    ----------
    .. [1] Chen, Rubanova, Bettencourt and Duvenaud, Neural ordinary differential equations, NeurIPS (2018).

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless.sklearn import NeuralODERegressor
    >>> x = np.random.default_rng(0).uniform(-1, 1, (300, 2))
    >>> y = np.sin(3 * x[:, 0]) + x[:, 1] ** 2
    >>> NeuralODERegressor(n_augment=2, random_state=0).fit(x, y).score(x, y) > 0.99
    True
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @takes_arrays
    def fit(self, X: Any, y: Any) -> "NeuralODERegressor":
        """Fit to inputs and their targets.

        Parameters
        ----------
        X : array, shape (n_samples, n_features)
            Inputs; float32 is computed in float32, all else in float64.
        y : array, shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        Returns
        -------
        NeuralODERegressor
            This object.
        """
        X, y = validate_data(
            self, X, y, dtype=(np.float64, np.float32), multi_output=True, y_numeric=True
        )
        target = np.asarray(y, np.float64)
        self._single = target.ndim == 1
        target = target[:, None] if self._single else target
        self.target_mean_, spread = target.mean(axis=0), target.std(axis=0)
        self.target_scale_ = np.where(spread > 0, spread, 1.0)
        target = ((target - self.target_mean_) / self.target_scale_).astype(X.dtype)
        self._train(X, target, target.shape[1], losses.mse, None)
        return self

    @takes_arrays
    def predict(self, X: Any) -> Floats:
        """Return the targets of inputs.

        Parameters
        ----------
        X : array, shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray, shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        """
        outputs = self._outputs(X)
        found = (outputs * self.target_scale_ + self.target_mean_).astype(outputs.dtype)
        return found[:, 0] if self._single else found


for _kind in (NeuralODEClassifier, NeuralODERegressor):
    _kind.__doc__ = (_kind.__doc__ or "").replace("{parameters}", PARAMETERS.strip())
