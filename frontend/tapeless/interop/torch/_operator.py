"""`torch.ops.tapeless.call`: what graph compilers and fake tensors see of a computation of ours."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tapeless.interop.torch._problem import ONCE, keep, kept, problem_of
from tapeless.interop.torch._tensors import as_array, as_tensor, pulled


@torch.library.custom_op("tapeless::call", mutates_args=())
def operator(handle: int, tensors: Sequence[Tensor], needs: Sequence[bool]) -> list[Tensor]:
    """Return the outputs of a problem, and last a tensor with which its transpose is kept."""
    outputs, pullback = problem_of(handle).forward([as_array(x) for x in tensors], needs)
    anchor = torch.zeros(1, dtype=torch.int64) if pullback is None else keep(pullback)
    return [*(as_tensor(x).contiguous() for x in outputs), anchor]


@torch.library.custom_op("tapeless::call_vjp", mutates_args=())
def operator_vjp(
    handle: int, tensors: Sequence[Tensor], needs: Sequence[bool], anchor: Tensor, bars: Sequence[Tensor]
) -> list[Tensor]:  # fmt: skip
    """Return the cotangents of a problem's inputs, zeros of those that need none."""
    arrays = [as_array(x) for x in tensors]
    pullback = kept(anchor)
    if pullback is None:  # a copy of the anchor came: compute it again, by the same arguments
        _, pullback = problem_of(handle).forward(arrays, needs)
        assert pullback is not None
    found = pulled(pullback([as_array(x) for x in bars]), tensors, needs)
    return [
        torch.zeros_like(x) if bar is None else bar.contiguous()
        for bar, x in zip(found, tensors, strict=True)
    ]


@operator.register_fake
def _(handle: int, tensors: Sequence[Tensor], needs: Sequence[bool]) -> list[Tensor]:
    like = tensors[0]
    metas = [*problem_of(handle).meta(tensors), ((1,), torch.int64)]
    return [like.new_empty(shape, dtype=dtype) for shape, dtype in metas]


@operator_vjp.register_fake
def _(
    handle: int, tensors: Sequence[Tensor], needs: Sequence[bool], anchor: Tensor, bars: Sequence[Tensor]
) -> list[Tensor]:  # fmt: skip
    return [x.new_empty(x.shape) for x in tensors]


def _setup(ctx: Any, inputs: Any, output: list[Tensor]) -> None:
    ctx.handle, tensors, ctx.needs = inputs
    ctx.n = len(tensors)
    ctx.metas = [(x.shape, x.dtype) for x in output[:-1]]
    ctx.save_for_backward(*tensors, output[-1])


def _backward(ctx: Any, bars: Sequence[Tensor | None]) -> tuple[Any, ...]:
    *tensors, anchor = ctx.saved_tensors
    like = tensors[0]
    given = [
        like.new_zeros(shape, dtype=dtype) if bar is None else bar
        for bar, (shape, dtype) in zip(bars[:-1], ctx.metas, strict=True)
    ]
    found = operator_vjp(ctx.handle, tensors, ctx.needs, anchor, given)
    wanted = [bar if need else None for bar, need in zip(found, ctx.needs, strict=True)]
    return None, wanted, None


def _once(ctx: Any, *bars: Any) -> None:
    raise NotImplementedError(ONCE)


operator.register_autograd(_backward, setup_context=_setup)
operator_vjp.register_autograd(_once)
