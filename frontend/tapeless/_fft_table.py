"""The transforms there are: what makes the public functions, their documentation and their tests."""

from typing import NamedTuple


class Transform(NamedTuple):
    """A transform of `tapeless.fft`.

    Attributes
    ----------
    name : str
        That of the function; its transpose has ``_vjp`` appended.
    kind : "c2c", "r2c", "c2r", "dct" or "dst"
        From complex numbers to complex ones, from real ones to half a Hermitian spectrum, back; or a cosine or sine
        transform.
    forward : bool
        Whether the exponent has a minus, and ``norm="backward"`` scales nothing.
    over : "axis", "plane" or "axes"
        Whether it takes `n` and `axis`, or `s` and `axes`, the last two or all by default.
    summary : str
        What it does, in a line.
    """

    name: str
    kind: str
    forward: bool
    over: str
    summary: str


FOURIER = (
    Transform("fft", "c2c", True, "axis", "the spectrum of complex or real signals"),
    Transform("ifft", "c2c", False, "axis", "the signals of complex spectra"),
    Transform("rfft", "r2c", True, "axis", "half the spectrum of real signals"),
    Transform("irfft", "c2r", False, "axis", "the real signals of half spectra"),
    Transform("hfft", "c2r", True, "axis", "the real spectrum of half Hermitian signals"),
    Transform("ihfft", "r2c", False, "axis", "half the Hermitian signals of real spectra"),
    Transform("fft2", "c2c", True, "plane", "the spectrum over two axes"),
    Transform("ifft2", "c2c", False, "plane", "the signals of spectra over two axes"),
    Transform("rfft2", "r2c", True, "plane", "half the spectrum of real signals over two axes"),
    Transform("irfft2", "c2r", False, "plane", "the real signals of half spectra over two axes"),
    Transform("fftn", "c2c", True, "axes", "the spectrum over several axes"),
    Transform("ifftn", "c2c", False, "axes", "the signals of spectra over several axes"),
    Transform("rfftn", "r2c", True, "axes", "half the spectrum of real signals over several axes"),
    Transform("irfftn", "c2r", False, "axes", "the real signals of half spectra over several axes"),
)  # fmt: skip

REAL = (
    Transform("dct", "dct", True, "axis", "the cosine transform of type 1 to 4"),
    Transform("idct", "dct", False, "axis", "the inverse of the cosine transform"),
    Transform("dst", "dst", True, "axis", "the sine transform of type 1 to 4"),
    Transform("idst", "dst", False, "axis", "the inverse of the sine transform"),
    Transform("dctn", "dct", True, "axes", "the cosine transform over several axes"),
    Transform("idctn", "dct", False, "axes", "the inverse of the cosine transform over several axes"),
    Transform("dstn", "dst", True, "axes", "the sine transform over several axes"),
    Transform("idstn", "dst", False, "axes", "the inverse of the sine transform over several axes"),
)  # fmt: skip

# Apart: they take the number of modes, or the points of the field, in place of `n` or `s`.
TRUNCATED = (
    Transform("truncated_fft", "c2c", True, "axis", "the lowest modes of complex signals"),
    Transform("truncated_ifft", "c2c", False, "axis", "the complex signals of their lowest modes"),
    Transform("truncated_rfft", "r2c", True, "axis", "the lowest modes of real signals"),
    Transform("truncated_irfft", "c2r", False, "axis", "the real signals of their lowest modes"),
    Transform("truncated_fftn", "c2c", True, "axes", "the lowest modes of complex fields"),
    Transform("truncated_ifftn", "c2c", False, "axes", "the complex fields of their lowest modes"),
    Transform("truncated_rfftn", "r2c", True, "axes", "the lowest modes of real fields"),
    Transform("truncated_irfftn", "c2r", False, "axes", "the real fields of their lowest modes"),
)  # fmt: skip

TRANSFORMS = (*FOURIER, *REAL)
ROWS = {row.name: row for row in (*TRANSFORMS, *TRUNCATED)}
