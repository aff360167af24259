"""Docstrings of truncated transforms and of their transposes, from rows of the table."""

from collections.abc import Callable
from typing import Any, TypeVar

from tapeless._fft_docs import CONVERTED, NORM, Item, docstring
from tapeless._fft_table import ROWS, Transform

F = TypeVar("F", bound=Callable[..., Any])

# What is kept, by the axes and whether fields are real, and where it lies in a spectrum of (4, 6) points.
KEPT = {
    ("axis", True): ("waves 0 to m - 1", "[:, :2]"),
    ("axis", False): ("waves 0 to m - 1, then -m to -1", "[:, [0, 1, -2, -1]]"),
    ("axes", True): (
        "waves 0 to m - 1 of the last of the axes, and 0 to m - 1, then -m to -1, of the others",
        "[[0, 1, -2, -1], :2]",
    ),
    ("axes", False): (
        "waves 0 to m - 1, then -m to -1, of each axis",
        "[np.ix_([0, 1, -2, -1], [0, 1, -2, -1])]",
    ),
}
METHOD = (
    'method : "product" or "fft", optional',
    "Whether modes are found by products with waves, or among those of an FFT; by default the one that takes less "
    "time, by rates measured once on this machine.",
)
THREADS = (
    "threads : int, optional",
    "How many threads do products, by default one for each 65536 numbers and at most one a core. An FFT takes the "
    "workers of `engine`.",
)
RAISED = [
    (
        "TypeError",
        "If an array is not of numbers of single or double precision, real where they are to be, or an axis or a "
        "length is no integer.",
    ),
    (
        "ValueError",
        "If there are more modes than points can tell apart, an axis is not there (NumPy's AxisError, an IndexError "
        "too) or named twice, there are more than three, or another argument is not as above.",
    ),
]  # fmt: skip
AMPLITUDES = 'With ``norm="forward"`` modes are amplitudes of waves, and those of one grid can be put on another.'
COTANGENTS = "Cotangents of complex numbers are dL/dRe + i dL/dIm."
REFERENCE = (
    "Sorensen and Burrus, Efficient computation of the DFT with only a subset of input or output points, *IEEE "
    "Transactions on Signal Processing* 41 (1993)."
)


def documented(function: F) -> F:
    """Give a truncated transform, or a transpose, the docstring that its row says."""
    name = function.__name__
    row = ROWS[name.removesuffix("_vjp")]
    function.__doc__ = _document(row) if row.name == name else _document_vjp(row)
    return function


def _document(row: Transform) -> str:
    """Return the docstring of a transform."""
    is_real, numpys = row.kind != "c2c", row.name.removeprefix("truncated_")
    kept, place = KEPT[row.over, is_real]
    real = "real" if is_real else "complex or real"
    if row.forward:
        array = "x : array", f"Fields, {real}. {CONVERTED}"
        returns = f"Complex, as precise as `x`: of what `{numpys}` returns, the {kept}."
        examples = [
            f"y = fft.{row.name}(x, {_modes(row)})",
            f"bool(np.allclose(y, np.fft.{numpys}(x){place}))",
        ]
    else:
        array = "y : array", f"Modes, complex or real: the {kept}. {CONVERTED}"
        returns = f"As precise as `y`: what `{numpys}` returns of the spectrum that has these modes, and no others."
        examples = [
            f"y = fft.{_inverse(row)}(x, {_modes(row)})",
            f"spectrum = np.zeros({'(4, 4)' if is_real else '(4, 6)'}, complex)",
            f"spectrum{place} = y",
            f"bool(np.allclose(fft.{row.name}(y, {_points(row)}), np.fft.{numpys}(spectrum)))",
        ]
    parameters = [array, *_options(row, row.forward, "is")]
    return docstring(
        f"Return {row.summary}.", parameters, returns, RAISED, AMPLITUDES, REFERENCE, examples
    )


def _document_vjp(row: Transform) -> str:
    """Return the docstring of the transpose of a transform."""
    bar = "y_bar" if row.forward else "x_bar"
    array = f"{bar} : array", f"The cotangent of what `{row.name}` returned."
    is_real = row.kind == "r2c"
    returns = f"The cotangent of the input, {'real' if is_real else 'complex'}."
    if row.kind == "c2c" and row.forward:
        returns += " Where the input was real, that is the real part."
    if row.forward:
        examples = [
            f"y = fft.{row.name}(x, {_modes(row)})",
            f"x_bar = fft.{row.name}_vjp(y, {_points(row)})",
            "bool(np.isclose(np.vdot(x_bar, x).real, np.vdot(y, y).real))",
        ]
    else:
        examples = [
            f"y = fft.{_inverse(row)}(x, {_modes(row)})",
            f"x = fft.{row.name}(y, {_points(row)})",
            f"y_bar = fft.{row.name}_vjp(x, {_modes(row)})",
            "bool(np.isclose(np.vdot(y_bar, y).real, np.vdot(x, x).real))",
        ]
    parameters = [array, *_options(row, not row.forward, "was")]
    return docstring(
        f"Return the cotangent of what `{row.name}` took: its exact transpose.", parameters,
        returns, RAISED, COTANGENTS, REFERENCE, examples,
    )  # fmt: skip


def _options(row: Transform, to_modes: bool, tense: str) -> list[Item]:
    """Return all parameters but the array."""
    one = row.over == "axis"
    several = "int" if one else "int or sequence of int"
    each = "" if one else " along each axis"
    if to_modes:
        half = "n // 2 + 1" if row.kind != "c2c" else "n // 2"
        if not one and row.kind != "c2c":
            half = "n // 2, or n // 2 + 1 along the last of the axes"
        size = f"modes : {several}", f"How many waves m are kept{each}, at most {half}."
    else:
        size = f"{'n' if one else 's'} : {several}", f"How many points the field has{each}."
    if one:
        where = "axis : int", f"The axis that {tense} transformed."
    else:
        number = "`modes` has numbers" if to_modes else "`s` has lengths"
        are = {"is": "are", "was": "were"}[tense]
        where = (
            "axes : int or sequence of int, optional",
            f"The axes that {are} transformed, three at most; by default as many of the last as {number}.",
        )
    return [size, where, NORM, METHOD, THREADS]


def _inverse(row: Transform) -> str:
    """Return the name of the transform that goes from fields to modes."""
    return row.name.replace("_i", "_")


def _modes(row: Transform) -> str:
    """Return what examples keep."""
    return "2" if row.over == "axis" else "(2, 2)"


def _points(row: Transform) -> str:
    """Return the points of examples."""
    return "6" if row.over == "axis" else "(4, 6)"
