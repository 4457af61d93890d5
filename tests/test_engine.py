"""Whole runs: what is found out about scripted servers and the embedded endpoint, on real sockets."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance import catalogue, engine, judging, profiles, recording, reference
from conformance import sending as sending_module
from conformance.case import built_in
from conformance.catalogue import Level
from conformance.engine import applicable, conduct, effective
from conformance.expression import SECRET as OWN_SECRET
from conformance.plan import WRONG_SECRETS
from conformance.request import VALID, on_one_connection
from conformance.target import Limits
from tests.servers import (
    CLIENT,
    HANG_UP,
    SECRET,
    Asked,
    answer,
    decent,
    declared,
    endpoint,
    granted,
    inquiry,
    probe,
    probes,
    refusal,
    serving,
    token,
    turned_down,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.case import Case
    from conformance.engine import Run
    from conformance.plan import Plan
    from conformance.recording import Exchange
    from conformance.reply import Judgement, Reply
    from conformance.sending import Sender
    from tests.servers import Script, Server

pytestmark = pytest.mark.usefixtures("judged_twice")

ROWS = catalogue.load().requirements
VALID_ROW = granted("REQ-001", VALID, row=ROWS["REQ-001"])
UNKNOWN_GRANT = VALID.with_form("grant_type=other")
STRICT = turned_down("OWN-900", UNKNOWN_GRANT)
LOCKING = tuple(turned_down(f"OWN-7{at:02}", VALID.authorized(OWN_SECRET + f"-{at}")) for at in range(6))
WORLD = (VALID_ROW, *probes(24), STRICT, *LOCKING)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits between repetitions are short; nothing else differs."""
    monkeypatch.setattr(sending_module, "APART", 0.05)


def run(script: Script, cases: tuple[Case, ...] = WORLD, profile: str = "passport", **more: Any) -> tuple[Run, Server]:
    limits = more.pop("limits", Limits(timeout=0.5))
    with serving(script, secret=more.get("secret", SECRET)) as server:
        return conduct(inquiry(server, cases, profile, limits=limits, **more)), server


def verdicts(found: Run) -> dict[str, str]:
    return {one.case.id: one.verdict for one in found.result.cases}


def reason(found: Run, identifier: str) -> str:
    return next(one.reason for one in found.result.cases if one.case.id == identifier)


def probing(number: int, request: Asked) -> bool:
    return request.body.endswith(f"probe={number}".encode())


# What a run comes to


def test_a_decent_endpoint_conforms() -> None:
    found, server = run(decent)
    assert (found.result.verdict, found.recording.stopped) == ("conformant", "")
    assert {*verdicts(found).values()} == {"passed"}
    assert found.recording.exchanges[0].role == found.recording.exchanges[-1].role == "control"
    assert len(server.asked) == len(found.recording.exchanges)


def test_a_server_that_refuses_everything_is_unusable_after_one_request() -> None:
    found, server = run(lambda _: refusal(401, "invalid_client"))
    assert found.result.verdict == "unusable"
    assert "401 invalid_client" in found.result.reason
    assert "client id" in found.gate.advice
    assert {*verdicts(found).values()} == {"inconclusive"}
    assert len(server.asked) == 1


def test_a_server_that_refuses_everything_after_the_gate_passes_nothing() -> None:
    found, server = run(lambda request: decent(request) if request.number == 1 else refusal(401, "invalid_client"))
    assert found.result.verdict == "inconclusive"
    assert {one for name, one in verdicts(found).items() if name != "REQ-001"} == {"inconclusive"}
    assert "no longer granted: 401" in found.recording.stopped
    assert len(server.asked) < 30


def test_a_server_that_grants_everything_does_not_conform() -> None:
    found, _ = run(lambda _: token())
    assert found.result.verdict == "non-conformant"
    assert verdicts(found)["OWN-900"] == verdicts(found)["OWN-700"] == "failed"
    assert verdicts(found)["OWN-001"] == "passed"


