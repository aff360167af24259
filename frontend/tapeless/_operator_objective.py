"""What the training of an operator minimises: a loss of its values on a batch of functions."""

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from tapeless._complain import complain, describe
from tapeless._interchange import takes_arrays
from tapeless._objective import Evaluation, Loss
from tapeless._types import ArrayInput


class OperatorObjective:
    """The loss of an operator on pairs of functions, as `fit` takes it.

    Parameters
    ----------
    model : operator
        A `SpectralConv`, an `FNO`, or another object with `n_params` and a method ``pullback(x, theta)``.
    loss : callable
        ``loss(y, target)`` returns the loss and its gradient in y, as those of `tapeless.losses` do.

    Attributes
    ----------
    model, loss
        As given.

    Raises
    ------
    TypeError
        If `model` is no operator, or `loss` not callable.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> from tapeless.operators import FNO, OperatorObjective
    >>> x = np.random.default_rng(0).standard_normal((8, 1, 32))
    >>> model = FNO(1, 1, modes=4, width=8, n_layers=2, projection=16)
    >>> objective = OperatorObjective(model, tapeless.losses.relative_l2)
    >>> fit = tapeless.fit(objective, model.init(rng=0), (x, np.roll(x, 1, axis=2)), epochs=30)
    >>> bool(fit.history.loss[-1] < fit.history.loss[0])
    True
    """

    @takes_arrays
    def __init__(self, model: Any, loss: Loss) -> None:
        if not (hasattr(model, "pullback") and hasattr(model, "n_params")):
            wanted = "an operator, say tapeless.operators.FNO(1, 1, modes=16)"
            raise complain(TypeError, "OperatorObjective", "model", wanted, describe(model))
        if not callable(loss):
            wanted = "a function of y and the target, say tapeless.losses.relative_l2"
            raise complain(TypeError, "OperatorObjective", "loss", wanted, describe(loss))
        self.model, self.loss = model, loss

    @property
    def n_params(self) -> int:
        """The number of parameters."""
        return self.model.n_params

    @takes_arrays
    def __call__(self, theta: ArrayInput, x: ArrayInput, target: Any) -> Evaluation:
        """Return the loss of a batch, and its gradient.

        Parameters
        ----------
        theta : array, shape (n_params,)
            The parameters.
        x : array, shape (batch, in_channels, *grid)
            Functions.
        target : array
            What `loss` takes.

        Returns
        -------
        Evaluation
            ``loss``, ``theta_bar``; evaluations are not counted.
        """
        y, pullback = self.model.pullback(x, theta)
        loss, y_bar = self.loss(y, target)
        return Evaluation(loss, pullback(y_bar)[1])

    @takes_arrays
    def value(self, theta: ArrayInput, x: ArrayInput, target: Any) -> float:
        """Return the loss alone, which keeps nothing for a gradient.

        Parameters
        ----------
        theta : array, shape (n_params,)
            The parameters.
        x : array, shape (batch, in_channels, *grid)
            Functions.
        target : array
            What `loss` takes.

        Returns
        -------
        float
            The loss.
        """
        return self.loss(self.model(x, theta), target)[0]

    @takes_arrays
    def groups(self, theta: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """Return the groups of parameters, by name.

        Parameters
        ----------
        theta : ndarray, shape (n_params,)
            All parameters.

        Returns
        -------
        dict
            Those of the model.
        """
        groups: Callable[[NDArray[Any]], Mapping[str, NDArray[Any]]] | None = getattr(
            self.model, "groups", None
        )
        return {"theta": theta} if groups is None else groups(theta)
