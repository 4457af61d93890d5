"""The embedded endpoint, its planted defects and its variants, observed through raw sockets."""

from __future__ import annotations

import base64
import gzip
import json
import re
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import pytest

from conformance.reference import DEFECTS, VARIANTS, Endpoint, start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FORM = "application/x-www-form-urlencoded"
GRANT = "grant_type=client_credentials"
SECRET = "Fixed-Secret-0123456789-abcdefgh"
PROFILES = ("passport", "rfc6749")
AREAS = {"req", "auth", "hdr", "ctype", "grant", "body", "method", "succ", "err", "cache", "token", "wire"}
AREAS |= {"tls", "load", "disc", "doc", "gen"}
ROWS = {"REQ": 6, "AUTH": 38, "HDR": 11, "CTYPE": 13, "GRANT": 12, "BODY": 17, "METHOD": 9, "SUCC": 13, "ERR": 10}
ROWS |= {"CACHE": 4, "TOKEN": 10, "WIRE": 22, "TLS": 5, "LOAD": 3, "DISC": 4, "DOC": 7, "GEN": 6}
DECIDABLE = (
    *(f"REQ-{n:03}" for n in range(1, 7)),
    *(f"CTYPE-{n:03}" for n in range(1, 14)),
    *(f"GRANT-{n:03}" for n in range(1, 13)),
    *(f"SUCC-{n:03}" for n in range(1, 14)),
    *(f"ERR-{n:03}" for n in range(1, 11)),
    *(f"CACHE-{n:03}" for n in range(1, 5)),
    *(f"BODY-{n:03}" for n in range(1, 18)),
    *(f"METHOD-{n:03}" for n in range(1, 10)),
    *(f"WIRE-{n:03}" for n in range(1, 23)),
    *(f"AUTH-{n:03}" for n in range(1, 39)),
    *(f"HDR-{n:03}" for n in range(1, 12)),
    *(f"TOKEN-{n:03}" for n in range(1, 11)),
    *(f"TLS-{n:03}" for n in range(1, 6)),
    # That brute force is not throttled, that there is no metadata, and what a sample sends that does not compile are
    # nobody's fault.
    *("LOAD-001", "LOAD-002", "DISC-002", "DISC-003", "DISC-004"),
    # The sample in Go is judged by its repaired form, as two equal lines are.
    *(f"DOC-{n:03}" for n in (2, 3, 4, 5, 7)),
    *(f"GEN-{n:03}" for n in range(1, 7)),
)


def b64(text: str | bytes) -> str:
    octets = text.encode() if isinstance(text, str) else text
    return base64.b64encode(octets).decode()


def credential(endpoint: Endpoint, text: str | bytes | None = None) -> str:
    if text is None:
        text = f"{endpoint.client_id}:{endpoint.client_secret}"
    return ("" if endpoint.token_path.startswith("/passport") else "Basic ") + b64(text)


def scheme(endpoint: Endpoint, value: str) -> str:
    return value if endpoint.token_path.startswith("/passport") else f"Basic {value}"


