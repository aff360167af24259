"""Cosine and sine transforms of `tapeless.fft`, along one axis and over several, each with its transpose."""

from tapeless._fft_arguments import (
    Norm,
    as_axes,
    as_axes_vjp,
    as_axis,
    as_lengths,
    as_lengths_vjp,
    as_numbers,
    as_real_kind,
    check_distinct,
    check_points,
)
from tapeless._fft_core import Array, r2r, r2r_vjp, resized
from tapeless._fft_docs import document, document_vjp, named
from tapeless._fft_table import ROWS
from tapeless._fft_types import (
    RealAlongAxis,
    RealAlongAxisVjp,
    RealOverAxes,
    RealOverAxesVjp,
    Several,
)
from tapeless._types import ArrayInput, Integer


def _along_axis(name: str) -> RealAlongAxis:
    """Make a cosine or sine transform along one axis."""
    row = ROWS[name]
    kind, forward = row.kind, row.forward

    def function(
        x: ArrayInput, type: Integer = 2, n: Integer | None = None, axis: Integer = -1,
        norm: Norm = None, *, orthogonalize: bool | None = None,
    ) -> Array:  # fmt: skip
        given = as_numbers(name, "x", x, kind)
        axes = (as_axis(name, "axis", axis, given.ndim),)
        lengths = as_lengths(name, "n", given.shape, axes, None if n is None else (n,), kind)
        number, inorm, ortho = as_real_kind(name, kind, forward, type, norm, orthogonalize)
        check_points(name, "n", kind, number, lengths)
        return r2r(kind, resized(given, axes, lengths), number, axes, inorm, ortho)

    return named(name, document(row), function)


def _along_axis_vjp(name: str) -> RealAlongAxisVjp:
    """Make the transpose of a cosine or sine transform along one axis."""
    row = ROWS[name.removesuffix("_vjp")]
    kind, forward = row.kind, row.forward

    def function(
        y_bar: ArrayInput, type: Integer = 2, n: Integer | None = None, axis: Integer = -1,
        norm: Norm = None, *, n_x: Integer | None = None, orthogonalize: bool | None = None,
    ) -> Array:  # fmt: skip
        bar = as_numbers(name, "y_bar", y_bar, kind)
        axes = (as_axis(name, "axis", axis, bar.ndim),)
        names = "n", "n_x"
        lengths, lengths_x = as_lengths_vjp(name, names, bar.shape, axes, ((n,), (n_x,)), kind)
        number, inorm, ortho = as_real_kind(name, kind, forward, type, norm, orthogonalize)
        check_points(name, "n", kind, number, lengths)
        return resized(r2r_vjp(kind, bar, number, axes, inorm, ortho), axes, lengths_x)

    return named(name, document_vjp(row), function)


def _over_axes(name: str) -> RealOverAxes:
    """Make a cosine or sine transform over several axes."""
    row = ROWS[name]
    kind, forward = row.kind, row.forward

    def function(
        x: ArrayInput, type: Integer = 2, s: Several | None = None, axes: Several | None = None,
        norm: Norm = None, *, orthogonalize: bool | None = None,
    ) -> Array:  # fmt: skip
        given = as_numbers(name, "x", x, kind)
        places, asked = as_axes(name, "s", given.ndim, s, axes, kind)
        check_distinct(name, places)
        lengths = as_lengths(name, "s", given.shape, places, asked, kind)
        number, inorm, ortho = as_real_kind(name, kind, forward, type, norm, orthogonalize)
        check_points(name, "s", kind, number, lengths)
        return r2r(kind, resized(given, places, lengths), number, places, inorm, ortho)

    return named(name, document(row), function)


def _over_axes_vjp(name: str) -> RealOverAxesVjp:
    """Make the transpose of a cosine or sine transform over several axes."""
    row = ROWS[name.removesuffix("_vjp")]
    kind, forward = row.kind, row.forward

    def function(
        y_bar: ArrayInput, type: Integer = 2, s: Several | None = None,
        axes: Several | None = None, norm: Norm = None,
        *, s_x: Several | None = None, orthogonalize: bool | None = None,
    ) -> Array:  # fmt: skip
        bar = as_numbers(name, "y_bar", y_bar, kind)
        places, asked = as_axes_vjp(name, bar.ndim, s, s_x, axes, kind)
        names = "s", "s_x"
        lengths, lengths_x = as_lengths_vjp(name, names, bar.shape, places, asked, kind)
        number, inorm, ortho = as_real_kind(name, kind, forward, type, norm, orthogonalize)
        check_points(name, "s", kind, number, lengths)
        return resized(r2r_vjp(kind, bar, number, places, inorm, ortho), places, lengths_x)

    return named(name, document_vjp(row), function)


dct, dct_vjp = _along_axis("dct"), _along_axis_vjp("dct_vjp")
idct, idct_vjp = _along_axis("idct"), _along_axis_vjp("idct_vjp")
dst, dst_vjp = _along_axis("dst"), _along_axis_vjp("dst_vjp")
idst, idst_vjp = _along_axis("idst"), _along_axis_vjp("idst_vjp")
dctn, dctn_vjp = _over_axes("dctn"), _over_axes_vjp("dctn_vjp")
idctn, idctn_vjp = _over_axes("idctn"), _over_axes_vjp("idctn_vjp")
dstn, dstn_vjp = _over_axes("dstn"), _over_axes_vjp("dstn_vjp")
idstn, idstn_vjp = _over_axes("idstn"), _over_axes_vjp("idstn_vjp")
