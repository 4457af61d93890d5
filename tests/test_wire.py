"""The wire, against scripted servers on loopback."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import itertools
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from conformance.reading import read
from conformance.wire import Address, Caps, Deadlines, Ending, WireError, exchange, tls_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Script = Callable[[socket.socket], None]

REQUEST = b"POST /token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
BIG = b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5_000_000
PATIENT = Deadlines(connect=2, first_byte=2, exchange=4)


@contextlib.contextmanager
def serving(script: Script) -> Iterator[Address]:
    """One connection is accepted, handed to the script, and closed."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            connection.settimeout(5)
            with connection, contextlib.suppress(OSError):
                script(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Address("127.0.0.1", listener.getsockname()[1])
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def saying(*pieces: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        connection.recv(65536)
        for piece in pieces:
            connection.sendall(piece)

    return script


def until_hung_up(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def taking(connection: socket.socket, octets: int) -> None:
    while octets:
        count = len(connection.recv(min(octets, 500_000)))
        if not count:
            raise ConnectionError
        octets -= count


def endlessly(start: bytes, piece: bytes, pause: float = 0) -> Script:
    def script(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while True:
            connection.sendall(piece)
            time.sleep(pause)

    return script


def resetting(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hearing_and_resetting(connection: socket.socket) -> None:
    connection.recv(1)
    resetting(connection)


def test_a_whole_exchange_is_told_with_its_times_and_addresses() -> None:
    heard = []

    def script(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(ANSWER)

    before = time.time()
    with serving(script) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT)
    assert heard == [REQUEST]
    assert (got.ending, got.sent, got.received) == (Ending.COMPLETE, REQUEST, ANSWER)
    assert before <= got.started <= time.time()
    assert got.connected is not None
    assert got.sent_all is not None
    assert got.first_byte is not None
    assert 0 < got.connected <= got.sent_all <= got.first_byte <= got.finished < 1
    assert got.peer == f"127.0.0.1:{address.port}"
    assert got.local is not None
    assert got.local.startswith("127.0.0.1:")
    assert got.tls_version is None
    assert not got.left_open


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Ending.COMPLETE),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER, Ending.COMPLETE),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", Ending.CLOSED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", Ending.CLOSED),
        (b"hello", Ending.CLOSED),
        (b"", Ending.CLOSED),
    ],
)
def test_every_framing_arrives_whole_and_costs_no_wait_when_the_peer_closes(answer: bytes, ending: Ending) -> None:
    with serving(saying(answer[:12], answer[12:])) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT, linger=2)
    assert (got.received, got.ending) == (answer, ending)
    assert got.finished < 1


def test_a_close_without_an_answer_says_so() -> None:
    with serving(saying()) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT)
    assert got.detail == "the peer closed the connection without an answer"
    assert got.first_byte is None


def test_a_peer_that_keeps_the_connection_costs_the_linger_and_is_told() -> None:
    def script(connection: socket.socket) -> None:
        saying(ANSWER)(connection)
        until_hung_up(connection)

    with serving(script) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT, linger=0.1)
    assert got.ending is Ending.COMPLETE
    assert got.left_open
    assert 0.1 <= got.finished < 1


def test_octets_past_the_end_are_caught_in_the_linger() -> None:
    def script(connection: socket.socket) -> None:
        saying(ANSWER)(connection)
        time.sleep(0.03)
        connection.sendall(b"more")

    with serving(script) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT, linger=1)
    assert (got.received, got.ending) == (ANSWER + b"more", Ending.COMPLETE)


def test_a_flood_past_the_end_is_cut_and_the_answer_stands() -> None:
    with serving(endlessly(ANSWER, b"x" * 10_000)) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT, linger=2)
    assert got.ending is Ending.COMPLETE
    assert len(got.received) < 300_000


def test_an_answer_to_head_ends_with_its_header_section() -> None:
    def script(connection: socket.socket) -> None:
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")(connection)
        until_hung_up(connection)

    with serving(script) as address:
        got = exchange(address, b"HEAD / HTTP/1.1\r\n\r\n", head=True, deadlines=PATIENT, linger=0.02)
    assert got.ending is Ending.COMPLETE


