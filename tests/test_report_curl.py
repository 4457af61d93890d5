"""curl commands, carried out by the real curl: what arrives is what the suite sends, or the reason is a true one."""

from __future__ import annotations

import base64
import contextlib
import re
import shutil
import socket
import subprocess
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance import case, engine, profiles
from conformance.bindings import Bindings, Inapplicable
from conformance.expression import SECRET as SECRET_SYMBOL
from conformance.expression import Repeated
from conformance.plan import _plain
from conformance.properties import generation
from conformance.report.curl import ARGUMENT, FORM_ENCODED, IN_SIGHT, SECRET_VARIABLE, curl, secret_variable
from conformance.request import VALID, Template, Transport, encode
from conformance.target import ROLES, Client, ClientCertificate, Credentials, Extra, Limits, Proxy, Secret, target_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from conformance.profiles import Profile

CLIENT = 'Client\'s $HOME `id` "1"'
SECRET = "s$(id)'\"\\%q +/=~*`xW"
KEY = "gate key 'q\""
FURTHER = {role: f"{role}-Secret-01+%2B:/ x" for role in ROLES}
ENVIRONMENT = {
    **{secret_variable(role): secret for role, secret in FURTHER.items()},
    SECRET_VARIABLE: SECRET,
    "X_API_KEY": KEY,
    "PATH": "/usr/bin:/bin",
}


