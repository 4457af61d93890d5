"""Pace and endurance: what a run bears of a slow or wordy target, and when it has had enough."""

from __future__ import annotations

import pytest

from conformance.engine import conduct
from conformance.pace import BULK, PLAIN, SILENCE, Endurance
from conformance.target import Limits
from tests.servers import Asked, decent, inquiry, probes, serving, token

LATE = "answers came late or not at all, and too much time went into them"


def test_answers_in_time_cost_nothing() -> None:
    endurance = Endurance(10)
    for _ in range(1000):
        endurance.take(PLAIN, 4.9, 1, answered=True)
    assert endurance.over == ""


@pytest.mark.parametrize(("seconds", "answered"), [(5.0, True), (0.1, False)], ids=["late", "none"])
def test_late_answers_and_none_use_up_the_time(seconds: float, answered: bool) -> None:
    endurance = Endurance(10)
    needed = round(SILENCE / seconds)
    for _ in range(needed - 1):
        endurance.take(100, seconds, 1, answered=answered)
    assert endurance.over == ""
    endurance.take(100, seconds + 0.01, 1, answered=answered)
    assert endurance.over == LATE


def test_waiting_side_by_side_costs_a_share_each() -> None:
    endurance = Endurance(10)
    for _ in range(7):
        endurance.take(100, 10, 4, answered=False)
    assert endurance.over == ""
    endurance.take(100, 10.1, 4, answered=False)
    assert endurance.over == LATE


def test_a_longer_timeout_gives_more_time() -> None:
    endurance = Endurance(30)
    endurance.wait(2 * 30 - 0.1)
    assert endurance.over == ""
    endurance.wait(0.2)
    assert endurance.over == LATE


def test_octets_beyond_a_plain_answer_are_counted_and_no_others() -> None:
    endurance = Endurance(10)
    endurance.take(PLAIN + BULK - 1, 0, 1, answered=True)
    assert endurance.over == ""
    endurance.take(PLAIN, 0, 1, answered=True)
    assert endurance.over == ""
    endurance.take(PLAIN + 1, 0, 1, answered=True)
    assert endurance.over == "the answers are too large, 3 MiB more than is usual"


def test_confirming_gets_some_more_once() -> None:
    endurance = Endurance(4)
    endurance.wait(100)
    endurance.take(PLAIN + 2 * BULK, 0, 1, answered=True)
    assert endurance.over
    endurance.renew()
    assert endurance.over == ""
    endurance.wait(10.1)
    assert endurance.over == LATE
    endurance.renew()
    assert endurance.over == LATE


def test_the_clock_ends_a_run_that_takes_too_long() -> None:
    def slowly(request: Asked) -> bytes | None:
        return decent(request) if request.number < 3 else None

    with serving(slowly) as server:
        limits = Limits(timeout=5, max_duration=0.5, concurrency=1)
        run = conduct(inquiry(server, probes(40), limits=limits))
    assert run.recording.stopped == "the run took longer than --max-duration"
    assert run.result.verdict == "inconclusive"
    assert len(server.asked) < 6
    assert {one.reason for one in run.result.cases if one.verdict == "inconclusive"}


def test_a_run_in_time_is_not_ended_by_the_clock() -> None:
    with serving(lambda _: token()) as server:
        run = conduct(inquiry(server, probes(5), limits=Limits(timeout=5, max_duration=60)))
    assert run.recording.stopped == ""
    assert run.result.verdict == "conformant"
