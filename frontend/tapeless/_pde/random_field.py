"""Gaussian random fields on periodic boxes, drawn mode by mode from a key."""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._interchange import takes_arrays
from tapeless._types import RNG, Integer
from tapeless_kernels.spectral.gaussian_field import draw_modes
from tapeless_kernels.spectral.pde import normal_family

Floats = NDArray[np.floating]
CALLER = "gaussian_random_field"
APART = 0x47524630  # added to half of a key: a field shares no words with a BrownianPath of the same key
MOST_AXES = 3  # a counter has four words, and one is the sample's
LAST_SAMPLE = 2**32


@takes_arrays
def gaussian_random_field(
    shape: Integer | tuple[Integer, ...], key: int | None = None, *, alpha: float, tau: float, sigma: float = 1.0,
    length: Any = 1.0, batch: Integer | None = None, zero_mean: bool = True, dtype: DTypeLike = np.float64,
    first_sample: Integer = 0, rng: RNG = None,
) -> Floats:  # fmt: skip
    r"""Draw periodic fields from :math:`N(0, \sigma^2 (-\Delta + \tau^2)^{-\alpha})`.

    Each mode is a function of key, sample and wave numbers alone. So a field is the same in any batch, and at a finer
    resolution the same modes come back, and more beside them.

    Parameters
    ----------
    shape : int or tuple of int
        Points along each of one, two or three axes. Modes up to (n - 1) // 2 along each are in the field.
    key : int or None
        From 0 to 2**64 - 1. None: one is drawn from `rng`.
    alpha : float
        The decay of the spectrum, positive; finite variance at a point needs ``alpha > len(shape) / 2`` as points
        become many.
    tau : float
        The inverse of a length, below which fields are smooth, at least 0.
    sigma : float
        The scale, positive.
    length : float or tuple of float
        Of the sides.
    batch : int, optional
        How many samples; by default one, without the batch axis.
    zero_mean : bool
        Whether the constant mode is left out.
    dtype : float32 or float64
        Of the result. Both types give one field, but for rounding.
    first_sample : int
        The number of the first sample.
    rng : numpy.random.Generator or int, optional
        What draws the key if it is None.

    Returns
    -------
    ndarray, shape `shape` or (batch, *shape)
        The fields.

    Raises
    ------
    TypeError, ValueError
        For an argument that is not as above.

    Notes
    -----
    In the orthonormal basis of the box, of volume V, the amplitude of wave vector k has the variance
    :math:`\sigma^2 (|k|^2 + \tau^2)^{-\alpha}`; so the variance at a point is the sum of these over all k,
    divided by V. Normal numbers are those of Philox4x32-10, with the wave numbers and the sample as its counter.

    References
    ----------
    .. [1] Li, Kovachki, Azizzadenesheli, Liu, Bhattacharya, Stuart and Anandkumar, Fourier neural operator for
       parametric partial differential equations, arXiv 2010.08895 (2020), sections 5.1 and 5.3.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import pde
    >>> u0 = pde.gaussian_random_field(1024, 7, alpha=2, tau=5, sigma=25, batch=3)
    >>> u0.shape
    (3, 1024)
    >>> again = pde.gaussian_random_field(1024, 7, alpha=2, tau=5, sigma=25, first_sample=2)
    >>> bool((again == u0[2]).all())
    True
    """
    points = _shape(shape)
    sides = _sides(length, len(points))
    samples, whole = 1 if batch is None else _batch(batch), check.float_dtype(CALLER, dtype)
    decay, inverse = _number("alpha", alpha, False), _number("tau", tau, True)
    scale = _number("sigma", sigma, False)
    if inverse == 0 and not zero_mean:
        raise complain(ValueError, CALLER, "tau", "positive, for there to be a mean", "0")
    first = _first(first_sample, samples)
    words = _key(key, rng)
    k = _independent(points)
    square = (((2 * np.pi / np.array(sides)) * k) ** 2).sum(axis=1) + inverse**2
    constant = ~k.any(axis=1)
    square[constant] = inverse**2 if not zero_mean else np.inf
    deviation = scale * square ** (-0.5 * decay) / math.sqrt(2 * math.prod(sides))
    z = np.empty((samples, len(k), 2))
    numbers = np.arange(first, first + samples, dtype=np.uint32)
    modes = np.zeros((len(k), MOST_AXES), np.int64)
    modes[:, : k.shape[1]] = k
    normal_family()(draw_modes)(z, numbers, (modes & 0xFFFFFFFF).astype(np.uint32), words)
    coefficients = (z * deviation[:, None]).view(np.complex128)[..., 0]
    coefficients[:, constant] = math.sqrt(2) * coefficients[:, constant].real
    field = _sum(coefficients, k, points).astype(whole, copy=False)
    return field[0] if batch is None else field