def test_a_body_after_head_is_kept_as_extra_octets() -> None:
    with serving(saying(ANSWER)) as address:
        got = exchange(address, b"HEAD / HTTP/1.1\r\n\r\n", head=True, deadlines=PATIENT)
    message = read(got.received, head=True)
    assert message is not None
    assert message.extra == b"hello"


def test_silence_ends_at_the_first_byte_deadline() -> None:
    with serving(until_hung_up) as address:
        got = exchange(address, REQUEST, deadlines=Deadlines(connect=2, first_byte=0.1, exchange=4))
    assert (got.ending, got.received, got.detail) == (
        Ending.FIRST_BYTE_TIMEOUT,
        b"",
        "no octet of an answer within 0.1 s",
    )
    assert got.left_open
    assert 0.1 <= got.finished < 1


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nA: ", b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n"])
def test_dripping_ends_at_the_exchange_deadline(start: bytes) -> None:
    with serving(endlessly(start, b"x", pause=0.01)) as address:
        got = exchange(address, REQUEST, deadlines=Deadlines(connect=2, first_byte=2, exchange=0.2))
    assert got.ending is Ending.EXCHANGE_TIMEOUT
    assert got.received.startswith(start)
    assert 0.2 <= got.finished < 1


def test_interim_responses_without_end_are_no_answer() -> None:
    with serving(endlessly(b"", b"HTTP/1.1 102 Processing\r\n\r\n", pause=0.01)) as address:
        got = exchange(address, REQUEST, deadlines=Deadlines(connect=2, first_byte=2, exchange=0.15))
    assert got.ending is Ending.EXCHANGE_TIMEOUT


def clock_that_waits(event: threading.Event, jump: float) -> SimpleNamespace:
    """The wire's clock: from the second look, just after connecting, it waits for the event and runs ahead."""
    looks = itertools.count()

    def monotonic() -> float:
        look = next(looks)
        if look == 1:
            event.wait(2)
        return time.monotonic() + look * jump

    return SimpleNamespace(time=time.time, monotonic=monotonic)


def test_an_answer_that_waited_for_a_late_reader_is_not_called_late(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def script(connection: socket.socket) -> None:
        connection.sendall(ANSWER)
        answered.set()
        until_hung_up(connection)

    monkeypatch.setattr("conformance.wire.time", clock_that_waits(answered, jump=3600))
    with serving(script) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT)
    assert (got.ending, got.received) == (Ending.COMPLETE, ANSWER)


def test_a_reset_before_the_first_octet_is_sent_is_a_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = threading.Event()

    def script(connection: socket.socket) -> None:
        resetting(connection)
        connection.close()
        gone.set()

    monkeypatch.setattr("conformance.wire.time", clock_that_waits(gone, jump=0))
    with serving(script) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT)
    assert (got.ending, got.sent, got.received) == (Ending.RESET, b"", b"")


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 500),
        (b"HTTP/1.1 200 OK\r\nA: ", b"x" * 4000),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n", b" x\r\n" * 500),
        (b"", b"HTTP/1.1 100 C\r\n\r\n" * 500),
        (b"<html>", b"x" * 4000),
    ],
)
def test_an_endless_header_section_is_cut_at_the_cap(start: bytes, piece: bytes) -> None:
    with serving(endlessly(start, piece)) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT)
    assert got.ending is Ending.HEADER_TOO_LARGE
    assert 256 * 1024 < len(got.received) <= 256 * 1024 + 65536


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4000),
        (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", b"x" * 4000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 500),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 4000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n" * 500),
    ],
)
def test_an_endless_body_is_cut_at_the_cap(start: bytes, piece: bytes) -> None:
    with serving(endlessly(start, piece)) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT, caps=Caps(body=100_000))
    assert got.ending is Ending.BODY_TOO_LARGE
    assert len(got.received) <= len(start) + 100_000 + 65536


@pytest.mark.parametrize(("cap", "ending"), [(5, Ending.COMPLETE), (4, Ending.BODY_TOO_LARGE)])
def test_a_body_as_large_as_the_cap_is_taken(cap: int, ending: Ending) -> None:
    with serving(saying(ANSWER + b"extra octets do not count")) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT, caps=Caps(body=cap))
    assert got.ending is ending


