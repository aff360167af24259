"""The loop of a training by steps: epochs of batches, each a gradient and a step."""

import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapeless._bar import Bar
from tapeless._batches import Batch, Batches, restore, state_of
from tapeless._complain import complain, describe
from tapeless._interrupts import Interrupts
from tapeless._optimiser import NotFinite
from tapeless._regularised import Regulariser, regularised
from tapeless._training_result import Fit
from tapeless._training_state import State
from tapeless._types import Path
from tapeless.errors import SolverError, TrainingError

Validate = Callable[[NDArray[Any]], float]


class Trouble(Exception):
    """A loss, a gradient or a solve that no step can be taken by; says what it was."""


class Evaluate:
    """An objective, called with theta and a batch: its value, checked, and its gradient."""

    def __init__(
        self,
        objective: Callable[..., Any],
        rng: np.random.Generator | None,
        regularisers: Sequence[Regulariser] = (),
    ) -> None:
        self._call, self._more = objective, {}
        self._regularisers, self._rng = regularisers, rng
        if "rng" in _parameters(objective):
            if rng is None:
                wanted = "a numpy Generator or a seed, which the objective takes"
                raise complain(ValueError, "fit", "rng", wanted, "None")
            self._more = {"rng": rng}
        self.draws = bool(self._more) or any(one.draws for one in regularisers)
        if self.draws and rng is None:
            wanted = "a numpy Generator or a seed, which a regulariser draws from"
            raise complain(ValueError, "fit", "rng", wanted, "None")

    def __call__(
        self, theta: NDArray[Any], batch: Batch, n: int
    ) -> tuple[float, NDArray[Any], float, float]:
        """Return loss, gradient, evaluations and penalty of the n-th step; raise Trouble where there is no such."""
        penalty = 0.0
        try:
            if self._regularisers:
                found, penalty = regularised(
                    self._call, self._regularisers, theta, batch, n, self._rng
                )
            else:
                found = self._call(theta, *batch, **self._more)
        except SolverError as error:
            raise Trouble(f"a solve failed ({error})") from error
        try:
            loss, theta_bar, *rest = found
            loss = float(loss)
        except (TypeError, ValueError):
            wanted = "a function that returns (loss, theta_bar) or an Evaluation"
            raise complain(TypeError, "fit", "objective", wanted, describe(found)) from None
        theta_bar = np.asarray(theta_bar)
        if theta_bar.shape != theta.shape:
            wanted = f"a function whose gradient has theta's shape {theta.shape}"
            raise complain(ValueError, "fit", "objective", wanted, describe(theta_bar))
        if not math.isfinite(loss):
            raise Trouble(f"the loss is {loss}{suspects(self._call, theta, theta_bar)}")
        return loss, theta_bar, float(rest[0]) if rest else math.nan, penalty

    def gradient_trouble(self, theta: NDArray[Any], theta_bar: NDArray[Any]) -> Trouble:
        """Return what there is to say of a gradient that is not finite."""
        return Trouble(f"the gradient is not finite{suspects(self._call, theta, theta_bar)}")


