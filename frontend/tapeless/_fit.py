"""The public `fit`: check the arguments, and train by steps or by L-BFGS."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapeless import _check as check
from tapeless._bar import Bar
from tapeless._batches import Batches, as_batch, state_of
from tapeless._complain import complain, describe
from tapeless._fit_lbfgs import minimise
from tapeless._interchange import takes_arrays
from tapeless._loop import Evaluate, Loop, Validate
from tapeless._objective import Objective
from tapeless._optimiser import Optimiser
from tapeless._regularised import Regulariser
from tapeless._training_result import Fit
from tapeless._training_state import State, resumed
from tapeless._types import RNG, ArrayInput, Integer, Path
from tapeless.optim import LBFGS, Adam


@takes_arrays
def fit(
    objective: Callable[..., Any],
    theta: ArrayInput,
    data: Any = None,
    *,
    optimiser: Optimiser | LBFGS | None = None,
    regularise: Regulariser | Sequence[Regulariser] | None = None,
    epochs: Integer = 100,
    batch_size: Integer | None = None,
    rng: RNG = None,
    validation: Any = None,
    patience: Integer | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
    callback: Callable[[Fit], Any] | None = None,
) -> Fit:
    """Minimise a loss over parameters, by steps on batches of data.

    Parameters
    ----------
    objective : callable
        ``objective(theta, *batch)`` returns the loss and its gradient, or an `Evaluation`: an `Objective`, or a
        function of your own. If it has an argument ``rng``, it is given the generator.
    theta : array, shape (n_params,)
        Where to start, float32 or float64, finite; not changed.
    data : array or tuple of arrays, optional
        Of one length: each batch has the same rows of all. Without data there is one step an epoch.
    optimiser : Optimiser or LBFGS, optional
        Of `tapeless.optim`; by default Adam. It is not changed: the result has one with the state of the last
        step. `LBFGS` takes all data at once, and an epoch is one of its iterations.
    regularise : regulariser or sequence of such, optional
        Penalties of `tapeless.regularise` that are added to the loss of an `Objective`. Those that draw, as `Local`
        does, need an `rng`, and no `LBFGS`.
    epochs : int
        Passes over the data, those of a resumed training included.
    batch_size : int, optional
        Rows of a batch, the last of an epoch may have fewer; their order is drawn anew each epoch. By default
        all rows are one batch.
    rng : numpy.random.Generator or int, optional
        Where the order comes from; needed with `batch_size`.
    validation : tuple of arrays or callable, optional
        Data for ``objective.value``, or else for the objective, after each epoch; or a function of theta that
        returns a loss.
    patience : int, optional
        Stop when the validation loss has not fallen below its least for so many epochs.
    checkpoint : str or path-like, optional
        A file that all of the training's state is written to after each epoch, at its end, and on Ctrl-C or an
        error.
    resume : bool
        Go on from `checkpoint` if that file exists: to the bit as if there had been no stop, also within an
        epoch.
    progress : bool, optional
        Whether tqdm draws a bar, with loss, evaluations of the field and steps a second. By default it does
        on a terminal, if it is installed.
    callback : callable, optional
        Called with a `Fit` after each epoch; the training stops if it returns True.

    Returns
    -------
    Fit
        ``theta``, ``best_theta``, ``history``, ``optimiser``, ``stopped``. Ctrl-C ends the training and returns
        what there is, with ``stopped="interrupted"``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be, or the checkpoint is of another training.
    TrainingError
        If a loss or a gradient is not finite, or a solve fails; the message names the step and the parameters,
        and its `result` is the last good state.
    ImportError
        With ``progress=True`` if tqdm is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> field = tapeless.fields.MLP(1, [8])
    >>> y0 = np.linspace(-1, 1, 32)[:, None]
    >>> objective = tapeless.Objective(field, (0.0, 1.0), tapeless.losses.mse)
    >>> adam = tapeless.optim.Adam(0.01)
    >>> fit = tapeless.fit(objective, field.init(rng=0), (y0, np.sin(y0)), optimiser=adam, epochs=200)
    >>> fit.n_steps, bool(fit.history.loss[-1] < 0.01 * fit.history.loss[0])
    (200, True)
    """
    if not callable(objective):
        wanted = "a function of theta and a batch, say tapeless.Objective(field, t_span, loss)"
        raise complain(TypeError, "fit", "objective", wanted, describe(objective))
    theta = check.as_state("fit", "theta", theta)
    n_params = getattr(objective, "n_params", None)
    if theta.ndim != 1 or theta.shape != (n_params or theta.size,):
        wanted = f"an array of shape ({'n_params' if n_params is None else n_params},)"
        raise complain(ValueError, "fit", "theta", wanted, describe(theta))
    if not np.isfinite(theta).all():
        raise complain(ValueError, "fit", "theta", "finite", "NaN or inf in it")
    optimiser = Adam() if optimiser is None else optimiser
    if not isinstance(optimiser, (Optimiser, LBFGS)):
        wanted = "an optimiser of tapeless.optim, say Adam(1e-3)"
        raise complain(TypeError, "fit", "optimiser", wanted, describe(optimiser))
    n_epochs = check.positive_int("fit", "epochs", epochs)
    waits = None if patience is None else check.positive_int("fit", "patience", patience)
    if waits is not None and validation is None:
        wanted = "given with a `patience`, which looks at its loss"
        raise complain(ValueError, "fit", "validation", wanted, "None")
    if callback is not None and not callable(callback):
        raise complain(TypeError, "fit", "callback", "a function of a Fit", describe(callback))
    if resume and checkpoint is None:
        raise complain(ValueError, "fit", "checkpoint", "given with resume=True", "None")
    batches = Batches(data, batch_size, rng)
    if isinstance(objective, Objective) and len(batches.data) != 2:
        wanted = "a pair (y0, target), as an Objective takes it"
        raise complain(ValueError, "fit", "data", wanted, f"{len(batches.data)} arrays")
    regularisers = _regularisers(objective, regularise, optimiser)
    evaluate = Evaluate(objective, batches.rng, regularisers)
    validate = _validation(objective, validation)
    if isinstance(optimiser, LBFGS):
        for name, given in (("batch_size", batch_size), ("checkpoint", checkpoint)):
            if given is not None:
                wanted = "left out with LBFGS, which goes on from no state but theta"
                raise complain(ValueError, "fit", name, wanted, describe(given))
        with Bar(progress, n_epochs) as bar:
            return minimise(
                evaluate, theta, batches, optimiser, n_epochs, validate, waits, callback, bar
            )
    state = State(theta.copy(), optimiser.copy(), rng=state_of(batches.rng))
    if resume and checkpoint is not None and os.path.exists(checkpoint):
        state = resumed(checkpoint, state, batches)
    per_epoch = len(batches.sizes)
    with Bar(progress, n_epochs * per_epoch, state.epoch * per_epoch + state.done) as bar:
        loop = Loop(evaluate, state, batches, validate)
        return loop.run(n_epochs, waits, checkpoint, callback, bar)


def _regularisers(objective: Any, given: Any, optimiser: Any) -> tuple[Regulariser, ...]:
    """Return the regularisers, checked."""
    if given is None:
        return ()
    found = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    if not all(hasattr(one, "prepare") and hasattr(one, "penalty") for one in found):
        wanted = "a regulariser of tapeless.regularise, or a sequence of such"
        raise complain(TypeError, "fit", "regularise", wanted, describe(given))
    if found and not hasattr(objective, "loss_vjp"):
        wanted = "left out, unless the objective is a tapeless.Objective, whose solves it changes"
        raise complain(TypeError, "fit", "regularise", wanted, describe(given))
    if isinstance(optimiser, LBFGS) and any(one.draws for one in found):
        wanted = (
            "of regularisers that do not draw with LBFGS, which evaluates one loss again and again"
        )
        raise complain(ValueError, "fit", "regularise", wanted, describe(given))
    return found


def _validation(objective: Any, validation: Any) -> Validate | None:
    """Return what gives the validation loss of parameters, if there is to be one."""
    if validation is None or callable(validation):
        return validation
    batch = as_batch("validation", validation)
    if hasattr(objective, "value"):
        return lambda theta: objective.value(theta, *batch)
    return lambda theta: objective(theta, *batch)[0]
