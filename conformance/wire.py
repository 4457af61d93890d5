"""One exchange on a connection of its own: bytes out, bytes in, and how it ended. Nothing a target does raises."""

from __future__ import annotations

import math
import select
import ssl
import time
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from conformance import proxy
from conformance.connection import (
    Address,
    Ending,
    NoConnectionError,
    WireError,
    connect,
    handshake_context,
    tls_context,
    tls_fault,
    written,
)
from conformance.reading import Reader

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from conformance.connection import Place
    from conformance.request import Encoded, Transport
    from conformance.target import Target

__all__ = ["Address", "Caps", "Deadlines", "Ending", "Route", "Transcript", "WireError", "exchange", "tls_context"]

_PIECE = 65536  # more than a TLS record holds, so that none is left half read inside TLS
_TLS_ALERT = b"\x15\x03"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long to wait, in seconds.

    Attributes:
        connect: for the name, TCP and TLS together.
        first_byte: without a first octet of the answer, counted from the last progress in sending.
        exchange: for everything.
    """

    connect: float
    first_byte: float
    exchange: float


@dataclass(frozen=True, slots=True)
class Caps:
    """How much of an answer is taken, in octets.

    Attributes:
        header: status line, header section and interim responses.
        body: the body as it travels.
    """

    header: int = 256 * 1024
    body: int = 4 * 1024 * 1024


DEFAULT_CAPS = Caps()

LINGER = 0.15
"""Seconds to go on reading after a complete message."""

HOLD = 5.0
"""Seconds that a request waits for an answer to its header section before its body follows."""

FIRST_ALONE = "the connection was closed after the first answer"
"""Why a second request was not sent."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What happened on the wire.

    Attributes:
        sent: octets handed to the kernel (to TLS), a prefix of the request.
        received: octets that came, the ones past the end of the message included.
        ending: how it ended.
        detail: the same in a short sentence for people.
        started: seconds since the epoch; the four offsets below are seconds from then.
        connected: when TCP, and TLS where spoken, stood.
        sent_all: when the last octet of the request was handed over.
        first_byte: when the first octet of the answer came.
        finished: when the exchange ended.
        left_open: whether the connection still stood when it was left: the peer had neither closed nor reset it.
        local: our address and port.
        peer: the target's address and port.
        tls_version: such as ``TLSv1.3``.
        cipher: TLS cipher suite as OpenSSL calls it.
        preceding: octets sent and received that belong to the request before this one on the same connection.
    """

    sent: bytes = field(repr=False)
    received: bytes = field(repr=False)
    ending: Ending
    detail: str
    started: float
    connected: float | None
    sent_all: float | None
    first_byte: float | None
    finished: float
    left_open: bool
    local: str | None
    peer: str | None
    tls_version: str | None
    cipher: str | None = None
    preceding: tuple[int, int] = (0, 0)


def exchange(  # noqa: PLR0913 - a request and how it travels
    address: Address,
    data: bytes,
    *,
    head: bool = False,
    deadlines: Deadlines,
    caps: Caps = DEFAULT_CAPS,
    linger: float = LINGER,
    context: ssl.SSLContext | None = None,
    preceding: bytes = b"",
    hold: int | None = None,
) -> Transcript:
    """Sends a request on a new connection and takes what comes back.

    Sending and receiving interleave, so that an answer given before the request was read is kept. Sending stops when
    the answer is complete.

    Args:
        address: where to connect.
        data: the request's octets.
        head: whether its method is HEAD, whose answer ends with its header section.
        deadlines: how long to wait for what.
        caps: how much to take.
        linger: seconds to go on reading after a complete message, to catch octets past its end; a peer that closes
            ends it at once.
        context: TLS settings; those of :func:`tls_context` without it.
        preceding: a request that goes first on the same connection. Where the peer closes after its answer, or says
            that it will, nothing more is sent.
        hold: octets after which sending waits for a first octet of the answer, `HOLD` seconds at the most.

    Raises:
        WireError: the CA bundle or the client certificate of the address is unusable.
    """
    if address.tls and context is None:
        context = _context_of(address.ca_bundle, address.client)
    talk = _Talk(data, Reader(head=head), deadlines, caps, linger, hold)
    first = _Talk(preceding, Reader(), deadlines, caps, linger) if preceding else None
    try:
        (first or talk).connect(address, context if address.tls else None)
        if first is not None:
            ending, detail = first.converse()
            if ending is not Ending.COMPLETE or first.over:
                over = ending is Ending.COMPLETE
                ending, detail = (Ending.CLOSED, FIRST_ALONE) if over else (ending, detail)
                return _after(first.transcript(ending, detail), None)
            talk.adopt(first)
        ending, detail = talk.converse()
    except NoConnectionError as failure:
        ending, detail = failure.ending, failure.detail
    finally:
        (first or talk).close()
    whole = talk.transcript(ending, detail)
    return whole if first is None else _after(first.transcript(ending, detail), whole)


def _after(first: Transcript, second: Transcript | None) -> Transcript:
    """One transcript of two requests on one connection; what ended it is the second one's, where there was one."""
    whole = first if second is None else second
    return replace(
        whole,
        sent=first.sent + (b"" if second is None else second.sent),
        received=first.received + (b"" if second is None else second.received),
        first_byte=None if second is None else second.first_byte,
        preceding=(len(first.sent), len(first.received)),
    )


