"""Scripted token endpoints on loopback: a function from a request to what is done about it."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
import socket
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_plus

from conformance import profiles, reference
from conformance.case import Case, own_requirement
from conformance.engine import Inquiry, applicable
from conformance.reply import GRANTED, REFUSED
from conformance.request import VALID
from conformance.target import Credentials, Limits, Secret, target_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conformance.catalogue import Requirement
    from conformance.reference import Endpoint
    from conformance.request import Template

    Script = Callable[["Asked"], bytes | None]

CLIENT = "Reference-Client"
SECRET = "Fixed-Secret-0123456789-abcdefgh"
PATH = "/passport/oauth/token"
HANG_UP = b""
"""What a script answers to close the connection without an answer; None keeps the client waiting."""
QUICK = Limits(timeout=0.5)


@dataclass(frozen=True)
class Asked:
    """A request as it arrived: its place in the order of arriving, from 1, when, and its octets."""

    number: int
    at: float
    data: bytes
    client_id: str = CLIENT
    secret: str = SECRET

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def plain(self) -> bool:
        """Whether it is the valid request as far as a server can see."""
        return self.method == "POST" and self.body.startswith(b"grant_type=client_credentials") and self.right

    @property
    def method(self) -> str:
        return self.data.partition(b" ")[0].decode("latin-1")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every pair of id and secret that it presents, in the header section and in the body."""
        values = re.findall(rb"(?im)^authorization:[ \t]*(?:basic +)?([^\r\n]*)", self.data.partition(b"\r\n\r\n")[0])
        found = [pair for value in values if (pair := _pair(value)) is not None]
        form = dict(parse_qsl(self.body.decode("latin-1"), keep_blank_values=True))
        if "client_secret" in form:
            found.append((form.get("client_id", found[0][0] if found else ""), form["client_secret"]))
        return found

    @property
    def wrong(self) -> bool:
        """Whether the registered client comes with a secret that is not its own in either spelling."""
        own = (self.secret, unquote_plus(self.secret))
        named = (self.client_id, unquote_plus(self.client_id))
        return any(
            (client in named or unquote_plus(client) in named) and secret not in own and unquote_plus(secret) not in own
            for client, secret in self.pairs
        )

    @property
    def right(self) -> bool:
        return not self.wrong and any(client == self.client_id for client, _ in self.pairs)


