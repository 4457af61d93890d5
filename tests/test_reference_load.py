"""The embedded endpoint under many requests at once, with the defects and variants that only those bring out."""

from __future__ import annotations

import re
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from conformance.reference import DEFECTS, Endpoint, behaviour, start
from tests.test_reference import PROFILES, ask, b64, outcome, parts, request

if TYPE_CHECKING:
    from collections.abc import Callable

# Of the rows about load the second one says how a date and a number of seconds look.
RETRY_AFTER = re.compile(r"\d+|\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")

CROWDED = {name for name in DEFECTS if name.startswith("load-")} - {"load-retry-fraction"}


@pytest.fixture(autouse=True)
def _slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine does not send a burst within a few milliseconds."""
    monkeypatch.setattr(behaviour, "HOLD", 0.15)


def burst(endpoint: Endpoint, size: int) -> list[bytes]:
    """The answers to that many valid requests, all of which are sent before the first answer is read."""
    with ExitStack() as stack:
        socks = [
            stack.enter_context(socket.create_connection((endpoint.host, endpoint.port), timeout=5))
            for _ in range(size)
        ]
        for sock in socks:
            sock.sendall(request(endpoint))
        return [sock.recv(65536) for sock in socks]


def failed(answer: bytes) -> bool:
    """Whether the row about a burst has something against an answer."""
    if not answer:
        return True
    status, fields, _ = parts(answer)
    return status not in (200, 429) and not (status == 503 and "retry-after" in fields)


def unexplained(answer: bytes) -> bool:
    """Whether the row about Retry-After has something against an answer."""
    return not RETRY_AFTER.fullmatch(parts(answer)[1].get("retry-after", "0"))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    "name", [name for name in DEFECTS if name.startswith("load-") and name != "load-retry-fraction"]
)
def test_a_defect_shows_in_a_burst_and_not_before(name: str, profile: str) -> None:
    wrong: Callable[[bytes], bool] = failed if DEFECTS[name].violates[0] == "LOAD-001" else unexplained
    with start(profile, defects=[name]) as endpoint:
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in burst(endpoint, 4))
        answers = burst(endpoint, 10)
        assert any(map(wrong, answers))
        assert outcome(ask(endpoint)) == (200, "token")


def test_the_correct_endpoint_serves_a_burst() -> None:
    with start() as endpoint:
        assert not any(map(failed, burst(endpoint, 30)))


def test_a_limit_of_guesses_may_say_wrongly_when_to_come_back() -> None:
    with start(defects=["load-retry-fraction"]) as endpoint:
        answers = [ask(endpoint, auth=b64("nobody:x")) for _ in range(9)]
        assert [status for status, _, _ in answers] == [401] * 8 + [429]
        assert answers[-1][1]["retry-after"] == "0.5"
        assert outcome(ask(endpoint)) == (200, "token")


@pytest.mark.parametrize(("name", "status"), [("limits-bursts", 429), ("overloaded-503", 503)])
def test_a_variant_limits_bursts_and_says_when_to_come_back(name: str, status: int) -> None:
    with start(variant=name) as endpoint:
        answers = burst(endpoint, 10)
        assert {parts(answer)[0] for answer in answers} == {200, status}
        assert not any(failed(answer) or unexplained(answer) for answer in answers)
