"""Values of periodic fields at any points, by sums over their modes; with the transpose below."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._interchange import takes_arrays
from tapeless._spectral_ops import engine as fft
from tapeless._spectral_ops.arguments import (
    Axes,
    Field,
    Floats,
    Lengths,
    as_axes,
    as_field,
    as_lengths,
    like,
)
from tapeless._spectral_ops.transforms import TWO_PI, multiplicities, spectrum, times, waves
from tapeless._types import ArrayInput

BLOCK = 1 << 20  # numbers held at a time


class _Grid(NamedTuple):
    """The axes of a field, moved to the end, and what there is along each."""

    axes: tuple[int, ...]
    sizes: tuple[int, ...]
    lengths: tuple[float, ...]
    half: bool  # whether the last axis of a spectrum has half the modes

    def modes(self, x: Floats, j: int, order: int = 0) -> Field:
        """Return the modes along the j-th axis at points x, or their first derivatives: shape (modes, points).

        The Nyquist mode of an even number of points is the cosine, as on finer grids.
        """
        n, half = self.sizes[j], self.half and j == len(self.sizes) - 1
        k = waves(n, half, self.lengths[j])[:, None]
        # In double precision whatever the field's, for the phase k x loses as many digits as k has.
        with np.errstate(invalid="ignore"):
            found = (1j * k) ** order * np.exp(1j * k * x)
        if not n % 2:
            found[n // 2] = found[n // 2].real
        return found


@takes_arrays
def evaluate(u: ArrayInput, x: ArrayInput, axes: Axes = None, length: Lengths = TWO_PI) -> Field:
    """Return values of a periodic field at any points: a sum over all modes for each.

    Parameters
    ----------
    u : array
        Values on a grid of the box, whose first point is 0; real or complex.
    x : array, shape (n_points, len(axes)) or, for one axis, (n_points,)
        The points, in the box or anywhere.
    axes : int, sequence of int or None
        The axes of the coordinates; all for None. The others are a batch.
    length : float or sequence of float
        The periods, one for all or one for each of `axes`.

    Returns
    -------
    ndarray, shape (..., n_points), dtype of `u`
        Values of the trigonometric interpolant; before the points the axes of `u` that are not among `axes`.

    Raises
    ------
    TypeError
        If `u` is of no such dtype, or `x` not real.
    ValueError
        If `x` has not one coordinate for each axis, there are no such axes, one is empty, or a length is not positive.

    Notes
    -----
    The cost is the number of points times that of modes. On equidistant points `interpolate` is faster.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import spectral
    >>> u = np.sin(2 * np.pi * np.arange(8) / 8)
    >>> np.round(spectral.evaluate(u, [0.1, 0.2], length=1.0), 4)
    array([0.5878, 0.9511])
    """
    u, x, grid = _prepare("evaluate", u, x, axes, length)
    c, d = _coefficients(u, grid), len(grid.sizes)
    found = np.empty((*c.shape[:-d], len(x)), u.dtype)
    for part in _blocks(x, c, d):
        modes = [grid.modes(x[part, j], j) for j in range(d)]
        found[..., part] = _sum(c, modes, u.dtype)
    return found


@takes_arrays
def evaluate_vjp(
    bar: ArrayInput, u: ArrayInput, x: ArrayInput, axes: Axes = None, length: Lengths = TWO_PI
) -> tuple[Field, Floats]:
    """Return the cotangents of the field and of the points from that of `evaluate`.

    Parameters
    ----------
    bar : array, shape (..., n_points)
        Cotangent of the values.
    u, x, axes, length : array, array, int or sequence, float or sequence
        As for `evaluate`.

    Returns
    -------
    u_bar : ndarray, shape and dtype of `u`
        Cotangent of the field.
    x_bar : ndarray, shape and dtype of `x`
        Cotangent of the points: what a path through the field wants.

    Raises
    ------
    TypeError, ValueError
        As of `evaluate`, and if `bar` is not of the shape of its values.
    """
    caller, shape_x = "evaluate_vjp", np.shape(check.as_array("evaluate_vjp", "x", x))
    given = check.as_state(caller, "x", x).dtype
    u, x, grid = _prepare(caller, u, x, axes, length)
    c, d = _coefficients(u, grid), len(grid.sizes)
    bar = like(caller, "bar", bar, (*c.shape[:-d], len(x)), u.dtype)
    c_bar, x_bar = np.zeros(c.shape, np.complex128), np.empty(x.shape)
    for part in _blocks(x, c, d):
        modes = [grid.modes(x[part, j], j) for j in range(d)]
        c_bar += _sum_vjp(bar[..., part], modes)
        for j in range(d):
            turned = [grid.modes(x[part, i], i, 1) if i == j else modes[i] for i in range(d)]
            slope = bar[..., part].conj() * _sum(c, turned, u.dtype)
            x_bar[part, j] = slope.real.sum(axis=tuple(range(slope.ndim - 1)))
    last = tuple(range(-d, 0))
    if grid.half:
        u_bar = fft.irfftn(c_bar, grid.sizes, axes=last)
    else:
        u_bar = fft.ifftn(c_bar, axes=last)
    u_bar = np.moveaxis(u_bar, last, grid.axes).astype(u.dtype)
    return u_bar, x_bar.reshape(shape_x).astype(given)


def _coefficients(u: Field, grid: _Grid) -> Field:
    """Return the spectrum of u, axes last, each entry as often as it occurs in the full one."""
    c = spectrum(u, grid.axes)
    c = times(c, multiplicities(u, grid.axes))
    return np.moveaxis(c, grid.axes, range(-len(grid.axes), 0))


def _sum(c: Field, modes: Sequence[Field], dtype: np.dtype[Any]) -> Field:
    """Return sum over modes of c times the product of all axes, its real part for a real dtype."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = c @ modes[-1]
        for mode in modes[-2::-1]:
            found = (found * mode).sum(axis=-2)
    return found if dtype.kind == "c" else found.real


def _sum_vjp(bar: Field, modes: Sequence[Field]) -> Field:
    """Return the cotangent of c, each entry counted once."""
    with np.errstate(over="ignore", invalid="ignore"):
        for mode in modes[:-1]:
            bar = bar[..., None, :] * mode.conj()
        return bar @ modes[-1].conj().T


def _blocks(x: Floats, c: Field, d: int) -> Iterator[slice]:
    """Yield slices of the points, so few that their modes and the sums over the last axis are small."""
    step = max(1, BLOCK // max(c.size // c.shape[-1], *c.shape[-d:]))
    return (slice(i, min(i + step, len(x))) for i in range(0, len(x), step))


def _prepare(caller: str, u: Any, x: Any, axes: Any, length: Any) -> tuple[Field, Floats, _Grid]:
    u, x = as_field(caller, "u", u), check.as_state(caller, "x", x)
    axes = as_axes(caller, axes, u)
    if x.ndim == 1 and len(axes) == 1:
        x = x[:, None]
    if x.ndim != 2 or x.shape[1] != len(axes):
        wanted = f"of shape (n_points, {len(axes)})" + " or (n_points,)" * (len(axes) == 1)
        raise complain(ValueError, caller, "x", wanted, describe(x))
    sizes = tuple(u.shape[axis] for axis in axes)
    grid = _Grid(axes, sizes, as_lengths(caller, length, len(axes)), u.dtype.kind == "f")
    return u, x.astype(np.float64), grid
