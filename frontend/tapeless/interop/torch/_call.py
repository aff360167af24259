"""How torch calls a computation of ours: an autograd Function when eager, an operator of torch.library elsewhere."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tapeless.interop.torch._functorch import Transformed
from tapeless.interop.torch._operator import operator
from tapeless.interop.torch._problem import ONCE, Problem, keep, kept
from tapeless.interop.torch._tensors import as_array, as_tensor, pulled

PLAIN = (Tensor, torch.nn.Parameter)


def call(problem: Problem, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return a problem's outputs for these tensors, in autograd's graph if one of them needs a gradient."""
    recorded = torch.is_grad_enabled()
    needs = [recorded and x.requires_grad for x in tensors]
    if torch.compiler.is_compiling() or any(type(x) not in PLAIN for x in tensors):
        return _operate(problem.handle, tensors)
    if torch._C._are_functorch_transforms_active():
        return Transformed.apply(problem, needs, *tensors)[:-1]
    if any(needs):
        return _Call.apply(problem, needs, *tensors)
    outputs, _ = problem.forward([as_array(x) for x in tensors], needs)
    return tuple(as_tensor(x) for x in outputs)


def call_new(
    kind: type[Problem], parts: tuple[Any, ...], tensors: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Return the outputs of the problem that these parts make."""
    if torch.compiler.is_compiling():
        return _operate(_made_once(kind, *parts), tensors)
    return call(kind(*parts), tensors)


def alone(outputs: tuple[Tensor, ...]) -> Any:
    """Return the outputs, or the only one."""
    return outputs if len(outputs) > 1 else outputs[0]


def _operate(handle: int, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    recorded = torch.is_grad_enabled()
    needs = [recorded and x.requires_grad for x in tensors]
    return tuple(operator(handle, list(tensors), needs)[:-1])


_IN_GRAPHS: list[Problem] = []  # which have their numbers, and do not say when they end


@torch.compiler.assume_constant_result
def _made_once(kind: type[Problem], *parts: Any) -> int:
    """Return the number of a new problem; compilers call this when they trace, and guard what it is made of."""
    _IN_GRAPHS.append(kind(*parts))
    return _IN_GRAPHS[-1].handle


class _Call(torch.autograd.Function):
    """A problem's outputs, and its transpose: a fifth of an operator's overhead."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, problem: Problem, needs: list[bool], *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        outputs, pullback = problem.forward([as_array(x) for x in tensors], needs)
        assert pullback is not None
        ctx.set_materialize_grads(False)
        # What the transpose reads again is saved, for autograd to notice when it is written to.
        ctx.save_for_backward(keep(pullback), *(tensors[i] for i in problem.again))
        ctx.tensors = tensors
        return tuple(as_tensor(x) for x in outputs)

    @staticmethod
    def backward(ctx: Any, *bars: Tensor | None) -> tuple[Tensor | None, ...]:
        if all(bar is None for bar in bars):
            return (None,) * (2 + len(ctx.tensors))
        pullback = kept(ctx.saved_tensors[0])
        if pullback is None:
            raise RuntimeError(
                "tapeless.interop.torch: a hook has copied the tensors that were saved for the backward pass, and what "
                "a solve keeps is lost by that; call it outside of the hook."
            )
        given = [None if bar is None else as_array(bar) for bar in bars]
        found = pulled(pullback(given), ctx.tensors, ctx.needs_input_grad[2:])
        if torch.is_grad_enabled():  # with create_graph=True
            inputs = [x for x in (*ctx.tensors, *bars) if x is not None and x.requires_grad]
            once = iter(_Once.apply(len(inputs), *inputs, *(x for x in found if x is not None)))
            found = [None if x is None else next(once) for x in found]
        return None, None, *found


class _Once(torch.autograd.Function):
    """The gradients as they are, with a transpose that says that there is none."""

    @staticmethod
    def forward(ctx: Any, n: int, *tensors: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        return tuple(x.view_as(x) for x in tensors[n:])

    @staticmethod
    def backward(ctx: Any, *bars: Tensor) -> None:
        raise NotImplementedError(ONCE)
