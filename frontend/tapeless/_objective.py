"""What a training minimises: the loss of a solve, with its gradient and its number of evaluations."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless._flat import named
from tapeless._interchange import takes_arrays
from tapeless._memory import without_adjoint
from tapeless._ode import solve_ode
from tapeless._solution import Solution
from tapeless._types import ArrayInput

Floats = NDArray[np.floating]
Loss = Callable[..., tuple[float, Floats]]


class Evaluation(NamedTuple):
    """A loss at some parameters.

    Attributes
    ----------
    loss : float
        Its value.
    theta_bar : ndarray, shape (n_params,)
        Its gradient.
    nfe : float
        Evaluations of the field by a trajectory in the mean; NaN if not counted.
    """

    loss: float
    theta_bar: Floats
    nfe: float = np.nan


def _mean_nfe(sol: Solution) -> float:
    """Return the evaluations of a trajectory in the mean."""
    nfe = sol.stats.nfe
    return float(nfe.sum()) / nfe.size  # half the time of np.mean


class Objective:
    """The loss of a batch of solves, as `fit` takes it: called with theta and a batch, it returns an `Evaluation`.

    A batch is ``(y0, target)``: the initial states, and what the loss compares the solution with.

    Parameters
    ----------
    field : field
        The vector field; theta are its parameters.
    t_span : tuple (t0, t1)
        Initial and final time.
    loss : callable
        ``loss(ys, target)`` returns the loss and its gradient in ys, as those of `tapeless.losses` do.
    **options
        Of `solve_ode`, say ``t_eval`` or ``rtol``.

    Attributes
    ----------
    field, t_span, loss, options
        As given.

    Raises
    ------
    TypeError
        If `field` is no field, or `loss` not callable.
    ValueError
        If `options` ask for no adjoint.

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> field = tapeless.fields.MLP(2, [16])
    >>> objective = tapeless.Objective(field, (0.0, 1.0), tapeless.losses.mse)
    >>> loss, theta_bar, nfe = objective(field.init(rng=0), np.ones((5, 2)), np.zeros((5, 2)))
    >>> theta_bar.shape
    (82,)
    """

    @takes_arrays
    def __init__(
        self, field: VectorField, t_span: tuple[Any, Any], loss: Loss, **options: Any
    ) -> None:
        if not isinstance(field, VectorField):
            wanted = "a tapeless field, say tapeless.fields.MLP(dim, hidden)"
            raise complain(TypeError, "Objective", "field", wanted, describe(field))
        if not callable(loss):
            wanted = "a function of ys and the target, say tapeless.losses.mse"
            raise complain(TypeError, "Objective", "loss", wanted, describe(loss))
        if options.get("adjoint", "store") is None:
            wanted = '"store", "every" or "binomial"; a gradient is taken'
            raise complain(ValueError, "Objective", "adjoint", wanted, "None")
        if field.without_vjp:
            parts = ", ".join(map(str, field.without_vjp))
            wanted = "a field whose every part has a `vjp`"
            raise complain(ValueError, "Objective", "field", wanted, f"{parts} without one")
        self.field, self.t_span, self.loss, self.options = field, t_span, loss, options

    @property
    def n_params(self) -> int:
        """The number of parameters."""
        return self.field.n_params

    @takes_arrays
    def __call__(self, theta: ArrayInput, y0: ArrayInput, target: Any) -> Evaluation:
        """Return the loss of a batch, its gradient, and the evaluations of the field.

        Parameters
        ----------
        theta : array, shape (n_params,)
            The parameters.
        y0 : array, shape (batch, dim)
            Initial states.
        target : array
            What `loss` takes.

        Returns
        -------
        Evaluation
            ``loss``, ``theta_bar``, ``nfe``.
        """
        sol = solve_ode(self.field, self.t_span, y0, theta, **self.options)
        loss, ys_bar = self.loss(sol.ys, target)
        return Evaluation(loss, sol.vjp(ys_bar)[1], _mean_nfe(sol))

    @takes_arrays
    def field_part(self, theta: NDArray[Any]) -> NDArray[Any]:
        """Return the field's parameters.

        Parameters
        ----------
        theta : ndarray, shape (n_params,)
            All parameters.

        Returns
        -------
        ndarray
            Theta itself.
        """
        return theta

    @takes_arrays
    def loss_vjp(
        self, theta: NDArray[Any], ys: Floats, target: Any
    ) -> tuple[float, Floats, Floats | None]:
        """Return the loss of states, its gradient in them, and that in parameters which it sees itself.

        Parameters
        ----------
        theta : ndarray, shape (n_params,)
            All parameters.
        ys : ndarray
            The states.
        target : array
            What `loss` takes.

        Returns
        -------
        tuple
            The loss, its gradient in ys, and None: it sees no parameters.
        """
        return *self.loss(ys, target), None

    @takes_arrays
    def join(self, theta_bar: Floats, whole_bar: Floats | None) -> Floats:
        """Return the gradient in all parameters from that through the field and that of the loss itself.

        Parameters
        ----------
        theta_bar : ndarray
            Through the field.
        whole_bar : ndarray or None
            Of the loss itself.

        Returns
        -------
        ndarray, shape (n_params,)
            Their sum.
        """
        return theta_bar if whole_bar is None else theta_bar + whole_bar

    @takes_arrays
    def value(self, theta: ArrayInput, y0: ArrayInput, target: Any) -> float:
        """Return the loss alone, which keeps nothing for a gradient.

        Parameters
        ----------
        theta : array, shape (n_params,)
            The parameters.
        y0 : array, shape (batch, dim)
            Initial states.
        target : array
            What `loss` takes.

        Returns
        -------
        float
            The loss.
        """
        options = without_adjoint(self.options)
        sol = solve_ode(self.field, self.t_span, y0, theta, adjoint=None, **options)
        return float(self.loss(sol.ys, target)[0])

    @takes_arrays
    def groups(self, theta: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """Return the groups of parameters as views of theta, or of a gradient like it, by name.

        Parameters
        ----------
        theta : ndarray, shape (n_params,)
            The parameters, or their gradient.

        Returns
        -------
        mapping of str to ndarray
            As `field.unflatten` returns it.
        """
        return named(self.field, theta, "")
