"""The transpose and the tangent of a user's function, derived by SymPy from what the function computes."""

import functools
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from tapeless_kernels.launch.content import rebound

NAMES = ("sin", "cos", "tan", "exp", "log", "tanh", "sinh", "cosh", "sqrt", "atan")
NUMPY_NAMES = {"atan": "arctan"}


@functools.lru_cache(maxsize=256)
def derived_vjp(
    function: Callable[..., None], dim: int, n_params: int, columns: int = 0, more: int = 0
) -> Callable[..., None]:
    """Return ``vjp(t, y, theta, dy_bar, y_bar, theta_bar, t_bar)`` of ``f(t, y, theta, dy)``.

    The function may fill a matrix of so many columns, or a vector with more entries than dim.
    """
    sympy = _sympy()
    t, n = sympy.Symbol("t", real=True), dim * max(columns, 1) + more
    y, theta, bars = _vectors(sympy, y=dim, theta=n_params, bar=n)
    slopes = _trace(sympy, function, t, y, theta, n, columns)
    paired = sum((bar * slope for bar, slope in zip(bars, slopes, strict=True)), sympy.Integer(0))
    targets = [f"y_bar[{i}] =" for i in range(dim)]
    targets += [f"theta_bar[{i}] +=" for i in range(n_params)] + ["t_bar[0] ="]
    wanted = [sympy.diff(paired, x) for x in (*y, *theta, t)]
    head = "vjp(t, y, theta, dy_bar, y_bar, theta_bar, t_bar)"
    rows = {"y": y, "theta": theta, "dy_bar": bars}
    return _written(sympy, head, rows, targets, wanted, {"dy_bar": columns})


@functools.lru_cache(maxsize=256)
def derived_jvp(
    function: Callable[..., None], dim: int, n_params: int, columns: int = 0
) -> Callable[..., None]:
    """Return ``jvp(t, y, theta, t_dot, y_dot, theta_dot, dy_dot)`` of ``f(t, y, theta, dy)``."""
    sympy = _sympy()
    t, t_dot = sympy.Symbol("t", real=True), sympy.Symbol("t_dot", real=True)
    y, theta, y_dot, theta_dot = _vectors(
        sympy, y=dim, theta=n_params, y_dot=dim, theta_dot=n_params
    )
    n = dim * max(columns, 1)
    slopes = _trace(sympy, function, t, y, theta, n, columns, "jvp")
    directions = list(zip((t, *y, *theta), (t_dot, *y_dot, *theta_dot), strict=True))
    zero = sympy.Integer(0)
    wanted = [sum((dot * slope.diff(x) for x, dot in directions), zero) for slope in slopes]
    rows = {"y": y, "theta": theta, "y_dot": y_dot, "theta_dot": theta_dot}
    head = "jvp(t, y, theta, t_dot, y_dot, theta_dot, dy_dot)"
    targets = [f"dy_dot[{_place(i, columns)}] =" for i in range(n)]
    return _written(sympy, head, rows, targets, wanted, {})


@functools.lru_cache(maxsize=256)
def derived_vjp_jvp(
    function: Callable[..., None], dim: int, n_params: int, columns: int = 0
) -> Callable[..., None]:
    """Return ``vjp_jvp(t, y, theta, dy_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot)`` of ``f(t, y, theta, dy)``."""
    sympy = _sympy()
    t, n = sympy.Symbol("t", real=True), dim * max(columns, 1)
    y, theta, bars, y_dot = _vectors(sympy, y=dim, theta=n_params, bar=n, y_dot=dim)
    slopes = _trace(sympy, function, t, y, theta, n, columns, "vjp_jvp")
    zero = sympy.Integer(0)
    paired = sum((bar * slope for bar, slope in zip(bars, slopes, strict=True)), zero)
    along = sum((dot * sympy.diff(paired, x) for x, dot in zip(y, y_dot, strict=True)), zero)
    wanted = [sympy.diff(paired, x) for x in y]
    wanted += [sympy.diff(along, x) for x in (*y, *theta)]
    targets = [f"y_bar[{i}] =" for i in range(dim)] + [f"y_bar_dot[{i}] =" for i in range(dim)]
    targets += [f"theta_bar_dot[{i}] +=" for i in range(n_params)]
    head = "vjp_jvp(t, y, theta, dy_bar, y_dot, y_bar, y_bar_dot, theta_bar_dot)"
    rows = {"y": y, "theta": theta, "dy_bar": bars, "y_dot": y_dot}
    return _written(sympy, head, rows, targets, wanted, {"dy_bar": columns})


