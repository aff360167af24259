"""Solves, fields and operators as modules: their parameters are one flat vector, `theta`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tapeless import operators
from tapeless._complain import complain
from tapeless._composition import VectorField as Composable
from tapeless._types import Integer
from tapeless.interop.torch._call import alone, call
from tapeless.interop.torch._functions import OperatorProblem, evaluate
from tapeless.interop.torch._measures import Measure
from tapeless.interop.torch._ode import OdeProblem, problem_parts, states_and_parameters
from tapeless.interop.torch._sde import MOST, SdeProblem, as_seed, check_fields, n_params
from tapeless.interop.torch._tensors import as_array, checked


class Parametric(torch.nn.Module):
    """A module with the parameters of fields or operators, one after the other in `theta`."""

    def __init__(self, sources: Sequence[Any], theta: Any, dtype: torch.dtype | None) -> None:
        super().__init__()
        self._sources = tuple(
            source for source in sources if source is not None and source.n_params
        )
        self.theta = torch.nn.Parameter(self._start(theta, dtype or torch.get_default_dtype()))

    def _start(self, theta: Any, dtype: torch.dtype) -> Tensor:
        name, n = type(self).__name__, sum(source.n_params for source in self._sources)
        if theta is not None:
            found = torch.as_tensor(theta).detach().to(dtype, copy=True)
            if found.shape != (n,):
                wanted = f"of shape ({n},)"
                raise complain(
                    ValueError, name, "theta", wanted, f"one of shape {tuple(found.shape)}"
                )
            return checked(name, "theta", found)
        parts = []
        for source in self._sources:
            if not hasattr(source, "init"):
                wanted = (
                    f"given, of shape ({n},), as {source} does not say how its parameters begin"
                )
                raise complain(TypeError, name, "theta", wanted, "None")
            # Seeded by torch, so that torch.manual_seed makes it the same again.
            parts.append(source.init(rng=int(torch.randint(MOST, ()).item())))
        return torch.from_numpy(np.concatenate(parts or [np.zeros(0)])).to(dtype)

    def unflatten(self) -> dict[str, Tensor]:
        """Return the parameters by name, as views of `theta` without gradients.

        Returns
        -------
        dict
            As `unflatten` of the field or the operator; of several parts their place is put before the name.
        """
        found, at = {}, 0
        for i, source in enumerate(self._sources):
            part = as_array(self.theta)[at : at + source.n_params]
            at += source.n_params
            named = source.unflatten(part) if hasattr(source, "unflatten") else {"theta": part}
            before = f"{i}." if len(self._sources) > 1 else ""
            found |= {before + name: torch.from_numpy(np.asarray(x)) for name, x in named.items()}
        return found

    def extra_repr(self) -> str:
        """Return what its repr says of it.

        Returns
        -------
        str
            Its fields or operators.
        """
        return ", ".join(map(str, self._sources))


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
        return evaluate(self.field, t, y, self.theta)  # type: ignore[arg-type]


class _Operator(Parametric):
    """A module around an operator of `tapeless.operators`."""

    def __init__(self, operator: Any, theta: Any, dtype: torch.dtype | None) -> None:
        super().__init__([operator], theta, dtype)
        self.operator, self._problem = operator, OperatorProblem(operator)

    def forward(self, x: Tensor) -> Tensor:
        """Return the value on the grid of x.

        Parameters
        ----------
        x : Tensor, shape (batch, in_channels, *grid)
            The functions, float32 or float64.

        Returns
        -------
        Tensor, shape (batch, out_channels, *grid)
            The values, of the dtype of x.
        """
        name = type(self).__name__
        return call(self._problem, [checked(name, "x", x), checked(name, "theta", self.theta)])[0]


class SpectralConv(_Operator):
    """A spectral convolution, to be put between layers of torch.

    Parameters
    ----------
    in_channels, out_channels, modes
        As of `tapeless.operators.SpectralConv`.
    theta : array or Tensor, shape (n_params,), optional
        Where its parameters start; by default at those of ``init``, drawn from torch's generator.
    dtype : torch.dtype, optional
        Of theta, by default torch's. The result has that of x.
    **options
        Of `tapeless.operators.SpectralConv`: weights, rank, method, threads.

    Attributes
    ----------
    operator : tapeless.operators.SpectralConv
        What it calls; ``operator.flatten`` makes theta of complex weights.
    theta : torch.nn.Parameter
        The parameters.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    Examples
    --------
    >>> import torch
    >>> from tapeless.interop.torch import SpectralConv
    >>> SpectralConv(2, 3, modes=(4, 4))(torch.ones(5, 2, 16, 16)).shape
    torch.Size([5, 3, 16, 16])
    """

    def __init__(
        self, in_channels: Integer, out_channels: Integer, modes: Integer | tuple[Integer, ...], theta: Any = None, *,
        dtype: torch.dtype | None = None, **options: Any,
    ) -> None:  # fmt: skip
        operator = operators.SpectralConv(in_channels, out_channels, modes, **options)
        super().__init__(operator, theta, dtype)


class FNO(_Operator):
    """A Fourier neural operator, all of it in one call.

    Parameters
    ----------
    in_channels, out_channels, modes
        As of `tapeless.operators.FNO`.
    theta : array or Tensor, shape (n_params,), optional
        Where its parameters start; by default at those of ``init``, drawn from torch's generator.
    dtype : torch.dtype, optional
        Of theta, by default torch's. The result has that of x.
    **options
        Of `tapeless.operators.FNO`: width, n_layers, projection, activation and so on.

    Attributes
    ----------
    operator : tapeless.operators.FNO
        What it calls.
    theta : torch.nn.Parameter
        The parameters.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    Examples
    --------
    >>> import torch
    >>> from tapeless.interop.torch import FNO
    >>> FNO(1, 1, modes=8, width=16, n_layers=2)(torch.zeros(3, 1, 64)).shape
    torch.Size([3, 1, 64])
    """

    def __init__(
        self, in_channels: Integer, out_channels: Integer, modes: Integer | tuple[Integer, ...], theta: Any = None, *,
        dtype: torch.dtype | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(operators.FNO(in_channels, out_channels, modes, **options), theta, dtype)
