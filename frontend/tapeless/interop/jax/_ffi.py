"""Calls by XLA, through the C interface of its typed custom calls: arrays are XLA's own memory.

The layouts are those of ``xla/ffi/api/c_api.h``, below ``jax.ffi.include_dir()``, which grow at their ends only.
`jax.pure_callback` would make a jax array of each operand first, on the device's own thread, which costs 0.1 ms and
has been seen to wait for itself.
"""

import atexit
import ctypes
import functools
import math
import os
import secrets
import threading
import time
from ctypes import c_char, c_char_p, c_int, c_int64, c_size_t, c_void_p
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from tapeless.interop.jax._host import Call, execute
from tapeless_kernels._native import native

TARGET = "tapeless_call"
# Programs outlive a process in jax's cache on disk, and numbers of calls do not: they begin at random.
FIRST = np.int64(secrets.randbits(62))
DTYPES = {
    np.dtype(dtype): code
    for dtype, code in (("f4", 11), ("f8", 12), ("i4", 4), ("i8", 5), ("u4", 8))
}
BY_CODE = {code: dtype for dtype, code in DTYPES.items()}
CANCELLED = 1
OF_ERRORS = (
    (KeyboardInterrupt, CANCELLED),
    (TypeError, 3),
    (ValueError, 3),
    (MemoryError, 8),
    (BaseException, 13),
)
# Where things are in XLA_FFI_CallFrame, in words of 64 bits.
EXTENSION, API, ARGUMENTS, RESULTS, ATTRIBUTES, END = 1, 2, 5, 10, 15, 21
SIZE, MEMBERS, ATTRIBUTE_VALUES = 2, 4, 5  # in the structures that the last three of them begin
KIND, METADATA = 1, 1  # of an extension: XLA asks by it for a handler's version
METADATA_VERSION = 3  # the word of XLA_FFI_Metadata that holds the major and the minor one
API_VERSION, API_ERROR_CREATE = 4, 6


class _ErrorArguments(ctypes.Structure):
    _fields_ = (
        ("struct_size", c_size_t), ("extension", c_void_p), ("message", c_char_p), ("code", c_int),
    )  # fmt: skip


_CREATE_ERROR = ctypes.CFUNCTYPE(c_void_p, ctypes.POINTER(_ErrorArguments))
_HANDLER = ctypes.CFUNCTYPE(c_void_p, c_void_p)

_calls: dict[int, Call] = {}  # programs name them, and nobody says when the last one has gone
_numbers: dict[Call, np.int64] = {}
_lock = threading.Lock()


def number_of(call: Call) -> np.int64:
    """Return the number by which a program names a call; equal calls have one."""
    with _lock:
        number = _numbers.setdefault(call, FIRST + len(_numbers))
        _calls.setdefault(int(number), call)
    return number


@functools.cache
def _row(n: int) -> Any:
    return c_int64 * n


def _words(address: int, n: int) -> list[int]:
    """Return n words of 64 bits."""
    return _row(n).from_address(address)[:] if n else []


def _array(address: int) -> NDArray[Any]:
    """Return the memory of an XLA_FFI_Buffer as an array."""
    _, _, code, data, rank, dims = _words(address, 6)
    shape, dtype = _words(dims, rank), BY_CODE[code & 0xFFFFFFFF]
    n_bytes = math.prod(shape) * dtype.itemsize
    if not n_bytes:
        return np.empty(shape, dtype)
    memory: Any = (c_char * n_bytes).from_address(data)
    return np.ndarray(shape, dtype, memory)


def _arrays(frame: list[int], begin: int) -> list[NDArray[Any]]:
    return [_array(buffer) for buffer in _words(frame[begin + MEMBERS], frame[begin + SIZE])]


def _do(frame: list[int]) -> None:
    (scalar,) = _words(frame[ATTRIBUTES + ATTRIBUTE_VALUES], 1)
    _, value = _words(scalar, 2)
    call = _calls.get(_words(value, 1)[0])
    if call is None:
        raise RuntimeError(
            "tapeless.interop.jax: this program was compiled in another process, whose fields and options it names; "
            "have jax trace it again here."
        )
    execute(call, _arrays(frame, ARGUMENTS), _arrays(frame, RESULTS))


def _error(api: int, error: BaseException) -> Any:
    """Return an error of XLA's with the message of ours."""
    code = next(code for kind, code in OF_ERRORS if isinstance(error, kind))
    message = f"{type(error).__name__}: {error}".rstrip(": ").encode()
    create = _CREATE_ERROR(_words(api, API_ERROR_CREATE + 1)[API_ERROR_CREATE])
    return create(_ErrorArguments(ctypes.sizeof(_ErrorArguments), None, message, code))


@_HANDLER
def _handle(address: int) -> Any:
    frame = _words(address, END)
    extension = _words(frame[EXTENSION], 4) if frame[EXTENSION] else None
    if extension and extension[KIND] & 0xFFFFFFFF == METADATA:
        version = c_int64.from_address(extension[3] + 8 * METADATA_VERSION)
        version.value = _words(frame[API], API_VERSION + 1)[API_VERSION]
        return None
    try:
        _do(frame)
    except BaseException as error:  # nothing may leave a function that C has called
        return _error(frame[API], error)
    return None


# XLA may have begun nothing of a program, or half of it, when the interpreter ends: see kernels/src/xla_gate.c.
_REFUSAL = _ErrorArguments(
    ctypes.sizeof(_ErrorArguments),
    None,
    b"tapeless.interop.jax: the interpreter was ending when this call was due; wait for results before that, "
    b"as with jax.block_until_ready.",
    CANCELLED,
)
_library = ctypes.CDLL(native().path)
_library.tapeless_xla_gate_open.argtypes = (c_void_p, c_void_p)
_library.tapeless_xla_gate_open.restype = None
_library.tapeless_xla_gate_close.restype = c_int64


def _open_gate() -> None:
    _library.tapeless_xla_gate_open(
        ctypes.cast(_handle, c_void_p), ctypes.cast(ctypes.pointer(_REFUSAL), c_void_p)
    )


@atexit.register
def _close_gate() -> None:
    """Wait for those calls that have begun; later ones end with an error."""
    while _library.tapeless_xla_gate_close():
        time.sleep(1e-3)


_open_gate()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open_gate)  # the threads that were inside are not there
jax.ffi.register_ffi_target(TARGET, jax.ffi.pycapsule(_library.tapeless_xla_gate), platform="cpu")
