"""CUDA C as C++: what of it g++ cannot read is written anew, line by line; libraries are kept by their content."""

import functools
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

from tapeless_kernels._cache import cache_folder

HEADERS = pathlib.Path(__file__).parent
# Tests build more than they run. -ftrivial-auto-var-init fills locals that nobody has set with a number that is seen.
FLAGS = (
    "-O1 -march=native -shared -fPIC -g1 -fvisibility=hidden -fno-gnu-unique -pthread "
    "-ftrivial-auto-var-init=pattern"
).split()
SANITIZE = {
    None: ["-Werror=frame-larger-than=49152"],  # of a fiber's 64 KiB
    "undefined": ["-fsanitize=undefined,bounds-strict", "-fno-sanitize-recover=all"],
    "address": ["-fsanitize=address", "-fno-omit-frame-pointer"],
}

_TYPE, _ALIGN = r"(?P<type>[\w:<>, ]+?)", r"(?:__align__\s*\(\s*\w+\s*\)\s*)?"
_DYNAMIC = re.compile(rf"extern\s+__shared__\s+{_ALIGN}{_TYPE}\s+(?P<name>\w+)\s*\[\s*\]\s*;")
_STATIC = re.compile(
    rf"__shared__\s+{_ALIGN}{_TYPE}\s+(?P<name>\w+)\s*(?P<extents>(?:\[[^\]\n]+\]\s*)*);"
)
_KERNEL = re.compile(
    r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?(\w+)\s*\('
)


class BuildError(Exception):
    """g++ did not take the source: what it said, with the lines of the `.cu`."""


@functools.cache
def missing_compiler():
    """Return why kernels cannot be built here, or None."""
    return None if shutil.which("g++") else "CUDA C on the CPU needs g++, which is not here"


def plain_kernels(code):
    """Return the names of the kernels that are no templates."""
    return _KERNEL.findall(code)


def as_cpp(code):
    """Return the source with its shared arrays turned into references to memory of the block."""
    code = _DYNAMIC.sub(r"\g<type>* \g<name> = cuda_on_cpu::dynamic_shared<\g<type>>();", code)
    code = _STATIC.sub(
        r'static cuda_on_cpu::Site \g<name>_site{"\g<name>"}; \g<type> (&\g<name>)\g<extents> = '
        r"*cuda_on_cpu::shared<\g<type> \g<extents>>(\g<name>_site);",
        code,
    )
    for i, line in enumerate(code.splitlines(), 1):
        if "__shared__" in line.partition("//")[0]:
            raise BuildError(f"line {i}: one shared array a declaration, please: {line.strip()}")
    return code


def library(code, expressions, options, sanitize):
    """Return the shared library that exports the kernels `expressions`, numbered in this order."""
    contraction = "off" if "--fmad=false" in options or "-fmad=false" in options else "fast"
    passed = [o for o in options if o.startswith(("-D", "-I", "-std=", "--std="))]
    flags = [*FLAGS, *SANITIZE[sanitize], f"-ffp-contract={contraction}", *passed]
    exports = "\n".join(f"CUDA_ON_CPU_EXPORT({i}, {e})" for i, e in enumerate(expressions))
    source = f'#include "cuda_on_cpu.h"\n#line 1 "kernel.cu"\n{as_cpp(code)}\n{exports}\n'
    return _built(source, tuple(flags))


@functools.cache
def _built(source, flags):
    digest = hashlib.sha256(repr((source, flags, _headers(), _compiler())).encode()).hexdigest()[
        :20
    ]
    folder = cache_folder() / "cuda_on_cpu"
    folder.mkdir(parents=True, exist_ok=True)
    built = folder / f"{digest}.so"
    if not built.exists():
        new = folder / f"{digest}.{os.getpid()}.so"
        command = ["g++", *flags, f"-I{HEADERS}", "-x", "c++", "-", "-o", str(new)]
        done = subprocess.run(command, input=source, capture_output=True, text=True)
        if done.returncode:
            raise BuildError(done.stderr)
        new.replace(built)  # at once, so that no other process reads half of it
    return built


@functools.cache
def _headers():
    return [path.read_text() for path in sorted(HEADERS.glob("*.h"))]


@functools.cache
def _compiler():
    return subprocess.run(["g++", "--version"], capture_output=True, text=True).stdout
