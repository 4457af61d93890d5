"""Waivers: what they excuse and what they never do, their file with every mistake in it, and drafts of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from conformance import catalogue, cli, engine, judging, sending, session, waivers
from conformance.case import built_in
from conformance.report import results, summary
from conformance.report.terminal import summary_line
from conformance.resources import package_text
from conformance.target import SettingsError
from conformance.waivers import Scope, Waiver, alike
from tests.servers import (
    SECRET,
    Asked,
    answer,
    decent,
    endpoint,
    granted,
    inquiry,
    probe,
    probes,
    refusal,
    serving,
    turned_down,
)
from tests.test_cli import Done, command, environment, judged, planted, told
from tests.test_cli import results as kept_results
from tests.test_report import finding, run_of, said, validator

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.engine import Run

TODAY = datetime.now(UTC).date()
LATER, FAR = TODAY + timedelta(days=30), date(2099, 12, 31)
ROWS = catalogue.load().requirements


def waiver(requirement: str = "OWN-005", actual: str = "500 without content", **changes: Any) -> Waiver:
    plain = Waiver(requirement, actual, ("*",), "it is known", "Jo", "T-1", FAR, file="waivers.toml", line=3)
    return replace(plain, **changes)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "APART", 0.05)


def crashing(octets: bytes, *excused: Waiver, **more: Any) -> Run:
    """A run in which one request of eight is not granted."""

    def script(request: Asked) -> bytes:
        return octets if request.body.endswith(b"probe=5") else decent(request)

    cases = (granted("REQ-001", probe(0), row=ROWS["REQ-001"]), *probes(8))
    with serving(script) as server:
        return engine.conduct(inquiry(server, cases, waivers=excused, **more))


@pytest.fixture(scope="module")
def crashed() -> Run:
    """A run with one failure, which nothing excuses."""
    return crashing(answer(500))


def excusing(run: Run, *excused: Waiver) -> Run:
    """A run judged with waivers."""
    inquiry_ = replace(run.inquiry, waivers=excused)
    return engine.judged(inquiry_, run.recording, run.gate, finished=run.finished)


def words(run: Run) -> dict[str, str]:
    return {one.case.id: one.verdict for one in run.result.cases}


def states(run: Run) -> list[str]:
    return [one.state for one in waivers.standings(run)]


# What is excused


def test_a_finding_that_is_quoted_is_waived_and_does_not_count() -> None:
    run = crashing(answer(500), waiver())
    assert words(run)["OWN-005"] == "waived"
    assert (run.result.verdict, session.exit_code(run)) == ("conformant", 0)
    assert run.result.reason == "every requirement that counts is met or waived"
    verdict = next(one for one in run.result.cases if one.verdict == "waived")
    assert verdict.unwaived == "failed"
    # It is a finding all the same: seen twice, with all that shows it.
    assert len(verdict.witnesses) == 2
    assert states(run) == ["excuses"]


@pytest.mark.parametrize("octets", [answer(502), answer(500, b"<p>", media_type="text/html"), refusal(), b""])
def test_another_failure_of_the_same_case_is_not_excused(octets: bytes) -> None:
    run = crashing(octets, waiver())
    assert words(run)["OWN-005"] == "failed"
    assert (run.result.verdict, session.exit_code(run)) == ("non-conformant", 1)
    assert states(run) == ["different"]
    assert "quotes another finding" in said(run)


def test_a_waiver_of_one_defect_excuses_no_other_defect_of_the_same_row() -> None:
    """Near misses of the secret are granted for different reasons: each is another breach."""
    wanted = [one for one in built_in() if one.id in ("REQ-001", "AUTH-026")]
    found: dict[str, judging.Verdict] = {}
    for defect in ("auth-shorter-secret", "auth-case-secret", "auth-truncated-secret", "auth-any-secret"):
        with endpoint("passport", defect) as script, serving(script) as server:
            run = engine.conduct(inquiry(server, wanted))
        found[defect] = next(one for one in run.result.cases if one.case.id == "AUTH-026")
        assert found[defect].verdict == "failed"
    where = Scope("t", "passport", TODAY)
    for name, one in found.items():
        entry = waiver("AUTH-026", one.actual)
        excused = {other for other, verdict in found.items() if waivers.waived([verdict], [entry], where)[0].waiver}
        assert excused == {name}


@pytest.mark.parametrize(
    ("changes", "excused"),
    [
        ({}, True),
        ({"targets": ("127.0.0.1_*",)}, True),
        ({"targets": ("prod", "127*")}, True),
        ({"targets": ("prod",)}, False),
        ({"targets": ("127",)}, False),
        ({"profile": "passport"}, True),
        ({"profile": "rfc6749"}, False),
        ({"expires": TODAY + timedelta(days=1)}, True),
        ({"expires": TODAY - timedelta(days=1)}, False),
        ({"requirement": "OWN-006"}, False),
        ({"actual": "500 without"}, False),
        ({"actual": "500  without\ncontent"}, True),
    ],
)
def test_a_waiver_is_for_its_target_profile_time_and_finding(
    changes: dict[str, Any], excused: bool, crashed: Run
) -> None:
    run = excusing(crashed, waiver(**{"requirement": "OWN-005", **changes}))
    assert words(run)["OWN-005"] == ("waived" if excused else "failed")
    assert session.exit_code(run) == (0 if excused else 1)


def test_the_last_day_counts_and_the_next_one_does_not() -> None:
    verdict = finding("X-001", actual="500")
    entry = waiver("X-001", "500", expires=date(2027, 1, 15))
    for day, excused in ((date(2027, 1, 15), True), (date(2027, 1, 16), False)):
        (found,) = waivers.waived([verdict], [entry], Scope("t", "p", day))
        assert (found.verdict == "waived") is excused


def test_the_day_is_that_on_which_the_run_started() -> None:
    # 1 800 000 000 is 2027-01-15T08:00:00Z.
    assert waivers.scope("t", "p", 1_800_000_000).day == date(2027, 1, 15)
    assert waivers.scope("t", "p", 1_800_000_000 - 8 * 3600 - 1).day == date(2027, 1, 14)


def test_what_follows_a_waived_finding_is_waived_with_it() -> None:
    chain = [finding("X-001", actual="500"), finding("X-002", actual="a", follows="X-001")]
    chain += [finding("X-003", "warning", actual="b", follows="X-002"), finding("X-004", actual="500")]
    found = waivers.waived(chain, [waiver("X-001", "500")], Scope("t", "p", TODAY))
    assert [one.verdict for one in found] == ["waived", "waived", "waived", "failed"]
    assert [one.unwaived for one in found] == ["failed", "failed", "warning", ""]


def test_a_follower_that_is_waived_alone_excuses_no_leader() -> None:
    chain = [finding("X-001", actual="500"), finding("X-002", actual="a", follows="X-001")]
    found = waivers.waived(chain, [waiver("X-002", "a")], Scope("t", "p", TODAY))
    assert [one.verdict for one in found] == ["failed", "waived"]


def test_findings_that_follow_each_other_end() -> None:
    circle = [finding("X-001", actual="a", follows="X-002"), finding("X-002", actual="b", follows="X-001")]
    assert [one.verdict for one in waivers.waived(circle, [], Scope("t", "p", TODAY))] == ["failed", "failed"]
    found = waivers.waived(circle, [waiver("X-001", "a")], Scope("t", "p", TODAY))
    assert [one.verdict for one in found] == ["waived", "waived"]


@pytest.mark.parametrize("word", ["passed", "observed", "not_applicable", "inconclusive", "error"])
def test_nothing_but_a_finding_is_waived(word: str) -> None:
    verdict = finding("X-001", word, actual="500")
    assert waivers.waived([verdict], [waiver("X-001", "500")], Scope("t", "p", TODAY)) == (verdict,)


def test_a_failure_seen_once_is_not_waived_but_undecided() -> None:
    seen: list[int] = []

    def script(request: Asked) -> bytes:
        if request.body.endswith(b"probe=5"):
            seen.append(request.number)
            return answer(500) if len(seen) == 1 else decent(request)
        return decent(request)

    with serving(script) as server:
        run = engine.conduct(inquiry(server, probes(8), waivers=(waiver(),)))
    assert words(run)["OWN-005"] == "inconclusive"
    assert states(run) == ["undecided"]


def test_a_waived_certificate_leaves_the_target_unusable(crashed: Run) -> None:
    cases = (granted("TLS-004", probe(1), row=ROWS["TLS-004"]), *probes(2))
    broken = judging.Verdict(cases[0], "failed", actual="self-signed", witnesses=(1,))

    def waive(verdicts: Any) -> tuple[judging.Verdict, ...]:
        where = Scope("t", "p", TODAY)
        return waivers.waived([broken, *verdicts[1:]], [waiver("TLS-004", "self-signed")], where)

    agreed = engine.contract(crashed.inquiry.profile, crashed.recording.header)
    found = judging.result(cases, crashed.evidence, agreed, closed="no answer", waive=waive)
    assert (found.verdict, found.reason) == ("unusable", "no answer")


@pytest.mark.parametrize(("fail_on", "code"), [("must", 0), ("should", 1), ("never", 0)])
def test_a_waived_warning_does_not_count_with_should(fail_on: str, code: int) -> None:
    def run(*excused: Waiver) -> Run:
        soft = granted("OWN-700", probe(7), level="SHOULD")
        script = lambda one: refusal() if one.body.endswith(b"probe=7") else decent(one)  # noqa: E731 - it is a script
        with serving(script) as server:
            asked = inquiry(server, (*probes(2), soft), fail_on=fail_on, waivers=excused)
            return engine.conduct(asked)

    assert session.exit_code(run()) == code
    excused = run(waiver("OWN-700", "400 invalid_request"))
    assert words(excused)["OWN-700"] == "waived"
    assert session.exit_code(excused) == 0


# What is stale


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("passed", "stale"),
        ("observed", "stale"),
        ("failed", "different"),
        ("warning", "different"),
        ("not_applicable", "undecided"),
        ("inconclusive", "undecided"),
        ("error", "undecided"),
    ],
)
def test_a_waiver_is_stale_where_its_case_was_decided_and_is_met(word: str, state: str) -> None:
    run = run_of(finding("X-001", word, actual="another"), finding("X-002", "passed"))
    run = replace(run, inquiry=replace(run.inquiry, waivers=(waiver("X-001", "500"),)))
    assert states(run) == [state]
    assert (session.exit_code(run) == 1) is (word in ("passed", "observed", "failed"))
    assert ("is stale" in said(run)) is (state == "stale")


@pytest.mark.parametrize(
    "changes",
    [{"requirement": "X-999"}, {"targets": ("prod",)}, {"profile": "rfc6749"}],
    ids=lambda one: next(iter(one)),
)
def test_a_waiver_of_what_was_not_judged_here_is_not_stale(changes: dict[str, Any]) -> None:
    run = run_of(finding("X-001", "passed"))
    run = replace(run, inquiry=replace(run.inquiry, waivers=(waiver(**{"requirement": "X-001", **changes}),)))
    assert not waivers.stale(run)
    assert session.exit_code(run) == 0


def test_a_row_that_is_newer_than_the_edition_makes_nothing_stale() -> None:
    run = run_of(replace(finding("X-001", "observed", actual="500"), newer=True), finding("X-002", "passed"))
    run = replace(run, inquiry=replace(run.inquiry, waivers=(waiver("X-001", "500"),)))
    assert states(run) == ["undecided"]


@pytest.mark.parametrize(
    ("verdicts", "fail_on", "code"),
    [
        (("passed",), "must", 1),
        (("passed",), "should", 1),
        (("passed",), "never", 0),
        (("passed", "inconclusive"), "must", 1),
        (("passed", "inconclusive"), "never", 3),
        (("passed", "error"), "must", 1),
        (("passed", "error"), "never", 4),
        (("passed", "failed"), "must", 1),
    ],
)
def test_a_stale_waiver_fails_the_run_and_leaves_the_verdict_of_the_target(
    verdicts: tuple[str, ...], fail_on: Any, code: int
) -> None:
    run = run_of(*(finding(f"X-00{at}", word) for at, word in enumerate(verdicts)))
    run = replace(run, inquiry=replace(run.inquiry, fail_on=fail_on, waivers=(waiver("X-000"),)))
    assert session.exit_code(run) == code
    assert run.result.verdict == {1: "conformant"}.get(len(verdicts), run.result.verdict)
    assert "1 stale waiver (" in summary_line(run)


# How findings are compared


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("500 without content", "500 without content"),
        ("a: 500; b: 400", "b: 400; a: 500"),
        ("error 1f0e4b4c-7a32-4f7e-9a44-0c9f3c1b2a3d", "error 00000000-7a32-4f7e-9a44-0c9f3c1b2a3e"),
        ("error a1b2c3d4e5f60718", "error 0000000000000000"),
        ("at 2026-11-25T22:55:23.123Z", "at 2027-01-02T03:04:05Z"),
        ("at Wed, 25 Nov 2026 22:55:23 GMT", "at Thu, 26 Nov 2026 22:55:23 GMT"),
        ("since 1764000000", "since 1864000000"),
        ("id b3BhcXVlLXRva2VuLW9mLTEyMzQ1", "id Zm9vYmFyMTIzNDU2Nzg5MGFiY2Rl"),
    ],
)
def test_findings_are_alike_but_for_order_identifiers_and_times(first: str, second: str) -> None:
    assert alike(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("500 without content", "501 without content"),
        ("shorter: 200 with a token", "longer: 200 with a token"),
        ("a: 500", "a: 500; b: 500"),
        ("a: 500; b: 400", "a: 400; b: 500"),
        ("charset=ISO-8859-1", "charset=ISO-8859-15"),
        ("charset=windows-1252", "charset=windows-1251"),
        ("AES128-SHA256", "AES256-SHA256"),
        ("ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA384"),
        ("TLS_RSA_WITH_AES_128_CBC_SHA256", "TLS_RSA_WITH_AES_256_CBC_SHA256"),
        ("a handshake in TLSv1", "a handshake in TLSv1.1"),
        ("access_token has 8 characters", "access_token has 12 characters"),
        ("expires_in: 3600", "expires_in: 86400"),
        ("max-age=31536000", "max-age=60"),
        ("no answer (nothing for 10 s)", "no answer (nothing for 5 s)"),
        ("200 with a token", "200 with a token "[:15]),
        ("Set-Cookie: JSESSIONID", "Set-Cookie: PHPSESSID"),
    ],
)
def test_findings_that_say_another_thing_are_not_alike(first: str, second: str) -> None:
    assert not alike(first, second)


# The file

GOOD = """# What is known of staging.
[[waivers]]
requirement = "CTYPE-002"
actual = "400 invalid_request"
targets = ["staging", "eu-*"]
reason = "Fixed in release 2.3."
owner = "jo@vendor.example"
ticket = "ACME-12"
expires = 2027-03-01
"""
OTHER = GOOD.replace("CTYPE-002", "CTYPE-003").replace("# What is known of staging.\n", "\n")


def read(tmp_path: Path, text: str | bytes) -> tuple[Waiver, ...]:
    file = tmp_path / "waivers.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = waivers.read(file, "waivers.toml")
    waivers.check(found, built_in())
    return found


def test_every_key_of_a_waiver_is_read(tmp_path: Path) -> None:
    one, other = read(tmp_path, GOOD + OTHER + 'profile = "passport"\n')
    assert one == Waiver(
        "CTYPE-002", "400 invalid_request", ("staging", "eu-*"), "Fixed in release 2.3.", "jo@vendor.example",
        "ACME-12", date(2027, 3, 1), "", "waivers.toml", 3,
    )  # fmt: skip
    assert (other.requirement, other.profile, other.line) == ("CTYPE-003", "passport", 12)


@pytest.mark.parametrize("text", ["", "# nothing is known\n", "waivers = []\n"])
def test_a_file_without_waivers_excuses_nothing(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, text) == ()


def without(key: str) -> str:
    return re.sub(rf"(?m)^{key} = .*\n", "", GOOD)


def having(key: str, value: str) -> str:
    return re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", GOOD)


MALFORMED = (
    *((without(key), f"line 2: the waiver has no {key}") for key in waivers.KEYS if key not in waivers.OPTIONAL),
    *(
        (having(key, '" "'), f"line {at}: {key}: is empty")
        for at, key in ((3, "requirement"), (4, "actual"), (5, "targets"), (6, "reason"), (7, "owner"), (8, "ticket"))
    ),
    *((having(key, "1"), f"{key}: a number is not accepted") for key in ("requirement", "actual", "owner", "ticket")),
    (having("reason", "true"), "line 6: reason: a true or false is not accepted"),
    (having("reason", "2027-03-01"), "line 6: reason: a date or time is not accepted"),
    (having("targets", '"staging"'), "line 5: targets: is no list of names"),
    (having("targets", "[]"), "line 5: targets: is no list of names"),
    (having("targets", '["staging", ""]'), "line 5: targets: is no list of names"),
    (having("targets", "[1]"), "line 5: targets: is no list of names"),
    (having("expires", '"2027-03-01"'), "line 9: expires: a string is not accepted; accepted: the last day"),
    (having("expires", '""'), "line 9: expires: is empty"),
    (having("expires", "2027-03-01T00:00:00Z"), "line 9: expires: a date or time is not accepted"),
    (having("expires", "2027-02-30"), "(at line 9"),
    (having("expires", "never"), "(at line 9"),
    (GOOD + "profile = 1\n", "line 10: profile: a number is not accepted"),
    (GOOD + 'target = "staging"\n', "line 10: 'target' is no key of a waiver; accepted: "),
    (GOOD + 'expiry = "x"\n', "did you mean 'expires'"),
    (GOOD + "[waivers.more]\nx = 1\n", "line 10: 'more' is no key of a waiver"),
    (having("requirement", '"CTYPE-0002"'), "line 3: there is no requirement 'CTYPE-0002'; did you mean CTYPE-002?"),
    (having("requirement", '"ctype-002"'), "did you mean CTYPE-002?"),
    (having("requirement", '"ZZZZ"'), "accepted: those of token-conformance list"),
    (GOOD + GOOD, "line 12: this finding of CTYPE-002 is waived on line 3 already"),
    (GOOD + having("targets", '["eu-*"]'), "line 12: this finding of CTYPE-002 is waived on line 3 already"),
    (GOOD + GOOD.replace("# What", 'profile = "passport"\n# What'), "is waived on line 3 already"),
    (GOOD.replace("[[waivers]]", "[[waiver]]"), "line 2: 'waiver' is no key of a file of waivers; accepted: waivers"),
    (GOOD.replace("[[waivers]]", "[waivers]"), "line 2: each waiver is a table of its own, under [[waivers]]"),
    ("waivers = 3\n", "line 1: each waiver is a table of its own"),
    ('\nwaivers = [{requirement = "CTYPE-002"}]\n', "line 2: each waiver is a table of its own"),
    ("seed = 1\n", "line 1: 'seed' is no key of a file of waivers"),
    (GOOD + 'owner = "Jo"\n', "(at line 10"),
    (GOOD + 'note = "\n', "(at line 10"),
    (GOOD + "[[waivers", "at line 10, the last one"),
    (OTHER + "frob", "is no TOML: "),
)  # fmt: skip


@pytest.mark.parametrize(("text", "fault"), MALFORMED)
def test_a_malformed_file_is_told_with_the_line(text: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith("'waivers.toml': ")
    assert fault in str(caught.value)
    assert re.search(r"\bline \d+", str(caught.value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"\xff", b"x" * (1 << 21)])
def test_a_file_that_cannot_be_read_is_told(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'waivers.toml': cannot be read"):
        read(tmp_path, data)


def test_lines_are_counted_where_a_text_looks_like_an_entry(tmp_path: Path) -> None:
    long = GOOD.replace('"Fixed in release 2.3."', '"""\nfirst\n[[waivers]]\nrequirement = "x"\n"""')
    assert [one.line for one in read(tmp_path, long + OTHER)] == [3, 16]
    with pytest.raises(SettingsError, match="line 21: ticket: is empty"):
        read(tmp_path, long + OTHER.replace("ACME-12", ""))


# The command line


def check(done: Done, *said_: str) -> None:
    for text in said_:
        assert text in done.out


def entry(requirement: str = "CTYPE-002", actual: str = "400 invalid_request", expires: date = LATER) -> str:
    text = GOOD.replace("CTYPE-002", requirement).replace("400 invalid_request", actual)
    return text.replace('"eu-*"', '"127.0.0.1_*"').replace("2027-03-01", str(expires))


FEW = ("--select", "CTYPE-002,CTYPE-003,REQ-001")


def test_a_run_shows_its_waivers_everywhere(tmp_path: Path) -> None:
    (tmp_path / "waivers.toml").write_text(entry())
    with planted("ctype-case") as base_url:
        done = judged(tmp_path, base_url, *FEW, "--waivers", "waivers.toml", "--report-dir", "out")
    assert (done.code, done.err) == (0, "")
    waived = f"Fixed in release 2.3. (jo@vendor.example, ACME-12; until {LATER}, 30 days left)"
    check(done, "waived  CTYPE-002 MUST", f"waiver      {waived}", "1 waived (", "waivers.toml: 1, of which 1 for this")
    found = kept_results(tmp_path / "out")
    row = next(one for one in found["cases"] if one["id"] == "CTYPE-002")
    terms = {"reason": "Fixed in release 2.3.", "owner": "jo@vendor.example", "ticket": "ACME-12",
             "expires": str(LATER), "days_left": 30}  # fmt: skip
    assert (row["verdict"], row["unwaived"], row["waiver"]) == ("waived", "failed", terms)
    assert found["waivers"] == [{"requirement": "CTYPE-002", "state": "excuses", "line": 3, **terms}]
    brief = summary.read(tmp_path / "out")
    assert brief["waivers"] == [
        {"requirement": "CTYPE-002", "state": "excuses", "expires": str(LATER), "days_left": 30}
    ]
    assert brief["findings"]["CTYPE-002"]["verdict"] == "waived"
    (skipped,) = ET.parse(tmp_path / "out" / "junit.xml").iter("skipped")
    assert waived in skipped.get("message", "")
    assert waived in (tmp_path / "out" / "report.html").read_text()
    assert waived not in (tmp_path / "out" / "exchanges.har").read_text()
    (tmp_path / "conformance.toml").write_text('waivers = "waivers.toml"\n')
    again = command(tmp_path, "judge", "out", "--report-dir", "again")
    assert (again.code, again.err) == (0, "")
    apart = {"finished": "", "duration_s": 0}
    assert {**kept_results(tmp_path / "again"), **apart} == {**found, **apart}


def test_waivers_that_are_over_or_stale_fail_the_run_and_say_so(tmp_path: Path) -> None:
    over = TODAY - timedelta(days=1)
    (tmp_path / "waivers.toml").write_text(entry(expires=over) + "\n" + entry("CTYPE-003"))
    with planted("ctype-case") as base_url:
        done = judged(tmp_path, base_url, *FEW, "--report-dir", "out", TOKEN_CONFORMANCE_WAIVERS="waivers.toml")
    assert (done.code, done.err) == (1, "")
    lines = (
        f"'waivers.toml': line 3: the waiver of CTYPE-002 expired on {over}",
        "'waivers.toml': line 13: the waiver of CTYPE-003 is stale, since the case is passed: remove it",
    )
    check(done, *lines, "failed  CTYPE-002", ", 1 stale waiver (")
    found = kept_results(tmp_path / "out")
    assert [(one["state"], one["days_left"]) for one in found["waivers"]] == [("expired", -1), ("stale", 30)]
    page, junit = ((tmp_path / "out" / name).read_text() for name in ("report.html", "junit.xml"))
    for line in lines:
        assert line.replace("'", "&#x27;") in page
        assert line in junit.replace("&quot;", '"')


def test_nothing_is_sent_where_a_waiver_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "waivers.toml").write_text(having("owner", '""'))
    with serving(decent) as server:
        done = judged(tmp_path, server.base_url, "--waivers", "waivers.toml")
        assert server.asked == []
    told(done, "--waivers: 'waivers.toml': line 7: owner: is empty; accepted: who answers for it")


def test_a_waiver_of_no_requirement_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "waivers.toml").write_text(having("requirement", '"CTYPE-02"'))
    (tmp_path / "conformance.toml").write_text('waivers = "waivers.toml"\n')
    with serving(decent) as server:
        done = judged(tmp_path, server.base_url)
        assert server.asked == []
    told(done, "'waivers.toml': line 3: there is no requirement 'CTYPE-02'; did you mean CTYPE-002?")


def test_plain_pytest_knows_waivers_and_fails_for_a_stale_one(tmp_path: Path) -> None:
    (tmp_path / "waivers.toml").write_text(entry("CTYPE-003").replace("staging", "embedded"))
    words_ = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--pyargs", "conformance.cases")
    done = subprocess.run(
        [sys.executable, *words_, "-k", "CTYPE-003", "--token-waivers", "waivers.toml"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    assert done.returncode == 1, done
    assert "1 passed" in done.stdout
    assert "line 3: the waiver of CTYPE-003 is stale" in done.stdout


# Drafts


ODD = '400 "a\\b"\x7f\x1b\x9b; é \U0001f600 \u202e \ud800 ##[x]'


def invoked(*line: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli.cli, ["waive", *line])
    return done.exit_code, done.output


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The results of a run with findings of every kind, in reports/idp/one."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "reports" / "idp" / "one"
    folder.mkdir(parents=True)
    run = run_of(
        finding("X-001", actual=ODD),
        finding("X-002", "warning", actual="500", follows="X-001"),
        finding("X-003", "passed"),
        finding("X-004", "inconclusive"),
        finding("X-005", "not_applicable"),
        finding("X-006", "observed"),
        finding("X-007", "error"),
        replace(finding("X-008", "waived"), waiver=waiver("X-008"), unwaived="failed"),
        finding("X-009", actual=""),
        finding("X-010", "warning", actual="501", follows="X-002"),
    )
    (folder / "results.json").write_text(results.results_text(run))
    (folder / "summary.json").write_text(summary.summary_text(run))
    return folder


def test_a_draft_is_refused_until_all_of_it_is_filled_in(out: Path, tmp_path: Path) -> None:
    code, text = invoked(str(out), "X-001")
    assert code == 0
    assert not re.search(r"(?i)todo|fixme|xxx", text)
    assert not re.search(r"[^ -~\n]|##", text)
    file = tmp_path / "drafted.toml"
    for at, (name, value) in enumerate(
        (("reason", '"r"'), ("owner", '"o"'), ("ticket", '"t"'), ("expires", "2027-03-01")), start=7
    ):
        file.write_text(text)
        with pytest.raises(SettingsError, match=rf"line {at}: {name}: is empty"):
            waivers.read(file, "drafted.toml")
        text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
    file.write_text(text)
    (one,) = waivers.read(file, "drafted.toml")
    assert (one.targets, one.profile) == (("staging",), "passport")
    assert one.quotes(finding("X-001", actual=ODD))


@pytest.mark.usefixtures("out")
def test_a_draft_with_everything_given_excuses_at_once(tmp_path: Path) -> None:
    terms = ("--reason", 'it "is"', "--owner", "Jo", "--ticket", "T-1", "--expires", str(LATER))
    code, said_ = invoked("latest:staging", "X-001", *terms, "--output", "w.toml")
    assert (code, said_) == (0, "waiver: w.toml: line 1\n")
    (one,) = waivers.read(tmp_path / "w.toml", "w.toml")
    assert (one.reason, one.owner, one.ticket, one.expires) == ('it "is"', "Jo", "T-1", LATER)


@pytest.mark.usefixtures("out")
@pytest.mark.parametrize("before", [GOOD, GOOD.rstrip("\n"), "# notes alone", having("owner", '""')])
def test_a_draft_is_appended_and_nothing_is_lost(before: str, tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    file.write_text(before)
    code, said_ = invoked("latest", "X-001", "--output", "w.toml", "--owner", "Jo")
    assert code == 0, said_
    assert said_.endswith("; to be filled in: reason, ticket, expires\n")
    assert file.read_text().startswith(before)
    (*others, (line, drafted)) = waivers.blocks(file.read_text())
    assert said_.startswith(f"waiver: w.toml: line {line};")
    assert (drafted["requirement"], len(others)) == ("X-001", "[[" in before)
    before = file.read_text()
    code, said_ = invoked("latest", "X-001", "--output", "w.toml")
    assert (code, file.read_text()) == (2, before)
    assert f"w.toml: line {line} begins a waiver of this finding already" in said_


@pytest.mark.usefixtures("out")
@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("seed = 1\n", "line 1: 'seed' is no key of a file of waivers"),
        ("frob", "is no TOML"),
        ('waivers = [{requirement = "X-001"}]\n', "each waiver is a table of its own"),
        ("waivers = []\n", "is no TOML"),
    ],
)
def test_a_file_of_something_else_is_left_alone(content: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text(content)
    code, said_ = invoked("latest", "X-001", "--output", "w.toml")
    assert (code, (tmp_path / "w.toml").read_text()) == (2, content)
    assert "--output w.toml: " in said_
    assert fault in said_


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (("X-002",), "X-002 follows the finding of X-001; waive X-001"),
        (("X-010",), "X-010 follows the finding of X-001; waive X-001"),
        (("X-003",), "X-003 has no finding to waive: it passed"),
        (("X-004",), "it could not be decided"),
        (("X-005",), "it does not apply to this target"),
        (("X-006",), "it was only observed"),
        (("X-007",), "the case itself failed"),
        (("X-008",), f"X-008 is waived already, until {FAR}"),
        (("X-009",), "X-009 does not say what came"),
        (("X-0001",), "the run did not judge 'X-0001'; did you mean X-001?"),
        (("CTYPE-002",), "the run did not judge 'CTYPE-002'\n"),
        (("X-001", "--expires", "soon"), "--expires: 'soon' is no date; accepted: a day such as 2027-03-01"),
        (("X-001", "--expires", "2027-02-30"), "--expires: '2027-02-30' is no date"),
        (("X-001", "--expires", "20270301"), "--expires: '20270301' is no date"),
        (("X-001", "--expires", "2020-01-01"), "--expires: 2020-01-01 has passed"),
        (("X-001", "--owner", " "), "--owner: is empty"),
        (("X-001", "--output", "no/such/w.toml"), "--output no/such/w.toml: cannot be written: No such file"),
    ],
)
def test_what_cannot_be_waived_is_told_in_one_line(line: tuple[str, ...], fault: str, out: Path) -> None:
    code, said_ = invoked(str(out), *line)
    assert code == 2
    assert said_.count("\n") == 1
    assert fault in said_


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "holds no results.json, which token-conformance judge writes"),
        ("{}", "does not say 'token-conformance/1'"),
        ('{"format": "token-conformance/1"}', "results.json is none of this suite: KeyError 'verdict'"),
        ('{"format": "token-conformance/1", "verdict": "conformant", "cases": 3}', "none of this suite: TypeError"),
        ('{"format": "token-conformance/1", "verdict": "unusable", "reason": "404"}', "the run is unusable, so that"),
    ],
)
def test_a_run_that_cannot_be_read_is_told(content: str | None, fault: str, out: Path) -> None:
    (out / "results.json").unlink()
    if content is not None:
        (out / "results.json").write_text(content)
    code, said_ = invoked(str(out), "X-001")
    assert code == 2
    assert said_.startswith(f"token-conformance: {out}: ")
    assert fault in said_


@pytest.mark.usefixtures("out")
@pytest.mark.parametrize("word", ["none", "latest:none"])
def test_a_run_that_is_not_there_is_told(word: str) -> None:
    code, said_ = invoked(word, "X-001")
    assert code == 2
    assert "accepted: " in said_


def test_results_with_waivers_are_as_the_schema_says() -> None:
    run = run_of(
        replace(finding("X-001", "waived"), waiver=waiver("X-001", "500"), unwaived="failed"),
        finding("X-002", "passed"),
    )
    run = replace(run, inquiry=replace(run.inquiry, waivers=(waiver("X-001", "500"), waiver("X-002"))))
    found = json.loads(results.results_text(run))
    validator()(found)
    assert [one["state"] for one in found["waivers"]] == ["excuses", "stale"]
    described = json.loads(package_text("report", "results.schema.json"))["properties"]["waivers"]
    assert tuple(described["items"]["properties"]["state"]["enum"]) == waivers.STATES
    assert "waivers" not in results.results(run_of(finding("X-002", "passed")))


def test_the_words_of_a_waiver_steer_no_terminal() -> None:
    hostile = "\x1b[31m::error::<b>\n##[x]"
    run = run_of(finding("X-001", actual="500", expected="x"))
    excused = waiver("X-001", "500", reason=hostile, owner=hostile, ticket=hostile, file=hostile)
    verdicts = waivers.waived(run.result.cases, [excused], waivers.scope_of(run))
    run = replace(run, result=replace(run.result, cases=verdicts), inquiry=replace(run.inquiry, waivers=(excused,)))
    text = said(run)
    assert "waived  X-001" in text
    assert not re.search(r"[^\x20-\x7e\n]|##", text)
    assert SECRET not in text


def test_a_waived_refusal_is_waived_like_a_grant() -> None:
    case = turned_down("OWN-900", probe(1))
    with serving(decent) as server:
        run = engine.conduct(inquiry(server, (*probes(2)[1:], case), waivers=(waiver("OWN-900", "200 with a token"),)))
    assert words(run)["OWN-900"] == "waived"
