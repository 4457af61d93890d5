"""The way to a target: proxies, client certificates, pinned addresses, IPv6, other alphabets, and no netrc."""

from __future__ import annotations

import base64
import ssl
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization

from conformance import proxy as proxies
from conformance.recording import exchange_record
from conformance.report.command import repeat
from conformance.request import Encoded
from conformance.settings import SettingsError, resolve
from conformance.target import Proxy, Secret
from conformance.wire import Address, Deadlines, Ending, exchange
from tests.networks import (
    ENVIRON,
    HOST,
    authority,
    bundle,
    found,
    issued,
    listening,
    proxy,
    reasons,
    run,
    secure,
    server_context,
    verdicts,
)
from tests.servers import CLIENT, SECRET, decent, serving, token

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("judged_twice")

PASSWORD = "pr0xy-p4ssw0rd-9Zk"
BASIC = base64.b64encode(f"us@er:{PASSWORD}".encode()).decode()
DEADLINES = Deadlines(1, 1, 2)
REMOTE = {"base_url": f"https://{HOST}"}


def refusal(folder: Path, flags: dict[str, Any], environ: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        found(folder, flags, environ)
    text = str(caught.value)
    assert text.isprintable()
    assert PASSWORD not in text
    return text


def proxy_of(folder: Path, flags: dict[str, Any], environ: dict[str, str] | None = None) -> Proxy | None:
    target = found(folder, flags, environ).target
    assert target is not None
    return target.proxy


# Tunnels


@pytest.mark.parametrize("named", ["flag", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "TOKEN_CONFORMANCE_PROXY"])
def test_https_goes_through_a_tunnel_that_changes_nothing(tmp_path: Path, named: str) -> None:
    with secure(decent) as server, proxy() as between:
        flags: dict[str, Any] = {"base_url": f"https://{HOST}:{server.port}", "ca_bundle": bundle(tmp_path)}
        environ = {} if named == "flag" else {named: between.url}
        flags |= {"proxy": between.url} if named == "flag" else {}
        done = run(found(tmp_path, flags, environ), "REQ-001", "CTYPE-008", "HDR-001")
    assert verdicts(done) == {"REQ-001": "passed", "CTYPE-008": "passed", "HDR-001": "passed"}
    assert {head.split(b"\r\n")[0] for head in between.heads} == {f"CONNECT {HOST}:{server.port} HTTP/1.1".encode()}
    assert SECRET.encode() not in b"".join(between.heads)
    assert set(server.names) == {HOST}
    sent = {exchange.sent.split(b"\r\n")[0] for exchange in done.recording.exchanges}
    assert sent == {b"POST /passport/oauth/token HTTP/1.1"}


def test_a_tunnel_with_authentication_opens(tmp_path: Path) -> None:
    with secure(decent) as server, proxy(BASIC) as between:
        flags = {"base_url": f"https://{HOST}:{server.port}", "ca_bundle": bundle(tmp_path)}
        url = f"http://us%40er:{PASSWORD}@127.0.0.1:{between.port}"
        done = run(found(tmp_path, flags, {"HTTPS_PROXY": url}), "REQ-001")
    assert verdicts(done) == {"REQ-001": "passed"}
    assert PASSWORD not in repr(done)
    assert BASIC not in str([exchange_record(one) for one in done.recording.exchanges])


@pytest.mark.parametrize(
    ("answers", "ending", "detail"),
    [
        (b"HTTP/1.1 403 Not \x1b[31mHere\r\n\r\n", Ending.PROXY, "the proxy refused the tunnel: 403 Not \\x1b[31mHere"),
        (b"HTTP/1.1 407 Who?\r\n\r\n", Ending.PROXY, "the proxy wants authentication: 407 Who?"),
        (b"HTTP/1.0 502 Bad Gateway\r\n\r\n", Ending.UNREACHABLE, "the proxy refused the tunnel: 502 Bad Gateway"),
        (b"HTTP/1.1 204\n\n", Ending.TLS_REFUSED, ""),
        (b"SSH-2.0-OpenSSH\r\n\r\n", Ending.PROXY, "the proxy answered what is not HTTP"),
        (b"\0" * 70000, Ending.PROXY, ""),
        (b"", Ending.PROXY, "the proxy closed the connection instead of opening a tunnel"),
        (b"HTTP/1.1 200 OK\r\n", Ending.PROXY, "the proxy broke off its answer"),
        (
            b"HTTP/1.1 200 OK\r\n\r\nhello",
            Ending.PROXY,
            "the proxy sent more than an answer before the tunnel was used",
        ),
    ],
    ids=["403", "407", "502", "opened and closed", "no HTTP", "garbage", "closed", "cut off", "too much"],
)
def test_a_tunnel_that_does_not_open_is_named(answers: bytes, ending: Ending, detail: str) -> None:
    with proxy(answers=answers) as between:
        address = Address(HOST, 443, tls=True, proxy=Proxy("127.0.0.1", between.port))
        got = exchange(address, b"x", deadlines=DEADLINES)
    assert (got.ending, got.sent) == (ending, b"")
    assert got.detail == detail or not detail


def test_a_silent_or_absent_proxy_is_named() -> None:
    def talk(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with listening(talk) as port:
        address = Address(HOST, 443, tls=True, proxy=Proxy("127.0.0.1", port))
        silent = exchange(address, b"x", deadlines=Deadlines(0.2, 1, 2))
    absent = exchange(address, b"x", deadlines=DEADLINES)
    assert (silent.ending, silent.detail) == (Ending.CONNECT_TIMEOUT, "the proxy opened no tunnel within 0.2 s")
    assert (absent.ending, absent.detail) == (
        Ending.CONNECT_REFUSED,
        f"no way to the proxy: 127.0.0.1:{port} refuses connections",
    )


def test_a_proxy_that_wants_a_password_is_asked_once(tmp_path: Path) -> None:
    with secure(decent) as server, proxy(BASIC) as between:
        flags = {"base_url": f"https://{HOST}:{server.port}", "ca_bundle": bundle(tmp_path), "proxy": between.url}
        done = run(found(tmp_path, flags), "REQ-001")
    assert done.result.verdict == "unusable"
    assert "the proxy wants authentication: 407 Who Are You" in done.gate.reason
    assert done.gate.advice.startswith("Check the proxy: its user and password go into its URL (--proxy)")
    assert len(between.heads) == 1


# Forwarding


def test_http_goes_in_absolute_form_and_what_is_recorded_is_what_was_sent(tmp_path: Path) -> None:
    with serving(decent) as server, proxy(BASIC) as between:
        flags = {"base_url": f"http://{HOST}:{server.port}", "allow_plain_http": True}
        url = f"http://us%40er:{PASSWORD}@127.0.0.1:{between.port}"
        done = run(found(tmp_path, flags, {"HTTP_PROXY": url}), "REQ-001", "CTYPE-009", "HDR-001", "AUTH-023")
    assert verdicts(done) == {
        "REQ-001": "passed",
        "AUTH-023": "inconclusive",
        "HDR-001": "inconclusive",
        "CTYPE-009": "inconclusive",
    }
    assert "an HTTP proxy stands between; use --proxy with https or none" in reasons(done)
    first = f"POST http://{HOST}:{server.port}/passport/oauth/token HTTP/1.1\r\n".encode()
    line = b"Proxy-Authorization: Basic " + BASIC.encode()
    assert all(head.startswith(first + line) for head in between.heads)
    masked = first + b"Proxy-Authorization: " + b"*" * len("Basic " + BASIC) + f"\r\nHost: {HOST}:".encode()
    assert all(exchange.sent.startswith(masked) for exchange in done.recording.exchanges)
    for one in done.recording.exchanges:
        assert PASSWORD not in str(exchange_record(one))
        assert SECRET not in base64.b64encode(one.sent).decode()
    assert all(b"http://" not in asked.data.split(b"\r\n")[0] for asked in server.asked)


def test_a_forwarding_proxy_that_wants_authentication_is_named(tmp_path: Path) -> None:
    with serving(decent) as server, proxy(BASIC) as between:
        flags = {"base_url": f"http://{HOST}:{server.port}", "allow_plain_http": True, "proxy": between.url}
        done = run(found(tmp_path, flags), "REQ-001")
    assert done.result.verdict == "unusable"
    assert done.gate.reason.startswith("the proxy wants authentication: 407")


def test_rewriting_keeps_the_secret_octets_where_they_are() -> None:
    data = b"POST /t HTTP/1.1\r\nHost: h\r\nAuthorization: SECRET\r\n\r\n"
    at = data.index(b"SECRET")
    encoded = Encoded(data, ((at, at + 6),))
    plain = proxies.forwarded(encoded, Proxy("p", 1), "h:81")
    assert plain.data == data.replace(b"/t", b"http://h:81/t")
    assert plain.masked() == plain.data.replace(b"SECRET", b"******")
    known = proxies.forwarded(encoded, Proxy("p", 1, "u", Secret("pw")), "h")
    value = b"Basic " + base64.b64encode(b"u:pw")
    assert known.data.replace(b"Proxy-Authorization: " + value + b"\r\n", b"") == data.replace(b"/t", b"http://h/t")
    assert known.masked() == known.data.replace(b"SECRET", b"******").replace(value, b"*" * len(value))
    for odd in (b"OPTIONS * HTTP/1.1\r\n\r\n", b"\r\n", b"POST http://x/ HTTP/1.1\r\n"):
        assert proxies.forwarded(Encoded(odd, ()), Proxy("p", 1), "h").data == odd


# Which proxy


@pytest.mark.parametrize(
    ("base_url", "environ", "port"),
    [
        ("https://idp.example", {"https_proxy": "http://p:1", "HTTPS_PROXY": "http://p:2"}, 1),
        ("https://idp.example", {"HTTPS_PROXY": "http://p:2", "ALL_PROXY": "http://p:3"}, 2),
        ("https://idp.example", {"HTTPS_PROXY": "", "ALL_PROXY": "http://p:3"}, 3),
        ("https://idp.example", {"all_proxy": "p:4"}, 4),
        ("https://idp.example", {"HTTP_PROXY": "http://p:5"}, None),
        ("http://idp.example", {"HTTP_PROXY": "http://p:5"}, 5),
        ("http://idp.example", {"HTTP_PROXY": "http://p:5", "REQUEST_METHOD": "GET"}, None),
        ("http://idp.example", {"http_proxy": "http://p:6", "REQUEST_METHOD": "GET"}, 6),
        ("http://127.0.0.1:8", {"HTTP_PROXY": "http://p:5", "ALL_PROXY": "http://p:5"}, None),
        ("https://localhost", {"HTTPS_PROXY": "http://p:5"}, None),
        ("https://idp.example", {"HTTPS_PROXY": "http://p"}, 80),
        ("https://idp.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example"}, None),
        ("https://idp.example", {"HTTPS_PROXY": "http://p:1", "no_proxy": "*"}, None),
        ("https://idp.example", {"HTTPS_PROXY": "http://p:1", "TOKEN_CONFORMANCE_PROXY": "none"}, None),
        ("https://idp.example", {"HTTPS_PROXY": "socks5://p:1", "NO_PROXY": "idp.example"}, None),
    ],
)
def test_the_environment_names_a_proxy(
    tmp_path: Path, base_url: str, environ: dict[str, str], port: int | None
) -> None:
    chosen = proxy_of(tmp_path, {"base_url": base_url, "allow_plain_http": True}, environ)
    assert (None if chosen is None else chosen.port) == port


@pytest.mark.parametrize(
    ("exceptions", "host", "port", "direct"),
    [
        ("idp.example", "idp.example", 443, True),
        (".example", "idp.example", 443, True),
        ("*.example", "idp.example", 443, True),
        ("EXAMPLE.", "idp.example", 443, True),
        ("dp.example", "idp.example", 443, False),
        ("a, idp.example:8443 b", "idp.example", 8443, True),
        ("idp.example:8443", "idp.example", 443, False),
        ("bücher.example", "xn--bcher-kva.example", 443, True),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.0.0.0/8", "idp.example", 443, False),
        ("10.1.2.3:80", "10.1.2.3", 443, False),
        ("fd00::/8", "fd00::1", 443, True),
        ("[fd00::1]:443", "fd00::1", 443, True),
        ("fd00:0::1", "fd00::1", 443, True),
        ("nonsense/99, ., ::x", "10.1.2.3", 443, False),
        ("", "idp.example", 443, False),
    ],
)
def test_exceptions_are_hosts_suffixes_networks_and_ports(exceptions: str, host: str, port: int, direct: bool) -> None:
    assert proxies.excepted(exceptions, host, port) is direct


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("socks5://127.0.0.1:1080", "--proxy: names a SOCKS proxy, which is not supported"),
        ("https://p:1", "--proxy: names a proxy that is spoken to by https"),
        ("http://p:1/path", "--proxy: is no proxy"),
        (f"http://u:{PASSWORD}@p:0", "--proxy: the proxy has a malformed port"),
        (f"http://u:{PASSWORD}@", "--proxy: is no proxy"),
        (f"http://a%3Ab:{PASSWORD}@p", "--proxy: has a user name with a colon"),
    ],
)
def test_what_is_no_http_proxy_is_refused_in_one_line(tmp_path: Path, given: str, words: str) -> None:
    assert refusal(tmp_path, {**REMOTE, "proxy": given}).startswith(words)


