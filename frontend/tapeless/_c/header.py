"""Writes tapeless_solve.h from the registries: structs, enums, and the functions of `entries`."""

from collections.abc import Iterator
from importlib.resources import files

import numpy as np

from tapeless._c.entries import ENTRIES, SCALARS, SUFFIXES
from tapeless_kernels.capi.codes import ENUM
from tapeless_kernels.capi.members import MEMBERS
from tapeless_kernels.capi.methods import CONTROLLERS, METHODS

WIDTH = 100
HEAD = """\
/* Written by `make docs` from the registries in kernels/tapeless_kernels/capi; edit those. */
#ifndef TAPELESS_SOLVE_H
#define TAPELESS_SOLVE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "tapeless.h"

/* Solves with gradients, from C: docs/c.md shows how. A function that ends on _tiles works on many
 * trajectories at a time, the others on one. All memory is the caller's. Functions return 0, a code
 * of enum tapeless_loop_status, or one of enum tapeless_call_status. */
"""
FOOT = """\
#ifdef __cplusplus
}
#endif

#endif
"""


def header() -> str:
    """Return the text of the header."""
    return "\n".join([HEAD, *(f"{part}\n" for part in _declarations()), FOOT])


def cffi_declarations() -> str:
    """Return all that tapeless.h and tapeless_solve.h declare, without directives, as cffi reads it."""
    base = files("tapeless_kernels").joinpath("include", "tapeless.h").read_text(encoding="utf-8")
    lines = [line for line in base.splitlines() if not line.startswith("#")]
    return "\n".join([*lines, *_declarations(), ""])


def _declarations() -> Iterator[str]:
    """Yield enums, structs, types of functions, and functions."""
    yield _enum("method", {name.upper(): i for i, name in enumerate(METHODS)})
    yield _enum("controller", {one.name.upper(): i for i, one in enumerate(CONTROLLERS)})
    yield _enum("call_status", ENUM)
    for dtype in SUFFIXES:
        yield _struct(dtype)
    for pattern in ("typedef {} (*{})(", "{} {}("):
        lines = []
        for one in ENTRIES:
            for dtype in one.dtypes:
                name = one.type_name(dtype) if "*" in pattern else one.symbol(dtype)
                arguments = [_declared(kind, name, dtype) for kind, name in one.arguments]
                lines.append(_call(pattern.format(one.returns, name), arguments))
        yield "\n".join(lines)


def _typed(kind: str, dtype: np.dtype) -> str:
    """Return a type of a registry in one dtype."""
    words = [SCALARS[dtype] if word == "T" else word for word in kind.replace("*", " *").split()]
    return " ".join(words).replace(" *", "*").replace("SUFFIX", SUFFIXES[dtype])


def _declared(kind: str, name: str, dtype: np.dtype) -> str:
    return f"{_typed(kind, dtype)} {name}"


def _enum(name: str, values: dict[str, int]) -> str:
    entries = [f"TAPELESS_{key} = {value}" for key, value in values.items()]
    line = f"enum tapeless_{name} {{ {', '.join(entries)} }};"
    if len(line) <= WIDTH:
        return line
    return f"enum tapeless_{name} {{\n    " + ",\n    ".join(entries) + "\n};"


def _struct(dtype: np.dtype) -> str:
    name = f"tapeless_ode_{SUFFIXES[dtype]}"
    members = [f"    /* {m.meaning} */\n    {_declared(m.kind, m.name, dtype)};" for m in MEMBERS]
    return "\n".join([f"typedef struct {name} {{", *members, f"}} {name};"])


def _call(head: str, arguments: list[str]) -> str:
    """Return a prototype, wrapped as clang-format does it."""
    lines, indent = [head], " " * len(head)
    for i, argument in enumerate(arguments):
        last = argument + (");" if i == len(arguments) - 1 else ",")
        space = "" if lines[-1].endswith("(") or lines[-1] == indent else " "
        if len(lines[-1]) + len(space) + len(last) > WIDTH:
            lines.append(indent + last)
        else:
            lines[-1] += space + last
    return "\n".join(lines)


def table() -> str:
    """Return the table of the functions, for the page."""
    rows = ["| name | C prototype, with `T` for float or double | what it does |", "|---|---|---|"]
    for one in ENTRIES:
        arguments = ", ".join(
            f"{kind.replace('_SUFFIX', '')} {name}" for kind, name in one.arguments
        )
        rows.append(f"| `{one.name}` | `{one.returns} (*)({arguments})` | {one.summary} |")
    return "\n".join(rows) + "\n"
