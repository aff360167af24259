"""What tapeless finds here: versions, processor, lanes, threads, kernels, cache, GPU or why not."""

import ctypes
import os
import platform
import sys
from importlib import metadata

from tapeless import _kernels as kernels
from tapeless._plan import FEW
from tapeless_kernels._cache import cache_folder
from tapeless_kernels._native import native
from tapeless_kernels.launch import cpu
from tapeless_kernels.launch.threads import n_cores
from tapeless_kernels.vector_ir import vector_bytes

__all__ = ["report"]

PACKAGES = "tapeless", "numpy", "scipy", "numba", "llvmlite", "cffi"


def report() -> str:
    """Describe this installation and the machine, for a terminal or a bug report.

    Returns
    -------
    str
        Lines of text: versions, processor, C library, cache, kernels with the seconds that
        compiling them took, and GPU.
    """
    sections = {
        "versions": _versions(),
        "processor": _processor(),
        "C library": [_library()],
        "cache": _cache(),
        "kernels": _kernels(),
        "GPU": [_gpu()],
    }
    indent = "\n" + " " * 11
    return "\n".join(f"{name:<11}{indent.join(lines)}" for name, lines in sections.items())


def _versions() -> list[str]:
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = f"not installed, run from {os.path.dirname(__file__)}"
    return [f"{name} {version}" for name, version in found.items()]


def _processor() -> list[str]:
    widths = ", ".join(f"{lanes} of {dtype}" for dtype, lanes in cpu.WIDTHS.items())
    return [
        f"{_processor_name()}, {platform.machine()}",
        f"vectors of {8 * vector_bytes()} bits",
        f"lanes of a tile: {widths}; up to {FEW} trajectories run one by one",
        f"threads: {n_cores()}, as many as there are cores for this process",
    ]


def _processor_name() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown processor"


def _library() -> str:
    try:
        return native().path
    except ImportError as error:
        return str(error)


def _cache() -> list[str]:
    folder = cache_folder()
    chosen = ", as TAPELESS_CACHE_DIR says" if os.environ.get("TAPELESS_CACHE_DIR") else ""
    ours = sum(kernel.n_bytes for kernel in kernels.cached_kernels())
    every = sum(path.stat().st_size for path in folder.rglob("*.nb[ic]*") if path.is_file())
    trouble = "; CANNOT be written: each process compiles for itself"
    return [
        f"{folder}{chosen}{'' if kernels.writable(folder) else trouble}",
        f"{kernels.size(every)}, of which {kernels.size(ours)} are kernels of these sources",
    ]


def _kernels() -> list[str]:
    cached, used = kernels.cached_kernels(), kernels.used_kernels()
    if not cached and not used:
        return ["none compiled yet; the first solve does it, or: tapeless compile"]
    lines = kernels.table(cached, sizes=True) if cached else []
    return lines + (["used by this process:", *kernels.table(used)] if used else [])


def _gpu() -> str:
    """Ask the driver itself: no package is needed for that."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return f"none: there is no NVIDIA driver ({name})"
    count, label = ctypes.c_int(), ctypes.create_string_buffer(100)
    code = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    if code or not count.value:
        return f"none: the NVIDIA driver finds no device (code {code})"
    driver.cuDeviceGetName(label, len(label), 0)
    return f"{label.value.decode()}, not used: this version of tapeless solves on the CPU"
