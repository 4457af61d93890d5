"""What the outcomes of a proof come to: detection, false alarms, excess, and the exchanges that it took."""

from __future__ import annotations

from dataclasses import dataclass, fields
from statistics import median_high
from typing import TYPE_CHECKING

from conformance.proving.job import HANDWRITTEN, Cost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conformance.proving.job import Outcome


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    count: int
    of: int

    def __str__(self) -> str:
        return f"{self.count} of {self.of}"


@dataclass(frozen=True, slots=True)
class Spread:
    """The exchanges of many runs for one purpose."""

    median: int
    largest: int


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that was carried out.

    Attributes:
        outcomes: what every job came to, in the order of the jobs.
    """

    outcomes: tuple[Outcome, ...]

    @property
    def proven(self) -> bool:
        """Whether nothing was missed, nobody accused, nothing left undecided and nothing found in excess."""
        return not self.wrong

    @property
    def wrong(self) -> tuple[Outcome, ...]:
        """The outcomes with complaints."""
        return tuple(one for one in self.outcomes if one.complaints)

    @property
    def detection(self) -> Share:
        """Defects that were found under their own requirement wherever they were planted."""
        planted = {one.job.defect for one in self._planted()}
        return Share(len(planted - {one.job.defect for one in self._planted() if one.missed}), len(planted))

    @property
    def false_alarms(self) -> Share:
        """Runs that accuse a correct endpoint."""
        return Share(sum(bool(one.alarms) for one in self._correct()), len(tuple(self._correct())))

    @property
    def undecided(self) -> int:
        """Runs at a correct endpoint that came to no verdict."""
        return sum(bool(one.undecided) for one in self.outcomes)

    @property
    def excess(self) -> int:
        """Findings beyond those that are declared, over all runs."""
        return sum(len(one.excess) for one in self.outcomes)

    @property
    def exchanges(self) -> dict[str, Spread]:
        """Exchanges of a run, for each purpose and in total; empty where there was no run."""
        costs = [one.cost for one in self.outcomes]
        if not costs:
            return {}
        names = [one.name for one in fields(Cost)]
        return {name: _spread(getattr(cost, name) for cost in costs) for name in (*names, "total")}

    @property
    def within_limit(self) -> bool:
        """Whether the handwritten part of every run keeps to its limit."""
        return all(one.cost.handwritten <= HANDWRITTEN for one in self.outcomes)

    @property
    def seconds(self) -> float:
        """How long the runs took, one after the other."""
        return sum(one.seconds for one in self.outcomes)

    def _planted(self) -> Iterator[Outcome]:
        return (one for one in self.outcomes if one.job.defect)

    def _correct(self) -> Iterator[Outcome]:
        return (one for one in self.outcomes if not one.job.defect)


def _spread(numbers: Iterable[int]) -> Spread:
    known = sorted(numbers)
    return Spread(median_high(known), known[-1])
