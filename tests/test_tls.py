"""TLS rows against real TLS servers: each verdict for its own reason, and no secret over a weak connection."""

from __future__ import annotations

import datetime as dt
import io
import socket
import ssl
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance import case, connection, embedded, engine
from conformance.bindings import Inapplicable
from conformance.case import built_in
from conformance.expression import EXPOSED_ID, EXPOSED_SECRET, SECRET
from conformance.plan import Binder
from conformance.profiles import load
from conformance.report.terminal import Terminal
from conformance.request import VALID, Transport, changed_lines, encode
from conformance.target import Credentials, Secret, target_at
from conformance.wire import Route, WireError
from tests.networks import (
    HOST,
    authority,
    bundle,
    found,
    issued,
    listening,
    reasons,
    run,
    secure,
    server_context,
    verdicts,
)
from tests.servers import SECRET as SECRET_OF_SERVER
from tests.servers import answer, decent, refusal, serving, token
from tests.test_plan import binder, target

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.engine import Run
    from tests.networks import Secure
    from tests.servers import Script

pytestmark = pytest.mark.usefixtures("judged_twice")

ROWS = ("TLS-001", "TLS-002", "TLS-003", "TLS-004", "TLS-005")
V = ssl.TLSVersion


def speaking(lowest: V, highest: V, ciphers: str = "DEFAULT") -> ssl.SSLContext:
    context = server_context()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = lowest, highest
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    return context


def judged(folder: Path, server: Secure, *rows: str, **flags: object) -> Run:
    where = {
        "base_url": f"https://{HOST}:{server.port}",
        "resolve": [f"{HOST}:{server.port}:127.0.0.1"],
        "ca_bundle": bundle(folder),
        **flags,
    }
    return run(found(folder, where), *rows)


MODERN = "ECDHE+AESGCM:ECDHE+CHACHA20"


def test_a_modern_server_meets_every_row_that_can_be_decided_here(tmp_path: Path) -> None:
    with secure(decent, speaking(V.TLSv1_2, V.TLSv1_3, MODERN)) as server:
        done = judged(tmp_path, server, *ROWS)
    assert verdicts(done) == {
        "TLS-001": "passed",
        "TLS-002": "passed",
        "TLS-003": "passed",
        "TLS-004": "passed",
        "TLS-005": "inconclusive",
    }
    # What this OpenSSL cannot offer is never passed, and nothing else is left open.
    assert "cannot offer RC4" in reasons(done)
    assert "cannot offer suites of export strength" in reasons(done)
    assert "without encryption" not in reasons(done)
    assert (done.result.verdict, done.result.traits["hsts"]) == ("conformant", "absent")


def test_no_secret_travels_over_a_connection_that_a_case_prescribes(tmp_path: Path) -> None:
    plain: list[bytes] = []

    def in_the_clear(asked: object) -> bytes:
        plain.append(asked.data)  # type: ignore[attr-defined]
        return refusal(401, "invalid_client")

    weak = speaking(V.TLSv1, V.TLSv1_2, "ALL:COMPLEMENTOFALL")
    header = {"TOKEN_CONFORMANCE_HEADER": "X-Key: gateway-key-0123456789"}
    with secure(decent, weak, plain=in_the_clear) as server:
        flags = {"base_url": f"https://{HOST}:{server.port}", "resolve": [f"{HOST}:{server.port}:127.0.0.1"]}
        done = run(found(tmp_path, {**flags, "ca_bundle": bundle(tmp_path)}, header), *ROWS)
    prescribed = {one.digest for row in built_in() for one in row.templates if one.transport is not None}
    digests = {exchange.number: exchange.template for exchange in done.recording.exchanges}
    sent = [asked for asked in server.asked if not asked.right]
    assert plain
    assert len(sent) == sum(
        digest in prescribed and bool(exchange.sent)
        for (_, digest), exchange in zip(sorted(digests.items()), done.recording.exchanges, strict=True)
    )
    for asked in sent:
        assert all(client.startswith("conformance-unknown-") for client, _ in asked.pairs)
        assert b"gateway-key" not in asked.data
    assert any(b"gateway-key" in asked.data for asked in server.asked)


def test_a_secret_in_a_template_of_ones_own_is_held_back() -> None:
    profile = load("rfc6749", Path())
    target = target_at("https://idp.example", "/token", Credentials("app", Secret("s3cr3t-s3cr3t")))
    bindings = Binder(target, profile, b"nonce", form_encoded=True).bindings("")
    assert encode(VALID, bindings).secrets
    with pytest.raises(Inapplicable, match="secret does not travel"):
        encode(VALID.over(Transport(plain=True)), bindings)


