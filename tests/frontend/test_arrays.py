"""Every public function takes arrays of every library, and returns its; docs/arrays.md has the table.

After a change: python tests/frontend/test_arrays.py --write
"""

import importlib
import pathlib
import pkgutil
import sys
import types
from collections.abc import Mapping

import numpy as np
import pytest

import tapeless
from array_exporters import address
from array_libraries import LIBRARIES
from array_samples import SAMPLES, WITHOUT_ARRAYS
from tapeless import pde
from tapeless._interchange import TAKES_ARRAYS, converting
from tapeless._interchange.refusals import REFUSALS, TO_CPU

MARKS = "<!-- written by tests/frontend/test_arrays.py -->", "<!-- end of what is written -->"
DOCS = pathlib.Path(__file__).parents[2] / "docs" / "arrays.md"


@pytest.fixture(params=LIBRARIES)
def library(request):
    of, array_type = LIBRARIES[request.param]()
    if request.param != "jax":
        yield of, array_type
        return
    with sys.modules["jax"].enable_x64(True):
        yield of, array_type


PARTS = {
    tapeless.Solution: ("ts", "ys", "y", "stats", "success", "reduced"),
    tapeless.SdeSolution: ("ts", "ys", "y", "stats", "success"),
    pde.PdeSolution: ("ts", "ys", "y", "stats", "success"),
    tapeless.OdeSolution: ("ts",),
    tapeless.Fit: ("theta", "best_theta", "n_steps"),
}


def leaves(result):
    """Yield what a result holds at last, arrays and numbers, and the names of what holds them."""
    name = type(result).__name__
    for cls, names in PARTS.items():
        if isinstance(result, cls):
            result = tuple(getattr(result, name) for name in names)
    if isinstance(result, Mapping):
        result = tuple(result.values())
    if isinstance(result, (tuple, list)):
        yield name
        for item in result:
            yield from leaves(item)
    else:
        yield result


@pytest.mark.parametrize("name", SAMPLES)
def test_results_have_the_callers_type_and_the_bits_of_numpys(name, library):
    of, array_type = library
    expected, found = (list(leaves(SAMPLES[name](make))) for make in (np.copy, of))
    for numpys, theirs in zip(expected, found, strict=True):
        if isinstance(numpys, (np.ndarray, np.generic)):
            # What NumPy has as a scalar is an array without axes elsewhere.
            assert isinstance(theirs, array_type if array_type is not np.ndarray else type(numpys))
            theirs = np.asarray(theirs)
            assert theirs.dtype == numpys.dtype and theirs.shape == numpys.shape
            assert theirs.tobytes() == numpys.tobytes()
        else:
            assert theirs == numpys or (theirs != theirs and numpys != numpys)


def public():
    """Return each public function by its module's name and its own, each method by that of its class."""
    found, seen = {}, set()
    names = [m.name for m in pkgutil.iter_modules(tapeless.__path__) if not m.name.startswith("_")]
    for name in ("", *(name for name in names if name not in ("demo", "docs", "interop", "cuda"))):
        module = importlib.import_module(f"tapeless.{name}".rstrip("."))
        for entry in getattr(module, "__all__", ()):
            thing = getattr(module, entry)
            for inner, function in functions_of(thing):
                if id(function) not in seen:
                    seen.add(id(function))
                    found[inner or f"{name}.{entry}".lstrip(".")] = function
    return found


def functions_of(thing):
    """Yield a function, or the public methods of a class of ours with their names."""
    if isinstance(thing, types.FunctionType):
        yield "", thing
    elif isinstance(thing, type) and not issubclass(thing, BaseException):
        decorated = {id(function) for function in TAKES_ARRAYS.values()}
        for cls in thing.__mro__:
            for name, method in vars(cls).items() if cls.__module__.startswith("tapeless.") else ():
                hidden = name.startswith("_") and name != "__call__" and id(method) not in decorated
                if isinstance(method, types.FunctionType) and not hidden:
                    yield method.__qualname__, method