def test_a_socks_proxy_of_the_environment_is_refused_by_name(tmp_path: Path) -> None:
    assert refusal(tmp_path, REMOTE, {"all_proxy": "socks5h://p:1"}).startswith("all_proxy: names a SOCKS proxy")


def test_the_file_names_a_variable_for_a_proxy_with_a_password(tmp_path: Path) -> None:
    file = tmp_path / "conformance.toml"
    file.write_text('proxy = { env = "OUR_PROXY" }\n')
    chosen = proxy_of(tmp_path, REMOTE, {"OUR_PROXY": f"http://u:{PASSWORD}@p:9"})
    assert chosen == Proxy("p", 9, "u", Secret(PASSWORD))
    assert refusal(tmp_path, REMOTE).endswith("the environment variable OUR_PROXY is not set")
    assert refusal(tmp_path, REMOTE, {"OUR_PROXY": f"socks4://u:{PASSWORD}@p"}).startswith("conformance.toml: proxy: n")
    file.write_text('proxy = "http://p:9"\n')
    assert proxy_of(tmp_path, REMOTE) == Proxy("p", 9)
    file.write_text(f'proxy = "http://u:{PASSWORD}@p:9"\n')
    assert "a password never stands in this file" in refusal(tmp_path, REMOTE)


def test_a_remote_proxy_makes_this_machine_another_one(tmp_path: Path) -> None:
    flags = {"base_url": "http://127.0.0.1:8080", "proxy": "http://proxy.example:3128"}
    assert "shows the secret to the network" in refusal(tmp_path, flags)
    told = found(tmp_path, {**flags, "proxy": "http://127.0.0.1:3128"})
    assert told.target is not None
    assert told.target.loopback


