"""The rows of the HTTP edge: what they send, what passes, and what a failure of theirs does to a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance import case, engine, profiles, proxy, reference
from conformance.cases.test_http_connection import CLOSED_BETWEEN, IMF_FIXDATE, SIGN
from conformance.cases.test_http_header_section import REFUSED_BY_HTTP
from conformance.proving import PROFILES
from conformance.recording import Exchange
from conformance.reply import Reading
from conformance.request import VALID, changed_lines, encode
from conformance.target import Credentials, Limits, Pin, Secret, target_at
from tests.servers import SECRET, answer, endpoint, inquiry, serving
from tests.test_cli import judged, planted, results
from tests.test_plan import binder, target

if TYPE_CHECKING:
    from conformance.engine import Run
    from conformance.judging import Verdict
    from tests.servers import Asked

pytestmark = pytest.mark.usefixtures("judged_twice")

EDGE = {one.id: one for one in case.built_in() if one.requirement.edge}
ON_DEMAND = [identifier for identifier, one in EDGE.items() if one.requirement.on_demand]


def run_of(identifier: str, defect: str = "", profile: str = "passport") -> Run:
    """A run of one row of the edge against the embedded endpoint, of all where that looks at the answers of others."""
    contract = profiles.load(profile, Path.cwd())
    with reference.start(profile, defects=[defect] if defect else []) as running:
        client = Credentials(running.client_id, Secret(running.client_secret))
        at = target_at(running.base_url, running.token_path, client)
        known = tuple(EDGE.values())
        chosen = (EDGE[identifier],) if EDGE[identifier].stimuli else known
        return engine.conduct(engine.Inquiry(at, contract, Limits(timeout=0.6), chosen, known))


def verdict_of(identifier: str, defect: str = "", profile: str = "passport") -> Verdict:
    """The verdict of one row in such a run."""
    return next(one for one in run_of(identifier, defect, profile).result.cases if one.case.id == identifier)


def further() -> list[tuple[str, str]]:
    """The defects of the edge that are not the first one of their row, each in one of the profiles."""
    seen: set[str] = set()
    found: list[tuple[str, str]] = []
    for defect in reference.DEFECTS.values():
        row = defect.violates[0]
        if row in EDGE and row in seen:
            found.append((PROFILES[len(found) % 2], defect.name))
        seen.add(row)
    return found


@pytest.mark.parametrize(("profile", "name"), further())
def test_a_further_defect_of_a_row_is_found(profile: str, name: str) -> None:
    row = reference.DEFECTS[name].violates[0]
    verdict = verdict_of(row, name, profile)
    assert verdict.verdict in ("failed", "warning", verdict.case.requirement.unmet), verdict.reason
    assert verdict.subject == "edge"


# What is sent


def octets(identifier: str, stimulus: str) -> bytes:
    template = dict(EDGE[identifier].stimuli)[stimulus]
    return encode(template, binder(target("http://127.0.0.1:9")).bindings(template.digest)).data


@pytest.mark.parametrize(
    ("identifier", "stimulus", "part"),
    [
        ("WIRE-001", "spaced", b"\r\nX-A : b\r\n\r\n"),
        ("WIRE-002", "folded", b"\r\nX-A: a\r\n b\r\n"),
        ("WIRE-003", "unrelated", b" HTTP/1.1\r\n X-A: a\r\nHost: "),
        ("WIRE-003", "credentials", b" HTTP/1.1\r\n Authorization: "),
        ("WIRE-005", "twice", b"Host: 127.0.0.1:9\r\nHost: other.invalid\r\n"),
        ("WIRE-006", "both", b"Content-Length: 29\r\nTransfer-Encoding: chunked\r\n\r\n1d\r\ngrant_type"),
        ("WIRE-007", "differing", b"Content-Length: 29\r\nContent-Length: 5\r\n"),
        ("WIRE-008", "lines", b"Content-Length: 29\r\nContent-Length: 29\r\n"),
        ("WIRE-008", "one_line", b"Content-Length: 29, 29\r\n"),
        ("WIRE-009", "signed", b"Content-Length: +29\r\n"),
        ("WIRE-010", "extended", b"\r\n\r\n1D;a=b\r\ngrant_type=client_credentials\r\n0\r\n\r\n"),
        ("WIRE-011", "over_chunks", b"Transfer-Encoding: chunked, foo\r\n\r\n1d\r\ngrant_type"),
        ("WIRE-011", "unknown", b"Transfer-Encoding: foo\r\n\r\ngrant_type=client_credentials"),
        ("WIRE-012", "split", b"X-A: a\rAuthorization: "),
        ("WIRE-012", "nul", b"X-A: a\0b\r\n"),
        ("WIRE-013", "absolute", b"POST http://127.0.0.1:9/token HTTP/1.1\r\n"),
        ("WIRE-020", "malformed", b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        ("WIRE-021", "empty", b"\r\nHost:\r\n"),
        ("METHOD-006", "lower_case", b"post /token HTTP/1.1\r\n"),
    ],
)
def test_a_stimulus_is_malformed_in_the_one_way_that_is_meant(identifier: str, stimulus: str, part: bytes) -> None:
    assert octets(identifier, stimulus).count(part) == 1


@pytest.mark.parametrize("identifier", ["WIRE-001", "WIRE-005", "WIRE-007", "WIRE-009", "WIRE-011", "WIRE-020"])
def test_what_may_be_read_as_two_requests_asks_for_the_end_of_its_connection(identifier: str) -> None:
    for name, _ in EDGE[identifier].stimuli:
        assert octets(identifier, name).count(b"\r\nConnection: close\r\n") == 1


def test_a_length_that_is_spelled_otherwise_follows_the_body() -> None:
    longer = dict(EDGE["WIRE-008"].stimuli)["one_line"].with_form("grant_type=client_credentials", "scope=a")
    assert b"Content-Length: 37, 37\r\n" in encode(longer, binder().bindings("")).data


def test_a_chunk_extension_shows_in_the_changed_lines() -> None:
    assert "+ (the chunk has an extension)" in changed_lines(VALID.extending_its_chunk())
    assert VALID.extending_its_chunk().digest != VALID.chunked().digest


def test_the_secret_behind_a_lone_cr_is_masked() -> None:
    template = dict(EDGE["WIRE-012"].stimuli)["split"]
    encoded = encode(template, binder(target(secret=SECRET)).bindings(template.digest))
    assert b"Authorization: ****" in encoded.masked()


# Other hosts


def elsewhere(running: reference.Endpoint, *included: str) -> Run:
    """A run of every row on demand, and another one, against an endpoint that has the name of another host."""
    client = Credentials(running.client_id, Secret(running.client_secret))
    at = target_at(f"http://edge.test:{running.port}", running.token_path, client)
    at = replace(at, pins=(Pin("edge.test", running.port, "127.0.0.1"),))
    cases = tuple(EDGE[identifier] for identifier in ("WIRE-001", *ON_DEMAND))
    contract = profiles.load("passport", Path.cwd())
    return engine.conduct(engine.Inquiry(at, contract, Limits(timeout=2), cases, cases, included=included))


def test_rows_on_demand_go_to_another_host_only_where_they_are_included() -> None:
    with reference.start("passport") as running:
        found = elsewhere(running, "WIRE-005").result.cases
    verdicts = {one.case.id: one for one in found}
    withheld = [verdicts.pop(identifier) for identifier in ON_DEMAND if identifier != "WIRE-005"]
    assert {one.verdict for one in verdicts.values()} == {"passed"}
    assert {one.verdict for one in withheld} == {"not_applicable"}
    assert all(f"--include {one.case.id}" in one.reason for one in withheld)


def test_nothing_of_the_edge_is_judged_through_a_proxy_that_writes_requests_anew() -> None:
    assert all(map(proxy.rewrites, EDGE))


# The verdict of a run


def test_a_failure_of_the_edge_leaves_the_endpoint_conformant(tmp_path: Path) -> None:
    with planted("wire-no-host-accepted") as base_url:
        done = judged(tmp_path, base_url, "--select", "WIRE-004", "--select", "CTYPE-002", "--report-dir", "kept")
    assert done.code == 0
    found = results(tmp_path / "kept")
    assert (found["verdict"], found["edge_verdict"]) == ("conformant", "non-conformant")
    assert "failed  WIRE-004" in done.out


def test_where_nothing_but_the_edge_is_asked_for_its_verdict_is_that_of_the_run(tmp_path: Path) -> None:
    with planted("wire-no-host-accepted") as base_url:
        done = judged(tmp_path, base_url, "--select", "WIRE-004")
    assert done.code == 1


# What passes


def exchange(received: bytes, preceding: tuple[int, int] = (0, 0), **more: object) -> Exchange:
    """A recorded exchange that was answered by those octets."""
    known = {
        "number": 1,
        "role": "stimulus",
        "attempt": 1,
        "template": "0",
        "label": "OWN-001 one",
        "how": "",
        "sent": b"request",
        "received": received,
        "ending": "complete",
        "detail": "",
        "left_open": False,
        "head": False,
        "started": 0.0,
        "first_byte": 0.1,
        "duration": 0.2,
        "spent": False,
        "preceding": preceding,
        "sent_all": 0.05,
    }
    return Exchange(**{**known, **more})  # type: ignore[arg-type]


BARE = answer(400)


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (BARE, True),
        (answer(400, b'{"statusCode":400,"error":"Bad Request"}'), True),
        (answer(400, b'{"error":"invalid_request"}'), False),
        (answer(403), False),
    ],
    ids=["without content", "in the words of a framework", "of OAuth", "another status"],
)
def test_a_refusal_by_the_http_layer_is_told_from_one_of_oauth(received: bytes, *, expected: bool) -> None:
    assert REFUSED_BY_HTTP.matches(Reading(exchange(received))) is expected


@pytest.mark.parametrize(
    ("received", "sent", "ending", "expected"),
    [
        (BARE, b"first", "closed", True),
        (BARE, b"first and second", "closed", False),
        (BARE[:-10], b"first", "closed", False),
        (b"", b"first", "closed", False),
        (BARE, b"first and second", "first-byte-timeout", False),
    ],
    ids=["before the second", "instead of an answer", "within the first answer", "without any answer", "silence"],
)
def test_a_clean_close_lies_between_two_requests(received: bytes, sent: bytes, ending: str, *, expected: bool) -> None:
    seen = exchange(received, (len(b"first"), len(received)), sent=sent, ending=ending)
    assert CLOSED_BETWEEN.matches(Reading(seen)) is expected


@pytest.mark.parametrize(
    ("received", "sent_all", "expected"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n" + BARE, 0.2, True),
        (BARE, None, True),
        (BARE, 0.05, False),
        (answer(500), None, False),
        (b"HTTP/1.1 100 Continue\r\n\r\n", 0.2, False),
    ],
    ids=["100", "final", "after the body", "server error", "100 and nothing more"],
)
def test_a_waiting_client_gets_a_sign_before_its_body(
    received: bytes, sent_all: float | None, *, expected: bool
) -> None:
    assert SIGN.matches(Reading(exchange(received, sent_all=sent_all, ending="closed"))) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Tue, 24 Nov 2026 05:04:18 GMT", True),
        ("Tuesday, 24-Nov-26 05:04:18 GMT", False),
        ("Tue, 24 Nov 2026 05:04:18 +0000", False),
        ("Tue, 4 Nov 2026 05:04:18 GMT", False),
    ],
)
def test_the_fixed_format_of_date_is_the_only_one(value: str, *, expected: bool) -> None:
    assert bool(IMF_FIXDATE.fullmatch(value)) is expected


def test_a_plain_refusal_needs_no_date() -> None:
    with endpoint("passport") as script:

        def dateless(request: Asked) -> bytes | None:
            return answer(400) if b"grant_type=conformance_bogus" in request.data else script(request)

        with serving(dateless) as server:
            found = engine.conduct(inquiry(server, (EDGE["WIRE-018"],)))
    assert found.result.cases[0].verdict == "passed"


def test_octets_behind_an_answer_are_no_fault_where_the_request_was_ambiguous() -> None:
    found = run_of("WIRE-019", "wire-length-wins")
    messages = [Reading(one).message for one in found.recording.exchanges if one.label == "WIRE-006 both"]
    assert all(message is not None and message.extra for message in messages)
    verdicts = {one.case.id: one.verdict for one in found.result.cases}
    assert (verdicts["WIRE-006"], verdicts["WIRE-019"]) == ("failed", "passed")
