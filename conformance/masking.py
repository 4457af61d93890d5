"""Secrets out of what is recorded: every octet of a secret or token becomes ``*``, the length stays."""

from __future__ import annotations

import base64
import html
import json
import re
import sys
import zlib
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, unquote_to_bytes

from conformance import tokens
from conformance.guessing import unbase64
from conformance.reading import Message, Span, read
from conformance.recording import Echo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from conformance.known import Known
    from conformance.recording import Token
    from conformance.request import Encoded

WINDOW = 12
"""Characters of a Base64 credential that give it away (an exact comparison misses a cut or wrapped echo)."""

LONG = 8192
"""Characters of a credential of a request from which on only its two ends are looked for in the answer."""

SHORTEST = 6
"""Characters below which a secret is not searched for: it would be found everywhere."""

PART = 8
"""Octets of a secret that are masked wherever they stand together."""

UNPACKED = 1 << 20
"""Octets of a compressed body that are looked at."""

# A secret may contain words of the protocol; masking those in an answer would change what it says.
VOCABULARY = b" ".join(
    (
        b"access_token refresh_token token_type expires_in scope bearer error error_description error_uri",
        b"client_credentials grant_type client_id client_secret authorization basic realm charset utf-8 passport oauth",
        b"invalid_request invalid_client invalid_grant unauthorized_client unsupported_grant_type invalid_scope",
        b"client_secret_basic client_secret_post client_secret_jwt private_key_jwt",
        b"password authorization_code implicit urn:ietf:params:oauth:grant-type:jwt-bearer invalid_token id_token",
        b"http/1.1 content-type content-length application/json application/x-www-form-urlencoded www-authenticate",
        b"cache-control no-store no-cache pragma connection close keep-alive transfer-encoding chunked",
        b"text/html text/plain server location set-cookie",
    ),
)