@contextlib.contextmanager
def recorder(expected: Sequence[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """A server that takes requests one after the other and keeps their octets; each is read to its expected length."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for wanted in expected:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    received.append(taken(connection, len(wanted)))
                    with contextlib.suppress(OSError):
                        connection.sendall(b"HTTP/1.1 204 No\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], received
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def taken(connection: socket.socket, length: int) -> bytes:
    connection.settimeout(2)
    data = b""
    with contextlib.suppress(TimeoutError, OSError):
        while len(data) < length and (piece := connection.recv(1 << 20)):
            data += piece
            if data.endswith(b"\r\n\r\n") and b"100-continue" in data:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        # A request that is too long shows as well.
        connection.settimeout(0.002)
        data += connection.recv(1 << 20)
    return data


def inquiry(profile: Profile, port: int, **changes: object) -> engine.Inquiry:
    target = replace(
        target_at(f"http://127.0.0.1:{port}/base", "/passport/oauth/token", Credentials(CLIENT, Secret(SECRET))),
        scope="read write",
        clients=tuple(Client(role, Credentials(f"{role}-app", Secret(secret))) for role, secret in FURTHER.items()),
        **changes,  # type: ignore[arg-type]
    )
    return engine.Inquiry(target, profile, Limits(), (), ())


def octets(template: Template, asked: engine.Inquiry) -> bytes:
    """What the suite sends, with the names that a command gives to what the suite invents."""
    target, profile = asked.target, asked.profile
    bindings = Bindings(
        client_id=CLIENT,
        secret=SECRET,
        exposed_id=CLIENT,
        exposed_secret=SECRET,
        exposed_works=True,
        unknown_id="conformance-unknown-client",
        unknown_secret="invented-secret",
        scope=target.scope,
        host=target.authority,
        path=target.path,
        documented_path=target.prefix + (profile.token_path or target.token_path),
        basic=profile.authorization == "basic",
        form_encoded=False,
        headers=_plain(target.headers),
        parameters=_plain(target.parameters),
        gate_scope=None if profile.default_scope else target.scope,
        user_agent="token-conformance",
        origin=f"{target.scheme}://{target.authority}",
        prefix=target.prefix,
        folder=target.path.rpartition("/")[0],
        clients={one.role: (one.credentials.client_id, one.credentials.secret.reveal()) for one in target.clients},
    )
    return encode(template, bindings).data


def unordered(request: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Request line, fields without their order, body."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    # A line that is continued stays with what continues it.
    return line, sorted(re.sub(rb"\r\n([ \t])", rb"\0\1", b"\r\n".join(fields)).split(b"\r\n")), body


def shell(commands: Sequence[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Runs commands from a file: together they are longer than an argument may be."""
    script = folder / "commands"
    script.write_text("\n".join(commands))
    return subprocess.run(
        ["sh", script], env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=100, check=False
    )


def carried_out(
    templates: Sequence[Template], profile: Profile, folder: Path, **changes: object
) -> list[tuple[bytes, bytes]]:
    """What the suite would send and what arrived from curl, for each template."""
    expected = [octets(template, inquiry(profile, 1, **changes)) for template in templates]
    with recorder(expected) as (port, received):
        asked = inquiry(profile, port, **changes)
        expected = [octets(template, asked) for template in templates]
        commands = [curl(template, asked).command for template in templates]
        assert all(commands)
        done = shell(commands, folder, ENVIRONMENT)
    assert len(received) == len(expected), done.stderr
    return list(zip(expected, received, strict=True))


def applicable(profile: Profile) -> list[tuple[str, Template]]:
    """The stimuli that can be made for the client of these tests, by name."""
    found = []
    for one in case.built_in():
        for name, template in one.stimuli:
            with contextlib.suppress(Inapplicable):
                octets(template, inquiry(profile, 1))
                found.append((f"{one.id} {name}", template))
    return found


def loaded(name: str) -> Profile:
    return profiles.load(name, Path.cwd())


pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine: apt-get install curl")


@pytest.mark.parametrize("name", ["passport", "rfc6749"])
def test_every_request_that_curl_can_send_arrives_as_the_suite_sends_it(name: str, tmp_path: Path) -> None:
    profile = loaded(name)
    asked = inquiry(profile, 1)
    # The profiles differ in the Authorization value alone.
    stimuli = [
        (label, template)
        for label, template in applicable(profile)
        if curl(template, asked).command and (name == "passport" or label.startswith(("REQ", "AUTH")))
    ]
    assert len(stimuli) > (250 if name == "passport" else 50)
    came = carried_out([template for _, template in stimuli], profile, tmp_path)
    wrong = {
        label: (sent, received)
        for (label, _), (sent, received) in zip(stimuli, came, strict=True)
        if unordered(sent) != unordered(received)
    }
    assert wrong == {}


@pytest.mark.parametrize("name", ["passport", "rfc6749"])
def test_further_fields_parameters_and_the_scope_of_the_valid_request_go_along(name: str, tmp_path: Path) -> None:
    profile = replace(loaded(name), default_scope=False)
    extras = {
        "headers": (Extra("X-Api-Key", Secret(KEY)), Extra("X-Plain", "it's $PLAIN")),
        "parameters": (Extra("audience", "https://api.example/?a&b"),),
    }
    templates = [VALID, VALID.adding_parameters("x=1"), VALID.with_form("grant_type=password", "scope=a")]
    for sent, received in carried_out(templates, profile, tmp_path, **extras):
        assert unordered(sent) == unordered(received)
        assert KEY.encode() in received


def test_what_is_drawn_is_said_as_well(tmp_path: Path) -> None:
    """The templates of near misses and spellings are made of the same parts."""
    profile = loaded("passport")
    drawn = [one.template for one in generation.draw("spelling", profile, seed=3, examples=12)]
    asked = inquiry(profile, 1)
    sayable = [template for template in drawn if curl(template, asked).command]
    assert len(sayable) > 3
    for sent, received in carried_out(sayable, profile, tmp_path):
        assert unordered(sent) == unordered(received)


def test_no_argument_of_curl_holds_the_secret_unless_the_advice_says_so(tmp_path: Path) -> None:
    watcher = tmp_path / "curl"
    watcher.write_text('#!/bin/sh\nfor one; do printf "%s\\0" "$one"; done\n')
    watcher.chmod(0o755)
    asked = inquiry(loaded("passport"), 1)
    commands = {label: found for label, one in applicable(asked.profile) if (found := curl(one, asked)).command}
    environment = {**ENVIRONMENT, "PATH": f"{tmp_path}:/usr/bin:/bin", SECRET_VARIABLE: "plain-Secret-0123456789"}
    done = shell([f"{found.command}; printf '\\036'" for found in commands.values()], tmp_path, environment)
    assert done.returncode == 0
    spelled = [b"plain-Secret-012345678"]
    spelled += [base64.b64encode(b"x" * shift + spelled[0])[4:24] for shift in range(3)]
    seen = done.stdout.split(b"\x1e")[:-1]
    shown = {
        label
        for (label, found), arguments in zip(commands.items(), seen, strict=True)
        if any(one in arguments for one in spelled)
    }
    assert shown == {label for label, found in commands.items() if IN_SIGHT in found.advice}
    assert len(shown) <= len(commands) // 20


# Why there is no command


def altered(request: bytes) -> bool:
    """Whether it carries a secret that was made of ours by changing the case of a letter."""
    value = re.search(rb"\r\nAuthorization: (\S+)\r\n", request)
    sent = base64.b64decode(value[1]).removeprefix(f"{CLIENT}:".encode()) if value else b""
    own = SECRET.encode()
    return sent != own and sent.lower() == own.lower()


REASONS: Mapping[str, Callable[[Template, bytes], bool]] = {
    "without a value": lambda _, data: b"Authorization: \r\n" in data or b"Content-Type: \r\n" in data,
    "holds a NUL": lambda _, data: b"\0" in data.partition(b"\r\n\r\n")[0],
    "begins with a blank": lambda _, data: data.split(b"\r\n")[1].startswith(b" "),
    "one Host": lambda _, data: data.count(b"Host: ") != 1,
    "without extensions": lambda _, data: b"1D;a=b\r\n" in data,
    "as one chunk": lambda _, data: b"\r\n4\r\ngran\r\n" in data,
    "second on a connection": lambda template, _: template.after is not None,
    "chunks by itself": lambda _, data: b"Transfer-Encoding: chunked" in data and b"\r\n\r\nzz\r\n" in data,
    "octet by octet": lambda _, data: altered(data),
    "which handshake": lambda template, _: template.transport is not None and not template.transport.plain,
}


def test_each_reason_is_true_of_the_request() -> None:
    profile = loaded("passport")
    asked = inquiry(profile, 1)
    used = set()
    for label, template in applicable(profile):
        found = curl(template, asked)
        if not found.command:
            (words,) = [words for words in REASONS if words in found.reason]
            assert REASONS[words](template, octets(template, asked)), (label, found.reason)
            used.add(words)
    assert used == set(REASONS)


def test_the_reasons_are_true_of_curl() -> None:
    options = "-H 'Host: one' -H 'host: two' -H 'A: ' -H 'B;' -H ' C: 1' -H 'Transfer-Encoding: chunked' --data-raw a=1"
    with recorder([b"x" * 10_000]) as (port, received):
        done = subprocess.run(["sh", "-c", f"curl -qsS {options} http://127.0.0.1:{port}/"], check=False, timeout=30)
    assert done.returncode == 0
    (data,) = received
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert [line for line in lines if line.lower().startswith(b"host")] == [b"Host: one"]
    assert not [line for line in lines if line.startswith(b"A") and line != b"Accept: */*"]
    assert b"B:" in lines
    assert lines.index(b" C: 1") > lines.index(b"Host: one")
    assert body == b"3\r\na=1\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (VALID.adding("X", Repeated(b"a", ARGUMENT + 1)), "longer than an argument"),
        (replace(VALID, version=b"HTTP/3.7"), "version in the request line"),
        (VALID.with_method("A B"), "no token"),
        (VALID.holding_its_body(), "waits for an answer"),
        (VALID.adding("X", "a\n"), "drops a line feed"),
        (VALID.respelling("Host", "HOST"), "one Host, spelled"),
        (VALID.authorized(SECRET_SYMBOL.needless_form()), "octet by octet"),
    ],
)
def test_what_no_built_in_case_sends_has_its_reason_as_well(template: Template, words: str) -> None:
    found = curl(template, inquiry(loaded("passport"), 1))
    assert not found.command
    assert words in found.reason


