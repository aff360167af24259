"""The equations that are solved: their nonlinear terms on kept modes, and the transposes of these."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tapeless._pde import transforms as ft
from tapeless._pde.modes import Box, Complexes, Floats
from tapeless_kernels.spectral import burgers, vorticity
from tapeless_kernels.spectral.pde import family


class Equation(Protocol):
    """What a solver asks of an equation u' = nu lap u + N(u) + f on a box, for chunks of samples."""

    box: Box

    def evaluate(self, stage: int, z: Complexes, out: Complexes) -> None:
        """Write N(z) + f; with `keeping` it keeps under the stage's number what its transpose needs."""

    def evaluate_vjp(self, stage: int, n_bar: Complexes, z_bar: Complexes) -> None:
        """Write the cotangent of a stage from that of its slope."""


class Burgers:
    """N(u) = -(u^2 / 2)_x, with room for one chunk of samples.

    Parameters
    ----------
    box : Box
        Of one axis.
    forcing : array, shape (batch, *modes)
        Added to N.
    keeping : bool
        Whether there will be transposes.
    """

    def __init__(self, box: Box, forcing: Complexes, keeping: bool) -> None:
        self.box, batch, real = box, len(forcing), box.dtype
        self._half = np.zeros((batch, box.width), box.complex)
        self._flat = self._half.view(real)
        self._fields = np.empty((batch, *box.shape), real)
        self._kept = [np.empty_like(self._fields) for _ in range(4 * keeping)]
        self._forcing, self._k = forcing.view(real), box.k[0].astype(real)
        kernels = (burgers.pad, burgers.square, burgers.flux, burgers.flux_vjp, burgers.times)
        self._pad, self._square, self._flux, self._flux_vjp, self._times = map(
            family(real), kernels
        )

    def evaluate(self, stage: int, z: Complexes, out: Complexes) -> None:
        """Write N(z) + f."""
        real = self.box.dtype
        self._pad(self._flat, z.view(real))
        ft.to_real(self._fields, self._half)
        if self._kept:
            self._kept[stage][...] = self._fields
        self._square(self._fields.reshape(-1))
        ft.to_half(self._half, self._fields)
        self._flux(out.view(real), self._flat, self._forcing, self._k)

    def evaluate_vjp(self, stage: int, n_bar: Complexes, z_bar: Complexes) -> None:
        """Write u_bar = u (n_bar)_x, in the grid's points."""
        self._flux_vjp(self._flat, n_bar.view(self.box.dtype), self._k)
        ft.to_real(self._fields, self._half)
        self._times(self._fields.reshape(-1), self._kept[stage].reshape(-1))
        ft.to_half(self._half, self._fields)
        z_bar[...] = self._half[:, : self.box.modes[0]]


class NavierStokes:
    r"""N(w) = -u . grad w = (d_yy - d_xx)(u v) - d_xy (v^2 - u^2), with room for one chunk of samples.

    Two products of two velocities take four transforms, where the products of two velocities by two slopes of w take
    five, and the same modes come out. Along the first axis columns that are not kept are left out.

    Parameters
    ----------
    box : Box
        Of two axes.
    forcing : array, shape (batch, *modes)
        Added to N.
    keeping : bool
        Whether there will be transposes.
    """

    def __init__(self, box: Box, forcing: Complexes, keeping: bool) -> None:
        self.box, real, pairs = box, box.dtype, (len(forcing), 2)
        self._padded = np.zeros((*pairs, box.shape[0], box.width), box.complex)
        self._made = np.empty_like(self._padded)
        self._fields = np.empty((*pairs, *box.shape), real)
        self._kept = [np.empty_like(self._fields) for _ in range(4 * keeping)]
        self._forcing = forcing.view(real)
        kx, ky = (k.astype(real) for k in box.k)
        self._k, inverse = (kx, ky), np.divide(1, box.k2, where=box.k2 > 0, out=0 * box.k2)
        self._inverse = inverse.astype(real)
        self._kernel = family(real)

    def evaluate(self, stage: int, z: Complexes, out: Complexes) -> None:
        """Write N(z) + f."""
        real, kernel = self.box.dtype, self._kernel
        kernel(vorticity.velocities)(self._padded.view(real), z.view(real), *self._k, self._inverse)
        self._to_fields()
        if self._kept:
            self._kept[stage][...] = self._fields
        kernel(vorticity.products)(flat(self._fields))
        self._to_modes()
        kernel(vorticity.transport)(out.view(real), self._made.view(real), self._forcing, *self._k)

    def evaluate_vjp(self, stage: int, n_bar: Complexes, z_bar: Complexes) -> None:
        """Write the cotangent of a vorticity from that of N."""
        real, kernel = self.box.dtype, self._kernel
        kernel(vorticity.transport_vjp)(self._padded.view(real), n_bar.view(real), *self._k)
        self._to_fields()
        kernel(vorticity.products_vjp)(flat(self._fields), flat(self._kept[stage]))
        self._to_modes()
        made = self._made.view(real)
        kernel(vorticity.velocities_vjp)(z_bar.view(real), made, *self._k, self._inverse)

    def _to_fields(self) -> None:
        """Write the fields of the padded half spectra, over whose kept columns it works."""
        ft.to_sums(self._padded[..., : self.box.modes[1]], 2)
        ft.to_real(self._fields, self._padded)

    def _to_modes(self) -> None:
        """Write the half spectra of `_fields`, right in the kept columns."""
        ft.to_half(self._made, self._fields)
        ft.to_spectra(self._made[..., : self.box.modes[1]], 2)


def flat(fields: Floats) -> NDArray[Any]:
    """Return pairs of fields with their points in one axis."""
    return fields.reshape(*fields.shape[:2], -1)
