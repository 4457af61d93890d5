"""Controls prove refusals: where the valid request is not granted either, all cases together conclude nothing."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from conformance import sending
from conformance.case import built_in
from conformance.engine import conduct
from conformance.target import Limits
from tests.servers import HANG_UP, answer, endpoint, inquiry, refusal, serving, token
from tests.test_lockout import Locking

if TYPE_CHECKING:
    from conformance.engine import Run
    from conformance.judging import Verdict
    from tests.servers import Asked, Script

MARK = "X-Not-Itself: yes"
"""A field of every answer that the endpoint under the script did not give."""

CONCLUDED = ("passed", "observed", "warning", "failed")


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits between repetitions are short; nothing else differs."""
    monkeypatch.setattr(sending, "APART", 0.05)


def run(script: Script, profile: str = "passport", timeout: float = 1.0) -> Run:
    with serving(script) as server:
        return conduct(inquiry(server, built_in(), profile, limits=Limits(timeout=timeout), scope="read"))


def spoiled(run_: Run) -> set[int]:
    """The exchanges that got an answer of somebody else, or none."""
    return {one.number for one in run_.recording.exchanges if MARK.encode() in one.received or not one.received}


def concluded(run_: Run) -> list[Verdict]:
    return [one for one in run_.result.cases if one.verdict in CONCLUDED]


def nothing_rests_on(run_: Run, wrong: set[int]) -> None:
    """No conclusion rests on such an exchange, and none is drawn where the only request got no other answer."""
    for verdict in concluded(run_):
        shown = {number for note in verdict.notes for number in note.exchanges}
        assert not wrong & {*shown, *verdict.witnesses}, (verdict.case.id, verdict.verdict)
        sent = [set(numbers) for numbers in verdict.stimuli.values()]
        assert len(sent) != 1 or not sent[0] or sent[0] - wrong, (verdict.case.id, verdict.verdict)


def after(count: int, script: Script, then: bytes | None) -> Script:
    """A server that is itself for some requests, and then answers all of them alike."""
    return lambda request: script(request) if request.number <= count else then


REFUSING = {
    "401": refusal(401, "invalid_client", MARK),
    "400": refusal(400, "invalid_request", MARK),
    "403": answer(403, b"", MARK),
    "404": answer(404, b"", MARK),
    "429": answer(429, b"slow down", MARK),
    "500": answer(500, b"", MARK),
    "closed": HANG_UP,
    "silent": None,
}


REFUSALS = (
    *("AUTH-007", "AUTH-008", "AUTH-009", "AUTH-014", "AUTH-022", "AUTH-026", "AUTH-034"),
    *("GRANT-001", "GRANT-004", "METHOD-001", "WIRE-001", "WIRE-005", "WIRE-020"),
)
"""Requirements that something is refused."""


@pytest.mark.parametrize("octets", REFUSING.values(), ids=REFUSING)
def test_an_endpoint_that_refuses_everything_is_unusable_and_passes_nothing(octets: bytes | None) -> None:
    found = run(lambda _: octets, timeout=0.3)
    assert found.result.verdict == "unusable"
    assert found.result.edge == "not-judged"
    assert found.result.reason == found.gate.reason != ""
    assert {one.verdict for one in found.result.cases} == {"inconclusive"}
    assert {one.reason for one in found.result.cases} == {found.gate.reason}
    assert len(found.recording.exchanges) <= 6


@pytest.mark.parametrize("profile", ["passport", "rfc6749"])
def test_an_endpoint_that_grants_everything_passes_nothing_that_has_to_be_refused(profile: str) -> None:
    found = run(lambda _: token(), profile)
    verdicts = {one.case.id: one.verdict for one in found.result.cases}
    assert found.result.verdict == found.result.edge == "non-conformant"
    assert {verdicts[row] for row in REFUSALS} == {"failed"}
    # What only answers of refusal could show has none to look at.
    assert {verdicts[row] for row in ("AUTH-011", "ERR-001", "ERR-003", "ERR-006", "METHOD-002")} == {"not_applicable"}
    assert verdicts["REQ-001"] == verdicts["CTYPE-002"] == "passed"


@pytest.mark.parametrize("count", [1, 40, 200])
@pytest.mark.parametrize("then", ["401", "500", "closed", "silent"])
def test_an_endpoint_that_answers_only_its_first_requests_is_not_judged_by_the_rest(count: int, then: str) -> None:
    with endpoint() as script:
        found = run(after(count, script, REFUSING[then]), timeout=0.5 if then == "silent" else 3.0)
    assert found.result.verdict == "inconclusive"
    assert "the valid request is no longer granted: " in found.recording.stopped
    assert found.result.reason.endswith(found.recording.stopped)
    nothing_rests_on(found, spoiled(found))
    assert not [one.case.id for one in found.result.cases if one.verdict in ("failed", "error")]
    # Rows about every answer of the run would have passed on the first of them.
    assert not [one.case.id for one in concluded(found) if not one.case.stimuli and one.verdict == "passed"]
    assert len(found.recording.exchanges) <= count + 24
    assert (len(concluded(found)) > 20) == (count == 200)


@pytest.mark.parametrize("fields", [(), ("Retry-After: 0",), ("Retry-After: 3600",)], ids=["bare", "soon", "late"])
def test_an_endpoint_that_limits_the_rate_for_good_is_not_judged_by_its_refusals(fields: tuple[str, ...]) -> None:
    limited = answer(429, b"slow down", MARK, *fields)
    with endpoint() as script:
        found = run(after(60, script, limited))
    assert found.result.verdict == "inconclusive"
    assert "429" in found.recording.stopped
    nothing_rests_on(found, spoiled(found))
    assert not [one.case.id for one in found.result.cases if one.verdict in ("failed", "error")]


@pytest.mark.parametrize("profile", ["passport", "rfc6749"])
@pytest.mark.parametrize("locked", ["401", "403", "429"])
def test_an_endpoint_that_locks_after_five_wrong_secrets_is_not_judged_by_its_lock(profile: str, locked: str) -> None:
    with endpoint(profile) as script:
        locking = Locking(script, in_total=5, locked=REFUSING[locked] or b"")
        found = run(locking, profile)
    assert locking.is_locked
    assert locking.total == 5
    assert not [request for request in locking.after if request.wrong]
    assert found.result.verdict == "inconclusive"
    assert f"the valid request is no longer granted: {locked}" in found.recording.stopped
    nothing_rests_on(found, spoiled(found))
    assert not [one.case.id for one in found.result.cases if one.verdict in ("failed", "error")]


@pytest.mark.parametrize("gone", ["closed", "500"])
def test_an_endpoint_that_dies_and_comes_back_is_judged_by_what_it_said_alive(gone: str) -> None:
    died: list[float] = []
    lock = threading.Lock()
    with endpoint() as script:

        def dying(request: Asked) -> bytes | None:
            with lock:
                if request.number in (40, 150):
                    died.append(time.monotonic())
                dead = bool(died) and time.monotonic() - died[-1] < 0.08
            return REFUSING[gone] if dead else script(request)

        found = run(dying)
    assert len(died) == 2
    assert found.recording.stopped == ""
    assert spoiled(found)
    # A control that was not granted makes its neighbours doubtful; nobody is accused, and most of it is decided.
    assert found.result.verdict in ("conformant", "inconclusive")
    nothing_rests_on(found, spoiled(found))
    assert not [one.case.id for one in found.result.cases if one.verdict in ("failed", "error")]
    assert len(concluded(found)) > 100
