"""The header section of a received response: status line, field lines, and what frames the body (RFC 9112)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Framing = Literal["length", "chunked", "close", "none"]
Span = tuple[int, int]
Notes = dict[str, list[str]]
"""What was odd: a word, and for some a few details."""

OWS = b" \t"
STATUS_START = re.compile(rb"HTTP/[0-9]", re.IGNORECASE)
UNREACHABLE_SIZE = 10**18
"""Stands for every announced size of more digits than can ever arrive (Python converts no more than 4300)."""

_LONGEST = 18
_DETAILS = 8
_STATUS_LINE = re.compile(rb"(HTTP/[0-9]\.[0-9]) ([0-9]{3}) ([\t\x20-\x7e\x80-\xff]*)")
_STATUS_LINE_BARE = re.compile(rb"HTTP/[0-9]\.[0-9] [0-9]{3}")
_STATUS_LINE_LOOSE = re.compile(
    rb"(HTTP/[0-9]{1,3}(?:\.[0-9]{1,3})?)[ \t]*(?:([0-9]{3})(?![0-9]))?[ \t]*(.*)", re.IGNORECASE | re.DOTALL
)
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DECIMAL = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Field:
    """One field line, its obs-folds joined by a space.

    Attributes:
        name: as received, without white space before the colon.
        value: decoded as ISO 8859-1, without white space around it.
        span: octets of the line in the received data, without its line end; folded lines included.
        value_span: octets of the value in the received data.
    """

    name: str
    value: str = field(repr=False)
    span: Span
    value_span: Span


def status_line(line: bytes, notes: Notes) -> tuple[str, int, str]:
    """Version, status (0 where there is none) and reason of a whole status line."""
    found = _STATUS_LINE.fullmatch(line)
    if found is None:
        note(notes, "no-space-after-status" if _STATUS_LINE_BARE.fullmatch(line) else "bad-status-line")
        found = _STATUS_LINE_LOOSE.match(line)
    if found is None:  # pragma: no cover - the loose form matches every line that begins like a status line
        return "", 0, ""
    version = found[1].decode("latin-1")
    if not version.upper().startswith("HTTP/1."):
        note(notes, "unexpected-version", version)
    return version, int(found[2] or 0), found[3].decode("latin-1").rstrip(" \t")


def status_line_cut_short(line: bytes) -> tuple[str, int, str]:
    """The same of a status line whose end never came: what is certain of it."""
    found = _STATUS_LINE_LOOSE.match(line)
    if found is None or found[2] is None or found.end(2) == len(line):
        # Digits at the very end may be the beginning of a longer number.
        return line.partition(b" ")[0].decode("latin-1").rstrip("\r"), 0, ""
    return found[1].decode("latin-1"), int(found[2]), found[3].decode("latin-1").rstrip(" \t\r")


def fields_of(data: bytearray, lines: Iterable[Span], notes: Notes) -> tuple[Field, ...]:
    """The fields of a header or trailer section.

    Args:
        data: the received octets.
        lines: where its lines lie in them; none is empty.
        notes: takes what is odd.
    """
    groups: list[list[Span]] = []  # a field line and the lines folded onto it
    for span in lines:
        if data[span[0]] not in OWS:
            groups.append([span])
        elif groups:
            groups[-1].append(span)
        else:
            note(notes, "space-before-first-field")
    found = (_field(data, group, notes) for group in groups)
    return tuple(line for line in found if line is not None)


def _field(data: bytearray, group: list[Span], notes: Notes) -> Field | None:
    begin, end = group[0]
    before, colon, _ = bytes(data[begin:end]).partition(b":")
    if not colon:
        note(notes, "field-without-colon")
        return None
    name = before.rstrip(OWS)
    shown = _shown(name.decode("latin-1"))
    if not _TOKEN.fullmatch(name):
        note(notes, "bad-field-name")
    if name != before:
        note(notes, "space-before-colon", shown)
    if len(group) > 1:
        note(notes, "obs-fold", shown)
    pieces = [_trimmed(data, span) for span in ((begin + len(before) + 1, end), *group[1:])]
    filled = [piece for piece in pieces if piece[0] < piece[1]] or pieces[:1]
    value = b" ".join(data[slice(*piece)] for piece in filled)
    if b"\0" in value:
        note(notes, "nul-in-field", shown)
    if b"\r" in value:
        note(notes, "cr-in-field", shown)
    return Field(name.decode("latin-1"), value.decode("latin-1"), (begin, group[-1][1]), (filled[0][0], filled[-1][1]))


def _trimmed(data: bytearray, span: Span) -> Span:
    raw = data[slice(*span)]
    begin = span[0] + len(raw) - len(raw.lstrip(OWS))
    return begin, max(begin, span[0] + len(raw.rstrip(OWS)))


def framing_of(version: str, fields: tuple[Field, ...], notes: Notes) -> tuple[Framing, int]:
    """How the body is delimited, and its length where that is announced (RFC 9112 section 6.3)."""
    length = _content_length(fields, notes)
    listed = [member for line in fields if line.name.lower() == "transfer-encoding" for member in line.value.split(",")]
    codings = [member.partition(";")[0].strip(" \t").lower() for member in listed]
    if codings and version.upper() == "HTTP/1.0":
        note(notes, "transfer-encoding-in-http-1.0")
    for coding in codings:
        if coding != "chunked":
            note(notes, "unknown-transfer-coding", _shown(coding))
    if codings.count("chunked") > 1:
        note(notes, "chunked-twice")
    # RFC 2616 knew "identity", which changes nothing.
    applied = [coding for coding in codings if coding not in ("", "identity")]
    if applied:
        chunked = applied[-1] == "chunked"
        if "chunked" in applied and not chunked:
            note(notes, "chunked-not-last")
        if any(line.name.lower() == "content-length" for line in fields):
            note(notes, "length-and-chunked" if chunked else "length-and-transfer-coding")
        return ("chunked" if chunked else "close"), 0
    return ("close", 0) if length is None else ("length", length)


def _content_length(fields: tuple[Field, ...], notes: Notes) -> int | None:
    valid: list[str] = []
    for line in fields:
        if line.name.lower() != "content-length":
            continue
        for member in line.value.split(","):
            digits = member.strip(" \t")
            if _DECIMAL.fullmatch(digits):
                valid.append(digits.lstrip("0") or "0")
            else:
                note(notes, "invalid-content-length", _shown(digits))
    if not valid:
        return None
    if len(set(valid)) > 1:
        for digits in valid:
            note(notes, "two-content-lengths", _shown(digits))
    elif len(valid) > 1:
        note(notes, "repeated-content-length", _shown(valid[0]))
    return int(valid[0]) if len(valid[0]) <= _LONGEST else UNREACHABLE_SIZE


def shown_size(size: int) -> str:
    """An announced size for people."""
    return str(size) if size < UNREACHABLE_SIZE else "10^18 or more"


def _shown(text: str) -> str:
    cut = text if len(text) <= 40 else text[:37] + "..."
    return re.sub(r"[^ -~]", "?", cut)


def note(notes: Notes, word: str, detail: str = "") -> None:
    """Adds an oddity, each detail once and only the first few."""
    details = notes.setdefault(word, [])
    if detail and detail not in details and len(details) < _DETAILS:
        details.append(detail)


def written(notes: Notes) -> tuple[str, ...]:
    """The oddities as text, one entry a word."""
    return tuple(f"{word}: {', '.join(details)}" if details else word for word, details in notes.items())
