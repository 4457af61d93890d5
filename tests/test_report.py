"""Results, archive, terminal and repeat command of runs: real ones, and ones with hostile octets."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from conformance import case, catalogue, engine, judging, profiles, reference
from conformance.gate import Gate
from conformance.plan import Plan, Stimulus
from conformance.recording import Exchange, Header, Recording
from conformance.reply import GRANTED, Note, Reply
from conformance.report import har, results
from conformance.report.command import repeat
from conformance.report.terminal import Terminal, summary_line
from conformance.request import VALID
from conformance.resources import package_text
from conformance.target import Credentials, Extra, Limits, Secret, Table, Target, target_at

SECRET = "s3cr3t-that-nobody-may-see"
HOSTILE = "\x1b[31m\u202e::error::<script>\n::set-output name=a::b\n##[command]x"


def endpoint(**changes: Any) -> Target:
    target = target_at("https://idp.example/base", "/token", Credentials("client", Secret(SECRET)), name="staging")
    return replace(target, **changes)


def inquiry(*cases: case.Case, **changes: Any) -> engine.Inquiry:
    profile = profiles.load("passport", Path())
    return replace(engine.Inquiry(endpoint(), profile, Limits(), cases, cases), **changes)


def requirement(identifier: str, **changes: Any) -> catalogue.Requirement:
    row = case.own_requirement(
        identifier, level="MUST", title=f"title of {identifier}", statement="s", remedy="do it", sources=["RFC 6749"]
    )
    return replace(row, **changes)


def a_case(identifier: str, **changes: Any) -> case.Case:
    def judgement(valid: Reply) -> None:
        valid.must_be(GRANTED)

    row = replace(requirement(identifier, **changes), edge=identifier.startswith("WIRE"))
    return case.case_of(case.case(identifier, requirement=row, valid=VALID)(judgement)) or pytest.fail("no case")


def exchange(number: int, received: bytes, **changes: Any) -> Exchange:
    plain = Exchange(
        number=number,
        role="stimulus",
        attempt=1,
        template="t",
        label=f"X-001 stimulus{number}",
        how="",
        sent=b"POST /base/token?a=%41 HTTP/1.1\r\nHost: idp.example\r\nContent-Type: x\r\n fold\r\n\r\ngrant_type=\xff",
        received=received,
        ending="complete",
        detail="",
        left_open=False,
        head=False,
        started=1_800_000_000.25,
        first_byte=0.010,
        duration=0.0125,
        spent=False,
    )
    return replace(plain, **changes)


def recording(*exchanges: Exchange, stopped: str = "") -> Recording:
    target = {"name": "staging", "base_url": "https://idp.example/base", "token_path": "/token", "embedded": False}
    header = Header("0" * 12, "1.2.3", 1, "passport", target, False, {}, 1_800_000_000.0)
    return Recording(header, exchanges, {}, stopped)


def run_of(*verdicts: judging.Verdict, kept: Recording | None = None, **changes: Any) -> engine.Run:
    """A run with these verdicts, whatever was observed."""
    kept = kept or recording()
    cases = tuple(verdict.case for verdict in verdicts)
    result = judging.overall(verdicts, cases, fail_on="must", stopped=kept.stopped)
    asked = inquiry(*cases)
    run = engine.Run(asked, kept, Gate("open"), result, judging.Evidence(kept, cases), 1_800_000_002.345)
    return replace(run, **changes)


@cache
def real(*defects: str, secret: str | None = None, areas: tuple[str, ...] = ("REQ", "CTYPE", "ERR")) -> engine.Run:
    """A run against the embedded endpoint."""
    with reference.start("passport", defects=defects) as served:
        credentials = Credentials(served.client_id, Secret(secret or served.client_secret))
        profile = profiles.load("passport", Path())
        known = case.built_in()
        chosen = [one for one in known if one.requirement.area in areas]
        target = replace(target_at(served.base_url, served.token_path, credentials), scope="read")
        cases = engine.applicable(chosen, profile)
        return engine.conduct(engine.Inquiry(target, profile, Limits(), cases, known, examples=0))


def said(run: engine.Run, **options: bool) -> str:
    stream = io.StringIO()
    Terminal(stream, **{"color": False, "quiet": False, "verbose": False, **options}).end(run)
    return stream.getvalue()


def validator() -> Callable[[Any], None]:
    schema = json.loads(package_text("report", "results.schema.json"))
    return jsonschema_rs.Draft202012Validator(schema).validate


# results.json


@pytest.mark.parametrize(
    ("defects", "verdict"),
    [((), "conformant"), (("ctype-form-refused",), "unusable"), (("ctype-quoted-charset-500",), "non-conformant")],
)
def test_results_of_a_real_run_are_as_the_schema_says(defects: tuple[str, ...], verdict: str) -> None:
    found = json.loads(results.results_text(real(*defects)))
    validator()(found)
    assert found["verdict"] == verdict
    assert found["edge_verdict"] == "not-judged"
    assert sum(found["summary"].values()) == len(found["cases"])
    assert list(found["summary"]) == list(judging.VERDICTS)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found.update(extra=1),
        lambda found: found.pop("seed"),
        lambda found: found["cases"][0].update(verdict="maybe"),
        lambda found: found["cases"][0].update(comment=""),
        lambda found: found.update(started="2026-11-23T15:12:00Z"),
        lambda found: found["summary"].pop("waived"),
    ],
)
def test_the_schema_is_strict(spoil: Callable[[dict[str, Any]], None]) -> None:
    found = results.results(real())
    spoil(found)
    with pytest.raises(jsonschema_rs.ValidationError):
        validator()(found)


def test_a_finding_names_the_exchanges_that_show_it() -> None:
    run = real("ctype-quoted-charset-500")
    found = next(one for one in results.results(run)["cases"] if one["id"] == "CTYPE-003")
    assert found["verdict"] == "failed"
    assert any(line.startswith("+ Content-Type:") for line in found["changed"])
    assert set(found["witnesses"]) <= {number for numbers in found["stimuli"].values() for number in numbers}
    shown = {one.number: one for one in run.recording.exchanges}
    assert all(b" 500 " in shown[number].received[:20] for number in found["witnesses"])


def test_times_are_utc_to_the_millisecond() -> None:
    found = results.results(run_of(judging.Verdict(a_case("X-001"), "passed")))
    assert (found["started"], found["finished"]) == ("2027-01-15T08:00:00.000Z", "2027-01-15T08:00:02.345Z")
    assert found["duration_s"] == 2.345


@pytest.mark.parametrize(
    ("words", "edge"),
    [
        (("passed", "warning"), "conformant"),
        (("passed", "failed"), "non-conformant"),
        (("passed", "inconclusive"), "inconclusive"),
        ((), "not-judged"),
    ],
)
def test_the_edge_has_a_verdict_of_its_own(words: tuple[str, ...], edge: str) -> None:
    wire = [judging.Verdict(a_case(f"WIRE-00{at}"), word) for at, word in enumerate(words)]
    run = run_of(judging.Verdict(a_case("X-001"), "failed", expected="a", actual="b"), *wire)
    found = results.results(run)
    assert (found["verdict"], found["edge_verdict"]) == ("non-conformant", edge)
    validator()(found)


# HAR


def test_the_archive_holds_every_exchange_raw_and_read() -> None:
    run = real()
    log = json.loads(har.har_text(run.recording))["log"]
    assert log["version"] == "1.2"
    assert [entry["_number"] for entry in log["entries"]] == [one.number for one in run.recording.exchanges]
    for entry, one in zip(log["entries"], run.recording.exchanges, strict=True):
        assert entry["_sent"].encode("latin-1") == one.sent
        assert entry["_received"].encode("latin-1") == one.received
        assert entry["response"]["status"] == int(one.received[9:12])
        assert entry["time"] == pytest.approx(sum(entry["timings"].values()))
    first = log["entries"][0]["request"]
    assert (first["method"], first["url"]) == ("POST", run.inquiry.target.base_url + "/passport/oauth/token")
    assert {"name": "Host", "value": run.inquiry.target.authority} in first["headers"]
    assert first["postData"]["mimeType"] == "application/x-www-form-urlencoded"
    assert first["postData"]["text"].startswith("grant_type=client_credentials")


def test_an_odd_request_and_answer_are_archived_as_far_as_they_can_be_read() -> None:
    answer = b"HTTP/1.1 400 \x1b<b>\r\nX: \x85\xff\r\nLocation: /a\r\nContent-Length: 2\r\n\r\n\xff\xfe"
    (entry,) = har.har(recording(exchange(1, answer)))["log"]["entries"]
    assert entry["request"]["url"] == "https://idp.example/base/token?a=%41"
    assert entry["request"]["queryString"] == [{"name": "a", "value": "A"}]
    assert {"name": "Content-Type", "value": "x fold"} in entry["request"]["headers"]
    assert entry["request"]["postData"]["text"] == "grant_type=\\xff"
    assert entry["response"]["content"] == {
        "size": 2,
        "mimeType": "x-unknown",
        "text": "//4=",
        "encoding": "base64",
    }
    assert entry["response"]["redirectURL"] == "/a"
    assert entry["startedDateTime"] == "2027-01-15T08:00:00.250Z"
    assert entry["timings"] == {"send": 0.0, "wait": 10.0, "receive": 2.5}
    assert entry["_received"].encode("latin-1") == answer


@pytest.mark.parametrize("received", [b"", b"\x15\x03\x01garbage", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"])
def test_without_an_answer_the_status_is_0(received: bytes) -> None:
    silent = exchange(
        1, received, ending="exchange-timeout", detail="nothing for 10 s", left_open=True, first_byte=None
    )
    (entry,) = har.har(recording(silent))["log"]["entries"]
    assert entry["response"]["status"] == 0
    assert entry["_ending"] == "exchange-timeout"
    assert entry["_received"].encode("latin-1") == received


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET", b"\n\n\n", b"\xff\x00\r\n\r\n", b"GET http://x/ HTTP/1.1\n\n"])
def test_any_request_can_be_archived(sent: bytes) -> None:
    (entry,) = har.har(recording(exchange(1, b"", sent=sent)))["log"]["entries"]
    assert entry["_sent"].encode("latin-1") == sent
    json.dumps(entry)


# The command to repeat


def test_the_command_names_everything_but_the_secret() -> None:
    target = endpoint(scope="read write", headers=(Extra("X-Tenant", "it's me"),), parameters=(Extra("audience", "a"),))
    run = run_of(judging.Verdict(a_case("X-001"), "passed"), inquiry=inquiry(target=target, seed=7))
    assert repeat(run, "X-001") == (
        "token-conformance run --base-url https://idp.example/base --token-path /token --profile passport "
        "--client-id client --scope 'read write' --header 'X-Tenant: it'\"'\"'s me' --parameter audience=a "
        "--select X-001 --seed 7"
    )


def test_secret_headers_and_parameters_are_hinted_at_by_variables() -> None:
    headers = (Extra("X-Tenant", "a b"), Extra("X-Api-Key", Secret(SECRET)))
    target = endpoint(headers=headers, parameters=(Extra("key", Secret(SECRET)),))
    run = run_of(judging.Verdict(a_case("X-001"), "passed"), inquiry=inquiry(target=target))
    command = repeat(run, "X-001")
    assert command.startswith(
        "TOKEN_CONFORMANCE_HEADER=\"$(printf '%s\\n' 'X-Tenant: a b' 'X-Api-Key: '\"${X_API_KEY}\")\" "
        'TOKEN_CONFORMANCE_PARAMETER=key="${KEY}" token-conformance run '
    )
    assert SECRET not in command
    assert "--header" not in command


def test_settings_that_are_not_the_usual_ones_are_repeated() -> None:
    target = replace(endpoint(), scheme="http", ca_bundle="/etc/our ca.pem")
    limits = Limits(timeout=2.5, concurrency=1, max_rps=5.0)
    asked = inquiry(target=target, limits=limits, fail_on="should", examples=10)
    command = repeat(run_of(judging.Verdict(a_case("X-001"), "passed"), inquiry=asked), "X-001")
    for part in ("--ca-bundle '/etc/our ca.pem'", "--allow-plain-http", "--timeout 2.5", "--concurrency 1"):
        assert part in command
    for part in ("--max-rps 5", "--fail-on should", "--examples 10"):
        assert part in command


def test_what_the_settings_file_says_of_a_target_is_left_to_it() -> None:
    headers = (Extra("X-Api-Key", Secret(SECRET)),)
    filed = frozenset({"base-url", "client-id", "header", "timeout"})
    target = replace(endpoint(headers=headers, scope="read"), name="staging", table=Table("our.toml", filed))
    asked = inquiry(target=target, limits=Limits(timeout=2.5, concurrency=1))
    assert repeat(run_of(judging.Verdict(a_case("X-001"), "passed"), inquiry=asked), "X-001") == (
        "token-conformance run --config our.toml --target staging --token-path /token --profile passport "
        "--scope read --concurrency 1 --select X-001 --seed 1"
    )


def test_the_embedded_endpoint_needs_no_settings() -> None:
    run = run_of(judging.Verdict(a_case("X-001"), "passed"), inquiry=inquiry(target=endpoint(embedded=True)))
    assert repeat(run, "X-001") == "token-conformance run --profile passport --select X-001"


def test_a_profile_of_ones_own_is_named_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text('extends = "rfc6749"\nname = "acme"\n')
    asked = replace(inquiry(), profile=profiles.load("ours.toml", tmp_path))
    command = repeat(run_of(judging.Verdict(a_case("X-001"), "passed"), inquiry=asked), "X-001")
    assert f"--profile {tmp_path / 'ours.toml'} " in command


def test_a_case_of_ones_own_is_repeated_with_its_file() -> None:
    one = a_case("X-001")
    assert f"--cases {__file__}" in repeat(run_of(judging.Verdict(one, "passed")), "X-001")
    assert "--cases" not in repeat(real(), "REQ-001")


def test_an_invariant_is_repeated_with_a_case_that_sends_its_witness() -> None:
    run = real("err-text-html", areas=("REQ", "CTYPE", "GEN"))
    assert re.search(r"--select GEN-006,CTYPE-\d{3} ", repeat(run, "GEN-006"))


# The terminal


def finding(identifier: str, word: str = "failed", **changes: Any) -> judging.Verdict:
    plain = judging.Verdict(a_case(identifier), word, expected="a token", actual="500", changed=("- A: 1", "+ A: 2"))
    return replace(plain, **changes)


def undecided(identifier: str, cause: str) -> judging.Verdict:
    notes = (Note("inconclusive", f"what {identifier} wants", cause, "one"),)
    return judging.Verdict(a_case(identifier), "inconclusive", reason=f"expected x, got {cause}", notes=notes)


def test_a_finding_says_all_that_its_reader_needs() -> None:
    run = run_of(finding("X-001"), finding("X-002", follows="X-001"), judging.Verdict(a_case("X-003"), "passed"))
    assert said(run) == "\n".join(
        (
            "",
            "failed  X-001 MUST  title of X-001",
            "  subject     endpoint",
            "  expected    a token",
            "  actual      500",
            "  changed     - A: 1",
            "              + A: 2",
            "  remedy      do it",
            f"  repeat      {repeat(run, 'X-001')}",
            "  likewise    X-002 MUST  title of X-002 (failed by the same answers)",
            "",
            summary_line(run),
            "",
        )
    )


def test_findings_come_failed_first_then_undecided_then_warnings() -> None:
    run = run_of(
        finding("X-001", "warning"),
        undecided("X-002", "no answer"),
        finding("X-003"),
        judging.Verdict(a_case("X-004"), "error", reason="the case itself failed"),
    )
    heads = re.findall(r"^(\w+)  (X-\d+)", said(run), re.MULTILINE)
    assert heads == [("failed", "X-003"), ("inconclusive", "X-002"), ("error", "X-004"), ("warning", "X-001")]


def test_what_one_cause_left_undecided_takes_one_line() -> None:
    many = [undecided(f"X-{at:03}", "not sent: the server is gone") for at in range(50)]
    text = said(run_of(*many, undecided("X-100", "another cause"), kept=recording(stopped="the server is gone")))
    assert len(text.splitlines()) < 20
    assert "X-000, X-001, " in text
    assert text.count("not sent: the server is gone") == 1
    assert "ended early the server is gone" in text


def test_an_unusable_run_says_cause_and_advice_instead_of_findings() -> None:
    run = real(secret="no-such-secret")
    lines = said(run, verbose=True).splitlines()
    assert len(lines) == 4
    assert lines[1].startswith("  cause       the valid request is refused: 401 invalid_client")
    assert lines[2].startswith("  advice      Check the client id, the secret")
    assert lines[3].startswith("unusable: the valid request is refused: 401 invalid_client (")


def test_quiet_writes_the_summary_alone() -> None:
    run = real("ctype-quoted-charset-500")
    assert said(run, quiet=True) == f"{summary_line(run)}\n"
    stream = io.StringIO()
    terminal = Terminal(stream, color=False, quiet=True, verbose=False)
    terminal.begin(run.inquiry, Plan((), (), (), {}))
    terminal.observe(run.recording.exchanges[0])
    terminal.path(Path("report.html"))
    assert stream.getvalue() == ""


def test_verbose_lists_every_case_in_order() -> None:
    run = real()
    listed = re.findall(
        r"^(passed|observed|not applicable) +([A-Z]+-\d{3}) \w+  \S", said(run, verbose=True), re.MULTILINE
    )
    assert [identifier for _, identifier in listed] == [verdict.case.id for verdict in run.result.cases]


def test_the_summary_counts_unusual_verdicts_where_there_are_any() -> None:
    run = run_of(finding("X-001", "waived"), judging.Verdict(a_case("X-002"), "error"), finding("X-003", "warning"))
    assert summary_line(run) == (
        "inconclusive: 0 passed, 0 observed, 1 warning, 0 failed, 0 inconclusive, 0 not applicable, 1 waived, 1 error "
        "(0 exchanges, 2.3 s)"
    )


def test_the_edge_is_named_where_it_was_judged() -> None:
    text = said(run_of(judging.Verdict(a_case("X-001"), "passed"), finding("WIRE-001", subject="edge")))
    assert "  HTTP edge   non-conformant\n" in text
    assert "  subject     edge\n" in text


@pytest.mark.parametrize("color", [False, True])
def test_hostile_text_never_reaches_the_terminal(color: bool) -> None:
    spoiled = finding("X-001", actual=HOSTILE, changed=(HOSTILE,), reason=HOSTILE)
    kept = recording(exchange(1, b"", label=HOSTILE), stopped=HOSTILE)
    invariant = finding("X-002", changed=(), witnesses=(1,))
    text = said(run_of(spoiled, invariant, undecided("X-003", HOSTILE), kept=kept), color=color)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text) if color else text
    assert "\\x1b[31m" in plain
    assert not re.search(r"[^\x20-\x7e\n]", plain)
    assert not re.search(r"^\s*::|##", plain, re.MULTILINE)
    # The only escapes are the colours of our own.
    assert "\x1b[31m\\u202e" not in text


def test_text_beyond_ascii_needs_a_terminal() -> None:
    run = run_of(finding("X-001", actual="Größe"))
    assert "Gr\\xf6\\xdfe" in said(run)
    assert "Größe" in said(run, color=True)


def test_colours_are_used_only_where_they_are_asked_for() -> None:
    run = run_of(finding("X-001"))
    assert "\x1b" not in said(run)
    assert "\x1b[1;31mfailed" in said(run, color=True)


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO(), Screen()])
def test_progress_shows_on_a_terminal_alone(stream: io.StringIO) -> None:
    run = real()
    terminal = Terminal(stream, color=False, quiet=False, verbose=False)
    terminal.begin(run.inquiry, Plan((), (), (), {}))
    start = len(stream.getvalue())
    terminal.observe(run.recording.exchanges[0])
    shown = stream.getvalue()[start:]
    assert shown == ("\r1 of about 2 exchanges" if stream.isatty() else "")
    terminal.end(run)
    assert stream.getvalue()[start + len(shown) :].startswith("\r" + " " * 22 + "\r\n" if shown else "\n")


def test_the_header_says_what_will_be_sent_and_to_whom() -> None:
    stimuli = [Stimulus(VALID, f"d{at}", f"X-001 s{at}") for at in range(20)]
    wrong = (Stimulus(VALID, "w", "AUTH-008 wrong", spends=True),)
    plan = Plan(tuple(stimuli), wrong, (), {"a": "no scope", "b": "no scope"})
    stream = io.StringIO()
    terminal = Terminal(stream, color=False, quiet=True, verbose=True)
    terminal.plan(inquiry(a_case("X-001"), target=endpoint(embedded=True)), plan)
    text = stream.getvalue()
    assert text.startswith("EMBEDDED ENDPOINT")
    assert "staging: https://idp.example/base/token" in text
    assert "catalogue edition" in text
    assert f"1 case: about {plan.exchanges} exchanges, 1 with a wrong secret" in text
    assert f"at most {plan.tokens} tokens" in text
    assert "idp.example port 443" in text
    assert "2 stimuli: no scope" in text
    assert "AUTH-008 wrong (a wrong secret of the client)" in text


def test_no_rendered_text_holds_the_secret() -> None:
    run = real("err-echoes-secret", "succ-secret", areas=("REQ", "AUTH", "ERR", "SUCC"))
    secret = run.inquiry.target.credentials.secret.reveal()
    assert any(one.echoes for one in run.recording.exchanges)
    for text in (results.results_text(run), har.har_text(run.recording), said(run, verbose=True)):
        assert secret not in text
