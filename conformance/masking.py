"""Secrets out of what is recorded: every octet of a secret or token becomes ``*``, the length stays."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from conformance.reading import Message, read
from conformance.recording import Echo, Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conformance.request import Encoded

WINDOW = 12
"""Characters of a Base64 credential that give it away (an exact comparison misses a cut or wrapped echo)."""

SHORTEST = 6
"""Characters below which a secret is not searched for: it would be found everywhere."""

PART = 8
"""Octets of a secret that are masked wherever they stand together."""

# A secret may contain words of the protocol; masking those in an answer would change what it says.
_VOCABULARY = b" ".join(
    (
        b"access_token refresh_token token_type expires_in scope bearer error error_description error_uri",
        b"client_credentials grant_type client_id client_secret authorization basic realm charset utf-8 passport oauth",
        b"invalid_request invalid_client invalid_grant unauthorized_client unsupported_grant_type invalid_scope",
        b"http/1.1 content-type content-length application/json application/x-www-form-urlencoded www-authenticate",
        b"cache-control no-store no-cache pragma connection close keep-alive transfer-encoding chunked",
        b"text/html text/plain",
    ),
)

_MEMBER = re.compile(
    rb'"(?:access_token|refresh_token|id_token)"\s*:\s*(?:"(?P<text>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s"{}\[\],]+))',
    re.DOTALL,
)
_LOOSE = re.compile(rb"(?:access_token|refresh_token|id_token)[\"']?\s*[=:>]\s*[\"']?(?P<text>[^\s\"'<>&,;{}\[\]]+)")
_COOKIE = re.compile(rb"^set-cookie[ \t]*:[^=;\r\n]*=(?P<text>[^;\r\n]*)", re.IGNORECASE | re.MULTILINE)
_TOKEN68 = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
_NUMBER = re.compile(rb"-?[0-9.eE+-]+")
_NOTHING = (b"null", b"true", b"false", b"")


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential that must not come back in an answer.

    Attributes:
        name: for people, such as ``client secret``.
        spellings: every spelling that is searched for, by name.
        secret: whether it is masked where found; an invented one is only reported.
        parts: stretches that are masked where found and prove nothing: a word may be part of a secret.
    """

    name: str
    spellings: tuple[tuple[str, bytes], ...] = field(repr=False)
    secret: bool = True
    parts: tuple[bytes, ...] = field(default=(), repr=False)


def secret_credentials(client_id: str, secret: str, further: Iterable[str] = ()) -> tuple[Credential, ...]:
    """The credentials of a target, in every spelling in which they could come back.

    Args:
        client_id: identifier of the client.
        secret: its secret.
        further: other secrets of the valid request, such as a gateway key.
    """
    spellings = (*_spellings(secret), *_windows(client_id, secret))
    found = [Credential("client secret", spellings, parts=tuple(_parts(spellings)))]
    for value in further:
        own = tuple(_spellings(value))
        found.append(Credential("configured secret", own, parts=tuple(_parts(own))))
    return tuple(found)


def edited_secrets(encoded: Encoded) -> Credential:
    """The secret octets of one request, edited ones included, as something that is masked in its answer."""
    runs = [encoded.data[start:end] for start, end in encoded.secrets if end - start >= SHORTEST]
    return Credential("edited secret", (), parts=(*runs, *_parts(("", run) for run in runs)))


def sent_credential(value: bytes) -> Credential | None:
    """The Authorization value that a request carried, as something that must not come back; ``None`` if it is none."""
    token = value.split(b" ", 1)[-1].strip()
    # Words such as a placeholder are no credential, and may well stand in an answer.
    if _TOKEN68.fullmatch(token) is None or len(token.rstrip(b"=")) < WINDOW:
        return None
    return Credential("credential of this request", tuple(_pieces("Authorization value", token.rstrip(b"="))), secret=False)


def _spellings(secret: str) -> Iterator[tuple[str, bytes]]:
    if len(secret) < SHORTEST:
        return
    plain = secret.encode()
    forms = {
        "plain": plain,
        "percent-encoded": quote(secret, safe="").encode(),
        "form-encoded": quote_plus(secret).encode(),
        "JSON-escaped": json.dumps(secret)[1:-1].encode(),
        "JSON-escaped with slashes": json.dumps(secret)[1:-1].replace("/", "\\/").encode(),
        "HTML-escaped": html.escape(secret).encode(),
        "hexadecimal": binascii.hexlify(plain),
        "Base64": base64.b64encode(plain).rstrip(b"="),
    }
    seen: set[bytes] = set()
    for name, spelling in forms.items():
        if spelling not in seen:
            seen.add(spelling)
            yield name, spelling


