"""The spectral convolution: the modes that are kept of a field, mixed over channels, and back."""

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tapeless import _check as check
from tapeless._complain import complain, describe
from tapeless._convolution import Convolution, Floats, Forward
from tapeless._flat import parameters
from tapeless._interchange import converting, takes_arrays
from tapeless._kept_modes import METHODS, check_modes, kept
from tapeless._mode_weights import KINDS, Weights
from tapeless._operator_arguments import as_cotangent, as_field, as_tangent
from tapeless._types import RNG, ArrayInput, Integer

Pullback = Callable[[ArrayInput], tuple[Floats, Floats]]


class SpectralConv(Convolution):
    """A convolution with kernels that have few Fourier modes, as Fourier neural operators have them.

    A field of `in_channels` is transformed, of each axis the lowest modes are kept, channels are mixed mode by mode
    with complex weights, and the result is transformed back: ``y = irfftn(W * rfftn(x))``. Where products with the
    waves are faster than an FFT, modes that are not kept are never computed.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of x and of y.
    modes : int or tuple of int
        Modes to keep of each axis of the grid, 1 to 3 of them: of the last axis wavenumbers 0 to m - 1, of the others
        -m to m - 1. An axis of n points has at most n // 2, the last one n // 2 + 1.
    weights : {"dense", "separable", "cp", "tucker"}
        A matrix for each mode; a number for each mode and channel, which mixes nothing; or that matrix as a sum of
        `rank` products of vectors (canonical polyadic), or as a core times a matrix for each dimension (Tucker). Of
        the last two the matrices are made from their factors at each call.
    rank : int, optional
        Of "cp", and of Tucker's channels, whose modes take the same share; by default half of the fewer channels.
    method : {"product", "fft"}, optional
        How modes are found; by default as is faster on this machine for the grid: a few transforms are timed
        once, and kept on disk.
    threads : int, optional
        Threads for fields and modes; by default as many as there are cores, if there is work for them.

    Attributes
    ----------
    in_channels, out_channels, modes, n_params
        As given; n_params is the length of theta.

    Raises
    ------
    ValueError, TypeError
        If an argument is not what it must be, or channels differ with separable weights.

    Notes
    -----
    y is real by construction: each mode stands for its conjugate too. The imaginary parts of the mean and, where they
    are kept, of Nyquist's mode of an even last axis change nothing, as in `numpy.fft.irfft`. Cotangents of modes are
    dL/dRe + i dL/dIm, so that a complex weight's is conj(x) y_bar.

    References
    ----------
    .. [1] Li, Kovachki, Azizzadenesheli, Liu, Bhattacharya, Stuart and Anandkumar, Fourier neural operator for
       parametric partial differential equations, ICLR (2021), eq. (4).

    Examples
    --------
    >>> import numpy as np
    >>> import tapeless
    >>> conv = tapeless.operators.SpectralConv(2, 3, modes=4)
    >>> theta = conv.init(rng=0)
    >>> x = np.random.default_rng(1).standard_normal((5, 2, 32))
    >>> y, pullback = conv.pullback(x, theta)
    >>> y.shape, [bar.shape for bar in pullback(np.ones_like(y))]
    ((5, 3, 32), [(5, 2, 32), (48,)])
    """

    def __init__(
        self,
        in_channels: Integer,
        out_channels: Integer,
        modes: Integer | tuple[Integer, ...],
        *,
        weights: str = "dense",
        rank: Integer | None = None,
        method: str | None = None,
        threads: Integer | None = None,
    ) -> None:
        name = "SpectralConv"
        self.in_channels = check.positive_int(name, "in_channels", in_channels)
        self.out_channels = check.positive_int(name, "out_channels", out_channels)
        self.modes = check_modes(name, modes)
        check.one_of(name, "weights", weights, KINDS)
        self.method = check.one_of(name, "method", method, METHODS)
        if weights == "separable" and self.in_channels != self.out_channels:
            wanted = f"in_channels={self.in_channels} with separable weights"
            raise complain(ValueError, name, "out_channels", wanted, describe(out_channels))
        if rank is not None and weights not in ("cp", "tucker"):
            wanted = f"left out with weights={weights!r}"
            raise complain(ValueError, name, "rank", wanted, describe(rank))
        found = None if rank is None else check.positive_int(name, "rank", rank)
        self.threads = None if threads is None else check.positive_int(name, "threads", threads)
        counts = (*(2 * m for m in self.modes[:-1]), self.modes[-1])
        self._weights = Weights(weights, self.in_channels, self.out_channels, counts, found)
        self.kind, self.n_params = weights, self._weights.n_params

    def __repr__(self) -> str:
        kind = "" if self.kind == "dense" else f", weights={self.kind!r}"
        return f"SpectralConv({self.in_channels}, {self.out_channels}, modes={self.modes}{kind})"

    def init(self, rng: RNG = None, dtype: DTypeLike = np.float64) -> Floats:
        """Return initial parameters: normal numbers of such a size that kept modes keep theirs in the mean.

        Parameters
        ----------
        rng : numpy.random.Generator or int, optional
            Where they come from.
        dtype : dtype
            Float32 or float64.

        Returns
        -------
        ndarray, shape (n_params,)
            The parameters.
        """
        real = check.float_dtype("SpectralConv.init", dtype)
        return self._weights.init(check.generator("SpectralConv.init", rng), real)

    @takes_arrays
    def flatten(self, weights: ArrayInput) -> Floats:
        """Return the parameters of dense or separable weights.

        Parameters
        ----------
        weights : array, shape (in_channels, out_channels, ...) or (channels, ...)
            Complex weights; their last axes are the modes, in the order of `wavenumbers`.

        Returns
        -------
        ndarray, shape (n_params,)
            Theta.

        Raises
        ------
        ValueError
            If the shape is another one, or weights are of low rank.
        TypeError
            If they are no numbers.
        """
        shape = (*self._weights.channels, *self._weights.counts)
        given = check.as_array("SpectralConv.flatten", "weights", weights)
        if self._weights.shapes or given.shape != shape:
            wanted = f"of shape {shape}, and the layer's weights dense or separable"
            raise complain(ValueError, "SpectralConv.flatten", "weights", wanted, describe(given))
        if given.dtype.kind not in "biufc":
            wanted = "complex numbers"
            raise complain(TypeError, "SpectralConv.flatten", "weights", wanted, describe(given))
        given = given.astype(np.result_type(given.dtype, np.complex64), copy=False)
        n = len(self._weights.channels)
        turned = np.moveaxis(given.reshape(*shape[:n], -1), -1, 0)
        return np.stack([turned.real, turned.imag], axis=1).ravel()

    @takes_arrays
    def unflatten(self, theta: ArrayInput) -> dict[str, NDArray[np.complexfloating]]:
        """Return the complex weights in theta, of low rank or not, as one array.

        Parameters
        ----------
        theta : array, shape (n_params,)
            The parameters.

        Returns
        -------
        dict
            ``weights``, of shape (in_channels, out_channels, ...) or (channels, ...), as `flatten` takes it.
        """
        found = parameters("SpectralConv.unflatten", theta, self.n_params, None)
        dense = self._weights.dense(found)
        whole = np.moveaxis(dense[:, 0] + 1j * dense[:, 1], 0, -1)
        return {"weights": whole.reshape(*self._weights.channels, *self._weights.counts)}

    @takes_arrays
    def __call__(
        self, x: ArrayInput, theta: ArrayInput, *, shape: tuple[int, ...] | None = None
    ) -> Floats:
        """Return the convolved field.

        Parameters
        ----------
        x : array, shape (batch, in_channels, *grid)
            The field, float32 or float64.
        theta : array, shape (n_params,)
            The parameters.
        shape : tuple of int, optional
            Another grid to evaluate the result on, which costs nothing; by default that of x.

        Returns
        -------
        ndarray, shape (batch, out_channels, *shape)
            The result, of the dtype of x.

        Raises
        ------
        TypeError, ValueError
            If x is no such field, or a grid has fewer modes than are kept.
        """
        return self._forward("SpectralConv", x, theta, shape)[0]

    @takes_arrays
    def pullback(
        self, x: ArrayInput, theta: ArrayInput, *, shape: tuple[int, ...] | None = None
    ) -> tuple[Floats, Pullback]:
        """Return the convolved field, and a function that takes its cotangent back.

        Parameters
        ----------
        x, theta, shape : array, array, tuple of int
            As of a call.

        Returns
        -------
        y : ndarray
            As of a call.
        pullback : callable
            ``pullback(y_bar)`` returns ``(x_bar, theta_bar)``. It keeps the modes of x, and not x itself; theta is not
            copied, and must be as it was when `pullback` is called.
        """
        caller = "SpectralConv.pullback"
        y, kept = self._forward(caller, x, theta, shape)
        values = parameters(caller, theta, self.n_params, y.dtype)
        pull = functools.partial(self._pullback, kept, values)
        return y, converting("SpectralConv.pullback", pull)

    @takes_arrays
    def vjp(self, x: ArrayInput, theta: ArrayInput, y_bar: ArrayInput) -> tuple[Floats, Floats]:
        """Return the cotangents of x and theta from that of y.

        Parameters
        ----------
        x, theta : array
            As of a call.
        y_bar : array, shape (batch, out_channels, *grid)
            The cotangent of y.

        Returns
        -------
        x_bar : ndarray, shape of `x`
            The cotangent of x.
        theta_bar : ndarray, shape (n_params,)
            That of theta, summed over the batch.
        """
        bar = check.as_array("SpectralConv.vjp", "y_bar", y_bar)
        grid = bar.shape[2:] if bar.ndim == 2 + len(self.modes) and all(bar.shape[2:]) else None
        return self.pullback(x, theta, shape=grid)[1](bar)

    @takes_arrays
    def jvp(
        self, x: ArrayInput, theta: ArrayInput, x_dot: ArrayInput, theta_dot: ArrayInput
    ) -> tuple[Floats, Floats]:
        """Return the convolved field, and its tangent.

        Parameters
        ----------
        x, theta : array
            As of a call.
        x_dot, theta_dot : array
            Tangents of the shapes of x and theta.

        Returns
        -------
        y, y_dot : ndarray
            The field and its tangent.
        """
        caller = "SpectralConv.jvp"
        y, kept = self._forward(caller, x, theta, None)
        shape = (len(y), self.in_channels, *kept.source.shape)
        moved = as_tangent(caller, x_dot, shape, y.dtype)
        of_x = self._forward(caller, moved, theta, None)[0]
        dots = self._weights.dense_jvp(
            parameters(caller, theta, self.n_params, y.dtype),
            parameters(caller, theta_dot, self.n_params, y.dtype, "theta_dot"),
        )
        modes = self._mixed(kept.x_modes, dots, kept.source, kept.threads)
        of_theta = kept.target.synthesise(modes, "scaled", kept.methods[1], kept.threads)
        return y, of_x + of_theta.reshape(y.shape)

    def _forward(
        self, caller: str, x: ArrayInput, theta: ArrayInput, shape: tuple[int, ...] | None
    ) -> tuple[Floats, Forward]:
        x = as_field(caller, x, self.in_channels, len(self.modes))
        grid = x.shape[2:]
        check_modes(caller, self.modes, grid)
        if shape is not None:
            if not isinstance(shape, (tuple, list)):
                raise complain(TypeError, caller, "shape", "a tuple of integers", describe(shape))
            shape = tuple(check.positive_int(caller, "shape", n) for n in shape)
            if len(shape) != len(grid):
                raise complain(ValueError, caller, "shape", f"of {len(grid)} axes", describe(shape))
            check_modes(caller, self.modes, shape)
        weights = self._weights.dense(parameters(caller, theta, self.n_params, x.dtype))
        source = kept(grid, self.modes, x.dtype)
        target = source if shape is None else kept(shape, self.modes, x.dtype)
        return self._apply(x, weights, source, target)

    def _pullback(self, kept: Forward, theta: Floats, y_bar: ArrayInput) -> tuple[Floats, Floats]:
        shape = (kept.x_modes.shape[3], self.out_channels, *kept.target.shape)
        bar = as_cotangent("SpectralConv.pullback", y_bar, shape, theta.dtype)
        x_bar, weights_bar = self._apply_vjp(kept, bar)
        return x_bar, self._weights.dense_vjp(theta, weights_bar)