_COOKIE = re.compile(rb"^set-cookie[ \t]*:(?:[^=;\r\n]*=)?(?P<text>[^;\r\n]*)", re.IGNORECASE | re.MULTILINE)
_STRUCTURE = b'"{}[],:'
_TOKEN68 = re.compile(rb"[A-Za-z0-9+/_\-]+")


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential that must not come back in an answer.

    Attributes:
        name: for people, such as ``client secret``.
        spellings: every spelling that is searched for, by name; what escapes can hide is found without.
        windows: pieces of `WINDOW` octets, each of which gives the credential away.
        window: what the windows are cut from, for people.
        secret: whether it is masked where found; an invented one is only reported.
        parts: stretches that are masked where found and prove nothing: a word may be part of a secret.
    """

    name: str
    spellings: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    windows: frozenset[bytes] = field(default=frozenset(), repr=False)
    window: str = ""
    secret: bool = True
    parts: frozenset[bytes] = field(default=frozenset(), repr=False)


def secret_credentials(client_id: str, secret: str, further: Iterable[str] = ()) -> tuple[Credential, ...]:
    """The credentials of a target, in every spelling in which they could come back.

    Args:
        client_id: identifier of the client.
        secret: its secret.
        further: other secrets of the valid request, such as a gateway key.
    """
    raw, encoded = (client_id, secret), (quote_plus(client_id), quote_plus(secret))
    windows = frozenset(
        window
        for one, other in (raw, encoded)
        for window in _windows(base64.b64encode(f"{one}:{other}".encode()), _digits(len(f"{one}:".encode())))
    )
    spellings = _spellings(secret)
    parts = _parts((*(value for _, value in spellings), *windows))
    found = [Credential("client secret", spellings, windows, "Base64 of id:secret", parts=parts)]
    for value in further:
        own = _spellings(value)
        found.append(Credential("configured secret", own, parts=_parts(spelling for _, spelling in own)))
    return tuple(found)


def edited_secrets(encoded: Encoded) -> Credential:
    """The secret octets of one request, edited ones included, as something that is masked in its answer."""
    return _edited(tuple(encoded.data[start:end] for start, end in encoded.secrets))


# Most requests of a run carry the same secret in the same spelling.
@lru_cache(maxsize=64)
def _edited(secrets: tuple[bytes, ...]) -> Credential:
    runs = list(secrets)
    runs += [text.partition(b":")[2] for run in runs for text in unbase64(run)]
    runs += [unquote_to_bytes(run.replace(b"+", b" ")) for run in runs]
    return Credential("edited secret", parts=_parts(runs))


# Most requests of a run carry the same value.
@lru_cache(maxsize=16)
def sent_credential(value: bytes) -> Credential | None:
    """The Authorization value that a request carried, as something that must not come back; ``None`` if it is none."""
    token = re.sub(rb"^\s*basic\s+", b"", value, flags=re.IGNORECASE).strip()
    if b":" in token and b'"' not in token:
        windows = _windows(token, token.find(b":") + 1)
    else:
        token = token.replace(b" ", b"").rstrip(b"!=")
        # Words such as a placeholder are no credential, and may well stand in an answer.
        if _TOKEN68.fullmatch(token) is None:
            return None
        windows = _windows(token, _digits(next(iter(unbase64(token)), b"").find(b":") + 1))
    if not windows:
        return None
    return Credential("credential of this request", (), frozenset(windows), "Authorization value", secret=False)


def _digits(size: int) -> int:
    """Base64 digits that hold something of the first so many octets."""
    return -(-size * 4 // 3)


def _windows(text: bytes, before: int) -> list[bytes]:
    """The windows that reach beyond an identifier of so many characters.

    The identifier alone is no secret: the Base64 of it stands in many a JWT that names the client.
    """
    text = text.rstrip(b"=")
    first, last = max(0, before + 3 - WINDOW), len(text) - WINDOW + 1
    # Who repeats something so long repeats its beginning or its end.
    places = range(first, last) if last <= LONG else (*range(first, LONG // 2), *range(last - LONG // 2, last))
    return [text[at : at + WINDOW] for at in places]


def _spellings(secret: str) -> tuple[tuple[str, bytes], ...]:
    plain = secret.encode()
    if len(secret) < SHORTEST or plain.lower() in VOCABULARY:
        return ()
    found = {plain: "plain", plain.hex().encode(): "hexadecimal", plain.hex().upper().encode(): "hexadecimal"}
    if len(secret) < len(plain):
        found[secret.encode("latin-1", "replace")] = "plain"
    for shift in range(3):
        # Of three alignments in a longer text, each leaves other characters that the secret alone decides.
        inner = base64.b64encode(bytes(shift) + plain)[(0, 2, 3)[shift] : (shift + len(plain)) * 8 // 6]
        if len(inner) >= PART:
            found |= {inner: "Base64", inner.translate(bytes.maketrans(b"+/", b"-_")): "Base64"}
    return tuple((name, spelling) for spelling, name in found.items())


def _parts(values: Iterable[bytes]) -> frozenset[bytes]:
    return frozenset(
        part
        for value in values
        if len(value) >= SHORTEST
        for at in range(max(1, len(value) - PART + 1))
        if (part := value[at : at + PART]).lower() not in VOCABULARY
    )


@dataclass(frozen=True, slots=True)
class Masked:
    """An answer that can be kept: masked octets, the facts of what was masked, and the content without its coding."""

    received: bytes
    token: Token | None
    echoes: tuple[Echo, ...]
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class _View:
    """Octets of an answer, joined or decoded, and where among the received ones, or those of a base, each stands."""

    spelling: str
    data: bytes = field(repr=False)
    starts: Sequence[int] = field(repr=False)
    ends: Sequence[int] = field(repr=False)
    base: _View | None = None

    def spans(self, start: int, end: int) -> list[Span]:
        """The stretches of received octets behind a stretch of the view."""
        if isinstance(self.starts, range):
            return [(self.starts[start], self.ends[end - 1])] if start < end else []
        stretches = _merged(zip(self.starts[start:end], self.ends[start:end], strict=True))
        return stretches if self.base is None else [span for one in stretches for span in self.base.spans(*one)]


def mask(
    received: bytes, *, head: bool, key: bytes, credentials: Iterable[Credential], known: Known | None = None
) -> Masked:
    """The answer without its tokens and without any echo of a credential.

    Args:
        received: octets as they came.
        head: whether the request was HEAD.
        key: key of the run, for the fingerprints.
        credentials: what must not come back.
        known: the tokens so far, which are masked wherever they stand; it gets those of this answer.
    """
    message = read(received, head=head)
    content, rest = _content(received, message)
    packed = _unpacked(message) if message is not None and coded(message) and not _mislabelled(message) else None
    body = packed if packed is not None else message.body if message is not None else b""
    found_tokens = [
        span for view in (content, rest) for place in tokens.places(view.data) for span in view.spans(*place)
    ]
    views = [_view(received, [(0, len(received))])]
    if not isinstance(content.starts, range):
        views.append(content)
    if packed:
        assert message is not None
        start, end = message.body_spans[0]
        views.append(_View("", packed, [start] * len(packed), [end] * len(packed)))
    value = tokens.value_of(body)
    if known is not None and message is not None and 200 <= message.status < 300:
        known.add(tokens.values(body))
    credentials = tuple(credentials)
    blank = any(b"+" in view.data for view in views) and any(
        b" " in value for one in credentials for value in (*one.parts, *(value for _, value in one.spellings))
    )
    views += [decoded for view in views for decoded in _decoded(view, blank=blank)]
    found, echoes = _echoes(views, message, found_tokens, credentials)
    _, claimed = _echoes(tuple(_claims(content)), message, found_tokens, credentials)
    # What the characters of a token give away needs no second mention.
    named = {(echo.credential, echo.place) for echo in echoes}
    echoes += tuple(echo for echo in claimed if (echo.credential, echo.place) not in named)
    if known is not None:
        found += [span for view in views for place in known.places(view.data) for span in view.spans(*place)]
    spans = _merged([*found_tokens, *found, *(match.span("text") for match in _COOKIE.finditer(received))])
    masked = _masked(received, content, body, spans) if spans else bytearray(received)
    if packed is not None or tokens.is_wide(body):
        # The octets of a compressed body give the token to anyone who unpacks them.
        for start, end in content.spans(0, len(content.data)):
            masked[start:end] = b"*" * (end - start)
    content_ = b""
    if packed:
        uncoded = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
        plain = read(mask(uncoded, head=False, key=key, credentials=credentials).received)
        content_ = plain.body if plain is not None else b""
    return Masked(bytes(masked), tokens.facts_of(value, key) if value is not None else None, echoes, content_)


def _masked(received: bytes, content: _View, body: bytes, spans: list[Span]) -> bytearray:
    """The octets with some stretches masked, so that JSON among them stays JSON."""
    masked = bytearray(received)
    for start, end in spans:
        # Control octets stay: no token holds any, and a line end that went would change what the answer is.
        masked[start:end] = re.sub(rb"[^\x00-\x1f]", b"*", received[start:end])
    for escape in _ESCAPE.finditer(content.data):
        places = content.starts[escape.start() : escape.end()]
        if any(masked[at] != received[at] for at in places):
            # Half an escape would make it unreadable.
            for at in places:
                masked[at] = ord("*") if received[at] >= 0x20 else received[at]
    for place in tokens.numbers(content.data):
        stretches = content.spans(*place)
        if any(masked[start:end] != received[start:end] for start, end in stretches):
            # A bare number stays one.
            for start, end in stretches:
                masked[start:end] = re.sub(rb"[0-9]", b"1", received[start:end])
    if any(masked.count(mark) != received.count(mark) for mark in _STRUCTURE) and tokens.is_json(body):
        # A secret may end like a string of JSON does, with a quote: what holds the strings together stays.
        edges = [0, *(edge for span in tokens.written(body) for edge in span), len(body)]
        for at in (at for pair in range(0, len(edges), 2) for at in content.starts[edges[pair] : edges[pair + 1]]):
            masked[at] = received[at]
    return masked


def _claims(content: _View) -> Iterator[_View]:
    """What stands in the tokens that are JWTs, each part of it where the token stands."""
    for start, end in tokens.places(content.data):
        spans = content.spans(start, end)
        for claims in tokens.said(content.data[start:end]):
            yield _View("", claims, [spans[0][0]] * len(claims), [spans[-1][1]] * len(claims))


def _view(received: bytes, spans: list[Span]) -> _View:
    """Stretches of received octets, joined."""
    spans = _merged(spans)
    if len(spans) <= 1:
        start, end = spans[0] if spans else (0, 0)
        return _View("", received[start:end], range(start, end), range(start + 1, end + 1))
    places = [at for start, end in spans for at in range(start, end)]
    return _View("", b"".join(received[start:end] for start, end in spans), places, [at + 1 for at in places])


def _content(received: bytes, message: Message | None) -> tuple[_View, _View]:
    """The body with what lies past its end, and everything else."""
    if message is None:
        return _view(received, [(0, len(received))]), _view(received, [])
    # Where the length is wrong, a token may begin within the body and end past it.
    inside = _merged([*message.body_spans, (message.end, len(received))])
    edges = [0, *(edge for span in inside for edge in span), len(received)]
    outside = [(edges[at], edges[at + 1]) for at in range(0, len(edges), 2)]
    return _view(received, inside), _view(received, outside)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that touch joined and empty ones left out."""
    merged: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


