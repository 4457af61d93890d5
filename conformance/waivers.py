"""Waivers: known deviations that are excused, each one finding of some targets, for a reason and until a day.

A waiver excuses the finding that it quotes, and what follows that finding. Another failure of the requirement counts.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from conformance import catalogue
from conformance.keys import kind_of, parse_toml, read_file
from conformance.target import SettingsError, accepted, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from conformance.case import Case
    from conformance.engine import Run
    from conformance.judging import Verdict

TABLE = "waivers"
UNMET, MET = ("failed", "warning"), ("passed", "observed")
STATES = ("excuses", "expired", "stale", "different", "elsewhere", "undecided")

# What each key of an entry says; the last one may be left out.
KEYS: Mapping[str, str] = {
    "requirement": "the ID of a requirement",
    "actual": "what the finding says under actual, to the letter",
    "targets": 'names or patterns of targets, such as ["staging", "eu-*"]',
    "reason": "why the deviation is accepted",
    "owner": "who answers for it",
    "ticket": "where it is tracked",
    "expires": "the last day of the waiver, such as 2027-03-01, without quotation marks",
    "profile": "the name of the profile that it is for",
}
OPTIONAL = ("profile",)

_HEADING = re.compile(rf"\s*\[\[\s*[\"']?{TABLE}[\"']?\s*\]\]")

# What no two answers have alike. Words with a few digits are none of it: names of charsets and cipher suites have them.
_VOLATILE = re.compile(
    r"""
    \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b                                # a UUID
    | \b(?=[a-z]*[0-9])[0-9a-f]{16,}\b                                             # hexadecimal
    | \b(?=(?:[a-z]*[0-9]){4})(?=(?:[0-9]*[a-z]){4})[0-9a-z]{20,}\b                # letters and digits at random
    | \b[0-9]{4}-[0-9]{2}-[0-9]{2}[t\ ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:z\b|[+-][0-9]{2}:?[0-9]{2}\b)?
    | \b[a-z]{3},\ [0-9]{2}\ [a-z]{3}\ [0-9]{4}\ [0-9]{2}:[0-9]{2}:[0-9]{2}\ gmt\b # RFC 9110, section 5.6.7
    | \b[12][0-9]{9}(?:[0-9]{3})?\b                                                # s or ms since 1970
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a waiver is held against.

    Attributes:
        target: name of the target.
        profile: name of the profile.
        day: the day on which the run started, UTC.
    """

    target: str
    profile: str
    day: date


@dataclass(frozen=True, slots=True)
class Waiver:
    """One finding that is excused.

    Attributes:
        requirement: ID of the requirement.
        actual: what the finding says came.
        targets: names or patterns (``fnmatch``) of the targets that it is for.
        reason: why the deviation is accepted.
        owner: who answers for it.
        ticket: where it is tracked.
        expires: the last day on which it excuses, UTC.
        profile: name of the profile that it is for; empty for every one.
        file: the file as messages name it.
        line: the line of the file that names the requirement, from 1.
    """

    requirement: str
    actual: str
    targets: tuple[str, ...]
    reason: str
    owner: str
    ticket: str
    expires: date
    profile: str = ""
    file: str = ""
    line: int = 0

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{shown(self.file)}: line {self.line}"

    def days_left(self, scope: Scope) -> int:
        """Days until the last one; 0 on that day, below 0 after it."""
        return (self.expires - scope.day).days

    def words(self, scope: Scope) -> str:
        """Why, who, where and until when, in one line."""
        days = self.days_left(scope)
        left = f"{days} day{'' if days == 1 else 's'} left" if days >= 0 else "over"
        return f"{self.reason} ({self.owner}, {self.ticket}; until {self.expires}, {left})"

    def covers(self, target: str, profile: str) -> bool:
        """Whether it is for the target and the profile of these names."""
        named = any(target == one or fnmatchcase(target, one) for one in self.targets)
        return named and self.profile in ("", profile)

    def quotes(self, verdict: Verdict) -> bool:
        """Whether a verdict is the finding that it names, a waived one too."""
        unmet = verdict.verdict in UNMET or verdict.waiver is not None
        return unmet and verdict.case.id == self.requirement and alike(self.actual, verdict.actual)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a waiver came to in a run.

    Attributes:
        waiver: the waiver.
        state: one of `STATES`.
        days_left: days until its last one.
        words: a sentence about what somebody has to know of it; empty where all is as intended.
    """

    waiver: Waiver
    state: str
    days_left: int
    words: str = ""


