"""Brownian paths as functions of a key and of times: a stranger to the order and the company of queries."""

import math
import threading
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tapeless._check import as_real, float_dtype, generator, one_of, positive_int
from tapeless._complain import complain, describe
from tapeless._interchange import takes_arrays
from tapeless._types import RNG
from tapeless_kernels.launch import brownian
from tapeless_kernels.launch.threads import THREADS, n_cores

LevyArea = Literal["none", "space-time", "space-time-time"]
LEVY_AREAS = ("none", "space-time", "space-time-time")
DEEPEST = 48
LAST_SAMPLE = (
    2**32
)  # counters have room for four times as many, so that a batch may go on from the last
AT_ONCE = 256  # queries between looks at the interpreter: so long may a signal have to wait
FEW = 1 << 16  # numbers, fewer than which are not worth a second thread


class Increment(NamedTuple):
    """What a Brownian path does over an interval from s to t = s + h.

    Attributes
    ----------
    W : ndarray, shape (..., *shape)
        The increment :math:`W_t - W_s`, normal with variance h.
    H : ndarray, same shape
        The space-time Levy area, the mean of :math:`W_u - W_s - (u - s) W / h` over u: of variance h / 12.
    K : ndarray, same shape, or None
        The space-time-time Levy area, the mean of that times :math:`1/2 - (u - s) / h`: of variance h / 720. None
        unless it was asked for.
    """

    W: NDArray[np.floating]
    H: NDArray[np.floating]
    K: NDArray[np.floating] | None = None


