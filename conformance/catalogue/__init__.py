"""The requirements as data: one TOML file an area, checked completely when it is read.

``catalogue.toml`` names the edition and the areas in catalogue order; the requirements of an area stand in the file
named after it (``AUTH`` in ``auth.toml``), in the order in which they are shown.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from conformance.resources import PACKAGE
from conformance.target import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Area", "Catalogue", "CatalogueError", "Level", "Requirement", "Source", "load", "nearest", "read"]

Unmet = Literal["failed", "warning", "observed"]

INDEX = "catalogue.toml"
UNKNOWN = "unknown"


class CatalogueError(ValueError):
    """The catalogue contradicts its own rules; the text names file, row and key."""


class Level(StrEnum):
    """What kind of statement a requirement is."""

    MUST = "MUST"
    DOC = "DOC"
    ROBUST = "ROBUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


_UNMET_BY_LEVEL: Mapping[Level, Unmet] = {
    Level.MUST: "failed",
    Level.DOC: "failed",
    Level.ROBUST: "failed",
    Level.SHOULD: "warning",
    Level.MAY: "observed",
}
_UNMET_BY_SEVERITY: Mapping[str, Unmet] = {"fail": "failed", "warn": "warning"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a requirement comes from.

    Attributes:
        text: the place in words, such as ``RFC 9110, section 5.5``.
        url: the place on the web, or None where there is none.
    """

    text: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Requirement:
    """One testable statement about a token endpoint.

    Attributes:
        id: stable name, such as ``AUTH-008``.
        area: name of the area, such as ``AUTH``.
        level: what kind of statement it is.
        derived: it follows from the text of a standard without a keyword there that binds the server.
        severity: ``warn`` or ``fail`` where that replaces what the level gives, else None.
        title: the requirement in a few words, without a full stop.
        statement: what a conforming server does.
        why: what goes wrong for users otherwise.
        remedy: what the owner of the server is to change.
        sources: at least one.
        note: what conforms although it looks odd; may be empty.
        profiles: the profiles it applies to, and whatever extends them; empty means every profile.
        since: the edition of the catalogue that brought it.
        traits: the choices it observes, each with the closed list of its values, ``unknown`` last.
        undecidable: it may stay inconclusive without making the run so.
        intrusive: its stimuli may alarm a firewall and are sent last.
        on_demand: its stimuli go to other hosts than this machine only where it is included by name.
        edge: it judges the HTTP server in front of the endpoint, which has a verdict of its own.
        joins: requirements whose finding it repeats when the same answer fails both.
        repeats: requirements whose request it sends in another form, so that the same answer to both is one finding.
        needs: optional settings without which it is not applicable: ``scope``, or the role of a further client.
        reason: why it cannot be seen from outside, so that it has no case; empty where it can.
    """

    id: str
    area: str
    level: Level
    derived: bool
    severity: str | None
    title: str
    statement: str
    why: str
    remedy: str
    sources: tuple[Source, ...]
    note: str
    profiles: tuple[str, ...]
    since: int
    traits: Mapping[str, tuple[str, ...]] = field(hash=False)
    undecidable: bool
    intrusive: bool
    on_demand: bool
    edge: bool
    joins: tuple[str, ...]
    needs: tuple[str, ...]
    repeats: tuple[str, ...] = ()
    reason: str = ""

    @property
    def unmet(self) -> Unmet:
        """The verdict when it is not met and the case names no other."""
        return _UNMET_BY_LEVEL[self.level] if self.severity is None else _UNMET_BY_SEVERITY[self.severity]

    def counts(self, fail_on: Literal["must", "should", "never"]) -> bool:
        """Whether not meeting it makes a run non-conformant.

        Args:
            fail_on: ``must`` counts what fails, ``should`` also what warns, ``never`` nothing.
        """
        return self.unmet in {"must": {"failed"}, "should": {"failed", "warning"}, "never": set()}[fail_on]


