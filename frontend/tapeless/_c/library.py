"""Makes a shared library of the kernels that needs no Python: `tapeless c-library`."""

import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from importlib.resources import files

import numpy as np

from tapeless._c.entries import ENTRIES, SUFFIXES, TILES, Entry
from tapeless._c.objects import Target
from tapeless._types import Path
from tapeless_kernels.launch.threads import n_cores

NAME = "tapeless_kernels"
UNKNOWN = "is not a recognized processor"  # LLVM goes on with another, and says so on stderr
HEADERS = "tapeless.h", "tapeless_solve.h"
PKG_CONFIG = """\
prefix=${{pcfiledir}}/../..
Name: {name}
Description: Differential equations with discrete adjoints
Version: {version}
Cflags: -I${{prefix}}/include
Libs: -L${{prefix}}/lib -l{name}
"""
CMAKE = """\
if(NOT TARGET tapeless::kernels)
  get_filename_component(_tapeless "${{CMAKE_CURRENT_LIST_DIR}}/../../.." ABSOLUTE)
  add_library(tapeless::kernels SHARED IMPORTED)
  set_target_properties(tapeless::kernels PROPERTIES
    IMPORTED_LOCATION "${{_tapeless}}/lib/{file}"
    IMPORTED_NO_SONAME ON
    INTERFACE_INCLUDE_DIRECTORIES "${{_tapeless}}/include")
  unset(_tapeless)
endif()
"""


class LibraryError(Exception):
    """The library could not be made; says why and what to try."""


def build(
    folder: Path, target: str = "native", dtypes: Iterable[np.dtype] = tuple(SUFFIXES), lanes: str | None = None
) -> pathlib.Path:  # fmt: skip
    """Write headers, the library and what pkg-config and CMake find it by; return the library's path."""
    root = pathlib.Path(folder)
    groups = _groups(set(dtypes), lanes)
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise LibraryError(
            "there is no C compiler to link with: install one, or name it in the environment variable CC"
        )
    file = f"lib{NAME}.dylib" if sys.platform == "darwin" else f"lib{NAME}.so"
    for name in ("include", "lib/pkgconfig", f"lib/cmake/{NAME}"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in HEADERS:
        header = files("tapeless_kernels").joinpath("include", name)
        (root / "include" / name).write_bytes(header.read_bytes())
    library = root / "lib" / file
    with tempfile.TemporaryDirectory() as objects:
        _compile(target, objects, [])  # before what takes minutes
        with ThreadPoolExecutor(n_cores()) as pool:
            list(pool.map(lambda names: _compile(target, objects, names), groups))
        linked = [str(path) for path in sorted(pathlib.Path(objects).glob("*.o"))]
        _run([compiler, "-shared", "-o", str(library), *linked, "-lm"], "link")
    texts = {"name": NAME, "version": version("tapeless"), "file": file}
    (root / "lib/pkgconfig" / f"{NAME}.pc").write_text(PKG_CONFIG.format(**texts))
    (root / f"lib/cmake/{NAME}" / f"{NAME}-config.cmake").write_text(CMAKE.format(**texts))
    return library


def _groups(dtypes: set[np.dtype], lanes: str | None) -> list[list[str]]:
    """Return the functions that are wanted by full name, in groups that compile the same kernels."""
    groups: dict[object, list[str]] = {}
    for entry in ENTRIES:
        for dtype in entry.dtypes:
            if _wanted(entry, dtype, dtypes, lanes):
                key = entry.of_dtype and (dtype, entry.name.endswith(TILES))
                groups.setdefault(key, []).append(entry.full_name(dtype))
    return list(groups.values())


def _wanted(entry: Entry, dtype: np.dtype, dtypes: set[np.dtype], lanes: str | None) -> bool:
    of_width = lanes is None or entry.name.endswith(TILES) == (lanes == "tile")
    return not entry.of_dtype or entry.name == "ode_init" or (dtype in dtypes and of_width)


def _compile(target: str, folder: str, names: list[str]) -> None:
    """Compile functions in a process of its own, which can be told what processor to compile for."""
    command = [sys.executable, "-m", "tapeless._c.objects", target, folder, *names]
    if UNKNOWN in _run(command, "compile", Target(target).environment()):
        raise LibraryError(
            f"`--target` must be native, generic or a processor that LLVM knows; got {target!r}. "
            f"`llc -march={platform.machine().replace('_', '-')} -mcpu=help` lists them."
        )


def _run(command: list[str], what: str, environment: dict[str, str] | None = None) -> str:
    """Run a command and return what it says on stderr."""
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | (environment or {})
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise LibraryError(f"could not {what}: {said[-1] if said else done.returncode}")
    return done.stderr