class BrownianPath:
    r"""A Brownian motion on [t0, t1], each value of which is a pure function of key, sample, channel and time.

    So a query gives the same bits whatever was asked before it, for however many samples, on any thread and
    machine; nothing is remembered but, to save time, the way to the last query. The laws of increments and of their
    areas are exact for any finite set of times that lie at least ``resolution * (t1 - t0)`` apart.

    Parameters
    ----------
    key : int or None
        From 0 to 2**64 - 1. None: one is drawn from `rng`.
    t0, t1 : float
        Where it begins and ends, t0 < t1.
    shape : tuple of int
        That of a value: the first axis numbers samples, the others together channels. ``()`` is one of each.
    levy_area : "none", "space-time" or "space-time-time"
        What a query returns: W alone, W and H, or W, H and K. The last two are one path; without areas it is another.
    dtype : float32 or float64
        Of the values. Both types give one path, but for rounding.
    resolution : float
        The smallest distance of times, as a part of t1 - t0, at which the law is exact; it is rounded down to a power
        of two, from 2**-48 to 1/2. Nearer ones share a draw: increments add up, yet vary too little; areas over such an
        interval have their law, and do not join those beside it.
    first_sample : int
        The number of the first sample: paths with ``first_sample=0, shape=(4,)`` and ``first_sample=4, shape=(2,)``
        are those of ``shape=(6,)``.
    rng : numpy.random.Generator or int, optional
        What draws the key if it is None.

    Raises
    ------
    TypeError, ValueError
        For an argument that is not as above.

    Notes
    -----
    The interval is halved ``log2(1 / resolution)`` times. Each half-way point takes the normal numbers of its own
    counter, by Philox4x32-10 [1]_, and so does each query within a last interval, whose law given the values over it
    is exact too. Areas over (s, t) are put together from those of the pieces, so they keep their digits where t - s is
    small [2]_ [3]_. A path has state of at most 1 KiB for each sample and channel as long as `resolution` is not
    below the default.

    References
    ----------
    .. [1] Salmon, Moraes, Dror and Shaw, Parallel random numbers: as easy as 1, 2, 3, SC'11 (2011).
    .. [2] Foster, Lyons and Oberhauser, An optimal polynomial approximation of Brownian motion, SIAM J. Numer. Anal.
       58 (2020).
    .. [3] Jelincic, Tao, Turner, Cass, Foster and Ni, Single-seed generation of Brownian paths and integrals for
       adaptive and high order SDE solvers, arXiv 2405.06464 (2024).

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> path = tapeless.BrownianPath(7, 0.0, 1.0, (1000, 2))
    >>> path(0.25, 0.5).shape
    (1000, 2)
    >>> bool(np.allclose(path(0.1, 0.9), path(0.1, 0.3) + path(0.3, 0.9)))
    True
    >>> grid = np.linspace(0.0, 1.0, 101)
    >>> path(grid[:-1], grid[1:]).shape
    (100, 1000, 2)
    """

    @takes_arrays
    def __init__(
        self, key: int | None, t0: float, t1: float, shape: tuple[int, ...], levy_area: LevyArea = "none", *,
        dtype: DTypeLike = np.float64, resolution: float = 2.0**-18, first_sample: int = 0, rng: RNG = None,
    ) -> None:  # fmt: skip
        self.key = _key(key, rng)
        self.t0, self.t1 = _span(t0, t1)
        self.shape = _shape(shape)
        self.levy_area: LevyArea = one_of("BrownianPath", "levy_area", levy_area, LEVY_AREAS)
        self.dtype = float_dtype("BrownianPath", dtype)
        self.resolution = _resolution(resolution)
        self.first_sample = _first(first_sample)
        self._prepare()

    def _prepare(self):
        samples, channels = (*self.shape, 1)[0], math.prod(self.shape[1:])
        self._size = samples, channels
        rows, depth = 1 if self.levy_area == "none" else 3, -math.frexp(self.resolution)[1] + 1
        self._depth = depth
        self._blocks = []
        if samples * channels:
            self._blocks = brownian.blocks(
                self.key, self.first_sample, samples, channels, rows, depth, self.dtype
            )
        self._rows, self._lock = rows, threading.Lock()  # the way to the last query is the path's

    def __repr__(self) -> str:
        """Return the call that makes the path."""
        return (
            f"BrownianPath({self.key}, {self.t0}, {self.t1}, {self.shape}, {self.levy_area!r}, "
            f"dtype={self.dtype.name!r}, resolution={self.resolution}, first_sample={self.first_sample})"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return what makes the path; where the last query was is not kept."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make it again."""
        vars(self).update(state)
        self._prepare()

    @property
    def nbytes(self) -> int:
        """The bytes of its state."""
        return sum(block.n_bytes for block in self._blocks)

    @takes_arrays
    def __call__(
        self, s: Any, t: Any, *, threads: int | None = None
    ) -> NDArray[np.floating] | Increment:
        """Return what the path does from s to t.

        Parameters
        ----------
        s, t : float or array, shape (n,)
            Where intervals begin and end, t0 <= s <= t <= t1; in ascending order they are fastest.
        threads : int, optional
            How many share the samples; by default one for each core where there is enough to do. They change no bit.

        Returns
        -------
        ndarray or Increment
            W, or W and its areas, of `shape`; with a leading axis of length n for arrays of times.

        Raises
        ------
        ValueError
            If a time is not in [t0, t1], or s > t.
        """
        begins, ends, lead = self._intervals("BrownianPath.__call__", s, t)
        out = np.empty((len(begins), self._rows, *self._size), self.dtype)
        if threads is None:
            threads = n_cores() if out.size >= FEW else 1
        positive_int("BrownianPath.__call__", "threads", threads)

        def run(block, stop):
            for i in range(0, len(begins), AT_ONCE):
                if stop.wanted:
                    return
                now = slice(i, i + AT_ONCE)
                block(self.t0, self.t1 - self.t0, begins[now], ends[now], out[now])

        with self._lock:
            THREADS.map(run, self._blocks, threads)
        return self._named(np.moveaxis(out, 1, 0), lead)

    def _intervals(self, caller, s, t):
        """Return where intervals begin and end, flat arrays, and the leading axes of what is asked for."""
        s, t = (as_real(caller, name, x) for name, x in (("s", s), ("t", t)))
        if s.shape != t.shape or s.ndim > 1:
            wanted = f"a number or a flat array, of the shape of `s`, {s.shape}"
            raise complain(ValueError, caller, "t", wanted, describe(t))
        for name, x in (("s", s), ("t", t)):
            outside = np.atleast_1d(x)[~np.atleast_1d((x >= self.t0) & (x <= self.t1))]
            if outside.size:
                wanted = f"within [{self.t0}, {self.t1}], where the path is"
                raise complain(ValueError, caller, name, wanted, describe(outside[0]))
        if (s > t).any():
            i = np.argmax(np.atleast_1d(s > t))
            got = f"{np.atleast_1d(t)[i]} with s = {np.atleast_1d(s)[i]}"
            raise complain(ValueError, caller, "t", "at least `s`", got)
        return *(np.array(x, np.float64, ndmin=1) for x in (s, t)), s.shape

    def _named(self, out, lead):
        """Return W, or W and its areas, from rows (rows, queries, samples, channels)."""
        rows = out.reshape(self._rows, *lead, *self.shape)
        if self.levy_area == "none":
            return rows[0]
        return Increment(rows[0], rows[1], rows[2] if self.levy_area == "space-time-time" else None)


def _key(key, rng):
    """Return a number of 64 bits."""
    if key is None:
        return int(generator("BrownianPath", rng).integers(0, 2**64, dtype=np.uint64))
    if rng is not None:
        raise complain(
            ValueError, "BrownianPath", "rng", "left out where there is a key", describe(rng)
        )
    whole = isinstance(key, (int, np.integer)) and not isinstance(key, (bool, np.bool_))
    if not whole or not 0 <= int(key) < 2**64:
        wanted = "an integer from 0 to 2**64 - 1, or None with `rng`"
        raise complain(ValueError, "BrownianPath", "key", wanted, describe(key))
    return int(key)


def _first(number):
    """Return the number of a sample."""
    whole = isinstance(number, (int, np.integer)) and not isinstance(number, (bool, np.bool_))
    if not whole or not 0 <= number < LAST_SAMPLE:
        wanted = "an integer from 0 to 2**32 - 1"
        raise complain(ValueError, "BrownianPath", "first_sample", wanted, describe(number))
    return int(number)


def _span(t0, t1):
    """Return both times."""
    times = [as_real("BrownianPath", name, t) for name, t in (("t0", t0), ("t1", t1))]
    for name, t in zip(("t0", "t1"), times, strict=True):
        if t.ndim or not np.isfinite(t):
            raise complain(ValueError, "BrownianPath", name, "a finite number", describe(t))
    a, b = map(float, times)
    if not a < b or not math.isfinite(b - a):
        raise complain(
            ValueError, "BrownianPath", "t1", f"above t0 = {a}", describe(b), "Exchange them?"
        )
    return a, b


def _shape(shape):
    """Return a tuple of sizes."""
    try:
        sizes = tuple(shape)
    except TypeError:
        sizes = (shape,)
    for n in sizes:
        if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or not 0 <= n < LAST_SAMPLE:
            raise complain(ValueError, "BrownianPath", "shape", "a tuple of sizes", describe(shape))
    return tuple(map(int, sizes))


def _resolution(resolution):
    """Return the power of two at or below it."""
    x = as_real("BrownianPath", "resolution", resolution)
    if x.ndim or not 2.0**-DEEPEST <= x <= 0.5:
        wanted = f"a number from 2**-{DEEPEST} to 1/2, a part of t1 - t0"
        raise complain(ValueError, "BrownianPath", "resolution", wanted, describe(resolution))
    return math.ldexp(1.0, math.frexp(float(x))[1] - 1)