@takes_arrays
def navier_stokes_forcing(
    shape: tuple[Integer, Integer], *, dtype: DTypeLike = np.float64
) -> Floats:
    r"""Return :math:`0.1 (\sin 2 \pi (x + y) + \cos 2 \pi (x + y))` on the unit torus.

    Parameters
    ----------
    shape : (int, int)
        Points along x and y.
    dtype : float32 or float64
        Of the result.

    Returns
    -------
    ndarray, shape `shape`
        The forcing of the vorticity in [1]_.

    Raises
    ------
    ValueError
        If `shape` is no pair of positive integers, or `dtype` another.

    References
    ----------
    .. [1] Li, Kovachki, Azizzadenesheli, Liu, Bhattacharya, Stuart and Anandkumar, Fourier neural operator for
       parametric partial differential equations, arXiv 2010.08895 (2020), section 5.3.

    Examples
    --------
    >>> from tapeless import pde
    >>> pde.navier_stokes_forcing((2, 4)).round(3)
    array([[ 0.1,  0.1, -0.1, -0.1],
           [-0.1, -0.1,  0.1,  0.1]])
    """
    caller = "navier_stokes_forcing"
    whole = check.float_dtype(caller, dtype)
    if not isinstance(shape, tuple) or len(shape) != 2:
        raise complain(ValueError, caller, "shape", "a pair of positive integers", describe(shape))
    n, m = (check.positive_int(caller, "shape", size) for size in shape)
    phase = 2 * np.pi * (np.arange(n)[:, None] / n + np.arange(m) / m)
    return (0.1 * (np.sin(phase) + np.cos(phase))).astype(whole, copy=False)


def _independent(points: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the wave numbers (modes, axes) of half of the modes: of k and -k that whose last number but 0s is more."""
    last = [(n - 1) // 2 for n in points]
    axes = [np.arange(-most, most + 1) for most in last[:-1]] + [np.arange(last[-1] + 1)]
    k = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(points))
    sign = np.zeros(len(k), np.int64)
    for axis in reversed(range(len(points))):
        sign = np.where(sign == 0, np.sign(k[:, axis]), sign)
    chosen: NDArray[np.int64] = k[sign >= 0]
    return chosen


def _sum(
    coefficients: NDArray[np.complexfloating], k: NDArray[np.int64], points: tuple[int, ...]
) -> Floats:
    """Return the real fields of the chosen half of their modes."""
    from scipy import fft

    half = np.zeros((len(coefficients), *points[:-1], points[-1] // 2 + 1), np.complex128)
    half[:, *k.T] = coefficients
    if len(points) > 1:  # in column 0 both of a pair are asked for
        within = k[:, -1] == 0
        half[:, *-k[within].T] = coefficients[:, within].conj()
    field: Floats = fft.irfftn(half, points, norm="forward")
    return field


def _shape(shape: Any) -> tuple[int, ...]:
    sizes = shape if isinstance(shape, (tuple, list)) else (shape,)
    if not 1 <= len(sizes) <= MOST_AXES:
        wanted = f"an integer or from 1 to {MOST_AXES} of them"
        raise complain(ValueError, CALLER, "shape", wanted, describe(shape))
    return tuple(check.positive_int(CALLER, "shape", n) for n in sizes)


def _sides(length: Any, n_axes: int) -> tuple[float, ...]:
    found = check.as_real(CALLER, "length", length)
    if found.shape not in ((), (n_axes,)) or not ((found > 0) & (found < np.inf)).all():
        wanted = f"a positive number, or {n_axes} of them"
        raise complain(ValueError, CALLER, "length", wanted, describe(length))
    return tuple(float(x) for x in np.broadcast_to(found, (n_axes,)))


def _number(name: str, x: Any, zero: bool) -> float:
    found = check.as_real(CALLER, name, x)
    if found.ndim or not (0 <= found if zero else 0 < found) or not found < np.inf:
        wanted = "a finite number of at least 0" if zero else "a positive finite number"
        raise complain(ValueError, CALLER, name, wanted, describe(x))
    return float(found)


def _batch(batch: Any) -> int:
    if isinstance(batch, (int, np.integer)) and not isinstance(batch, bool) and batch == 0:
        return 0
    return check.positive_int(CALLER, "batch", batch)


def _first(number: Any, samples: int) -> int:
    whole = isinstance(number, (int, np.integer)) and not isinstance(number, (bool, np.bool_))
    if not whole or not 0 <= number <= LAST_SAMPLE - samples:
        wanted = f"an integer from 0 to {LAST_SAMPLE - samples}"
        raise complain(ValueError, CALLER, "first_sample", wanted, describe(number))
    return int(number)


def _key(key: Any, rng: Any) -> NDArray[np.uint64]:
    """Return the two words of a key."""
    if key is None:
        key = int(check.generator(CALLER, rng).integers(0, 2**64, dtype=np.uint64))
    elif rng is not None:
        wanted = "left out where there is a key"
        raise complain(ValueError, CALLER, "rng", wanted, describe(rng))
    whole = isinstance(key, (int, np.integer)) and not isinstance(key, (bool, np.bool_))
    if not whole or not 0 <= int(key) < 2**64:
        wanted = "an integer from 0 to 2**64 - 1, or None with `rng`"
        raise complain(ValueError, CALLER, "key", wanted, describe(key))
    return np.array([int(key) & 0xFFFFFFFF, ((int(key) >> 32) + APART) & 0xFFFFFFFF], np.uint64)
