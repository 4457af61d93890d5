"""The embedded endpoint over TLS: versions, certificates, and what the port says to who does not speak it."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

from conformance.reference import DEFECTS, VARIANTS, Endpoint, start
from conformance.reference.tls import Tls, certificate_file, server_context
from tests.test_reference import PROFILES, credential, outcome, parts, request, talk

if TYPE_CHECKING:
    from collections.abc import Iterator

V = ssl.TLSVersion
CA = certificate_file("ca")


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=CA)


def offering(ciphers: str = "DEFAULT", lowest: V = V.TLSv1, highest: V = V.TLSv1_2) -> ssl.SSLContext:
    """A client that offers those suites and versions, however weak, and looks at no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = lowest, highest
    return context


def agreed(endpoint: Endpoint, context: ssl.SSLContext) -> tuple[str, str]:
    """The version and the suite that a handshake comes to; both empty where it fails."""
    try:
        with (
            socket.create_connection((endpoint.host, endpoint.port), timeout=5) as sock,
            context.wrap_socket(sock, server_hostname="localhost") as tls,
        ):
            return tls.version() or "", (tls.cipher() or ("",))[0]
    except ssl.SSLError:
        return "", ""


def talk_securely(endpoint: Endpoint, data: bytes) -> bytes:
    received = bytearray()
    with (
        socket.create_connection((endpoint.host, endpoint.port), timeout=5) as sock,
        trusting().wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False) as tls,
    ):
        tls.sendall(data)
        while octets := tls.recv(65536):
            received += octets
    return bytes(received)


@pytest.fixture(scope="module", params=PROFILES)
def endpoint(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    with start(request.param, tls=True) as running:
        yield running


def test_the_endpoint_answers_over_tls_to_who_trusts_its_authority(endpoint: Endpoint) -> None:
    assert endpoint.base_url == f"https://localhost:{endpoint.port}"
    assert endpoint.ca_bundle == CA
    received = talk_securely(endpoint, request(endpoint, connection="keep-alive") + request(endpoint))
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"200"]
    # Octets that nobody reads do not cost the client its answer.
    assert parts(talk_securely(endpoint, b"POST / HTTP/1.1\r\nX-A : b\r\n\r\n" + b"x" * 5000))[0] == 400


def test_its_metadata_name_https(endpoint: Endpoint) -> None:
    target = "/.well-known/oauth-authorization-server"
    received = talk_securely(endpoint, request(endpoint, method="GET", target=target, body="", auth=None))
    assert json.loads(parts(received)[2])["token_endpoint"] == endpoint.base_url + endpoint.token_path


def test_tls_1_2_and_1_3_are_spoken_and_nothing_else(endpoint: Endpoint) -> None:
    assert agreed(endpoint, offering(lowest=V.TLSv1_3, highest=V.TLSv1_3))[0] == "TLSv1.3"
    version, suite = agreed(endpoint, offering("ALL:COMPLEMENTOFALL"))
    assert version == "TLSv1.2"
    assert re.fullmatch("ECDHE-RSA-(AES(128|256)-GCM-SHA(256|384)|CHACHA20-POLY1305)", suite)
    for weak in (offering(highest=V.TLSv1_1), offering("eNULL"), offering("aNULL"), offering("kRSA"), offering("SHA1")):
        assert agreed(endpoint, weak) == ("", "")


def test_a_request_without_tls_is_refused(endpoint: Endpoint) -> None:
    assert outcome(parts(talk(endpoint, request(endpoint)))) == (400, "")


def test_without_tls_there_is_no_authority() -> None:
    with start() as plain:
        assert plain.ca_bundle is None


def test_a_handshake_that_stops_half_way_keeps_nobody_waiting() -> None:
    before = set(threading.enumerate())
    with start(tls=True) as endpoint, socket.create_connection((endpoint.host, endpoint.port), timeout=5) as half:
        half.sendall(b"\x16\x03\x01")
        assert talk_securely(endpoint, request(endpoint)).startswith(b"HTTP/1.1 200 ")
    assert set(threading.enumerate()) <= before


