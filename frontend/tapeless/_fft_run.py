"""Transforms into given arrays, and over axes that are repeated."""

from typing import Any

import numpy as np

from tapeless._complain import complain, describe
from tapeless._fft_arguments import is_regular
from tapeless._fft_core import COMPLEX, REAL, Array, Axes, transform


def run(
    caller: str, kind: str, x: Array, axes: Axes, lengths: Axes, forward: bool, inorm: int, out: Any
) -> Array:
    """Transform x into `out`, or into a new array."""
    if len(axes) != 1 and (not axes or len(set(axes)) != len(axes)):
        y = one_by_one(kind, x, axes, lengths, forward, inorm)
    elif out is None:
        return transform(kind, x, axes, lengths, forward, inorm)
    else:
        shape, dtype = _result(kind, x, axes, lengths)
        check_out(caller, out, shape, dtype)
        if out.dtype == dtype and is_regular(out) and not np.may_share_memory(x, out):
            return transform(kind, x, axes, lengths, forward, inorm, out)
        y = transform(kind, x, axes, lengths, forward, inorm)
    if out is None:
        return y
    check_out(caller, out, y.shape, y.dtype)
    np.copyto(out, y, casting="same_kind")
    return out


def one_by_one(kind: str, x: Array, axes: Axes, lengths: Axes, forward: bool, inorm: int) -> Array:
    """Transform along one axis after the other, in the order of numpy.fft, and each as often as it is named.

    The axis along which one side is real is the last: it comes first from real numbers, and last to them.
    """
    kinds = ["c2c"] * (len(axes) - 1) + [kind]
    steps = list(zip(kinds, axes, lengths, strict=False))
    y = x if steps else x.astype(COMPLEX[x.dtype])
    for step, axis, n in steps if kind == "c2r" else reversed(steps):
        y = transform(step, y, (axis,), (n,), forward, inorm)
    return y


def _result(
    kind: str, x: Array, axes: Axes, lengths: Axes
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and the dtype of a transform over distinct axes."""
    shape = list(x.shape)
    for axis, n in zip(axes, lengths, strict=True):
        shape[axis] = n
    if kind == "r2c":
        shape[axes[-1]] = lengths[-1] // 2 + 1
    return tuple(shape), (REAL if kind == "c2r" else COMPLEX)[x.dtype]


def check_out(caller: str, out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise unless an array can take a result of that shape and dtype."""
    kind: type[Exception] | None = None
    if not isinstance(out, np.ndarray) or not np.can_cast(dtype, out.dtype, "same_kind"):
        kind = TypeError
    elif out.shape != shape or not out.flags.writeable:
        kind = ValueError
    if kind is not None:
        wanted = f"an array of shape {shape} that {dtype} can be written to"
        got = describe(out) + (", read-only" if kind is ValueError and out.shape == shape else "")
        raise complain(kind, caller, "out", wanted, got)
