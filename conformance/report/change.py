"""The change of a request against the valid one, line by line, with what changed in a line marked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from conformance.report import escape
from conformance.request import VALID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.request import Template

LONGEST = 400
"""Characters of a line that are shown."""

_ALIKE = 0.2
"""Share of a line that has to stay, for the rest of it to be marked."""

# A symbol, an escape or a word changes as a whole: single letters that two words share help nobody.
_TOKENS = re.compile(r"\{[^{}]*\}|\\x[0-9a-f]{2}|\\.|\w+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a request beside the valid one.

    Attributes:
        kind: ``same``, ``gone`` or ``new``.
        parts: its text in pieces, each with whether it is what changed.
    """

    kind: str
    parts: tuple[tuple[str, bool], ...]


def symbolic(template: Template) -> tuple[Line, ...]:
    """A template beside the valid request; symbols stand in braces."""
    return lines(VALID.lines(), template.lines())


def masked(sent: bytes, control: bytes) -> tuple[Line, ...]:
    """A request beside the valid one as both travelled; every octet of a secret is a ``*``."""
    return lines(escape.wire(control).split("\n"), escape.wire(sent).split("\n"))


def lines(before: Sequence[str], after: Sequence[str]) -> tuple[Line, ...]:
    """Two texts, line by line: what stayed, what is gone, and what is new."""
    before, after = tuple(map(_cut, before)), tuple(map(_cut, after))
    found: list[Line] = []
    for tag, old, old_end, new, new_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        gone, come = before[old:old_end], after[new:new_end]
        if tag == "equal":
            found += [Line("same", ((text, False),)) for text in gone]
        elif len(gone) == len(come):
            pairs = [_pair(one, other) for one, other in zip(gone, come, strict=True)]
            found += [line for pair in pairs for line in pair]
        else:
            found += [Line("gone", ((text, False),)) for text in gone]
            found += [Line("new", ((text, False),)) for text in come]
    return tuple(found)


def _pair(before: str, after: str) -> tuple[Line, Line]:
    """A line and what it became; what changed in it is marked unless that is nearly all."""
    old, new = _TOKENS.findall(before), _TOKENS.findall(after)
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    gone = _joined(("".join(old[start:end]), tag != "equal") for tag, start, end, _, _ in codes)
    come = _joined(("".join(new[start:end]), tag != "equal") for tag, _, _, start, end in codes)
    stayed = sum(len(text) for text, changed in gone if not changed)
    if stayed < _ALIKE * max(len(before), len(after)):
        return Line("gone", ((before, False),)), Line("new", ((after, False),))
    return Line("gone", gone), Line("new", come)


def _joined(pieces: Iterator[tuple[str, bool]]) -> tuple[tuple[str, bool], ...]:
    """Pieces without the empty ones; a mark between two changed words changes with them."""
    found: list[tuple[str, bool]] = []
    for text, changed in pieces:
        if changed and len(found) > 1 and found[-2][1] and len(found[-1][0]) == 1:
            found[-2:] = [(found[-2][0] + found[-1][0] + text, True)]
        elif text:
            found.append((text, changed))
    return tuple(found)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"
