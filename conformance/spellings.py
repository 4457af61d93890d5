"""Spellings of a secret: the stretches that give it away, and texts with escapes and encodings taken away.

What proves nothing is no stretch: decimal digits and the marks of times count from `NUMBER` octets, hexadecimal digits
from `DIGITS` (times, digests and fingerprints stand in every file), and a row of one or two different octets never.
What is shorter than that as a whole is one stretch, unless it is a number.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from conformance.report import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conformance.reading import Span

PART = 8
"""Octets of a secret that give it away."""

DIGITS = 12
"""Hexadecimal digits of a secret that give it away; of its Base64, as many characters hold `PART` octets."""

NUMBER = 16
"""Decimal digits of a secret that give it away."""

SHORTEST = 6
"""Octets below which a secret is not searched for: it would be found everywhere."""

ROUNDS = 4
"""Escapes within escapes that are taken away."""

_STANDARD_TO_URL = bytes.maketrans(b"+/", b"-_")
_URL_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_DECIMAL = b"0123456789.:,TZ+- "
_HEXADECIMAL = b"0123456789abcdefABCDEF-"
_FIGURES = re.compile(rb"[0-9A-Fa-f-]{8}|[0-9.:,TZ+ -]{8}")
_HEX_ROW = re.compile(rb"[0-9A-Fa-f]{12,}")
_BASE64_ROW = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_WORD = 4
_BREAK = b"\xff\xff"


def spellings(text: str) -> Iterator[tuple[str, bytes]]:
    """A text in every spelling that is searched for, by name, as a file could hold it."""
    octets = text.encode("utf-8", "surrogatepass")
    yield "plain", octets
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + octets + b"yz")
        yield "Base64", encoded
        yield "Base64", encoded.translate(_STANDARD_TO_URL)
    yield "percent-encoded", "".join(f"%{octet:02X}" for octet in octets).encode()
    yield "percent-encoded", "".join(f"%{octet:02x}" for octet in octets).encode()
    yield "form-encoded", quote_plus(octets).encode()
    yield "hexadecimal", octets.hex().encode()
    yield "hexadecimal", octets.hex().upper().encode()
    units = text.encode("utf-16-be", "surrogatepass")
    yield "JSON-escaped", "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)).encode()
    yield "JSON-escaped", json.dumps(text).replace("/", "\\/").encode()
    yield "HTML-escaped", html.escape(text).encode()
    yield "HTML-escaped", "".join(f"&#{ord(character)};" for character in text).encode()
    yield "HTML-escaped", "".join(f"&#x{ord(character):x};" for character in text).encode()
    yield "Markdown-escaped", escape.markdown(text).encode()


def telling(window: bytes) -> bool:
    """Whether a stretch is more than a row of one or two octets, such as that of a mask."""
    return len(set(window)) > 2


def windows(value: bytes) -> Iterator[bytes]:
    """The stretches of a value that give it away, each as short as what it consists of allows."""
    if len(value) < PART:
        if len(value) >= SHORTEST and value.translate(None, _DECIMAL):
            yield value
    elif _FIGURES.search(value) is None:
        yield from [value[at : at + PART] for at in range(len(value) - PART + 1)]
    else:
        yield from _cautious(value)


def _cautious(value: bytes) -> Iterator[bytes]:
    for at in range(len(value) - PART + 1):
        window = value[at : at + PART]
        size = PART
        if not window.translate(None, _DECIMAL):
            size = NUMBER
        elif not window.translate(None, _HEXADECIMAL):
            size = DIGITS
        window = value[at : at + size]
        # At the end of a value, the stretches before say enough; a short value is one as a whole.
        if len(window) == size or (at == 0 and (size == DIGITS or len(window) >= DIGITS)):
            yield window


class Index:
    """Stretches of values, looked up by the four octets that stand at a multiple of four in a text.

    Args:
        values: what the stretches are taken from, and what each is named by.
    """

    def __init__(self, values: Iterable[tuple[bytes, str]] = ()) -> None:
        self.named: dict[bytes, str] = {}
        self._sizes: set[int] = set()
        self._grams: set[int] = set()
        self._short: set[bytes] = set()
        for value, name in values:
            self.add(value, name)

    def __repr__(self) -> str:
        return f"Index({len(self.named)} stretches)"

    def add(self, value: bytes, name: str) -> None:
        """Takes the stretches of another value in; those that are there already keep their name."""
        if len(value) < PART:
            short = set(windows(value))
            self._short |= short
            self.named.update(dict.fromkeys(short - self.named.keys(), name))
            return
        for stretch in windows(value):
            self.named.setdefault(stretch, name)
            self._sizes.add(len(stretch))
        for shift in range(_WORD):
            end = shift + (len(value) - shift) // _WORD * _WORD
            self._grams.update(memoryview(value[shift:end]).cast("I"))

    def places(self, data: bytes) -> list[Span]:
        """Where stretches stand in a text."""
        named, grams = self.named, self._grams
        words = memoryview(data[: len(data) // _WORD * _WORD]).cast("I")
        # Most texts hold none of them, which a set says sooner than a loop.
        grams = grams.intersection(words)
        # The first whole word of a stretch lies within its first seven octets.
        found = [
            (start, start + size)
            for at in ([at for at, word in enumerate(words) if word in grams] if grams else ())
            for start in range(max(0, at * _WORD - _WORD + 1), at * _WORD + 1)
            for size in tuple(self._sizes)
            if start + size <= len(data) and data[start : start + size] in named
        ]
        for short in tuple(self._short):
            found += [(hit.start(), hit.end()) for hit in re.finditer(re.escape(short), data)]
        return found


def in_octets(text: str) -> bytes:
    """A text as its escapes are read here: an octet a character where that is possible, else UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return b"".join(bytes((ord(one),)) if ord(one) < 256 else one.encode("utf-8", "surrogatepass") for one in text)


