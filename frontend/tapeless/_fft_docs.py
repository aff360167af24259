"""Docstrings of the transforms and of their transposes, from the table's rows and what they share."""

from collections.abc import Callable
from typing import Any, TypeVar

from tapeless._fft_table import Transform

F = TypeVar("F", bound=Callable[..., Any])

NORM = """\
norm : "backward", "ortho" or "forward", optional
    Which direction is divided by the number of points: the inverse (the default), each by its square root, or the
    forward one."""

TYPE = """\
type : 1, 2, 3 or 4
    Which cosines or sines; the inverse of type 2 is of type 3."""

ORTHOGONALIZE = """\
orthogonalize : bool, optional
    Whether edges are scaled so that the matrix is orthogonal but for a factor: by default where norm="ortho"."""

PLACES = {
    "axis": """\
n : int, optional
    The length{of}: longer inputs are cut off, shorter ones padded by zeros. By default {whole}.
axis : int
    The axis that is transformed.""",
    "axes": """\
s : int or sequence of int, optional
    The length{of} along each axis: longer inputs are cut off, shorter ones padded by zeros. By default, and where it
    is -1, {whole}.
axes : int or sequence of int, optional
    The axes that are transformed; {default}.""",
}

PLACES_VJP = {
    "axis": """\
n : int, optional
    The length that the transform had; by default {n}.
axis : int
    The axis that was transformed.""",
    "axes": """\
s : int or sequence of int, optional
    The lengths that the transform had; by default {n}.
axes : int or sequence of int, optional
    The axes that were transformed; {default}.""",
}

AXES = {
    "axis": "",
    "plane": "by default the last two",
    "axes": "by default the last ones of as many as `s` has, or all",
}

RAISES = """\
TypeError
    If an array is of no dtype that has such a transform, or an integer is none.
ValueError
    If a length is below 1 or does not fit, an axis is not there, or a word is unknown.{more}"""

REFERENCES = {
    "fourier": """\
.. [1] Cooley and Tukey, An algorithm for the machine calculation of complex Fourier series, *Mathematics of
   Computation* 19 (1965).""",
    "r2r": """\
.. [1] Makhoul, A fast cosine transform in one and two dimensions, *IEEE Transactions on Acoustics, Speech and Signal
   Processing* 28 (1980).""",
}

FORMULAS = {
    "c2c": "y_k = sum_j a_j exp(-+ 2 pi i jk / n), with minus forward, and divided by n backward",
    "r2c": "what `fft` returns of it, or `ifft` for `ihfft`, of which coefficients 0 to n // 2 are kept",
    "c2r": "what `ifft` returns, or `fft` for `hfft`, of the Hermitian spectrum that begins so. Imaginary parts of "
    "coefficient 0, and of n / 2 where n is even, are left out",
    "dct": "2 sum_j a_j c_jk of the cosines of the type, of which types 1 and 3 halve those of the first a_j, and "
    "type 1 those of the last",
    "dst": "2 sum_j a_j s_jk of the sines of the type, of which type 3 halves those of the last a_j",
}

TAKES = {
    "c2c": "complex or real",
    "r2c": "real",
    "c2r": "complex, or real",
    "dct": "real, or complex: its parts are transformed",
    "dst": "real, or complex: its parts are transformed",
}
GIVES = {"c2c": "complex", "r2c": "complex", "c2r": "real", "dct": "of the kind of `x`"}
GIVES["dst"] = GIVES["dct"]


