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
    dense(caller, name, x)
    if x.dtype in FLOATS:
        return x
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
    """Return the array that lies in a tensor's memory."""
    return x.detach().resolve_neg().numpy()


def as_tensor(x: Any, like: NDArray[Any] | None = None) -> Tensor:
    """Return the tensor that lies in an array's memory; with `like`, of that shape and dtype."""
    x = np.asarray(x)
    if like is not None:
        x = x.reshape(like.shape).astype(like.dtype, copy=False)
    return torch.from_numpy(x)


def pulled(bars: Sequence[Any], tensors: Sequence[Tensor]) -> list[Tensor | None]:
    """Return cotangents as tensors of the shape and dtype of what they belong to."""
    return [
        None if bar is None else as_tensor(bar, as_array(x))
        for bar, x in zip(bars, tensors, strict=True)
    ]
