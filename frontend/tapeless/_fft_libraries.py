"""The libraries that compute transforms, called alike."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

from numpy.typing import NDArray

Array = NDArray[Any]
Axes = tuple[int, ...]
Function = Callable[..., Array]
NORMS = ("backward", "ortho", "forward")


class Engine(NamedTuple):
    """A library's transforms, unchecked, of native arrays that are not empty.

    Arguments are positional: ``c2c(x, axes, forward, inorm, out, workers)``, ``r2c`` alike, ``c2r`` with the length of
    its last axis after `axes`, ``dct(x, type, axes, inorm, out, workers, ortho)`` and ``dst``. `forward` is the
    sign of the exponent, -1 if true; an `inorm` of 0, 1 or 2 divides by 1, sqrt(n) or n.
    """

    name: str
    c2c: Function
    r2c: Function
    c2r: Function
    dct: Function
    dst: Function


def _scipy() -> Engine:
    """Return what scipy.fft stands on, or scipy.fft itself where that has moved.

    A call of scipy.fft costs 5 microseconds more, which is four times what a transform of 64 points takes.
    """
    for module in ("scipy.fft._pocketfft.pypocketfft", "scipy.fft._duccfft.pyduccfft"):
        try:
            found = importlib.import_module(module)
            return Engine("scipy", *(getattr(found, name) for name in Engine._fields[1:]))
        except (ImportError, AttributeError):
            continue
    return scipy_public()


def scipy_public() -> Engine:
    """Return scipy.fft's public functions as an engine."""
    import scipy.fft as library

    def call(
        pair: tuple[Function, Function], x: Array, s: Any, axes: Axes, forward: bool, inorm: int,
        out: Array | None, workers: int,
    ) -> Array:  # fmt: skip
        norm = NORMS[inorm if forward else 2 - inorm]
        return _given(pair[not forward](x, s, axes, norm, workers=workers), out)

    def c2c(x: Array, *given: Any) -> Array:
        return call((library.fftn, library.ifftn), x, None, *given)

    def r2c(x: Array, *given: Any) -> Array:
        return call((library.rfftn, library.ihfftn), x, None, *given)

    def c2r(x: Array, axes: Axes, n: int, *given: Any) -> Array:
        s = (*(x.shape[i] for i in axes[:-1]), n)
        return call((library.hfftn, library.irfftn), x, s, axes, *given)

    def r2r(transform: Function) -> Function:
        def wrapped(
            x: Array, kind: int, axes: Axes, inorm: int, out: Array | None, workers: int,
            ortho: bool | None = None,
        ) -> Array:  # fmt: skip
            ortho = inorm == 1 if ortho is None else ortho
            y = transform(x, kind, None, axes, NORMS[inorm], workers=workers, orthogonalize=ortho)
            return _given(y, out)

        return wrapped

    return Engine("scipy", c2c, r2c, c2r, r2r(library.dctn), r2r(library.dstn))


def _given(y: Array, out: Array | None) -> Array:
    """Return y, or `out` with its numbers."""
    if out is None:
        return y
    out[...] = y
    return out


def _ducc0() -> Engine:
    """Return ducc0's transforms."""
    found = importlib.import_module("ducc0").fft

    def r2r(name: str) -> Function:
        transform = getattr(found, name)

        def wrapped(
            x: Array, kind: int, axes: Axes, inorm: int, out: Array | None, workers: int,
            ortho: bool | None = None,
        ) -> Array:  # fmt: skip
            if ortho is None or ortho == (inorm == 1):
                return transform(x, kind, axes, inorm, out, workers)
            # It scales the edges of orthogonal transforms, and of no others.
            return getattr(loaded("scipy"), name)(x, kind, axes, inorm, out, workers, ortho)

        return wrapped

    return Engine("ducc0", found.c2c, found.r2c, found.c2r, r2r("dct"), r2r("dst"))


# The fastest first: where nothing is chosen, the first that is installed is used.
ENGINES = (("ducc0", _ducc0), ("scipy", _scipy))

_engines: dict[str, Engine] = {}


def loaded(name: str) -> Engine:
    """Return an engine, imported on first use."""
    if name not in _engines:
        _engines[name] = dict(ENGINES)[name]()
    return _engines[name]


def name_of(engine: Engine) -> str:
    """Return the name of an engine that was loaded."""
    return next(name for name, loaded in _engines.items() if loaded is engine)
