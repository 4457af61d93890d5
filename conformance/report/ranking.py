"""The cases of a run in the order in which they are read: the gravest first, and together what belongs together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.catalogue import Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from conformance.judging import Verdict

ORDER = ("failed", "error", "inconclusive", "warning", "waived", "observed", "passed", "not_applicable")
"""The verdicts of cases, the gravest first."""

_LEVELS = tuple(Level)


def gravest_first(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Verdicts by gravity, the endpoint's before the edge's, by level, and else in the order that they have."""
    return sorted(
        verdicts,
        key=lambda one: (ORDER.index(one.verdict), one.subject == "edge", _LEVELS.index(one.case.requirement.level)),
    )


def followers(verdicts: Iterable[Verdict]) -> Mapping[str, list[Verdict]]:
    """The verdicts that repeat the finding of another one, by the ID of the case that stands for all of them."""
    every = list(verdicts)
    follows = {one.case.id: one.follows for one in every}
    found: dict[str, list[Verdict]] = {}
    for one in every:
        leader = _leader(one.case.id, follows)
        if leader != one.case.id:
            found.setdefault(leader, []).append(one)
    return found


def _leader(identifier: str, follows: Mapping[str, str]) -> str:
    """The case at the end of the row of those that each follow the next; of a ring, the one that comes first."""
    row = [identifier]
    while (following := follows[row[-1]]) in follows:
        if following in row:
            ring = row[row.index(following) :]
            return next(one for one in follows if one in ring)
        row.append(following)
    return row[-1]


def cause(verdict: Verdict) -> str:
    """What kept a case from being decided, without what it expected."""
    causes = dict.fromkeys(note.actual for note in verdict.notes if note.verdict == "inconclusive")
    return "; ".join(causes) or verdict.reason


def by_cause(verdicts: Iterable[Verdict]) -> list[list[Verdict]]:
    """Findings one by one, and what could not be decided by its cause, each group in the place of its first."""
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        reason = cause(verdict) if verdict.verdict == "inconclusive" else verdict.case.id
        groups.setdefault((verdict.verdict, reason), []).append(verdict)
    return list(groups.values())