# Client certificates


def written(folder: Path, passphrase: str = "") -> tuple[str, str]:
    """The files of a client's certificate and key."""
    leaf = issued("client.example")
    certificate, key = folder / "client.pem", folder / "client.key"
    certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    private = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    locked = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
    return str(certificate), str(key)


def demanding(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    authority().configure_trust(context)
    context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("passphrase", ["", "open sesame"])
def test_a_client_certificate_opens_the_door(tmp_path: Path, version: ssl.TLSVersion, passphrase: str) -> None:
    certificate, key = written(tmp_path, passphrase)
    environ = {"TOKEN_CONFORMANCE_CLIENT_KEY_PASSPHRASE": passphrase} if passphrase else {}
    with secure(decent, demanding(version)) as server:
        flags = {"base_url": f"https://127.0.0.1:{server.port}", "ca_bundle": bundle(tmp_path)}
        done = run(found(tmp_path, {**flags, "client_cert": certificate, "client_key": key}, environ), "REQ-001")
        without = run(found(tmp_path, flags), "REQ-001")
    assert verdicts(done) == {"REQ-001": "passed"}
    assert "open sesame" not in repr(done)
    assert without.result.verdict == "unusable"
    if version is ssl.TLSVersion.TLSv1_3:
        assert "the peer wants a client certificate" in without.gate.reason
    else:
        assert "the peer refused the TLS handshake: handshake failure" in without.gate.reason


def test_a_client_certificate_that_the_server_does_not_trust_is_named(tmp_path: Path) -> None:
    foreign = type(authority())().issue_cert("client.example")
    own = tmp_path / "own.pem"
    foreign.private_key_and_cert_chain_pem.write_to_path(own)
    with secure(decent, demanding(ssl.TLSVersion.TLSv1_2)) as server:
        flags = {"base_url": f"https://127.0.0.1:{server.port}", "ca_bundle": bundle(tmp_path)}
        done = run(found(tmp_path, {**flags, "client_cert": str(own)}), "REQ-001")
    assert "the peer does not accept our certificate: unknown ca" in done.gate.reason


def test_the_passphrase_comes_from_a_variable_of_the_file_or_a_prompt(tmp_path: Path) -> None:
    certificate, key = written(tmp_path, "open sesame")
    flags = {"base_url": "https://idp.example", "client_id": CLIENT, "client_cert": certificate, "client_key": key}
    asked: list[str] = []

    def prompt(question: str) -> str:
        asked.append(question)
        return "open sesame"

    told = resolve(flags, ENVIRON, tmp_path, prompt=prompt)
    assert told.target is not None
    assert told.target.client_certificate is not None
    assert told.target.client_certificate.passphrase == Secret("open sesame")
    assert asked == [f"Passphrase of {key}: "]
    (tmp_path / "conformance.toml").write_text('client_key_passphrase_env = "KEY_WORD"\n')
    from_file = found(tmp_path, flags, {"KEY_WORD": "open sesame"}).target
    assert from_file is not None
    assert from_file.client_certificate == told.target.client_certificate
    assert "KEY_WORD is not set" in refusal(tmp_path, flags)


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda c, k: ({"client_cert": c, "client_key": k}, {}), "is encrypted and has no passphrase"),
        (
            lambda c, k: ({"client_cert": c, "client_key": k}, {"TOKEN_CONFORMANCE_CLIENT_KEY_PASSPHRASE": PASSWORD}),
            "--client-cert and --client-key: the passphrase does not open the key",
        ),
        (
            lambda c, k: (
                {"client_cert": c, "client_key": k},
                {"TOKEN_CONFORMANCE_CLIENT_KEY_PASSPHRASE": PASSWORD * 100},
            ),
            "the passphrase does not open the key",
        ),
        (lambda c, _: ({"client_cert": c}, {}), "--client-cert: no usable PEM certificate with its key"),
        (lambda _, k: ({"client_cert": k + "x", "client_key": k}, {}), "cannot be read: No such file"),
        (lambda _, k: ({"client_key": k}, {}), "--client-key: there is no certificate for it"),
    ],
    ids=["no passphrase", "wrong", "too long", "no key", "unreadable", "key alone"],
)
def test_certificates_that_cannot_be_used_are_refused_in_one_line(
    tmp_path: Path, break_it: Callable[[str, str], tuple[dict[str, Any], dict[str, str]]], words: str
) -> None:
    flags, environ = break_it(*written(tmp_path, "open sesame"))
    assert words in refusal(tmp_path, {**REMOTE, **flags}, environ)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    certificate, _ = written(tmp_path)
    other = tmp_path / "other.key"
    issued(HOST).private_key_pem.write_to_path(other)
    flags = {**REMOTE, "client_cert": certificate, "client_key": str(other)}
    assert refusal(tmp_path, flags).endswith("the key does not belong to the certificate")


