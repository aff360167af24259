"""Values of fields and operators as torch sees them."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from tapeless import fields
from tapeless._complain import complain
from tapeless._composition import VectorField
from tapeless.interop.torch._problem import Arrays, Meta, Problem, Pullback


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
        y, theta = arrays[0], arrays[1] if len(arrays) > 1 else np.zeros(0)
        found = fields.evaluate(self.field, self.t, y, theta)
        if True not in needs:
            return [found], None
        if self.field.without_vjp:
            parts = ", ".join(map(str, self.field.without_vjp))
            wanted = "one with a `vjp`"
            raise complain(TypeError, "evaluate", "field", wanted, f"{parts} without one")
        at, n = (y.copy(), theta.copy()), len(arrays)
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
