"""Interruption: Ctrl-C and SIGTERM end the sending politely; whoever cannot wait for that sends a second one."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

from conformance.sending import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType

    from conformance.sending import Sender

CODE = 130
"""Exit code of a run that was interrupted."""


class Interruption:
    """What a run does when it is asked to end.

    Args:
        place: folder of the run in the making, which is left where it is when the process ends at once.

    Attributes:
        seen: whether the run was asked to end.
    """

    def __init__(self, place: Path) -> None:
        self.seen = False
        self._place = place
        self._sender: Sender | None = None
        self._calm = False

    def begun(self, sender: Sender) -> None:
        """From now on requests are sent."""
        self._sender = sender

    def ended(self) -> None:
        """From now on nothing is sent, and what there is gets written whatever comes."""
        self._calm = True

    @contextlib.contextmanager
    def heeded(self) -> Iterator[None]:
        """Takes the two signals while the context lasts."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._asked) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.seen:
            self._end()
        self.seen = True
        if self._calm:
            return
        if self._sender is not None:
            # Not every place passes an exception on, and this one may hold the lock that stopping needs.
            _thread.start_new_thread(self._sender.stop, (INTERRUPTED,))
        raise KeyboardInterrupt

    def _end(self) -> None:
        """Ends the process: every line of the recording was written when its exchange ended."""
        place = self._place / "exchanges.jsonl"
        kept = f"; the recording is kept: token-conformance judge {self._place}" if place.exists() else ""
        os.write(2, f"token-conformance: interrupted twice{kept}\n".encode())
        os._exit(CODE)