def _parameters(function: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def suspects(objective: Any, theta: NDArray[Any], theta_bar: NDArray[Any]) -> str:
    """Return which groups of parameters have a gradient that is not finite, and where theta is largest."""
    groups = objective.groups if hasattr(objective, "groups") else lambda x: {"theta": x}
    wrong = [name for name, part in groups(theta_bar).items() if not np.isfinite(part).all()]
    sizes = {name: float(np.abs(part).max(initial=0.0)) for name, part in groups(theta).items()}
    said = f"; its gradient has NaN or inf in {', '.join(wrong)}" if wrong else ""
    largest = max(sizes, key=lambda name: sizes[name]) if sizes else ""
    return (
        f"{said}; the largest parameter is {sizes[largest]:.3g}, in {largest}" if largest else said
    )


def validation_loss(validate: Validate, theta: NDArray[Any]) -> float:
    """Return the loss on the validation data; raise Trouble where there is no such."""
    try:
        value = float(validate(theta))
    except SolverError as error:
        raise Trouble(f"a solve of the validation failed ({error})") from error
    if not math.isfinite(value):
        raise Trouble(f"the loss on the validation data is {value}")
    return value


class Loop:
    """A training by steps, which can be stopped anywhere and go on from there to the bit."""

    def __init__(
        self, evaluate: Evaluate, state: State, batches: Batches, validate: Validate | None
    ) -> None:
        self.evaluate, self.state, self.batches, self.validate = evaluate, state, batches, validate
        self._interrupts = Interrupts()

    def run(
        self,
        epochs: int,
        patience: int | None,
        checkpoint: Path | None,
        callback: Callable[[Fit], Any] | None,
        bar: Bar,
    ) -> Fit:
        """Train until so many epochs are finished; Ctrl-C ends it with what there is."""
        state = self.state

        def save() -> None:
            if checkpoint is not None:
                state.write(checkpoint, self.batches)

        stopped = "epochs"
        try:
            with self._interrupts:
                while state.epoch < epochs:
                    self._epoch(bar)
                    save()
                    if callback is not None and callback(state.result("epochs")) is True:
                        stopped = "callback"
                        break
                    if patience is not None and state.epoch - state.best_epoch >= patience:
                        stopped = "patience"
                        break
        except KeyboardInterrupt:
            save()
            stopped = "interrupted"
        except Trouble as trouble:
            save()
            at = f"in epoch {state.epoch + 1}, step {state.done + 1}"
            if state.done == len(self.batches.sizes):
                at = f"after the steps of epoch {state.epoch + 1}"
            message = f"fit: {at}, {trouble}. This error's `result` holds the state before it."
            raise TrainingError(message, state.result("failed")) from trouble
        except Exception as error:
            save()
            error.result = state.result("failed")  # type: ignore[attr-defined]
            raise
        return state.result(stopped)

    def _epoch(self, bar: Bar) -> None:
        """Finish the present epoch."""
        state, batches, begun = self.state, self.batches, time.perf_counter()
        order = self._order()
        for batch in batches.epoch(order, state.done):
            self._step(batch)
            bar.update(state.history)
        history, n = state.history, len(batches.sizes)
        weights = np.array(batches.sizes if batches.n else [1.0], np.float64)
        loss, nfe = history.step_loss[-n:], history.step_nfe[-n:]
        penalty = history.step_penalty[-n:]
        value = math.nan if self.validate is None else validation_loss(self.validate, state.theta)
        self._interrupts.hold()
        history.loss.append(float(np.average(loss, weights=weights)))
        history.nfe.append(float(np.average(nfe, weights=weights)))
        history.penalty.append(float(np.average(penalty, weights=weights)))
        history.seconds.append(time.perf_counter() - begun)
        state.epoch, state.done, state.epoch_rng = state.epoch + 1, 0, None
        if self.validate is not None:
            history.validation.append(value)
            if value < state.best:
                state.best, state.best_epoch = value, state.epoch
                state.best_theta = state.theta.copy()
        self._interrupts.release()

    def _order(self) -> NDArray[np.intp] | None:
        """Return the order of the present epoch: drawn, or drawn again if it goes on."""
        state, batches = self.state, self.batches
        self._interrupts.hold()
        if batches.rng is not None and state.epoch_rng is not None:
            restore(batches.rng, state.epoch_rng)
            order = batches.order()
            restore(batches.rng, state.rng)
        else:
            state.epoch_rng = state_of(batches.rng)
            order = batches.order()
            state.rng = state_of(batches.rng)
        self._interrupts.release()
        return order

    def _step(self, batch: Batch) -> None:
        state = self.state
        n = len(state.history.step_loss)
        loss, theta_bar, nfe, penalty = self.evaluate(state.theta, batch, n)
        self._interrupts.hold()
        try:
            state.optimiser.step(state.theta, theta_bar, out=state.theta)
            state.history.step_loss.append(loss)
            state.history.step_nfe.append(nfe)
            state.history.step_penalty.append(penalty)
            state.done += 1
            if self.evaluate.draws:
                state.rng = state_of(self.batches.rng)
        except NotFinite as error:
            raise self.evaluate.gradient_trouble(state.theta, theta_bar) from error
        finally:
            self._interrupts.release()
