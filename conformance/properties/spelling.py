"""Other legal spellings of the valid request: each deviation alone is harmless, and so are several together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from conformance.expression import literal
from conformance.request import FORM, VALID, Template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

JOINT = "; "
"""What stands between the deviations of one request in its description."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """One legal deviation from the plain spelling.

    Attributes:
        words: what it is, after the ID of the requirement that owns it.
        apply: changes a template.
    """

    words: str
    apply: Callable[[Template], Template]


def _names(spell: Callable[[str], str]) -> Callable[[Template], Template]:
    def change(template: Template) -> Template:
        lines = (replace(line, name=spell(line.name.decode()).encode()) for line in template.fields)
        return replace(template, fields=tuple(lines))

    return change


def _order(arrange: Callable[[tuple[int, ...]], Iterable[int]]) -> Callable[[Template], Template]:
    def change(template: Template) -> Template:
        places = arrange(tuple(range(len(template.fields))))
        return replace(template, fields=tuple(template.fields[at] for at in places))

    return change


def _spaces(name: str, before: str, after: str) -> Callable[[Template], Template]:
    def change(template: Template) -> Template:
        lines = tuple(
            replace(line, separator=f":{before}".encode(), value=line.value + after if after else line.value)
            if line.name.lower() == name.encode() and line.value is not None
            else line
            for line in template.fields
        )
        return replace(template, fields=lines)

    return change


def _media(value: str) -> Callable[[Template], Template]:
    return lambda template: template.replacing("Content-Type", value)


def _body(*parameters: str) -> Callable[[Template], Template]:
    return lambda template: template.with_form(*parameters)


def _alternating(name: str) -> str:
    return "".join(letter.upper() if at % 2 else letter.lower() for at, letter in enumerate(name))


_GRANT = "grant_type=client_credentials"

SLOTS: tuple[tuple[Deviation, ...], ...] = (
    (
        Deviation("REQ-005 an unknown parameter after grant_type", _body(_GRANT, "x_conformance=1")),
        Deviation("REQ-005 an unknown parameter before grant_type", _body("x_conformance=1", _GRANT)),
        Deviation("REQ-005 an unknown parameter without a value", _body(_GRANT, "x_conformance=")),
        Deviation("REQ-005 an unknown parameter with a hyphen and a digit", _body(_GRANT, "x-conformance-1=1")),
        Deviation("REQ-005 an unknown parameter with a dot and a capital", _body(_GRANT, "x.Conformance=1")),
        Deviation("BODY-003 grant_type between unknown parameters", _body("a=1", _GRANT, "b=2")),
        Deviation("BODY-001 an escaped underscore in the name", _body("grant%5Ftype=client_credentials")),
        Deviation("BODY-001 an escaped underscore in the value", _body("grant_type=client%5Fcredentials")),
        Deviation("BODY-001 escapes in lower-case hexadecimal", _body("grant%5ftype=client%5fcredentials")),
        Deviation("BODY-001 the first letter escaped", _body("%67rant_type=%63lient_credentials")),
        Deviation(
            "BODY-001 every octet of the value escaped",
            _body("grant_type=" + "".join(f"%{ord(letter):02X}" for letter in "client_credentials")),
        ),
    ),
    (
        Deviation("CTYPE-002 the media type in capitals", _media(FORM.upper())),
        Deviation("CTYPE-002 the media type in mixed case", _media("Application/X-WWW-Form-URLencoded")),
        Deviation("CTYPE-003 a charset parameter", _media(f"{FORM}; charset=UTF-8")),
        Deviation("CTYPE-003 a charset parameter without a space", _media(f"{FORM};charset=utf-8")),
        Deviation("CTYPE-003 a quoted charset parameter", _media(f'{FORM}; charset="UTF-8"')),
        Deviation("CTYPE-003 a charset parameter in capitals", _media(f"{FORM}; CHARSET=UTF-8")),
        Deviation("CTYPE-003 a Charset parameter that begins with a capital", _media(f"{FORM}; Charset=utf-8")),
    ),
    (
        Deviation("HDR-001 no space before the Content-Type", _spaces("content-type", "", "")),
        Deviation("HDR-001 three spaces before the Content-Type", _spaces("content-type", "   ", "")),
        Deviation("HDR-002 a space after the Content-Type", _spaces("content-type", " ", " ")),
        Deviation("HDR-002 three spaces after the Content-Type", _spaces("content-type", " ", "   ")),
    ),
    (
        Deviation("HDR-001 no space before the Authorization", _spaces("authorization", "", "")),
        Deviation("HDR-001 two spaces before the Authorization", _spaces("authorization", "  ", "")),
        Deviation("HDR-002 two spaces after the Authorization", _spaces("authorization", " ", "  ")),
    ),
    (
        Deviation("HDR-003 field names in lower case", _names(str.lower)),
        Deviation("HDR-003 field names in capitals", _names(str.upper)),
        Deviation("HDR-003 field names in mixed case", _names(_alternating)),
    ),
    (
        Deviation("HDR-003 fields in reverse order", _order(reversed)),
        Deviation("HDR-003 Host last", _order(lambda places: (*places[1:], places[0]))),
        Deviation("HDR-003 Content-Type first", _order(lambda places: (places[2], *places[:2], *places[3:]))),
    ),
    (
        Deviation("HDR-005 no Accept", lambda template: template.removing("Accept")),
        Deviation("HDR-005 Accept of JSON", lambda template: _if_present(template, "application/json")),
        Deviation(
            "HDR-005 Accept with a quality", lambda template: _if_present(template, "application/json, */*;q=0.5")
        ),
    ),
    (
        Deviation("WIRE-010 the body in one chunk", Template.chunked),
        Deviation("WIRE-010 the body in two chunks", Template.in_two_chunks),
    ),
)
"""Deviations by place; a request takes at most one from each, applied in this order."""


def _if_present(template: Template, accept: str) -> Template:
    return template.replacing("Accept", literal(accept))


def spelled(deviations: Iterable[Deviation]) -> Template:
    """The valid request with some deviations."""
    template = VALID
    for deviation in deviations:
        template = deviation.apply(template)
    return template
