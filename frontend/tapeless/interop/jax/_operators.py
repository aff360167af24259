"""Spectral convolutions and Fourier neural operators in jax."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

from tapeless._complain import complain, describe
from tapeless.interop.jax._arguments import as_operand, zeros_like
from tapeless.interop.jax._primitives import call
from tapeless.operators import FNO, SpectralConv


def spectral_conv(
    conv: SpectralConv, x: ArrayLike, theta: ArrayLike, *, shape: tuple[int, ...] | None = None
) -> jax.Array:
    """Return a convolved field, as a function that jax transforms; derivatives are those of reverse mode.

    Parameters
    ----------
    conv : tapeless.operators.SpectralConv
        The layer, a constant.
    x : array, shape (batch, in_channels, *grid)
        The field, float32 or float64. `jax.vmap` over x makes one batch of all.
    theta : array, shape (n_params,)
        The parameters.
    shape : tuple of int, optional
        Another grid to evaluate the result on; by default that of x.

    Returns
    -------
    jax.Array, shape (batch, out_channels, *shape)
        The result, of the dtype of x.

    Raises
    ------
    TypeError, ValueError
        Where the call is traced, if an argument is not what it must be.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> import tapeless, tapeless.interop.jax as tj
    >>> conv = tapeless.operators.SpectralConv(2, 3, modes=4)
    >>> theta = jnp.asarray(conv.init(rng=0, dtype="float32"))
    >>> tj.spectral_conv(conv, jnp.ones((5, 2, 32)), theta).shape
    (5, 3, 32)
    """
    return _apply("spectral_conv", "conv", SpectralConv, conv, x, theta, shape)


def fno(model: FNO, x: ArrayLike, theta: ArrayLike) -> jax.Array:
    """Return the value of a Fourier neural operator, as a function that jax transforms in reverse mode.

    Parameters
    ----------
    model : tapeless.operators.FNO
        The operator, a constant.
    x : array, shape (batch, in_channels, *grid)
        The field, float32 or float64.
    theta : array, shape (n_params,)
        The parameters.

    Returns
    -------
    jax.Array, shape (batch, out_channels, *grid)
        The result, of the dtype of x.

    Raises
    ------
    TypeError, ValueError
        Where the call is traced, if an argument is not what it must be.
    """
    return _apply("fno", "model", FNO, model, x, theta, None)


def _apply(
    caller: str, argument: str, kind: type, operator: Any, x: Any, theta: Any, shape: Any
) -> jax.Array:
    if not isinstance(operator, kind):
        wanted = f"a tapeless.operators.{kind.__name__}"
        raise complain(TypeError, caller, argument, wanted, describe(operator))
    problem = _OperatorProblem(caller, operator, None if shape is None else tuple(shape))
    operands = as_operand(caller, "x", x), as_operand(caller, "theta", theta)
    problem.check(*operands)
    return call(problem, *operands)[0]


@dataclass(frozen=True)
class _OperatorProblem:
    """An operator but for the field and the parameters."""

    name: str
    operator: Any
    shape: tuple[int, ...] | None

    folds = True

    @property
    def cores(self) -> tuple[int, ...]:
        """The axes of x and theta besides the batch."""
        return 1 + len(self.operator.modes), 1

    @property
    def own(self) -> tuple[bool, ...]:
        """Whether a sample may have one of its own."""
        return True, False

    @property
    def options(self) -> dict[str, Any]:
        """The keywords of the operator."""
        return {} if self.shape is None else {"shape": self.shape}

    def check(self, x: Any, theta: Any) -> None:
        """Complain of shapes and dtypes, as the operator does of no samples at all."""
        self.operator(
            zeros_like(x)[:0] if x.ndim else zeros_like(x), zeros_like(theta), **self.options
        )

    def outputs(self, avals: Sequence[Any]) -> list[tuple[tuple[int, ...], Any]]:
        """Return shape and dtype of the result."""
        x = avals[0]
        grid = x.shape[2:] if self.shape is None else self.shape
        return [((x.shape[0], self.operator.out_channels, *grid), x.dtype)]

    def check_wanted(self, wanted: tuple[bool, ...]) -> None:
        """Complain of nothing: both operands have derivatives."""

    def check_reverse(self) -> None:
        """Complain of nothing: what is missing is said where it is asked for."""

    def run(self, x: Any, theta: Any) -> list[Any]:
        """Return the result."""
        return [self.operator(x, theta, **self.options)]

    def keep(self, x: Any, theta: Any) -> "tuple[list[Any], _KeptPullback]":
        """Return the result, and what takes its cotangent back."""
        # The memory is XLA's, and another array's soon; a convolution keeps the modes of x alone.
        x = x if isinstance(self.operator, SpectralConv) else x.copy()
        y, pullback = self.operator.pullback(x, theta.copy(), **self.options)
        return [y], _KeptPullback(self.name, pullback)


class _KeptPullback:
    """A pullback that waits for a cotangent."""

    def __init__(self, name: str, pullback: Any) -> None:
        self._name, self._pullback = name, pullback
        self.nbytes = _nbytes(pullback.__wrapped__.args)  # under what converts arrays of others

    def jvp(self, dots: list[Any]) -> list[Any]:
        """Complain: there are no tangents."""
        raise TypeError(
            f"{self._name}: it has derivatives in reverse mode only, say jax.grad or jacrev."
        )

    def vjp(self, bars: Sequence[Any], wanted: tuple[bool, ...]) -> list[Any]:
        """Return the cotangents of x and theta, if they are wanted."""
        found = self._pullback(bars[0])
        return [bar for bar, one in zip(found, wanted, strict=True) if one]


def _nbytes(x: Any) -> int:
    """Return the bytes of arrays in nested tuples and lists."""
    if isinstance(x, np.ndarray):
        return x.nbytes
    return sum(map(_nbytes, x)) if isinstance(x, tuple | list) else 0
