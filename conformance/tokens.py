"""Access tokens in answers: where they stand in a text of any kind, and the facts that are kept of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from conformance.recording import Token

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from conformance.reading import Span

PLACES = 64
"""Places of a token that are kept apart; of a longer one several characters are one place."""

_LEXEME = re.compile(
    rb'"(?P<text>[^"\\]*(?:\\.[^"\\]*)*)(?:(?P<end>")(?P<colon>\s*:)?|\\?\Z)|(?P<bare>[^\s"{}\[\],:]+)|[{}\[\],]',
    re.DOTALL,
)
_TOKEN_NAMES = (b"accesstoken", b"refreshtoken", b"idtoken")
_LOOSE = re.compile(
    rb"(?<![A-Za-z0-9])(?P<name>(?:access|refresh|id)[_-]?token)(?P<quote>\\*[\"'])?\s*"
    rb"(?:=\s*[\"']?(?P<form>[^&\s\"'<>]+)|(?:=>|:)\s*(?:\\*[\"'])?(?P<text>[^\s\"'\\,{}\[\]<>&]+))",
    re.IGNORECASE,
)
_ELEMENT = re.compile(
    rb"<(?:\w+:)?(?P<name>(?:access|refresh|id)[_-]?token)(?:\s[^<>]{0,200})?>\s*(?:<!\[CDATA\[)?(?P<text>[^<\]]+)",
    re.IGNORECASE,
)
_JWT = re.compile(rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*")
_NUMBER = re.compile(rb"-?[0-9][0-9.eE+-]*")
_NOTHING = (b"null", b"true", b"false", b"NaN", b"Infinity", b"-Infinity", b"")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def is_wide(body: bytes) -> bool:
    """Whether a body is text of two or four octets a character, in which no token would be found."""
    return body[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in body[:4]


def _names_token(name: bytes) -> bool:
    return name.lower().translate(None, b"_-") in _TOKEN_NAMES


def _leaves(data: bytes) -> Iterator[tuple[bytes, re.Match[bytes]]]:
    """Values of the members that are named like a token, and values below those with no name of their own."""
    if b"oken" not in data and b"OKEN" not in data and b"\\u" not in data:
        return
    name, depth, below = b"", 0, -1
    for found in _LEXEME.finditer(data):
        if found["colon"] is not None:
            name = _unescaped(found["text"]).encode("utf-8", "surrogatepass")
            continue
        mark = found.group()
        if mark in (b"{", b"["):
            below = depth if below < 0 and _names_token(name) else below
            depth += 1
        elif mark in (b"}", b"]"):
            depth -= 1
            below = below if depth > below else -1
        elif mark != b"," and (below >= 0 or _names_token(name)):
            yield (name if below < 0 else b""), found
        name = b""


def places(data: bytes) -> Iterator[Span]:
    """Where tokens stand in a text of any kind."""
    for _, found in _leaves(data):
        group = "text" if found["text"] is not None else "bare"
        if found[group] not in _NOTHING:
            yield found.span(group)
    for pattern in (_LOOSE, _ELEMENT):
        for found in pattern.finditer(data):
            group = str(found.lastgroup)
            if found[group] not in _NOTHING:
                yield found.span(group)
    yield from (found.span() for found in _JWT.finditer(data))


def values(body: bytes) -> Iterator[bytes]:
    """Every token in the body of an answer that grants one."""
    for _, found in _leaves(body):
        raw = found["text"] if found["text"] is not None else found["bare"]
        if raw not in _NOTHING:
            yield _unescaped(raw).encode("utf-8", "surrogatepass") if b"\\" in raw else raw
    value = value_of(body)
    if value is not None:
        yield value.encode("utf-8", "surrogatepass")


def value_of(body: bytes) -> str | None:
    """The first usable access token in a body, however odd the body is."""
    for name, found in _leaves(body):
        raw = found["text"] if found["text"] is not None else found["bare"]
        whole = found["text"] is None or found["end"] is not None
        if name == b"access_token" and whole and raw not in _NOTHING:
            return _unescaped(raw)
    text = body.removeprefix(_BYTE_ORDER_MARK).lstrip()
    for pattern in (_LOOSE, _ELEMENT):
        for found in pattern.finditer(body):
            raw = found[str(found.lastgroup)].strip()
            # In JSON the words of an error text would look like a token: what is near it counts where both are quoted.
            quoted = found.groupdict().get("quote") and body[found.end() : found.end() + 1] in (b'"', b"'")
            prose = text[:1] in (b"{", b"[") and (not quoted or is_json(text))
            if found["name"] == b"access_token" and raw not in _NOTHING and not prose:
                return (form_unescaped(raw) if found.lastgroup == "form" else raw).decode("latin-1")
    return None


def _unescaped(raw: bytes) -> str:
    text = raw.decode("utf-8", "surrogateescape")
    try:
        return str(json.loads(f'"{text}"', strict=False)) if "\\" in text else text
    except ValueError:
        return text


def is_json(data: bytes) -> bool:
    """Whether octets are a JSON text, read leniently."""
    try:
        json.loads(data.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return False
    return True


def written(data: bytes) -> Iterator[Span]:
    """Where what JSON holds stands: strings without their quotes, and bare values."""
    for found in _LEXEME.finditer(data):
        if found["text"] is not None or found["bare"] is not None:
            yield found.span("text" if found["text"] is not None else "bare")


def numbers(data: bytes) -> Iterator[Span]:
    """Where bare numbers stand in a text that may be JSON."""
    for found in _LEXEME.finditer(data):
        if found["bare"] is not None and _NUMBER.fullmatch(found["bare"]):
            yield found.span("bare")


def form_unescaped(data: bytes) -> bytes:
    """Form data without its escapes."""
    return unquote_to_bytes(data.replace(b"+", b" "))


def fingerprint(key: bytes, value: str) -> str:
    """A keyed digest by which equal values can be recognised and nothing else: 16 hexadecimal digits."""
    return hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:16]


def facts_of(value: str, key: bytes) -> Token:
    """What is kept of an access token, its digests made with the key of the run."""
    jwt = _jwt(value)
    return Token(
        length=len(value),
        visible=all(" " <= character <= "~" for character in value),
        b64token=re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", value) is not None,
        fingerprint=fingerprint(key, value),
        jwt=jwt,
        places=_places(value, key) if jwt is None else "",
    )


def _places(value: str, key: bytes) -> str:
    pieces = (value[at : at + _stretch(len(value))] for at in range(0, len(value), _stretch(len(value))))
    return "".join(
        hashlib.blake2b(
            piece.encode("utf-8", "surrogatepass"), digest_size=1, key=key, salt=at.to_bytes(1, "big")
        ).hexdigest()
        for at, piece in enumerate(pieces)
    )


def _stretch(length: int) -> int:
    """Characters that share a digest in a token of that length."""
    return -(-length // PLACES) or 1


def said(token: bytes) -> Iterator[bytes]:
    """Header and claims of a JWT, as JSON; nothing of any other token."""
    parts = token.split(b".")
    if len(parts) == 3 and token.startswith(b"eyJ"):
        for part in parts[:2]:
            with suppress(ValueError):
                yield base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def changing(tokens: Collection[Token]) -> int:
    """Characters that are not the same in all of some tokens of one length that are no JWTs; rather too many."""
    columns = zip(*(re.findall("..", token.places) for token in tokens), strict=True)
    varied = sum(len(set(column)) > 1 for column in columns)
    return varied * max(_stretch(token.length) for token in tokens)


def _jwt(value: str) -> dict[str, Any] | None:
    """The header of a JWT, the names of its claims and the times among them; ``None`` for any other token."""
    parts = value.split(".")
    if len(parts) not in (3, 5):
        return None
    try:
        header = json.loads(_base64url(parts[0]))
        if not isinstance(header, dict):
            return None
        facts: dict[str, Any] = {
            "parts": len(parts),
            "signature": len(parts[2]),
            "header": {name: header[name] for name in ("alg", "typ") if isinstance(header.get(name), str)},
        }
        if len(parts) == 3:
            claims = json.loads(_base64url(parts[1]))
            facts["claims"] = sorted(map(str, claims))
            facts["times"] = {name: claims[name] for name in ("exp", "iat", "nbf") if _is_time(claims.get(name))}
            scope = claims.get("scope", claims.get("scp"))
            facts["scope"] = (
                " ".join(map(str, scope)) if isinstance(scope, list) else scope if isinstance(scope, str) else None
            )
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return facts


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
