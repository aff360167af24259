"""A bar by tqdm over the steps of a training, with loss and evaluations; nothing where there is none."""

import sys
import time
from types import TracebackType
from typing import Any

from tapeless._complain import complain, describe
from tapeless._training_result import History

INTERVAL = 0.1  # seconds between looks: what stands on the bar costs more than a small step


class Bar:
    """Shows how far a training is; `shown` is True, False, or None: on a terminal, if tqdm is installed."""

    def __init__(self, shown: bool | None, total: int, done: int = 0) -> None:
        if shown not in (True, False, None):
            wanted = "True, False or None"
            raise complain(TypeError, "fit", "progress", wanted, describe(shown))
        self._bar: Any = None
        self._next, self._pending = 0.0, 0
        if shown is False or (shown is None and not sys.stderr.isatty()):
            return
        try:
            from tqdm.auto import tqdm  # type: ignore[import-untyped]
        except ImportError as error:
            if shown is None:
                return
            raise ImportError(
                "fit: progress=True draws its bar with tqdm, which is not installed; "
                "pip install 'tapeless[progress]', or pass progress=False."
            ) from error
        self._bar = tqdm(total=total, initial=done, unit=" steps")

    def __enter__(self) -> "Bar":
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.update(self._pending)
            self._bar.close()

    def update(self, history: History) -> None:
        """Count a step, and show it if the last look is long enough ago."""
        if self._bar is None:
            return
        self._pending += 1
        now = time.perf_counter()
        if now < self._next:
            return
        self._next = now + INTERVAL
        nfe = history.step_nfe[-1]
        counted = f", NFE {nfe:.1f}" if nfe == nfe else ""
        tried = f", validation {history.validation[-1]:.4g}" if history.validation else ""
        self._bar.set_postfix_str(
            f"loss {history.step_loss[-1]:.4g}{counted}{tried}", refresh=False
        )
        self._bar.update(self._pending)
        self._pending = 0
