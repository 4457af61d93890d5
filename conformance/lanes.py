"""Lanes: jobs that are done side by side, in threads that end together."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self


class Lanes:
    """Threads that take jobs until the context is left; then every job is done.

    Args:
        number: jobs that are done side by side.
        ended: set when no further job is to begin.
        stop: called with what a job or the body of the context raised.
        abandon: called when a keyboard interrupt leaves jobs behind that did not end in time.
        grace: seconds that these are given.

    Leaving the context raises what the first failing job raised, unless its body raised something itself.
    """

    def __init__(
        self,
        number: int,
        ended: threading.Event,
        stop: Callable[[BaseException], None],
        abandon: Callable[[], None],
        grace: float,
    ) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._ended, self._stop, self._abandon, self._grace = ended, stop, abandon, grace
        self._fault: BaseException | None = None
        self._threads = [threading.Thread(target=self._work, name=f"sender-{at}", daemon=True) for at in range(number)]

    def put(self, job: Callable[[], object]) -> None:
        """Adds a job behind the others."""
        self._jobs.put(job)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self._stop(error)
        for _ in self._threads:
            self._jobs.put(None)
        try:
            for thread in self._threads:
                while thread.is_alive():
                    thread.join(0.2)
        except KeyboardInterrupt as interrupt:
            self._stop(interrupt)
            end = time.monotonic() + self._grace
            for thread in self._threads:
                thread.join(max(end - time.monotonic(), 0))
            self._abandon()
            raise
        if error is None and self._fault is not None:
            raise self._fault

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._ended.is_set():
                continue
            try:
                job()
            except BaseException as error:  # noqa: BLE001 - the main thread raises it; here it would end unseen
                self._fault = self._fault or error
                self._stop(error)