class Route:
    """How the requests for a target travel: where to connect, and what a proxy makes of their octets.

    Args:
        target: the endpoint.

    Raises:
        WireError: the CA bundle or the client certificate of the target is unusable.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._context = None
        if target.scheme == "https":
            self._context = tls_context(target.ca_bundle, target.client_certificate)

    def over(self, transport: Transport | None) -> tuple[Address, ssl.SSLContext | None]:
        """Where to connect, and the TLS settings.

        Args:
            transport: what the case prescribes; ``None`` for what the target has. Without TLS, the port that http has
                of its own takes the place of that of https.

        Raises:
            WireError: the OpenSSL of this machine cannot offer what the case prescribes.
        """
        target = self._target
        plain = transport is not None and transport.plain
        port = target.plain_port if plain else target.port
        address = Address(
            target.host,
            port,
            tls=target.scheme == "https" and not plain,
            ca_bundle=target.ca_bundle,
            at=target.pinned(port) or (target.pinned(target.port) if plain else None),
            proxy=target.proxy,
            client=target.client_certificate,
        )
        if not address.tls:
            return address, None
        return address, self._context if transport is None else handshake_context(transport, target.client_certificate)

    def prepared(self, encoded: Encoded, transport: Transport | None) -> Encoded:
        """A request as it is handed to the connection: written anew where a proxy forwards it.

        Raises:
            WireError: the OpenSSL of this machine cannot offer what the case prescribes.
        """
        address, _ = self.over(transport)
        if address.tls or address.proxy is None:
            return encoded
        return proxy.forwarded(encoded, address.proxy, self._target.authority)


# Loading the system's roots takes longer than an exchange.
_context_of = lru_cache(maxsize=8)(tls_context)


class _Talk:
    """The state of one exchange."""

    def __init__(
        self,
        data: bytes,
        reader: Reader,
        deadlines: Deadlines,
        caps: Caps,
        linger: float,
        hold: int | None = None,
    ) -> None:
        self._data, self._reader, self._deadlines, self._caps, self._linger = data, reader, deadlines, caps, linger
        self._free = len(data) if hold is None else min(hold, len(data))
        self._socket: socket.socket | None = None
        self._sent = 0
        self._may_send = True
        self._reset_while_sending = False
        self._read_wants_write = False
        self._write_wants_read = False
        self._open = False
        self._local: str | None = None
        self._peer: str | None = None
        self._tls_version: str | None = None
        self._cipher: str | None = None
        self._connected: float | None = None
        self._sent_all: float | None = None
        self._first_byte: float | None = None
        self._progress = 0.0
        self._message_end: float | None = None
        self._started = time.time()
        self._zero = time.monotonic()

    def transcript(self, ending: Ending, detail: str) -> Transcript:
        received = self._reader.data
        return Transcript(
            sent=self._data[: self._sent],
            received=received,
            ending=ending,
            detail=detail,
            started=self._started,
            connected=self._connected,
            sent_all=self._sent_all,
            first_byte=self._first_byte,
            finished=self._now(),
            left_open=self._open,
            local=self._local,
            peer=self._peer,
            tls_version=self._tls_version,
            cipher=self._cipher,
        )

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def connect(self, address: Address, context: ssl.SSLContext | None) -> None:
        sock = connect(address, context, min(self._deadlines.connect, self._deadlines.exchange))
        self._socket, self._open = sock, True
        self._connected = self._progress = self._now()
        self._local = _name(sock.getsockname)
        self._peer = _name(sock.getpeername)
        if isinstance(sock, ssl.SSLSocket):
            self._tls_version = sock.version()
            suite = sock.cipher()
            self._cipher = suite[0] if suite is not None else None
        sock.setblocking(False)

    def adopt(self, first: _Talk) -> None:
        """Goes on with the connection of another talk, in its time."""
        self._socket, self._open, self._zero, self._started = first._socket, True, first._zero, first._started
        self._connected, self._local, self._peer = first._connected, first._local, first._peer
        self._tls_version, self._cipher = first._tls_version, first._cipher
        self._progress = self._now()

    @property
    def over(self) -> bool:
        """Whether the peer takes no further request: it closed the connection, or says that it does."""
        message = self._reader.message(closed=False)
        if not self._open or message is None or message.version != "HTTP/1.1":
            return True
        return any("close" in value.lower() for value in message.values("Connection"))

    def converse(self) -> tuple[Ending, str]:
        sock = self._socket
        assert sock is not None
        poller = select.poll()
        poller.register(sock, select.POLLIN)
        watched = select.POLLIN
        looked: Ending | None = None
        self._send(sock)
        while True:
            deadline, ending = self._next_deadline()
            left = deadline - self._now()
            if left <= 0 and self._holding:
                self._release()
                self._send(sock)
                continue
            if left <= 0:
                # A busy machine may come late: what arrived in time is looked for once more.
                if looked is ending:
                    return ending, self._detail(ending)
                looked = ending
            writing = self._read_wants_write or (self._has_more_to_send() and not self._write_wants_read)
            events = select.POLLIN | (select.POLLOUT if writing else 0)
            if events != watched:
                poller.modify(sock, events)
                watched = events
            ready = poller.poll(max(0, math.ceil(left * 1000)))
            happened = ready[0][1] if ready else 0
            # Reading goes first: what the peer said before it reset the connection is still there to be had.
            if happened & ~select.POLLOUT or (happened and self._read_wants_write):
                over = self._receive(sock)
                if over is not None:
                    return over
            if happened & select.POLLOUT:
                self._send(sock)

    def _now(self) -> float:
        return time.monotonic() - self._zero

    def _next_deadline(self) -> tuple[float, Ending]:
        whole = (self._deadlines.exchange, Ending.EXCHANGE_TIMEOUT)
        if self._holding:
            return self._progress + min(HOLD, self._deadlines.exchange / 2), Ending.FIRST_BYTE_TIMEOUT
        if self._message_end is not None:
            return min(self._message_end + self._linger, self._deadlines.exchange), Ending.COMPLETE
        if self._first_byte is None:
            return min((self._progress + self._deadlines.first_byte, Ending.FIRST_BYTE_TIMEOUT), whole)
        return whole

    @property
    def _holding(self) -> bool:
        """Whether the rest of the request waits for a first octet of the answer."""
        return self._sent == self._free < len(self._data) and self._message_end is None

    def _release(self) -> None:
        self._free, self._progress = len(self._data), self._now()

    def _has_more_to_send(self) -> bool:
        return self._may_send and self._message_end is None and self._sent < self._free

    def _send(self, sock: socket.socket) -> None:
        if not self._has_more_to_send():
            return
        try:
            count = sock.send(self._data[self._sent : min(self._sent + _PIECE, self._free)])
        except (BlockingIOError, ssl.SSLWantWriteError):
            return
        except ssl.SSLWantReadError:
            self._write_wants_read = True
            return
        except OSError as error:
            # The answer may have come already; reading finds out.
            self._may_send = False
            self._reset_while_sending = isinstance(error, ConnectionResetError)
            return
        self._sent += count
        self._progress = self._now()
        if self._sent == len(self._data):
            self._sent_all = self._progress

    def _receive(self, sock: socket.socket) -> tuple[Ending, str] | None:
        self._read_wants_write = self._write_wants_read = False
        try:
            data = sock.recv(_PIECE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except ssl.SSLWantWriteError:
            self._read_wants_write = True
            return None
        except ssl.SSLEOFError:
            over = Ending.CLOSED, "the peer closed the connection without a TLS close_notify"
        except ssl.SSLError as error:
            over = Ending.TLS, tls_fault(error)
        except ConnectionError:
            over = Ending.RESET, ""
        except OSError as error:
            over = Ending.RESET, f"the connection broke: {error.strerror}"
        else:
            if data:
                return self._take(data)
            tls = self._reader.data.startswith(_TLS_ALERT)
            over = (
                Ending.RESET if self._reset_while_sending else Ending.CLOSED,
                "the peer speaks TLS, and plain HTTP was sent" if tls else "",
            )
        return self._over(*over)

    def _over(self, ending: Ending, detail: str) -> tuple[Ending, str]:
        self._open = False
        if self._message_end is not None:
            ending, detail = Ending.COMPLETE, ""
        return ending, detail or self._detail(ending)

    def _take(self, data: bytes) -> tuple[Ending, str] | None:
        now = self._now()
        if self._first_byte is None:
            self._first_byte = now
            self._release()
        reader = self._reader
        reader.feed(data)
        if reader.header_size > self._caps.header:
            return Ending.HEADER_TOO_LARGE, self._detail(Ending.HEADER_TOO_LARGE)
        if reader.body_size > self._caps.body:
            return Ending.BODY_TOO_LARGE, self._detail(Ending.BODY_TOO_LARGE)
        if reader.finished and self._message_end is None:
            self._message_end = now
        if reader.extra_size > _PIECE:
            return Ending.COMPLETE, self._detail(Ending.COMPLETE)
        return None

    def _detail(self, ending: Ending) -> str:
        nothing = " without an answer" if self._first_byte is None else ""
        stuck = "" if self._sent_all is not None else "; the peer stopped reading the request"
        texts = {
            Ending.COMPLETE: "the answer is complete",
            Ending.CLOSED: f"the peer closed the connection{nothing}",
            Ending.RESET: f"the peer reset the connection{nothing}",
            Ending.FIRST_BYTE_TIMEOUT: f"no octet of an answer within {self._deadlines.first_byte:g} s{stuck}",
            Ending.EXCHANGE_TIMEOUT: f"no complete answer within {self._deadlines.exchange:g} s",
            Ending.HEADER_TOO_LARGE: f"the header section is larger than {self._caps.header} octets",
            Ending.BODY_TOO_LARGE: f"the body is larger than {self._caps.body} octets",
        }
        return texts[ending]


def _name(of: Callable[[], Place]) -> str | None:
    try:
        return written(of())
    except OSError:  # a connection that was reset at once has no name any more
        return None
