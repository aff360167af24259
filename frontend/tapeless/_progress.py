"""How far a solve is: a bar by tqdm, or a function that is told."""

import contextlib
import threading
from collections.abc import Callable, Iterator

from tapeless._complain import complain, describe

Progress = bool | Callable[[int, int], None]


@contextlib.contextmanager
def meter(function: str, progress: Progress, total: int) -> Iterator[Callable[[int], None]]:
    """Give a function that is told, from any thread, how many more of `total` trajectories have ended."""
    if not callable(progress) and not isinstance(progress, bool):
        wanted = "True, False or a function of (done, total)"
        raise complain(TypeError, function, "progress", wanted, describe(progress))
    if progress is False:
        yield lambda n: None
    elif progress is True:
        try:
            from tqdm.auto import tqdm  # type: ignore[import-untyped]
        except ImportError as error:
            raise ImportError(
                f"{function}: progress=True draws its bar with tqdm, which is not installed; "
                "pip install 'tapeless[progress]', or pass a function of (done, total)."
            ) from error
        with tqdm(total=total, unit=" trajectories") as bar:
            yield bar.update
    else:
        done, lock = 0, threading.Lock()

        def ended(n: int) -> None:
            nonlocal done
            with lock:
                done += n
                progress(done, total)

        yield ended
