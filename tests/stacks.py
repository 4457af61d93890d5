"""One token handler behind the HTTP stacks that people run; each in a process of its own: python -m tests.stacks NAME.

A stack listens on the socket that the process inherits as file descriptor 3.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

CLIENT_ID, CLIENT_SECRET, PATH = "Interop-Client", "interop-b7Qk0x2mZr", "/oauth/token"
LISTENING = 3
"""The file descriptor of the listening socket."""

FORM = "application/x-www-form-urlencoded"
CHALLENGE = {"WWW-Authenticate": 'Basic realm="interop"'}
FIELDS = {"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"}

Answer = tuple[int, dict[str, str], bytes]


def token(method: str, path: str, authorization: str, media_type: str, body: bytes) -> Answer:
    """What the endpoint answers, by what a stack says of the request; credentials stand bare or after Basic."""
    credentials = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    grants = parse_qs(body.decode("latin-1"), keep_blank_values=True).get("grant_type", [])
    # Frameworks trim what werkzeug and httptools leave round a value, and so does this.
    refusals: tuple[tuple[bool, int, str, dict[str, str]], ...] = (
        (path != PATH, 404, "not_found", {}),
        (method != "POST", 405, "invalid_request", {"Allow": "POST"}),
        (authorization.removeprefix("Basic ").strip() != credentials, 401, "invalid_client", CHALLENGE),
        (media_type.partition(";")[0].strip().lower() != FORM, 400, "invalid_request", {}),
        (len(grants) != 1 or not grants[0], 400, "invalid_request", {}),
        (grants != ["client_credentials"], 400, "unsupported_grant_type", {}),
    )
    for refused, status, code, fields in refusals:
        if refused:
            return status, {**FIELDS, **fields}, json.dumps({"error": code}).encode()
    members = {"access_token": base64.urlsafe_b64encode(os.urandom(24)).decode(), "token_type": "Bearer"}
    return 200, FIELDS, json.dumps({**members, "expires_in": 3600}).encode()


def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The handler for WSGI (werkzeug, gunicorn)."""
    request = Request(environ)
    authorization, media_type = environ.get("HTTP_AUTHORIZATION", ""), environ.get("CONTENT_TYPE", "")
    status, fields, body = token(request.method, request.path, authorization, media_type, request.get_data())
    return Response(body, status, fields)(environ, start_response)


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The handler for ASGI (uvicorn); of several lines of a field the first counts, as in Starlette."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}
    status, answered, content = token(
        scope["method"], scope["path"], fields.get("authorization", ""), fields.get("content-type", ""), body
    )
    listed = [(name.encode(), value.encode()) for name, value in answered.items()]
    length = (b"Content-Length", str(len(content)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*listed, length]})
    await send({"type": "http.response.body", "body": content})


NODE = """
const [id, secret, path] = process.argv.slice(1);
const right = Buffer.from(`${id}:${secret}`).toString('base64');
const form = 'application/x-www-form-urlencoded';
const fields = {'Content-Type': 'application/json', 'Cache-Control': 'no-store', 'Pragma': 'no-cache'};
const answer = (response, status, members, more = {}) => {
  const body = JSON.stringify(members);
  response.writeHead(status, {...fields, ...more, 'Content-Length': Buffer.byteLength(body)});
  response.end(body);
};
require('http').createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece)).on('end', () => {
    const {authorization = '', 'content-type': type = ''} = request.headers;
    const place = request.url.replace(/^https?:\\/\\/[^/]*/, '').split('?')[0];
    const grants = new URLSearchParams(Buffer.concat(pieces).toString('latin1')).getAll('grant_type');
    if (place !== path) answer(response, 404, {error: 'not_found'});
    else if (request.method !== 'POST') answer(response, 405, {error: 'invalid_request'}, {Allow: 'POST'});
    else if (authorization.replace(/^Basic /, '').trim() !== right)
      answer(response, 401, {error: 'invalid_client'}, {'WWW-Authenticate': 'Basic realm="interop"'});
    else if (type.split(';')[0].trim().toLowerCase() !== form || grants.length !== 1 || !grants[0])
      answer(response, 400, {error: 'invalid_request'});
    else if (grants[0] !== 'client_credentials') answer(response, 400, {error: 'unsupported_grant_type'});
    else answer(response, 200, {access_token: require('crypto').randomBytes(24).toString('base64url'),
      token_type: 'Bearer', expires_in: 3600});
  });
}).listen({fd: 3});
"""
"""The handler for Node's http module, which needs nothing else."""


def _werkzeug() -> None:
    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            pass

    make_server("127.0.0.1", 0, wsgi, threaded=True, request_handler=Quiet, fd=LISTENING).serve_forever()


def _aiohttp() -> None:
    from aiohttp import web  # noqa: PLC0415

    async def handle(request: web.Request) -> web.Response:
        status, fields, body = token(
            request.method,
            request.path,
            request.headers.get("Authorization", ""),
            request.headers.get("Content-Type", ""),
            await request.read(),
        )
        return web.Response(status=status, headers=fields, body=body)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    web.run_app(app, sock=socket.socket(fileno=LISTENING), print=None, access_log=None)


def _command(name: str) -> list[str]:
    python = [sys.executable, "-m"]
    uvicorn = [*python, "uvicorn", "tests.stacks:asgi", "--fd", str(LISTENING), "--log-level", "critical", "--lifespan"]
    return {
        "gunicorn": [*python, "gunicorn", "tests.stacks:wsgi", "-b", f"fd://{LISTENING}", "--threads", "8"],
        "uvicorn-h11": [*uvicorn, "off", "--http", "h11"],
        "uvicorn-httptools": [*uvicorn, "off", "--http", "httptools"],
        "node": ["node", "-e", NODE, CLIENT_ID, CLIENT_SECRET, PATH],
    }.get(name, [*python, "tests.stacks", name])


NEEDS = {
    "werkzeug": (),
    "gunicorn": ("gunicorn",),
    "uvicorn-h11": ("uvicorn", "h11"),
    "uvicorn-httptools": ("uvicorn", "httptools"),
    "aiohttp": ("aiohttp",),
    "node": (),
}
"""Every stack, and the packages that it needs."""


def missing(name: str) -> str:
    """What has to be installed for a stack; empty where it is there."""
    absent = [package for package in NEEDS[name] if find_spec(package) is None]
    if name == "node" and shutil.which("node") is None:
        absent = ["node"]
    return f"{', '.join(absent)} not installed" if absent else ""


@contextlib.contextmanager
def serving(name: str) -> Iterator[str]:
    """The base URL of a stack while its process runs."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        process = _started(name, listener)
        try:
            port = listener.getsockname()[1]
            _wait(name, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(name: str, port: int) -> None:
    """Waits for the first answer; a connection that comes before the stack is up stands in the queue of the socket."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            connection.recv(1)
    except OSError as error:
        raise RuntimeError(f"{name} does not answer: {error}") from error


def _started(name: str, listener: socket.socket) -> subprocess.Popen[bytes]:
    def place() -> None:
        os.dup2(listener.fileno(), LISTENING)
        os.set_inheritable(LISTENING, True)

    return subprocess.Popen(
        _command(name),
        cwd=Path(__file__).resolve().parents[1],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(LISTENING,),
        preexec_fn=place,  # noqa: PLW1509 - nothing else runs in that child yet
    )


if __name__ == "__main__":
    {"werkzeug": _werkzeug, "aiohttp": _aiohttp}[sys.argv[1]]()
