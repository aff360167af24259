"""The C library: found, parsed and checked on first use."""

import sys
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

ABI_VERSION = 2  # that of include/tapeless.h which this package was written against

_FILE_NAME = {"win32": "tapeless_c.dll", "darwin": "libtapeless_c.dylib"}.get(
    sys.platform, "libtapeless_c.so"
)


class Native(NamedTuple):
    """The library through cffi, and the file it came from."""

    ffi: Any
    lib: Any
    path: str


@cache
def native():
    """Open the C library, or raise an ImportError that says why it cannot be."""
    import cffi

    # An editable install keeps sources and built files in two folders, which `files` joins.
    package = files(__package__)
    header, library = package.joinpath("include", "tapeless.h"), package.joinpath("lib", _FILE_NAME)
    for file in (header, library):
        if not file.is_file():
            raise _unusable(f"is not there: no file {file}")
    ffi = cffi.FFI()
    ffi.cdef(_declarations(header.read_text(encoding="utf-8")))
    try:
        lib = ffi.dlopen(str(library))
    except OSError as error:
        raise _unusable(f"cannot be opened: {error}") from error
    # A call of an absent symbol by name, from compiled code, would end the process.
    if missing := [name for name in dir(lib) if not hasattr(lib, name)]:
        raise _unusable(f"lacks {', '.join(missing)}, which {header} declares")
    if (version := lib.tapeless_abi_version()) != ABI_VERSION:
        raise _unusable(f"has ABI version {version} where {ABI_VERSION} is wanted")
    return Native(ffi, lib, str(library))


def address(name):
    """The address of a C function, as a field's callers take it."""
    ffi, lib, _ = native()
    return int(ffi.cast("intptr_t", getattr(lib, name)))


@cache
def load_for_numba():
    """Let kernels call the library's functions by name, through `numba.types.ExternalFunction`."""
    from llvmlite import binding

    binding.load_library_permanently(native().path)


def _declarations(header):
    return "\n".join(line for line in header.splitlines() if not line.startswith("#"))


def _unusable(why):
    return ImportError(
        f"tapeless_kernels: its C library {why}. Install tapeless again to have it built: "
        "`pip install .`, or `pip install -e .` for a checkout that is worked on."
    )