# Names and addresses


@pytest.mark.parametrize(
    ("host", "name"), [(HOST, HOST), ("bücher.example", "xn--bcher-kva.example"), ("IDP.Example", HOST)]
)
def test_a_pinned_address_keeps_the_name_everywhere_else(tmp_path: Path, host: str, name: str) -> None:
    with secure(decent) as server:
        flags = {
            "base_url": f"https://{host}:{server.port}/api/",
            "resolve": [f"{host}:{server.port}:127.0.0.1", "elsewhere.example:1:127.0.0.9"],
            "ca_bundle": bundle(tmp_path),
        }
        done = run(found(tmp_path, flags), "REQ-001")
    assert verdicts(done) == {"REQ-001": "passed"}
    assert set(server.names) == {name}
    head = f"POST /api/passport/oauth/token HTTP/1.1\r\nHost: {name}:{server.port}\r\n".encode()
    assert all(asked.data.startswith(head) for asked in server.asked)


@pytest.mark.parametrize("address", ["::1", "[::1]"])
def test_ipv6_serves_as_base_url_and_as_pinned_address(tmp_path: Path, address: str) -> None:
    with secure(decent, host="::1") as server:
        roots = bundle(tmp_path)
        direct = run(found(tmp_path, {"base_url": f"https://[::1]:{server.port}", "ca_bundle": roots}), "REQ-001")
        flags = {
            "base_url": f"https://{HOST}:{server.port}",
            "resolve": [f"{HOST}:{server.port}:{address}"],
            "ca_bundle": roots,
        }
        pinned = run(found(tmp_path, flags), "REQ-001")
    assert verdicts(direct) == verdicts(pinned) == {"REQ-001": "passed"}
    hosts = {asked.data.split(b"\r\n")[1] for asked in server.asked}
    assert hosts == {f"Host: [::1]:{server.port}".encode(), f"Host: {HOST}:{server.port}".encode()}


