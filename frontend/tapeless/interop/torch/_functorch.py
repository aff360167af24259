"""Computations of ours under `torch.func.grad` and `torch.func.vmap`, which take autograd Functions of this form."""

from typing import Any

import torch
from torch import Tensor

from tapeless.interop.torch._operator import operator, operator_vjp
from tapeless.interop.torch._problem import ONCE, Problem


class Transformed(torch.autograd.Function):
    """The outputs of a problem, and last the tensor with which its transpose is kept."""

    @staticmethod
    def forward(problem: Problem, needs: list[bool], *tensors: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        return tuple(operator(problem.handle, tensors, needs))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:  # type: ignore[override]
        ctx.problem, ctx.needs, *tensors = inputs
        ctx.mark_non_differentiable(*(x for x in output if not x.is_floating_point()))
        ctx.save_for_backward(*tensors, output[-1])

    @staticmethod
    def backward(ctx: Any, *bars: Tensor) -> tuple[Any, ...]:
        found = _Transpose.apply(
            ctx.problem, ctx.needs, len(bars) - 1, *bars[:-1], *ctx.saved_tensors
        )
        return None, None, *(x if need else None for x, need in zip(found, ctx.needs, strict=True))

    @staticmethod
    def vmap(
        info: Any, in_dims: Any, *arguments: Any
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        return _one_by_one(Transformed, info, in_dims, arguments)


class _Transpose(torch.autograd.Function):
    """The cotangents of a problem's inputs."""

    @staticmethod
    def forward(  # type: ignore[override]
        problem: Problem, needs: list[bool], n: int, *given: Tensor
    ) -> tuple[Tensor, ...]:
        bars, tensors, anchor = given[:n], given[n:-1], given[-1]
        return tuple(operator_vjp(problem.handle, tensors, needs, anchor, bars))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:  # type: ignore[override]
        """Keep nothing."""

    @staticmethod
    def backward(ctx: Any, *bars: Tensor) -> None:
        raise NotImplementedError(ONCE)

    @staticmethod
    def vmap(
        info: Any, in_dims: Any, *arguments: Any
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        return _one_by_one(_Transpose, info, in_dims, arguments)


def _one_by_one(
    function: Any, info: Any, in_dims: Any, arguments: tuple[Any, ...]
) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    """Return the outputs of all samples, called one after the other: each may have parameters of its own."""
    pairs = list(zip(arguments, in_dims, strict=True))
    rows = [
        function.apply(*(x.select(dim, i) if isinstance(dim, int) else x for x, dim in pairs))
        for i in range(info.batch_size)
    ]
    found = tuple(torch.stack(column) for column in zip(*rows, strict=True))
    return found, (0,) * len(found)
