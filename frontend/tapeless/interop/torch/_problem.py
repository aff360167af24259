"""A computation of ours as torch sees it: arrays in, arrays out, and the transpose."""

import itertools
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Arrays: TypeAlias = Sequence[NDArray[Any]]
# Takes the cotangents of the outputs, None for 0, to those of the inputs, None where it is not wanted.
Pullback: TypeAlias = Callable[[Sequence[NDArray[Any] | None]], Sequence[Any]]
# Shape and dtype of an output; sizes may be symbols of a compiler.
Meta: TypeAlias = tuple[tuple[Any, ...], torch.dtype]

ONCE = (
    "tapeless.interop.torch: a gradient of a gradient was asked for, and the transposes of tapeless are not "
    "differentiated again. Leave out create_graph=True, or detach what comes of them; "
    "tapeless.fields.vjp_jvp has Hessian products of a field."
)

_NUMBERS = itertools.count(1)
_PROBLEMS: "weakref.WeakValueDictionary[int, Problem]" = weakref.WeakValueDictionary()


class Problem(ABC):
    """All of a computation but its tensors; never changed, so that copies are itself."""

    again: tuple[int, ...] = ()  # inputs that the transpose reads again, in the caller's memory

    def __init__(self) -> None:
        # Compiled graphs hold this number, as an operator takes tensors and numbers alone.
        self.handle = next(_NUMBERS)
        _PROBLEMS[self.handle] = self

    @abstractmethod
    def forward(self, arrays: Arrays, needs: Sequence[bool]) -> tuple[list[Any], Pullback | None]:
        """Return the outputs, and the transpose if any of the inputs `needs` a gradient."""

    @abstractmethod
    def meta(self, tensors: Sequence[Tensor]) -> list[Meta]:
        """Return what the outputs will be."""

    @abstractmethod
    def parts(self) -> tuple[Any, ...]:
        """Return the arguments that make this problem again."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.parts()

    def __deepcopy__(self, memo: Any) -> "Problem":
        return self


def problem_of(handle: int) -> Problem:
    """Return the problem with this number."""
    found = _PROBLEMS.get(int(handle))
    if found is None:
        raise RuntimeError(
            "tapeless.interop.torch: the module that a compiled graph was made of is gone; keep it as long as "
            "the graph."
        )
    return found


class _Anchor(np.ndarray[Any, Any]):
    """An array whose memory a tensor shares, and which so keeps a transpose alive for as long as that lives."""

    pullback: Pullback


_ANCHORS: "weakref.WeakValueDictionary[int, _Anchor]" = weakref.WeakValueDictionary()


def keep(pullback: Pullback) -> Tensor:
    """Return a tensor with which a transpose is kept: autograd frees it when it frees what it has saved."""
    anchor = np.zeros(1, np.int64).view(_Anchor)
    anchor.pullback = pullback
    tensor = torch.from_numpy(anchor)
    _ANCHORS[tensor.data_ptr()] = anchor
    return tensor


def kept(anchor: Tensor) -> Pullback | None:
    """Return the transpose that lives as long as a tensor's memory, None if it is a copy."""
    found = _ANCHORS.get(anchor.data_ptr())
    return None if found is None else found.pullback
