"""What stands between the suite and an endpoint, on loopback: TLS with certificates of its own, and HTTP proxies."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import threading
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import trustme

from conformance import case, embedded, engine, settings
from tests.servers import CLIENT, PATH, SECRET, Asked, _request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.servers import Script

HOST = "idp.example"
ENVIRON = {"TOKEN_CONFORMANCE_CLIENT_SECRET": SECRET}


@cache
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.RSA)


def bundle(folder: Path) -> str:
    """The file of the authority's certificate."""
    file = folder / "roots.pem"
    authority().cert_pem.write_to_path(file)
    return str(file)


@cache
def issued(*names: str) -> trustme.LeafCert:
    return authority().issue_cert(*names, key_type=trustme.KeyType.RSA)


def server_context(certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
    """TLS settings of a server; its certificate is for every name that these tests use."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (certificate or issued(HOST, "xn--bcher-kva.example", "127.0.0.1", "::1")).configure_cert(context)
    return context


@contextlib.contextmanager
def listening(talk: Callable[[socket.socket], None], host: str = "127.0.0.1") -> Iterator[int]:
    """The port of a listener that hands each connection to a function, in a thread of its own."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family, backlog=64)
    threads: list[threading.Thread] = []
    open_: list[socket.socket] = []

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            talk(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                open_.append(connection)
                threads.append(threading.Thread(target=answer, args=(connection,)))
                threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        listener.close()
        for connection in open_:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


@dataclass
class Secure:
    """A running TLS server, what it was asked, and the names that clients wanted."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


@contextlib.contextmanager
def secure(
    script: Script, context: ssl.SSLContext | None = None, plain: Script | None = None, host: str = "127.0.0.1"
) -> Iterator[Secure]:
    """A scripted endpoint behind TLS; what comes in the clear goes to a script of its own, or is hung up on."""
    context = context or server_context()
    server = Secure()
    context.sni_callback = lambda _socket, name, _context: server.names.append(name or "")

    def talk(connection: socket.socket) -> None:
        first = connection.recv(1, socket.MSG_PEEK)
        if first == b"\x16":
            with context.wrap_socket(connection.dup(), server_side=True) as tls:
                respond(tls, script)
        elif first and plain is not None:
            respond(connection, plain)

    def respond(connection: socket.socket, by: Script) -> None:
        asked = Asked(len(server.asked) + 1, 0.0, _request(connection))
        server.asked.append(asked)
        answer = by(asked)
        if answer:
            connection.sendall(answer)
        if isinstance(connection, ssl.SSLSocket):
            connection.unwrap()

    with listening(talk, host) as server.port:
        yield server


@dataclass
class Between:
    """A running proxy, and the header sections that came to it."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def proxy(credentials: str = "", answers: bytes | None = None) -> Iterator[Between]:
    """A proxy that opens tunnels and forwards requests; whatever host is named, it goes to this machine.

    Args:
        credentials: Base64 of the user and password that it wants.
        answers: what it says to everything instead.
    """
    between = Between()

    def talk(connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data and (piece := connection.recv(65536)):
            data += piece
        head, _, rest = data.partition(b"\r\n\r\n")
        between.heads.append(head)
        wanted = f"\r\nProxy-Authorization: Basic {credentials}".encode() in head
        if answers is not None:
            connection.sendall(answers)
        elif credentials and not wanted:
            connection.sendall(b"HTTP/1.1 407 Who Are You\r\nContent-Length: 0\r\n\r\n")
        elif found := re.match(rb"CONNECT [^ ]+?:(\d+) HTTP/1.1\r\n", data):
            with socket.create_connection(("127.0.0.1", int(found[1])), timeout=5) as upstream:
                connection.sendall(b"HTTP/1.1 200 Go Ahead\r\nVia: 1.1 test\r\n\r\n")
                pump(connection, upstream)
        elif found := re.match(rb"([A-Z]+) http://[^/ ]+?:(\d+)(/[^ ]*) ", data):
            passed = found[1] + b" " + found[3] + b" " + head[found.end() :]
            passed = re.sub(rb"\r\nProxy-Authorization:[^\r\n]*", b"", passed)
            with socket.create_connection(("127.0.0.1", int(found[2])), timeout=5) as upstream:
                upstream.sendall(passed + b"\r\n\r\n" + rest)
                pump(connection, upstream)

    with listening(talk) as between.port:
        yield between


def pump(one: socket.socket, other: socket.socket) -> None:
    """Carries octets in both directions until either side ends."""
    across = {one: other, other: one}
    while True:
        for ready in select.select([one, other], [], [], 5)[0]:
            piece = ready.recv(65536)
            if not piece:
                return
            across[ready].sendall(piece)


def found(folder: Path, flags: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> settings.Settings:
    """Settings for a target, with what every run here has in common."""
    common = {"client_id": CLIENT, "token_path": PATH, "timeout": "3", "max_rps": "1000", "examples": "0"}
    return settings.resolve({**common, **flags}, {**ENVIRON, **(environ or {})}, folder)


def run(told: settings.Settings, *rows: str) -> engine.Run:
    """A run of some built-in cases."""
    known = case.built_in()
    chosen = tuple(one for one in known if one.id in rows)
    asked = embedded.inquiry(told, chosen, known, lambda _: None)
    return engine.conduct(replace(asked, included=rows))


def verdicts(done: engine.Run) -> dict[str, str]:
    return {one.case.id: one.verdict for one in done.result.cases}


def reasons(done: engine.Run) -> str:
    return "; ".join(one.reason for one in done.result.cases)