def test_a_success_without_a_token_fails_the_valid_request_and_leaves_the_rest_open() -> None:
    def stored(judge: Judgement) -> None:
        judge.each(judge.answers, "no-store", lambda one: None if one.values("Cache-Control") else "nothing said")

    cases = (*WORLD, declared("OWN-990", stored))
    found, server = run(lambda _: answer(200, b'{"token": 1}'), cases)
    assert found.result.verdict == "non-conformant"
    assert found.result.reason == "unmet: REQ-001, OWN-990"
    assert {one for name, one in verdicts(found).items() if name not in ("REQ-001", "OWN-990")} == {"inconclusive"}
    assert "without a token" in reason(found, "OWN-001")
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "limited", [answer(429), answer(429, b"", "Retry-After: 0"), answer(429, b"", "Retry-After: 99")]
)
def test_a_server_that_limits_the_rate_decides_nothing_within_seconds(limited: bytes) -> None:
    began = time.monotonic()
    found, _ = run(lambda request: decent(request) if request.number <= 10 else limited)
    assert time.monotonic() - began < 8
    assert found.result.verdict == "inconclusive"
    assert "429" in found.result.reason
    assert not {"failed", "warning"} & {*verdicts(found).values()}


def test_a_limit_now_and_then_is_waited_out() -> None:
    limited = answer(429, b"", "Retry-After: 0")
    cases = (VALID_ROW, *probes(20))
    # One at a time, so that what is asked again is never the seventh once more.
    one_lane = Limits(timeout=0.5, concurrency=1)
    found, _ = run(lambda request: limited if request.number % 7 == 0 else decent(request), cases, limits=one_lane)
    assert found.result.verdict == "conformant"


@pytest.mark.parametrize("dead", [HANG_UP, None, answer(502)])
def test_a_server_that_dies_is_not_blamed_for_what_it_did_not_decide(dead: bytes | None) -> None:
    found, server = run(lambda request: decent(request) if request.number <= 12 else dead)
    assert found.result.verdict == "inconclusive"
    assert "no longer granted" in found.result.reason
    assert "failed" not in verdicts(found).values()
    assert len(server.asked) < 40


def test_a_server_that_dies_and_comes_back_is_judged_on() -> None:
    gone: list[float] = []

    def script(request: Asked) -> bytes:
        if request.number == 8:
            gone.append(time.monotonic())
        return HANG_UP if gone and time.monotonic() - gone[0] < 0.1 else decent(request)

    found, _ = run(script)
    assert found.recording.stopped == ""
    assert "failed" not in verdicts(found).values()
    assert list(verdicts(found).values()).count("passed") > 15


# Confirmation


@pytest.mark.parametrize("first", [answer(500), refusal(), HANG_UP])
def test_what_happened_once_is_unstable_and_never_failed(first: bytes) -> None:
    seen: list[int] = []

    def script(request: Asked) -> bytes:
        if probing(5, request):
            seen.append(request.number)
            return first if len(seen) == 1 else token()
        return decent(request)

    found, _ = run(script, (VALID_ROW, *probes(12)))
    assert found.result.verdict == "inconclusive"
    assert verdicts(found)["OWN-005"] == "inconclusive"
    assert reason(found, "OWN-005").startswith("unstable: first ")
    assert reason(found, "OWN-005").endswith("then 200 with a token")
    assert len(seen) == 2


@pytest.mark.parametrize("octets", [answer(500), refusal(), HANG_UP, None])
def test_what_happens_always_is_failed_and_was_repeated_beside_a_control(octets: bytes | None) -> None:
    found, _ = run(
        lambda request: octets if probing(5, request) else decent(request),
        (VALID_ROW, *probes(8)),
        limits=Limits(timeout=0.3),
    )
    assert found.result.verdict == "non-conformant"
    assert found.result.reason == "unmet: OWN-005"
    verdict = next(one for one in found.result.cases if one.case.id == "OWN-005")
    tries = [one for one in found.recording.exchanges if one.template == probe(5).digest]
    assert [one.attempt for one in tries] == [1, 2]
    assert verdict.witnesses == tuple(one.number for one in tries)
    after = [one for one in found.recording.exchanges if one.started > tries[1].started]
    assert [one.role for one in after] == ["control"]