def test_a_transport_changes_the_digest_and_shows_in_the_changed_lines() -> None:
    template = VALID.over(Transport(minimum="TLSv1.1", maximum="TLSv1.1"))
    assert VALID.over(Transport()).digest != VALID.digest != template.digest
    assert changed_lines(template) == ("+ (a TLS handshake that offers TLSv1.1)",)
    assert changed_lines(VALID.over(Transport(plain=True))) == ("+ (without TLS)",)


# TLS-001


@pytest.mark.parametrize(
    ("plain", "verdict", "words"),
    [
        (lambda _: token(), "failed", "200 with a token"),
        (lambda _: answer(308, b"", "Location: https://idp.example/"), "passed", ""),
        (lambda _: answer(301, b"", "Location: http://idp.example/"), "inconclusive", "says nothing of a real one"),
        (lambda _: refusal(401, "invalid_client"), "inconclusive", "401 invalid_client, which says nothing"),
        (lambda _: answer(400, b"<p>plain HTTP", media_type="text/html"), "inconclusive", "says nothing"),
        (None, "passed", ""),
    ],
    ids=["token", "to https", "to http", "401", "400", "hung up"],
)
def test_tls_001_is_decided_by_a_token_a_redirect_or_silence(
    tmp_path: Path, plain: Script | None, verdict: str, words: str
) -> None:
    with secure(decent, plain=plain) as server:
        done = judged(tmp_path, server, "TLS-001")
    assert verdicts(done) == {"TLS-001": verdict}
    assert words in reasons(done)
    assert next(one.tls for one in done.recording.exchanges if "TLS-001" in one.label) is None


@pytest.mark.parametrize(
    ("base_url", "pins", "port", "at"),
    [
        (f"https://{HOST}", [], 80, None),
        (f"https://{HOST}:8443", [], 8443, None),
        (f"https://{HOST}", [f"{HOST}:443:127.0.0.1"], 80, "127.0.0.1"),
        (f"https://{HOST}", [f"{HOST}:443:127.0.0.1", f"{HOST}:80:127.0.0.2"], 80, "127.0.0.2"),
    ],
)
def test_tls_001_asks_at_the_port_of_http_and_never_at_another_machine(
    tmp_path: Path, base_url: str, pins: list[str], port: int, at: str | None
) -> None:
    target = found(tmp_path, {"base_url": base_url, "resolve": pins}).target
    assert target is not None
    address, context = Route(target).over(Transport(plain=True))
    assert (address.port, address.at, address.tls, context) == (port, at, False, None)


def test_a_dry_run_names_the_port_without_tls_too(tmp_path: Path) -> None:
    told = found(tmp_path, {"base_url": f"https://{HOST}", "include": ["TLS-001"], "proxy": "none"})
    cases = tuple(one for one in case.built_in() if one.id in ROWS)
    asked = embedded.inquiry(told, cases, cases, lambda _: None)
    said = io.StringIO()
    plan = engine.planned(asked, engine.begin(asked, lambda _: None))
    Terminal(said, color=False, quiet=False, verbose=False).plan(asked, plan)
    assert f"{HOST} port 443 and 80, and no other" in said.getvalue()


def test_tls_001_is_sent_on_demand_only(tmp_path: Path) -> None:
    with secure(decent) as server:
        bundle_ = bundle(tmp_path)
        pinned = {"base_url": f"https://{HOST}:{server.port}", "resolve": [f"{HOST}:{server.port}:127.0.0.1"]}
        told = found(tmp_path, {**pinned, "ca_bundle": bundle_, "select": ["TLS"]})
        cases = tuple(one for one in case.built_in() if one.id in ROWS)
        done = engine.conduct(embedded.inquiry(told, cases, cases, lambda _: None))
        assert verdicts(done)["TLS-001"] == "not_applicable"
        assert "--include TLS-001" in reasons(done)
        here = found(
            tmp_path, {"base_url": f"https://127.0.0.1:{server.port}", "ca_bundle": bundle_, "select": ["TLS"]}
        )
        done = engine.conduct(embedded.inquiry(here, cases, cases, lambda _: None))
    assert verdicts(done)["TLS-001"] == "not_applicable"
    assert "this machine" in reasons(done)


@pytest.mark.parametrize(
    ("plain", "verdict"),
    [(decent, "failed"), (lambda _: answer(403), "passed"), (lambda _: answer(500), "passed"), (None, "passed")],
    ids=["granted", "refused", "broken", "closed"],
)
def test_tls_001_is_decided_on_this_machine_by_the_client_itself(
    tmp_path: Path, plain: Script | None, verdict: str
) -> None:
    with secure(decent, plain=plain) as server:
        here = {"base_url": f"https://127.0.0.1:{server.port}", "ca_bundle": bundle(tmp_path)}
        done = run(found(tmp_path, here), "TLS-001")
        clear = [one for one in done.recording.exchanges if "TLS-001 plain" in one.label]
    assert verdicts(done) == {"TLS-001": verdict}
    assert {one.tls for one in clear} == {None}
    assert all(b"Authorization: ****" in one.sent for one in clear)