@dataclass(frozen=True, slots=True)
class Area:
    """A group of requirements with a question in common.

    Attributes:
        name: capital letters, the first part of the requirements' IDs.
        title: a heading.
        about: what the area asks of a server, in one sentence.
    """

    name: str
    title: str
    about: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All requirements of one edition.

    Attributes:
        edition: counts up with each published change.
        areas: in catalogue order.
        requirements: by ID, in catalogue order.
        digest: SHA-256 of the content in hexadecimal; layout and comments of the files do not change it.
    """

    edition: int
    areas: tuple[Area, ...]
    requirements: Mapping[str, Requirement] = field(hash=False)
    digest: str


@cache
def load() -> Catalogue:
    """The catalogue of this package, read once.

    Raises:
        CatalogueError: a file breaks a rule of the catalogue.
    """
    folder = PACKAGE / "catalogue"
    files = (file for file in folder.iterdir() if file.name.endswith(".toml"))
    return read({file.name: file.read_text(encoding="utf-8") for file in files})


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is probably meant, or None; ``AUTH-8`` and ``auth-008`` mean ``AUTH-008``."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    # The comparison is slow on long text, and no name is that long.
    folded = name.strip().casefold()[:64]
    if numbered := re.fullmatch(r"([a-z]+)[-_ ]?0*([0-9]+)", folded):
        folded = f"{numbered[1]}-{numbered[2]:0>3}"
    found = get_close_matches(folded, by_folded, n=1)
    return by_folded[found[0]] if found else None


def read(texts: Mapping[str, str]) -> Catalogue:
    """The catalogue that the given files make up.

    Args:
        texts: the TOML text of every file, by file name; ``catalogue.toml`` is the index.

    Raises:
        CatalogueError: a file is missing or left over, or breaks a rule.
    """
    index = _parsed(INDEX, texts)
    _check_keys(index, {"edition": int, "areas": list}, {}, INDEX)
    edition: int = index["edition"]
    if edition < 1:
        raise CatalogueError(f"{INDEX}: edition: {edition} is below 1")
    names = _words(index["areas"], f"{INDEX}: areas", pattern=r"[A-Z]+")
    if stray := sorted(set(texts) - {INDEX, *map(_file, names)}):
        raise CatalogueError(f"{INDEX}: areas: no area for the file {stray[0]}")

    documents = {name: _parsed(_file(name), texts) for name in names}
    areas: list[Area] = []
    requirements: dict[str, Requirement] = {}
    for name, document in documents.items():
        _check_keys(document, {"area": str, "title": str, "about": str, "requirements": dict}, {}, _file(name))
        if document["area"] != name:
            raise CatalogueError(f"{_file(name)}: area: {document['area']!r} is not {name!r}")
        areas.append(Area(name, document["title"], document["about"]))
        for id_, row in document["requirements"].items():
            requirements[id_] = _requirement(id_, row, name, edition)
    _check_across(requirements)

    content = json.dumps([index, documents], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(content.encode()).hexdigest()
    return Catalogue(edition, tuple(areas), MappingProxyType(requirements), digest)


_ROW_KEYS: Mapping[str, type] = {
    "level": str,
    "title": str,
    "statement": str,
    "why": str,
    "remedy": str,
    "sources": list,
    "since": int,
}
_OPTIONAL_ROW_KEYS: Mapping[str, type] = {
    "derived": bool,
    "severity": str,
    "note": str,
    "profiles": list,
    "traits": dict,
    "undecidable": bool,
    "intrusive": bool,
    "on_demand": bool,
    "edge": bool,
    "joins": list,
    "needs": list,
    "repeats": list,
    "reason": str,
}
_PROFILES = ("passport", "rfc6749")
_NEEDS = ("scope", *ROLES)
_TYPE_NAMES: Mapping[type, str] = {
    str: "a string that is not empty",
    int: "a whole number",
    bool: "true or false",
    list: "an array of different strings, at least one",
    dict: "a table",
}


def _requirement(id_: str, row: Any, area: str, edition: int) -> Requirement:
    where = f"{_file(area)}: {id_}"
    if not re.fullmatch(rf"{area}-[0-9]{{3}}", id_):
        raise CatalogueError(f"{where}: the ID is not {area}- and three digits")
    if not isinstance(row, dict):
        raise CatalogueError(f"{where}: not a table")
    _check_keys(row, _ROW_KEYS, _OPTIONAL_ROW_KEYS, where)
    level = Level(_one_of(row["level"], tuple(level.value for level in Level), f"{where}: level"))
    derived: bool = row.get("derived", False)
    if derived and level is not Level.MUST:
        raise CatalogueError(f"{where}: derived: only a MUST can be derived, not a {level}")
    severity = row.get("severity")
    if severity is not None:
        _one_of(severity, tuple(_UNMET_BY_SEVERITY), f"{where}: severity")
    since: int = row["since"]
    if not 1 <= since <= edition:
        raise CatalogueError(f"{where}: since: {since} is no edition up to {edition}")
    return Requirement(
        id=id_,
        area=area,
        level=level,
        derived=derived,
        severity=severity,
        title=row["title"],
        statement=row["statement"],
        why=row["why"],
        remedy=row["remedy"],
        sources=tuple(_source(text, f"{where}: sources") for text in _words(row["sources"], f"{where}: sources")),
        note=row.get("note", ""),
        profiles=_chosen(row, "profiles", _PROFILES, where),
        since=since,
        traits=_traits(row.get("traits", {}), f"{where}: traits"),
        undecidable=row.get("undecidable", False),
        intrusive=row.get("intrusive", False),
        on_demand=row.get("on_demand", False),
        edge=row.get("edge", False),
        joins=_words(row["joins"], f"{where}: joins") if "joins" in row else (),
        needs=_chosen(row, "needs", _NEEDS, where),
        repeats=_words(row["repeats"], f"{where}: repeats") if "repeats" in row else (),
        reason=row.get("reason", ""),
    )


def _traits(table: Mapping[str, Any], where: str) -> Mapping[str, tuple[str, ...]]:
    traits: dict[str, tuple[str, ...]] = {}
    for name, values in table.items():
        if not re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)?", name):
            raise CatalogueError(f"{where}: {name!r} is no trait name such as scope.missing")
        words = _words(values, f"{where}: {name}", pattern=r"[a-z0-9_]+")
        if UNKNOWN in words:
            raise CatalogueError(f"{where}: {name}: {UNKNOWN!r} belongs to every list and is not written")
        if len(words) == 1:
            raise CatalogueError(f"{where}: {name}: one value leaves no choice")
        traits[name] = (*words, UNKNOWN)
    return MappingProxyType(traits)


_FIXED_SOURCES: Mapping[str, Source] = {
    "URL standard urlencoded parsing": Source(
        "URL standard, application/x-www-form-urlencoded parsing", "https://url.spec.whatwg.org/#urlencoded-parsing"
    ),
    "OpenAPI": Source("OpenAPI description of the profile", None),
    "inference": Source("inference, not a sentence of a standard", None),
    "robustness": Source("robustness, no standard is claimed", None),
}


def _source(text: str, where: str) -> Source:
    if text in _FIXED_SOURCES:
        return _FIXED_SOURCES[text]
    if place := re.fullmatch(r"seed (\S.*)", text):
        return Source(f"published document, {place[1]}", None)
    rfc = re.fullmatch(r"RFC([1-9][0-9]{3,4})(?: ([0-9]+(?:\.[0-9]+)*)| ([A-Z](?:\.[0-9]+)*))?", text)
    if rfc is None:
        raise CatalogueError(
            f"{where}: {text!r} is neither 'RFC9110 5.5', 'RFC6749 A.12', 'seed <where>' nor one of "
            + ", ".join(map(repr, _FIXED_SOURCES))
        )
    number, section, appendix = rfc.groups()
    page = f"https://www.rfc-editor.org/rfc/rfc{number}"
    if section:
        return Source(f"RFC {number}, section {section}", f"{page}#section-{section}")
    if appendix:
        return Source(f"RFC {number}, appendix {appendix}", f"{page}#appendix-{appendix}")
    return Source(f"RFC {number}", page)


def _check_across(requirements: Mapping[str, Requirement]) -> None:
    owner: dict[str, str] = {}
    for requirement in requirements.values():
        where = f"{_file(requirement.area)}: {requirement.id}"
        for trait in requirement.traits:
            if trait in owner:
                raise CatalogueError(f"{where}: traits: {trait} is declared by {owner[trait]} already")
            owner[trait] = requirement.id
        for key, others in (("joins", requirement.joins), ("repeats", requirement.repeats)):
            if requirement.id in others:
                raise CatalogueError(f"{where}: {key}: a row does not {key.removesuffix('s')} itself")
            for other in others:
                _one_of(other, tuple(requirements), f"{where}: {key}", listed=False)


def _file(area: str) -> str:
    return f"{area.lower()}.toml"


def _parsed(name: str, texts: Mapping[str, str]) -> dict[str, Any]:
    if name not in texts:
        raise CatalogueError(f"{name}: the file is missing")
    try:
        return tomllib.loads(texts[name])
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{name}: not TOML: {error}") from None


def _check_keys(
    table: Mapping[str, Any], required: Mapping[str, type], optional: Mapping[str, type], where: str
) -> None:
    known = {**required, **optional}
    for key in required:
        if key not in table:
            raise CatalogueError(f"{where}: {key}: the key is missing")
    for key, value in table.items():
        if key not in known:
            raise CatalogueError(f"{where}: {key}: no such key{_hint(key, known)}")
        # By identity: a bool is an int, but true is no edition.
        if type(value) is not known[key] or (isinstance(value, str) and not value.strip()):
            raise CatalogueError(f"{where}: {key}: not {_TYPE_NAMES[known[key]]}")


def _words(value: Any, where: str, *, pattern: str = r"\S(.*\S)?") -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
        raise CatalogueError(f"{where}: not {_TYPE_NAMES[list]}")
    for position, word in enumerate(value):
        if not re.fullmatch(pattern, word):
            raise CatalogueError(f"{where}: {word!r} is not allowed here")
        if word in value[:position]:
            raise CatalogueError(f"{where}: {word!r} stands there twice")
    return tuple(value)


def _chosen(row: Mapping[str, Any], key: str, accepted: tuple[str, ...], where: str) -> tuple[str, ...]:
    if key not in row:
        return ()
    return tuple(_one_of(word, accepted, f"{where}: {key}") for word in _words(row[key], f"{where}: {key}"))


def _one_of(word: str, accepted: tuple[str, ...], where: str, *, listed: bool = True) -> str:
    if word not in accepted:
        among = f"none of {', '.join(accepted)}" if listed else "unknown"
        raise CatalogueError(f"{where}: {word!r} is {among}{_hint(word, accepted)}")
    return word


def _hint(word: str, known: Iterable[str]) -> str:
    guess = nearest(word, known)
    return "" if guess is None else f"; did you mean {guess!r}?"