def test_a_reset_keeps_what_came_before_it() -> None:
    def script(connection: socket.socket) -> None:
        saying(b"HTTP/1.1 431 Too Large\r\nContent-Le")(connection)
        time.sleep(0.03)
        resetting(connection)

    with serving(script) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT)
    assert (got.ending, got.received) == (Ending.RESET, b"HTTP/1.1 431 Too Large\r\nContent-Le")
    assert got.detail == "the peer reset the connection"
    assert not got.left_open


def test_a_reset_without_an_answer_says_so() -> None:
    def script(connection: socket.socket) -> None:
        connection.recv(65536)
        resetting(connection)

    with serving(script) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT)
    assert (got.ending, got.detail) == (Ending.RESET, "the peer reset the connection without an answer")


@pytest.mark.parametrize("stays", [True, False], ids=["stays", "resets"])
def test_an_early_answer_is_had_while_most_of_the_request_is_unsent(stays: bool) -> None:
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"
    answered = threading.Event()

    def script(connection: socket.socket) -> None:
        connection.sendall(refusal)
        if stays:
            answered.wait(2)
        # Closing with unread octets makes the kernel reset the connection.

    with serving(script) as address:
        got = exchange(address, BIG, deadlines=PATIENT, linger=0.02)
        answered.set()
    assert (got.ending, got.received) == (Ending.COMPLETE, refusal)
    assert len(got.sent) < len(BIG)
    assert BIG.startswith(got.sent)
    assert got.sent_all is None


def test_a_peer_that_reads_nothing_does_not_hold_us() -> None:
    over = threading.Event()

    def script(_: socket.socket) -> None:
        over.wait(2)

    with serving(script) as address:
        got = exchange(address, BIG, deadlines=Deadlines(connect=2, first_byte=0.1, exchange=4))
        over.set()
    assert got.ending is Ending.FIRST_BYTE_TIMEOUT
    assert got.detail == "no octet of an answer within 0.1 s; the peer stopped reading the request"
    assert len(got.sent) < len(BIG)


