"""The embedded endpoint as a running server: a listening socket on loopback, and as many threads as clients come."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import Behaviour, Hangup, Silence, html
from conformance.reference.message import Answer, Ended, Malformed, Request, Stream, framed, read_request
from conformance.reference.oauth import MAIN, Client, Site, respond

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType
    from typing import Self

HOST = "127.0.0.1"
BACKLOG = 128
CONNECTIONS = 32
IDLE = 30.0
LINGER = 2.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Endpoint:
    """A running token endpoint; a context manager that ends it.

    Args:
        site: the registered clients and the path.
        behaviour: what the endpoint does.
        port: TCP port on 127.0.0.1; 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, site: Site, behaviour: Behaviour, port: int = 0) -> None:
        self._behaviour = behaviour
        self._listener = socket.create_server((HOST, port), backlog=BACKLOG)
        self._closing = threading.Event()
        self.host: str = HOST
        self.port: int = self._listener.getsockname()[1]
        self._site = replace(site, origin=self.base_url)
        self._lock = threading.Lock()
        self._waiting = 0
        self._threads: list[threading.Thread] = []
        self._open: dict[threading.Thread, socket.socket] = {}
        with self._lock:
            self._hire()

    def __repr__(self) -> str:
        return f"Endpoint({self.base_url}{self.token_path}, {self._site.profile})"

    @property
    def base_url(self) -> str:
        """Scheme, host and port."""
        return f"http://{self.host}:{self.port}"

    @property
    def token_path(self) -> str:
        """The path of the token endpoint."""
        return self._site.token_path

    @property
    def client_id(self) -> str:
        """The main client."""
        return self._site.client_id

    @property
    def client_secret(self) -> str:
        """Its secret."""
        return self._site.client_secret

    @property
    def clients(self) -> Mapping[str, Client]:
        """The other registered clients by role.

        ``second`` and ``sacrificial`` are clients like the main one, and what happens to the latter harms nobody; the
        secret of ``special`` has characters that encodings change; ``unentitled`` may not use this grant.
        """
        return {role: client for role, client in self._site.clients.items() if role != MAIN}

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that a client may ask for."""
        return self._site.scopes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends every connection and thread; a second call does nothing."""
        with self._lock:
            if self._closing.is_set():
                return
            self._closing.set()
        for talking in tuple(self._open.values()):
            with suppress(OSError):
                talking.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for _ in self._threads:
            # Linux wakes a waiting accept() at the shutdown above; elsewhere it takes a connection.
            with suppress(OSError):
                socket.create_connection((self.host, self.port), timeout=LINGER).close()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _hire(self) -> None:
        thread = threading.Thread(target=self._serve, name=f"endpoint-{self.port}", daemon=True)
        self._threads.append(thread)
        self._waiting += 1
        thread.start()

    def _serve(self) -> None:
        while not self._closing.is_set():
            with suppress(OSError):
                sock, _ = self._listener.accept()
                with sock, suppress(Ended, Hangup), self._away():
                    self._open[threading.current_thread()] = sock
                    sock.settimeout(IDLE)
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._converse(sock)

    @contextmanager
    def _away(self) -> Iterator[None]:
        """One thread less waits for a connection; where none is left, another one is started."""
        with self._lock:
            self._waiting -= 1
            if not self._waiting and len(self._threads) < CONNECTIONS and not self._closing.is_set():
                self._hire()
        try:
            yield
        finally:
            with self._lock:
                self._waiting += 1

    def _converse(self, sock: socket.socket) -> None:
        stream = Stream(sock)
        while not self._closing.is_set():
            request: Request | None = None
            try:
                request = self._read(stream, sock)
                answer = self._answer(request)
            except Malformed as malformed:
                answer = replace(self._behaviour.refuse_message(malformed), close=True)
            except Silence:
                _wait_for_the_end(sock)
                return
            close = answer.close or request is None or not request.keep_alive
            head = request is not None and request.method == "HEAD"
            # Only who speaks HTTP/1.1 may be sent more than the plain framing (RFC 9112 6.1).
            frame = framed if request is None or request.version == "HTTP/1.0" else self._behaviour.frame
            sock.sendall(frame(answer, close=close, head=head))
            if close:
                _drain(sock)
                return

    def _read(self, stream: Stream, sock: socket.socket) -> Request:
        steps = self._behaviour
        return read_request(
            stream, lambda: sock.sendall(CONTINUE), steps.field_value, steps.chunk_size, steps.header_section
        )

    def _answer(self, request: Request) -> Answer:
        try:
            return respond(self._behaviour, self._behaviour.receive(request), self._site)
        except (Hangup, Silence, Malformed):
            raise
        except Exception:  # noqa: BLE001 - whatever a planted fault raises is its 500
            return replace(html(500, "Internal Server Error"), close=True)


def _wait_for_the_end(sock: socket.socket) -> None:
    sock.settimeout(None)
    while sock.recv(65536):
        pass


def _drain(sock: socket.socket) -> None:
    # Closing with unread octets would send a reset, and the answer could be lost (RFC 9112 9.6).
    sock.shutdown(socket.SHUT_WR)
    deadline = time.monotonic() + LINGER
    while (left := deadline - time.monotonic()) > 0:
        sock.settimeout(left)
        if not sock.recv(65536):
            return
