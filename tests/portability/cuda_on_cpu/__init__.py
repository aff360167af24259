"""CUDA C kernels run on the CPU, called as CuPy's RawModule has them called, on NumPy arrays."""

from .build import BuildError, missing_compiler
from .module import CpuRawModule, Function, OnCpu
from .sanitize import SANITIZERS, missing_sanitizer, sanitized_environment

__all__ = [
    "SANITIZERS",
    "BuildError",
    "CpuRawModule",
    "Function",
    "OnCpu",
    "missing_compiler",
    "missing_sanitizer",
    "sanitized_environment",
]
