"""Docstrings of the transforms and of their transposes: what they share, and what a row of the table says."""

import functools
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

from tapeless._fft_table import Transform
from tapeless._interchange import takes_arrays

F = TypeVar("F", bound=Callable[..., Any])
Item = tuple[str, str]  # a parameter or an exception, and what is said of it

TAKES = {
    "c2c": "Signals, complex or real.",
    "r2c": "Signals, real.",
    "c2r": "The half that is kept of Hermitian signals or spectra, complex or real.",
    "dct": "Signals, real or complex.",
    "dst": "Signals, real or complex.",
}
CONVERTED = "Integers and booleans are taken as float64, and float16 as float32."
KINDS = {"r2c": "Complex", "c2c": "Complex", "c2r": "Real"}
FORMULAS = {
    "c2c": "sum_j a_j exp({sign}2 pi i jk / n){part} for each k",
    "r2c": "sum_j a_j exp({sign}2 pi i jk / n){part} for k from 0 to n // 2; the others are conjugates of these",
    "c2r": "sum_k a_k exp({sign}2 pi i jk / n){part} for each j, where a_k with k > n // 2 is the conjugate of "
    "a_{{n-k}}. Imaginary parts of a_0 and, where n is even, of a_{{n/2}} are left out",
}  # fmt: skip
TYPES = {
    "dct": (
        "x_0 + (-1)^k x_{N-1} + 2 sum_{0<j<N-1} x_j cos(pi jk / (N - 1))",
        "2 sum_j x_j cos(pi k (2j + 1) / 2N)",
        "x_0 + 2 sum_{j>0} x_j cos(pi (2k + 1) j / 2N)",
        "2 sum_j x_j cos(pi (2k + 1) (2j + 1) / 4N)",
    ),
    "dst": (
        "2 sum_j x_j sin(pi (k + 1) (j + 1) / (N + 1))",
        "2 sum_j x_j sin(pi (k + 1) (2j + 1) / 2N)",
        "(-1)^k x_{N-1} + 2 sum_{j<N-1} x_j sin(pi (2k + 1) (j + 1) / 2N)",
        "2 sum_j x_j sin(pi (2k + 1) (2j + 1) / 4N)",
    ),
}
TYPE = "type : 1, 2, 3 or 4", "Which cosines or sines; see the notes."
NORM = (
    'norm : "backward", "ortho" or "forward", optional',
    "What is divided by the number of points: the inverse transform, which is the default; both, each by the square "
    "root; or the forward transform.",
)
OUT = "out : ndarray, optional", "Where the result is written, and what is returned then."
ORTHOGONALIZE = (
    "orthogonalize : bool, optional",
    'Whether the first or last coefficients are scaled, as notes say: by default where `norm` is "ortho".',
)
AXES = {
    "plane": "by default the last two",
    "axes": "by default as many of the last as `s` has lengths, or else all",
}
REFERENCES = {
    True: "Cooley and Tukey, An algorithm for the machine calculation of complex Fourier series, *Mathematics of "
    "Computation* 19 (1965).",
    False: "Makhoul, A fast cosine transform in one and two dimensions, *IEEE Transactions on Acoustics, Speech, and "
    "Signal Processing* 28 (1980).",
}


