r"""Text that a target may have chosen, made harmless for the place where it is shown; one function a medium.

Whatever is not printable stands as an escape everywhere, such as ``\x1b`` or ``\u202e``: control characters,
bidirectional controls, invisible formatting, unpaired surrogates, unassigned code points.
"""

from __future__ import annotations

import html as _html
import re

_WORKFLOW_COMMAND = re.compile(r"^( *):(?=:)", re.MULTILINE)
_LOGGING_COMMAND = re.compile(r"(?<=#)#")
_MARKDOWN = re.compile(r"[\\`*_\[\]<>&@|~$:!{}()#]|(?<=www)\.|(?<=gh)(?=-[0-9])|^[-+=]|^[0-9]+(?=[.)])", re.IGNORECASE)
# A space of no width is the one thing that keeps GitHub from notifying the person of that name, and from noting in an
# issue of that number that it was mentioned.
_MARKDOWN_NAMED = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "@\u200b", "#": "\\#\u200b", "": "\u200b"}
_OCTETS = tuple(
    {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r", 0x5C: "\\\\"}.get(octet)
    or (chr(octet) if 0x20 <= octet < 0x7F else f"\\x{octet:02x}")
    for octet in range(256)
)
_UNUSUAL = re.compile(r"[^\n\x20-\x7e]")
_NAMED = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def terminal(text: str) -> str:
    """Text for a terminal and for the log of a CI job; lines stay lines.

    A ``::`` at the start of a line and every ``##`` are broken up by an escape: runners of CI services take such lines
    as commands, some of them wherever a ``##[`` stands.
    """
    return _LOGGING_COMMAND.sub(r"\\x23", _WORKFLOW_COMMAND.sub(r"\1\\x3a", _printable(text)))


def line(text: str) -> str:
    """Text for one line of a terminal or a log: what would end the line stands as an escape."""
    return terminal(text.replace("\n", "\\n"))


def html(text: str) -> str:
    """Text for the content and the quoted attributes of HTML; lines stay lines."""
    return _html.escape(_printable(text), quote=True)


def xml(text: str) -> str:
    """Text for the content and the quoted attributes of XML 1.0, which cannot carry most control characters at all."""
    return _html.escape(_printable(text), quote=True)


def markdown(text: str) -> str:
    """Text for one line of GitHub Markdown, table cells included: no markup, no link, no mention of anybody."""
    return _MARKDOWN.sub(_marked, " ".join(_printable(text).split("\n")))


def fenced(text: str) -> str:
    """Text as a block of code in GitHub Markdown, to be copied as it stands; lines stay lines."""
    shown = _printable(text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", shown)), default=0))
    return f"{fence}\n{shown}\n{fence}"


def wire(data: bytes) -> str:
    r"""Octets as lines of ASCII for people, so that every one of them can be told.

    A line ends after a line feed, with the ``\r\n`` or ``\n`` that ended it still in sight. A backslash stands doubled,
    so that no octets can pose as an escape.
    """
    return "\n".join(map(_line, re.findall(rb"[^\n]*\n|[^\n]+", data)))


def _line(data: bytes) -> str:
    return "".join(map(_OCTETS.__getitem__, data))


def _marked(found: re.Match[str]) -> str:
    word = found[0]
    return _MARKDOWN_NAMED.get(word) or (f"{word}\\" if word[-1].isdigit() else f"\\{word}")


def _printable(text: str) -> str:
    return text if text.isprintable() else _UNUSUAL.sub(_named, text)


def _named(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    code = ord(character)
    short = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return _NAMED.get(character, short)