@pytest.mark.parametrize(
    ("pin", "words"),
    [
        ("idp.example:443", "accepted: HOST:PORT:ADDRESS"),
        ("idp.example:443:other.example", "'other.example' is no IP address"),
        ("idp.example:0:127.0.0.1", "malformed port"),
        ("other.example:443:127.0.0.1", "no entry is for idp.example and port 443"),
        ("idp.example:8443:127.0.0.1", "no entry is for idp.example and port 443"),
    ],
)
def test_a_pin_that_would_do_nothing_is_refused(tmp_path: Path, pin: str, words: str) -> None:
    text = refusal(tmp_path, {**REMOTE, "resolve": [pin]})
    assert text.startswith("--resolve: ")
    assert words in text


def test_a_pin_before_a_forwarding_proxy_is_refused(tmp_path: Path) -> None:
    flags = {"base_url": f"http://{HOST}", "allow_plain_http": True, "resolve": [f"{HOST}:80:127.0.0.1"]}
    assert "looks up the host itself" in refusal(tmp_path, {**flags, "proxy": "http://p:1"})


def test_a_pin_to_another_machine_is_no_loopback(tmp_path: Path) -> None:
    flags = {"base_url": "http://localhost:8080", "resolve": ["localhost:8080:192.0.2.1"]}
    assert "shows the secret to the network" in refusal(tmp_path, flags)


