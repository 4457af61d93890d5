"""Near misses: none is granted, the culprit of one that is stands alone, and the other generated rows see them too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from conformance import case, engine, reference
from conformance.embedded import target_of
from conformance.properties import generation
from conformance.request import encode
from conformance.target import Client, Credentials, Limits, Secret
from tests.servers import Asked, answer, decent, endpoint, inquiry, serving, token
from tests.test_plan import REMOTE, binder, profile, target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.engine import Run
    from conformance.judging import Verdict
    from tests.servers import Script

CASES = {one.id: one for one in case.built_in()}
FEW = 120


def judged(script: Script, *rows: str, **more: Any) -> Run:
    with serving(script) as server:
        cases = tuple(CASES[row] for row in rows)
        return engine.conduct(inquiry(server, cases, **{"examples": FEW, "limits": Limits(timeout=3), **more}))


def verdict(run: Run, row: str) -> Verdict:
    return next(one for one in run.result.cases if one.case.id == row)


@pytest.mark.parametrize("name", ["passport", "rfc6749"])
def test_a_correct_endpoint_grants_none(name: str) -> None:
    with reference.start(name) as running:
        asked = inquiry(running.base_url, (CASES["GEN-002"],), name, examples=FEW, limits=Limits(timeout=5))
        run = engine.conduct(replace(asked, target=target_of(running)))
    assert verdict(run, "GEN-002").verdict == "passed"
    assert sum(one.role == "near_miss" for one in run.recording.exchanges) > FEW // 2
    assert not any(one.spent for one in run.recording.exchanges)


def test_without_examples_there_is_nothing_to_judge() -> None:
    one = verdict(judged(decent, "GEN-002", examples=0), "GEN-002")
    assert (one.verdict, one.reason) == ("not_applicable", "no request was generated (--examples 0)")


@pytest.fixture(scope="module")
def strict() -> Iterator[Script]:
    """A correct endpoint."""
    with endpoint("passport") as script:
        yield script


def scheme(request: Asked) -> bytes:
    return request.data.partition(b"\r\nAuthorization: ")[2].split(b" ")[0]


def test_a_token_for_a_near_miss_fails_and_the_culprit_stands_alone(strict: Script) -> None:
    run = judged(lambda request: token() if scheme(request) == b"Token" else strict(request), "GEN-002", examples=300)
    one = verdict(run, "GEN-002")
    assert one.verdict == "failed"
    assert one.expected == "no token for any request that is wrong in a place or two"
    assert one.actual == "a token for right credentials behind the word Token"
    shown = [exchange for exchange in run.recording.exchanges if exchange.number in one.witnesses]
    assert {exchange.attempt for exchange in shown} == {1, 2}
    assert any("; " in exchange.how for exchange in shown)
    assert any(exchange.how == "AUTH-022 right credentials behind the word Token" for exchange in shown)


def test_it_follows_the_finding_of_the_request_that_was_written_by_hand(strict: Script) -> None:
    def defaulting(request: Asked) -> bytes | None:
        return token() if request.right and b"grant_type=" not in request.body else strict(request)

    run = judged(defaulting, "GRANT-001", "GRANT-002", "GRANT-003", "BODY-012", "CTYPE-006", "GEN-002")
    assert verdict(run, "GRANT-001").verdict == verdict(run, "CTYPE-006").verdict == "failed"
    # Of several findings of one kind it follows the one whose ID comes first.
    assert (verdict(run, "GEN-002").verdict, verdict(run, "GEN-002").follows) == ("failed", "CTYPE-006")


def test_the_other_generated_rows_look_at_near_misses_too(strict: Script) -> None:
    def crashing(request: Asked) -> bytes | None:
        echo = request.data.partition(b"\r\nAuthorization: ")[2].partition(b"\r\n")[0]
        odd = {b"Foo": answer(500), b"Basics": None, b"Token": answer(401, echo)}
        return odd.get(scheme(request), b"") if scheme(request) in odd else strict(request)

    rows = ("GEN-002", "GEN-003", "GEN-004", "GEN-005")
    run = judged(crashing, *rows, limits=Limits(timeout=0.6))
    assert {row: verdict(run, row).verdict for row in rows} == {
        "GEN-002": "passed",
        "GEN-003": "failed",
        "GEN-004": "failed",
        "GEN-005": "failed",
    }


@pytest.mark.parametrize("name", ["passport", "rfc6749"])
def test_off_this_machine_no_credentials_of_the_client_travel(name: str) -> None:
    lamb = Client("sacrificial", Credentials("lamb", Secret("lamb-secret-1")))
    drawn = list(generation.draw("near_miss", profile(name), seed=1, examples=FEW))
    for clients in ((), (lamb,)):
        at = binder(replace(target(REMOTE), clients=clients), name)
        mutated = [one for one in drawn if "AUTH-" in one.how and _possible(one.template, at)]
        every = [encode(one.template, at.bindings(one.digest)) for one in mutated]
        assert len(every) > FEW // 4
        assert not any("secret" in one.template.symbols for one in mutated)
        assert any(one.secrets for one in every) is bool(clients)


def _possible(template: Any, at: Any) -> bool:
    from conformance.bindings import Inapplicable  # noqa: PLC0415

    try:
        encode(template, at.bindings(""))
    except Inapplicable:
        return False
    return True