def request(  # every part of a request that a test changes
    endpoint: Endpoint,
    *,
    method: str = "POST",
    target: str | None = None,
    auth: str | None = "valid",
    types: tuple[str, ...] = (FORM,),
    body: str | bytes = GRANT,
    more: tuple[str, ...] = ("Accept: */*",),
    connection: str = "close",
    host: str | None = None,
    length: bool = True,
    version: str = "HTTP/1.1",
) -> bytes:
    content = body.encode() if isinstance(body, str) else body
    lines = [f"{method} {endpoint.token_path if target is None else target} {version}"]
    lines += [f"Host: {host or endpoint.host}"]
    if auth is not None:
        lines += [f"Authorization: {credential(endpoint) if auth == 'valid' else auth}"]
    lines += [f"Content-Type: {value}" for value in types]
    lines += [*more, *([f"Content-Length: {len(content)}"] if length else []), f"Connection: {connection}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + content


def talk(endpoint: Endpoint, data: bytes, patience: float = 5.0) -> bytes:
    received = bytearray()
    with socket.create_connection((endpoint.host, endpoint.port), timeout=patience) as sock:
        try:
            sock.sendall(data)
            while octets := sock.recv(65536):
                received += octets
        except TimeoutError:
            return bytes(received) + b"(silence)"
        except OSError:
            return bytes(received) + b"(reset)"
    return bytes(received)


def parts(received: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if fields.get("transfer-encoding") == "chunked":
        chunks = re.findall(rb"[0-9A-F]+\r\n(.*?)\r\n(?=[0-9A-F]+\r\n)", body, re.DOTALL)
        return int(status.split(" ")[1]), fields, b"".join(chunks)
    assert len(body) == int(fields["content-length"]) or not body, "framing is exact"
    return int(status.split(" ")[1]), fields, body


def ask(endpoint: Endpoint, **change: Any) -> tuple[int, dict[str, str], bytes]:
    return parts(talk(endpoint, request(endpoint, **change)))


def outcome(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, str]:
    status, fields, body = answer
    if not body or "json" not in fields.get("content-type", "").lower():
        return status, ""
    members = json.loads(body)
    return status, members.get("error", "token" if members.get("access_token") else "")


@pytest.fixture(params=PROFILES)
def endpoint(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    with start(request.param) as running:
        yield running


# The correct endpoint


def test_a_valid_request_is_granted(endpoint: Endpoint) -> None:
    status, fields, body = ask(endpoint)
    members = json.loads(body)
    assert status == 200
    assert (fields["content-type"], fields["cache-control"], fields["pragma"]) == (
        "application/json",
        "no-store",
        "no-cache",
    )
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", fields["date"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{32,}", members.pop("access_token"))
    assert members == {"token_type": "Bearer", "expires_in": 3600}


def test_a_scope_that_was_asked_for_is_stated(endpoint: Endpoint) -> None:
    asked = "+".join(endpoint.scopes)
    assert json.loads(ask(endpoint, body=f"{GRANT}&scope={asked}")[2])["scope"] == " ".join(endpoint.scopes)


def test_a_failed_authentication_is_challenged(endpoint: Endpoint) -> None:
    for auth in (
        None,
        credential(endpoint, "nobody:x"),
        credential(endpoint, f"{endpoint.client_id}:x"),
        "",
        "Foo bar",
    ):
        answer = ask(endpoint, auth=auth)
        assert outcome(answer) == (401, "invalid_client")
        assert answer[1]["www-authenticate"].startswith('Basic realm="')
        assert answer[1]["cache-control"] == "no-store"


ANSWERS: Mapping[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "media type in capitals": ({"types": (FORM.upper(),)}, (200, "token")),
    "charset": ({"types": (f'{FORM} ; charset="utf-8"',)}, (200, "token")),
    "media type twice": ({"types": (FORM, f"  {FORM}\t")}, (200, "token")),
    "media types that differ": ({"types": (FORM, "application/json")}, (400, "invalid_request")),
    "media types in one line": ({"types": (f"{FORM}, {FORM}",)}, (400, "invalid_request")),
    "no media type": ({"types": ()}, (400, "invalid_request")),
    "JSON": ({"types": ("application/json",), "body": "{}"}, (400, "invalid_request")),
    "unknown parameter": ({"body": f"{GRANT}&x=1&x=2&&"}, (200, "token")),
    "escaped parameter": ({"body": "grant%5ftype=client%5Fcredentials"}, (200, "token")),
    "empty scope": ({"body": f"{GRANT}&scope="}, (200, "token")),
    "empty body credentials": ({"body": f"{GRANT}&client_id=&client_secret="}, (200, "token")),
    "unknown scope": ({"body": f"{GRANT}&scope=read+admin"}, (400, "invalid_scope")),
    "malformed scope": ({"body": f"{GRANT}&scope=a%22"}, (400, "invalid_scope")),
    "no grant type": ({"body": "x=1"}, (400, "invalid_request")),
    "empty body": ({"body": ""}, (400, "invalid_request")),
    "empty grant type": ({"body": "grant_type"}, (400, "invalid_request")),
    "unknown grant type": ({"body": "grant_type=password"}, (400, "unsupported_grant_type")),
    "grant type twice": ({"body": f"{GRANT}&{GRANT}"}, (400, "invalid_request")),
    "grant type in the query": ({"target": f"?{GRANT}", "body": ""}, (400, "invalid_request")),
    "query": ({"target": "?x=%zz"}, (200, "token")),
    "two Authorization fields": ({"more": ("Authorization: Foo bar",)}, (400, "invalid_request")),
    "content coding": ({"more": ("Content-Encoding: gzip",)}, (415, "")),
    "GET": ({"method": "GET"}, (405, "")),
    "OPTIONS": ({"method": "OPTIONS"}, (405, "")),
    "HEAD": ({"method": "HEAD"}, (405, "")),
    "method in small letters": ({"method": "post"}, (501, "")),
    "unknown method": ({"method": "FOO"}, (501, "")),
    "other path": ({"target": "/"}, (404, "")),
    "other expectation": ({"more": ("Expect: x",)}, (417, "")),
    "obs-text": ({"more": ("X-A: \xe9\xff",)}, (200, "token")),
    "no blank": ({"more": ("Accept:*/*",)}, (200, "token")),
    "OWS": ({"more": ("X-A:\t a \t",)}, (200, "token")),
    "space before the colon": ({"more": ("X-A : b",)}, (400, "")),
    "folded line": ({"more": ("X-A: b\r\n c",)}, (400, "")),
    "CR in a value": ({"more": ("X-A: a\rb",)}, (400, "")),
    "NUL in a value": ({"more": ("X-A: a\0b",)}, (400, "")),
    "bare LF": ({"more": ("X-A: a\nX-B: b",)}, (400, "")),
    "Host twice": ({"more": ("Host: other",)}, (400, "")),
    "malformed Host": ({"host": "a b@c/"}, (400, "")),
    "lengths that differ": ({"more": ("Content-Length: 5",)}, (400, "")),
    "length and chunked": ({"more": ("Transfer-Encoding: chunked",)}, (400, "")),
    "length with a sign": ({"more": ("Content-Length: +29",), "length": False}, (400, "")),
    "length beyond any": ({"more": ("Content-Length: " + "9" * 5000,), "length": False}, (413, "")),
    "unknown coding": ({"more": ("Transfer-Encoding: foo",), "length": False}, (501, "")),
    "chunked not last": ({"more": ("Transfer-Encoding: chunked, foo",), "length": False}, (400, "")),
    "other version": ({"version": "HTTP/2.0"}, (505, "")),
    "no version": ({"version": ""}, (400, "")),
    "large field": ({"more": ("X-A: " + "a" * 100_000,)}, (431, "")),
    "many fields": ({"more": tuple(f"X-{n}: a" for n in range(300))}, (431, "")),
    "long target": ({"target": "?" + "a" * 20_000}, (414, "")),
    "large body": ({"body": "x" * (1024 * 1024 + 1)}, (413, "")),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_correct_answer_to(name: str, endpoint: Endpoint) -> None:
    change, expected = ANSWERS[name]
    target = change.get("target")
    if target is not None and target.startswith("?"):
        change = {**change, "target": endpoint.token_path + target}
    answer = ask(endpoint, **change)
    assert outcome(answer) == expected
    assert answer[0] != 405 or answer[1]["allow"] == "POST"
    assert change.get("method") != "HEAD" or answer[2] == b""


def test_credentials_in_the_body_and_schemes_go_by_the_profile() -> None:
    body = f"{GRANT}&client_id={{0.client_id}}&client_secret={{0.client_secret}}"
    with start("passport") as passport, start("rfc6749") as rfc6749:
        basic = f"Basic {b64(f'{passport.client_id}:{passport.client_secret}')}"
        assert outcome(ask(passport, auth=basic)) == (401, "invalid_client")
        assert outcome(ask(passport, auth=None, body=body.format(passport))) == (401, "invalid_client")
        assert outcome(ask(passport, body=body.format(passport))) == (400, "invalid_request")
        assert outcome(ask(rfc6749, auth=credential(rfc6749)[6:])) == (401, "invalid_client")
        assert outcome(ask(rfc6749, auth=credential(rfc6749).replace("Basic ", "bAsIc   "))) == (200, "token")
        assert outcome(ask(rfc6749, auth=None, body=body.format(rfc6749))) == (200, "token")
        assert outcome(ask(rfc6749, body=body.format(rfc6749))) == (400, "invalid_request")


def test_basic_is_read_form_encoded_and_raw() -> None:
    with start("rfc6749", client_secret="a+b %41:c") as endpoint:
        form = "Basic " + b64(f"{endpoint.client_id}:a%2Bb+%2541%3Ac")
        assert outcome(ask(endpoint, auth=form)) == (200, "token")
        assert outcome(ask(endpoint)) == (200, "token")
        assert outcome(ask(endpoint, auth="Basic " + b64(f"{endpoint.client_id}:a+b A:c")))[0] == 401


NEAR_MISSES = {
    "truncated": "{id}:{less}",
    "extended": "{id}:{secret}x",
    "other case": "{id}:{swapped}",
    "line feed": "{id}:{secret}\n",
    "NUL": "{id}:{secret}\0",
    "second colon": "{id}:{secret}:x",
    "no secret": "{id}:",
    "no colon": "{id}",
    "NUL in the id": "{id}\0:{secret}",
    "blank in the id": "{id} :{secret}",
    "id in capitals": "{shouted}:{secret}",
    "swapped": "{secret}:{id}",
}


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_a_near_miss_is_refused(name: str, endpoint: Endpoint) -> None:
    secret = endpoint.client_secret
    text = NEAR_MISSES[name].format(
        id=endpoint.client_id,
        secret=secret,
        less=secret[:-1],
        swapped=secret.swapcase(),
        shouted=endpoint.client_id.upper(),
    )
    assert outcome(ask(endpoint, auth=credential(endpoint, text))) == (401, "invalid_client")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "###",
        "a",
        "====",
        "{valid}!",
        "{unpadded}",
        "\xff\xfe\xe9",
        b64(b"\xff\xfe:\x80"),
        b64(b"a\r\n:b"),
        "A" * 8192,
    ],
)
def test_an_odd_credential_is_refused_cleanly(value: str, endpoint: Endpoint) -> None:
    valid = b64(f"{endpoint.client_id}:{endpoint.client_secret}")
    odd = value.format(valid=valid, unpadded=valid.rstrip("="))
    assert outcome(ask(endpoint, auth=scheme(endpoint, odd))) == (401, "invalid_client")


def test_no_error_repeats_what_was_sent(endpoint: Endpoint) -> None:
    for change in ({"body": "grant_type=marker-9731"}, {"body": f"{GRANT}&scope=marker-9731"}, {"auth": "marker-9731"}):
        assert b"marker-9731" not in talk(endpoint, request(endpoint, **change))  # type: ignore[arg-type]


def test_errors_use_legal_characters(endpoint: Endpoint) -> None:
    for change, _ in ANSWERS.values():
        received = talk(endpoint, request(endpoint, **{**change, "target": endpoint.token_path}))
        _, fields, body = parts(received)
        if fields.get("content-type") == "application/json" and b'"error"' in body:
            for text in json.loads(body).values():
                assert re.fullmatch(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+", text)


def test_chunked_content_is_read(endpoint: Endpoint) -> None:
    coding = ("Transfer-Encoding: Chunked",)
    chunks = b'5;a="b"\r\ngrant\r\n18\r\n_type=client_credentials\r\n0\r\nX-T: a\r\n\r\n'
    assert outcome(ask(endpoint, more=coding, length=False, body=chunks)) == (200, "token")
    for broken in (b"zz\r\n", b"5\r\ngrantX\r\n", b"-1\r\n", b"\r\n"):
        assert outcome(ask(endpoint, more=coding, length=False, body=broken)) == (400, "")
    assert outcome(ask(endpoint, more=coding, length=False, body=b"ffffffffff\r\n")) == (413, "")


def test_absolute_form_and_a_missing_host(endpoint: Endpoint) -> None:
    target = f"http://{endpoint.host}:{endpoint.port}{endpoint.token_path}"
    assert outcome(ask(endpoint, target=target)) == (200, "token")
    without = request(endpoint).replace(b"Host: 127.0.0.1\r\n", b"")
    assert parts(talk(endpoint, without))[0] == 400
    assert parts(talk(endpoint, without.replace(b"HTTP/1.1", b"HTTP/1.0")))[0] == 200


def test_a_connection_is_kept_after_a_success_and_a_refusal(endpoint: Endpoint) -> None:
    plain = request(endpoint, connection="keep-alive")
    refused = request(endpoint, connection="keep-alive", body="grant_type=bogus")
    received = talk(endpoint, plain + refused + request(endpoint))
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"400", b"200"]


def test_the_body_is_asked_for_when_the_client_expects_it(endpoint: Endpoint) -> None:
    data = request(endpoint, more=("Expect: 100-continue",))
    head = data[: -len(GRANT)]
    with socket.create_connection((endpoint.host, endpoint.port), timeout=5) as sock:
        sock.sendall(head)
        assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(GRANT.encode())
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_sixteen_clients_are_served_side_by_side(endpoint: Endpoint) -> None:
    together = threading.Barrier(16)

    def one(_: int) -> int:
        with socket.create_connection((endpoint.host, endpoint.port), timeout=5) as sock:
            together.wait(timeout=5)
            sock.sendall(request(endpoint))
            return int(sock.recv(65536).split(b" ")[1])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, range(16))) == [200] * 16