def test_a_pin_leads_through_a_tunnel_too(tmp_path: Path) -> None:
    with secure(decent) as server, proxy() as between:
        flags = {
            "base_url": f"https://{HOST}:{server.port}",
            "resolve": [f"{HOST}:{server.port}:::1"],
            "ca_bundle": bundle(tmp_path),
            "proxy": between.url,
        }
        done = run(found(tmp_path, flags), "REQ-001")
    assert verdicts(done) == {"REQ-001": "passed"}
    assert {head.split(b"\r\n")[0] for head in between.heads} == {f"CONNECT [::1]:{server.port} HTTP/1.1".encode()}


def test_netrc_is_not_consulted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (".netrc", "_netrc"):
        (tmp_path / name).write_text("machine 127.0.0.1 login mallory password other\ndefault login m password o\n")
        (tmp_path / name).chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with serving(lambda _: token()) as server:
        done = run(found(tmp_path, {"base_url": server.base_url}), "REQ-001", "AUTH-001")
    assert done.recording.exchanges
    foreign = base64.b64encode(b"mallory:other").rstrip(b"=")
    assert not any(foreign in asked.data or b"mallory" in asked.data for asked in server.asked)
    assert any((CLIENT, SECRET) in asked.pairs for asked in server.asked)


# The command line


def command(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: PLW1510 - the code is what is looked at
        [sys.executable, "-m", "conformance", "run", *words],
        cwd=folder,
        env={**ENVIRON, "HOME": str(folder), **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_socks_proxy_ends_the_command_with_one_line(tmp_path: Path) -> None:
    ended = command(tmp_path, "--base-url", "https://idp.example", "--client-id", "a", "--proxy", "socks5://p:1")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "--proxy: names a SOCKS proxy, which is not supported" in ended.stderr


def test_help_shows_the_settings_of_the_network(tmp_path: Path) -> None:
    said = command(tmp_path, "--help").stdout
    for flag in ("--proxy", "--client-cert", "--client-key", "--resolve", "--ca-bundle"):
        assert flag in said


def test_the_command_that_repeats_a_finding_goes_the_same_way_and_shows_no_password(tmp_path: Path) -> None:
    certificate, key = written(tmp_path)
    with secure(decent) as server, proxy() as between:
        flags = {
            "base_url": f"https://{HOST}:{server.port}",
            "resolve": [f"{HOST}:{server.port}:127.0.0.1"],
            "ca_bundle": bundle(tmp_path),
            "client_cert": certificate,
            "client_key": key,
            "proxy": f"http://us%40er:{PASSWORD}@127.0.0.1:{between.port}",
        }
        done = run(found(tmp_path, flags), "REQ-001")
    line = repeat(done, "REQ-001")
    assert f"--client-cert {certificate} --client-key {key}" in line
    assert f"--resolve {HOST}:{server.port}:127.0.0.1" in line
    assert f'TOKEN_CONFORMANCE_PROXY="http://us%40er:${{PROXY_PASSWORD}}@127.0.0.1:{between.port}"' in line
    assert PASSWORD not in line
    open_ = replace(done, inquiry=replace(done.inquiry, target=replace(done.inquiry.target, proxy=Proxy("p", 1))))
    assert "--proxy http://p:1" in repeat(open_, "REQ-001")
