"""The kernels' cache on disk, keyed by content, and the account of what was compiled and what loaded."""

import contextlib
import functools
import hashlib
import os
import pathlib
import shutil
import time
from typing import NamedTuple

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator

ROOT = pathlib.Path(__file__).parent
# What no kernel of another package calls. The last three compile for GPUs, and are not cached here.
ABOVE = ("spectral", "capi", "cuda", "_cuda.py", "_cupy.py")


class Compilation(NamedTuple):
    """One kernel made ready in this process: compiled, or loaded from the cache on disk."""

    kernel: str
    seconds: float
    loaded: bool


COMPILATIONS = []


class _Locator(_CacheLocator):
    """Where Numba keeps a kernel: one folder for each content of the package's sources."""

    def __init__(self, function, file):
        source = pathlib.Path(file).relative_to(ROOT).with_suffix("")
        self._name = ".".join([*source.parts, function.__name__])
        self._py_file = file  # where Numba warns about what it cannot cache, as with NUMBA_OPT=0

    def get_cache_path(self):
        return str(cache_folder() / self.get_source_stamp())

    def get_source_stamp(self):
        package = self._name.partition(".")[0]
        return content_key(package if package in ABOVE else "")

    def get_disambiguator(self):
        return self._name

    @classmethod
    def from_function(cls, function, file):
        return cls(function, file)


class _Implementation(CompileResultCacheImpl):
    _locator_classes = (_Locator,)


class KernelCache(FunctionCache):
    """Numba's cache of one function, which an unreadable, read-only or full folder cannot turn into a failure."""

    _impl_class = _Implementation
    _start = 0.0

    def load_overload(self, signature, target_context):
        self._start = time.perf_counter()
        try:
            found = super().load_overload(signature, target_context)
        except Exception:  # truncated or foreign files: compile again, and begin a new index
            found = None
            with contextlib.suppress(OSError):
                self.flush()
        if found is not None:
            self._record(loaded=True)
        return found

    def save_overload(self, signature, compiled):
        self._record(loaded=False)
        with contextlib.suppress(
            OSError
        ):  # `tapeless info` shows whether the folder can be written
            super().save_overload(signature, compiled)

    def _record(self, loaded):
        seconds = time.perf_counter() - self._start
        COMPILATIONS.append(Compilation(self._py_func.__name__, seconds, loaded))


class ContentCache(KernelCache):
    """Numba's cache of one function that is not the package's: its content is the key."""

    def __init__(self, function, key):
        class Locator(_Locator):
            def __init__(self, *ignored):
                self._name, self._py_file = f"field_{key}", ""

            @classmethod
            def from_function(cls, *ignored):
                return cls()

        class Implementation(CompileResultCacheImpl):
            _locator_classes = (Locator,)

        self._impl_class, self._key = Implementation, key
        super().__init__(function)

    def _index_key(self, signature, codegen):
        return signature, codegen.magic_tuple(), self._key  # which knows what the closure holds


def cache_folder():
    """Return the folder that holds compiled kernels: $TAPELESS_CACHE_DIR, else the user's cache."""
    chosen = os.environ.get("TAPELESS_CACHE_DIR")
    if chosen:
        return pathlib.Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(home) / "tapeless"


def keep_file(path, content):
    """Write a file of the cache in one piece, if it can be; `clear_cache` looks for NAME.nbc.KIND."""
    with contextlib.suppress(OSError):  # `tapeless info` shows whether the folder can be written
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.write_bytes(content)
        new.replace(path)


def clear_cache():
    """Delete every compiled kernel on disk and return the number of bytes freed."""
    files = [path for path in cache_folder().rglob("*.nb[ic]*") if path.is_file()]
    freed = sum(path.stat().st_size for path in files)
    for folder in {path.parent for path in files}:
        shutil.rmtree(folder, ignore_errors=True)
    return freed


@functools.cache
def content_key(package=""):
    """Return a digest of the sources that kernels of a package may call, so that a changed callee recompiles them.

    Solvers call nothing of `ABOVE`, as import-linter checks: a change there leaves them as they are.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(ROOT.rglob("*.py")):
        source = path.relative_to(ROOT)
        if source.parts[0] == package or source.parts[0] not in ABOVE:
            digest.update(source.as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:20]