def test_a_handshake_that_fails_leaves_the_endpoint_running(endpoint: Endpoint) -> None:
    for garbage in (b"\x16\x03\x01garbage that is no handshake", b""):
        with socket.create_connection((endpoint.host, endpoint.port), timeout=5) as sock:
            sock.sendall(garbage)
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(
            socket.create_connection((endpoint.host, endpoint.port), timeout=5), server_hostname="localhost"
        )
    assert talk_securely(endpoint, request(endpoint)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("good", ""),
        ("chained", ""),
        ("incomplete", "unable to get local issuer certificate"),
        ("expired", "certificate has expired"),
        ("other-name", "Hostname mismatch"),
    ],
)
def test_a_certificate_is_what_its_name_says(name: str, reason: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        serving = threading.Thread(target=lambda: _handshake(server_context(Tls(certificate=name)), theirs))
        serving.start()
        found = ""
        try:
            with trusting().wrap_socket(ours, server_hostname="localhost") as tls:
                tls.unwrap()
        except ssl.SSLCertVerificationError as error:
            found = str(error)
        serving.join()
    assert (reason in found) if reason else not found


def _handshake(context: ssl.SSLContext, sock: socket.socket) -> None:
    try:
        with context.wrap_socket(sock, server_side=True) as tls:
            tls.unwrap()
    except ssl.SSLError:
        pass


# Defects


def test_without_tls_nothing_comes_of_a_defect_in_it() -> None:
    for name in (name for name, defect in DEFECTS.items() if defect.needs.tls):
        with start(defects=[name]) as plain:
            assert outcome(parts(talk(plain, request(plain)))) == (200, "token")


@pytest.mark.parametrize(
    ("name", "context", "found"),
    [
        ("tls-1-0", offering(highest=V.TLSv1), r"TLSv1 .*"),
        ("tls-1-0", offering(lowest=V.TLSv1_1, highest=V.TLSv1_1), r"TLSv1\.1 .*"),
        ("tls-1-1", offering(lowest=V.TLSv1_1, highest=V.TLSv1_1), r"TLSv1\.1 .*"),
        ("tls-1-1", offering(highest=V.TLSv1), " "),
        ("tls-1-2-alone", offering(lowest=V.TLSv1_3, highest=V.TLSv1_3), " "),
        ("tls-1-3-alone", offering(lowest=V.TLSv1_2), " "),
        ("tls-1-1-alone", offering(lowest=V.TLSv1_2, highest=V.TLSv1_3), " "),
        ("tls-1-1-alone", offering(), r"TLSv1\.1 .*"),
        ("tls-no-forward-secrecy", offering(), r"TLSv1\.2 AES.*-GCM-.*"),
        ("tls-cbc-first", offering(), r"TLSv1\.2 ECDHE-RSA-AES128-SHA256"),
        ("tls-null", offering("eNULL"), r"TLSv1\.2 NULL-SHA256"),
        ("tls-null", offering(), r"TLSv1\.2 ECDHE-.*"),
        ("tls-anonymous", offering("aNULL"), r"TLSv1\.2 AECDH-AES128-SHA"),
        ("tls-anonymous", offering(), r"TLSv1\.2 ECDHE-.*"),
        ("tls-expired", trusting(), " "),
        ("tls-other-name", trusting(), " "),
        ("tls-incomplete", trusting(), " "),
    ],
)
def test_a_defect_shows_in_the_handshake(name: str, context: ssl.SSLContext, found: str) -> None:
    with start(defects=[name], tls=True) as endpoint:
        assert re.fullmatch(found, " ".join(agreed(endpoint, context)))


@pytest.mark.parametrize(
    ("name", "secret", "expected"),
    [
        ("tls-plain-served", None, (200, "token")),
        ("tls-plain-served", "x", (401, "invalid_client")),
        ("tls-plain-unchecked", "x", (200, "token")),
    ],
)
def test_a_defect_shows_to_who_speaks_no_tls(name: str, secret: str | None, expected: tuple[int, str]) -> None:
    with start(defects=[name], tls=True) as endpoint:
        pair = f"{endpoint.client_id}:{endpoint.client_secret if secret is None else secret}"
        assert outcome(parts(talk(endpoint, request(endpoint, auth=credential(endpoint, pair))))) == expected
        assert talk_securely(endpoint, request(endpoint)).startswith(b"HTTP/1.1 200 ")


# Variants


def test_a_request_without_tls_may_be_redirected_or_hung_up_on() -> None:
    with start(variant="tls-plain-redirected", tls=True) as endpoint:
        status, fields, _ = parts(talk(endpoint, request(endpoint)))
        assert (status, fields["location"]) == (308, endpoint.base_url + endpoint.token_path)
    with start(variant="tls-plain-closed", tls=True) as endpoint:
        assert talk(endpoint, request(endpoint)) in (b"", b"(reset)")


@pytest.mark.parametrize("name", [name for name, variant in VARIANTS.items() if variant.needs.tls])
def test_a_variant_answers_over_tls(name: str) -> None:
    with start(variant=name, tls=True) as endpoint:
        received = talk_securely(endpoint, request(endpoint))
        assert received.startswith(b"HTTP/1.1 200 ")
        assert (b"\r\nStrict-Transport-Security: " in received) == (name == "tls-strict-transport")