def test_tls_001_sends_no_other_secret_in_the_clear() -> None:
    over = Transport(plain=True)
    bindings = binder(target()).bindings("")
    assert encode(VALID.authorized(EXPOSED_SECRET, EXPOSED_ID).over(over), bindings).secrets
    for template in (VALID, VALID.authorized(EXPOSED_SECRET).adding("X", SECRET)):
        with pytest.raises(Inapplicable, match="a secret does not travel"):
            encode(template.over(over), bindings)
    with pytest.raises(Inapplicable, match="a secret does not travel"):
        encode(VALID.authorized(EXPOSED_SECRET).over(Transport(minimum="TLSv1.2")), bindings)


def test_the_clear_answer_is_no_witness_of_other_rows(tmp_path: Path) -> None:
    page = answer(302, b"<p>moved", "Location: http://elsewhere.example/", media_type="text/html")
    with secure(decent, plain=lambda _: page) as server:
        done = judged(tmp_path, server, "TLS-001", "ERR-009", "ERR-001")
    assert verdicts(done)["TLS-001"] == "inconclusive"
    assert "failed" not in verdicts(done).values()
    assert "warning" not in verdicts(done).values()


# TLS-002 and TLS-003


@pytest.mark.parametrize(
    ("lowest", "seen"), [(V.TLSv1, {"TLSv1.1", "TLSv1"}), (V.TLSv1_1, {"TLSv1.1"})], ids=["1.0", "1.1"]
)
def test_tls_002_fails_a_server_that_takes_an_old_version(tmp_path: Path, lowest: V, seen: set[str]) -> None:
    with secure(decent, speaking(lowest, V.TLSv1_3)) as server:
        done = judged(tmp_path, server, "TLS-002")
    assert verdicts(done) == {"TLS-002": "failed"}
    assert "got a handshake in TLSv1.1 with" in reasons(done)
    witnesses = {one.number: one.tls for one in done.recording.exchanges}
    assert {witnesses[number] for number in done.result.cases[0].witnesses} == seen


def test_tls_002_does_not_pass_where_this_machine_cannot_offer_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(transport: Transport, client: object) -> ssl.SSLContext:
        del client
        raise WireError(f"the OpenSSL of this machine cannot offer {transport.offer}")

    with secure(decent) as server:
        monkeypatch.setattr("conformance.wire.handshake_context", unable)
        done = judged(tmp_path, server, "TLS-002")
    assert verdicts(done) == {"TLS-002": "inconclusive"}
    assert "not sent: the OpenSSL of this machine cannot offer TLSv1.1" in reasons(done)


def test_tls_002_does_not_pass_on_a_handshake_that_only_hangs(tmp_path: Path) -> None:
    context = speaking(V.TLSv1_2, V.TLSv1_3)

    def talk(connection: socket.socket) -> None:
        hello = connection.recv(65536, socket.MSG_PEEK)
        if b"\x03\x04" not in hello:  # no TLS 1.3 among the versions
            connection.settimeout(2)
            while connection.recv(65536):
                pass
            return
        with context.wrap_socket(connection.dup(), server_side=True) as tls:
            tls.recv(65536)
            tls.sendall(token())
            tls.unwrap()

    with listening(talk) as port:
        flags = {"base_url": f"https://{HOST}:{port}", "resolve": [f"{HOST}:{port}:127.0.0.1"], "timeout": "0.5"}
        done = run(found(tmp_path, {**flags, "ca_bundle": bundle(tmp_path)}), "TLS-002", "TLS-003")
    assert verdicts(done) == {"TLS-002": "inconclusive", "TLS-003": "inconclusive"}
    assert "did not end within" in reasons(done)


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
def test_tls_003_warns_of_a_server_with_one_version_alone(tmp_path: Path, version: V) -> None:
    with secure(decent, speaking(version, version)) as server:
        done = judged(tmp_path, server, "TLS-003", "TLS-002")
    assert verdicts(done) == {"TLS-002": "passed", "TLS-003": "warning"}
    missing = "thirteen" if version is V.TLSv1_2 else "twelve"
    assert [note.stimulus for note in done.result.cases[1].notes if note.verdict == "warning"] == [missing]