def test_a_burst_of_connections_is_served(endpoint: Endpoint) -> None:
    socks = [socket.create_connection((endpoint.host, endpoint.port), timeout=5) for _ in range(50)]
    try:
        for sock in socks:
            sock.sendall(request(endpoint))
        for sock in socks:
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
            sock.close()
    finally:
        for sock in socks:
            sock.close()


def test_close_ends_every_thread_and_connection() -> None:
    before = set(threading.enumerate())
    with start(defects=["grant-empty-body-silence"]) as endpoint:
        idle = socket.create_connection((endpoint.host, endpoint.port), timeout=5)
        hung = socket.create_connection((endpoint.host, endpoint.port), timeout=5)
        hung.sendall(request(endpoint, body=""))
        assert outcome(ask(endpoint)) == (200, "token")
    with idle, hung:
        assert idle.recv(1) == b""
        assert hung.recv(1) == b""
    assert set(threading.enumerate()) <= before
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((endpoint.host, endpoint.port), timeout=5)
    endpoint.close()


def test_the_start_is_quick(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.perf_counter()
    with start() as endpoint, socket.create_connection((endpoint.host, endpoint.port), timeout=5) as connection:
        took = time.perf_counter() - began
        assert connection.getpeername() == (endpoint.host, endpoint.port)
    with capsys.disabled():
        print(f" started in {took * 1000:.1f} ms", end="")  # noqa: T201 - the figure is for the reader


def test_the_secret_is_in_no_repr_and_fresh_each_time(endpoint: Endpoint) -> None:
    assert endpoint.client_secret not in repr(endpoint)
    assert endpoint.client_secret not in repr(endpoint._site)
    with start() as other:
        assert other.client_secret != endpoint.client_secret


def test_the_import_is_light() -> None:
    program = "import conformance.reference, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"http.server", "requests", "hypothesis", "pytest", "ssl", "urllib.parse", "email"} & set(loaded)


def test_settings_are_honoured() -> None:
    with start("rfc6749", client_id="Émile", client_secret="s", token_path="/elsewhere") as endpoint:
        assert endpoint.token_path == "/elsewhere"
        assert outcome(ask(endpoint)) == (200, "token")


@pytest.mark.parametrize(
    "wrong",
    [{"profile": "other"}, {"defects": ["auth-nothing"]}, {"variant": "other"}, {"defects": ["auth-scheme-case"]}],
)
def test_an_unknown_name_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"other|auth-nothing|auth-scheme-case"):
        start(**wrong)