def _pair(value: bytes) -> tuple[str, str] | None:
    try:
        text = base64.b64decode(value.strip(), validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return None
    client, _, secret = text.partition(":")
    return client, secret


@dataclass
class Server:
    """A running server and what it saw."""

    port: int
    asked: list[Asked] = field(default_factory=list)
    most_at_once: int = 0
    wrong_at_once: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def wrong(self) -> list[Asked]:
        return [request for request in self.asked if request.wrong]


@contextlib.contextmanager
def serving(script: Script, client_id: str = CLIENT, secret: str = SECRET) -> Iterator[Server]:
    """A server that reads each request, hands it to the script and sends what that answers."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    server = Server(listener.getsockname()[1])
    lock = threading.Lock()
    under_way: list[Asked] = []
    open_: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def talk(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            data = _request(connection)
            with lock:
                request = Asked(len(server.asked) + 1, time.monotonic(), data, client_id, secret)
                server.asked.append(request)
                under_way.append(request)
                server.most_at_once = max(server.most_at_once, len(under_way))
                server.wrong_at_once = max(server.wrong_at_once, sum(one.wrong for one in under_way))
            try:
                answer = script(request)
            finally:
                with lock:
                    under_way.remove(request)
            if answer is None:
                connection.settimeout(10)
            else:
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                open_.append(connection)
                threads.append(threading.Thread(target=talk, args=(connection,)))
                threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield server
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


def _request(connection: socket.socket) -> bytes:
    connection.settimeout(0.3)
    data = b""
    with contextlib.suppress(TimeoutError):
        while not _whole(data):
            piece = connection.recv(65536)
            if not piece:
                break
            data += piece
            if re.search(rb"(?im)^expect: 100-continue\r", data) and data.endswith(b"\r\n\r\n"):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    return data


def _whole(data: bytes) -> bool:
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    if re.search(rb"(?im)^transfer-encoding:", head):
        return body.endswith(b"0\r\n\r\n")
    length = re.search(rb"(?im)^content-length:[ \t]*(\d+)", head)
    return len(body) >= (int(length[1]) if length else 0)


# Answers


def answer(status: int, body: bytes = b"", *fields: str, media_type: str = "application/json") -> bytes:
    """A whole response that closes the connection."""
    lines = [f"HTTP/1.1 {status} Words", *fields, f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"Content-Type: {media_type}"] if body else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def token(text: str = "b3BhcXVlLXRva2VuLW9mLXRoZS1zZXJ2ZXI") -> bytes:
    """A token answer."""
    members = {"access_token": text, "token_type": "Bearer", "expires_in": 3600}
    return answer(200, json.dumps(members).encode(), "Cache-Control: no-store", "Pragma: no-cache")


def refusal(status: int = 400, code: str = "invalid_request", *fields: str) -> bytes:
    """An error answer."""
    challenge = ('WWW-Authenticate: Basic realm="x"',) if status == 401 else ()
    return answer(status, json.dumps({"error": code}).encode(), "Cache-Control: no-store", *challenge, *fields)


def decent(request: Asked) -> bytes:
    """What a simple conformant endpoint answers: the valid request is granted, whatever else is in it."""
    if not request.right:
        return refusal(401, "invalid_client")
    return token() if request.plain else refusal()


# The embedded endpoint behind a script


@contextlib.contextmanager
def endpoint(profile: str = "passport", *defects: str, variant: str | None = None) -> Iterator[Script]:
    """The embedded endpoint as a script that others can wrap."""
    with reference.start(profile, defects=defects, variant=variant, client_id=CLIENT, client_secret=SECRET) as running:
        # What the endpoint says of itself is true of its own port alone.
        yield lambda request: answer(404) if b" /.well-known/" in request.data else _passed_on(running, request.data)


def _passed_on(running: Endpoint, data: bytes) -> bytes:
    with socket.create_connection((running.host, running.port), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        pieces = []
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


# Cases and inquiries


def declared(  # one argument a thing that tests change
    identifier: str,
    function: Callable[..., None],
    *,
    level: str = "MUST",
    row: Requirement | None = None,
    **stimuli: Template,
) -> Case:
    """A function of a test as a case, of a requirement of its own unless a row is given."""
    requirement = row or own_requirement(
        identifier, level=level, title="own", statement="It holds.", remedy="Repair it.", traits={"own": ("yes", "no")}
    )
    return Case(requirement, function, tuple(stimuli.items()))


def granted(identifier: str, template: Template, **more: Any) -> Case:
    """A case that wants a token for one request."""
    return declared(identifier, lambda one: one.must_be(GRANTED), one=template, **more)


def turned_down(identifier: str, template: Template, **more: Any) -> Case:
    """A case that wants any 4xx for one request."""
    return declared(identifier, lambda one: one.must_be(REFUSED), one=template, **more)


def probe(number: int) -> Template:
    """One of many requests that a decent endpoint grants."""
    return VALID.adding_parameters(f"probe={number}")


def probes(count: int) -> tuple[Case, ...]:
    """Cases that a decent endpoint passes, a request each."""
    return tuple(granted(f"OWN-{number:03}", probe(number)) for number in range(1, count + 1))


def inquiry(  # one argument a thing that tests change
    server: Server | str,
    cases: Iterable[Case],
    profile: str = "passport",
    *,
    limits: Limits = QUICK,
    client_id: str = CLIENT,
    secret: str = SECRET,
    scope: str | None = None,
    **more: Any,
) -> Inquiry:
    """An inquiry about a scripted server."""
    contract = profiles.load(profile, Path.cwd())
    base_url = server if isinstance(server, str) else server.base_url
    path = contract.token_path or "/token"
    target = replace(target_at(base_url, path, Credentials(client_id, Secret(secret))), scope=scope)
    known = tuple(cases)
    return Inquiry(target, contract, limits, applicable(known, contract), known, **{"examples": 0, **more})