def test_every_public_function_is_in_the_table():
    """A new function is decorated by `takes_arrays` and has a sample, or is said to take no array."""
    functions = public()
    assert (
        functions.keys() == SAMPLES.keys() | WITHOUT_ARRAYS and not SAMPLES.keys() & WITHOUT_ARRAYS
    )
    decorated = {id(function) for function in TAKES_ARRAYS.values()}
    assert {name for name, f in functions.items() if id(f) in decorated} == SAMPLES.keys()
    assert decorated <= {id(f) for f in functions.values()}


def shared(name):
    """Return whether a library sees our memory, and we its, aligned to 64 bytes and not."""
    of, _ = LIBRARIES[name]()
    room = np.empty(64 + 8)
    start = -room.ctypes.data % 64 // 8
    out, notes = (room[start : start + 4], room[start + 1 : start + 5]), []
    found = converting("shared", lambda x: notes.append(x.ctypes.data) or out)(of(np.arange(4.0)))
    taken = of(np.arange(4.0))
    converting("taken", lambda x: notes.append(x.ctypes.data))(taken)
    return notes[1] == address(taken), *(
        address(x) == y.ctypes.data for x, y in zip(found, out, strict=True)
    )


SHARED = {(True, True): "the same", (True, False): "the same if aligned to 64 bytes, else a copy"}
SPECIAL = {"__call__": "a call", "__init__": "the constructor"}
VERSIONS = {"torch": "torch", "jax": "jax", "array_api_strict": "array-api-strict"}


def tables():
    """Return the tables of docs/arrays.md."""
    lines = [
        "| arrays of | memory of an argument | memory of a result | type of a result |",
        "|---|---|---|---|",
    ]
    for name in LIBRARIES:
        taken, *given = shared(name)
        kind = "NumPy's" if name.startswith("DLPack") else "its own"
        memory = SHARED[tuple(given)]
        lines.append(
            f"| {VERSIONS.get(name, name)} | {'the same' if taken else 'a copy'} | {memory} | {kind} |"
        )
    lines += [
        "",
        "| | NumPy | torch | jax | array-api-strict | DLPack alone |",
        "|---|---|---|---|---|---|",
    ]
    for title, names in by_module().items():
        listed = ", ".join(SPECIAL.get(name, f"`{name}`") for name in names)
        lines.append(f"| {title}: {listed} |{' yes |' * 5}")
    lines += ["", "| arrays of | which | exception | way out |", "|---|---|---|---|"]
    for library, refusals in REFUSALS.items():
        lines += [
            f"| {library} | {row.got} | {row.kind.__name__} | {row.advice} |" for row in refusals
        ]
    lines += [
        f"| {library} | on a device | BufferError | Copy it to the CPU, with {how}. |"
        for library, how in TO_CPU.items()
    ]
    return "\n".join(lines)


def by_module():
    """Return the functions that have samples by their module, and the methods by their class."""
    found = {}
    for name in sorted(SAMPLES, key=lambda name: (name[0].isupper(), name)):
        owner, _, inner = name.rpartition(".")
        found.setdefault(f"`{owner}`" if owner else "`tapeless`", []).append(inner)
    return found


def page():
    """Return docs/arrays.md, with the tables between the marks."""
    head, _, rest = DOCS.read_text().partition(MARKS[0])
    return f"{head}{MARKS[0]}\n\n{tables()}\n\n{MARKS[1]}{rest.partition(MARKS[1])[2]}"


def test_page_of_arrays_is_up_to_date():
    for name in ("torch", "array_api_strict"):
        pytest.importorskip(name)
    with pytest.importorskip("jax").enable_x64(True):
        assert DOCS.read_text() == page(), "run python tests/frontend/test_arrays.py --write"


if __name__ == "__main__" and "--write" in sys.argv:
    # The page says of every function that it works: it is written only when each of them has been tried.
    failed = pytest.main(["-q", "-k", "not up_to_date", __file__])
    with sys.modules["jax"].enable_x64(True):
        sys.exit(failed or not DOCS.write_text(page()))
