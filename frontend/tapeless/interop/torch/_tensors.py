"""Tensors as NumPy arrays of the same memory, and what of a tensor the kernels cannot take."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tapeless._complain import complain

FLOATS = (torch.float32, torch.float64)
SHORT = (torch.bfloat16, torch.float16)


def checked(caller: str, name: str, x: Any) -> Tensor:
    """Return x as a tensor that kernels can read: dense, on the CPU, float32 or float64.

    Under autocast tensors of 16 bits become float32, as `torch.amp.custom_fwd` has it.
    """
    if not isinstance(x, Tensor):
        advice = "torch.as_tensor makes one of an array."
        raise complain(TypeError, caller, name, "a torch.Tensor", type(x).__name__, advice)
    if x.is_cpu and x.dtype in FLOATS and x.layout is torch.strided:
        return x
    dense(caller, name, x)
    if x.dtype in SHORT and torch.is_autocast_enabled("cpu"):
        return x.float()
    wanted, advice = "of dtype float32 or float64", "Convert it, say with .to(torch.float32)."
    raise complain(TypeError, caller, name, wanted, f"a tensor of dtype {x.dtype}", advice)


def dense(caller: str, name: str, x: Tensor) -> None:
    """Complain of a tensor whose memory is not that of an array here."""
    if x.device.type != "cpu":
        wanted, advice = "on the CPU", "Behind torch there are kernels for the CPU: call .cpu()."
        raise complain(
            ValueError, caller, name, wanted, f"a tensor on device {str(x.device)!r}", advice
        )
    if x.layout is not torch.strided:
        advice = "Call .to_dense()."
        raise complain(TypeError, caller, name, "dense", f"a tensor of layout {x.layout}", advice)


def as_array(x: Tensor) -> NDArray[Any]:
    """Return the array that lies in the memory of a tensor on the CPU."""
    return x.numpy(force=True)  # one call for detach, resolve_neg and numpy


def as_tensor(x: Any) -> Tensor:
    """Return the tensor that lies in an array's memory."""
    return torch.from_numpy(np.asarray(x))


def pulled(
    bars: Sequence[Any], tensors: Sequence[Tensor], needs: Sequence[bool]
) -> list[Tensor | None]:
    """Return the cotangents that are needed as tensors of the dtype and shape of what they belong to."""
    found: list[Tensor | None] = []
    for bar, x, need in zip(bars, tensors, needs, strict=True):
        if not need or bar is None:
            found.append(None)
            continue
        tensor = torch.from_numpy(np.asarray(bar))
        if tensor.dtype is not x.dtype:
            tensor = tensor.to(x.dtype)
        found.append(tensor if tensor.shape == x.shape else tensor.reshape(x.shape))
    return found
