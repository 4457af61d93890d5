"""The `waive` command: a waiver drafted from a finding of a run, which excuses nothing until all of it is filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from conformance import catalogue, waivers
from conformance.catalogue import nearest
from conformance.keys import quoted, read_file
from conformance.report import results, summary
from conformance.report.folder import RESULTS
from conformance.target import SettingsError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

TERMS = ("reason", "owner", "ticket", "expires")
"""What only people know of a waiver."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a run knows of a finding that may be waived.

    Attributes:
        requirement: ID of the requirement.
        title: its level and what it says, in a few words.
        target: name of the target.
        profile: name of the profile.
        actual: what came.
    """

    requirement: str
    title: str
    target: str
    profile: str
    actual: str


# Why there is nothing to waive where the verdict is no finding.
_NO_FINDING = {
    "passed": "it passed",
    "observed": "it was only observed, which counts nowhere",
    "not_applicable": "it does not apply to this target",
    "inconclusive": "it could not be decided, and a waiver excuses nothing but a finding",
    "error": "the case itself failed, which is a fault of the suite or of your own case",
}


def finding(folder: Path, identifier: str) -> Finding:
    """A finding of the run in a folder.

    Args:
        folder: the folder of the run.
        identifier: ID of the requirement.

    Raises:
        SettingsError: the run cannot be read, or has no such finding; the text says what it has instead.
    """
    try:
        return _found(summary.document(folder / RESULTS, results.FORMAT), identifier)
    except (KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{folder}: {RESULTS} is none of this suite: {type(error).__name__} {error}") from None
    except ValueError as error:
        raise SettingsError(f"{folder}: {error}") from None


def _found(run: Mapping[str, Any] | None, identifier: str) -> Finding:
    if run is None:
        raise ValueError(f"holds no {RESULTS}, which token-conformance judge writes")
    if run["verdict"] == "unusable":
        raise ValueError(f"the run is unusable, so that it has no findings: {run['reason']}")
    one = _case({one["id"]: one for one in run["cases"]}, identifier)
    # TOML has no room for half a surrogate pair.
    actual = one["actual"].encode("utf-8", "replace").decode()
    target = run["target"]
    return Finding(identifier, f"{one['level']}: {one['title']}", target["name"], target["profile"], actual)


def _case(cases: Mapping[str, Mapping[str, Any]], identifier: str) -> Mapping[str, Any]:
    if identifier not in cases:
        near = None if identifier in catalogue.load().requirements else nearest(identifier, cases)
        raise ValueError(f"the run did not judge {shown(identifier)}" + (f"; did you mean {near}?" if near else ""))
    one = cases[identifier]
    if one["verdict"] == "waived":
        raise ValueError(f"{identifier} is waived already, until {one['waiver']['expires']}")
    if one["verdict"] not in waivers.UNMET:
        raise ValueError(f"{identifier} has no finding to waive: {_NO_FINDING[one['verdict']]}")
    if one["follows"]:
        leader, seen = one["follows"], {identifier}
        while leader in cases and cases[leader]["follows"] and leader not in seen:
            seen.add(leader)
            leader = cases[leader]["follows"]
        raise ValueError(f"{identifier} follows the finding of {leader}; waive {leader}, and what follows it is waived")
    if not one["actual"].strip():
        raise ValueError(f"{identifier} does not say what came, so that no waiver can quote it")
    return one


def checked(terms: Mapping[str, str | None]) -> dict[str, str | date]:
    """Those of `TERMS` that were given.

    Raises:
        SettingsError: one is empty, or the last day is none or has passed.
    """
    given: dict[str, str | date] = {}
    for name, value in terms.items():
        if value is None:
            continue
        if not value.strip():
            raise SettingsError(f"--{name}: is empty; leave it out, and fill it in later")
        given[name] = _expiry(value) if name == "expires" else value
    return given


def _expiry(text: str) -> date:
    try:
        found = date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        found = None
    if found is None:
        raise SettingsError(f"--expires: {shown(text)} is no date; accepted: a day such as 2027-03-01")
    if found < datetime.now(UTC).date():
        raise SettingsError(f"--expires: {found} has passed, so that it would excuse nothing; accepted: a later day")
    return found


def written(found: Finding, terms: Mapping[str, str | date]) -> str:
    """The TOML of a waiver; what is not given is left empty, and refused until somebody fills it in.

    Args:
        found: what is waived.
        terms: of `TERMS`, those that are known.
    """
    lines = [
        f"[[{waivers.TABLE}]]",
        f"# {' '.join(quoted(found.title)[1:-1].split())}",
        f"requirement = {quoted(found.requirement)}",
        f"actual = {quoted(found.actual)}",
        f"targets = [{quoted(found.target)}]",
        f"profile = {quoted(found.profile)}",
    ]
    for name in TERMS:
        value = terms.get(name)
        known = value.isoformat() if isinstance(value, date) else quoted(value) if value else ""
        lines.append(f"{name} = {known}" if known else f'{name} = ""  # {waivers.KEYS[name]}')
    return "\n".join((*lines, ""))


def append(text: str, found: Finding, file: Path) -> int:
    """Writes a waiver at the end of a file, which may be new; returns the line that it begins on.

    Args:
        text: its TOML.
        found: what it waives.
        file: a file of waivers, finished or not.

    Raises:
        SettingsError: the file holds something else, or this finding already, or cannot be written.
    """
    before = ""
    try:
        if file.exists():
            before = read_file(file)
            _check_twins(found, waivers.blocks(before))
        gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
        waivers.blocks(before + gap + text)
        with file.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(gap + text)
    except SettingsError as error:
        raise SettingsError(f"--output {file}: {error}") from None
    except OSError as error:
        raise SettingsError(f"--output {file}: cannot be written: {error.strerror}") from None
    return (before + gap).count("\n") + 1


def _check_twins(found: Finding, others: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
    for line, other in others:
        if _waived_by(other, found):
            raise SettingsError(f"line {line} begins a waiver of this finding already; change that one")


def _waived_by(entry: Mapping[str, Any], found: Finding) -> bool:
    """Whether an entry, which may be half filled in, is of a finding."""
    actual, targets = entry.get("actual"), entry.get("targets")
    return (
        entry.get("requirement") == found.requirement
        and isinstance(actual, str)
        and waivers.alike(actual, found.actual)
        and isinstance(targets, list)
        and found.target in targets
        and entry.get("profile", found.profile) == found.profile
    )
