"""CUDA C compiled without a GPU: what NVRTC's assembler says of each kernel, and its PTX.

Every `.cu` file of the package stands beside a module of the same name, whose INSTANCES are the name expressions
of its kernels, say "total<float>".
"""

import functools
import importlib
import pathlib
import re
from typing import NamedTuple

from .._cuda import MISSING
from .._cupy import OPTIONS, code_of

ROOT = pathlib.Path(__file__).parents[1]
ARCHITECTURES = (75, 80, 90, 100, 120)


class Needs(NamedTuple):
    """What a kernel needs: registers and bytes of each thread, bytes of shared memory of a block."""

    registers: int
    stack: int
    spills: int  # stored and loaded
    shared: int  # what the launch adds is not in it


class CompileError(Exception):
    """NVRTC did not take the source: what it said, with the lines of the `.cu`."""


def sources():
    """Return all `.cu` files of the package."""
    return sorted(ROOT.rglob("*.cu"))


@functools.cache
def instances(source):
    """Return the name expressions of a `.cu` file, from the module beside it."""
    name = source.relative_to(ROOT.parent).with_suffix("")
    return importlib.import_module(".".join(name.parts)).INSTANCES


@functools.cache
def _nvrtc():
    try:
        from cuda.bindings import nvrtc
    except ImportError as reason:
        raise ImportError(MISSING) from reason
    return nvrtc


def _get(size, fill, program):
    """Return what one of NVRTC's pairs of functions, for a size and for the bytes, has to give."""
    _, n = size(program)
    room = b" " * n
    fill(program, room)
    return room.rstrip(b"\0 \n").decode(errors="replace")


class Compiled(NamedTuple):
    """All instances of one source, by name expression."""

    needs: dict
    ptx: dict


@functools.cache
def compiled(source, architecture, expressions=None, code=None):
    """Compile a `.cu` file for a compute capability, 90 being 9.0; `code` in its place is for tests."""
    nvrtc = _nvrtc()
    expressions = instances(source) if expressions is None else expressions
    text = code_of(source) if code is None else code
    _, program = nvrtc.nvrtcCreateProgram(text.encode(), source.name.encode(), 0, [], [])
    try:
        for expression in expressions:
            nvrtc.nvrtcAddNameExpression(program, expression.encode())
        options = (*OPTIONS, f"-arch=sm_{architecture}", "--ptxas-options=-v")
        (status,) = nvrtc.nvrtcCompileProgram(program, len(options), [o.encode() for o in options])
        log = _get(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program)
        if status != nvrtc.nvrtcResult.NVRTC_SUCCESS:
            raise CompileError(f"{source.name}, sm_{architecture}: {log}")
        ptx = _get(nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX, program)
        lowered = {
            e: nvrtc.nvrtcGetLoweredName(program, e.encode())[1].decode() for e in expressions
        }
    finally:
        nvrtc.nvrtcDestroyProgram(program)
    needs, bodies = _needs(log), _bodies(ptx)
    return Compiled(
        {e: needs[name] for e, name in lowered.items()},
        {e: bodies[name] for e, name in lowered.items()},
    )


def _needs(log):
    """Read the assembler's account of each kernel, by its mangled name."""
    found = {}
    for part in log.split("Compiling entry function '")[1:]:

        def number(pattern, part=part):
            return sum(map(int, re.findall(pattern, part)))

        found[part.partition("'")[0]] = Needs(
            number(r"Used (\d+) registers"),
            number(r"(\d+) bytes stack frame"),
            number(r"(\d+) bytes spill"),
            number(r"(\d+) bytes smem"),
        )
    return found


def _bodies(ptx):
    """Return the PTX of each kernel, by its mangled name, and behind it of the functions that it calls."""
    parts = re.split(r"^(?:\.\w+ )*\.(entry|func)\s+(?:\(.*?\)\s*)?(\w+)\s*\(", ptx, flags=re.M)
    bodies = dict(zip(parts[2::3], parts[3::3], strict=True))
    functions = [
        name for kind, name in zip(parts[1::3], parts[2::3], strict=True) if kind == "func"
    ]

    def whole(name, above=()):
        called = [
            f for f in dict.fromkeys(functions) if f in bodies[name] and f not in (name, *above)
        ]
        return bodies[name] + "".join(whole(f, (*above, name)) for f in called)

    return {name: whole(name) for name in bodies if name not in functions}