def test_a_slow_upload_is_no_silence() -> None:
    upload = b"x" * 20_000_000

    def script(connection: socket.socket) -> None:
        for _ in range(4):
            taking(connection, 2_000_000)
            time.sleep(0.1)
        taking(connection, len(upload) - 8_000_000)
        connection.sendall(ANSWER)

    with serving(script) as address:
        got = exchange(address, upload, deadlines=Deadlines(connect=2, first_byte=0.3, exchange=5))
    assert got.ending is Ending.COMPLETE
    assert got.sent == upload
    assert got.finished > 0.4


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def resolving_to(places: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_a_refused_connection_is_named() -> None:
    port = closed_port()
    got = exchange(Address("127.0.0.1", port), REQUEST, deadlines=PATIENT)
    assert (got.ending, got.detail) == (Ending.CONNECT_REFUSED, f"127.0.0.1:{port} refuses connections")


def test_a_connection_that_is_reset_while_it_is_made_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def reset(*_: object) -> None:  # a race that no server can be made to win every time
        raise ConnectionResetError

    monkeypatch.setattr(socket.socket, "connect", reset)
    got = exchange(Address("127.0.0.1", 9), REQUEST, deadlines=PATIENT)
    assert (got.ending, got.detail) == (Ending.RESET, "127.0.0.1:9 reset the connection")
    assert (got.sent, got.received, got.connected, got.left_open) == (b"", b"", None, False)


def test_a_full_backlog_ends_at_the_connect_deadline() -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        address = Address("127.0.0.1", listener.getsockname()[1])
        got = exchange(address, REQUEST, deadlines=Deadlines(connect=0.1, first_byte=2, exchange=4))
    assert got.ending is Ending.CONNECT_TIMEOUT
    assert 0.1 <= got.finished < 1


@pytest.mark.parametrize("host", ["nonexistent.invalid", "a..b", "b" * 64 + ".invalid", "\udcff", "a\0b"])
def test_a_name_that_does_not_resolve_is_named(host: str) -> None:
    got = exchange(Address(host, 1), REQUEST, deadlines=Deadlines(connect=0.5, first_byte=1, exchange=1))
    assert got.ending is Ending.NAME
    assert "\n" not in got.detail


def test_a_resolver_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def hanging(*_: object, flags: int, **__: object) -> list[object]:
        if not flags:
            answered.wait(5)
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    got = exchange(Address("slow.invalid", 1), REQUEST, deadlines=Deadlines(connect=0.1, first_byte=1, exchange=1))
    answered.set()
    assert (got.ending, got.detail) == (Ending.NAME, "the name does not resolve within 0.1 s")


def test_every_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(saying(ANSWER)) as address:
        places = [("127.0.0.1", closed_port()), ("256.0.0.0", 1), ("127.0.0.1", address.port)]
        resolving_to(places, monkeypatch)
        got = exchange(Address("many.invalid", 1), REQUEST, deadlines=PATIENT)
    assert (got.ending, got.peer) == (Ending.COMPLETE, f"127.0.0.1:{address.port}")


def test_of_several_failures_the_most_telling_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    port = closed_port()
    places = [("256.0.0.0", 1), ("127.0.0.1", port), ("256.0.0.1", 1)]
    resolving_to(places, monkeypatch)
    got = exchange(Address("many.invalid", 1), REQUEST, deadlines=PATIENT)
    assert (got.ending, got.detail) == (Ending.CONNECT_REFUSED, f"127.0.0.1:{port} refuses connections")
    resolving_to(places[::2], monkeypatch)
    got = exchange(Address("many.invalid", 1), REQUEST, deadlines=PATIENT)
    assert got.ending is Ending.UNREACHABLE


def test_a_name_is_connected_to_by_itself() -> None:
    with serving(saying(ANSWER)) as address:
        got = exchange(Address("localhost", address.port), REQUEST, deadlines=PATIENT)
    assert got.received == ANSWER


def test_ipv6_literals_are_written_with_brackets() -> None:
    got = exchange(Address("::1", closed_port()), REQUEST, deadlines=PATIENT)
    assert got.ending in (Ending.CONNECT_REFUSED, Ending.UNREACHABLE)
    assert got.detail.startswith("[::1]:")


def test_reprs_show_no_octets() -> None:
    with serving(saying(ANSWER)) as address:
        assert "hello" not in repr(exchange(address, REQUEST, deadlines=PATIENT))


def test_no_requests_library_is_loaded() -> None:
    code = "import sys, conformance.wire; print({'requests', 'urllib3', 'http.client', 'netrc'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@dataclass(frozen=True)
class Certificates:
    root: Path
    good: Path
    expired: Path
    future: Path


def signed(
    folder: Path, name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None, days: tuple[int, int]
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate and key, written to one PEM file; valid from and until so many days from today."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuing, signing = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    today = dt.datetime.now(dt.UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=issuer is None,
        crl_sign=issuer is None,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuing)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today + dt.timedelta(days=days[0]))
        .not_valid_after(today + dt.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(signing, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{name}.pem").write_bytes(pem)
    return certificate, key


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    root = signed(folder, "root", None, (-10, 10))
    signed(folder, "good", root, (-5, 5))
    signed(folder, "expired", root, (-5, -1))
    signed(folder, "future", root, (1, 5))
    return Certificates(*(folder / f"{name}.pem" for name in ("root", "good", "expired", "future")))


def over_tls(certificate: Path, script: Script, wants: Path | None = None) -> Script:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    if wants is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(wants)

    def wrapped(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            script(tls)

    return wrapped


def secure(address: Address, bundle: Path | None, host: str = "127.0.0.1") -> Address:
    return Address(host, address.port, tls=True, ca_bundle=None if bundle is None else str(bundle))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost."])
def test_a_trusted_certificate_gives_an_exchange_over_tls(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    spoken = []

    def script(connection: socket.socket) -> None:
        assert isinstance(connection, ssl.SSLSocket)
        spoken.append(connection.selected_alpn_protocol())
        saying(ANSWER)(connection)
        connection.unwrap()

    with serving(over_tls(certificates.good, script)) as address:
        resolving_to([("127.0.0.1", address.port)], monkeypatch)
        got = exchange(secure(address, certificates.root, host), REQUEST, deadlines=PATIENT)
    assert (got.ending, got.sent, got.received) == (Ending.COMPLETE, REQUEST, ANSWER)
    assert got.tls_version == "TLSv1.3"
    assert spoken == ["http/1.1"]


def test_a_large_exchange_over_tls_arrives_whole(certificates: Certificates) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"y" * 2_000_000

    def script(connection: socket.socket) -> None:
        taking(connection, len(BIG))
        connection.sendall(answer)

    with serving(over_tls(certificates.good, script)) as address:
        got = exchange(secure(address, certificates.root), BIG, deadlines=PATIENT)
    assert got.ending is Ending.COMPLETE
    assert got.sent == BIG
    assert got.received == answer


def test_a_close_without_close_notify_is_told(certificates: Certificates) -> None:
    with serving(over_tls(certificates.good, saying(b"HTTP/1.1 200 OK\r\n\r\nhello"))) as address:
        got = exchange(secure(address, certificates.root), REQUEST, deadlines=PATIENT)
    assert (got.ending, got.received) == (Ending.CLOSED, b"HTTP/1.1 200 OK\r\n\r\nhello")
    assert got.detail == "the peer closed the connection without a TLS close_notify"


def test_silence_over_tls_ends_at_the_first_byte_deadline(certificates: Certificates) -> None:
    with serving(over_tls(certificates.good, until_hung_up)) as address:
        deadlines = Deadlines(connect=2, first_byte=0.1, exchange=4)
        got = exchange(secure(address, certificates.root), REQUEST, deadlines=deadlines)
    assert got.ending is Ending.FIRST_BYTE_TIMEOUT


@pytest.mark.parametrize(
    ("certificate", "trusted", "host", "ending", "detail"),
    [
        ("good", False, "127.0.0.1", Ending.TLS, "comes from an authority that is not trusted"),
        ("root", False, "127.0.0.1", Ending.TLS, "is self-signed and not among the trusted roots"),
        ("expired", True, "127.0.0.1", Ending.CERTIFICATE, "has expired"),
        ("future", True, "127.0.0.1", Ending.CERTIFICATE, "is not valid yet"),
        ("good", True, "127.0.0.2", Ending.TLS, "is for another IP address"),
        ("good", True, "ip6-localhost", Ending.CERTIFICATE, "is for another host name"),
    ],
)
def test_a_certificate_that_is_not_accepted_is_named(
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    certificate: str,
    trusted: bool,
    host: str,
    ending: Ending,
    detail: str,
) -> None:
    heard = []
    with serving(over_tls(getattr(certificates, certificate), lambda tls: heard.append(tls.recv(9)))) as address:
        resolving_to([("127.0.0.1", address.port)], monkeypatch)
        got = exchange(secure(address, certificates.root if trusted else None, host), REQUEST, deadlines=PATIENT)
    assert (got.ending, got.detail) == (ending, f"the peer's certificate {detail}")
    assert (got.sent, heard) == (b"", [])


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
def test_a_missing_client_certificate_is_named(certificates: Certificates, version: ssl.TLSVersion) -> None:
    context = tls_context(str(certificates.root))
    context.maximum_version = version
    with serving(over_tls(certificates.good, until_hung_up, wants=certificates.root)) as address:
        got = exchange(secure(address, certificates.root), REQUEST, deadlines=PATIENT, context=context)
    assert got.ending is (Ending.TLS if version is ssl.TLSVersion.TLSv1_3 else Ending.TLS_REFUSED)
    assert got.received == b""
    if version is ssl.TLSVersion.TLSv1_3:
        assert got.detail == "the peer wants a client certificate"


@pytest.mark.parametrize(
    ("script", "ending", "detail"),
    [
        (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Ending.TLS, "the peer does not speak TLS"),
        (saying(b"\r\n\r\n\r\n"), Ending.TLS, "the peer does not speak TLS"),
        (saying(), Ending.TLS_REFUSED, "the peer closed the connection in the TLS handshake"),
        (hearing_and_resetting, Ending.TLS_REFUSED, "the connection broke in the TLS handshake"),
    ],
)
def test_a_peer_without_tls_is_named(certificates: Certificates, script: Script, ending: Ending, detail: str) -> None:
    with serving(script) as address:
        got = exchange(secure(address, certificates.root), REQUEST, deadlines=PATIENT)
    assert (got.ending, got.detail) == (ending, detail)


def test_a_handshake_that_hangs_ends_at_the_connect_deadline(certificates: Certificates) -> None:
    with serving(until_hung_up) as address:
        deadlines = Deadlines(connect=0.1, first_byte=1, exchange=2)
        got = exchange(secure(address, certificates.root), REQUEST, deadlines=deadlines)
    assert (got.ending, got.detail) == (Ending.CONNECT_TIMEOUT, "the TLS handshake did not end within 0.1 s")


def test_plain_http_to_a_tls_port_is_named() -> None:
    def script(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46")

    with serving(script) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT)
    assert (got.ending, got.detail) == (Ending.CLOSED, "the peer speaks TLS, and plain HTTP was sent")


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff\0"])
def test_an_unusable_bundle_is_told_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    bundle = tmp_path / "roots.pem"
    if content is not None:
        bundle.write_bytes(content)
    with pytest.raises(WireError) as caught:
        tls_context(str(bundle))
    assert str(bundle) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(WireError):
        exchange(Address("127.0.0.1", 1, tls=True, ca_bundle=str(bundle)), REQUEST, deadlines=PATIENT)


def test_verification_is_on_whatever_the_roots(certificates: Certificates) -> None:
    for context in (tls_context(None), tls_context(str(certificates.root))):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


# Two requests on one connection, and a body that waits

KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA"
FIRST = b"POST /first HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"


def answering(*answers: bytes, close_after: int = 9) -> Script:
    """A server that answers one request after another on a connection, and closes it after some."""

    def script(connection: socket.socket) -> None:
        for number, answer in enumerate(answers, 1):
            data = b""
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                if not piece:
                    return
                data += piece
            connection.sendall(answer)
            if number == close_after:
                return
        until_hung_up(connection)

    return script


def test_a_second_request_goes_over_the_connection_of_the_first() -> None:
    with serving(answering(KEPT, ANSWER)) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT, preceding=FIRST, linger=0.05)
    assert (got.sent, got.received, got.ending) == (FIRST + REQUEST, KEPT + ANSWER, Ending.COMPLETE)
    assert got.preceding == (len(FIRST), len(KEPT))


@pytest.mark.parametrize(
    ("first", "close_after"),
    [(KEPT, 1), (KEPT.replace(b"OK\r\n", b"OK\r\nConnection: Close\r\n"), 9), (KEPT.replace(b"1.1", b"1.0", 1), 9)],
    ids=["closes", "says close", "HTTP/1.0"],
)
def test_no_second_request_goes_to_a_peer_that_takes_none(first: bytes, close_after: int) -> None:
    with serving(answering(first, ANSWER, close_after=close_after)) as address:
        got = exchange(address, REQUEST, deadlines=PATIENT, preceding=FIRST, linger=0.05)
    assert (got.sent, got.received, got.ending) == (FIRST, first, Ending.CLOSED)
    assert (got.preceding, got.first_byte) == ((len(FIRST), len(first)), None)
    assert got.detail == "the connection was closed after the first answer"


def test_a_first_request_without_an_answer_ends_the_exchange() -> None:
    with serving(until_hung_up) as address:
        got = exchange(address, REQUEST, deadlines=Deadlines(1, 0.1, 0.2), preceding=FIRST)
    assert (got.sent, got.received, got.ending) == (FIRST, b"", Ending.FIRST_BYTE_TIMEOUT)


def test_a_body_waits_for_the_first_octet_of_an_answer() -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        seen.append(connection.recv(65536))
        connection.sendall(ANSWER)

    with serving(script) as address:
        got = exchange(address, REQUEST + b"body", deadlines=PATIENT, hold=len(REQUEST))
    assert seen == [REQUEST, b"body"]
    assert got.ending is Ending.COMPLETE
    assert got.first_byte is not None
    assert got.sent_all is not None
    assert got.first_byte < got.sent_all


def test_a_body_that_nobody_asks_for_follows_all_the_same() -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))
        seen.append(connection.recv(65536))
        connection.sendall(ANSWER)

    with serving(script) as address:
        got = exchange(address, REQUEST + b"body", deadlines=Deadlines(1, 0.4, 0.4), hold=len(REQUEST))
    assert (seen, got.ending) == ([REQUEST, b"body"], Ending.COMPLETE)
    assert got.first_byte is not None
    assert got.sent_all is not None
    assert 0.15 < got.sent_all < got.first_byte


def test_no_body_follows_a_final_answer() -> None:
    with serving(saying(ANSWER)) as address:
        got = exchange(address, REQUEST + b"body", deadlines=PATIENT, hold=len(REQUEST))
    assert (got.sent, got.sent_all, got.ending) == (REQUEST, None, Ending.COMPLETE)
