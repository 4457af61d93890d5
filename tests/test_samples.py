"""Published samples: the octets of each, what may come of them, and what is said of the document alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance import case, engine
from conformance.embedded import target_of
from conformance.expression import EXPOSED_SECRET
from conformance.plan import plan
from conformance.profiles import load
from conformance.reference import start
from conformance.report import results
from conformance.request import encode
from conformance.target import Client, Credentials, Extra, Limits, Secret
from tests.servers import Asked, answer, decent, endpoint, inquiry, refusal, serving, token
from tests.test_plan import REMOTE, binder, target

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.engine import Run
    from conformance.judging import Verdict

ROOT = Path("/")
CASES = case.built_in()
AREA = tuple(one for one in CASES if one.requirement.area == "DOC")
BESIDE = ("GRANT-001", "GRANT-002", "METHOD-009", "CTYPE-008", "WIRE-015")
CREDENTIALS = "Y2xpZW50OkFiMy1zZWNyZXQ="
"""The Base64 of the client of `target` and its secret."""


def octets(identifier: str, stimulus: str, profile: str = "passport") -> str:
    template = dict(next(one for one in AREA if one.id == identifier).stimuli)[stimulus]
    return encode(template, binder(name=profile).bindings(template.digest)).data.decode("latin-1")


def judged(script: Callable[[Asked], bytes | None], *more: str, profile: str = "passport", **changes: object) -> Run:
    """A run of the area, and of some rows more, against a scripted server."""
    cases = tuple(one for one in CASES if one in AREA or one.id in more)
    with serving(script) as server:
        asked = inquiry(server, cases, profile, limits=Limits(timeout=1))
        return engine.conduct(replace(asked, profile=replace(asked.profile, **changes)))  # type: ignore[arg-type]


def found(run: Run) -> dict[str, Verdict]:
    return {one.case.id: one for one in run.result.cases}


def empty(request: Asked) -> bool:
    return request.right and not request.body


# What travels


@pytest.mark.parametrize(
    ("identifier", "stimulus", "expected"),
    [
        (
            "DOC-002",
            "python",
            (
                "Host: {H}|User-Agent: python-requests/2.34.2|Accept-Encoding: gzip, deflate|Accept: */*"
                "|Connection: keep-alive|Content-Type: {F}|Authorization: {A}|Content-Length: 0||"
            ),
        ),
        (
            "DOC-004",
            "ruby",
            (
                "Accept: */*|User-Agent: rest-client/2.1.0 (linux-gnu x86_64) ruby/3.1.7p261|Content-Length: 138"
                "|Content-Type: {F}|Accept-Encoding: gzip;q=1.0,deflate;q=0.6,identity;q=0.3|Host: {H}||params"
                "&headers[Accept]=*%2F*&headers[Content-Type]=+application%2Fx-www-form-urlencoded&headers[Authorization]=+"
                "Y2xpZW50OkFiMy1zZWNyZXQ%3D"
            ),
        ),
        (
            "DOC-005",
            "java",
            (
                "User-Agent: Java/17.0.15|Host: {H}|Accept: text/html, image/gif, image/jpeg, */*; q=0.2"
                "|Connection: keep-alive||"
            ),
        ),
        (
            "DOC-006",
            "repaired",
            (
                "Host: {H}|User-Agent: Go-http-client/1.1|Content-Length: 29|Accept: */*|Authorization: {A}"
                "|Content-Type: {F}|Content-Type: {F}|Accept-Encoding: gzip||grant_type=client_credentials"
            ),
        ),
        (
            "DOC-007",
            "fetch",
            (
                "host: {H}|connection: keep-alive|Content-Type: {F}|Accept: */*|Authorization: {A}|accept-language: *"
                "|sec-fetch-mode: cors|user-agent: node|accept-encoding: gzip, deflate|content-length: 29||"
                "grant_type=client_credentials"
            ),
        ),
        (
            "DOC-007",
            "http_client",
            (
                "Host: {H}|Accept-Encoding: identity|Content-Length: 29|Content-Type: {F}|Accept: */*"
                "|Authorization: {A}||grant_type=client_credentials"
            ),
        ),
        (
            "DOC-007",
            "curl",
            (
                "Host: {H}|User-Agent: curl/7.88.1|Accept: */*|Authorization: {A}|Content-Length: 29|Content-Type: {F}|"
                "|grant_type=client_credentials"
            ),
        ),
    ],
)
def test_a_sample_is_written_as_it_was_seen(identifier: str, stimulus: str, expected: str) -> None:
    names = {"{H}": "127.0.0.1:9", "{F}": "application/x-www-form-urlencoded", "{A}": CREDENTIALS}
    for mark, text in names.items():
        expected = expected.replace(mark, text)
    assert octets(identifier, stimulus) == "POST /token HTTP/1.1\r\n" + expected.replace("|", "\r\n")


def test_only_the_javascript_sample_sends_its_origin_and_it_is_that_of_the_endpoint() -> None:
    sent = {(one.id, name): octets(one.id, name) for one in AREA for name, _ in one.stimuli if name not in _NOT_HERE}
    assert [key for key, text in sent.items() if "\r\nOrigin: " in text] == [("DOC-003", "script")]
    assert "\r\nOrigin: http://127.0.0.1:9\r\n" in sent["DOC-003", "script"]


_NOT_HERE = ("sacrificed", "foreign")


def test_basic_credentials_travel_where_the_profile_has_them() -> None:
    for name in ("requests", "urllib3", "http_client", "fetch", "java", "go", "rest_client", "curl"):
        assert f"\r\nAuthorization: Basic {CREDENTIALS}\r\n" in octets("DOC-007", name, "rfc6749")


def test_a_name_that_was_configured_stands_alone() -> None:
    at = binder(replace(target(), headers=(Extra("user-agent", "mine"),)))
    for one in AREA:
        for _, template in one.stimuli:
            if template.symbols.isdisjoint({"sacrificial_id"}):
                head = encode(template, at.bindings(template.digest)).data.partition(b"\r\n\r\n")[0].lower()
                assert head.count(b"\r\nuser-agent: ") == 1
                assert b"\r\nuser-agent: mine" in head


def test_off_this_machine_samples_carry_no_credentials_of_the_client() -> None:
    lamb = Client("sacrificial", Credentials("lamb", Secret("lamb-secret-1")))
    for clients, word in (((), None), ((lamb,), b"lamb-secret-1")):
        at = binder(replace(target(REMOTE), clients=clients))
        for stimulus in plan(AREA, at).ordinary:
            data = encode(stimulus.template, at.bindings(stimulus.digest)).data
            exposed = "exposed_secret" in stimulus.template.symbols
            assert (CREDENTIALS.rstrip("=").encode() in data) is ("secret" in stimulus.template.symbols)
            if exposed:
                octets_ = EXPOSED_SECRET.runs(at.bindings(stimulus.digest))[0].data
                assert octets_ == word if word else octets_.startswith(b"invented-")
    wanted = {"DOC-002", "DOC-003", "DOC-004", "DOC-005", "DOC-006"}
    assert {one.id for one in AREA for _, each in one.stimuli if "exposed_secret" in each.symbols} == wanted


# What may come of it


@pytest.mark.parametrize("profile", ["passport", "rfc6749"])
def test_a_correct_endpoint_passes_and_the_document_is_noted(profile: str) -> None:
    with start(profile) as running:
        asked = inquiry(running.base_url, AREA, profile, limits=Limits(timeout=5))
        run = engine.conduct(replace(asked, target=target_of(running)))
    document = {"DOC-001": "observed", "DOC-006": "observed"}
    passed = {f"DOC-{number:03}": "passed" for number in (2, 3, 4, 5, 7)}
    expected = {**document, **passed} if profile == "passport" else {"DOC-007": "passed"}
    assert {name: one.verdict for name, one in found(run).items()} == expected
    assert run.result.verdict == "conformant"


def test_what_is_said_of_the_document_has_it_as_its_subject_and_sends_nothing() -> None:
    run = judged(decent)
    rows = {row["id"]: row for row in results.results(run)["cases"]}
    assert {row["id"]: row["subject"] for row in rows.values() if row["subject"] != "endpoint"} == {
        "DOC-001": "document",
        "DOC-006": "document",
    }
    assert rows["DOC-001"]["stimuli"] == {}
    assert rows["DOC-001"]["witnesses"] == []
    assert "Python 3 does not compile it" in rows["DOC-001"]["actual"]
    assert "jsonReq is not defined" in rows["DOC-006"]["reason"]


def tolerant(octets_: bytes | None) -> Callable[[Asked], bytes | None]:
    """A server that answers an empty body in its own way."""
    return lambda request: octets_ if empty(request) else decent(request)


@pytest.mark.parametrize("octets_", [refusal(400, "unsupported_grant_type"), answer(400), answer(411), refusal()])
def test_a_body_that_is_missing_is_refused_in_several_ways(octets_: bytes) -> None:
    verdicts = found(judged(tolerant(octets_)))
    assert {verdicts[name].verdict for name in ("DOC-002", "DOC-003", "DOC-005")} == {"passed"}


@pytest.mark.parametrize("octets_", [token(), answer(422, b'{"error":"invalid_request"}'), answer(500), answer(200)])
def test_another_answer_to_a_missing_body_fails_and_follows_the_row_of_the_empty_body(octets_: bytes) -> None:
    verdicts = found(judged(tolerant(octets_), *BESIDE))
    for name in ("DOC-002", "DOC-003", "DOC-005"):
        assert verdicts[name].verdict == "failed"
        assert verdicts[name].follows == "GRANT-002"


def test_a_default_grant_type_lets_a_token_pass() -> None:
    verdicts = found(judged(tolerant(token()), grant_type_default=True))
    assert {one.verdict for one in verdicts.values()} == {"passed", "observed"}


def test_an_origin_that_is_refused_anyway_is_not_the_fault_of_the_sample() -> None:
    def strict(request: Asked) -> bytes | None:
        return answer(403) if b"\r\nOrigin: " in request.data else decent(request)

    def strange(request: Asked) -> bytes | None:
        return answer(403) if b"\r\nOrigin: http://127.0.0.1" in request.data else decent(request)

    assert found(judged(strict, *BESIDE))["DOC-003"].verdict == "passed"
    assert found(judged(strange, *BESIDE))["DOC-003"].verdict == "failed"


@pytest.mark.parametrize(
    ("octets_", "verdict"),
    [
        (refusal(401, "invalid_client"), "passed"),
        (refusal(400, "invalid_request"), "passed"),
        (answer(401, b"", 'WWW-Authenticate: Basic realm="x"'), "passed"),
        (answer(400), "passed"),
        (token(), "failed"),
        (answer(200, b"<html>", media_type="text/html"), "failed"),
        (answer(403), "failed"),
        (answer(500), "failed"),
    ],
)
def test_the_ruby_sample_must_be_refused(octets_: bytes, verdict: str) -> None:
    def script(request: Asked) -> bytes | None:
        return octets_ if request.body.startswith(b"params&") else decent(request)

    assert found(judged(script))["DOC-004"].verdict == verdict


@pytest.mark.parametrize(
    ("octets_", "verdict"),
    [
        *((answer(status), "passed") for status in (400, 401, 405, 411, 415)),
        (token(), "failed"),
        (answer(404), "failed"),
        (answer(500), "failed"),
        (None, "failed"),
    ],
)
def test_the_java_sample_must_be_answered(octets_: bytes | None, verdict: str) -> None:
    def script(request: Asked) -> bytes | None:
        bare = re.search(rb"(?i)\r\nuser-agent: java.*(?<!\r\n)\r\n\r\n\Z", request.data, re.DOTALL)
        unannounced = bare and b"Content-Length" not in request.data and b"Authorization" not in request.data
        return octets_ if unannounced else decent(request)

    run = judged(script)
    assert found(run)["DOC-005"].verdict == verdict


@pytest.mark.parametrize(("promised", "verdict"), [("either", "warning"), ("accept", "failed")])
def test_two_lines_that_are_refused_warn_unless_they_were_promised(promised: str, verdict: str) -> None:
    def script(request: Asked) -> bytes | None:
        return refusal() if request.data.lower().count(b"\r\ncontent-type:") == 2 else decent(request)

    run = judged(script, *BESIDE, duplicate_content_type=promised)
    assert (found(run)["DOC-006"].verdict, found(run)["DOC-006"].subject) == (verdict, "endpoint")
    assert found(run)["DOC-006"].follows == "CTYPE-008"


@pytest.mark.parametrize(
    ("picky", "clients"),
    [
        (lambda head: b"\r\nUser-Agent: " not in head and b"\r\nuser-agent: " not in head, {"http_client"}),
        (lambda head: b"\r\nhost: " in head, {"fetch"}),
        (lambda head: b"\r\nAccept: text/html" in head, {"java"}),
        (lambda head: head.split(b"\r\n")[1][:5].lower() != b"host:", {"java", "rest_client"}),
        (lambda head: b"gzip" in head, {"requests", "fetch", "go", "rest_client"}),
        (lambda head: b"curl/" in head, {"curl"}),
    ],
)
@pytest.mark.parametrize("profile", ["passport", "rfc6749"])
def test_a_server_that_is_picky_fails_for_the_clients_it_refuses(
    picky: Callable[[bytes], bool], clients: set[str], profile: str
) -> None:
    def script(request: Asked) -> bytes | None:
        head = request.data.partition(b"\r\n\r\n")[0]
        named = b"token-conformance" in head
        return refusal(403) if not named and picky(head) else decent(request)

    chosen = tuple(one for one in AREA if one.id == "DOC-007")
    with serving(script) as server:
        run = engine.conduct(inquiry(server, chosen, profile))
    verdict = found(run)["DOC-007"]
    assert verdict.verdict == "failed"
    assert {note.stimulus for note in verdict.notes if note.verdict == "failed"} == clients


def test_a_gate_that_needs_a_scope_gets_it_in_every_form() -> None:
    with endpoint("passport", "req-scope-demanded") as script, serving(script) as server:
        asked = inquiry(server, AREA, scope="read", limits=Limits(timeout=5))
        run = engine.conduct(replace(asked, profile=replace(load("passport", ROOT), default_scope=False)))
    assert {one.verdict for one in found(run).values()} == {"passed", "observed"}
