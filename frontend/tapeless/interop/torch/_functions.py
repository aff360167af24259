"""Fields and operators at tensors: their values in autograd's graph."""

import functools
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from tapeless import fields, operators
from tapeless._complain import complain, describe
from tapeless._composition import VectorField
from tapeless.interop.torch._call import call_new
from tapeless.interop.torch._ode import states_and_parameters
from tapeless.interop.torch._problem import Arrays, Meta, Problem, Pullback
from tapeless.interop.torch._tensors import checked


class FieldProblem(Problem):
    """A field's value at a time."""

    def __init__(self, field: VectorField, t: float) -> None:
        super().__init__()
        self.field, self.t = field, t

    def parts(self) -> tuple[Any, ...]:
        """Return the arguments."""
        return self.field, self.t

    def forward(self, arrays: Arrays, needs: Sequence[bool]) -> tuple[list[Any], Pullback | None]:
        """Return the value."""
        y, theta = (*arrays, None)[:2]
        found = fields.evaluate(self.field, self.t, y, theta)
        if not any(needs):
            return [found], None
        if self.field.without_vjp:
            parts = ", ".join(map(str, self.field.without_vjp))
            raise complain(
                TypeError, "evaluate", "field", "one with a `vjp`", f"{parts} without one"
            )
        at = y.copy(), None if theta is None else theta.copy()
        n = len(arrays)
        return [found], lambda bars: fields.vjp(self.field, self.t, *at, bars[0])[:n]

    def meta(self, tensors: Sequence[Tensor]) -> list[Meta]:
        """Return shape and dtype of the value: those of the states."""
        return [(tuple(tensors[0].shape), tensors[0].dtype)]


class OperatorProblem(Problem):
    """An operator's value, on a grid of its own if `shape` is given."""

    again = (1,)

    def __init__(self, operator: Any, shape: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.operator, self.shape = operator, shape
        options = {} if shape is None else {"shape": shape}
        self._value = functools.partial(operator, **options)
        self._pullback = functools.partial(operator.pullback, **options)

    def parts(self) -> tuple[Any, ...]:
        """Return the arguments."""
        return self.operator, self.shape

    def forward(self, arrays: Arrays, needs: Sequence[bool]) -> tuple[list[Any], Pullback | None]:
        """Return the value."""
        if not any(needs):
            return [self._value(*arrays)], None
        y, pullback = self._pullback(*arrays)
        return [y], lambda bars: pullback(bars[0])

    def meta(self, tensors: Sequence[Tensor]) -> list[Meta]:
        """Return shape and dtype of the value."""
        batch, _, *grid = tensors[0].shape
        grid = grid if self.shape is None else list(self.shape)
        return [((batch, self.operator.out_channels, *grid), tensors[0].dtype)]


def evaluate(field: VectorField, t: float, y: Tensor, theta: Tensor | None = None) -> Tensor:
    """Return the value of a field, in autograd's graph.

    Parameters
    ----------
    field : field
        Of `tapeless.fields`.
    t : float
        The time, through which there is no gradient here.
    y : Tensor, shape (dim,) or (batch, dim)
        A state or several, float32 or float64, on the CPU. They are evaluated one after the other: this is for
        looking at a field, and for terms of a loss at a few points; solves call fields in tiles.
    theta : Tensor, shape (n_params,), optional
        The parameters; may be left out if there are none.

    Returns
    -------
    Tensor, shape and dtype of `y`
        f(t, y, theta).

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    Examples
    --------
    >>> import torch
    >>> import tapeless
    >>> from tapeless.interop.torch import evaluate
    >>> field = tapeless.fields.Network(2, [tapeless.fields.Activation("relu")])
    >>> evaluate(field, 0.0, torch.tensor([-1.0, 3.0]))
    tensor([0., 3.])
    """
    if not isinstance(field, VectorField):
        raise complain(TypeError, "evaluate", "field", "a tapeless field", describe(field))
    if isinstance(t, Tensor):
        if t.requires_grad:
            wanted = "a number, or a tensor that requires no gradient, which there is none of here"
            raise complain(ValueError, "evaluate", "t", wanted, "one that does")
        t = t.item()
    return call_new(
        FieldProblem, (field, t), states_and_parameters(field.n_params, y, theta, "evaluate")
    )[0]


def apply_operator(
    operator: operators.SpectralConv | operators.FNO, x: Tensor, theta: Tensor, *, shape: tuple[int, ...] | None = None
) -> Tensor:  # fmt: skip
    """Return the value of a spectral convolution or of a Fourier neural operator, in autograd's graph.

    Parameters
    ----------
    operator : SpectralConv or FNO
        Of `tapeless.operators`.
    x : Tensor, shape (batch, in_channels, *grid)
        The functions, float32 or float64, on the CPU.
    theta : Tensor, shape (n_params,)
        The parameters. They are not copied: written to in place before the backward pass, they raise there.
    shape : tuple of int, optional
        For a SpectralConv another grid to evaluate the result on; by default that of x.

    Returns
    -------
    Tensor, shape (batch, out_channels, *shape)
        The values, of the dtype of x.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    Examples
    --------
    >>> import torch
    >>> import tapeless
    >>> from tapeless.interop.torch import apply_operator
    >>> conv = tapeless.operators.SpectralConv(2, 3, modes=4)
    >>> theta = torch.tensor(conv.init(rng=0, dtype="float32"), requires_grad=True)
    >>> y = apply_operator(conv, torch.ones(5, 2, 32), theta)
    >>> y.sum().backward()
    >>> y.shape, theta.grad.shape
    (torch.Size([5, 3, 32]), torch.Size([48]))
    """
    name = type(operator).__name__
    if not isinstance(operator, (operators.SpectralConv, operators.FNO)):
        wanted = "a SpectralConv or an FNO of tapeless.operators"
        raise complain(TypeError, "apply_operator", "operator", wanted, describe(operator))
    parts = (operator,) if shape is None else (operator, shape)
    return call_new(OperatorProblem, parts, [checked(name, "x", x), checked(name, "theta", theta)])[
        0
    ]