def test_a_control_that_fails_once_fails_nothing() -> None:
    plain: list[int] = []

    def script(request: Asked) -> bytes:
        if request.plain and b"probe" not in request.data:
            plain.append(request.number)
            if len(plain) == 2:
                return answer(503)
        return decent(request)

    found, _ = run(script, (VALID_ROW, *probes(24), STRICT))
    assert found.recording.stopped == ""
    assert "failed" not in verdicts(found).values()


def test_an_invariant_that_sees_one_stray_answer_is_unstable() -> None:
    def no_crash(judge: Judgement) -> None:
        judge.each(judge.answers, "no 5xx", lambda one: one.words() if one.status >= 500 else None)

    stray = lambda request: answer(500) if request.number == 6 else decent(request)  # noqa: E731 - it is a script
    found, _ = run(stray, (VALID_ROW, declared("OWN-990", no_crash), *probes(8)), limits=Limits(concurrency=1))
    assert verdicts(found)["OWN-990"] == "inconclusive"
    assert found.result.verdict == "inconclusive"


def test_what_only_the_repetitions_show_is_repeated_as_well() -> None:
    def no_crash(judge: Judgement) -> None:
        judge.each(judge.answers, "no 5xx", lambda one: one.words() if one.status >= 500 else None)

    def stored(judge: Judgement) -> None:
        granted = (one for one in judge.answers if one.granted)
        judge.each(granted, "no-store", lambda one: None if one.values("Cache-Control") else "nothing said")

    seen: list[int] = []

    def script(request: Asked) -> bytes:
        if probing(5, request):
            seen.append(request.number)
            return refusal() if len(seen) == 1 else answer(500)
        return token().replace(b"Cache-Control", b"X-Control") if len(seen) == 2 else decent(request)

    cases = (VALID_ROW, declared("OWN-990", no_crash), declared("OWN-991", stored), *probes(8))
    found, _ = run(script, cases)
    assert verdicts(found)["OWN-005"] == "failed"
    assert verdicts(found)["OWN-990"] == "inconclusive"
    assert verdicts(found)["OWN-991"] == "failed"


def test_what_every_answer_shows_is_repeated_four_times_at_the_most() -> None:
    def stored(judge: Judgement) -> None:
        judge.each(judge.answers, "no-store", lambda one: None if one.values("Cache-Control") else "nothing said")

    found, _ = run(lambda request: decent(request).replace(b"Cache-", b"X-"), (declared("OWN-990", stored), *probes(8)))
    assert verdicts(found)["OWN-990"] == "failed"
    assert len(found.result.cases[0].witnesses) == len(found.recording.exchanges)
    assert [one.attempt for one in found.recording.exchanges].count(2) == 4


# Wrong secrets


def locking(inner: Script, *, after: int, in_a_row: bool) -> Script:
    """A server that locks its client after some wrong secrets, in a row or in all, for good."""
    lock, count = threading.Lock(), [0]

    def script(request: Asked) -> bytes | None:
        with lock:
            if count[0] >= after:
                return refusal(401, "invalid_client")
            if request.wrong:
                count[0] += 1
        octets = inner(request)
        with lock:
            if in_a_row and octets and b"access_token" in octets and request.plain and count[0] < after:
                count[0] = 0
        return octets

    return script


def test_a_lock_after_five_in_a_row_is_never_triggered() -> None:
    found, server = run(locking(decent, after=2, in_a_row=True))
    assert found.result.verdict == "conformant"
    assert len(server.wrong) == len(LOCKING)
    assert server.wrong_at_once == 1