def named(name: str, documentation: str, function: F) -> F:
    """Return a function under a name, with what its docstring says."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = documentation
    return function


def is_fourier(row: Transform) -> bool:
    """Say whether it is a Fourier transform, whose input is named a."""
    return row.kind in ("c2c", "r2c", "c2r")


def document(row: Transform) -> str:
    """Return the docstring of a transform."""
    fourier, over = is_fourier(row), "axis" if row.over == "axis" else "axes"
    name = "a" if fourier else "x"
    whole = "twice what the last axis has, less 2" if row.kind == "c2r" else f"all of `{name}`"
    of = {"r2c": " of the real input", "c2r": " of the real output"}.get(row.kind, "")
    parameters = [
        f"{name} : array\n    {TAKES[row.kind].capitalize()}; integers are taken as float64, float16 as float32.",
        *([] if fourier else [TYPE]),
        PLACES[over].format(of=of, whole=whole, default=AXES[row.over]),
        NORM,
        "out : ndarray, optional\n    Where the result is written." if fourier else ORTHOGONALIZE,
    ]
    returns = f"ndarray\n    {GIVES[row.kind].capitalize()}, of the precision of `{name}`: {FORMULAS[row.kind]}."
    if fourier:
        example = f"""\
>>> import numpy as np
>>> from tapeless import fft
>>> a = np.random.default_rng(0).normal(size=(4, 6))
>>> bool(np.allclose(fft.{row.name}(a), np.fft.{row.name}(a)))
True"""
    else:
        inverse = row.name[1:] if row.name[0] == "i" else f"i{row.name}"
        example = f"""\
>>> import numpy as np
>>> from tapeless import fft
>>> x = np.random.default_rng(0).normal(size=(4, 6))
>>> bool(np.allclose(fft.{inverse}(fft.{row.name}(x, 2), 2), x))
True"""
    more = " NumPy's AxisError is an IndexError too." if fourier else ""
    return _docstring(
        f"Return {row.summary}.", parameters, returns, RAISES.format(more=more),
        REFERENCES["fourier" if fourier else "r2r"], example,
    )  # fmt: skip


def document_vjp(row: Transform) -> str:
    """Return the docstring of the transpose of a transform."""
    fourier, over = is_fourier(row), "axis" if row.over == "axis" else "axes"
    n = "n" if over == "axis" else "s"
    lengths = {"r2c": f"`{n}_x`, or else the even one of the two that fit"}
    parameters = [
        f"y_bar : array\n    The cotangent of what `{row.name}` returned: {GIVES[row.kind].replace('`x`', '`y_bar`')}.",
        *([] if fourier else [TYPE]),
        PLACES_VJP[over].format(
            n=lengths.get(row.kind, "those of `y_bar`"), default=AXES[row.over]
        ),
        NORM,
        f"{n}_x : int{'' if n == 'n' else ' or sequence of int'}, optional\n"
        f"    How long the input was along what was transformed, if not as `{n}` says.",
        *([] if fourier else [ORTHOGONALIZE]),
    ]
    gives = {"c2c": "Complex; where the input was real, its cotangent is the real part",
             "r2c": "Real", "c2r": "Complex, dL/dRe + i dL/dIm; zero for parts that were left out"}  # fmt: skip
    returns = (
        f"ndarray\n    The cotangent of the input. {gives.get(row.kind, 'Of the kind of `y_bar`')}."
    )
    example = f"""\
>>> import numpy as np
>>> from tapeless import fft
>>> x = np.random.default_rng(0).normal(size=(4, 6))
>>> y = fft.{row.name}(x)
>>> x_bar = fft.{row.name}_vjp(y)
>>> bool(np.isclose(np.vdot(x_bar, x).real, np.vdot(y, y).real))
True"""
    return _docstring(
        f"Return the cotangent of what `{row.name}` took, from that of what it returned.",
        parameters, returns, RAISES.format(more=""), REFERENCES["fourier" if fourier else "r2r"],
        example,
    )  # fmt: skip


def _docstring(
    summary: str, parameters: list[str], returns: str, raises: str, references: str, example: str
) -> str:
    """Return the sections of a docstring one below the other."""
    sections = (
        ("Parameters", "\n".join(parameters)),
        ("Returns", returns),
        ("Raises", raises),
        ("References", references),
        ("Examples", example),
    )
    parts = (f"{title}\n{'-' * len(title)}\n{text}" for title, text in sections)
    return "\n\n".join((summary, *parts)) + "\n"
