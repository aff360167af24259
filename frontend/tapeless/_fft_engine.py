"""Which library computes transforms, everywhere and here."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import NamedTuple

from tapeless import _check as check
from tapeless._fft_libraries import ENGINES, Engine, loaded
from tapeless._types import Integer
from tapeless_kernels.launch.threads import n_cores


class Setting(NamedTuple):
    """An engine and how many threads it may use.

    Attributes
    ----------
    engine : Engine
        The library.
    workers : int
        How many threads.
    """

    engine: Engine
    workers: int


_everywhere: Setting | None = None
_here: ContextVar[Setting | None] = ContextVar("tapeless.fft.engine", default=None)


def current() -> Setting:
    """Return the engine and the threads in use here; at the first call find the fastest that is installed.

    Returns
    -------
    Setting
        The engine itself, and how many threads it may use.
    """
    return _here.get() or _everywhere or _default()


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
    global _everywhere
    _everywhere = _setting("set_engine", name, workers)


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
    threads = min(check.positive_int(caller, "workers", workers), n_cores())
    return Setting(loaded(name or engines()[0]), threads)


@functools.cache
def _default() -> Setting:
    return Setting(loaded(engines()[0]), 1)
