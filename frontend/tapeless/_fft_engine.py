"""The libraries that compute transforms, and which of them is in use."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Any, NamedTuple

from numpy.typing import NDArray

from tapeless import _check as check
from tapeless._types import Integer
from tapeless_kernels.launch.threads import n_cores

Array = NDArray[Any]
Function = Callable[..., Array]


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


class Setting(NamedTuple):
    """An engine and how many threads it may use."""

    engine: Engine
    workers: int


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
    return scipy_by_its_public_names()


def scipy_by_its_public_names() -> Engine:
    """Return scipy.fft's public functions as an engine."""
    import scipy.fft as library

    def norm(forward: bool, inorm: int) -> str:
        return ("backward", "ortho", "forward")[inorm if forward else 2 - inorm]

    def given(y: Array, out: Array | None) -> Array:
        if out is None:
            return y
        out[...] = y
        return out

    def c2c(x, axes, forward, inorm, out, workers):
        transform = library.fftn if forward else library.ifftn
        return given(transform(x, None, axes, norm(forward, inorm), workers=workers), out)

    def r2c(x, axes, forward, inorm, out, workers):
        transform = library.rfftn if forward else library.ihfftn
        return given(transform(x, None, axes, norm(forward, inorm), workers=workers), out)

    def c2r(x, axes, n, forward, inorm, out, workers):
        transform = library.hfftn if forward else library.irfftn
        s = (*(x.shape[i] for i in axes[:-1]), n)
        return given(transform(x, s, axes, norm(forward, inorm), workers=workers), out)

    def r2r(transform):
        def wrapped(x, kind, axes, inorm, out, workers, ortho=None):
            options = {"orthogonalize": inorm == 1 if ortho is None else ortho}
            options["workers"] = workers
            return given(transform(x, kind, None, axes, norm(True, inorm), **options), out)

        return wrapped

    return Engine("scipy", c2c, r2c, c2r, r2r(library.dctn), r2r(library.dstn))


def _ducc0() -> Engine:
    """Return ducc0's transforms."""
    found = importlib.import_module("ducc0").fft

    def r2r(name: str) -> Function:
        transform = getattr(found, name)

        def wrapped(x, kind, axes, inorm, out, workers, ortho=None):
            if ortho is None or ortho == (inorm == 1):
                return transform(x, kind, axes, inorm, out, workers)
            # It scales the edges of orthogonal transforms, and of no others.
            return getattr(_loaded("scipy"), name)(x, kind, axes, inorm, out, workers, ortho)

        return wrapped

    return Engine("ducc0", found.c2c, found.r2c, found.c2r, r2r("dct"), r2r("dst"))


# The fastest first: where nothing is chosen, the first that is installed is used.
ENGINES = (("ducc0", _ducc0), ("scipy", _scipy))

_engines: dict[str, Engine] = {}
_everywhere: Setting | None = None
_here: ContextVar[Setting | None] = ContextVar("tapeless.fft.engine", default=None)


def current() -> Setting:
    """Return the engine and the threads in use here; at the first call find the fastest that is installed."""
    return _here.get() or _everywhere or _set_everywhere(Setting(_fastest(), 1))


def engines() -> tuple[str, ...]:
    """Return the names of the libraries that can compute transforms here, the fastest first.

    Returns
    -------
    tuple of str
        ``"scipy"``, and before it ``"ducc0"`` where that is installed (``pip install 'tapeless[fft]'``). The first
        is used where none was chosen.

    Examples
    --------
    >>> from tapeless import fft
    >>> "scipy" in fft.engines()
    True
    """
    return tuple(name for name, _ in ENGINES if find_spec(name))


def set_engine(name: str | None = None, workers: Integer = 1) -> None:
    """Choose the library that computes transforms, in all threads, where no `engine` block says otherwise.

    Parameters
    ----------
    name : str, optional
        One of `tapeless.fft.engines`; None is the first of them.
    workers : int
        How many threads a transform may use; more than there are cores count as so many.

    Raises
    ------
    ValueError
        If the name is not one of them, or `workers` is not a positive integer.

    Examples
    --------
    >>> from tapeless import fft
    >>> fft.set_engine("scipy", workers=2)
    >>> fft.set_engine()
    """
    _set_everywhere(_setting("set_engine", name, workers))


@contextmanager
def engine(name: str | None = None, workers: Integer = 1) -> Iterator[None]:
    """Choose the library that computes transforms within a ``with`` block, in this thread or task alone.

    Parameters
    ----------
    name : str, optional
        One of `tapeless.fft.engines`; None is the first of them.
    workers : int
        How many threads a transform may use; more than there are cores count as so many.

    Yields
    ------
    None
        Blocks may be nested: the innermost holds.

    Raises
    ------
    ValueError
        If the name is not one of them, or `workers` is not a positive integer.

    Examples
    --------
    >>> import numpy as np
    >>> from tapeless import fft
    >>> with fft.engine("scipy"):
    ...     fft.rfft(np.ones(4))
    array([4.+0.j, 0.+0.j, 0.+0.j])
    """
    token = _here.set(_setting("engine", name, workers))
    try:
        yield
    finally:
        _here.reset(token)


def _setting(caller: str, name: str | None, workers: Integer) -> Setting:
    if name is not None:
        check.one_of(caller, "name", name, engines())
    workers = min(check.positive_int(caller, "workers", workers), n_cores())
    return Setting(_fastest() if name is None else _loaded(name), workers)


def _set_everywhere(setting: Setting) -> Setting:
    global _everywhere
    _everywhere = setting
    return setting


def _fastest() -> Engine:
    return _loaded(engines()[0])


def _loaded(name: str) -> Engine:
    if name not in _engines:
        _engines[name] = dict(ENGINES)[name]()
    return _engines[name]