# Credentials


def _json_unescaped(escape: bytes) -> bytes:
    try:
        return str(json.loads(b'"' + escape + b'"')).encode("utf-8", "surrogatepass")
    except ValueError:
        return escape


def _html_unescaped(escape: bytes) -> bytes:
    return html.unescape(escape.decode("latin-1")).encode("utf-8", "surrogatepass")


_ESCAPE = re.compile(rb"(?:\\u[0-9A-Fa-f]{4})+|\\.", re.DOTALL)
_ESCAPINGS: tuple[tuple[str, bytes, re.Pattern[bytes], Callable[[bytes], bytes]], ...] = (
    ("percent-encoded", b"%", re.compile(rb"%[0-9A-Fa-f]{2}"), unquote_to_bytes),
    ("form-encoded", b"+", re.compile(rb"%[0-9A-Fa-f]{2}|\+"), tokens.form_unescaped),
    ("JSON-escaped", b"\\", _ESCAPE, _json_unescaped),
    ("HTML-escaped", b"&", re.compile(rb"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,6});"), _html_unescaped),
)


def _decoded(view: _View, *, blank: bool) -> Iterator[_View]:
    """A view as every escaping that occurs in it would have it read; ``+`` matters where a secret holds a blank."""
    for spelling, mark, pattern, unescaped in _ESCAPINGS:
        if mark not in view.data or (spelling == "form-encoded" and not blank):
            continue
        data, starts, ends, at = bytearray(), array("Q"), array("Q"), 0
        for found in pattern.finditer(view.data):
            plain, (begin, end) = unescaped(found.group()), found.span()
            data += view.data[at:begin] + plain
            starts.extend((*range(at, begin), *(begin,) * len(plain)))
            ends.extend((*range(at + 1, begin + 1), *(end,) * len(plain)))
            at = end
        data += view.data[at:]
        starts.extend(range(at, len(view.data)))
        ends.extend(range(at + 1, len(view.data) + 1))
        yield _View(spelling, bytes(data), starts, ends, view)


