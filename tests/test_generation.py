"""Generated requests: single deviations come first, all of them fit, and nothing drawn tries a wrong secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.case import GENERATED, built_in
from conformance.engine import conduct
from conformance.guessing import tries_wrong_secret
from conformance.properties import generation, near_miss, odd, spelling
from conformance.properties.spelling import JOINT
from conformance.request import VALID, encode
from tests.servers import answer, decent, endpoint, inquiry, refusal, serving
from tests.test_plan import binder, profile

if TYPE_CHECKING:
    from conformance.judging import Verdict
    from conformance.plan import Stimulus
    from tests.servers import Script

CASES = {one.id: one for one in built_in()}
SLOTS = {"spelling": spelling.SLOTS, "odd": odd.SLOTS}


def drawn(source: str, *, seed: int = 1, examples: int = 100, name: str = "passport") -> list[Stimulus]:
    return list(generation.draw(source, profile(name), seed=seed, examples=examples))


def judged(script: Script, row: str, examples: int = 100) -> Verdict:
    with serving(script) as server:
        run = conduct(inquiry(server, (CASES[row],), examples=examples))
    return run.result.cases[0]


@pytest.mark.parametrize("source", SLOTS)
def test_each_deviation_is_drawn_alone_before_any_company(source: str) -> None:
    hows = [one.how for one in drawn(source)]
    alone = [how for how in hows if JOINT not in how]
    assert hows[: len(alone)] == alone
    assert {deviation.words for slot in SLOTS[source] for deviation in slot} <= set(alone)
    assert len(hows) > len(alone)


def test_each_near_miss_that_is_no_matter_of_chance_is_drawn_alone() -> None:
    found = {one.digest for one in drawn("near_miss")}
    assert {one.template.digest for one in near_miss.single(unnamed=True)} <= found


@pytest.mark.parametrize("source", GENERATED)
def test_the_seed_decides(source: str) -> None:
    first = [one.digest for one in drawn(source, examples=20)]
    assert first == [one.digest for one in drawn(source, examples=20)]
    assert first != [one.digest for one in drawn(source, examples=20, seed=2)]
    assert len(set(first)) == len(first)


@pytest.mark.parametrize("name", ["passport", "rfc6749"])
def test_an_odd_request_carries_the_right_credentials_and_no_other(name: str) -> None:
    bindings = binder(name=name).bindings("")
    (own,) = (line.value for line in VALID.fields if line.name == b"Authorization")
    assert own is not None
    right = b"\r\nAuthorization: " + b"".join(run.data for run in own.runs(bindings)) + b"\r\n"
    for one in drawn("odd", name=name):
        assert right in encode(one.template, bindings).data
        assert not tries_wrong_secret(one.template, bindings)


def test_a_server_that_wants_a_length_breaks_no_spelling() -> None:
    with endpoint("passport") as script:
        chunks = b"\r\nTransfer-Encoding: chunked"
        wanting = judged(lambda asked: answer(411) if chunks in asked.data else script(asked), "GEN-001")
        refusing = judged(lambda asked: refusal(400, "x") if chunks in asked.data else script(asked), "GEN-001")
    assert wanting.verdict == "passed"
    assert refusing.verdict == "failed"
    assert refusing.actual == "400 x for the body in one chunk; 400 x for the body in two chunks"


@pytest.mark.parametrize("needle", [b"__proto__=1", b"; charset=x-conformance", b"Range: bytes=9-1"])
def test_a_crash_at_an_odd_value_is_found(needle: bytes) -> None:
    found = judged(lambda asked: answer(500) if needle in asked.data else decent(asked), "GEN-003")
    assert (found.verdict, found.actual[:4]) == ("failed", "500 ")
