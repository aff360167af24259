"""Ctrl-C held back while a step is put away, so that what is kept is always of one step."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupts:
    """A context in which Ctrl-C works as before, but between `hold` and `release` only at the end.

    In threads other than the main one, which no Ctrl-C reaches, it does nothing.
    """

    def __init__(self) -> None:
        self._holding, self._noted, self._before = False, False, None

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            before: Any = signal.getsignal(signal.SIGINT)
            if callable(before):
                self._before = before
                signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._holding:
            self._noted = True
        elif self._before is not None:
            self._before(number, frame)

    def hold(self) -> None:
        """Hold Ctrl-C back from now on."""
        self._holding = True

    def release(self) -> None:
        """Let Ctrl-C through, also one that came in the meantime."""
        self._holding = False
        if self._noted:
            self._noted = False
            self._handle(signal.SIGINT, None)