def _echoes(
    views: Sequence[_View], message: Message | None, found_tokens: Sequence[Span], credentials: Sequence[Credential]
) -> tuple[list[Span], tuple[Echo, ...]]:
    """What is to be masked of credentials that came back, and the facts of it."""
    parts = frozenset[bytes]().union(*(credential.parts for credential in credentials))
    spans = [span for view in views for place in _among(view.data, parts) for span in view.spans(*place)]
    echoes: dict[Echo, None] = {}
    for credential in credentials:
        known: list[Span] = []
        for view in views:
            hits = [(credential.window, _among(view.data, credential.windows))]
            hits += [(spelling, list(_found(view.data, value))) for spelling, value in credential.spellings]
            for spelling, places in hits:
                stretches = [view.spans(start, end) for start, end in _merged(places)]
                # What one spelling explains needs no other: most octets are the same in several.
                fresh = [one for one in stretches if not _within((one[0][0], one[-1][1]), known)]
                known = _merged([*known, *((one[0][0], one[-1][1]) for one in fresh)])
                name = view.spelling if view.spelling and spelling == "plain" else spelling
                echoes |= dict.fromkeys(
                    Echo(credential.name, name, _place(message, found_tokens, one[0])) for one in fresh
                )
                spans += [span for one in fresh for span in one if credential.secret]
    return spans, tuple(echoes)


def _among(data: bytes, windows: frozenset[bytes]) -> list[Span]:
    return [
        (at, at + size)
        for size in {len(window) for window in windows}
        for at in range(len(data) - size + 1)
        if data[at : at + size] in windows
    ]


def _found(data: bytes, value: bytes) -> Iterator[Span]:
    at = data.find(value)
    while at >= 0:
        yield at, at + len(value)
        at = data.find(value, at + 1)


def _within(span: Span, known: list[Span]) -> bool:
    at = bisect_right(known, (span[0], sys.maxsize)) - 1
    return at >= 0 and span[1] <= known[at][1]


def _place(message: Message | None, found_tokens: Sequence[Span], span: Span) -> str:
    """Where in an answer a stretch stands, for people."""
    if message is None:
        return "answer"
    for line in (*message.fields, *message.trailers):
        if line.span[0] <= span[0] < line.span[1]:
            return f"field {line.name}"
    if any(start <= span[0] and span[1] <= end for start, end in found_tokens):
        return "access token"
    if span[0] >= message.end:
        return "octets past the end"
    return "body" if message.body_spans and span[0] >= message.body_spans[0][0] else "header section"


# Codings


def coded(message: Message) -> bool:
    """Whether the body of an answer has a content or transfer coding beside chunked."""
    return bool(_codings(message))


def _mislabelled(message: Message) -> bool:
    """Whether content that is labelled as compressed is JSON as it stands."""
    return message.body.lstrip()[:1] in (b"{", b"[") and tokens.is_json(message.body)


def _codings(message: Message) -> list[str]:
    lines = (*message.values("Content-Encoding"), *message.values("Transfer-Encoding"))
    names = (name.strip().lower() for line in lines for name in line.split(","))
    return [name for name in names if name not in ("", "identity", "chunked")]


def _unpacked(message: Message) -> bytes:
    """The body without its coding; empty where that is not one of zlib's."""
    if len(_codings(message)) > 1:
        return b""
    for width in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):
        try:
            return zlib.decompressobj(width).decompress(message.body, UNPACKED)
        except zlib.error:
            continue
    return b""
