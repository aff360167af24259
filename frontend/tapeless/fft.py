"""Discrete Fourier, cosine and sine transforms by the fastest library installed, each with its exact transpose.

Names, arguments and results are those of `numpy.fft`, and of `scipy.fft` for cosines and sines; ``rfft_vjp`` and its
like take the cotangent of an output to that of the input. `TRANSFORMS` is the table they are made from, and `TRUNCATED`
that of the transforms to the lowest modes alone.
"""

from tapeless._dct import (
    dct,
    dct_vjp,
    dctn,
    dctn_vjp,
    dst,
    dst_vjp,
    dstn,
    dstn_vjp,
    idct,
    idct_vjp,
    idctn,
    idctn_vjp,
    idst,
    idst_vjp,
    idstn,
    idstn_vjp,
)
from tapeless._fft_arguments import (
    Norm,
    as_axes,
    as_axes_vjp,
    as_axis,
    as_inorm,
    as_lengths,
    as_lengths_vjp,
    as_numbers,
)
from tapeless._fft_core import Array, transform_vjp
from tapeless._fft_docs import document, document_vjp, named
from tapeless._fft_engine import engine, engines, set_engine
from tapeless._fft_frequencies import (
    fftfreq,
    fftshift,
    fftshift_vjp,
    ifftshift,
    ifftshift_vjp,
    rfftfreq,
)
from tapeless._fft_run import run
from tapeless._fft_table import ROWS, TRANSFORMS, TRUNCATED, Transform
from tapeless._fft_types import (
    AlongAxis,
    AlongAxisVjp,
    OverAxes,
    OverAxesVjp,
    Several,
)
from tapeless._truncated import (
    truncated_fft,
    truncated_fft_vjp,
    truncated_fftn,
    truncated_fftn_vjp,
    truncated_ifft,
    truncated_ifft_vjp,
    truncated_ifftn,
    truncated_ifftn_vjp,
    truncated_irfft,
    truncated_irfft_vjp,
    truncated_irfftn,
    truncated_irfftn_vjp,
    truncated_rfft,
    truncated_rfft_vjp,
    truncated_rfftn,
    truncated_rfftn_vjp,
)
from tapeless._types import ArrayInput, Integer

__all__ = [
    "TRANSFORMS", "TRUNCATED", "Transform", "dct", "dct_vjp", "dctn", "dctn_vjp", "dst", "dst_vjp",
    "dstn", "dstn_vjp", "engine", "engines", "fft", "fft2", "fft2_vjp", "fft_vjp", "fftfreq",
    "fftn", "fftn_vjp", "fftshift", "fftshift_vjp", "hfft", "hfft_vjp", "idct", "idct_vjp", "idctn",
    "idctn_vjp", "idst", "idst_vjp", "idstn", "idstn_vjp", "ifft", "ifft2", "ifft2_vjp", "ifft_vjp",
    "ifftn", "ifftn_vjp", "ifftshift", "ifftshift_vjp", "ihfft", "ihfft_vjp", "irfft", "irfft2",
    "irfft2_vjp", "irfft_vjp", "irfftn", "irfftn_vjp", "rfft", "rfft2", "rfft2_vjp", "rfft_vjp",
    "rfftfreq", "rfftn", "rfftn_vjp", "set_engine", "truncated_fft", "truncated_fft_vjp",
    "truncated_fftn", "truncated_fftn_vjp", "truncated_ifft", "truncated_ifft_vjp",
    "truncated_ifftn", "truncated_ifftn_vjp", "truncated_irfft", "truncated_irfft_vjp",
    "truncated_irfftn", "truncated_irfftn_vjp", "truncated_rfft", "truncated_rfft_vjp",
    "truncated_rfftn", "truncated_rfftn_vjp",
]  # fmt: skip

# What a cotangent has to be for each kind, as an input of which kind.
COTANGENTS = {"c2c": "c2c", "r2c": "c2r", "c2r": "r2c"}
DEFAULT_AXES = {"plane": (-2, -1), "axes": None}


def _along_axis(name: str) -> AlongAxis:
    """Make a Fourier transform along one axis."""
    row = ROWS[name]
    kind, forward = row.kind, row.forward

    def function(
        a: ArrayInput, n: Integer | None = None, axis: Integer = -1, norm: Norm = None,
        out: Array | None = None,
    ) -> Array:  # fmt: skip
        x = as_numbers(name, "a", a, kind)
        axes = (as_axis(name, "axis", axis, x.ndim),)
        lengths = as_lengths(name, "n", x.shape, axes, None if n is None else (n,), kind)
        return run(name, kind, x, axes, lengths, forward, as_inorm(name, norm, forward), out)

    return named(name, document(row), function)


