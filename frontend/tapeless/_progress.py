"""How far a solve is: a bar by tqdm, or a function that is told."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from tapeless._complain import complain, describe

Progress = bool | Callable[[int, int], None]
Ended = Callable[[int], None]


def meter(function: str, progress: Progress, total: int) -> AbstractContextManager[Ended]:
    """Give a function that is told, from any thread, how many more of `total` trajectories have ended."""
    if progress is False:
        return _SILENT
    if progress is True:
        return _bar(function, total)
    if not callable(progress):
        wanted = "True, False or a function of (done, total)"
        raise complain(TypeError, function, "progress", wanted, describe(progress))
    return _count(progress, total)


_SILENT: AbstractContextManager[Ended] = contextlib.nullcontext(lambda n: None)


@contextlib.contextmanager
def _bar(function: str, total: int) -> Iterator[Ended]:
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError(
            f"{function}: progress=True draws its bar with tqdm, which is not installed; "
            "pip install 'tapeless[progress]', or pass a function of (done, total)."
        ) from error
    with tqdm(total=total, unit=" trajectories") as bar:
        yield bar.update


@contextlib.contextmanager
def _count(tell: Callable[[int, int], None], total: int) -> Iterator[Ended]:
    done, lock = 0, threading.Lock()

    def ended(n: int) -> None:
        nonlocal done
        with lock:
            done += n
            tell(done, total)

    yield ended
