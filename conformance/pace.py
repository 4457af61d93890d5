"""Pace: when the next exchange may start, and how much of a slow or wordy target a run bears."""

from __future__ import annotations

import math
import threading
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.reply import Reading

PATIENCE = 30.0
"""Seconds that a run waits in all because the server asks for less."""

SILENCE, SILENCE_AGAIN = 20.0, 10.0
"""Seconds that the plan spends in all on answers that do not come or come late, and those that confirming may add.

A longer timeout makes it two timeouts, and one.
"""

PLAIN, BULK = 8 << 10, 3 << 20
"""Octets that an answer may have, and those that all answers together may have beyond it."""


class Pace:
    """Spaces the starts of exchanges evenly, and holds all of them back when the server asks for it.

    Args:
        per_second: exchanges a second; ``None`` for no bound.
    """

    def __init__(self, per_second: float | None) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._lock = threading.Lock()
        self._next = 0.0
        self._held = 0.0
        self._patience = PATIENCE

    def wait(self, ended: threading.Event, until: float = math.inf) -> None:
        """Returns when the next exchange may start, or at once when the sending has ended.

        Args:
            ended: set when the sending ends.
            until: moment of the monotonic clock beyond which nobody waits.
        """
        while True:
            with self._lock:
                now = time.monotonic()
                start = max(now, self._next)
                self._next = start + self._interval
            if start > now:
                ended.wait(max(min(start, until) - now, 0))
            # What waited for its turn already is held back as well.
            if start >= min(self._held, until) or ended.is_set():
                return

    def hold(self, seconds: float) -> bool:
        """Holds every exchange back; says whether there was patience left for it."""
        with self._lock:
            now = time.monotonic()
            free = max(now, self._next)
            # Exchanges that are told to wait at the same time wait side by side.
            longer = max(0.0, now + seconds - free)
            if longer > self._patience:
                return False
            self._patience -= longer
            self._next = self._held = free + longer
            return True


class Endurance:
    """What is left of it.

    Args:
        timeout: seconds that one answer may take.
    """

    def __init__(self, timeout: float) -> None:
        self._lock = threading.Lock()
        self._late = timeout / 2
        self._again = max(SILENCE_AGAIN, timeout)
        self._seconds = max(SILENCE, 2 * timeout)
        self._octets = BULK

    @property
    def over(self) -> str:
        """Why no more than controls is sent; empty while there is some left."""
        if self._seconds <= 0:
            return "answers came late or not at all, and too much time went into them"
        return f"the answers are too large, {BULK >> 20} MiB more than is usual" if self._octets <= 0 else ""

    def take(self, octets: int, seconds: float, lanes: int, *, answered: bool) -> None:
        """Counts an exchange.

        Args:
            octets: what was received.
            seconds: how long it took.
            lanes: exchanges that may travel beside it; the more there are, the less its waiting costs.
            answered: whether an answer came; one that came late counts as well.
        """
        with self._lock:
            self._octets -= max(0, octets - PLAIN)
            if not answered or seconds >= self._late:
                self._seconds -= seconds / lanes

    def wait(self, seconds: float) -> None:
        """Counts seconds in which nothing was sent."""
        with self._lock:
            self._seconds -= seconds

    def renew(self) -> None:
        """Adds, once, what confirming may take."""
        with self._lock:
            self._seconds = max(0.0, self._seconds) + self._again
            self._octets = max(0, self._octets) + (BULK // 4 if self._again else 0)
            self._again = 0.0


def retry_after(reading: Reading, otherwise: float) -> float:
    """Seconds that the server asks to wait (RFC 9110, section 10.2.3); another number where that is unusable."""
    value = next(iter(reading.values("Retry-After")), "")
    if value.isascii() and value.isdigit():
        return float(value[:12])
    date = next(iter(reading.values("Date")), "")
    try:
        # By the clock of the server where it shows that: ours may go wrong.
        now = parsedate_to_datetime(date).timestamp() if date else time.time()
        return max(parsedate_to_datetime(value).timestamp() - now, 0.0)
    except (ValueError, OverflowError, TypeError, IndexError):
        return otherwise
