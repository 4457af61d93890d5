"""Distributions: what became of the generated requests, by source and by deviation, and how long answers took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.properties.spelling import JOINT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from conformance.reply import Answer

SOURCES = {
    "description": "the OpenAPI description",
    "spelling": "legal spellings of the valid request",
    "near_miss": "near misses of the valid request",
    "odd": "the valid request with odd values",
}
"""Where generated requests come from, in words."""

DEVIATIONS = 80
"""Deviations that are told one by one."""

KINDS = ("granted", "refused", "server error", "other answer", "no answer")


@dataclass(frozen=True, slots=True)
class Share:
    """Some generated requests that have something in common.

    Attributes:
        source: where they come from.
        words: what they have in common.
        counts: how many there are of each of `KINDS`.
    """

    source: str
    words: str
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Distribution:
    """What became of the generated requests.

    Attributes:
        sources: by source.
        deviations: by deviation; a request with several is in each of them.
        left: how many further deviations there are.
    """

    sources: tuple[Share, ...]
    deviations: tuple[Share, ...]
    left: int


def distribution(answers: Iterable[Answer]) -> Distribution:
    """What became of the generated requests of a run, each counted once."""
    drawn = [answer for answer in answers if answer.generated and answer.exchange.attempt == 1]
    sources: dict[str, list[str]] = {}
    deviations: dict[tuple[str, str], list[str]] = {}
    for answer in drawn:
        role, what = answer.exchange.role, kind(answer)
        sources.setdefault(role, []).append(what)
        # What is drawn from a description violates it as a whole.
        parts = [answer.exchange.how] if role == "description" else answer.exchange.how.split(JOINT)
        for part in dict.fromkeys(parts):
            deviations.setdefault((role, part), []).append(what)
    ranked = sorted(deviations.items(), key=lambda one: (list(sources).index(one[0][0]), -len(one[1]), one[0][1]))
    return Distribution(
        tuple(Share(role, SOURCES.get(role, role), _counts(kinds)) for role, kinds in sources.items()),
        tuple(Share(role, words, _counts(kinds)) for (role, words), kinds in ranked[:DEVIATIONS]),
        max(len(ranked) - DEVIATIONS, 0),
    )


def kind(answer: Answer) -> str:
    """What an answer is in a distribution: one of `KINDS`."""
    if not answer.answered:
        return "no answer"
    if answer.granted:
        return "granted"
    if answer.status >= 500:
        return "server error"
    return "refused" if 400 <= answer.status < 500 else "other answer"


def _counts(kinds: Sequence[str]) -> tuple[int, ...]:
    return tuple(kinds.count(one) for one in KINDS)


def bins(times: Sequence[float]) -> list[tuple[str, int]]:
    """Times in columns whose ends are 1, 2 and 5 times a power of ten: the end in words, and how many.

    Args:
        times: in one unit, whatever it is.
    """
    if not times:
        return []
    ends = [step * 10.0**power for power in range(-2, 7) for step in (1, 2, 5)]
    places = [next((at for at, end in enumerate(ends) if time <= end), len(ends) - 1) for time in times]
    return [(f"{ends[at]:g}", places.count(at)) for at in range(min(places), max(places) + 1)]