def named(name: str, documentation: str, function: F) -> F:
    """Return a public function under a name, with its docstring."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = documentation
    return takes_arrays(function)


def document(row: Transform) -> str:
    """Return the docstring of a transform."""
    fourier, x = row.kind in FORMULAS, "a" if row.kind in FORMULAS else "x"
    whole = "twice what the last axis has, less 2" if row.kind == "c2r" else f"all of `{x}`"
    side = {"r2c": " of the real signals", "c2r": " of the real result"}.get(row.kind, "")
    resize = "longer inputs are cut off, shorter ones padded by zeros"
    if row.over == "axis":
        places = [
            ("n : int, optional", f"How many points{side}: {resize}. By default {whole}."),
            ("axis : int", "The axis that is transformed."),
        ]
    else:
        places = [
            (
                "s : int or sequence of int, optional",
                f"How many points{side} along each axis: {resize}; -1 for what the axis has. By default {whole}.",
            ),
            (
                "axes : int or sequence of int, optional",
                f"The axes that are transformed, {AXES[row.over]}.",
            ),
        ]
    array = f"{x} : array", f"{TAKES[row.kind]} {CONVERTED}"
    parameters = [array, *places, NORM, OUT]
    if not fourier:
        parameters = [array, TYPE, *places, NORM, ORTHOGONALIZE]
    sign, part = ("-", "") if row.forward else ("", " / n")
    returns = f"Of the dtype of `{x}`."
    if fourier:
        formula = FORMULAS[row.kind].format(sign=sign, part=part)
        if row.over != "axis":
            inverse = "" if row.forward else "i"
            formula = f"what `{inverse}fft` returns, along each axis"
            if row.kind != "c2c":
                formula = f"what `{inverse}rfft` returns along the last axis, and `{inverse}fft` along the others"
        returns = f"{KINDS[row.kind]}, as precise as `{x}`: {formula}."
    other = row.name.removeprefix("i") if row.name.startswith("i") else f"i{row.name}"
    example = f"np.allclose(fft.{other}(fft.{row.name}(x)), x)"
    if fourier:
        example = f"np.allclose(fft.{row.name}(x), np.fft.{row.name}(x))"
    return docstring(
        f"Return {row.summary}.", parameters, returns, _raised(row.kind == "r2c"), _notes(row),
        REFERENCES[fourier], [f"bool({example})"],
    )  # fmt: skip


def document_vjp(row: Transform) -> str:
    """Return the docstring of the transpose of a transform."""
    fourier, n = row.kind in FORMULAS, "n" if row.over == "axis" else "s"
    of = f"`{n}_x`, or else the even number of the two that are possible"
    default = of if row.kind == "r2c" else "what `y_bar` has"
    several = "int" if n == "n" else "int or sequence of int"
    where = ("axis : int", "The axis that was transformed.")
    if n == "s":
        where = (
            "axes : int or sequence of int, optional",
            f"The axes that were transformed, {AXES[row.over]}.",
        )
    array = "y_bar : array", f"The cotangent of what `{row.name}` returned."
    length = (
        f"{n} : {several}, optional",
        f"How many points the transform had; by default {default}.",
    )
    length_x = (
        f"{n}_x : {several}, optional",
        f"How many the input had along the same axes, where it was cut off or padded; by default as `{n}` says.",
    )
    parameters = [array, length, where, NORM, length_x]
    if not fourier:
        parameters = [array, TYPE, length, where, NORM, length_x, ORTHOGONALIZE]
    returns = {
        "c2c": "The cotangent of the input, complex. Where the input was real, that is the real part.",
        "r2c": "The cotangent of the input, real.",
        "c2r": "The cotangent of the input, complex; 0 for the parts that were left out.",
    }.get(row.kind, "The cotangent of the input, of the dtype of `y_bar`.")
    examples = [
        f"y = fft.{row.name}(x)",
        f"x_bar = fft.{row.name}_vjp(y)",
        "bool(np.isclose(np.vdot(x_bar, x).real, np.vdot(y, y).real))",
    ]
    notes = "Cotangents of complex numbers are dL/dRe + i dL/dIm." if fourier else _notes(row)
    return docstring(
        f"Return the cotangent of what `{row.name}` took: its exact transpose.", parameters,
        returns, _raised(row.kind == "c2r"), notes, REFERENCES[fourier], examples,
    )  # fmt: skip


def _raised(is_real: bool) -> list[Item]:
    """Return what a transform raises."""
    real = "real numbers" if is_real else "numbers"
    return [
        (
            "TypeError",
            f"If an array is not of {real}, or a length or an axis is no integer.",
        ),
        (
            "ValueError",
            "If a length is below 1 or does not fit, an axis is not there (NumPy's AxisError, an IndexError too), or "
            "another argument is not as above.",
        ),
    ]


def _notes(row: Transform) -> str:
    """Return the formulas of the types, or nothing."""
    if row.kind not in TYPES:
        return ""
    inverse = "" if row.forward else "This inverts: "
    listed = "\n".join(f"{i}. ``{formula}``" for i, formula in enumerate(TYPES[row.kind], 1))
    edges = {
        "dct": "the first coefficient of type 2, and the first and last of type 1, are divided by sqrt(2), and those "
        "of the input of types 3 and 1 multiplied",
        "dst": "the last coefficient of type 2 is divided by sqrt(2), and that of the input of type 3 multiplied",
    }[row.kind]
    n_points = "2 (N - 1)" if row.kind == "dct" else "2 (N + 1)"
    text = f"Where it is orthogonalised, {edges}. The number of points is 2 N, but {n_points} for type 1."
    return f"{inverse}coefficient k of N is, by type,\n\n{listed}\n\n{_wrapped(text)}"


def docstring(
    summary: str, parameters: list[Item], returns: str, raised: list[Item], notes: str,
    reference: str, examples: list[str],
) -> str:  # fmt: skip
    """Return the sections of a docstring, one below the other."""
    example = ["import numpy as np", "from tapeless import fft"]
    example += ["x = np.random.default_rng(0).normal(size=(4, 6))", *examples]
    sections = (
        ("Parameters", "\n".join(map(_item, parameters))),
        ("Returns", _item(("ndarray", returns))),
        ("Raises", "\n".join(map(_item, raised))),
        ("Notes", notes),
        ("References", _wrapped(f".. [1] {reference}", "   ")),
        ("Examples", "\n".join(f">>> {line}" for line in example) + "\nTrue"),
    )
    parts = [f"{title}\n{'-' * len(title)}\n{text}" for title, text in sections if text]
    return "\n\n".join((summary, *parts)) + "\n"


def _item(item: Item) -> str:
    head, text = item
    return f"{head}\n    {_wrapped(text, '    ')}"


@functools.cache  # most of it is shared, and all of it is done on import
def _wrapped(text: str, indent: str = "") -> str:
    """Return text in lines of at most 116 characters, whose later ones are indented."""
    return textwrap.fill(text, 116 - len(indent), subsequent_indent=indent)
