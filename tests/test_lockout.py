"""Lock-out and pace, counted at the server: what locks, bans or limits is met once, and nothing is made up."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from conformance import engine
from conformance.case import built_in
from conformance.engine import conduct
from conformance.target import Limits
from tests.servers import answer, decent, endpoint, inquiry, probes, refusal, serving, token

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.engine import Run
    from tests.servers import Asked, Script

pytestmark = pytest.mark.usefixtures("judged_twice")

PATIENT = Limits(timeout=3)
DECIDED = {"passed", "observed", "not_applicable"}


def counted(run: Run, word: str) -> list[str]:
    return [one.case.id for one in run.result.cases if one.verdict == word]


def sound(run: Run) -> None:
    """Nothing is held against a server that is conformant apart from its defences."""
    assert counted(run, "failed") == counted(run, "error") == counted(run, "warning") == []


# Servers that lock the client


@dataclass
class Locking:
    """A server that locks the client for its wrong secrets.

    Attributes:
        script: what it is otherwise.
        in_a_row: wrong secrets without a right one between that lock.
        in_total: wrong secrets in all that lock.
        locked: what it answers from then on.
    """

    script: Script
    in_a_row: int | None = None
    in_total: int | None = None
    locked: bytes = field(default_factory=lambda: refusal(401, "invalid_client"))
    row: int = 0
    total: int = 0
    most: int = 0
    after: list[Asked] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_locked(self) -> bool:
        return (self.in_a_row is not None and self.most >= self.in_a_row) or (
            self.in_total is not None and self.total >= self.in_total
        )

    def __call__(self, request: Asked) -> bytes | None:
        with self.lock:
            known = request.wrong or request.right
            if known and self.is_locked:
                self.after.append(request)
                return self.locked
            if request.wrong:
                self.row, self.total = self.row + 1, self.total + 1
                self.most = max(self.most, self.row)
            elif request.right and request.plain:
                self.row = 0
        return self.script(request)


@pytest.mark.parametrize("profile", ["passport", "rfc6749"])
def test_five_wrong_secrets_in_a_row_never_happen(profile: str) -> None:
    with endpoint(profile) as script:
        locking = Locking(script, in_a_row=5)
        with serving(locking) as server:
            run = conduct(inquiry(server, built_in(), profile, limits=PATIENT, scope="read"))
    assert locking.most == 1
    assert server.wrong_at_once == 1
    assert 5 <= locking.total <= 12
    assert run.result.verdict == "conformant"


def test_wrong_secrets_of_a_run_with_findings_stay_within_the_budget() -> None:
    with endpoint("passport", "auth-shorter-secret") as script:
        locking = Locking(script, in_a_row=2)
        with serving(locking) as server:
            run = conduct(inquiry(server, built_in(), limits=PATIENT, scope="read"))
    assert locking.most == 1
    assert len(server.wrong) <= 12
    assert counted(run, "failed") == ["AUTH-026"]


def test_a_lock_after_twenty_in_total_is_met_by_no_run_of_its_own_and_told_by_the_one_that_meets_it() -> None:
    with endpoint("passport") as script:
        locking = Locking(script, in_total=20)
        runs, asked = [], []
        with serving(locking) as server:
            for _ in range(3):
                before = len(server.wrong)
                runs.append(conduct(inquiry(server, built_in(), limits=PATIENT, scope="read")))
                asked.append(len(server.wrong) - before)
                if locking.is_locked:
                    break
    assert max(asked) <= 12
    first, last = runs[0], runs[-1]
    assert first.result.verdict == "conformant"
    assert locking.is_locked
    assert last.result.verdict in ("inconclusive", "unusable")
    sound(last)


LOCKED = [
    refusal(401, "invalid_client"),
    answer(423),
    answer(429, b"slow down"),
    refusal(403, "access_denied"),
    answer(503),
]


@pytest.mark.parametrize("locked", LOCKED, ids=["401", "423", "429", "403", "503"])
def test_a_lock_after_three_in_total_is_seen_at_once(locked: bytes) -> None:
    with endpoint("passport") as script:
        locking = Locking(script, in_total=3, locked=locked)
        with serving(locking) as server:
            run = conduct(inquiry(server, built_in(), limits=PATIENT, scope="read"))
    assert locking.total == 3
    assert not [request for request in locking.after if request.wrong]
    # The lanes beside the one that noticed had one request each under way; each repeats what was limited, once.
    assert len(locking.after) <= 24
    sound(run)
    assert run.result.verdict == "inconclusive"
    assert f"no longer granted: {locked[9:12].decode()}" in run.recording.stopped
    assert {one.verdict for one in run.result.cases} <= DECIDED | {"inconclusive"}
    assert counted(run, "inconclusive")


# A firewall that bans the address

HOSTILE = re.compile(rb"[\x00\x80-\xff]|%00|%0A|^(?:PUT|PATCH|DELETE|FOO|TRACE) |a{4096}|<script", re.MULTILINE)


def test_a_ban_after_three_hits_leaves_what_was_before_and_names_the_cause() -> None:
    hits: list[int] = []
    banned: list[Asked] = []
    lock = threading.Lock()
    page = answer(403, b"<h1>Your address has been blocked</h1>", media_type="text/html")
    with endpoint("passport") as script:

        def guarded(request: Asked) -> bytes | None:
            with lock:
                if len(hits) >= 3:
                    banned.append(request)
                    return page
                if HOSTILE.search(request.data):
                    hits.append(request.number)
                    return page
            return script(request)

        with serving(guarded) as server:
            run = conduct(inquiry(server, built_in(), limits=PATIENT, scope="read"))
    assert len(hits) == 3
    # Up to the next control ten stimuli travel, then what is under way, and the control is repeated.
    assert len(banned) <= 22
    assert not [request for request in banned if request.wrong]
    assert run.result.verdict == "inconclusive"
    assert "the valid request is no longer granted: 403 with text/html content" in run.recording.stopped
    assert run.result.reason.endswith(run.recording.stopped)
    sound(run)
    assert "passed" in {one.verdict for one in run.result.cases}
    late = [
        one for one in run.result.cases if any("not sent: the valid request is no longer" in one.reason for _ in "1")
    ]
    assert late
    assert {one.verdict for one in late} == {"inconclusive"}


# Rate limits


@dataclass
class Limiting:
    """A server that answers 429 to what comes too early, and says when to come back.

    Attributes:
        per_second: requests that it takes in any second.
        wait: value of Retry-After at a moment; ``None`` for no such field.
    """

    per_second: int
    wait: Callable[[], str] | None
    taken: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Asked) -> bytes | None:
        with self.lock:
            now = time.monotonic()
            if sum(now - at < 1 for at in self.taken) >= self.per_second:
                self.refused.append(now)
                return answer(429, b"slow down", *([f"Retry-After: {self.wait()}"] if self.wait is not None else []))
            self.taken.append(now)
        return decent(request)


WAITS: list[Callable[[], str] | None] = [
    None,
    lambda: "1",
    lambda: formatdate(time.time() + 2, usegmt=True),
    lambda: "soon",
    lambda: "-5",
    lambda: "",
]


@pytest.mark.parametrize("wait", WAITS, ids=["none", "seconds", "date", "word", "negative", "empty"])
def test_a_limit_is_waited_for_and_nothing_is_held_against_it(wait: Callable[[], str] | None) -> None:
    limiting = Limiting(12, wait)
    with serving(limiting) as server:
        run = conduct(inquiry(server, probes(30), limits=Limits(timeout=3, concurrency=2)))
    sound(run)
    assert run.result.verdict == "conformant"
    assert limiting.refused
    assert len(limiting.refused) <= 12
    for at in limiting.refused:
        # What was under way when the limit was told may still come in.
        early = [one.at for one in server.asked if at + 0.1 < one.at < at + 0.85]
        assert early == []


@pytest.mark.parametrize("wait", ["31", "86400", "9" * 40, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_limit_beyond_all_patience_ends_the_run_soon_and_is_told(wait: str) -> None:
    served: list[Asked] = []

    def script(request: Asked) -> bytes | None:
        if len(served) < 20:
            served.append(request)
            return decent(request)
        return answer(429, b"slow down", f"Retry-After: {wait}")

    began = time.monotonic()
    with serving(script) as server:
        run = conduct(inquiry(server, probes(60), limits=PATIENT))
    assert time.monotonic() - began < 10
    assert len(server.asked) <= 20 + 12
    sound(run)
    assert run.result.verdict == "inconclusive"
    assert "no longer granted: 429" in run.recording.stopped
    assert len(counted(run, "passed")) >= 10


def test_a_date_in_the_past_and_one_by_another_clock_are_no_reason_to_wait_long() -> None:
    for fields, least, most in (
        ((f"Retry-After: {formatdate(time.time() - 900, usegmt=True)}",), 0.0, 1.5),
        # The server's own clock is a day ahead: what it means is two seconds.
        (
            (
                f"Date: {formatdate(time.time() + 86400, usegmt=True)}",
                f"Retry-After: {formatdate(time.time() + 86402, usegmt=True)}",
            ),
            0.9,
            4.0,
        ),
    ):
        limits = [answer(429, b"slow down", *fields)]

        def script(request: Asked, limits: list[bytes] = limits) -> bytes:
            return limits.pop() if request.number == 3 and limits else decent(request)

        with serving(script) as server:
            run = conduct(inquiry(server, probes(6), limits=Limits(timeout=3, concurrency=1)))
        sound(run)
        gap = server.asked[3].at - server.asked[2].at
        assert least <= gap <= most


def test_a_limit_on_wrong_secrets_alone_ends_those_alone() -> None:
    with endpoint("passport") as script:

        def wary(request: Asked) -> bytes | None:
            if request.wrong and len(server.wrong) > 2:
                return answer(429, b"slow down", "Retry-After: 60")
            return script(request)

        with serving(wary) as server:
            run = conduct(inquiry(server, built_in(), limits=PATIENT, scope="read"))
    assert len(server.wrong) == 3
    sound(run)
    assert run.result.verdict == "inconclusive"
    assert run.recording.stopped == ""
    assert all(one.startswith("AUTH-") for one in counted(run, "inconclusive"))
    assert "429" in next(one.reason for one in run.result.cases if one.verdict == "inconclusive")


# Pace


def test_the_pace_is_kept_through_every_phase() -> None:
    asked_for = 20.0
    with endpoint("passport", "ctype-case", "auth-shorter-secret") as script, serving(script) as server:
        cases = tuple(case for case in built_in() if case.requirement.area in ("CTYPE", "REQ", "AUTH", "GEN"))
        limits = Limits(timeout=5, max_rps=asked_for)
        # Reading what was drawn takes a moment in which nothing is sent; it is not the pace that is looked at here.
        asked = inquiry(server, cases, limits=limits, scope="read", examples=8)
        list(engine.planned(asked, engine.begin(asked, lambda _: None)).generate() if asked.examples else ())  # type: ignore[misc]
        run = conduct(asked)
    phases = {(one.role, one.attempt) for one in run.recording.exchanges}
    assert phases >= {("control", 1), ("stimulus", 1), ("spelling", 1), ("description", 1), ("stimulus", 2)}
    assert any(one.spent for one in run.recording.exchanges)
    at = [request.at for request in server.asked]
    assert len(at) >= 100
    seconds = 3.0
    counts = sorted(sum(0 <= one - since < seconds for one in at) for since in at if since + seconds <= at[-1])
    # Never do more come in a while. A busy machine makes it fewer now and then, and nothing ever makes up for that.
    assert counts[-1] <= 1.05 * asked_for * seconds
    assert counts[len(counts) * 3 // 4] >= 0.95 * asked_for * seconds


def test_a_token_in_every_answer_makes_no_one_forget_the_pace() -> None:
    with serving(lambda _: token()) as server:
        conduct(inquiry(server, probes(30), limits=Limits(timeout=3, max_rps=50, concurrency=16)))
    at = [request.at for request in server.asked]
    assert (at[-1] - at[0]) / (len(at) - 1) >= 0.95 / 50
