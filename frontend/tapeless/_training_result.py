"""What a training returns: parameters, what happened epoch by epoch, and why it ended."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tapeless._interchange import presents_arrays, takes_arrays
from tapeless.optim import LBFGS, Optimiser

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass
class History:
    """What happened in a training, in lists.

    Attributes
    ----------
    loss : list of float
        Mean loss of the batches of each epoch, each weighted by its size, before its step.
    validation : list of float
        Loss on the validation data after each epoch, if there are such.
    nfe : list of float
        Evaluations of the field by a trajectory in the mean, of each epoch; NaN if not counted.
    seconds : list of float
        Time of each epoch, validation included.
    penalty : list of float
        What regularisers have added to the loss, in each epoch; 0 without any.
    step_loss, step_nfe, step_penalty : list of float
        The same of every step, those of an epoch that was not finished too.
    """

    loss: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    nfe: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    penalty: list[float] = field(default_factory=list)
    step_loss: list[float] = field(default_factory=list)
    step_nfe: list[float] = field(default_factory=list)
    step_penalty: list[float] = field(default_factory=list)


@presents_arrays
@dataclass
class Fit:
    """What `fit` returns.

    Attributes
    ----------
    theta : ndarray, shape (n_params,)
        The parameters at the end.
    best_theta : ndarray, shape (n_params,)
        Those after the epoch of the least loss on the validation data; `theta` if there are none.
    history : History
        Losses, evaluations and times.
    optimiser : Optimiser or LBFGS
        In the state after the last step; its next step goes on from there.
    n_epochs, n_steps : int
        Epochs finished and steps taken, those before a resumed training too.
    stopped : str
        Why it ended: ``"epochs"``, all were done; ``"patience"``, the validation loss had not fallen for so
        long; ``"callback"`` asked for it; ``"interrupted"`` by Ctrl-C; ``"converged"``, as L-BFGS says; or
        ``"failed"``, in the `result` of an error.
    """

    theta: NDArray[np.floating]
    best_theta: NDArray[np.floating]
    history: History
    optimiser: Optimiser | LBFGS
    n_epochs: int
    n_steps: int
    stopped: str

    @takes_arrays
    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the losses and the evaluations of the field, epoch by epoch.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default on a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            What the losses were drawn on.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If no epoch was finished.
        """
        from tapeless.plot import history

        return history(self.history, ax=ax)
