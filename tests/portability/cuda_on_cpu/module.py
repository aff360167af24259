"""CuPy's RawModule and its kernels, in the shape that `tapeless_kernels._cupy.raw_kernel` uses."""

import functools
import itertools
import math
from typing import NamedTuple

import cffi

from .arguments import carried
from .build import library, plain_kernels

ORDERS = ("forward", "reverse", "random")
# Limits of all GPUs from compute capability 7.5 on: CUDA C++ Programming Guide, compute capabilities.
MOST_THREADS, MOST_BLOCK, MOST_GRID = 1024, (1024, 1024, 64), (2**31 - 1, 65535, 65535)
STATIC_LIMIT, OPT_IN_LIMIT = (
    48 * 1024,
    227 * 1024,
)  # bytes of shared memory; of compute capability 9.0

_FFI = cffi.FFI()
_FFI.cdef(
    "typedef struct { uint32_t grid[3], block[3]; uint64_t dynamic, most; uint32_t order, seed; } Launch;"
)


class LaunchError(RuntimeError):
    """A launch that a GPU would refuse, or a kernel that did what it must not."""


class OnCpu(NamedTuple):
    """How modules run: in the place of `cupy.RawModule`, a maker of modules.

    `order` is that of threads and of blocks; `sanitize` is None, or "undefined" or "address" in a process
    that `sanitized_environment` made ready. `exchange` has pairs of texts, of which the second takes the place of
    the first: so tests plant faults.
    """

    order: str = "forward"
    seed: int = 0
    sanitize: str | None = None
    exchange: tuple = ()

    def __call__(self, code, options=(), name_expressions=()):
        for old, new in self.exchange:
            if old not in code:
                raise ValueError(f"there is no {old!r} to be exchanged")
            code = code.replace(old, new)
        return CpuRawModule(code, options, name_expressions, how=self)


FORWARD = OnCpu()


class CpuRawModule:
    """Kernels of one source: templates by name expressions, others by name."""

    def __init__(self, code, options=(), name_expressions=(), how=FORWARD):
        if how.order not in ORDERS:
            raise ValueError(f"CpuRawModule: `order` must be one of {ORDERS}, got {how.order!r}")
        self._names, self._how = [*name_expressions, *plain_kernels(code)], how
        path = library(code, tuple(self._names), tuple(options), how.sanitize)
        self._library = _opened(path, len(self._names))

    def get_function(self, name):
        """Return a kernel by its name expression."""
        if name not in self._names:
            raise KeyError(f"no kernel {name!r}; there are {self._names}")
        return Function(name, self._library, self._names.index(name), self._how)


@functools.cache
def _opened(path, n):
    ffi = cffi.FFI()
    ffi.cdef(
        "\n".join(
            f"int cuda_on_cpu_launch_{i}(void**, const void*, char*); const char* cuda_on_cpu_signature_{i}(void);"
            for i in range(n)
        )
    )
    return ffi.dlopen(str(path))


class Function:
    """One kernel, called with grid, block and arguments."""

    def __init__(self, name, library, number, how):
        self.name, self._how = name, how
        # CUDA wants to be told where a block has more than 48 KiB: cudaFuncSetAttribute.
        self.max_dynamic_shared_size_bytes = STATIC_LIMIT
        self._launch = getattr(library, f"cuda_on_cpu_launch_{number}")
        signature = getattr(library, f"cuda_on_cpu_signature_{number}")()
        self.signature = tuple(_FFI.string(_FFI.cast("char*", signature)).decode().split())

    def __call__(self, grid, block, args, *, shared_mem=0, stream=None):
        """Run it, and return when it has ended; `stream` is CuPy's, and none is here."""
        grid, block = (
            _extents(self.name, what, x) for what, x in (("grid", grid), ("block", block))
        )
        _check_limits(self.name, grid, block, shared_mem, self.max_dynamic_shared_size_bytes)
        order, error = ORDERS.index(self._how.order), _FFI.new("char[700]")
        most = max(STATIC_LIMIT, self.max_dynamic_shared_size_bytes)
        launch = _FFI.new(
            "Launch*", [list(grid), list(block), shared_mem, most, order, self._how.seed]
        )
        with carried(
            self.name, args, self.signature, guard=self._how.sanitize is None
        ) as addresses:
            pointers = _FFI.new("void*[]", [_FFI.cast("void*", a) for a in addresses] or 1)
            if self._launch(pointers, launch, error):
                raise LaunchError(f"{self.name}: {_FFI.string(error).decode()}")


def _extents(name, what, x):
    """Return three sizes."""
    sizes = tuple(x)
    if not 1 <= len(sizes) <= 3 or any(int(n) != n for n in sizes):
        raise LaunchError(f"{name}: `{what}` must be one to three whole numbers, got {x!r}")
    return tuple(itertools.islice(itertools.chain(map(int, sizes), itertools.repeat(1)), 3))


def _check_limits(name, grid, block, shared, most_shared):
    for what, sizes, most in (("grid", grid, MOST_GRID), ("block", block, MOST_BLOCK)):
        if any(not 1 <= n <= m for n, m in zip(sizes, most, strict=True)):
            raise LaunchError(f"{name}: `{what}` must be from 1 to {most}, got {sizes}")
    if math.prod(block) > MOST_THREADS:
        raise LaunchError(f"{name}: `block` must have at most {MOST_THREADS} threads, got {block}")
    if most_shared > OPT_IN_LIMIT:
        raise LaunchError(f"{name}: {most_shared} bytes of shared memory, above {OPT_IN_LIMIT}")
    if not 0 <= shared <= most_shared:
        advice = "; set max_dynamic_shared_size_bytes first" if shared <= OPT_IN_LIMIT else ""
        raise LaunchError(
            f"{name}: `shared_mem` must be from 0 to {most_shared}, got {shared}{advice}"
        )
