"""The recording: every exchange of a run, one a line, secrets masked and what judgement needs of them kept as facts."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import threading
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_FORMATS = "token-conformance-exchanges/"
FORMAT = f"{_FORMATS}1"


class RecordingError(ValueError):
    """A recording cannot be read; the text names the file, the line and what is wrong."""


class WritingError(OSError):
    """A recording cannot be written any more; the text says why."""

    def __str__(self) -> str:
        return f"the recording cannot be written: {self.args[-1]}"


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of an access token that is itself masked.

    Attributes:
        length: characters of the decoded value.
        visible: whether every character is printable ASCII (RFC 6749, appendix A.12).
        b64token: whether it fits the Authorization header as a Bearer token (RFC 6750, section 2.1).
        fingerprint: keyed digest; equal tokens of one run have equal ones.
        jwt: header and claim names with the times, where the token is a JWT.
        places: keyed digests of its characters in order, two hexadecimal digits each, where it is no JWT; equal
            characters at one place of two tokens have equal ones. A long token has one for several characters.
    """

    length: int
    visible: bool
    b64token: bool
    fingerprint: str
    jwt: Mapping[str, Any] | None = None
    places: str = ""


@dataclass(frozen=True, slots=True)
class Echo:
    """A credential of the request found in its answer.

    Attributes:
        credential: which one, such as ``client secret``.
        spelling: how it is spelled, such as ``Base64``.
        place: where it stands, such as ``field WWW-Authenticate`` or ``body``.
    """

    credential: str
    spelling: str
    place: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came back.

    Attributes:
        number: place in the order of starting, from 1.
        role: ``control``, ``stimulus``, or the source of a generated request.
        attempt: 1, or 2 where a failure was to be confirmed.
        template: digest of the template.
        label: the stimulus in words, such as ``CTYPE-009 spaced``.
        how: what a generated request deviates in, else empty.
        sent: octets handed to the connection, masked.
        received: octets that came back, masked.
        ending: how the exchange ended (``wire.Ending``).
        detail: a sentence about an ending that is no answer.
        left_open: whether the connection still stood when the exchange ended.
        head: whether the method was HEAD, so that the answer has no content.
        started: seconds since the epoch.
        first_byte: seconds from the start to the first octet, if one came.
        duration: seconds from the start to the end.
        spent: whether a wrong secret of the real client travelled.
        token: facts of the access token, if one usable came.
        echoes: credentials found in the answer.
        tls: TLS version, if any.
        cipher: TLS cipher suite as OpenSSL calls it, if any.
        content: the content without its coding, masked, where it has one that can be undone.
        sent_all: seconds from the start until the last octet of the request was handed over, if it was.
        preceding: octets of ``sent`` and ``received`` that belong to a request before this one on the same connection.
        begun: number of the last exchange that had begun when this one ended; 0 in recordings that did not keep it.
    """

    number: int
    role: str
    attempt: int
    template: str
    label: str
    how: str
    sent: bytes
    received: bytes
    ending: str
    detail: str
    left_open: bool
    head: bool
    started: float
    first_byte: float | None
    duration: float
    spent: bool
    token: Token | None = None
    echoes: tuple[Echo, ...] = ()
    tls: str | None = None
    cipher: str | None = None
    content: bytes = b""
    sent_all: float | None = None
    preceding: tuple[int, int] = (0, 0)
    begun: int = 0

    @property
    def answer(self) -> bytes:
        """The octets received after the answer to a request before this one: what answers this one."""
        return self.received[self.preceding[1] :]


@dataclass(frozen=True, slots=True)
class Header:
    """What a recording is about.

    Attributes:
        run: identifier of the run, 12 hexadecimal digits.
        suite: version of the suite.
        edition: edition of the catalogue.
        profile: name of the profile.
        target: name, base URL, token path, whether it is the embedded endpoint, whether a proxy rewrites requests, and
            the names of further headers and parameters.
        loopback: whether the target is on this machine.
        settings: what the verdicts depend on, and what a command that repeats a case has to name.
        started: seconds since the epoch.
    """

    run: str
    suite: str
    edition: int
    profile: str
    target: Mapping[str, Any]
    loopback: bool
    settings: Mapping[str, Any]
    started: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A run as it was observed.

    Attributes:
        header: what it is about.
        exchanges: in order of starting.
        skipped: stimuli that were not sent, by template digest, and why.
        stopped: why the sending ended early, if it did.
        complete: whether the footer was written.
    """

    header: Header
    exchanges: tuple[Exchange, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    stopped: str = ""
    complete: bool = True


class Writer:
    """Appends a recording to a file, a line an exchange, so that a killed run leaves what it saw.

    A line that cannot be written whole is taken back, so that the file can be read whatever happens.

    Args:
        path: the file; it is created readable by its owner only.
        header: what the recording is about.

    Raises:
        WritingError: the file cannot be written; so do the methods.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self._lock = threading.Lock()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            # A file that was there keeps the mode it had; a device is not ours to change.
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.fchmod(descriptor, 0o600)
        except OSError as error:
            raise WritingError(error.strerror) from None
        self._descriptor: int | None = descriptor
        self._size = 0
        try:
            self._line({"format": FORMAT, **asdict(header)})
        except BaseException:
            self._end()
            raise

    def append(self, exchange: Exchange) -> None:
        """Writes one exchange; nothing after the end."""
        self._line(exchange_record(exchange))

    def close(self, *, skipped: Mapping[str, str], stopped: str) -> None:
        """Writes the footer, whose presence shows that nothing is missing."""
        try:
            self._line({"end": True, "skipped": dict(skipped), "stopped": stopped})
        finally:
            self._end()

    def _end(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    def _line(self, record: Mapping[str, Any]) -> None:
        line = (json.dumps(record, ensure_ascii=True, separators=(",", ":")) + "\n").encode()
        with self._lock:
            if self._descriptor is None:
                return
            try:
                written = 0
                while written < len(line):
                    written += os.write(self._descriptor, line[written:])
                self._size += written
            except BaseException as error:
                # What is no regular file cannot be cut.
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self._size)
                    os.lseek(self._descriptor, self._size, os.SEEK_SET)
                if isinstance(error, OSError):
                    raise WritingError(error.strerror) from None
                raise


def exchange_record(exchange: Exchange) -> dict[str, Any]:
    """An exchange as JSON: octets stand as text in which every character is one octet (ISO 8859-1)."""
    record = asdict(exchange)
    record["sent"] = exchange.sent.decode("latin-1")
    record["received"] = exchange.received.decode("latin-1")
    record["content"] = exchange.content.decode("latin-1")
    return record


def exchange_of(record: Mapping[str, Any]) -> Exchange:
    """The exchange of a JSON record; the reverse of `exchange_record`."""
    token = record["token"]
    return Exchange(
        **{
            **record,
            "sent": record["sent"].encode("latin-1"),
            "received": record["received"].encode("latin-1"),
            "content": record["content"].encode("latin-1"),
            "token": Token(**token) if token is not None else None,
            "echoes": tuple(Echo(**echo) for echo in record["echoes"]),
            "preceding": tuple(record.get("preceding", (0, 0))),
        },
    )


def read(path: Path) -> Recording:
    """The recording in a file.

    Args:
        path: an ``exchanges.jsonl``; one without its footer is read as far as it goes, and is not complete.

    Raises:
        RecordingError: the file is no recording.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            return _read(iter(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path}: cannot be read: {error}") from error
    except RecordingError as error:
        raise RecordingError(f"{path}: {error}") from error


def _read(lines: Iterator[str]) -> Recording:
    head = _record(next(lines, ""))
    form = head.pop("format", None) if head is not None else None
    if head is None or form != FORMAT:
        if re.fullmatch(re.escape(_FORMATS) + "[0-9]{1,9}", str(form)):
            by = f"release {head['suite']}" if head is not None and "suite" in head else "another release"
            raise RecordingError(f"line 1: says {form!r}, and this release reads {FORMAT!r}; judge it with {by}")
        raise RecordingError(f"line 1: does not say {FORMAT!r}, so that this is no recording of this suite")
    exchanges: list[Exchange] = []
    number = 1
    try:
        header = Header(**head)
        for number, line in enumerate(lines, 2):
            record = _record(line)
            if record is None:
                # The last line of a killed run may be cut anywhere.
                if next(lines, None) is None:
                    break
                raise RecordingError(f"line {number}: is no JSON object")
            if record.get("end"):
                return Recording(header, _in_order(exchanges), record["skipped"], record["stopped"])
            exchanges.append(exchange_of(record))
    except KeyError as error:
        raise RecordingError(f"line {number}: lacks {error}") from error
    except (AttributeError, TypeError, UnicodeEncodeError) as error:
        raise RecordingError(f"line {number}: is no record of this suite: {error}") from error
    return Recording(header, _in_order(exchanges), {}, "interrupted", complete=False)


def _record(line: str) -> dict[str, Any] | None:
    """The JSON object in a line, if there is one."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _in_order(exchanges: list[Exchange]) -> tuple[Exchange, ...]:
    return tuple(sorted(exchanges, key=lambda exchange: exchange.number))
