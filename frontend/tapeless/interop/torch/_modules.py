"""Solves and fields as modules: their parameters are one flat vector, `theta`."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tapeless._complain import complain
from tapeless._composition import VectorField as Composable
from tapeless.interop._measures import Measure
from tapeless.interop.torch._call import alone, call
from tapeless.interop.torch._functions import evaluate
from tapeless.interop.torch._ode_problem import OdeProblem, problem_parts, states_and_parameters
from tapeless.interop.torch._parametric import Parametric
from tapeless.interop.torch._sde_problem import SdeProblem, as_seed, check_fields, n_params


class NeuralODE(Parametric):
    """The map from initial states to solutions of dy/dt = f(t, y, theta), with theta as its parameter.

    Parameters
    ----------
    field : Network, Field or Sum
        The vector field, of dimension `dim`.
    t_span : tuple (t0, t1)
        Initial and final time.
    theta : array or Tensor, shape (n_params,), optional
        Where its parameters start; by default at those of ``field.init``, drawn from torch's generator.
    t_eval : sequence or array, optional
        Output times; by default the final time only.
    measure : str, Functional, or several of them, optional
        What is returned beside the states, as of `solve_ode`.
    dtype : torch.dtype, optional
        Of theta, by default torch's. The solve has that of y0.
    **options
        Of `tapeless.solve_ode`.

    Attributes
    ----------
    theta : torch.nn.Parameter
        The parameters.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    Examples
    --------
    >>> import torch
    >>> import tapeless
    >>> from tapeless.interop.torch import NeuralODE
    >>> model = torch.nn.Sequential(NeuralODE(tapeless.fields.MLP(2, [16]), (0.0, 1.0)), torch.nn.Linear(2, 1))
    >>> model(torch.zeros(5, 2)).shape
    torch.Size([5, 1])
    """

    def __init__(
        self, field: Composable, t_span: tuple[Any, Any], theta: Any = None, *, t_eval: Any = None,
        measure: Measure | Sequence[Measure] | None = None, dtype: torch.dtype | None = None, **options: Any,
    ) -> None:  # fmt: skip
        parts, tensors = problem_parts(field, t_span, t_eval, measure, options)
        if tensors:
            wanted = "numbers: a module keeps them"
            advice = "`solve_ode` and `odeint` take times that are tensors."
            raise complain(
                TypeError, "NeuralODE", "t_span` and `t_eval", wanted, "a tensor", advice
            )
        super().__init__([field], theta, dtype)
        self._problem = OdeProblem(*parts)

    def forward(self, y0: Tensor) -> Any:
        """Return the states, and with `measure` a tuple of them and what was measured.

        Parameters
        ----------
        y0 : Tensor, shape (batch, dim) or (dim,)
            Initial states, float32 or float64.

        Returns
        -------
        Tensor, or tuple of Tensor
            As of `solve_ode`.
        """
        n = len(self._problem.names) - 1
        return alone(call(self._problem, states_and_parameters(n, y0, self.theta, "NeuralODE")))


class NeuralSDE(Parametric):
    """The map from initial states to solutions of dy = f dt + g dW, with theta as its parameter.

    Parameters
    ----------
    drift, diffusion : field
        As `tapeless.solve_sde` takes them.
    t_span : tuple (t0, t1)
        Initial and final time.
    theta : array or Tensor, shape (n_params,), optional
        Where its parameters start, the drift's first; by default at those of ``init``, drawn from torch's generator.
    dtype : torch.dtype, optional
        Of theta, by default torch's. The solve has that of y0.
    **options
        Of `tapeless.solve_sde`: method, n_steps, dt, t_eval and so on.

    Attributes
    ----------
    theta : torch.nn.Parameter
        The parameters.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    Examples
    --------
    >>> import torch
    >>> import tapeless
    >>> from tapeless.interop.torch import NeuralSDE
    >>> diffusion = tapeless.DiffusionNetwork(2, [tapeless.fields.Dense(2)])
    >>> model = NeuralSDE(tapeless.fields.MLP(2, [16]), diffusion, (0.0, 1.0), n_steps=16)
    >>> bool((model(torch.zeros(5, 2), rng=1) == model(torch.zeros(5, 2), rng=1)).all())
    True
    """

    def __init__(
        self, drift: Composable, diffusion: Composable | None, t_span: tuple[float, float], theta: Any = None, *,
        dtype: torch.dtype | None = None, **options: Any,
    ) -> None:  # fmt: skip
        check_fields(drift, diffusion)
        for name in ("rng", "path"):
            if name in options:
                wanted = "an argument of the call, which draws noise of its own each time"
                raise complain(TypeError, "NeuralSDE", name, wanted, "one of the module")
        super().__init__([drift, diffusion], theta, dtype)
        names = ("y0", *(["theta"] if n_params(drift, diffusion) else []), "seed")
        self._problem = SdeProblem(drift, diffusion, names, t_span, options)

    def forward(self, y0: Tensor, rng: Any = None) -> Tensor:
        """Return the states.

        Parameters
        ----------
        y0 : Tensor, shape (batch, dim) or (dim,)
            Initial states, float32 or float64.
        rng : int, Tensor, torch.Generator or numpy.random.Generator, optional
            The seed of the noise, or what draws it; by default torch's own generator.

        Returns
        -------
        Tensor, shape (batch, dim) or (batch, n_times, dim)
            As of `solve_sde`.
        """
        n = len(self._problem.names) - 2
        tensors = states_and_parameters(n, y0, self.theta, "NeuralSDE")
        return call(self._problem, [*tensors, as_seed(rng)])[0]


class VectorField(Parametric):
    """A field of tapeless as a module f(t, y), for `odeint` and for looking at it.

    Parameters
    ----------
    field : Network, Field or Sum
        The vector field.
    theta : array or Tensor, shape (n_params,), optional
        Where its parameters start; by default at those of ``field.init``, drawn from torch's generator.
    dtype : torch.dtype, optional
        Of theta, by default torch's.

    Attributes
    ----------
    field : Network, Field or Sum
        As given.
    theta : torch.nn.Parameter
        The parameters.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    Examples
    --------
    >>> import torch
    >>> import tapeless
    >>> from tapeless.interop.torch import VectorField
    >>> f = VectorField(tapeless.fields.MLP(2, [16]))
    >>> f(0.0, torch.ones(5, 2)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self, field: Composable, theta: Any = None, *, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__([field], theta, dtype)
        self.field = field

    def forward(self, t: float | Tensor, y: Tensor) -> Tensor:
        """Return f(t, y).

        Parameters
        ----------
        t : float
            The time.
        y : Tensor, shape (dim,) or (batch, dim)
            A state or several.

        Returns
        -------
        Tensor, shape of `y`
            As of `evaluate`.
        """
        return evaluate(self.field, t, y, self.theta)
