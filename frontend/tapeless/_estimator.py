"""What the estimators of `tapeless.sklearn` share: how they are trained, and their parameters in words."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless._complain import frames_to_caller
from tapeless._fit import fit
from tapeless._network import MLP
from tapeless._readout import Readout
from tapeless._sklearn import (
    BaseEstimator,
    ConvergenceWarning,
    check_is_fitted,
    check_random_state,
    train_test_split,
    validate_data,
)
from tapeless.optim import AdamW, Cosine

Floats = NDArray[np.floating]


PARAMETERS = """
    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        Widths of the hidden layers of the vector field.
    activation : str
        Name of the activation after each, as in `tapeless.fields.MLP`.
    n_augment : int
        Components of the state beyond the inputs; they begin at 0.
    method : str
        Of `tapeless.methods.table`.
    rtol, atol : float
        Tolerances of the solve.
    noise : float
        Standard deviation of the normal noise on the scaled inputs while training.
    alpha : float
        Weight decay of AdamW.
    learning_rate_init : float
        Learning rate of the first step; it falls by a cosine to 0.
    batch_size : int
        Rows of a batch.
    max_iter : int
        Passes over the data.
    early_stopping : bool
        Whether to hold out some of the data, stop when their loss has not fallen for long, and keep the
        parameters of the least.
    validation_fraction : float
        The share to hold out.
    n_iter_no_change : int
        For so many passes.
    random_state : int, RandomState instance or None
        Where initial weights, batches and noise come from.
    verbose : bool
        Whether tqdm draws a bar.
"""


class NeuralODE(BaseEstimator):
    """What both estimators share: a network's flow from the scaled inputs, and a linear map behind it."""

    def __init__(
        self,
        hidden_layer_sizes: Any = (64,),
        activation: str = "tanh",
        *,
        n_augment: int = 0,
        method: str = "tsit5",
        rtol: float = 1e-3,
        atol: float = 1e-3,
        noise: float = 0.0,
        alpha: float = 0.0,
        learning_rate_init: float = 1e-2,
        batch_size: int = 32,
        max_iter: int = 200,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.n_augment = n_augment
        self.method = method
        self.rtol = rtol
        self.atol = atol
        self.noise = noise
        self.alpha = alpha
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.verbose = verbose

    def _train(self, x: Floats, target: NDArray[Any], n_out: int, loss: Any, stratify: Any) -> None:
        """Fit the field and the map to targets (n_samples, ...), and set the fitted attributes."""
        draw = check_random_state(self.random_state)
        rng = np.random.default_rng(draw.randint(np.iinfo(np.int32).max))
        self.mean_ = x.mean(axis=0, dtype=np.float64)
        spread = x.std(axis=0, dtype=np.float64)
        self.scale_ = np.where(spread > 0, spread, 1.0)
        self.field_ = MLP(
            x.shape[1] + self.n_augment, self.hidden_layer_sizes, activation=self.activation
        )
        self._readout = Readout(
            self.field_, n_out, loss, method=self.method, rtol=self.rtol, atol=self.atol
        )
        y0, validation = self._start(x), None
        if self.early_stopping:
            y0, held, target, of_held = train_test_split(
                y0, target, test_size=self.validation_fraction, stratify=stratify,
                random_state=draw.randint(np.iinfo(np.int32).max),
            )  # fmt: skip
            validation = held, of_held
        batch = min(self.batch_size, len(y0))
        n_steps = self.max_iter * -(-len(y0) // batch)
        found = fit(
            self._noisy if self.noise else self._readout,
            self._readout.init(rng, x.dtype),
            (y0, target),
            optimiser=AdamW(Cosine(self.learning_rate_init, n_steps), weight_decay=self.alpha),
            epochs=self.max_iter,
            batch_size=batch,
            rng=rng,
            validation=validation and (lambda theta: self._readout.value(theta, *validation)),
            patience=self.n_iter_no_change if validation else None,
            progress=bool(self.verbose),
        )
        if found.stopped == "interrupted":
            message = f"interrupted after {found.n_epochs} of {self.max_iter} epochs; what was learnt is kept"
            warnings.warn(message, ConvergenceWarning, stacklevel=frames_to_caller())
        self.theta_, self.history_, self.n_iter_ = found.best_theta, found.history, found.n_epochs

    def _noisy(self, theta: Floats, y0: Floats, target: Any, rng: np.random.Generator) -> Any:
        return self._readout(
            theta, y0 + self.noise * rng.standard_normal(y0.shape, y0.dtype), target
        )

    def _start(self, x: Floats) -> Floats:
        """Return the states at t = 0: the scaled inputs, and zeros."""
        zeros = np.zeros((len(x), self.n_augment))
        scaled = np.concatenate([(x - self.mean_) / self.scale_, zeros], axis=1)
        return scaled.astype(x.dtype)

    def _outputs(self, x: Any) -> Floats:
        check_is_fitted(self)
        x = validate_data(self, x, dtype=(np.float64, np.float32), reset=False)
        return self._readout.predict(self.theta_.astype(x.dtype), self._start(x))