# Defects


def auth_probes(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    me, secret = endpoint.client_id, endpoint.client_secret
    texts: list[str | bytes] = [f"{me}:x", "nobody:x", "abcdef", b"\xff\xfe:\x80", b"a\0:b", "n" * 9000]
    texts += [f"%{ord(me[0]):02X}{me[1:]}:{secret}", f"{quote_plus(me)}:{quote_plus(secret)}", ":"]
    for form in NEAR_MISSES.values():
        swapped, shouted = secret.swapcase(), me.upper()
        texts.append(form.format(id=me, secret=secret, less=secret[:-1], swapped=swapped, shouted=shouted))
    pair = b64(f"{me}:{secret}")
    coded = ["", "###", "====", "\xff", f"  {pair}", b64(pair), "bm9ib2R5Oj8-Pz4_"]
    whole = ["", "Bearer abc", 'Digest username="x"', "<<Authorization>>", f"{me}:{secret}", pair]
    whole += [f"{word} {pair}" for word in ("Basic", "basic", "Basic  ")]
    whole += [credential(endpoint, text) for text in texts] + [scheme(endpoint, value) for value in coded]
    yield from ({"auth": value} for value in whole)


def body_credential_probes(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    me, secret = endpoint.client_id, endpoint.client_secret
    posted = f"{GRANT}&client_id={me}&client_secret={secret}"
    yield {"auth": None}
    yield {"auth": None, "body": f"{GRANT}&client_id={me}"}
    yield {"auth": None, "body": posted}
    yield {"auth": None, "target": f"{endpoint.token_path}?client_id={me}&client_secret={secret}"}
    yield {"auth": None, "body": f"{posted}&client_secret=x"}
    yield {"auth": None, "body": f"{GRANT}&client_secret=x&client_id={me}&client_secret={secret}"}
    yield {"body": f"{GRANT}&client_id={me}"}
    yield {"body": posted}
    yield {"body": f"{posted}x"}
    yield {"body": posted, "auth": credential(endpoint, f"{me}:x")}
    yield from ({"body": posted, "auth": value} for value in (scheme(endpoint, "###"), "Digest x"))
    yield {"more": (f"Authorization: {credential(endpoint)}",)}


def hdr_probes(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    for line in (
        "Authorization:  {}",
        "Authorization:{}",
        "Authorization: {} ",
        "AUTHORIZATION: {}",
        "Authorization:\t{}",
        "Authorization: {}\t",
    ):
        yield {"auth": None, "more": ("Accept: */*", line.format(credential(endpoint)))}
    for line in ("X-A: 1", "X-A: \xe9", "Accept: application/*", "Accept: text/html, */*", "Accept: application/xml"):
        yield {"more": (line,)}
    yield {"more": tuple(f"X-{n}: a" for n in range(300))}
    yield from ({"more": (line,)} for line in ("Content-Encoding: gzip", "Accept-Encoding: identity, gzip"))
    yield {"body": gzip.compress(GRANT.encode())}
    yield {"more": ("CoNtEnT-lEnGtH: 29",), "length": False}


def ctype_probes() -> Iterator[dict[str, Any]]:
    other = "application/json"
    lone = (
        FORM.upper(),
        f"{FORM};charset=utf-8",
        f"{FORM}; charset=utf-8",
        f'{FORM};charset="utf-8"',
        "",
        "text/plain",
        "multipart/form-data",
    )
    yield from ({"types": (value,)} for value in lone)
    yield {"types": ()}
    yield from ({"types": (FORM, second)} for second in (FORM, f" {FORM}", other, ""))
    yield from ({"types": values} for values in ((f"{FORM}, {FORM}",), (other, FORM)))
    yield {"more": (f"content-type: {FORM}",)}
    json_bodies = ('{"grant_type":"client_credentials"}', "{", "[1]", '{"grant_type":1}')
    yield from ({"types": (other,), "body": body} for body in json_bodies)
    yield {"body": json_bodies[0]}


def grant_probes(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    values = (
        "",
        "bogus",
        "password",
        "refresh_token",
        *(f"client_credentials{end}" for end in ("%00", "%0A", "+")),
        "Client_Credentials",
        "a" * 5000,
    )
    yield from ({"body": f"grant_type={value}"} for value in values)
    yield from ({"body": body} for body in ("x=1", "", "grant_type", "Grant_Type=client_credentials"))
    yield {"body": "grant_type=%EF%BD%83lient_credentials"}
    yield {"body": "grant_type=urn:ietf:params:oauth:grant-type:device_code"}
    yield {"body": "grant_type=bogus", "auth": credential(endpoint, "nobody:x")}
    scopes = ("bogus", "read+bogus", "%20%20", "%C3%A9", "read%20write")
    yield from ({"body": f"{GRANT}&scope={scope}"} for scope in scopes)


def body_probes(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    more = ["foo=1&foo=2", "scope=", "scope", "client_id=", "client_secret=", "scope=read&scope=write", GRANT]
    more += ["grant_type=password", "x=%zz%4", "x=a%20b", "x=%ff%fe", "%ff%fe=1", "scope=read+write"]
    more += [f"scope={scope}" for scope in ("%3Cscript%3E", "%27", "%0d%0aX:%20y")]
    whole = ["grant%5Ftype=client%5Fcredentials", "grant%5ftype=client%5fcredentials", f"x=1&{GRANT}", f"&&{GRANT}&&"]
    whole += [f"a=b;{GRANT}", f"\ufeff{GRANT}", "grant_type: client_credentials\n", "grant_type=%ff%fe"]
    yield from ({"body": body} for body in (*whole, *(f"{GRANT}&{parameter}" for parameter in more)))
    yield {"body": GRANT.encode() + b"&x=\xff\x00"}
    path = endpoint.token_path
    yield from ({"target": f"{path}?{GRANT}", "body": body} for body in ("", "grant_type=bogus"))
    yield from ({"target": f"{path}?{query}"} for query in ("x_probe=1", "%zz=%", "\xff"))


JAVA = "Accept: text/html, image/gif, image/jpeg, */*; q=0.2"
RUBY = "params&headers[Accept]=*%2F*&headers[Authorization]=+%3C%3CAuthorization%3E%3E"


def doc_probes() -> Iterator[dict[str, Any]]:
    yield {"body": "", "connection": "keep-alive"}
    yield {"body": "", "more": ("X-Requested-With: XMLHttpRequest",)}
    yield {"body": RUBY, "auth": None}
    yield {"body": "", "auth": None, "types": (), "length": False, "more": (JAVA,)}
    yield {"body": "", "more": ("Accept-Encoding: gzip",)}
    for line in (
        "User-Agent: python-requests/2.34.2",
        "Accept-Encoding: gzip;q=1.0,deflate;q=0.6",
        "Accept-Encoding: gzip, deflate, br",
        "Sec-Fetch-Mode: cors",
    ):
        yield {"more": (line,)}


def gen_probes(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    me, secret = endpoint.client_id, endpoint.client_secret
    yield from ({"body": f"grant_type={value}"} for value in ("%63lient_credentials", "client_credentialsx"))
    yield from ({"body": body} for body in ("grant_type=client-credentials", "grantType=client_credentials"))
    for parameter in (
        "y=",
        "x-1=1",
        "constructor=1",
        "x=%F0%9F%98%80",
        "%00=1",
        "x=%",
        f"{'n' * 300}=1",
        "debug=1",
        f"scope={'a' * 300}",
        f"scope={'a' * 20}-",
    ):
        yield {"body": f"{GRANT}&{parameter}"}
    yield {"types": (f"{FORM};CHARSET=utf-8",)}
    yield {"types": (f"{FORM};charset=no-such",)}
    yield {"types": (), "more": (f"Content-Type: {FORM}", f"Authorization: {credential(endpoint)}"), "auth": None}
    chunked = {"more": ("Transfer-Encoding: chunked",), "length": False}
    yield {**chunked, "body": "5\r\ngrant\r\n18\r\n_type=client_credentials\r\n0\r\n\r\n"}
    yield {**chunked, "types": (f"{FORM};charset=utf-8",), "body": f"1d\r\n{GRANT}\r\n0\r\n\r\n"}
    for pair in (f"{me}:{secret[:8]}????????????????{secret[24:]}", f":{secret}", f"%:{secret}"):
        yield {"auth": credential(endpoint, pair)}
    yield {"auth": f"Bearer {b64(f'{me}:{secret}')}"}
    yield {"body": f"{GRANT}&client_id=other"}


def every_probe(endpoint: Endpoint) -> list[tuple[str, dict[str, Any]]]:
    """Requests that between them make every planted defect visible, with the area they belong to."""
    query = f"{endpoint.token_path}?{GRANT}"
    return [
        ("req", {}),
        ("req", {"target": "/passport/oauth/token"}),
        ("req", {"body": f"{GRANT}&scope=read"}),
        ("req", {"body": f"{GRANT}&x=1"}),
        ("req", {"more": ()}),
        *(("auth", probe) for probe in auth_probes(endpoint)),
        *(("auth", probe) for probe in body_credential_probes(endpoint)),
        *(("hdr", probe) for probe in hdr_probes(endpoint)),
        *(("ctype", probe) for probe in ctype_probes()),
        *(("grant", probe) for probe in grant_probes(endpoint)),
        *(("body", probe) for probe in body_probes(endpoint)),
        *(("doc", probe) for probe in doc_probes()),
        *(("gen", probe) for probe in gen_probes(endpoint)),
        ("method", {"method": "GET", "target": query, "body": ""}),
        ("method", {"method": "PUT"}),
        ("method", {"method": "PATCH"}),
        ("method", {"method": "HEAD", "auth": None}),
        ("method", {"method": "post"}),
        ("method", {"method": "FOO"}),
        ("method", {"method": "HEAD"}),
        ("method", {"method": "OPTIONS", "body": ""}),
        ("method", {"method": "OPTIONS", "body": "", "more": ("Access-Control-Request-Method: POST",)}),
        ("method", {"method": "TRACE", "body": "", "length": False}),
        ("method", {"more": ("Origin: https://evil.example",)}),
        ("err", {"more": (" Authorization: x",), "auth": None}),
        ("err", {"body": "grant_type=bogus", "more": ("Accept: text/html, */*",)}),
        ("disc", {"method": "GET", "target": "/.well-known/oauth-authorization-server", "body": ""}),
        ("auth", {"auth": credential(endpoint, "a" * 12_000)}),
        ("hdr", {"more": ("X-A: " + "a" * 100_000,)}),
        ("body", {"body": "&".join(f"p{n}=" for n in range(6000))}),
        ("body", {"body": f"{GRANT}&x=" + "a" * 600_000}),
    ]


def stable(received: bytes) -> bytes:
    dateless = re.sub(rb"(?m)^Date: .*$", b"", received)
    portless = re.sub(rb"127\.0\.0\.1:\d+", b"127.0.0.1", dateless)
    return re.sub(rb'"access_token": "[\w-]{43}"', b'"access_token": ""', portless)


def observed(endpoint: Endpoint, change: dict[str, Any], patience: float = 5.0) -> bytes:
    return stable(talk(endpoint, request(endpoint, **change), patience))


@pytest.fixture(scope="module")
def correct() -> Iterator[dict[str, Endpoint]]:
    with start("passport", client_secret=SECRET) as passport, start("rfc6749", client_secret=SECRET) as rfc6749:
        yield {"passport": passport, "rfc6749": rfc6749}


@pytest.fixture(scope="module")
def expected() -> dict[tuple[str, int], bytes]:
    return {}


# What is planted below the endpoint shows to malformed HTTP alone, see test_edge; what needs other clients, TLS or a
# crowd has tests of its own.
ELSEWHERE = ("wire-", "load-")
SHOWN = [
    (name, where)
    for name, defect in DEFECTS.items()
    if not (name.startswith(ELSEWHERE) or defect.needs.clients or defect.needs.tls or defect.needs.secret)
    for where in defect.profiles
]


@pytest.mark.parametrize(("name", "profile"), SHOWN)
def test_a_defect_shows(
    name: str, profile: str, correct: dict[str, Endpoint], expected: dict[tuple[str, int], bytes]
) -> None:
    area = name.partition("-")[0]
    probes = list(enumerate(every_probe(correct[profile])))
    probes.sort(key=lambda numbered: numbered[1][0] != area)
    with start(profile, defects=[name], client_secret=SECRET) as endpoint:
        for number, (_, change) in probes:
            if (profile, number) not in expected:
                expected[profile, number] = observed(correct[profile], change)
            absolute = {"target": correct[profile].token_path, **change}
            # A planted silence is waited out; the correct endpoint, however busy the machine, is not taken for silent.
            if observed(endpoint, absolute, patience=0.5) != expected[profile, number]:
                return
    pytest.fail(f"{name} answers every probe as the correct endpoint does")


@pytest.mark.parametrize("name", [name for name, defect in DEFECTS.items() if defect.needs.secret])
def test_a_defect_shows_with_the_secret_that_it_needs(name: str) -> None:
    defect = DEFECTS[name]
    for profile in defect.profiles:
        with (
            start(profile, client_secret=defect.needs.secret) as correct,
            start(profile, defects=[name], client_secret=defect.needs.secret) as endpoint,
        ):
            assert any(observed(endpoint, probe) != observed(correct, probe) for probe in auth_probes(correct))


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_named_by_its_area_and_says_what_it_violates(name: str) -> None:
    defect = DEFECTS[name]
    area = name.partition("-")[0]
    assert defect.name == name
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", name)
    assert area in AREAS
    assert defect.violates[0].startswith(area.upper() + "-")
    assert len(set(defect.violates)) == len(defect.violates)
    for row in defect.violates:
        known, _, number = row.partition("-")
        assert 1 <= int(number) <= ROWS[known]
    assert defect.meaning.endswith(".")
    assert set(defect.profiles) <= set(PROFILES)


def test_every_decidable_requirement_has_a_defect_of_its_own() -> None:
    assert set(DECIDABLE) <= {defect.violates[0] for defect in DEFECTS.values()}


def test_defects_hold_together() -> None:
    names = ["auth-any-secret", "succ-201", "succ-no-expires", "cache-age", "grant-trims", "grant-name-case"]
    with start(defects=names) as endpoint:
        status, fields, body = ask(
            endpoint, auth=credential(endpoint, f"{endpoint.client_id}:x"), body="GRANT_TYPE=+client_credentials"
        )
    # cache-age alters what has status 200, and the register puts it after succ-201.
    assert (status, "expires_in" in json.loads(body), "age" in fields) == (201, False, True)


# Variants


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_grants_the_valid_request_and_refuses_a_wrong_secret(name: str, profile: str) -> None:
    with start(profile, variant=name) as endpoint:
        valid = f"{GRANT}&scope=read"
        assert outcome(ask(endpoint)) == (400, "invalid_scope") if VARIANTS[name].needs.scope_always else (200, "token")
        assert outcome(ask(endpoint, body=valid)) == (200, "token")
        refused = talk(endpoint, request(endpoint, auth=credential(endpoint, f"{endpoint.client_id}:x")))
        assert refused.startswith(b"HTTP/1.1 401 ")
        assert re.search(rb'(?im)^www-authenticate: .*basic realm="', refused)
        assert outcome(ask(endpoint, body=valid)) == (200, "token")


NOT_SHOWN_BY_A_PROBE = {
    "basic-read-raw",
    "throttles-guessing",
    "empty-431",
    "tokens-reused",
    "grant-checked-first",
    "closes-connections",
    "lenient-edge",
    *("bound-to-basic", "unentitled-invalid-client", "slow-hashing", "locks-after-five", "jwt-kept"),
    *("limits-bursts", "overloaded-503", "metadata-beside", "metadata-openid", "metadata-default-methods"),
    "pages-everywhere",
    *(name for name in VARIANTS if name.startswith("tls-")),
}
MULTIPART = '--b\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\nclient_credentials\r\n--b--\r\n'
VARIANT_PROBES: tuple[dict[str, Any], ...] = (
    {"body": "x=%zz"},
    {"body": "x=%00"},
    {"body": MULTIPART, "types": ("multipart/form-data; boundary=b",)},
    {"body": gzip.compress(GRANT.encode()), "more": ("Content-Encoding: gzip",)},
    {"more": ("Origin: https://app.example",)},
)


@pytest.mark.parametrize("name", sorted(set(VARIANTS) - NOT_SHOWN_BY_A_PROBE))
def test_a_variant_shows(name: str, correct: dict[str, Endpoint]) -> None:
    with start("passport", variant=name, client_secret=SECRET) as endpoint:
        again = ({"auth": None, "more": (f"Authorization: {credential(endpoint)}", "Authorization: bm9ib2R5Og==")},)
        probes = [*VARIANT_PROBES, *again, *(change for _, change in every_probe(endpoint))]
        assert any(observed(endpoint, change) != observed(correct["passport"], change) for change in probes)


def test_the_variants_of_limits_and_memory_show() -> None:
    wrong = {"auth": b64("Reference-Client:x")}
    with start(variant="throttles-guessing") as throttling:
        assert [ask(throttling, **wrong)[0] for _ in range(9)] == [401] * 8 + [429]
        assert outcome(ask(throttling)) == (200, "token")
    with start(variant="locks-after-five") as locking:
        wrong_again = [ask(locking, **wrong)[0] for _ in range(4)]
        assert (wrong_again, outcome(ask(locking))) == ([401] * 4, (200, "token"))
        assert [ask(locking, **wrong)[0] for _ in range(6)] == [401] * 5 + [429]
        assert ask(locking)[0] == 429
        assert outcome(ask(locking, auth=b64(":".join(locking.clients["second"])))) == (200, "token")
    with start(variant="jwt-kept") as keeping:
        first, second = (json.loads(ask(keeping)[2]) for _ in range(2))
        assert first["access_token"] == second["access_token"]
        other = ask(keeping, auth=b64(":".join(keeping.clients["second"])))[2]
        assert json.loads(other)["access_token"] != first["access_token"]
    with start(variant="tokens-reused") as reusing:
        assert ask(reusing)[2] == ask(reusing)[2]
    with start(variant="closes-connections") as closing:
        assert talk(closing, request(closing, connection="keep-alive") * 2).count(b"HTTP/1.1") == 1
    with start(variant="lenient-edge") as lenient:
        assert outcome(ask(lenient, more=("X-A: a\r\n b",))) == (200, "token")
    with start(variant="empty-431") as terse:
        assert ask(terse, more=("X-A: " + "a" * 100_000,))[::2] == (431, b"")
    with start(variant="grant-checked-first") as other_order:
        assert outcome(ask(other_order, auth=None, body="grant_type=bogus")) == (400, "unsupported_grant_type")
    with start("rfc6749", variant="basic-read-raw", client_secret="a+b") as raw:
        assert outcome(ask(raw)) == (200, "token")
        assert outcome(ask(raw, auth="Basic " + b64("Reference-Client:a%2Bb")))[0] == 401