def test_a_lock_after_three_in_all_stops_at_once_and_tells_what_was_not_judged() -> None:
    found, server = run(locking(decent, after=3, in_a_row=False), limits=Limits(timeout=0.5, concurrency=1))
    assert len(server.wrong) == 3
    assert found.result.verdict == "inconclusive"
    assert "no longer granted: 401 invalid_client" in found.recording.stopped
    assert len(server.asked) <= 10
    undecided = [one for one in found.result.cases if one.verdict == "inconclusive"]
    assert {"OWN-001", "OWN-705", "OWN-900"} <= {one.case.id for one in undecided}
    assert all("no longer granted" in one.reason or "control beside it" in one.reason for one in undecided)


def authentication(profile: str) -> tuple[Case, ...]:
    contract = profiles.load(profile, Path.cwd())
    return applicable((one for one in built_in() if one.requirement.area in ("REQ", "AUTH")), contract)


def worst(server: Server) -> int:
    """The most wrong secrets of the registered client without a granted plain request of it in between."""
    most = row = 0
    for request in server.asked:
        row = row + 1 if request.wrong else 0 if request.plain else row
        most = max(most, row)
    return most


@pytest.mark.parametrize("profile", ["passport", "rfc6749"])
@pytest.mark.parametrize("defects", [(), ("auth-no-challenge",), ("auth-wrong-secret-403", "auth-unknown-404")])
def test_the_cases_of_authentication_never_lock_a_client(profile: str, defects: tuple[str, ...]) -> None:
    with endpoint(profile, *defects) as script:
        found, server = run(locking(script, after=2, in_a_row=True), authentication(profile), profile, scope="read")
    assert found.recording.stopped == ""
    assert server.wrong_at_once <= 1
    assert worst(server) <= 1
    assert 3 < len(server.wrong) <= WRONG_SECRETS
    assert found.result.verdict == ("non-conformant" if defects else "conformant")


@pytest.mark.parametrize("crash", [answer(500), token(), HANG_UP, answer(200, b"{}")])
def test_wrong_secrets_stay_in_their_budget_where_every_one_of_them_fails(crash: bytes) -> None:
    with endpoint() as script:
        found, server = run(
            lambda request: crash if request.wrong else script(request), authentication("passport"), scope="read"
        )
    assert server.wrong_at_once <= 1
    assert worst(server) <= 1
    assert len(server.wrong) <= WRONG_SECRETS
    assert found.result.verdict == "non-conformant"
    assert verdicts(found)["AUTH-008"] == "failed"


def test_what_the_budget_does_not_cover_is_undecided_and_says_so() -> None:
    more = tuple(granted(f"OWN-8{at:02}", VALID.authorized(OWN_SECRET + f"-{at}")) for at in range(8))
    found, server = run(decent, (VALID_ROW, *more))
    assert len(server.wrong) == WRONG_SECRETS
    assert list(verdicts(found).values()).count("failed") == 4
    undecided = [one.reason for one in found.result.cases if one.verdict == "inconclusive"]
    assert len(undecided) == 4
    assert all("the budget of 12 wrong secrets is spent" in one for one in undecided)
    assert found.result.verdict == "non-conformant"


# Two spellings of Basic


@pytest.mark.parametrize("form_encoded", [True, False])
def test_a_server_that_reads_one_spelling_of_basic_conforms(form_encoded: bool) -> None:
    special = "p+a/s=s%41w ord&:x"
    written = "p%2Ba%2Fs%3Ds%2541w+ord%26%3Ax" if form_encoded else special

    def script(request: Asked) -> bytes:
        return token() if (CLIENT, written) in request.pairs else refusal(401, "invalid_client")

    cases = (VALID_ROW, *probes(12), *LOCKING)
    found, server = run(script, cases, "rfc6749", secret=special)
    assert found.result.verdict == "conformant"
    assert found.gate.form_encoded is form_encoded
    assert len([one for one in server.asked if (CLIENT, written) not in one.pairs]) == len(LOCKING) + (not form_encoded)


# What is kept