def _along_axis_vjp(name: str) -> AlongAxisVjp:
    """Make the transpose of a Fourier transform along one axis."""
    row = ROWS[name.removesuffix("_vjp")]
    kind, forward = row.kind, row.forward

    def function(
        y_bar: ArrayInput, n: Integer | None = None, axis: Integer = -1, norm: Norm = None,
        *, n_x: Integer | None = None,
    ) -> Array:  # fmt: skip
        bar = as_numbers(name, "y_bar", y_bar, COTANGENTS[kind])
        axes = (as_axis(name, "axis", axis, bar.ndim),)
        lengths = as_lengths_vjp(name, ("n", "n_x"), bar.shape, axes, ((n,), (n_x,)), kind)
        inorm = as_inorm(name, norm, forward)
        return transform_vjp(kind, bar, axes, *lengths, forward, inorm)

    return named(name, document_vjp(row), function)


def _over_axes(name: str) -> OverAxes:
    """Make a Fourier transform over several axes."""
    row = ROWS[name]
    kind, forward = row.kind, row.forward

    def function(
        a: ArrayInput, s: Several | None = None, axes: Several | None = DEFAULT_AXES[row.over],
        norm: Norm = None, out: Array | None = None,
    ) -> Array:  # fmt: skip
        x = as_numbers(name, "a", a, kind)
        places, asked = as_axes(name, "s", x.ndim, s, axes, kind)
        lengths = as_lengths(name, "s", x.shape, places, asked, kind)
        return run(name, kind, x, places, lengths, forward, as_inorm(name, norm, forward), out)

    return named(name, document(row), function)


def _over_axes_vjp(name: str) -> OverAxesVjp:
    """Make the transpose of a Fourier transform over several axes."""
    row = ROWS[name.removesuffix("_vjp")]
    kind, forward = row.kind, row.forward

    def function(
        y_bar: ArrayInput, s: Several | None = None,
        axes: Several | None = DEFAULT_AXES[row.over], norm: Norm = None,
        *, s_x: Several | None = None,
    ) -> Array:  # fmt: skip
        bar = as_numbers(name, "y_bar", y_bar, COTANGENTS[kind])
        places, asked = as_axes_vjp(name, bar.ndim, s, s_x, axes, kind)
        lengths = as_lengths_vjp(name, ("s", "s_x"), bar.shape, places, asked, kind)
        inorm = as_inorm(name, norm, forward)
        return transform_vjp(kind, bar, places, *lengths, forward, inorm)

    return named(name, document_vjp(row), function)


fft, fft_vjp = _along_axis("fft"), _along_axis_vjp("fft_vjp")
ifft, ifft_vjp = _along_axis("ifft"), _along_axis_vjp("ifft_vjp")
rfft, rfft_vjp = _along_axis("rfft"), _along_axis_vjp("rfft_vjp")
irfft, irfft_vjp = _along_axis("irfft"), _along_axis_vjp("irfft_vjp")
hfft, hfft_vjp = _along_axis("hfft"), _along_axis_vjp("hfft_vjp")
ihfft, ihfft_vjp = _along_axis("ihfft"), _along_axis_vjp("ihfft_vjp")
fft2, fft2_vjp = _over_axes("fft2"), _over_axes_vjp("fft2_vjp")
ifft2, ifft2_vjp = _over_axes("ifft2"), _over_axes_vjp("ifft2_vjp")
rfft2, rfft2_vjp = _over_axes("rfft2"), _over_axes_vjp("rfft2_vjp")
irfft2, irfft2_vjp = _over_axes("irfft2"), _over_axes_vjp("irfft2_vjp")
fftn, fftn_vjp = _over_axes("fftn"), _over_axes_vjp("fftn_vjp")
ifftn, ifftn_vjp = _over_axes("ifftn"), _over_axes_vjp("ifftn_vjp")
rfftn, rfftn_vjp = _over_axes("rfftn"), _over_axes_vjp("rfftn_vjp")
irfftn, irfftn_vjp = _over_axes("irfftn"), _over_axes_vjp("irfftn_vjp")
