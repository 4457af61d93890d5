"""The last look at what a run wrote: no secret and no token stands in it, however it is spelled.

Searched for is every stretch that gives a secret or token away (`spellings`). A file is read as it is and with its
escapes taken away, again and again, so that an escape of an escape hides nothing; what could be Base64 or hexadecimal
is decoded from every digit on. Left alone is what proves nothing:

- a stretch that is public: it stands in the client id, host, path, scope or another fact of the run, or in the texts
  and sources of this package and of the page that it writes. A secret that is itself a public text is not searched for;
- a stretch that different tokens share, such as a prefix or the header of a JWT: it opens nothing.
"""

from __future__ import annotations

import re
import secrets as randomness
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from conformance.known import published
from conformance.spellings import (
    Index,
    decoded,
    in_octets,
    spellings,
    telling,
    views,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from conformance.known import Known

BATCH = 400_000
"""Stretches in one index: a set that is larger is slower for each look into it."""

PIECE = 1 << 20
"""Octets that are searched at a time, where lines can be told apart."""

_RUN = re.compile(rb"(.{1,4}?)\1{1023,}", re.DOTALL)
_KEPT = 1024
_FOLD = bytes.maketrans(b"+", b" ")
_NO_WIDTH = "\u200b".encode()
_CANARY = "canary"


class ScanError(Exception):
    """The scan did not find what it had hidden itself, so that it proves nothing."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A secret that was found where none may be.

    Attributes:
        file: name of the file.
        kind: which secret, such as ``client secret``.
        spelling: how it is spelled, such as ``Base64``.
    """

    file: str
    kind: str
    spelling: str

    def __str__(self) -> str:
        return f"{self.file} held the {self.kind} ({self.spelling})"


def withdraw(folder: Path, known: Known, public: Iterable[str]) -> tuple[Hit, ...]:
    """Searches every file of a folder and removes those that hold something secret.

    Args:
        folder: where the files of a run were written.
        known: its secrets and tokens.
        public: texts of the run that hold nothing secret.

    Returns:
        What was found, one hit a kind and file.

    Raises:
        ScanError: a canary was not found, so that nothing is proven of any file.
        OSError: a file cannot be read or removed.
    """
    searched = sorted(file for file in folder.rglob("*") if file.is_file())
    hits = found_in(((str(file.relative_to(folder)), file.read_bytes) for file in searched), known, public)
    for name in {hit.file for hit in hits}:
        (folder / name).unlink()
    return hits


def found_in(
    texts: Iterable[tuple[str, Callable[[], bytes]]], known: Known, public: Iterable[str] = ()
) -> tuple[Hit, ...]:
    """What is found of secrets and tokens in texts that have names.

    Args:
        texts: name of each, and what gives its octets.
        known: the secrets and tokens.
        public: texts that hold nothing secret.

    Raises:
        ScanError: a canary was not found in one of its spellings.
    """
    canary = randomness.token_urlsafe(18) + "+/\"<'@#1"
    search = _Search(known, canary, public)
    missed = [name for name, text in spellings(canary) if not any(hit.kind == _CANARY for hit in search.of(name, text))]
    if missed:
        raise ScanError(f"the scan does not work: it missed its own canary ({', '.join(missed)})")
    return tuple(dict.fromkeys(hit for name, read in texts for hit in search.of(name, read())))


class _Search:
    """Everything that is searched for, indexed."""

    def __init__(self, known: Known, canary: str, public: Iterable[str]) -> None:
        self._tokens = known.tokens
        self._public_texts = tuple(public)
        self._public = b""
        self._judged: dict[bytes, bool] = {}
        self._indexes = [Index()]
        self._one_line = True
        for kind, text in ((_CANARY, canary), *known.secrets):
            plain = text.encode("utf-8", "surrogatepass")
            for one in {plain, in_octets(text), quote_plus(plain).encode()}:
                self._enter(kind, one)
        for token in self._tokens:
            self._enter("token", token)

    def _enter(self, kind: str, value: bytes) -> None:
        if len(self._indexes[-1].named) > BATCH:
            self._indexes.append(Index())
        for view in views(value):
            self._one_line &= b"\n" not in view and b"\\n" not in view
            self._indexes[-1].add(_folded(view), kind)

    def of(self, name: str, data: bytes) -> list[Hit]:
        """What is found in one text."""
        if self._one_line:
            # Most lines of the messages in a recording are the same in every exchange.
            lines = dict.fromkeys(map(_shortened, _lines(data)))
            return list(dict.fromkeys(hit for piece in _pieces(lines) for hit in self._of_piece(name, piece)))
        return self._of_piece(name, data)

    def _of_piece(self, name: str, data: bytes) -> list[Hit]:
        found = views(data)
        texts = [("plain" if depth == 0 else "escaped", view) for depth, view in enumerate(found)]
        texts += decoded(found)
        # What stands there as it is stands there without its escapes, too: the first spelling is the one to name.
        hits: dict[str, Hit] = {}
        for spelling, text in texts:
            for hit in self._hits(name, spelling, _folded(text)):
                hits.setdefault(hit.kind, hit)
        return list(hits.values())

    def _hits(self, name: str, spelling: str, text: bytes) -> Iterator[Hit]:
        for index in self._indexes:
            for start, end in index.places(text):
                kind = index.named[text[start:end]]
                if self._proves(text[start:end], kind):
                    yield Hit(name, kind, spelling)

    def _proves(self, window: bytes, kind: str) -> bool:
        """Whether a stretch is more than a row of one octet, and neither public nor shared by different tokens."""
        if kind == _CANARY:
            return True
        if window not in self._judged:
            holders = (token for token in self._tokens if kind == "token" and window in _folded(token))
            shared = len(list(islice(holders, 2))) > 1
            self._judged[window] = telling(window) and not shared and not self._is_public(window)
        return self._judged[window]

    def _is_public(self, window: bytes) -> bool:
        if not self._public:
            self._public = _searchable(self._public_texts)
        return window.lower() in self._public or window.lower() in _common()


@lru_cache(maxsize=1)
def _common() -> bytes:
    return _searchable(published())


def _searchable(texts: Iterable[str]) -> bytes:
    joined = "\n".join(texts).encode("utf-8", "surrogatepass")
    return b"\n".join(_folded(view) for view in views(joined)).lower()


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines joined to pieces of some `PIECE` octets: a text takes thirty times its size while it is searched."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        piece.append(line)
        size += len(line)
        if size >= PIECE:
            yield b"\n".join(piece)
            piece, size = [], 0
    yield b"\n".join(piece)


def _lines(data: bytes) -> Iterator[bytes]:
    """The lines of a text, and of texts escaped in it, one at a time: a list of them would take its size again."""
    for line in BytesIO(data):
        yield from line.rstrip(b"\n").split(b"\\n")


def _shortened(line: bytes) -> bytes:
    """A long line in which some octets that come again and again do so less often; no stretch of them is lost."""
    if len(line) < PIECE // 8:
        return line
    return _RUN.sub(lambda run: run[1] * (_KEPT // len(run[1])), line)


def _folded(text: bytes) -> bytes:
    """A text in which a plus and a blank are one, and which no character of two octets and no empty space widens."""
    return text.translate(_FOLD, b"\0").replace(_NO_WIDTH, b"")


def told(text: str, known: Known) -> str:
    """A text for the terminal, or that it is withheld because something secret stands in it."""
    read = text.encode("utf-8", "surrogatepass")
    return "(withheld: a secret stands in it)\n" if found_in([("text", lambda: read)], known) else text