def alike(first: str, second: str) -> bool:
    """Whether two findings of a requirement say the same came, whatever identifiers and times stand in it.

    The parts of a finding count, not their order: which answer showed a flaw first differs from run to run.
    """
    return _parts(first) == _parts(second)


def _parts(text: str) -> Counter[str]:
    readable = text.encode("utf-8", "replace").decode()
    return Counter(_VOLATILE.sub("(varies)", " ".join(readable.split())).split("; "))


def scope(target: str, profile: str, started: float) -> Scope:
    """What a waiver is held against.

    Args:
        target: name of the target.
        profile: name of the profile.
        started: when the run began, in seconds since the epoch; the same recording is judged alike on every day.
    """
    return Scope(target, profile, datetime.fromtimestamp(started, UTC).date())


def scope_of(run: Run) -> Scope:
    """What the waivers of a run are held against."""
    return scope(run.inquiry.target.name, run.inquiry.profile.name, run.recording.header.started)


def waived(verdicts: Sequence[Verdict], waivers: Iterable[Waiver], where: Scope) -> tuple[Verdict, ...]:
    """Verdicts in which what is excused is waived: findings that a waiver quotes, and what follows those."""
    valid = [
        waiver for waiver in waivers if waiver.covers(where.target, where.profile) and waiver.days_left(where) >= 0
    ]
    unmet = [verdict for verdict in verdicts if verdict.verdict in UNMET]
    by_id = {verdict.case.id: waiver for verdict in unmet for waiver in reversed(valid) if waiver.quotes(verdict)}
    while more := {
        verdict.case.id: by_id[verdict.follows]
        for verdict in unmet
        if verdict.case.id not in by_id and verdict.follows in by_id
    }:
        by_id |= more
    return tuple(
        replace(verdict, verdict="waived", waiver=by_id[verdict.case.id], unwaived=verdict.verdict)
        if verdict.case.id in by_id
        else verdict
        for verdict in verdicts
    )


def standings(run: Run) -> tuple[Standing, ...]:
    """What each waiver that was given came to in a run; those of other targets count where they quote a finding."""
    where = scope_of(run)
    verdicts = {verdict.case.id: verdict for verdict in run.result.cases}
    found = [(waiver, verdicts.get(waiver.requirement)) for waiver in run.inquiry.waivers]
    return tuple(
        Standing(waiver, state, waiver.days_left(where), _words(waiver, verdict, state, where))
        for waiver, verdict in found
        if (state := _state(waiver, verdict, where))
    )


def stale(run: Run) -> bool:
    """Whether a waiver excuses what is met, so that the run fails until it is removed."""
    return any(one.state == "stale" for one in standings(run))


def _state(waiver: Waiver, verdict: Verdict | None, where: Scope) -> str:
    quoted = verdict is not None and waiver.quotes(verdict)
    if not waiver.covers(where.target, where.profile):
        return "elsewhere" if quoted and verdict is not None and verdict.verdict in UNMET else ""
    # A row that is newer than the edition that judges is only observed, whatever came.
    if verdict is None or verdict.newer or verdict.verdict not in (*MET, *UNMET, "waived"):
        return "undecided"
    if verdict.verdict in MET:
        return "stale"
    return "different" if not quoted else "excuses" if waiver.days_left(where) >= 0 else "expired"


def _words(waiver: Waiver, verdict: Verdict | None, state: str, where: Scope) -> str:
    if verdict is None or (verdict.verdict == "waived" and state != "expired"):
        return ""
    under = f" under the profile {waiver.profile}" if waiver.profile else ""
    words = {
        "expired": f"expired on {waiver.expires}",
        "stale": f"is stale, since the case is {verdict.verdict}: remove it",
        "different": "quotes another finding than the one of this run",
        "elsewhere": f"is for {', '.join(waiver.targets)}{under}; this is {where.target} under {where.profile}",
    }
    return f"{waiver.place}: the waiver of {waiver.requirement} {words[state]}" if state in words else ""


# The file


def read(file: Path, name: str) -> tuple[Waiver, ...]:
    """The waivers in a file.

    Args:
        file: a TOML file with a ``[[waivers]]`` table for each.
        name: the file as messages name it.

    Raises:
        SettingsError: something in it is malformed; the text says where, and what belongs there.
    """
    found: list[Waiver] = []
    try:
        text = read_file(file)
        lines = text.split("\n")
        for line, entry in blocks(text):
            one = replace(_waiver(entry, lines, line - 1), file=name, line=_line(lines, "requirement", line - 1))
            _check_twins(one, found)
            found.append(one)
    except SettingsError as error:
        raise SettingsError(f"{shown(name)}: {error}") from None
    return tuple(found)


