"""Operators as modules."""

from typing import Any

import torch
from torch import Tensor

from tapeless import operators
from tapeless._types import Integer
from tapeless.interop.torch._call import call
from tapeless.interop.torch._function_problems import OperatorProblem
from tapeless.interop.torch._parametric import Parametric
from tapeless.interop.torch._tensors import checked


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
    in_channels, out_channels : int
        Channels of x and of the result.
    modes : int or tuple of int
        Of each axis, as of `tapeless.operators.SpectralConv`.
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
    in_channels, out_channels : int
        Channels of x and of the result.
    modes : int or tuple of int
        Of each axis, as of `tapeless.operators.FNO`.
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