# Escapes

_ESCAPE = re.compile(
    rb"%[0-9A-Fa-f]{2}|(?:\\u[0-9A-Fa-f]{4})+|\\x[0-9A-Fa-f]{2}|\\U[0-9A-Fa-f]{8}|\\[^uxU]"
    rb"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});",
    re.DOTALL,
)


@lru_cache(maxsize=1024)
def _unescaped(escape: bytes) -> bytes:
    if escape[:1] == b"%":
        return bytes.fromhex(escape[1:].decode())
    if escape[:1] == b"&":
        return in_octets(html.unescape(escape.decode()))
    if escape[1:2] == b"u":
        return in_octets(str(json.loads(b'"' + escape + b'"')))
    if escape[1:2] in (b"x", b"U"):
        code = int(escape[2:].decode(), base=16)
        return in_octets(chr(code)) if code < 0x110000 else escape
    try:
        return in_octets(str(json.loads(b'"' + escape + b'"', strict=False)))
    except ValueError:
        return escape[1:]


def views(data: bytes) -> list[bytes]:
    """A text as it is, and with its escapes taken away once, twice and so on."""
    views = [data]
    while len(views) <= ROUNDS and (b"\\" in data or b"%" in data or b"&" in data):
        data = _ESCAPE.sub(lambda found: _unescaped(found.group()), data)
        if data == views[-1]:
            break
        views.append(data)
    return views


def decoded(texts: Iterable[bytes]) -> list[tuple[str, bytes]]:
    """What rows of hexadecimal and of Base64 digits stand for, by name, from whichever digit they may begin."""
    views = tuple(texts)
    rows = {found.group() for view in views for found in _HEX_ROW.finditer(view)}
    octets = {bytes.fromhex(row[at : at + (len(row) - at) // 2 * 2].decode()) for row in rows for at in range(2)}
    digits = {found.group().translate(_URL_TO_STANDARD) for view in views for found in _BASE64_ROW.finditer(view)}
    read = {binascii.a2b_base64(_padded(b"A" * at + row)) for row in digits for at in range(4)}
    return [("hexadecimal", _BREAK.join(octets)), ("Base64", _BREAK.join(read))]


def _padded(digits: bytes) -> bytes:
    whole = digits[:-1] if len(digits) % 4 == 1 else digits
    return whole + b"=" * (-len(whole) % 4)
