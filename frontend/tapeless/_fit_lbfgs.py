"""A training on all data at once, by SciPy's L-BFGS-B."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless._bar import Bar
from tapeless._batches import Batches
from tapeless._loop import Evaluate, Trouble, Validate, validation_loss
from tapeless._training_result import Fit, History
from tapeless.errors import TrainingError
from tapeless.optim import LBFGS


class _Stop(Exception):
    """Ends SciPy's iterations, for a reason."""


class _Iterations:
    """What SciPy calls: the loss with its gradient, and the end of each iteration."""

    def __init__(self, evaluate: Evaluate, theta: NDArray[Any], batches: Batches) -> None:
        self._evaluate, self._batches = evaluate, batches
        self.theta = self.best_theta = theta.copy()
        self.history, self.best, self.best_epoch = History(), np.inf, 0
        self._last: tuple[float, float, float] | None = None
        self._begun = time.perf_counter()

    def __call__(self, x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return loss and gradient in float64, of parameters of theta's dtype."""
        theta = x.astype(self.theta.dtype)
        n = len(self.history.loss)
        loss, theta_bar, nfe, penalty = self._evaluate(theta, self._batches.data, n)
        if not np.isfinite(theta_bar).all():
            raise self._evaluate.gradient_trouble(theta, theta_bar)
        self._last = loss, nfe, penalty
        return loss, theta_bar.astype(np.float64)

    def end(self, x: NDArray[np.float64], loss: float, validate: Validate | None) -> None:
        """Note an iteration."""
        now = time.perf_counter()
        self.theta = x.astype(self.theta.dtype)
        history, nfe = self.history, self._last[1] if self._last else np.nan
        history.loss.append(loss)
        history.step_loss.append(loss)
        history.nfe.append(nfe)
        history.step_nfe.append(nfe)
        penalty = self._last[2] if self._last else 0.0
        history.penalty.append(penalty)
        history.step_penalty.append(penalty)
        value = np.inf
        if validate is not None:
            value = validation_loss(validate, self.theta)
            history.validation.append(value)
        if validate is None or value < self.best:
            self.best, self.best_epoch = value, len(history.loss)
            self.best_theta = self.theta
        history.seconds.append(now - self._begun)
        self._begun = now

    def result(self, optimiser: LBFGS, stopped: str) -> Fit:
        """Return what a caller is given."""
        n = len(self.history.loss)
        best = self.best_theta.copy()
        return Fit(self.theta.copy(), best, self.history, optimiser, n, n, stopped)


def minimise(
    evaluate: Evaluate,
    theta: NDArray[Any],
    batches: Batches,
    optimiser: LBFGS,
    epochs: int,
    validate: Validate | None,
    patience: int | None,
    callback: Callable[[Fit], Any] | None,
    bar: Bar,
) -> Fit:
    """Iterate until it converges, so many epochs are done, or something asks for an end."""
    from scipy.optimize import minimize  # takes as long to import as tapeless

    run = _Iterations(evaluate, theta, batches)

    def ended(intermediate_result: Any) -> None:
        run.end(intermediate_result.x, float(intermediate_result.fun), validate)
        bar.update(run.history)
        if callback is not None and callback(run.result(optimiser, "epochs")) is True:
            raise _Stop("callback")
        if patience is not None and len(run.history.loss) - run.best_epoch >= patience:
            raise _Stop("patience")

    options = {
        "maxiter": epochs, "maxfun": 100 * epochs + 100, "maxcor": optimiser.memory,
        "gtol": optimiser.gtol, "ftol": optimiser.ftol,
    }  # fmt: skip
    try:
        found = minimize(
            run, theta.astype(np.float64), jac=True, method="L-BFGS-B", callback=ended,
            options=options,
        )  # fmt: skip
    except _Stop as stop:
        return run.result(optimiser, str(stop))
    except KeyboardInterrupt:
        return run.result(optimiser, "interrupted")
    except Trouble as trouble:
        after = f"after {len(run.history.loss)} iterations of L-BFGS"
        message = f"fit: {after}, {trouble}. This error's `result` holds the last good state."
        raise TrainingError(message, run.result(optimiser, "failed")) from trouble
    except Exception as error:
        error.result = run.result(optimiser, "failed")  # type: ignore[attr-defined]
        raise
    return run.result(optimiser, "epochs" if found.status == 1 else "converged")