def test_judging_a_recording_from_disk_gives_the_same_verdicts(tmp_path: Path) -> None:
    def mixed(request: Asked) -> bytes:
        if probing(3, request):
            return answer(500)
        if probing(4, request):
            return answer(429)
        return decent(request)

    path = tmp_path / "exchanges.jsonl"
    seen: list[Exchange] = []
    with serving(mixed) as server:
        asked = inquiry(server, WORLD, limits=Limits(timeout=0.5))
        found = conduct(asked, record=path, observe=seen.append)
    kept = recording.read(path)
    assert kept == found.recording
    assert kept.complete
    assert kept.header.run == found.recording.header.run
    assert sorted(seen, key=lambda one: one.number) == list(kept.exchanges)
    evidence = judging.Evidence(kept, asked.known)
    agreed = engine.contract(asked.profile, kept.header)
    again = judging.result(asked.cases, evidence, agreed, closed=judging.closed(evidence))
    assert again == found.result
    assert {"passed", "failed", "inconclusive"} <= {*verdicts(found).values()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SECRET not in path.read_text()


@pytest.mark.parametrize("octets", [refusal(401, "invalid_client"), answer(200, b"{}"), HANG_UP])
def test_a_run_that_never_began_is_judged_from_disk_alike(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "exchanges.jsonl"
    with serving(lambda _: octets) as server:
        asked = inquiry(server, WORLD)
        found = conduct(asked, record=path)
    kept = recording.read(path)
    assert kept.stopped == found.gate.reason
    evidence = judging.Evidence(kept, asked.known)
    agreed = engine.contract(asked.profile, kept.header)
    again = judging.result(asked.cases, evidence, agreed, closed=judging.closed(evidence))
    assert again == found.result


# Interrupts


@pytest.mark.parametrize("when", [1, 9])
def test_an_interrupt_leaves_a_whole_recording_and_a_verdict(tmp_path: Path, when: int) -> None:
    def interrupting(exchange: Exchange) -> None:
        if exchange.number == when:
            raise KeyboardInterrupt

    path = tmp_path / "exchanges.jsonl"
    with serving(decent) as server:
        found = conduct(inquiry(server, WORLD), record=path, observe=interrupting)
    kept = recording.read(path)
    assert kept.complete
    assert kept.stopped == "interrupted"
    assert len(kept.exchanges) == len(server.asked) < 20
    assert found.result.verdict == "inconclusive"
    assert "interrupted" in found.result.reason
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sender-")]


SCRIPT = """
import sys
from pathlib import Path
from conformance.engine import conduct
from conformance.target import Limits
from tests.servers import inquiry, probes
found = conduct(inquiry(sys.argv[1], probes(400), limits=Limits(timeout=2, max_rps=20)), record=Path(sys.argv[2]))
print(found.recording.stopped, found.result.verdict)
"""


def test_a_signal_ends_the_run_in_order(tmp_path: Path) -> None:
    path = tmp_path / "exchanges.jsonl"
    begun = threading.Event()

    def script(request: Asked) -> bytes:
        if request.number == 5:
            begun.set()
        return decent(request)

    with serving(script) as server:
        here = Path(__file__).parent.parent
        command = [sys.executable, "-c", SCRIPT, server.base_url, str(path)]
        with subprocess.Popen(
            command, cwd=here, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(here)}
        ) as process:
            assert begun.wait(10)
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert said == "interrupted inconclusive\n"
    assert recording.read(path).stopped == "interrupted"
    assert recording.read(path).complete


def test_a_recording_that_cannot_be_written_is_no_run(tmp_path: Path) -> None:
    with serving(decent) as server:
        with pytest.raises(OSError, match="No such file"):
            conduct(inquiry(server, WORLD), record=tmp_path / "missing" / "exchanges.jsonl")
        assert not server.asked


def test_what_the_observer_raises_ends_the_run_with_a_footer(tmp_path: Path) -> None:
    def full(exchange: Exchange) -> None:
        if exchange.number == 9:
            raise OSError(28, "No space left on device")

    path = tmp_path / "exchanges.jsonl"
    with serving(decent) as server, pytest.raises(OSError, match="No space left"):
        conduct(inquiry(server, WORLD), record=path, observe=full)
    assert json.loads(path.read_text().splitlines()[-1])["stopped"] == "the suite itself failed: OSError"


# The plan and the rows of a profile


def test_the_plan_is_announced_before_anything_is_sent() -> None:
    told: list[tuple[int, int]] = []

    def announce(sender: Sender, plan: Plan) -> None:
        told.append((len(sender.exchanges), plan.exchanges))

    with serving(decent) as server:
        found = conduct(inquiry(server, WORLD), announce=announce)
    assert told == [(0, told[0][1])]
    assert len(found.recording.exchanges) <= told[0][1] + 3


def test_generated_requests_are_sent_and_judged() -> None:
    def looks(judge: Judgement) -> None:
        drawn = (one for one in judge.answers if one.generated)
        judge.each(drawn, "a token", lambda one: None if one.granted else one.words(), nothing="none drawn")

    case = replace(declared("GEN-001", looks, row=ROWS["GEN-001"]), generated=("spelling",))
    with endpoint() as script:
        found, _ = run(script, (VALID_ROW, case), examples=20, limits=Limits(timeout=2))
        assert verdicts(found)["GEN-001"] == "passed"
        assert len([one for one in found.recording.exchanges if one.role == "spelling"]) >= 15
        without, _ = run(script, (VALID_ROW, case), examples=0)
        assert verdicts(without)["GEN-001"] == "not_applicable"


def test_the_culprit_of_a_generated_failure_stands_alone_in_the_end() -> None:
    def looks(judge: Judgement) -> None:
        drawn = (one for one in judge.answers if one.generated)
        judge.each(drawn, "a token", lambda one: None if one.granted else one.words())

    case = replace(declared("GEN-001", looks, row=ROWS["GEN-001"]), generated=("spelling",))
    with endpoint() as script:
        fussy: Callable[[Asked], bytes | None] = lambda one: (  # noqa: E731 - it is a script
            refusal() if b"; charset" in one.data or b";charset" in one.data else script(one)
        )
        found, _ = run(fussy, (VALID_ROW, case), examples=20, limits=Limits(timeout=2))
    verdict = found.result.cases[1]
    assert verdict.verdict == "failed"
    shown = {one.number: one.how for one in found.recording.exchanges}
    alone = [shown[number] for number in verdict.witnesses if ";" not in shown[number].replace("; charset", "")]
    assert any(how.startswith("CTYPE-003") for how in alone)


def changed(identifier: str, profile: str, **keys: Any) -> tuple[Level, str] | None:
    row = effective(ROWS[identifier], replace(profiles.load(profile, Path.cwd()), **keys))
    return None if row is None else (row.level, row.unmet)


@pytest.mark.parametrize(
    ("identifier", "profile", "keys", "expected"),
    [
        ("AUTH-001", "passport", {}, (Level.DOC, "failed")),
        ("AUTH-001", "rfc6749", {}, None),
        ("AUTH-002", "rfc6749", {}, (Level.MUST, "failed")),
        ("AUTH-002", "passport", {}, None),
        ("AUTH-002", "rfc6749", {"spec": "oauth21"}, (Level.MAY, "observed")),
        ("AUTH-017", "rfc6749", {"spec": "oauth21"}, (Level.MUST, "failed")),
        ("CACHE-002", "rfc6749", {"spec": "oauth21"}, None),
        ("CACHE-002", "rfc6749", {"spec": "oauth21", "pragma": "required"}, None),
        ("SUCC-011", "rfc6749", {"spec": "oauth21"}, (Level.SHOULD, "warning")),
        ("REQ-004", "rfc6749", {"spec": "oauth21"}, (Level.SHOULD, "warning")),
        ("CACHE-002", "rfc6749", {"pragma": "required"}, (ROWS["CACHE-002"].level, "failed")),
        ("CACHE-002", "rfc6749", {}, (ROWS["CACHE-002"].level, ROWS["CACHE-002"].unmet)),
        ("GRANT-001", "passport", {}, (Level.MUST, "failed")),
        ("GRANT-001", "passport", {"claims_oauth2": False}, (Level.MUST, "warning")),
        ("GRANT-001", "rfc6749", {"claims_oauth2": False}, (Level.MUST, "failed")),
        ("CTYPE-002", "passport", {"claims_oauth2": False}, (Level.MUST, "failed")),
        ("AUTH-001", "passport", {"claims_oauth2": False}, (Level.DOC, "failed")),
    ],
)
def test_a_profile_takes_rows_on_at_its_own_levels(
    identifier: str, profile: str, keys: dict[str, Any], expected: tuple[Level, str] | None
) -> None:
    assert changed(identifier, profile, **keys) == expected


def test_without_the_claim_to_oauth_only_rows_of_that_rfc_alone_are_softened() -> None:
    contract = replace(profiles.load("passport", Path.cwd()), claims_oauth2=False)
    softened = []
    for row in ROWS.values():
        found = effective(row, contract)
        if found is not None and found.unmet != row.unmet:
            softened.append(row)
            assert (row.unmet, found.unmet, found.level) == ("failed", "warning", row.level)
            assert all(source.text.startswith(("RFC 6749", "RFC 6750")) for source in row.sources)
    assert len(softened) > 5


def test_a_profile_that_extends_another_has_its_rows() -> None:
    contract = profiles.load("passport", Path.cwd())
    mine = replace(contract, name="mine", lineage=("mine", "passport"), claims_oauth2=False)
    assert effective(ROWS["AUTH-001"], mine) == ROWS["AUTH-001"]
    assert effective(ROWS["AUTH-002"], mine) is None
    softened = effective(ROWS["GRANT-001"], mine)
    assert softened is not None
    assert softened.unmet == "warning"


def test_the_embedded_endpoint_conforms_and_a_planted_defect_does_not() -> None:
    case = declared(
        "GRANT-004", lambda other: other.must_be(_unsupported()), row=ROWS["GRANT-004"], other=UNKNOWN_GRANT
    )
    for defects, expected in (((), "conformant"), (("grant-unknown-invalid-grant",), "non-conformant")):
        with endpoint("passport", *defects) as script:
            found, _ = run(script, (VALID_ROW, case))
        assert found.result.verdict == expected


def _unsupported() -> Any:
    from conformance.reply import UNSUPPORTED_GRANT_TYPE  # noqa: PLC0415 - one test needs it

    return UNSUPPORTED_GRANT_TYPE


def test_two_stimuli_of_a_case_are_shown_by_name() -> None:
    def both(first: Reply, second: Reply) -> None:
        for reply in (first, second):
            reply.must_be(_unsupported())

    case = declared("OWN-500", both, first=probe(1), second=probe(2))
    found, _ = run(decent, (VALID_ROW, case))
    verdict = found.result.cases[1]
    assert verdict.verdict == "failed"
    assert verdict.actual == "first: 200 with a token; second: 200 with a token"
    assert {*verdict.stimuli} == {"first", "second"}
    assert [len(numbers) for numbers in verdict.stimuli.values()] == [2, 2]


def test_two_requests_on_one_connection_are_recorded_together_without_their_secrets() -> None:
    both = on_one_connection(VALID, VALID)
    with reference.start("passport", client_id=CLIENT, client_secret=SECRET) as served:
        run = conduct(inquiry(served.base_url, (granted("OWN-991", both),)))
    assert run.result.cases[0].verdict == "passed"
    found = next(one for one in run.recording.exchanges if one.template == both.digest)
    sent, received = found.preceding
    assert found.sent[:sent] == found.sent[sent:]
    assert found.sent.count(b"*") > 20
    assert found.received[:received].count(b'"access_token":') == found.answer.count(b'"access_token":') == 1
    assert found.received.count(b"*****") == 2 * found.answer.count(b"*****")
    assert found.token is not None