def test_handshakes_show_the_client_certificate_too(tmp_path: Path) -> None:
    context = speaking(V.TLSv1_1, V.TLSv1_2)
    context.verify_mode = ssl.CERT_REQUIRED
    authority().configure_trust(context)
    own = tmp_path / "own.pem"
    issued("client.example").private_key_and_cert_chain_pem.write_to_path(own)
    with secure(decent, context) as server:
        done = judged(tmp_path, server, "TLS-002", client_cert=str(own))
    assert verdicts(done) == {"TLS-002": "failed"}


# TLS-004


@pytest.mark.parametrize(
    ("certificate", "verdict", "run_verdict", "words"),
    [
        (lambda: issued("other.example"), "failed", "non-conformant", "is for another host name"),
        (
            lambda: authority().issue_cert(
                HOST,
                not_after=dt.datetime(2020, 1, 2, tzinfo=dt.UTC),
                not_before=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
            ),
            "failed",
            "non-conformant",
            "has expired",
        ),
        (lambda: type(authority())().issue_cert(HOST), "inconclusive", "unusable", "not trusted"),
        (lambda: authority().create_child_ca().issue_cert(HOST), "passed", "conformant", ""),
    ],
    ids=["other name", "expired", "other authority", "intermediate"],
)
def test_tls_004_judges_the_certificate_and_not_the_roots(
    tmp_path: Path, certificate: Callable[[], object], verdict: str, run_verdict: str, words: str
) -> None:
    with secure(decent, server_context(certificate())) as server:  # type: ignore[arg-type]
        done = judged(tmp_path, server, "TLS-004", "REQ-001")
    assert verdicts(done)["TLS-004"] == verdict
    assert done.result.verdict == run_verdict
    assert words in reasons(done)
    assert SECRET_OF_SERVER.encode() not in b"".join(asked.data for asked in server.asked)
    if verdict != "passed":
        assert verdicts(done)["REQ-001"] == "inconclusive"
        assert server.asked == []


def test_an_address_in_place_of_the_name_is_no_fault_of_the_server(tmp_path: Path) -> None:
    with secure(decent, server_context(issued(HOST))) as server:
        flags = {"base_url": f"https://127.0.0.1:{server.port}", "ca_bundle": bundle(tmp_path)}
        done = run(found(tmp_path, flags), "TLS-004")
    assert (verdicts(done), done.result.verdict) == ({"TLS-004": "inconclusive"}, "unusable")


# TLS-005


@pytest.mark.parametrize(
    ("ciphers", "stimulus", "words"),
    [
        (MODERN + ":eNULL:!aNULL", "without_encryption", "NULL"),
        (MODERN + ":aNULL:!eNULL", "without_authentication", "A"),
        ("AES128-SHA:" + MODERN, "weak_first", "AES128-SHA"),
        ("ECDHE-RSA-AES128-SHA:" + MODERN, "weak_first", "ECDHE-RSA-AES128-SHA"),
    ],
    ids=["NULL", "anonymous", "no forward secrecy", "CBC"],
)
def test_tls_005_names_a_weak_suite(tmp_path: Path, ciphers: str, stimulus: str, words: str) -> None:
    with secure(decent, speaking(V.TLSv1_2, V.TLSv1_3, ciphers)) as server:
        done = judged(tmp_path, server, "TLS-005")
    notes = {note.stimulus: note for note in done.result.cases[0].notes if note.verdict == "warning"}
    assert set(notes) == {stimulus}
    assert words in notes[stimulus].actual
    # What could not be offered does not hide what was found.
    assert verdicts(done) == {"TLS-005": "warning"}


def test_hsts_is_observed(tmp_path: Path) -> None:
    def strict(asked: object) -> bytes:
        said = decent(asked)  # type: ignore[arg-type]
        return said.replace(b"\r\nConnection", b"\r\nStrict-Transport-Security: max-age=1\r\nConnection", 1)

    with secure(strict) as server:
        done = judged(tmp_path, server, "TLS-005")
    assert done.result.traits["hsts"] == "present"


# Everywhere else


def test_tls_rows_do_not_apply_where_the_base_url_is_http(tmp_path: Path) -> None:
    with serving(decent) as server:
        done = run(found(tmp_path, {"base_url": server.base_url}), *ROWS)
    assert set(verdicts(done).values()) == {"not_applicable"}
    assert {one.reason for one in done.result.cases} == {"the base URL is http"}


def test_a_handshake_that_the_library_cannot_make_is_said_so() -> None:
    with pytest.raises(WireError, match=r"cannot offer RC4 in TLSv1 to TLSv1\.2"):
        connection.handshake_context(Transport(minimum="TLSv1", maximum="TLSv1.2", ciphers="RC4", name="RC4"), None)
