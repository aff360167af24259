"""What a Python function is, as text: the key of its compiled form on disk, wherever it was defined."""

import cmath
import dis
import hashlib
import math
import operator
import types
from numbers import Number

import numpy as np

from .._cache import content_key
from .._jit import global_names

KNOWN_MODULES = (math, cmath, operator, np)
KNOWN_TYPES = (bool, int, float, complex, *np.sctypeDict.values())


class Unknown(Exception):
    """A function refers to something whose content cannot be told."""


def digest(function, *parts):
    """Return a key for all that a function's compiled form depends on; None where that cannot be told.

    Its code, what its code names, its defaults and its closure count, and so do other functions
    that it calls. Neither its name, its file nor its line does.
    """
    try:
        text = repr((content_key(), parts, describe(function, ())))
    except Unknown:
        return None
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def describe(value, seen):
    """Return nested tuples of numbers and strings that are equal only if the values are."""
    value = getattr(value, "py_func", value)
    if value is None or isinstance(value, (str, bytes, bool)):
        return type(value).__name__, value
    if isinstance(value, (Number, np.generic)):
        return type(value).__name__, repr(value)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return "array", value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, (tuple, list)):
        return type(value).__name__, *(describe(x, seen) for x in value)
    if any(
        value is module for module in KNOWN_MODULES
    ):  # what others hold may change without a change of the function
        return "module", value.__name__
    if isinstance(value, types.BuiltinFunctionType | np.ufunc) or _is_known_type(value):
        return "builtin", getattr(value, "__module__", ""), value.__name__
    if isinstance(value, types.FunctionType):
        if value in seen:
            return "itself", seen.index(value)
        return _describe_function(value, (*seen, value))
    raise Unknown(value)


def _is_known_type(value):
    return isinstance(value, type) and value in KNOWN_TYPES


def _describe_function(function, seen):
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    named = [
        (name, describe(function.__globals__[name], seen))
        for name in sorted(set(global_names(function.__code__)))
        if name in function.__globals__
    ]
    outside = describe(
        [*cells, function.__defaults__, *(function.__kwdefaults__ or {}).items()], seen
    )
    return "function", _describe_code(function.__code__), tuple(named), outside


def _describe_code(code):
    constants = [
        _describe_code(x) if isinstance(x, types.CodeType) else (type(x).__name__, repr(x))
        for x in code.co_consts
    ]
    return (
        code.co_code, tuple(constants), code.co_names, code.co_varnames, code.co_freevars,
        code.co_argcount, code.co_flags, code.co_exceptiontable if hasattr(code, "co_exceptiontable") else b"",
    )  # fmt: skip


def may_raise(function, seen):
    """Whether a function, or one that it calls, has a `raise` or an `assert`."""
    function = getattr(function, "py_func", function)
    if not isinstance(function, types.FunctionType) or function in seen:
        return False
    seen.add(function)
    if any(i.opname == "RAISE_VARARGS" for i in dis.get_instructions(function)):
        return True
    called = [function.__globals__.get(name) for name in global_names(function.__code__)]
    called += [cell.cell_contents for cell in function.__closure__ or ()]
    return any(may_raise(callee, seen) for callee in called)


def rebound(function, meanings, seen=None):
    """Return a function with other meanings for what it names: scalars of math and NumPy, say.

    `meanings` maps math.sin, np.sin and their like to what they shall be; modules math and numpy
    become modules with those. Plain functions that it calls follow.
    """
    seen = {} if seen is None else seen
    if function in seen:
        return seen[function]
    scope = dict(function.__globals__)
    cells = [types.CellType() for _ in function.__closure__ or ()]
    again = seen[function] = types.FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, tuple(cells)
    )

    def meaning(value):
        if value is math or value is np:
            return _module(value, meanings)
        if isinstance(value, types.FunctionType):
            return meanings["inlined"](rebound(value, meanings, seen))
        named = isinstance(value, types.BuiltinFunctionType | np.ufunc)
        return meanings.get(value, value) if named else value

    for name in set(global_names(function.__code__)) & scope.keys():
        scope[name] = meaning(scope[name])
    for cell, old in zip(cells, function.__closure__ or (), strict=True):
        cell.cell_contents = meaning(old.cell_contents)
    return again


def _module(module, meanings):
    twin = types.ModuleType(module.__name__)
    for name, value in vars(module).items():
        try:
            setattr(twin, name, meanings.get(value, value))
        except TypeError:  # not hashable
            setattr(twin, name, value)
    return twin
