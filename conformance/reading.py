"""A received HTTP/1.x response, read as leniently as a careful person would, with everything odd noted (RFC 9112)."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.header import (
    OWS,
    STATUS_START,
    UNREACHABLE_SIZE,
    Field,
    Framing,
    Notes,
    Span,
    fields_of,
    framing_of,
    note,
    shown_size,
    status_line,
    status_line_cut_short,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Field", "Framing", "Message", "Reader", "Span", "read"]

LEADING_LIMIT = 1024
"""Octets before a status line that are skipped in search of one."""

_CR, _LF = 0x0D, 0x0A
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]+")


@dataclass(frozen=True, slots=True)
class Message:
    """The final response found in received data.

    Where only interim responses came, it is the last of them, incomplete, with the anomaly ``interim-only``.

    Attributes:
        version: as received, such as ``HTTP/1.1``.
        status: three-digit code; 0 where none can be made out.
        reason: reason phrase, possibly empty.
        fields: header section in order; lines without a colon are left out.
        interim: statuses of the 1xx responses before this one.
        body: transfer coding removed where it is chunked, content coding kept.
        body_spans: octet ranges of the received data that make up the body, in order.
        framing: what ends the body. ``none``: there is none (HEAD, 101, 204, 304, unfinished header section).
        complete: whether all of it arrived; a close-delimited one is complete when the peer ended the stream.
        end: offset just past the message, or past what could be understood of it.
        anomalies: one entry a kind, such as ``bare-lf`` or ``obs-fold: Name, Other``.
        trailers: trailer section of a chunked message.
        extra: octets past ``end``.
    """

    version: str
    status: int
    reason: str
    fields: tuple[Field, ...]
    interim: tuple[int, ...]
    body: bytes = field(repr=False)
    body_spans: tuple[Span, ...]
    framing: Framing
    complete: bool
    end: int
    anomalies: tuple[str, ...]
    trailers: tuple[Field, ...] = ()
    extra: bytes = field(default=b"", repr=False)

    def values(self, name: str) -> tuple[str, ...]:
        """The values of every line of one header field, in order.

        Args:
            name: field name, in any case (RFC 9110 section 5.1).
        """
        wanted = name.lower()
        return tuple(line.value for line in self.fields if line.name.lower() == wanted)


def read(data: bytes, *, head: bool = False, closed: bool = True) -> Message | None:
    """The response in received data, or None where nothing looks like an HTTP/1.x response.

    Args:
        data: every octet received on the connection; no octets whatever raise an error.
        head: whether the request was HEAD, whose answer has no body.
        closed: whether the peer ended the stream in order, which is what completes a close-delimited body.
    """
    reader = Reader(head=head)
    reader.feed(data)
    return reader.message(closed=closed)


class Reader:
    """The same reading, fed piece by piece; its work grows linearly with the octets, however they are cut."""

    def __init__(self, *, head: bool = False) -> None:
        self._head = head
        self._data = bytearray()
        self._at = 0  # where the line or chunk being read begins
        self._scanned = 0  # no line end lies between _at and here
        self._step: Callable[[Reader], bool] = Reader._read_status_line
        self._notes: Notes = {}
        self._message_at = 0
        self._version, self._status, self._reason = "", 0, ""
        self._lines: list[Span] = []
        self._fields: tuple[Field, ...] = ()
        self._interim: list[int] = []
        self._header_end: int | None = None
        self._framing: Framing = "none"
        self._size = 0  # octets the Content-Length or the current chunk announces
        self._edges = array("Q")  # begin and end of each whole piece of the body
        self._end: int | None = None
        self._finished = False

    def feed(self, data: bytes) -> None:
        """Takes the octets that were received next."""
        self._data += data
        while self._step(self):
            pass

    @property
    def data(self) -> bytes:
        """Every octet fed so far."""
        return bytes(self._data)

    @property
    def finished(self) -> bool:
        """Whether the final response is complete by its own framing; a close-delimited one never is."""
        return self._finished

    @property
    def header_size(self) -> int:
        """Octets up to the end of the final header section, interim responses included."""
        return len(self._data) if self._header_end is None else self._header_end

    @property
    def body_size(self) -> int:
        """Octets of the body as it travelled, chunk sizes and trailers included, octets past its end not."""
        if self._header_end is None:
            return 0
        end = self._end if self._finished and self._end is not None else len(self._data)
        return end - self._header_end

    @property
    def extra_size(self) -> int:
        """Octets received past the end of a finished response."""
        return len(self._data) - self._end if self._finished and self._end is not None else 0

    def message(self, *, closed: bool = True) -> Message | None:
        """The response as far as it was received, or None where nothing looks like one.

        Args:
            closed: whether the peer ended the stream in order.
        """
        notes = {word: list(details) for word, details in self._notes.items()}
        if self._header_end is None:
            return self._message_without_body(notes)
        spans = [(self._edges[at], self._edges[at + 1]) for at in range(0, len(self._edges), 2)]
        spans += self._unfinished_piece()
        end = len(self._data) if self._end is None else self._end
        extra = bytes(self._data[end:])
        if self._finished and extra:
            note(notes, "extra-octets", str(len(extra)))
        if self._end is None:
            self._note_what_is_missing(notes)
        trailers = fields_of(self._data, self._lines, notes) if self._framing == "chunked" else ()
        return Message(
            version=self._version,
            status=self._status,
            reason=self._reason,
            fields=self._fields,
            interim=tuple(self._interim),
            body=b"".join(self._data[begin:stop] for begin, stop in spans),
            body_spans=tuple(spans),
            framing=self._framing,
            complete=self._finished or (closed and self._framing == "close"),
            end=end,
            anomalies=written(notes),
            trailers=trailers,
            extra=extra,
        )

    def _message_without_body(self, notes: Notes) -> Message | None:
        start_line, fields, interim = (self._version, self._status, self._reason), self._fields, self._interim
        end = len(self._data)
        if self._step is Reader._read_field:
            fields = fields_of(self._data, self._lines, notes)
            note(notes, "truncated-header")
        elif self._step is Reader._read_status_line and STATUS_START.match(self._data, self._at):
            start_line, fields = status_line_cut_short(bytes(self._data[self._at :])), ()
            note(notes, "truncated-header")
        elif interim:
            interim, end = interim[:-1], self._message_at
            note(notes, "interim-only")
            if end < len(self._data):
                note(notes, "extra-octets", str(len(self._data) - end))
        else:
            return None
        version, status, reason = start_line
        return Message(
            version=version,
            status=status,
            reason=reason,
            fields=fields,
            interim=tuple(interim),
            body=b"",
            body_spans=(),
            framing="none",
            complete=False,
            end=end,
            anomalies=written(notes),
            extra=bytes(self._data[end:]),
        )

    def _unfinished_piece(self) -> list[Span]:
        begins = self._framing == "close" or self._step in (Reader._read_length, Reader._read_chunk)
        return [(self._at, len(self._data))] if begins and self._at < len(self._data) else []

    def _note_what_is_missing(self, notes: Notes) -> None:
        have = len(self._data) - self._at
        if self._framing == "length":
            note(notes, "short-body", f"{have} of {shown_size(self._size)}")
        elif self._step is Reader._read_trailer:
            note(notes, "truncated-trailer")
        elif self._framing == "chunked":
            if self._step is Reader._read_chunk:
                note(notes, "short-chunk", f"{have} of {shown_size(self._size)}")
            note(notes, "missing-last-chunk")

    # One step for each place in a message. A step says whether the next one can go on at once.

    def _read_status_line(self) -> bool:
        span = self._next_line()
        if span is None:
            return False
        line = bytes(self._data[slice(*span)])
        if STATUS_START.match(line):
            self._version, self._status, self._reason = status_line(line, self._notes)
            self._step = Reader._read_field
            return True
        note(self._notes, "leading-line")
        if self._at - self._message_at > LEADING_LIMIT:
            self._step = Reader._wait
        return True

    def _read_field(self) -> bool:
        span = self._next_line()
        if span is None:
            return False
        if span[0] < span[1]:
            self._lines.append(span)
            return True
        self._fields = fields_of(self._data, self._lines, self._notes)
        self._lines = []
        if 100 <= self._status < 200 and self._status != 101:
            self._interim.append(self._status)
            self._message_at = self._at
            self._step = Reader._read_status_line
        else:
            self._header_end = self._at
            self._begin_body()
        return True

    def _begin_body(self) -> None:
        framing, self._size = framing_of(self._version, self._fields, self._notes)
        if self._head or self._status in (101, 204, 304):
            self._finish()
            return
        self._framing = framing
        steps = {"length": Reader._read_length, "chunked": Reader._read_chunk_size}
        self._step = steps.get(framing, Reader._wait)

    def _read_length(self) -> bool:
        if not self._piece_arrived():
            return False
        self._finish()
        return True

    def _read_chunk_size(self) -> bool:
        begin = self._at
        span = self._next_line()
        if span is None:
            return False
        digits = bytes(self._data[slice(*span)]).partition(b";")
        size = digits[0].strip(OWS)
        if not _HEXADECIMAL.fullmatch(size):
            self._give_up("bad-chunk-size", begin)
            return True
        # White space is legal only before an extension (RFC 9112 section 7.1.1).
        if len(digits[0].lstrip(OWS)) < len(digits[0]) or (not digits[1] and len(size) < len(digits[0])):
            note(self._notes, "space-in-chunk-size")
        self._size = min(int(size, 16), UNREACHABLE_SIZE)
        self._step = Reader._read_chunk if self._size else Reader._read_trailer
        return True

    def _read_chunk(self) -> bool:
        if not self._piece_arrived():
            return False
        self._step = Reader._read_chunk_end
        return True

    def _read_chunk_end(self) -> bool:
        ahead = bytes(self._data[self._at : self._at + 2])
        if ahead in (b"", b"\r"):
            return False
        if ahead == b"\r\n":
            self._at += 2
        elif ahead[0] == _LF:
            note(self._notes, "bare-lf")
            self._at += 1
        else:
            self._give_up("bad-chunk-end", self._at)
            return True
        self._scanned = self._at
        self._step = Reader._read_chunk_size
        return True

    def _read_trailer(self) -> bool:
        span = self._next_line()
        if span is None:
            return False
        if span[0] < span[1]:
            self._lines.append(span)
        else:
            self._finish()
        return True

    def _wait(self) -> bool:
        return False

    def _next_line(self) -> Span | None:
        """The span of the next whole line without its line end; None while it has none."""
        data, begin = self._data, self._at
        line_feed = data.find(_LF, self._scanned)
        if line_feed < 0:
            self._scanned = len(data)
            return None
        end = line_feed
        while end > begin and data[end - 1] == _CR:
            end -= 1
        if end == line_feed:
            note(self._notes, "bare-lf")
        elif line_feed - end > 1:
            note(self._notes, "extra-cr")
        self._at = self._scanned = line_feed + 1
        return begin, end

    def _piece_arrived(self) -> bool:
        if len(self._data) - self._at < self._size:
            return False
        if self._size:
            self._edges.extend((self._at, self._at + self._size))
        self._at += self._size
        self._scanned = self._at
        return True

    def _finish(self) -> None:
        self._finished = True
        self._end = self._at
        self._step = Reader._wait

    def _give_up(self, word: str, end: int) -> None:
        note(self._notes, word)
        self._end = end
        self._step = Reader._wait
