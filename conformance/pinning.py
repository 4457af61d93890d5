"""Pinning: the fingerprint of a target kept as a file, and where a later run has drifted from it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conformance import catalogue
from conformance.catalogue import UNKNOWN
from conformance.keys import parse_toml, quoted, read_file
from conformance.report.folder import put
from conformance.target import SettingsError, accepted, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from conformance.case import Case

FORMAT = "token-conformance-fingerprint/1"
FILE = "fingerprint.toml"

_KEYS = {"format": str, "target": str, "base_url": str, "profile": str, "edition": int, "traits": dict}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a target chose where the standards leave a choice.

    Attributes:
        target: name of the target.
        base_url: where it was.
        profile: name of the profile of the run.
        edition: edition of the catalogue of the run.
        traits: values by name of the trait; what was not seen is left out.
        file: the file as messages name it; empty where it comes from none.
        lines: the line of each trait in the file, from 1.
    """

    target: str
    base_url: str
    profile: str
    edition: int
    traits: Mapping[str, str]
    file: str = ""
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Drift:
    """A trait that has another value than the pinned one.

    Attributes:
        trait: its name.
        pinned: the value in the fingerprint.
        seen: the value of the run.
    """

    trait: str
    pinned: str
    seen: str


def fingerprint(summary: Mapping[str, Any]) -> Fingerprint:
    """The fingerprint of a run.

    Args:
        summary: what its ``summary.json`` says.

    Raises:
        ValueError: the run saw none of the traits.
    """
    traits = {name: value for name, value in summary["traits"].items() if value != UNKNOWN}
    if not traits:
        raise ValueError(f"the run saw no trait, so that there is nothing to pin: {summary['reason']}")
    return Fingerprint(
        target=summary["target"]["name"],
        base_url=summary["target"]["base_url"],
        profile=summary["profile"],
        edition=summary["edition"],
        traits=traits,
    )


def drift(pinned: Mapping[str, str], seen: Mapping[str, str]) -> tuple[Drift, ...]:
    """The traits that both sides know with different values, in the order of the pinned ones.

    What was not seen is no choice, so that nothing drifts to ``unknown`` or from it.
    """
    return tuple(
        Drift(trait, value, seen[trait])
        for trait, value in pinned.items()
        if UNKNOWN not in (value, seen.get(trait, UNKNOWN)) and value != seen[trait]
    )


def written(pinned: Fingerprint) -> str:
    """The TOML document of a fingerprint."""
    facts = (("target", pinned.target), ("base_url", pinned.base_url), ("profile", pinned.profile))
    return "\n".join(
        (
            "# What this token endpoint chose where the standards leave a choice. A run says what has changed since:",
            f"# token-conformance run --pinned {FILE}",
            f"format = {quoted(FORMAT)}",
            *(f"{name} = {quoted(value)}" for name, value in facts),
            f"edition = {pinned.edition}",
            "",
            "[traits]",
            *(f"{quoted(name)} = {quoted(value)}" for name, value in pinned.traits.items()),
            "",
        )
    )