def test_the_embedded_endpoint_is_out_of_reach() -> None:
    asked = inquiry(loaded("passport"), 1)
    found = curl(VALID, replace(asked, target=replace(asked.target, embedded=True)))
    assert (found.command, found.advice) == ("", "")
    assert "ended with the run" in found.reason


def test_the_way_to_the_target_is_said(tmp_path: Path) -> None:
    asked = inquiry(loaded("rfc6749"), 1)
    target = replace(
        target_at("https://idp.example", "/oauth/../token", Credentials("c", Secret(SECRET))),
        ca_bundle=str(tmp_path / "my ca.pem"),
        client_certificate=ClientCertificate("/c.pem", "/k.pem"),
        proxy=Proxy("proxy.example", 3128, user="me", password=Secret("hush")),
    )
    found = curl(VALID, replace(asked, target=target))
    for words in (
        f"--cacert '{tmp_path}/my ca.pem'",
        "--cert /c.pem --key /k.pem",
        '--proxy "http://me:${PROXY_PASSWORD}@proxy.example:3128"',
        "--path-as-is",
        "https://idp.example/oauth/../token",
    ):
        assert words in found.command
    assert "hush" not in found.command
    assert FORM_ENCODED in found.advice
    without_tls = curl(VALID.over(Transport(plain=True)).removing("Authorization"), replace(asked, target=target))
    assert " http://idp.example/oauth/../token" in without_tls.command