def _vectors(sympy: Any, **sizes: int) -> list[Any]:
    """Return tuples of symbols, so many of each name."""
    return [sympy.symbols(f"{name}:{n}", real=True) for name, n in sizes.items()]


def _written(
    sympy: Any,
    head: str,
    rows: dict[str, Any],
    targets: list[str],
    wanted: list[Any],
    columns: dict[str, int],
) -> Callable[..., None]:
    """Return the function that sets targets to what is wanted; entries of its arrays are the symbols of `rows`."""
    shared, wanted = sympy.cse(wanted, symbols=sympy.numbered_symbols("x"))
    local = {
        x: sympy.Symbol(f"{name}_{i}") for name, row in rows.items() for i, x in enumerate(row)
    }

    def text(expression: Any) -> str:
        return sympy.pycode(expression.xreplace(local))

    lines = [
        f"{name}_{i} = {name}[{_place(i, columns.get(name, 0))}]"
        for name, row in rows.items()
        for i in range(len(row))
    ]
    lines += [f"{x} = {text(expression)}" for x, expression in shared]
    lines += [f"{target} {text(e)}" for target, e in zip(targets, wanted, strict=True)]
    scope: dict[str, Any] = {"math": math}
    exec("\n    ".join([f"def {head}:", *lines]), scope)
    return scope[head.partition("(")[0]]


def _place(i: int, columns: int) -> str:
    """Return the index of the i-th entry of a vector, or of a matrix of so many columns."""
    return f"{i // columns}, {i % columns}" if columns else str(i)


class _Matrix:
    """What a function fills instead of a matrix, row by row."""

    def __init__(self, values, columns):
        self._values, self._columns = values, columns

    def __getitem__(self, at):
        return self._values[at[0] * self._columns + at[1]]

    def __setitem__(self, at, value):
        self._values[at[0] * self._columns + at[1]] = value


def _trace(sympy, function, t, y, theta, dim, columns=0, which="vjp"):
    """Return what the function computes, as expressions."""
    meanings = {"inlined": lambda inner: inner}
    for name in NAMES:
        meaning = getattr(sympy, name)
        meanings[getattr(math, name)] = meanings[getattr(np, NUMPY_NAMES.get(name, name))] = meaning
    slopes = [None] * dim
    try:
        out = _Matrix(slopes, columns) if columns else slopes
        rebound(getattr(function, "py_func", function), meanings)(t, y, theta, out)
        expressions = [slope if slope is None else sympy.sympify(slope) for slope in slopes]
    except (TypeError, AttributeError, ValueError, sympy.SympifyError) as error:
        raise TypeError(
            f"field: `{which}` must be a function where SymPy cannot follow `fun`, as at conditions on the "
            f"state; it says: {error}."
        ) from error
    if any(slope is None for slope in slopes):
        raise TypeError(
            f"field: `fun` must fill all of dy for {which}='symbolic'; some entries are not set."
        )
    return expressions


def _sympy() -> ModuleType:
    try:
        import sympy
    except ImportError:
        raise ImportError(
            "tapeless.field and tapeless.diffusion: 'symbolic' needs SymPy; install it by: "
            "pip install 'tapeless[symbolic]'."
        ) from None
    return sympy
