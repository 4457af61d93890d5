"""Series: what a case wants sent again and again, in an order or side by side."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conformance.reply import Reading
    from conformance.request import Template


def wants_less(readings: Sequence[Reading]) -> str:
    """The first answer that asks for fewer requests, in words: 423, 429, or 503 with Retry-After."""
    asking = (reading for reading in readings if reading.rate_limited or reading.status == 423)
    return next((f"the server answered {reading.words()}" for reading in asking), "")


@dataclass(frozen=True, slots=True)
class Series:
    """Numbered copies of some requests; each is sent, recorded and answered for itself.

    Attributes:
        templates: the requests that are copied, one after the other and again from the first.
        length: copies in all.
        at_once: how many of them travel side by side; the next ones follow when all of these are back.
        locks: whether it may lock its client, so that it goes behind everything else.
        sign: reads off the answers so far why no more are sent, in words; empty while there is no reason.
        copies: the copies in order, once the series belongs to a case.
    """

    templates: tuple[Template, ...]
    length: int
    at_once: int = 1
    locks: bool = False
    sign: Callable[[Sequence[Reading]], str] = field(default=wants_less, repr=False, compare=False)
    copies: tuple[Template, ...] = field(default=(), repr=False)

    def numbered(self, name: str) -> Series:
        """The series with its copies, which differ from those of every series of another name."""
        numbers = range(self.length)
        copies = (replace(self.templates[at % len(self.templates)], copy=f"{name} {at + 1}") for at in numbers)
        return replace(self, copies=tuple(copies))

    def __str__(self) -> str:
        if self.length == 1:
            return "once, behind the others"
        together = f"{self.at_once} side by side, " if self.at_once > 1 else "one after the other, "
        return f"{together}{self.length} in all at the most"
