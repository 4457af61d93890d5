"""Exchanges as evidence: what was sent and received, cut at a bound, every octet visible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.report import escape

if TYPE_CHECKING:
    from conformance.reply import Answer

OCTETS = 4096
"""Octets shown of each direction of an exchange."""


@dataclass(frozen=True, slots=True)
class Octets:
    """One direction of an exchange.

    Attributes:
        total: how many octets there were.
        shown: how many of them the text shows.
        text: these as `escape.wire` has them.
    """

    total: int
    shown: int
    text: str

    @property
    def words(self) -> str:
        """How many there are, and how many are shown if not all."""
        return f"{self.total} octets" + (f", the first {self.shown} of them shown" if self.shown < self.total else "")


@dataclass(frozen=True, slots=True)
class Shown:
    """An exchange that is shown.

    Attributes:
        number: its number in the recording.
        title: number, stimulus and answer in words.
        how: what a generated request deviates in, else empty.
        sent: the request.
        received: what came back.
        nothing: why there is no answer, where there is none and the title does not say it.
    """

    number: int
    title: str
    how: str
    sent: Octets
    received: Octets
    nothing: str


def shown(answer: Answer, name: str = "", room: int = OCTETS) -> Shown:
    """An exchange as it is shown.

    Args:
        answer: the exchange with its reading.
        name: what the stimulus is called in the case that shows it; empty for its label in the recording.
        room: octets shown of each direction at the most.
    """
    exchange, came = answer.exchange, answer.words()
    why = "" if answer.answered else exchange.detail or exchange.ending
    words = [f"#{exchange.number}", name or exchange.label]
    words += ["once more"] if exchange.attempt > 1 else []
    return Shown(
        number=exchange.number,
        title=f"{' '.join(words)}: {came}",
        how=exchange.how,
        sent=_octets(exchange.sent, room),
        received=_octets(exchange.received, room),
        nothing="" if why in came else why,
    )


def _octets(data: bytes, room: int) -> Octets:
    return Octets(len(data), min(len(data), room), escape.wire(data[:room]))
