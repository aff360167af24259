"""Real fields on a periodic box and the Fourier modes of them that are kept by the 2/3 rule."""

import numpy as np
from numpy.typing import NDArray

from tapeless._pde import transforms as ft

Complexes = NDArray[np.complexfloating]
Floats = NDArray[np.floating]


def last_kept(n: int) -> int:
    """Return the largest wave number K that is kept of n points: 3 K < n, so that a product aliases none of them."""
    return (n - 1) // 3


def wave_numbers(n: int, length: float) -> NDArray[np.float64]:
    """Return 2 pi k / length for k = 0 ... K, -K ... -1."""
    last = last_kept(n)
    k = np.concatenate([np.arange(last + 1), np.arange(-last, 0)])
    return 2 * np.pi / length * k


class Box:
    """A periodic box with `shape` points, of one axis or two: its kept modes, and maps to them and back.

    Modes have the shape (batch, K0 + 1), or (batch, 2 K0 + 1, K1 + 1) with the rows of negative wave numbers last.
    Their inner product is that of fields, the sum over points, so that each of the two maps below is the transpose of
    the other: modes that only their conjugates stand for count twice.
    """

    def __init__(self, shape: tuple[int, ...], lengths: tuple[float, ...], dtype: np.dtype) -> None:
        self.shape, self.dtype = shape, dtype
        self.complex = np.result_type(dtype, np.complex64)
        self.width = shape[-1] // 2 + 1
        last = last_kept(shape[-1]) + 1
        self.k = [wave_numbers(n, length) for n, length in zip(shape, lengths, strict=True)]
        self.k[-1] = self.k[-1][:last]
        self.modes = tuple(len(k) for k in self.k)
        self.k2: NDArray[np.float64] = self.k[-1] ** 2
        if len(shape) == 2:
            self.k2 = self.k[0][:, None] ** 2 + self.k2

    def analyse(self, fields: Floats) -> Complexes:
        """Return the kept modes of fields (batch, *shape)."""
        half = np.empty((*fields.shape[:-1], self.width), self.complex)
        ft.to_half(half, np.ascontiguousarray(fields, self.dtype))
        kept = half[..., : self.modes[-1]]
        if len(self.shape) == 2:
            ft.to_spectra(kept, 1)
            first = last_kept(self.shape[0]) + 1
            rows = np.r_[0:first, self.shape[0] - first + 1 : self.shape[0]]
            kept = kept[:, rows]
        return np.ascontiguousarray(kept)

    def synthesise(self, modes: Complexes) -> Floats:
        """Return the fields (batch, *shape) of kept modes."""
        half = np.zeros((len(modes), *self.shape[:-1], self.width), self.complex)
        kept = half[..., : self.modes[-1]]
        if len(self.shape) == 2:
            first = last_kept(self.shape[0]) + 1
            kept[:, :first] = modes[:, :first]
            kept[:, self.shape[0] - first + 1 :] = modes[:, first:]
            ft.to_sums(kept, 1)
        else:
            kept[...] = modes
        fields = np.empty((len(modes), *self.shape), self.dtype)
        ft.to_real(fields, half)
        return fields