def read(file: Path, name: str) -> Fingerprint:
    """The fingerprint in a file.

    Args:
        file: the file.
        name: the file as messages name it.

    Raises:
        SettingsError: it is no fingerprint; the text says where in the file, and why.
    """
    lines: list[str] = []
    try:
        text = read_file(file)
        lines = text.splitlines()
        document = parse_toml(text)
    except SettingsError as error:
        told = str(error).replace("at end of document", f"at line {len(lines)}, the last one")
        raise SettingsError(f"{shown(name)}: {told}") from None
    for key, value in document.items():
        if key not in _KEYS:
            raise SettingsError(f"{_at(name, lines, key)}: {shown(key)} is no key of a fingerprint; {_accepted(key)}")
        if not isinstance(value, _KEYS[key]) or isinstance(value, bool):
            kind = {str: "a string", int: "a whole number", dict: "a table"}[_KEYS[key]]
            raise SettingsError(f"{_at(name, lines, key)}: {key} has to be {kind}")
    if document.get("format") != FORMAT:
        where = _at(name, lines, "format")
        raise SettingsError(f"{where}: format has to be {FORMAT!r}; token-conformance pin RUN writes such a file")
    missing = [key for key in _KEYS if key not in document]
    if missing:
        raise SettingsError(f"{shown(name)}: line {len(lines)}: the file ends without {', '.join(missing)}")
    start = _line(lines, "traits")
    places = {trait: _line(lines, trait, start) for trait in document["traits"]}
    for trait, value in document["traits"].items():
        if not isinstance(value, str) or not value:
            raise SettingsError(
                f"{shown(name)}: line {places[trait]}: {shown(trait)} has to be a string that is not empty; "
                'a name with a dot stands in quotation marks, such as "scope.missing" = "default"'
            )
    return Fingerprint(
        document["target"],
        document["base_url"],
        document["profile"],
        document["edition"],
        document["traits"],
        name,
        places,
    )


def check(pinned: Fingerprint, profile: str, cases: Iterable[Case]) -> None:
    """Makes sure that a fingerprint can be compared with a run.

    Args:
        pinned: the fingerprint.
        profile: name of the profile of the run.
        cases: every case there is, selected or not.

    Raises:
        SettingsError: it was made with another profile or a newer edition, or pins what no case can see.
    """
    if pinned.profile != profile:
        raise SettingsError(
            f"{shown(pinned.file)}: was made with the profile {shown(pinned.profile)}, and this is {profile!r}; "
            "pin a run of this profile"
        )
    edition = catalogue.load().edition
    if pinned.edition > edition:
        raise SettingsError(
            f"{shown(pinned.file)}: was made with edition {pinned.edition} of the catalogue, and this release has "
            f"{edition}; install a newer release, or pin a run of this one"
        )
    declared = {name: values for case in cases for name, values in case.requirement.traits.items()}
    for trait, value in pinned.traits.items():
        where = f"{shown(pinned.file)}: line {pinned.lines.get(trait, 1)}"
        if trait not in declared:
            near = catalogue.nearest(trait, declared)
            hint = f"did you mean {near!r}?" if near else "pin a run again, or give the file of your own cases"
            raise SettingsError(f"{where}: {shown(trait)} is no trait; {hint}")
        values = dict.fromkeys((*declared[trait], UNKNOWN))
        if value not in values:
            raise SettingsError(f"{where}: {trait} cannot be {shown(value)}; {accepted(value, values)}")


def keep(pinned: Fingerprint, file: Path) -> None:
    """Writes a fingerprint, in the place of an earlier one of the same target and profile if there is any.

    Raises:
        SettingsError: something else is there, or it cannot be written.
    """
    if file.exists():
        try:
            found = parse_toml(read_file(file))
        except SettingsError:
            found = {}
        if found.get("format") != FORMAT:
            raise SettingsError(f"--output {file}: holds something else than a fingerprint; name another file")
        for key in ("target", "profile"):
            if found.get(key) != getattr(pinned, key):
                raise SettingsError(
                    f"--output {file}: is the fingerprint of the {key} {shown(found.get(key))}, and the run is of "
                    f"{getattr(pinned, key)!r}; name another file"
                )
    try:
        put(file, written(pinned))
    except OSError as error:
        raise SettingsError(f"--output {file}: cannot be written: {error.strerror}") from None


def _accepted(key: str) -> str:
    return accepted(key, _KEYS)


def _at(name: str, lines: list[str], key: str) -> str:
    return f"{shown(name)}: line {_line(lines, key)}"


def _line(lines: list[str], key: str, start: int = 0) -> int:
    """The line that gives a key its value, from 1; the first one where none is found."""
    place = re.compile(rf"\s*\[*\s*[\"']?{re.escape(key)}[\"']?\s*[].=]")
    return next((at for at, line in enumerate(lines, 1) if at > start and place.match(line)), 1)
