"""Calls by XLA, through the C interface of its typed custom calls: arrays are XLA's own memory.

The layouts are those of ``xla/ffi/api/c_api.h``, below ``jax.ffi.include_dir()``, which grow at their ends only.
`jax.pure_callback` would make a jax array of each operand first, on the device's own thread, which costs 0.1 ms and
has been seen to wait for itself.
"""

import ctypes
import secrets
import threading
from ctypes import POINTER, c_char, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint32, c_void_p
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from tapeless.interop.jax._host import Call, execute

TARGET = "tapeless_call"
# Programs outlive a process in jax's cache on disk, and numbers of calls do not.
SESSION = np.int64(secrets.randbits(62))
DTYPES = {
    np.dtype(dtype): code
    for dtype, code in (("f4", 11), ("f8", 12), ("i4", 4), ("i8", 5), ("u4", 8))
}
BY_CODE = {code: dtype for dtype, code in DTYPES.items()}
OF_ERRORS = (
    (KeyboardInterrupt, 1),
    (TypeError, 3),
    (ValueError, 3),
    (MemoryError, 8),
    (BaseException, 13),
)
METADATA = 1  # an extension by which XLA asks a handler for its version
ERROR_CREATE = 48  # where XLA_FFI_Api has the pointer to that function


class _Buffer(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t), ("extension", c_void_p), ("dtype", c_int), ("data", c_void_p),
        ("rank", c_int64), ("dims", POINTER(c_int64)),
    )  # fmt: skip


class _Buffers(ctypes.Structure):
    _fields_ = (
        ("struct_size", c_size_t), ("extension", c_void_p), ("size", c_int64), ("types", c_void_p),
        ("buffers", POINTER(POINTER(_Buffer))),
    )  # fmt: skip


class _Scalar(ctypes.Structure):
    _fields_ = (("dtype", c_int), ("value", POINTER(c_int64)))


class _Attributes(ctypes.Structure):
    _fields_ = (
        ("struct_size", c_size_t), ("extension", c_void_p), ("size", c_int64), ("types", c_void_p),
        ("names", c_void_p), ("scalars", POINTER(POINTER(_Scalar))),
    )  # fmt: skip


class _Version(ctypes.Structure):
    _fields_ = (
        ("struct_size", c_size_t), ("extension", c_void_p), ("major", c_int), ("minor", c_int),
    )  # fmt: skip


class _Metadata(ctypes.Structure):
    _fields_ = (("struct_size", c_size_t), ("version", _Version), ("traits", c_uint32))


class _Extension(ctypes.Structure):
    _fields_ = (
        ("struct_size", c_size_t), ("kind", c_int), ("next", c_void_p), ("metadata", POINTER(_Metadata)),
    )  # fmt: skip


class _Api(ctypes.Structure):
    _fields_ = (("struct_size", c_size_t), ("extension", c_void_p), ("version", _Version))


class _Frame(ctypes.Structure):
    _fields_ = (
        ("struct_size", c_size_t), ("extension", POINTER(_Extension)), ("api", POINTER(_Api)),
        ("context", c_void_p), ("stage", c_int), ("arguments", _Buffers), ("results", _Buffers),
        ("attributes", _Attributes),
    )  # fmt: skip


class _ErrorArguments(ctypes.Structure):
    _fields_ = (
        ("struct_size", c_size_t), ("extension", c_void_p), ("message", c_char_p), ("code", c_int32),
    )  # fmt: skip


_CREATE_ERROR = ctypes.CFUNCTYPE(c_void_p, POINTER(_ErrorArguments))
_HANDLER = ctypes.CFUNCTYPE(c_void_p, POINTER(_Frame))

_calls: list[Call] = []  # programs name them, and nobody says when the last one has gone
_numbers: dict[Call, int] = {}
_lock = threading.Lock()


def number_of(call: Call) -> np.int64:
    """Return the number by which a program names a call; equal calls have one."""
    with _lock:
        number = _numbers.setdefault(call, len(_calls))
        if number == len(_calls):
            _calls.append(call)
    return np.int64(number)


def _array(buffer: Any) -> NDArray[Any]:
    """Return XLA's memory as an array."""
    found = buffer.contents
    shape, dtype = found.dims[: found.rank], BY_CODE[found.dtype]
    n_bytes = dtype.itemsize
    for n in shape:
        n_bytes *= n
    if not n_bytes:
        return np.empty(shape, dtype)
    memory: Any = (c_char * n_bytes).from_address(found.data)
    return np.frombuffer(memory, dtype).reshape(shape)


def _arrays(buffers: _Buffers) -> list[NDArray[Any]]:
    return [_array(buffers.buffers[i]) for i in range(buffers.size)]


def _do(frame: _Frame) -> None:
    number, session = (frame.attributes.scalars[i].contents.value[0] for i in range(2))
    if session != SESSION:
        raise RuntimeError(
            "tapeless.interop.jax: this program was compiled in another process, whose fields and options it names; "
            "have jax trace it again here."
        )
    execute(_calls[number], _arrays(frame.arguments), _arrays(frame.results))


def _error(frame: _Frame, error: BaseException) -> Any:
    """Return an error of XLA's with the message of ours."""
    code = next(code for kind, code in OF_ERRORS if isinstance(error, kind))
    message = f"{type(error).__name__}: {error}".encode()
    address: Any = c_void_p.from_address(ctypes.addressof(frame.api.contents) + ERROR_CREATE).value
    arguments = _ErrorArguments(ctypes.sizeof(_ErrorArguments), None, message, code)
    return _CREATE_ERROR(address)(arguments)


@_HANDLER
def _handle(pointer: Any) -> Any:
    frame = pointer.contents
    if frame.extension and frame.extension.contents.kind == METADATA:
        version = frame.extension.contents.metadata.contents.version
        version.major, version.minor = _VERSION
        return None
    try:
        _do(frame)
    except BaseException as error:  # nothing may leave a function that C has called
        return _error(frame, error)
    return None


def _version() -> tuple[int, int]:
    """Return the version of the interface, of the jaxlib that is installed."""
    import pathlib
    import re

    text = (pathlib.Path(jax.ffi.include_dir()) / "xla/ffi/api/c_api.h").read_text()
    major, minor = (
        int(re.search(rf"#define XLA_FFI_API_{part} (\d+)", text)[1])  # type: ignore[index]
        for part in ("MAJOR", "MINOR")
    )
    return major, minor


_VERSION = _version()
jax.ffi.register_ffi_target(TARGET, jax.ffi.pycapsule(_handle), platform="cpu")