def check(waivers: Iterable[Waiver], cases: Iterable[Case]) -> None:
    """Makes sure that every waiver is of a requirement.

    Args:
        waivers: the waivers of a file.
        cases: every case there is, selected or not.

    Raises:
        SettingsError: one is of something else; the text says which is near.
    """
    known = dict.fromkeys([*catalogue.load().requirements, *(case.id for case in cases)])
    for waiver in waivers:
        if waiver.requirement not in known:
            near = catalogue.nearest(waiver.requirement, known)
            hint = f"did you mean {near}?" if near else "accepted: those of token-conformance list, and of --cases"
            raise SettingsError(f"{waiver.place}: there is no requirement {shown(waiver.requirement)}; {hint}")


def blocks(text: str) -> list[tuple[int, dict[str, Any]]]:
    """The entries of a TOML document that holds nothing but waivers, however they are filled, with their first lines.

    Raises:
        SettingsError: it is something else; the text says where.
    """
    lines = text.split("\n")
    try:
        document = parse_toml(text)
    except SettingsError as error:
        raise SettingsError(str(error).replace("at end of document", f"at line {len(lines)}, the last one")) from None
    for key in document:
        if key != TABLE:
            place = _line(lines, key, 0)
            raise SettingsError(f"line {place}: {shown(key)} is no key of a file of waivers; {accepted(key, [TABLE])}")
    entries_, starts = document.get(TABLE, []), _starts(lines)
    if not isinstance(entries_, list) or len(entries_) != len(starts):
        raise SettingsError(f"line {_line(lines, TABLE, 0)}: each waiver is a table of its own, under [[{TABLE}]]")
    return list(zip(starts, entries_, strict=True))


def _starts(lines: list[str]) -> list[int]:
    """The lines that begin an entry, from 1."""
    found: list[int] = []
    start: int | None = None
    for at in (*(at for at, line in enumerate(lines) if _HEADING.match(line)), len(lines)):
        # What looks like a heading in a text of several lines leaves that text without an end.
        if start is None or _whole(lines[start:at]):
            start = at
            found.append(at + 1)
    return found[:-1]


def _whole(lines: list[str]) -> bool:
    try:
        parse_toml("\n".join(lines))
    except SettingsError:
        return False
    return True


def _waiver(entry: Mapping[str, Any], lines: list[str], start: int) -> Waiver:
    """The waiver of an entry.

    Raises:
        SettingsError: something in it is malformed; the text names the line.
    """
    values = {}
    for key, value in entry.items():
        try:
            values[key] = _value(key, value)
        except SettingsError as error:
            raise SettingsError(f"line {_line(lines, key, start)}: {error}") from None
    missing = [key for key in KEYS if key not in entry and key not in OPTIONAL]
    if missing:
        what = f"the waiver has no {', no '.join(missing)}; {missing[0]}: {KEYS[missing[0]]}"
        raise SettingsError(f"line {start + 1}: {what}")
    return Waiver(**values)


def _value(key: str, value: Any) -> Any:
    if key not in KEYS:
        raise SettingsError(f"{shown(key)} is no key of a waiver; {accepted(key, KEYS)}")
    wanted = f"accepted: {KEYS[key]}"
    if isinstance(value, str) and not value.strip():
        raise SettingsError(f"{key}: is empty; {wanted}")
    if key == "targets":
        if not isinstance(value, list) or not value or not all(isinstance(one, str) and one.strip() for one in value):
            raise SettingsError(f"{key}: is no list of names; {wanted}")
        return tuple(value)
    if type(value) is not (date if key == "expires" else str):
        raise SettingsError(f"{key}: {kind_of(value)} is not accepted; {wanted}")
    return value


def _check_twins(one: Waiver, others: Iterable[Waiver]) -> None:
    for other in others:
        if _excuse_the_same(one, other):
            where = f"on line {other.line} already"
            raise SettingsError(f"line {one.line}: this finding of {one.requirement} is waived {where}")


def _excuse_the_same(one: Waiver, other: Waiver) -> bool:
    return (
        one.requirement == other.requirement
        and alike(one.actual, other.actual)
        and not {*one.targets}.isdisjoint(other.targets)
        and (one.profile == other.profile or "" in (one.profile, other.profile))
    )


def _line(lines: list[str], key: str, start: int) -> int:
    """The line that gives a key its value, from 1; the first one there where none is found."""
    place = re.compile(rf"\s*\[*\s*(?:{TABLE}\s*\.\s*)?[\"']?{re.escape(key)}[\"']?\s*[].=]")
    return next((at + 1 for at in range(start, len(lines)) if place.match(lines[at])), start + 1)
