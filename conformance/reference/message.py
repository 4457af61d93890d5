"""HTTP/1.1 messages as the embedded endpoint reads and writes them: strictly, from a bare socket."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

LINE_LIMIT = 16 * 1024
HEADER_LIMIT = 64 * 1024
FIELD_LIMIT = 200
BODY_LIMIT = 1024 * 1024
CHUNK_LINE_LIMIT = 4 * 1024
OWS = b" \t"
TOO_MANY_FIELDS = "too many fields"
CHUNKS_MALFORMED = "the chunked coding is malformed"

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")
HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
REASONS = {
    200: "OK",
    201: "Created",
    302: "Found",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    411: "Length Required",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    417: "Expectation Failed",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}


class Malformed(Exception):  # noqa: N818 - it names what arrived, and is no error of this program
    """A message that the HTTP layer refuses before any routing; the connection closes after the answer.

    Args:
        status: of the answer.
        reason: one plain phrase, never with a part of the request in it.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Ended(Exception):  # noqa: N818 - the normal end of a connection
    """The peer sends no more, so no answer is due."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field line: its value, trimmed and read as Latin-1, and the octets after the colon as they came."""

    name: str
    value: str = field(repr=False)
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose framing is sound; ``body`` has no transfer coding left."""

    method: str
    path: str
    query: str = field(repr=False)
    fields: tuple[Field, ...] = field(repr=False)
    body: bytes = field(repr=False)
    keep_alive: bool
    version: str = "HTTP/1.1"

    def values(self, name: str) -> tuple[str, ...]:
        """Every line of that field, in order; names are compared without regard to case (RFC 9110 5.1)."""
        wanted = name.lower()
        return tuple(line.value for line in self.fields if line.name.lower() == wanted)

    def value(self, name: str) -> str:
        """The first line of that field, or an empty string."""
        return next(iter(self.values(name)), "")


@dataclass(frozen=True, slots=True)
class Answer:
    """A response without its framing, which ``framed`` adds."""

    status: int
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    close: bool = False

    def values(self, name: str) -> tuple[str, ...]:
        """Every value of that field, in order."""
        wanted = name.lower()
        return tuple(value for known, value in self.fields if known.lower() == wanted)


class Stream:
    """The octets that arrive on one connection.

    Args:
        sock: a connected socket; its timeout bounds every wait.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray()

    @property
    def waiting(self) -> bool:
        """Octets have arrived that nobody has read yet."""
        return bool(self._buffer)

    def _more(self) -> None:
        octets = self._sock.recv(65536)
        if not octets:
            raise Ended
        self._buffer += octets

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def line(self, limit: int, too_long: Malformed) -> bytes:
        """One line without its CRLF; a bare LF ends no line (RFC 9112 2.2 leaves that choice)."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > limit:
                raise too_long
            self._more()
        if end > limit:
            raise too_long
        taken = self._take(end + 1)
        if not taken.endswith(b"\r\n"):
            raise Malformed(400, "a line ends without CR LF")
        return taken[:-2]

    def amend(self, change: Callable[[bytes], bytes]) -> None:
        """Waits for a whole header section and changes its octets, the empty line at its end left out."""
        searched = 0
        while (end := self._buffer.find(b"\r\n\r\n", searched)) < 0:
            searched = max(len(self._buffer) - 3, 0)
            self._more()
        self._buffer[:end] = change(bytes(self._buffer[:end]))

    def exactly(self, count: int) -> bytes:
        """That many octets."""
        while len(self._buffer) < count:
            self._more()
        return self._take(count)


def trimmed(raw: bytes) -> bytes:
    """A field value without the blanks and tabs around it (RFC 9110 5.5)."""
    return raw.strip(OWS)


def chunk_size(line: bytes) -> int:
    """The size that begins a chunk, its extensions ignored (RFC 9112 7.1.1)."""
    size = CHUNK_SIZE.fullmatch(line)
    if not size:
        raise Malformed(400, CHUNKS_MALFORMED)
    return int(size.group(1), 16)


def read_request(
    stream: Stream,
    go_on: Callable[[], None],
    value: Callable[[bytes], bytes] = trimmed,
    size: Callable[[bytes], int] = chunk_size,
    amend: Callable[[bytes], bytes] | None = None,
) -> Request:
    """The next request of a connection.

    Args:
        stream: where it comes from.
        go_on: sends the interim answer 100 (RFC 9110 10.1.1).
        value: makes a field value of the octets after the colon.
        size: makes a number of the line that begins a chunk.
        amend: changes the header section before anything of it is read.

    Raises:
        Malformed: the message is to be refused (RFC 9112 2 to 7).
        Ended: the peer sent no further request, or only a part of one.
    """
    if amend is not None:
        stream.amend(amend)
    method, target, version = _request_line(stream)
    fields = _fields(stream, value)
    values = _by_name(fields)
    _check_host(values.get(b"host", []), version)
    path, query = _split_target(target)
    body = _body(stream, values, version, go_on, size)
    options = {option.strip(OWS).lower() for line in values.get(b"connection", []) for option in line.split(b",")}
    keep_alive = b"close" not in options and version != b"HTTP/1.0"
    return Request(method.decode("ascii"), path, query, fields, body, keep_alive, version.decode("ascii"))


def _request_line(stream: Stream) -> tuple[bytes, bytes, bytes]:
    line = b""
    for _ in range(3):  # RFC 9112 2.2: an empty line before the request line is ignored
        line = stream.line(LINE_LIMIT, Malformed(414, "the request target is too long"))
        if line:
            break
    parts = line.split(b" ")
    if len(parts) != 3 or not TOKEN.fullmatch(parts[0]):
        raise Malformed(400, "the request line is malformed")
    method, target, version = parts
    if not VERSION.fullmatch(version):
        raise Malformed(400, "the request line is malformed")
    if not version.startswith(b"HTTP/1."):
        raise Malformed(505, "only HTTP/1.1 is spoken here")
    if not target or re.search(rb"[^\x21-\x7e]", target):
        raise Malformed(400, "the request target is malformed")
    return method, target, version


def _fields(stream: Stream, value: Callable[[bytes], bytes]) -> tuple[Field, ...]:
    fields: list[Field] = []
    budget = HEADER_LIMIT
    too_large = Malformed(431, "the header section is too large")
    while line := stream.line(budget, too_large):
        budget -= len(line) + 2
        if budget < 0:
            raise too_large
        if len(fields) == FIELD_LIMIT:
            raise Malformed(431, TOO_MANY_FIELDS)
        fields.append(_field(line, value))
    return tuple(fields)


def _field(line: bytes, value: Callable[[bytes], bytes]) -> Field:
    name, colon, raw = line.partition(b":")
    if not colon or not TOKEN.fullmatch(name):
        raise Malformed(400, "a field line is malformed")
    if re.search(rb"[\x00\r]", raw):
        raise Malformed(400, "a field value holds CR or NUL")
    return Field(name.decode("ascii"), value(raw).decode("latin-1"), raw)


def _by_name(fields: tuple[Field, ...]) -> dict[bytes, list[bytes]]:
    values: dict[bytes, list[bytes]] = {}
    for line in fields:
        values.setdefault(line.name.lower().encode("ascii"), []).append(trimmed(line.raw))
    return values


def _check_host(hosts: list[bytes], version: bytes) -> None:
    if len(hosts) > 1 or (not hosts and version != b"HTTP/1.0"):
        raise Malformed(400, "exactly one Host is needed")
    if hosts and not HOST.fullmatch(hosts[0]):
        raise Malformed(400, "Host is malformed")


def _split_target(target: bytes) -> tuple[str, str]:
    absolute = re.fullmatch(rb"https?://[^/?#]+([/?].*)?", target, re.IGNORECASE)
    origin = (absolute.group(1) or b"/") if absolute else target
    path, _, query = origin.decode("ascii").partition("?")
    return path or "/", query


def _body(
    stream: Stream,
    values: dict[bytes, list[bytes]],
    version: bytes,
    go_on: Callable[[], None],
    size: Callable[[bytes], int],
) -> bytes:
    codings, lengths = values.get(b"transfer-encoding", []), values.get(b"content-length", [])
    if codings and lengths:
        raise Malformed(400, "Content-Length and Transfer-Encoding together")
    chunked = _is_chunked(codings, version)
    length = _length(lengths)
    expectations = [line.lower() for line in values.get(b"expect", [])]
    if any(line != b"100-continue" for line in expectations):
        raise Malformed(417, "that expectation is not met here")
    if expectations and version != b"HTTP/1.0" and (chunked or length) and not stream.waiting:
        go_on()
    return _chunks(stream, size) if chunked else stream.exactly(length)


def _is_chunked(lines: list[bytes], version: bytes) -> bool:
    if not lines:
        return False
    if version == b"HTTP/1.0":
        raise Malformed(400, "HTTP/1.0 has no transfer codings")
    codings = [coding.strip(OWS).lower() for line in lines for coding in line.split(b",")]
    if b"chunked" in codings[:-1]:
        raise Malformed(400, "chunked is not the last transfer coding")
    if codings != [b"chunked"]:
        raise Malformed(501, "only the chunked transfer coding is known")
    return True


def _length(lines: list[bytes]) -> int:
    if not lines:
        return 0
    if len(lines) > 1 or not re.fullmatch(rb"[0-9]+", lines[0]):
        raise Malformed(400, "Content-Length is malformed")
    digits = lines[0].lstrip(b"0") or b"0"
    if len(digits) > 9 or int(digits) > BODY_LIMIT:
        raise Malformed(413, "the content is too large")
    return int(digits)


def _chunks(stream: Stream, size: Callable[[bytes], int]) -> bytes:
    body = bytearray()
    malformed = Malformed(400, CHUNKS_MALFORMED)
    while True:
        count = size(stream.line(CHUNK_LINE_LIMIT, malformed))
        if count == 0:
            _fields(stream, trimmed)
            return bytes(body)
        if len(body) + count > BODY_LIMIT:
            raise Malformed(413, "the content is too large")
        body += stream.exactly(count)
        if stream.exactly(2) != b"\r\n":
            raise malformed


def framed(answer: Answer, *, close: bool, head: bool) -> bytes:
    """The octets of a response, its length stated (RFC 9112 6.3).

    Args:
        answer: what to say.
        close: the connection ends with it.
        head: the request was HEAD, so the content stays out (RFC 9110 9.3.2).
    """
    fields = (*standing(answer, close=close), ("Content-Length", str(len(answer.body))))
    return heading(answer.status, fields) + (b"" if head else answer.body)


def standing(answer: Answer, *, close: bool) -> tuple[tuple[str, str], ...]:
    """The fields of a response, with Date, and Connection where it closes."""
    return (("Date", http_date(time.time())), *answer.fields, *((("Connection", "close"),) if close else ()))


def heading(status: int, fields: tuple[tuple[str, str], ...]) -> bytes:
    """Status line and header section."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, '')}", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


def http_date(seconds: float) -> str:
    """An IMF-fixdate (RFC 9110 5.6.7), whatever the locale."""
    now = time.gmtime(seconds)
    day, month = DAYS[now.tm_wday], MONTHS[now.tm_mon - 1]
    return f"{day}, {now.tm_mday:02} {month} {now.tm_year} {now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02} GMT"


def page(status: int, text: str, *fields: tuple[str, str], close: bool = False) -> Answer:
    """A plain text answer of the HTTP layer."""
    return Answer(status, (("Content-Type", "text/plain; charset=utf-8"), *fields), f"{text}\n".encode(), close)
