"""Series along one axis or several: from coefficients to values on a grid that holds a product, and back.

Each map has its transpose right below. Those of half spectra count each coefficient once, with its real and its
imaginary part.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tapeless._complain import complain, describe
from tapeless._spectral_ops import chebyshev, legendre
from tapeless._spectral_ops import engine as fft
from tapeless._spectral_ops.arguments import Field, Floats, as_axes, as_lengths, whole
from tapeless._spectral_ops.bases import POLYNOMIALS
from tapeless._spectral_ops.resampling import resized
from tapeless._spectral_ops.series import BASES
from tapeless._spectral_ops.transforms import multiplicity, shaped, times


class Expansion(NamedTuple):
    """A series along one axis."""

    axis: int
    basis: str
    n: int  # points of the grid that it came from, as many as polynomials or modes
    half: bool  # whether only half the modes are there
    length: float

    @property
    def product(self) -> int:
        """The points of a grid that has the modes of a product of two such series, but for no Nyquist mode."""
        return 4 * (self.n // 2) + 1 if self.basis == "fourier" else 2 * self.n - 1

    @property
    def points(self) -> int:
        """The points of a grid on which a product is computed."""
        return (
            fft.next_fast_len(self.product, real=self.half)
            if self.basis == "fourier"
            else self.product
        )

    def norms(self) -> Floats:
        """Return the integral of the square of each function of the basis, as often as its coefficient occurs."""
        if self.basis == "fourier":
            return self.length * multiplicity(self.n, self.half)
        return POLYNOMIALS[self.basis].norms(np.arange(self.n, dtype=float))

    def values(self, c: Field) -> Field:
        """Return values of the series on the grid of a product."""
        if self.basis == "fourier":
            c = resized(c, self.n, self.points, self.axis, self.half, 0.5)
            if self.half:
                return fft.irfft(c, self.points, axis=self.axis, norm="forward")
            return fft.ifft(c, axis=self.axis, norm="forward")
        c = stretched(c, self.product, self.axis)
        if self.basis == "chebyshev":
            return chebyshev.chebyshev_inverse(c, self.axis, "gauss")
        return legendre.legendre_inverse(c, self.axis)

    def values_vjp(self, bar: Field) -> Field:
        """Return the cotangent of the coefficients."""
        if self.basis == "fourier":
            spectrum = fft.rfft if self.half else fft.fft
            c = resized(
                spectrum(bar, axis=self.axis), self.points, self.n, self.axis, self.half, 0.5
            )
            return times(c, shaped(multiplicity(self.n, self.half), self.axis, c.ndim))
        if self.basis == "chebyshev":
            c = chebyshev.chebyshev_inverse_vjp(bar, self.axis, "gauss")
        else:
            c = legendre.legendre_inverse_vjp(bar, self.axis)
        return stretched(c, self.n, self.axis)

    def coefficients(self, u: Field) -> Field:
        """Return the coefficients of a product from its values."""
        if self.basis == "fourier":
            spectrum = fft.rfft if self.half else fft.fft
            c = spectrum(u, axis=self.axis, norm="forward")
            return resized(c, self.points, self.product, self.axis, self.half, 1.0)
        if self.basis == "chebyshev":
            return chebyshev.chebyshev_transform(u, self.axis, "gauss")
        return legendre.legendre_transform(u, self.axis)

    def coefficients_vjp(self, bar: Field) -> Field:
        """Return the cotangent of the values."""
        if self.basis == "fourier":
            once = 1 / multiplicity(self.product, self.half)
            bar = times(bar, shaped(once, self.axis, bar.ndim))
            bar = resized(bar, self.product, self.points, self.axis, self.half, 1.0)
            if self.half:
                return fft.irfft(bar, self.points, axis=self.axis)
            return fft.ifft(bar, axis=self.axis)
        if self.basis == "chebyshev":
            return chebyshev.chebyshev_transform_vjp(bar, self.axis, "gauss")
        return legendre.legendre_transform_vjp(bar, self.axis)


def stretched(c: Field, n: int, axis: int) -> Field:
    """Return the first n coefficients, with zeros where there are fewer."""
    c = np.moveaxis(c, axis, -1)
    found = np.zeros((*c.shape[:-1], n), c.dtype)
    least = min(n, c.shape[-1])
    found[..., :least] = c[..., :least]
    return np.moveaxis(found, -1, axis)


def _expansions(
    caller: str,
    name: str,
    c: Field,
    bases: Any,
    axes: tuple[int, ...],
    lengths: Sequence[float],
    n: Any,
) -> list[Expansion]:
    """Return a series for each axis, of which the last Fourier one may have half the modes."""
    one_for_all = isinstance(bases, str) or not hasattr(bases, "__len__")
    bases = [bases] * len(axes) if one_for_all else list(bases)
    if len(bases) != len(axes) or not all(isinstance(b, str) and b in BASES for b in bases):
        wanted = f"one of {', '.join(map(repr, BASES))}, or one for each of {len(axes)} axes"
        raise complain(ValueError, caller, "bases", wanted, describe(bases))
    periodic = [i for i, basis in enumerate(bases) if basis == "fourier"]
    if periodic and c.dtype.kind != "c":
        raise complain(TypeError, caller, name, "complex for a Fourier series", describe(c))
    half = None
    if n is not None:
        if not periodic:
            raise complain(ValueError, caller, "n", "None without a Fourier basis", describe(n))
        n, half = whole(caller, "n", n, 1), periodic[-1]
        size = c.shape[axes[half]]
        if n // 2 + 1 != size:
            wanted = f"the points of a half spectrum of {size}, {2 * size - 2} or {2 * size - 1}"
            raise complain(ValueError, caller, "n", wanted, describe(n))
    return [
        Expansion(axis, basis, n if i == half else c.shape[axis], i == half, length)
        for i, (axis, basis, length) in enumerate(zip(axes, bases, lengths, strict=True))
    ]


def prepare(
    caller: str, name: str, c: Field, bases: Any, axes: Any, length: Any, n: Any
) -> tuple[tuple[int, ...], list[Expansion]]:
    """Return the axes, and a series for each of them."""
    axes = as_axes(caller, axes, c, name)
    return axes, _expansions(caller, name, c, bases, axes, as_lengths(caller, length, len(axes)), n)


def synthesis(c: Field, parts: Sequence[Expansion]) -> Field:
    """Return values of a series; its half spectrum is the last Fourier one, for it makes them real."""
    for part in parts:
        c = part.values(c)
    return c


def synthesis_vjp(bar: Field, parts: Sequence[Expansion]) -> Field:
    """Return the cotangent of the coefficients."""
    for part in reversed(parts):
        bar = part.values_vjp(bar)
    return bar


def analysis(u: Field, parts: Sequence[Expansion]) -> Field:
    """Return the coefficients of a product from its values."""
    for part in reversed(parts):
        u = part.coefficients(u)
    return u


def analysis_vjp(bar: Field, parts: Sequence[Expansion]) -> Field:
    """Return the cotangent of the values."""
    for part in parts:
        bar = part.coefficients_vjp(bar)
    return bar
