"""Arrays that cannot be taken, and what to do instead: some that libraries refuse, some that they export wrong."""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from tapeless._complain import complain
from tapeless._interchange.libraries import Library

# Where DLPack's numbers say that a CPU reads the memory: its own, pinned by CUDA or ROCm, and managed.
READABLE = frozenset({1, 3, 11, 13})
DEVICES = {
    2: "a CUDA device", 4: "an OpenCL device", 7: "a Vulkan device", 8: "a Metal device",
    10: "a ROCm device", 12: "an extension device", 14: "a oneAPI device", 15: "a WebGPU device",
    16: "a Hexagon device",
}  # fmt: skip
TO_CPU = {
    "torch": "x.cpu()",
    "cupy": "cupy.asnumpy(x)",
    "jax": 'jax.device_put(x, jax.devices("cpu")[0])',
    "numba": "x.copy_to_host()",
    "numba_cuda": "x.copy_to_host()",
}


class Refusal(NamedTuple):
    """A kind of array that a library has, and its way out."""

    applies: Callable[[Any], bool]
    kind: type[Exception]
    got: str
    advice: str


def _is_tracer(x: Any) -> bool:
    return isinstance(x, sys.modules["jax"].core.Tracer)


def _is_deleted(x: Any) -> bool:
    return bool(x.is_deleted())


def _has_tangent(x: Any) -> bool:
    forward = sys.modules["torch"].autograd.forward_ad
    return forward._current_level >= 0 and forward.unpack_dual(x).tangent is not None


def _is_fake(x: Any) -> bool:
    """Say whether a tensor has a shape and no numbers, which torch exports all the same."""
    cls = type(x)
    return cls is not sys.modules["torch"].Tensor and any(
        base.__name__ == "FakeTensor" for base in cls.__mro__
    )


# In the order in which they are asked: a tracer has no answer to whether it is deleted.
REFUSALS = {
    "torch": (
        Refusal(
            _is_fake, TypeError, "a tensor without numbers, as torch.compile traces with",
            "tapeless.interop.torch has functions that it compiles; or keep this call out of the compiled function.",
        ),
        Refusal(
            lambda x: x.requires_grad, TypeError, "a tensor that requires grad, which would end here",
            "tapeless.interop.torch carries gradients; x.detach() leaves them behind.",
        ),
        Refusal(
            _has_tangent, TypeError, "a tensor with a forward-mode tangent, which would end here",
            "tapeless.interop.torch carries gradients; torch.autograd.forward_ad.unpack_dual(x).primal is without.",
        ),
        Refusal(
            lambda x: x.layout is not sys.modules["torch"].strided, TypeError, "a tensor that is not strided",
            "Convert it with x.to_dense().",
        ),
        Refusal(
            lambda x: x.is_conj(), TypeError, "a tensor that is to be conjugated when it is read",
            "Let torch do so: x.resolve_conj().",
        ),
        # Exported without a word, and with the other sign.
        Refusal(
            lambda x: x.is_neg(), TypeError, "a tensor that is to be negated when it is read",
            "Let torch do so: x.resolve_neg().",
        ),
    ),
    "jax": (
        Refusal(
            _is_tracer, TypeError, "a tracer, which has a shape and no numbers",
            "tapeless.interop.jax has functions for jax.jit, jax.grad and jax.vmap; or call this one outside of them.",
        ),
        Refusal(
            _is_deleted, BufferError, "an array that has been deleted",
            "Was it donated to a function, or deleted by x.delete()? Pass a copy there.",
        ),
    ),
}  # fmt: skip


def refuse(caller: str, name: str, x: Any, library: Library) -> None:
    """Raise a TypeError or a BufferError if an array is of a kind that cannot be taken."""
    for refusal in REFUSALS.get(library.name, ()):
        if refusal.applies(x):
            wanted = "an array whose numbers can be read"
            raise complain(refusal.kind, caller, name, wanted, refusal.got, refusal.advice)


def on_device(caller: str, name: str, library: Library, device: tuple[int, int]) -> Exception:
    """Return the BufferError for an array in memory that the CPU does not read."""
    where = DEVICES.get(device[0], f"a device of DLPack's type {device[0]}")
    copy = TO_CPU.get(library.name, "the means of its library")
    return complain(
        BufferError, caller, name, "an array in the memory of the CPU",
        f"one of {library.name} on {where}, number {device[1]}", f"Copy it there first, with {copy}.",
    )  # fmt: skip


def not_exported(caller: str, name: str, x: Any, library: Library, error: Exception) -> Exception:
    """Return the exception for an array whose export failed: a BufferError, or a TypeError for a dtype."""
    said = str(error).partition("\n")[0] or type(error).__name__
    dtype = getattr(x, "dtype", None)
    if "dtype" in said.lower() and dtype is not None:
        return complain(
            TypeError, caller, name, "of a dtype that NumPy has", f"one of {library.name} of {dtype}",
            "Convert it to one of 32 or 64 bits.",
        )  # fmt: skip
    return complain(
        BufferError, caller, name, "an array that offers its memory by DLPack",
        f"{library.name}'s {type(x).__name__}, which does not: {said.rstrip('.')}",
        "Pass a copy of it, or a NumPy array.",
    )  # fmt: skip