def _parts(spellings: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    for _, spelling in spellings:
        for at in range(len(spelling) - PART + 1):
            part = spelling[at : at + PART]
            if part.lower() not in _VOCABULARY:
                yield part


def _windows(client_id: str, secret: str) -> Iterator[tuple[str, bytes]]:
    pair = base64.b64encode(f"{client_id}:{secret}".encode()).rstrip(b"=")
    encoded = base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).rstrip(b"=")
    # A window inside the identifier's part says nothing about the secret.
    for value in {pair, encoded}:
        yield from _pieces("Base64 of id:secret", value, after=(len(client_id) + 1) * 4 // 3 - WINDOW + 3)


def _pieces(name: str, value: bytes, after: int = 0) -> Iterator[tuple[str, bytes]]:
    first = max(0, min(after, len(value) - WINDOW))
    for at in range(first, max(1, len(value) - WINDOW + 1)):
        piece = value[at : at + WINDOW]
        if len(piece) == WINDOW:
            yield name, piece


@dataclass(frozen=True, slots=True)
class Masked:
    """An answer that can be kept: masked octets, and the facts of what was masked."""

    received: bytes
    token: Token | None
    echoes: tuple[Echo, ...]


def mask(
    received: bytes,
    *,
    head: bool,
    key: bytes,
    credentials: Iterable[Credential],
) -> Masked:
    """The answer without its tokens and without any echo of a credential.

    Args:
        received: octets as they came.
        head: whether the request was HEAD.
        key: key of the run, for the fingerprints.
        credentials: what must not come back.
    """
    message = read(received, head=head)
    spans = [match.span("text") for match in _COOKIE.finditer(received)]
    token_spans, value = _token_spans(received, message)
    found, echoes = _echoes(received, message, credentials)
    if message is not None and coded(message):
        # The octets of a compressed body give the token to anyone who unpacks them.
        spans += message.body_spans
    masked = bytearray(received)
    for start, end in token_spans:
        number = received[start - 1 : start] != b'"' and _NUMBER.fullmatch(received, start, end) is not None
        # A token that is a bare number stays one, so that the JSON round it can be judged.
        masked[start:end] = re.sub(rb"[0-9]", b"1", received[start:end]) if number else b"*" * (end - start)
    for start, end in (*spans, *found):
        masked[start:end] = b"*" * (end - start)
    return Masked(bytes(masked), _token(value, key) if value is not None else None, echoes)


def _token_spans(received: bytes, message: Message | None) -> tuple[list[tuple[int, int]], str | None]:
    """Where tokens stand among the received octets, and the value of the first access token."""
    spans: list[tuple[int, int]] = []
    first: str | None = None
    if message is not None:
        for start, end, value in _tokens(message.body):
            spans += _raw(message, start, end)
            first = value if first is None else first
    # Octets outside the body, past its end for one, may hold a token as well.
    for match in (*_MEMBER.finditer(received), *_loose(received if message is None else message.body, received)):
        group = "text" if match.group("text") is not None else "bare"
        if match.group(group) not in _NOTHING:
            spans.append(match.span(group))
    return spans, first


def _echoes(
    received: bytes, message: Message | None, credentials: Iterable[Credential]
) -> tuple[list[tuple[int, int]], tuple[Echo, ...]]:
    """What is to be masked of credentials that came back, and the facts of it."""
    spans: list[tuple[int, int]] = []
    echoes: dict[Echo, None] = {}
    for credential in credentials:
        for spelling, value in credential.spellings:
            for start, end in _found(received, value):
                echoes.setdefault(Echo(credential.name, spelling, _place(message, start)))
                if credential.secret:
                    spans.append((start, end))
        for part in credential.parts:
            spans += _found(received, part)
    return spans, tuple(echoes)


def coded(message: Message) -> bool:
    """Whether the body of an answer has a content coding."""
    return any(value.strip().lower() not in ("", "identity") for value in message.values("Content-Encoding"))


def _tokens(body: bytes) -> Iterator[tuple[int, int, str]]:
    """Tokens in a body with their places: start, end, value; the access token comes first."""
    matches = [*_MEMBER.finditer(body)] or [*_loose(body, body)]
    matches.sort(key=lambda match: b"access_token" not in match.group(0)[:16])
    for match in matches:
        quoted = match.group("text") is not None
        group = "text" if quoted else "bare"
        raw = match.group(group)
        if raw in _NOTHING:
            continue
        try:
            value = str(json.loads(b'"' + raw + b'"', strict=False)) if quoted else raw.decode("latin-1")
        except ValueError:
            value = raw.decode("latin-1")
        yield *match.span(group), value


def _loose(body: bytes, data: bytes) -> Iterator[re.Match[bytes]]:
    """Tokens in what is no JSON; in JSON the looser pattern would take the words of an error text for one."""
    return iter(()) if body.lstrip()[:1] in (b"{", b"[") else _LOOSE.finditer(data)


def _raw(message: Message, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where a stretch of the body lies among the received octets; a chunk boundary may cut it."""
    at = 0
    for first, last in message.body_spans:
        size = last - first
        low, high = max(start - at, 0), min(end - at, size)
        if low < high:
            yield first + low, first + high
        at += size


def _found(data: bytes, value: bytes) -> Iterator[tuple[int, int]]:
    at = data.find(value)
    while at >= 0:
        yield at, at + len(value)
        at = data.find(value, at + 1)


def _place(message: Message | None, at: int) -> str:
    if message is None:
        return "answer"
    for line in message.fields:
        if line.span[0] <= at < line.span[1]:
            return f"field {line.name}"
    return "body"


def fingerprint(key: bytes, value: str) -> str:
    """A keyed digest by which equal values can be recognised and nothing else: 16 hexadecimal digits."""
    return hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:16]


def _token(value: str, key: bytes) -> Token:
    return Token(
        length=len(value),
        visible=all(" " <= character <= "~" for character in value),
        b64token=re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", value) is not None,
        fingerprint=fingerprint(key, value),
        jwt=_jwt(value),
    )


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
