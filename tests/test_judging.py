"""Judging: what a recording says of each case and of the run; every recording here is written by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance import catalogue, judging, profiles, proxy
from conformance.judging import (
    Evidence,
    Verdict,
    closed,
    concluded,
    confirmed,
    expectation,
    joined,
    judge,
    overall,
    result,
)
from conformance.recording import Exchange, Header, Recording, Token
from conformance.reply import (
    GRANTED,
    INVALID_REQUEST,
    REFUSED,
    Answer,
    Contract,
    Judgement,
    Note,
    Replies,
    Reply,
    refused,
)
from conformance.request import VALID
from conformance.series import Series
from tests.servers import answer, declared, granted, refusal, token, turned_down

if TYPE_CHECKING:
    from conformance.case import Case
    from conformance.request import Template

PASSPORT = profiles.load("passport", Path.cwd())
CONTRACT = Contract(PASSPORT, "/passport/oauth/token", loopback=True, exposed="client")
OTHER = VALID.with_form("grant_type=other")
THIRD = VALID.with_form("grant_type=third")
FACTS = Token(length=35, visible=True, b64token=True, fingerprint="0" * 16)


def exchange(template: Template, octets: bytes, *, attempt: int = 1, role: str = "stimulus", how: str = "") -> Exchange:
    return Exchange(
        number=0,
        role="control" if template is VALID else role,
        attempt=attempt,
        template=template.digest,
        label="one",
        how=how,
        sent=b"POST / HTTP/1.1\r\n\r\n",
        received=octets,
        ending="complete" if octets else "first-byte-timeout",
        detail="" if octets else "no octet of an answer within 1 s",
        left_open=False,
        head=False,
        started=0.0,
        first_byte=0.1,
        duration=0.1,
        spent=False,
        token=FACTS if b"access_token" in octets else None,
    )


YES, NO = exchange(VALID, token()), exchange(VALID, refusal(401, "invalid_client"))


def recording(*exchanges: Exchange, skipped: dict[str, str] | None = None, stopped: str = "") -> Recording:
    """The exchanges a second apart, in that order."""
    numbered = tuple(replace(one, number=at, started=float(at)) for at, one in enumerate(exchanges, 1))
    return Recording(Header("0" * 12, "0", 1, "passport", {}, True, {}, 0.0), numbered, skipped or {}, stopped)


def evidence(*exchanges: Exchange, cases: tuple[Case, ...] = (), **more: Any) -> Evidence:
    return Evidence(recording(*exchanges, **more), cases)


def verdict(case: Case, *exchanges: Exchange, **more: Any) -> Verdict:
    return confirmed(case, evidence(*exchanges, cases=(case,), **more), CONTRACT)


def seen_twice(template: Template, octets: bytes) -> tuple[Exchange, ...]:
    return YES, exchange(template, octets), YES, exchange(template, octets, attempt=2), YES


# The support of controls


@pytest.mark.parametrize(
    ("order", "supported"),
    [
        ([YES, "?", YES], True),
        ([YES, "?", NO], False),
        ([NO, "?", YES], False),
        ([NO, YES, "?", YES, NO], True),
        ([YES, NO, "?", YES], False),
        ([YES, "?", NO, YES], False),
        (["?", YES], False),
        ([YES, "?"], False),
        (["?"], False),
        ([YES, "?", exchange(VALID, b"")], False),
        ([YES, "?", exchange(VALID, answer(429))], False),
        ([YES, "?", exchange(VALID, answer(200, b"{}"))], False),
    ],
)
def test_a_refusal_counts_only_between_two_granted_controls(order: list[Any], supported: bool) -> None:
    case = turned_down("OWN-001", OTHER)
    exchanges = [exchange(OTHER, refusal(400)) if one == "?" else one for one in order]
    found = verdict(case, *exchanges)
    assert found.verdict == ("passed" if supported else "inconclusive")
    if not supported:
        assert "control beside it" in found.reason


def during(control: Exchange, begun: int) -> Exchange:
    """A control that lasted until the exchange of that number had begun."""
    return replace(control, begun=begun)


@pytest.mark.parametrize(
    ("order", "begun", "supported"),
    [
        # The one after it began while it was under way, and may have been answered before it.
        ([YES, "?", YES], 3, False),
        ([YES, "?", YES, YES], 3, True),
        ([YES, "?", YES, NO], 3, False),
        ([YES, "?", NO, YES], 3, False),
        # The one before it was still under way, and may have been answered after it.
        ([during(YES, 2), "?", YES], 2, False),
        ([YES, during(YES, 3), "?", YES], 3, True),
        ([NO, during(YES, 3), "?", YES], 3, False),
        ([YES, during(NO, 3), "?", YES], 3, False),
        ([YES, during(YES, 2), "?", YES], 3, True),
    ],
)
def test_a_control_at_the_same_time_is_neither_before_nor_after(order: list[Any], begun: int, supported: bool) -> None:
    refused_ = replace(exchange(OTHER, refusal(400)), begun=begun)
    exchanges = [refused_ if one == "?" else one for one in order]
    found = judge(turned_down("OWN-001", OTHER), evidence(*exchanges), CONTRACT)
    assert found.verdict == ("passed" if supported else "inconclusive")


@pytest.mark.parametrize("order", [[YES, "?", NO], [NO, "?", NO], ["?"]])
def test_a_token_stands_whatever_the_controls(order: list[Any]) -> None:
    exchanges = [exchange(OTHER, token()) if one == "?" else one for one in order]
    assert verdict(granted("OWN-001", OTHER), *exchanges).verdict == "passed"
    assert judge(turned_down("OWN-002", OTHER), evidence(*exchanges), CONTRACT).verdict == "failed"


@pytest.mark.parametrize(
    ("order", "verdict_"), [([YES, "?", YES, NO], "passed"), ([YES, "?", NO, YES], "inconclusive")]
)
def test_a_clock_that_is_set_back_moves_no_control(order: list[Any], verdict_: str) -> None:
    made = recording(*(exchange(OTHER, refusal()) if one == "?" else one for one in order))
    late = tuple(replace(one, started=one.started - (3600 if one.number == 3 else 0)) for one in made.exchanges)
    found = judge(turned_down("OWN-001", OTHER), Evidence(replace(made, exchanges=late), ()), CONTRACT)
    assert found.verdict == verdict_


@pytest.mark.parametrize("octets", [answer(429), answer(503, b"", "Retry-After: 1")])
def test_a_limited_request_decides_nothing(octets: bytes) -> None:
    found = verdict(granted("OWN-001", OTHER), *seen_twice(OTHER, octets))
    assert found.verdict == "inconclusive"
    assert "limits the rate" in found.reason


def test_the_repetition_after_a_limit_stands_for_the_request() -> None:
    limited = exchange(OTHER, answer(429))
    assert verdict(granted("OWN-001", OTHER), YES, limited, exchange(OTHER, token()), YES).verdict == "passed"


@pytest.mark.parametrize(
    "first", [NO, exchange(VALID, answer(429)), exchange(VALID, answer(502)), exchange(VALID, b"")]
)
def test_the_valid_request_is_judged_by_the_control_that_opened_the_gate(first: Exchange) -> None:
    case = granted("OWN-001", VALID)
    assert verdict(case, first, YES, YES).verdict == "passed"
    assert closed(evidence(first, YES)) == ""


def test_a_2xx_without_a_token_fails_the_valid_request_without_any_granted_control() -> None:
    tokenless = exchange(VALID, answer(200, b"{}"))
    found = verdict(granted("OWN-001", VALID), tokenless, replace(tokenless, attempt=2), stopped="without a token")
    assert found.verdict == "failed"
    assert found.witnesses == (1, 2)
    assert closed(evidence(tokenless)) == ""


def test_a_2xx_without_a_token_that_is_not_repeated_alike_is_unstable() -> None:
    tokenless = exchange(VALID, answer(200, b"{}"))
    for again, words in ((YES, "then 200 with a token"), (NO, "control beside it")):
        found = verdict(granted("OWN-001", VALID), tokenless, replace(again, attempt=2))
        assert found.verdict == "inconclusive"
        assert words in found.reason


def test_a_run_without_any_granted_control_is_closed() -> None:
    assert closed(evidence(NO, NO, stopped="the valid request is refused: 401")) == "the valid request is refused: 401"
    assert closed(evidence(NO)) == closed(evidence()) == "the recording holds no valid request that was granted"


# Confirmation


@pytest.mark.parametrize("octets", [answer(500), refusal(), b""])
def test_what_is_seen_twice_alike_is_failed_with_both_as_witnesses(octets: bytes) -> None:
    found = verdict(granted("OWN-001", OTHER), *seen_twice(OTHER, octets))
    assert found.verdict == "failed"
    assert found.witnesses == (2, 4)
    assert found.changed == ("- grant_type=client_credentials", "+ grant_type=other")


@pytest.mark.parametrize("octets", [answer(500), refusal(), b""])
def test_what_differs_the_second_time_is_unstable_with_both_shown(octets: bytes) -> None:
    again = exchange(OTHER, token(), attempt=2)
    found = verdict(granted("OWN-001", OTHER), YES, exchange(OTHER, octets), YES, again, YES)
    assert found.verdict == "inconclusive"
    assert found.reason == f"unstable: first {found.actual}; then 200 with a token"
    assert found.actual in (
        "500 without content",
        "400 invalid_request",
        "no answer (no octet of an answer within 1 s)",
    )


def test_a_repetition_that_decides_nothing_confirms_nothing() -> None:
    again = exchange(OTHER, refusal(), attempt=2)
    found = verdict(granted("OWN-001", OTHER), YES, exchange(OTHER, refusal()), YES, again, NO)
    assert found.verdict == "inconclusive"
    assert found.reason == (
        "expected a token, got 400 invalid_request; repeated: expected a token, "
        "got 400 invalid_request, but a control beside it was not granted either"
    )


@pytest.mark.parametrize(
    ("skipped", "stopped", "why"),
    [
        ({OTHER.digest: "not sent: the budget is spent"}, "", ": not sent: the budget is spent"),
        ({OTHER.digest: "not sent: the budget is spent"}, "interrupted", ": not sent: the budget is spent"),
        ({THIRD.digest: "not sent: the budget is spent"}, "", ""),
        ({}, "interrupted", ": interrupted"),
        ({}, "", ""),
    ],
)
def test_what_was_seen_once_is_not_failed(skipped: dict[str, str], stopped: str, why: str) -> None:
    once = (YES, exchange(OTHER, answer(500)), YES)
    found = verdict(granted("OWN-001", OTHER), *once, skipped=skipped, stopped=stopped)
    assert found.verdict == "inconclusive"
    assert found.reason == f"expected a token, got 500 without content; seen once, and not repeated{why}"
    assert (found.actual, found.witnesses) == ("500 without content", (2,))


def test_an_invariant_that_many_answers_break_alike_needs_no_repetition() -> None:
    def nothing_is_refused(judge: Judgement) -> None:
        judge.each(judge.answers, "no refusal", lambda one: None if one.granted else one.words())

    case = declared("OWN-001", nothing_is_refused)
    plain = exchange(OTHER, refusal())
    assert verdict(case, YES, plain, YES).verdict == "inconclusive"
    assert verdict(case, YES, plain, plain, YES).verdict == "failed"


def test_an_invariant_sees_only_what_was_repeated_the_second_time() -> None:
    seen: list[list[int]] = []

    def looks(judge: Judgement) -> None:
        seen.append([one.exchange.number for one in judge.answers])
        judge.each(judge.answers, "a token", lambda one: None if one.granted else one.words())

    found = verdict(declared("OWN-001", looks), *seen_twice(OTHER, answer(500)))
    assert seen == [[1, 2, 3, 4, 5], [4]]
    assert (found.verdict, found.witnesses) == ("failed", (2, 4))


def no_crash(judge: Judgement) -> None:
    judge.each(judge.answers, "no 5xx", lambda one: one.words() if one.status >= 500 else None)


def test_one_stray_answer_among_the_repetitions_is_not_seen_twice() -> None:
    repeated = (YES, exchange(OTHER, refusal()), YES, exchange(OTHER, answer(500), attempt=2), YES)
    assert verdict(declared("OWN-001", no_crash), *repeated).verdict == "inconclusive"


def test_two_different_requests_that_fail_once_each_confirm_nothing() -> None:
    other = (YES, exchange(OTHER, answer(500)), YES, exchange(OTHER, refusal(), attempt=2), YES)
    third = (exchange(THIRD, refusal()), YES, exchange(THIRD, answer(500), attempt=2), YES)
    found = verdict(declared("OWN-001", no_crash), *other, *third)
    assert (found.verdict, found.reason[:9]) == ("inconclusive", "unstable:")


def test_a_stimulus_that_was_not_repeated_does_not_confirm_one_that_was() -> None:
    def both(one: Reply, two: Reply) -> None:
        one.must_be(REFUSED)
        two.must_be(REFUSED)

    once = (YES, exchange(OTHER, token()), YES, exchange(THIRD, token()), YES)
    found = verdict(declared("OWN-001", both, one=OTHER, two=THIRD), *once, exchange(OTHER, refusal(), attempt=2), YES)
    assert found.verdict == "inconclusive"


def test_a_finding_that_names_no_exchange_cannot_be_repeated_and_stands() -> None:
    case = declared("OWN-001", lambda judge: judge.notes.append(Note("unmet", "this", "that")))
    assert verdict(case, YES, YES).verdict == "failed"


@pytest.mark.parametrize("level", ["SHOULD", "MAY"])
def test_a_crash_fails_whatever_the_level_and_is_confirmed_too(level: str) -> None:
    case = granted("OWN-001", OTHER, level=level)
    assert verdict(case, *seen_twice(OTHER, answer(500))).verdict == "failed"
    assert verdict(case, YES, exchange(OTHER, answer(500)), YES).verdict == "inconclusive"


# Verdicts of a case


@pytest.mark.parametrize(
    ("level", "severity", "verdict_", "counts"),
    [
        ("MUST", None, "failed", "must"),
        ("DOC", None, "failed", "must"),
        ("ROBUST", None, "failed", "must"),
        ("SHOULD", None, "warning", "should"),
        ("MAY", None, "observed", "never"),
        ("MUST", "warn", "warning", "should"),
        ("SHOULD", "fail", "failed", "must"),
        ("MAY", "warn", "warning", "should"),
    ],
)
def test_the_level_and_the_severity_say_what_an_unmet_row_gives(
    level: str, severity: str | None, verdict_: str, counts: str
) -> None:
    case = granted("OWN-001", OTHER, level=level)
    case = replace(case, requirement=replace(case.requirement, severity=severity))
    found = evidence(*seen_twice(OTHER, refusal()))
    assert confirmed(case, found, CONTRACT).verdict == verdict_
    levels: tuple[judging.FailOn, ...] = ("must", "should")
    outcomes = {fail_on: result([case], found, CONTRACT, fail_on=fail_on).verdict for fail_on in levels}
    assert outcomes == {
        "must": "non-conformant" if counts == "must" else "conformant",
        "should": "conformant" if counts == "never" else "non-conformant",
    }


def test_the_worst_note_gives_the_verdict() -> None:
    order = ["passed", "observed", "warning", "inconclusive", "unmet"]
    expected = ["passed", "observed", "warning", "inconclusive", "failed"]
    for at in range(len(order)):

        def notes(judge: Judgement, upto: int = at) -> None:
            judge.notes += [Note(name, "this", f"that {name}") for name in order[: upto + 1]]

        found = judge(declared("OWN-001", notes), evidence(YES), CONTRACT)
        assert found.verdict == expected[at]
        assert at == 0 or found.actual == f"that {order[at]}"
        assert len(found.notes) == at + 1


def test_the_narrower_statement_wins() -> None:
    def one(one: Reply) -> None:
        one.must_be(REFUSED, warn=refused(403, 404), observe=refused(404, 405), fail=refused(405))

    case = declared("OWN-001", one, one=OTHER)
    statuses = {400: "passed", 403: "warning", 404: "observed", 405: "failed"}
    found = {status: judge(case, evidence(YES, exchange(OTHER, refusal(status)), YES), CONTRACT) for status in statuses}
    assert {status: one.verdict for status, one in found.items()} == statuses


def test_a_case_that_raises_is_an_error_and_takes_nothing_with_it() -> None:
    def broken(one: Reply) -> None:
        one.answer.nothing  # type: ignore[union-attr]  # noqa: B018 - it raises

    def calls_pytest(one: Reply) -> None:
        pytest.fail(f"never mind {one.name}")

    def bad_word(judge: Judgement) -> None:
        judge.notes.append(Note("broken", "a", "b"))

    cases = (
        declared("OWN-001", broken, one=OTHER),
        declared("OWN-001", calls_pytest, one=OTHER),
        declared("OWN-001", bad_word),
    )
    for case in cases:
        found = result([case, granted("OWN-002", VALID)], evidence(YES, *seen_twice(OTHER, token())), CONTRACT)
        assert [one.verdict for one in found.cases] == ["error", "passed"]
        assert found.verdict == "inconclusive"
        assert "the case itself failed" in found.cases[0].reason
        assert "Traceback" in found.cases[0].detail


def test_a_keyboard_interrupt_is_not_the_fault_of_a_case() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(declared("OWN-001", interrupted), evidence(YES), CONTRACT)


def test_a_case_that_asserts_nothing_is_an_error() -> None:
    found = judge(declared("OWN-001", lambda one: None, one=OTHER), evidence(*seen_twice(OTHER, token())), CONTRACT)  # noqa: ARG005 - the name is the stimulus
    assert (found.verdict, found.reason) == ("error", "the case asserted nothing")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("own", "yes", "passed"), ("own", "perhaps", "error"), ("other", "yes", "error")],
)
def test_a_trait_must_be_declared_with_its_value(name: str, value: str, expected: str) -> None:
    def observing(judge: Judgement) -> None:
        judge.passes("this")
        judge.trait(name, value)

    found = judge(declared("OWN-001", observing), evidence(YES), CONTRACT)
    assert found.verdict == expected
    assert found.traits == ({name: value} if expected == "passed" else {})


def test_traits_that_were_not_seen_are_unknown() -> None:
    case = granted("OWN-001", VALID)
    assert result([case], evidence(YES, YES), CONTRACT).traits == {"own": "unknown"}


def test_a_row_does_not_apply_where_its_only_stimulus_cannot_be_made() -> None:
    case = granted("OWN-001", OTHER)
    found = verdict(case, YES, YES, skipped={OTHER.digest: "no scope is configured"})
    assert (found.verdict, found.reason) == ("not_applicable", "no scope is configured")


def test_a_row_is_judged_by_the_stimuli_that_can_be_made() -> None:
    def both(one: Reply, two: Reply) -> None:
        one.must_be(GRANTED)
        two.must_be(GRANTED)

    case = declared("OWN-001", both, one=OTHER, two=THIRD)
    absent = {OTHER.digest: "no scope is configured"}
    assert verdict(case, *seen_twice(THIRD, token()), skipped=absent).verdict == "passed"
    assert verdict(case, *seen_twice(THIRD, refusal()), skipped=absent).verdict == "failed"


def test_a_stimulus_that_was_held_back_leaves_the_row_undecided() -> None:
    found = verdict(granted("OWN-001", OTHER), YES, YES, skipped={OTHER.digest: "not sent: 423"})
    assert (found.verdict, found.reason) == ("inconclusive", "expected a token, got not sent: 423")
    found = verdict(granted("OWN-001", OTHER), YES, stopped="interrupted")
    assert (found.verdict, found.reason) == ("inconclusive", "expected a token, got not sent: interrupted")


def test_a_row_may_say_that_it_does_not_apply_unless_something_is_worse() -> None:
    def judged(one: Reply, judge: Judgement) -> None:
        judge.does_not_apply("nothing of the kind here")
        one.must_be(GRANTED)

    case = declared("OWN-001", judged, one=OTHER)
    assert verdict(case, *seen_twice(OTHER, token())).verdict == "not_applicable"
    assert verdict(case, *seen_twice(OTHER, refusal())).verdict == "failed"


@pytest.mark.parametrize("flaw", ["refusal", "nothing"])
def test_an_invariant_over_a_run_that_ended_early_is_not_passed(flaw: str) -> None:
    def looks(judge: Judgement) -> None:
        judge.each((one for one in judge.answers if one.generated), "a token", lambda _: None)

    drawn = exchange(THIRD, token(), role="spelling")
    answers = (YES, drawn, YES) if flaw == "refusal" else (YES, YES)
    found = verdict(declared("OWN-001", looks), *answers, stopped="interrupted")
    assert (found.verdict, found.reason) == ("inconclusive", "the answers are not complete: interrupted")
    assert verdict(declared("OWN-001", looks), *answers).verdict == (
        "passed" if flaw == "refusal" else "not_applicable"
    )


def test_an_invariant_does_not_see_refusals_without_support() -> None:
    def looks(judge: Judgement) -> None:
        judge.each(judge.answers, "something", lambda one: str(one.status))

    case = declared("OWN-001", looks)
    found = judge(case, evidence(YES, exchange(OTHER, refusal(418)), NO, exchange(THIRD, token()), NO), CONTRACT)
    assert "418" not in found.actual
    assert found.witnesses == (1, 4)


# What a verdict says


def test_a_verdict_says_nothing_that_nobody_found() -> None:
    case = granted("OWN-001", OTHER)
    found = Verdict(case, "passed")
    assert (found.subject, found.reason, found.expected, found.actual) == ("endpoint", "", "", "")
    assert (found.changed, found.witnesses, found.notes) == ((), (), ())
    assert (dict(found.stimuli), dict(found.traits)) == ({}, {})
    assert (found.follows, found.detail, found.unwaived, found.waiver, found.newer) == ("", "", "", None, False)
    assert judging.Result("conformant", "", (), {}).edge == "not-judged"


@pytest.mark.parametrize("verdict_", judging.VERDICTS)
def test_a_failure_or_a_warning_is_a_finding_unless_it_follows_another(verdict_: str) -> None:
    case = granted("OWN-001", OTHER)
    assert Verdict(case, verdict_).finding is (verdict_ in ("failed", "warning"))
    assert not Verdict(case, verdict_, follows="OWN-002").finding


def test_the_verdict_of_one_stimulus_is_told_without_its_name() -> None:
    found = judge(granted("OWN-001", OTHER), evidence(YES, exchange(OTHER, refusal()), YES), CONTRACT)
    assert (found.verdict, found.subject) == ("failed", "endpoint")
    assert found.reason == "expected a token, got 400 invalid_request"
    assert (found.expected, found.actual) == ("a token", "400 invalid_request")
    assert found.notes == (Note("failed", "a token", "400 invalid_request", "one", (2,)),)
    assert (found.stimuli, found.witnesses) == ({"one": (2,)}, (2,))


def test_what_passed_has_no_reason_and_shows_what_came() -> None:
    found = judge(turned_down("OWN-001", OTHER), evidence(YES, exchange(OTHER, refusal()), YES), CONTRACT)
    assert (found.verdict, found.reason) == ("passed", "")
    assert (found.expected, found.actual) == ("any 4xx without a token", "400 invalid_request")
    assert found.changed == ("- grant_type=client_credentials", "+ grant_type=other")


def both_are_granted(one: Reply, two: Reply) -> None:
    one.must_be(GRANTED)
    two.must_be(GRANTED)


def test_the_findings_of_two_stimuli_are_told_apart_by_their_names() -> None:
    case = declared("OWN-001", both_are_granted, one=OTHER, two=THIRD)
    answers = (YES, exchange(OTHER, refusal(400)), exchange(THIRD, refusal(401)), YES)
    found = judge(case, evidence(*answers), CONTRACT)
    assert found.reason == (
        "one: expected a token, got 400 invalid_request; two: expected a token, got 401 invalid_request"
    )
    assert found.expected == "a token"
    assert found.actual == "one: 400 invalid_request; two: 401 invalid_request"
    assert found.changed == ("- grant_type=client_credentials", "+ grant_type=other", "+ grant_type=third")
    assert (found.witnesses, found.stimuli) == ((2, 3), {"one": (2,), "two": (3,)})


def test_of_two_stimuli_the_one_that_fails_is_named_and_shown_alone() -> None:
    case = declared("OWN-001", both_are_granted, one=OTHER, two=THIRD)
    found = judge(case, evidence(YES, exchange(OTHER, token()), exchange(THIRD, refusal()), YES), CONTRACT)
    assert found.reason == "expected a token, got 400 invalid_request"
    assert found.actual == "two: 400 invalid_request"
    assert found.changed == ("- grant_type=client_credentials", "+ grant_type=third")
    assert found.witnesses == (3,)
    assert [note.verdict for note in found.notes] == ["failed", "passed"]


def test_a_finding_of_no_stimulus_is_told_by_its_words_alone() -> None:
    def looks(judge: Judgement) -> None:
        judge.cannot_tell("nobody knows")
        judge.cannot_tell("nor will they")

    found = judge(declared("OWN-001", looks), evidence(YES), CONTRACT)
    assert (found.verdict, found.reason) == ("inconclusive", "nobody knows; nor will they")
    assert (found.expected, found.actual) == ("", "nobody knows; nor will they")


def test_the_flaws_of_an_invariant_are_told_by_their_requests() -> None:
    def looks(judge: Judgement) -> None:
        judge.each(judge.answers, "no 4xx", lambda one: f"{one.status}" if one.status >= 400 else None)

    answers = (YES, exchange(OTHER, refusal(400)), replace(exchange(THIRD, refusal(401)), label="third"), YES)
    found = judge(declared("OWN-001", looks), evidence(*answers), CONTRACT)
    assert found.reason == "one: expected no 4xx, got 400; third: expected no 4xx, got 401"
    assert (found.actual, found.changed) == ("400; 401", ())


@pytest.mark.parametrize(("edge", "subject"), [(False, "endpoint"), (True, "edge")])
@pytest.mark.parametrize(
    ("octets", "skipped", "verdict_"),
    [
        (token(), {}, "passed"),
        (refusal(), {}, "failed"),
        (b"", {OTHER.digest: "no scope is configured"}, "not_applicable"),
    ],
)
def test_a_row_is_about_the_endpoint_or_its_edge(
    edge: bool, subject: str, octets: bytes, skipped: dict[str, str], verdict_: str
) -> None:
    case = granted("OWN-001", OTHER)
    case = replace(case, requirement=replace(case.requirement, edge=edge))
    answers = (YES, exchange(OTHER, octets), YES) if octets else (YES,)
    found = judge(case, evidence(*answers, skipped=skipped), CONTRACT)
    assert (found.verdict, found.subject) == (verdict_, subject)


@pytest.mark.parametrize("edge", [False, True])
def test_what_is_odd_about_the_document_is_about_the_document(edge: bool) -> None:
    case = declared("OWN-001", lambda judge: judge.observes_of_the_document("a title", "none"))
    found = judge(replace(case, requirement=replace(case.requirement, edge=edge)), evidence(YES), CONTRACT)
    assert (found.verdict, found.subject, found.reason) == ("observed", "document", "expected a title, got none")


def test_a_case_that_does_not_apply_or_asserts_nothing_says_what_about() -> None:
    def away(judge: Judgement) -> None:
        judge.trait("own", "no")
        judge.does_not_apply("nothing of the kind here")

    for edge, subject in ((False, "endpoint"), (True, "edge")):
        for function, verdict_ in ((away, "not_applicable"), (lambda judge: None, "error")):  # noqa: ARG005 - so named
            case = declared("OWN-001", function)
            case = replace(case, requirement=replace(case.requirement, edge=edge))
            found = judge(case, evidence(YES), CONTRACT)
            assert (found.verdict, found.subject) == (verdict_, subject)
            assert found.traits == ({"own": "no"} if verdict_ == "not_applicable" else {})


def test_a_choice_is_kept_where_the_row_is_unmet_or_its_stimulus_cannot_be_made() -> None:
    def chooses(one: Reply, judge: Judgement) -> None:
        judge.trait("own", "yes")
        one.must_be(GRANTED)

    case = declared("OWN-001", chooses, one=OTHER)
    for skipped in ({OTHER.digest: "no scope is configured"}, {}):
        answers = (YES,) if skipped else seen_twice(OTHER, refusal())
        found = result([case], evidence(*answers, skipped=skipped), CONTRACT)
        assert found.cases[0].verdict == ("not_applicable" if skipped else "failed")
        assert found.cases[0].traits == found.traits == {"own": "yes"}


def test_an_undeclared_choice_is_named() -> None:
    found = judge(declared("OWN-001", lambda judge: judge.trait("own", "perhaps")), evidence(YES), CONTRACT)
    assert found.reason == "the case gives the trait own the value 'perhaps', which its row does not declare"


@pytest.mark.parametrize(("length", "end"), [(400, ""), (401, "... (401 characters)"), (9999, "... (9999 characters)")])
def test_long_texts_of_a_note_end_with_their_length(length: int, end: str) -> None:
    case = declared("OWN-001", lambda judge: judge.notes.append(Note("unmet", "e" * length, "a" * length)))
    (note,) = judge(case, evidence(YES), CONTRACT).notes
    assert (note.expected, note.actual) == ("e" * 400 + end, "a" * 400 + end)


def test_equal_texts_of_notes_are_told_once_and_many_are_cut() -> None:
    def many(judge: Judgement) -> None:
        judge.notes += [Note("unmet", "this", f"{at:08}") for at in range(300) for _ in range(2)]

    found = judge(declared("OWN-001", many), evidence(YES), CONTRACT)
    assert found.expected == "this"
    assert found.actual.startswith("00000000; 00000001; ")
    assert found.actual.endswith("... (2998 characters)")
    assert len(found.actual) == 2400 + len("... (2998 characters)")
    assert len(found.notes) == 600


def test_a_case_that_raises_says_what_it_raised() -> None:
    def broken() -> None:
        raise ValueError("that much")

    found = judge(declared("OWN-001", broken), evidence(YES), CONTRACT)
    assert found.reason == "the case itself failed: ValueError: that much"
    assert "raise ValueError" in found.detail


@pytest.mark.parametrize(("identifier", "decided"), [("WIRE-001", False), ("OWN-001", True)])
def test_what_a_proxy_rewrites_is_not_judged_through_one(identifier: str, decided: bool) -> None:
    case, found = granted(identifier, OTHER), evidence(*seen_twice(OTHER, token()))
    through = judge(case, found, replace(CONTRACT, forwarded=True))
    assert through.case is case
    assert (through.verdict, through.reason) == (("passed", "") if decided else ("inconclusive", proxy.FORWARDED))
    # The judgement of one contract is none under another.
    assert judge(case, found, CONTRACT).verdict == "passed"


def test_a_case_sees_the_contract_and_every_kind_of_answer() -> None:
    seen: dict[str, Any] = {}

    def looks(judge: Judgement) -> None:
        kinds = {"answers": judge.answers, "fatal": judge.fatal, "issued": judge.issued, "limited": judge.limited}
        seen.update({name: [one.exchange.number for one in some] for name, some in kinds.items()})
        assert judge.contract is CONTRACT
        judge.passes("looked")

    limits = (exchange(OTHER, answer(429)), exchange(OTHER, answer(503)), exchange(OTHER, answer(502)), NO)
    crash = (exchange(THIRD, b""), exchange(VALID, b""), YES)
    case = declared("OWN-001", looks)
    found = evidence(YES, *limits, *crash, exchange(OTHER, token(), attempt=2), YES)
    judge(case, found, CONTRACT)
    assert seen["fatal"] == [6]
    assert seen["issued"] == [1, 8, 9, 10]
    assert seen["limited"] == [2, 3]
    assert 9 in seen["answers"]
    judge(case, found, CONTRACT, attempt=2)
    assert (seen["fatal"], seen["limited"], seen["answers"]) == ([], [], [9])
    assert seen["issued"] == [1, 8, 9, 10]


# Series, and second attempts


def some_are_granted(some: Replies) -> None:
    some.must_be(GRANTED)


def serial(*templates: Template, length: int = 2) -> tuple[Case, tuple[Template, ...]]:
    """A case that wants a token for every copy of some templates, and the copies."""
    series = Series(templates, length).numbered("OWN-001 some")
    return replace(declared("OWN-001", some_are_granted), series=(("some", series),)), series.copies


def test_the_copies_of_a_series_are_judged_under_its_name() -> None:
    case, (first, second) = serial(OTHER)
    found = judge(case, evidence(YES, exchange(first, token()), exchange(second, refusal()), YES), CONTRACT)
    assert (found.verdict, found.witnesses, found.stimuli) == ("failed", (3,), {"some": (2, 3)})
    assert [note.stimulus for note in found.notes] == ["some", "some"]
    assert found.changed == ("- grant_type=client_credentials", "+ grant_type=other")
    missing = judge(case, evidence(YES, exchange(first, token()), YES), CONTRACT)
    assert (missing.verdict, missing.stimuli) == ("inconclusive", {"some": (2,)})
    assert missing.reason == "expected a token, got not sent: the recording does not hold it"


def test_what_one_copy_shows_another_may_show_again() -> None:
    case, (first, second) = serial(OTHER)
    once = (YES, exchange(first, answer(500)), exchange(second, token()), YES)
    again = (exchange(first, token(), attempt=2), exchange(second, answer(500), attempt=2), YES)
    found = verdict(case, *once, *again)
    assert (found.verdict, found.witnesses) == ("failed", (2, 6))
    assert verdict(case, *once).reason.endswith("seen once, and not repeated")


def test_a_copy_that_was_not_repeated_with_the_others_has_no_second_answer() -> None:
    case, (first, second) = serial(OTHER)
    exchanges = (YES, exchange(first, token()), exchange(second, token()), YES)
    found = evidence(*exchanges, exchange(first, token(), attempt=2), cases=(case,))
    assert found.answer(second.digest, 2) is None
    assert found.answer(second.digest, 1) is not None
    unrepeated = evidence(*exchanges, cases=(case,)).answer(second.digest, 2)
    assert unrepeated is not None
    assert unrepeated.exchange.number == 3


def test_what_was_not_repeated_is_judged_by_its_first_answer() -> None:
    def alike(one: Reply, two: Reply) -> None:
        one.must_have_the_outcome_of(two)

    case = declared("OWN-001", alike, one=OTHER, two=THIRD)
    once = (YES, exchange(OTHER, refusal()), exchange(THIRD, token()), YES)
    found = verdict(case, *once, exchange(OTHER, refusal(), attempt=2), YES)
    assert (found.verdict, found.witnesses) == ("failed", (2, 3, 5))
    assert evidence(*once).answer("nobody's", 2) is None


def test_the_numbers_of_the_valid_request_are_those_of_the_control_that_counts() -> None:
    found = evidence(NO, exchange(OTHER, refusal()), YES, YES, exchange(OTHER, refusal(), attempt=2))
    assert found.numbers(VALID.digest) == (3,)
    assert found.numbers(OTHER.digest) == (2, 5)
    assert found.numbers(THIRD.digest) == evidence().numbers(VALID.digest) == ()


# What the recording lacks


@pytest.mark.parametrize(
    ("settings", "roles", "skipped", "lacks"),
    [
        ({}, (), (), "2 of its requests"),
        ({}, (), (OTHER,), "1 of its requests"),
        ({}, (), (OTHER, THIRD), ""),
        ({"examples": 0}, (), (OTHER, THIRD), ""),
        ({"examples": 5}, (), (OTHER, THIRD), "what spelling draws and what odd draws"),
        ({"examples": 5}, ("odd",), (OTHER, THIRD), "what spelling draws"),
        ({"examples": 5}, ("odd", "spelling"), (OTHER, THIRD), ""),
        ({"examples": 5, "generated": ["spelling"]}, ("odd",), (OTHER, THIRD), "what odd draws"),
        ({"examples": 5, "generated": ["spelling", "odd"]}, (), (OTHER,), "1 of its requests"),
        ({"examples": 5}, ("odd",), (OTHER,), "1 of its requests and what spelling draws"),
    ],
)
def test_an_invariant_says_what_the_recording_lacks_for_it(
    settings: dict[str, Any], roles: tuple[str, ...], skipped: tuple[Template, ...], lacks: str
) -> None:
    case = declared("OWN-001", lambda judge: judge.passes("looked"))
    case = replace(case, also=(OTHER, THIRD), generated=("spelling", "odd"))
    drawn = [exchange(VALID.with_form(role), token()) for role in roles]
    drawn = [replace(one, role=role) for one, role in zip(drawn, roles, strict=True)]
    made = recording(YES, *drawn, YES, skipped={one.digest: "no scope is configured" for one in skipped})
    found = Evidence(replace(made, header=replace(made.header, settings=settings)), (case,))
    lacks = lacks and f"the recording does not hold {lacks}"
    assert found.lacks(case) == lacks
    judged = confirmed(case, found, CONTRACT)
    assert (judged.verdict, judged.reason) == (("inconclusive", lacks) if lacks else ("passed", ""))


def test_what_the_recording_holds_is_not_lacking() -> None:
    case = replace(declared("OWN-001", lambda judge: judge.passes("looked")), also=(OTHER, THIRD))
    assert evidence(YES, exchange(OTHER, token()), exchange(THIRD, token())).lacks(case) == ""
    assert verdict(case, YES, exchange(OTHER, token()), exchange(THIRD, token())).verdict == "passed"


def test_a_flaw_stands_whatever_else_the_recording_lacks() -> None:
    case = replace(
        declared("OWN-001", lambda judge: judge.notes.append(Note("warning", "this", "that"))), also=(OTHER,)
    )
    assert verdict(case, YES, YES).verdict == "warning"
    assert verdict(case, YES, YES, stopped="interrupted").reason == "expected this, got that"


def test_a_case_with_stimuli_is_judged_by_them_although_the_run_ended_early() -> None:
    answers = seen_twice(OTHER, token())
    assert verdict(granted("OWN-001", OTHER), *answers, stopped="interrupted").verdict == "passed"


# What concerns a row of an edition


def test_an_older_row_does_not_see_what_a_later_edition_asks() -> None:
    seen: dict[str, list[int]] = {}

    def looking(identifier: str, since: int) -> Case:
        def looks(judge: Judgement) -> None:
            seen[identifier] = [one.exchange.number for one in judge.answers]
            judge.passes("looked")

        case = declared(identifier, looks)
        return replace(case, requirement=replace(case.requirement, since=since))

    def asking(identifier: str, template: Template, since: int) -> Case:
        case = granted(identifier, template)
        return replace(case, requirement=replace(case.requirement, since=since))

    draws = replace(looking("OWN-003", 2), generated=("odd",))
    asked = (asking("OWN-004", OTHER, 2), asking("OWN-005", THIRD, 2), asking("OWN-006", THIRD, 1))
    cases = (looking("OWN-001", 1), looking("OWN-002", 2), *asked, draws)
    drawn = exchange(VALID.with_form("drawn"), token(), role="odd")
    made = recording(YES, exchange(OTHER, token()), exchange(THIRD, token()), drawn, YES)
    for edition, older in ((1, [1, 3, 5]), (2, [1, 2, 3, 4, 5]), (None, [1, 2, 3, 4, 5])):
        for case in cases[:2]:
            judge(case, Evidence(made, cases, edition), CONTRACT)
        assert seen == {"OWN-001": older, "OWN-002": [1, 2, 3, 4, 5]}


@pytest.mark.parametrize(
    ("level", "octets", "edition", "verdict_", "newer"),
    [
        ("MUST", refusal(), 1, "observed", True),
        ("SHOULD", refusal(), 1, "observed", True),
        ("MUST", token(), 1, "passed", True),
        ("MUST", refusal(), 2, "failed", False),
        ("SHOULD", refusal(), None, "warning", False),
    ],
)
def test_a_row_that_is_newer_than_the_edition_is_only_observed(
    level: str, octets: bytes, edition: int | None, verdict_: str, newer: bool
) -> None:
    case = granted("OWN-001", OTHER, level=level)
    case = replace(case, requirement=replace(case.requirement, since=2))
    found = result([case], evidence(*seen_twice(OTHER, octets)), CONTRACT, edition=edition)
    (one,) = found.cases
    assert (one.verdict, one.newer) == (verdict_, newer)
    reason = "expected a token, got 400 invalid_request" if octets == refusal() else ""
    only = "; only observed: the requirement is newer than edition 1" if verdict_ == "observed" else ""
    assert one.reason == reason + only
    assert found.verdict == ("non-conformant" if verdict_ == "failed" else "conformant")


def test_a_newer_row_that_is_undecided_leaves_the_run_decided() -> None:
    case = granted("OWN-001", OTHER)
    newer = replace(case, requirement=replace(case.requirement, since=2))
    found = evidence(YES, YES, skipped={OTHER.digest: "not sent: 423"})
    cases = [newer, granted("OWN-002", VALID)]
    assert result(cases, found, CONTRACT, edition=1).verdict == "conformant"
    assert result(cases, found, CONTRACT, edition=2).verdict == "inconclusive"


# One defect, one finding


def row(identifier: str, template: Template, **more: Any) -> Case:
    """A case of the catalogue's row of that name that wants a token for one request."""
    requirement = replace(catalogue.load().requirements[identifier], **more)
    return granted(identifier, template, row=requirement)


def found_in(cases: list[Case], *exchanges: Exchange) -> dict[str, str]:
    """What each case follows, by its ID."""
    return {one.case.id: one.follows for one in result(cases, evidence(*exchanges), CONTRACT).cases}


def test_a_row_follows_the_one_that_it_joins_where_the_same_request_shows_both() -> None:
    first, second = row("AUTH-001", OTHER), row("CTYPE-001", OTHER, joins=("AUTH-001",))
    assert found_in([first, second], *seen_twice(OTHER, answer(500))) == {"AUTH-001": "", "CTYPE-001": "AUTH-001"}
    elsewhere = row("CTYPE-001", THIRD, joins=("AUTH-001",))
    both = (*seen_twice(OTHER, answer(500)), *seen_twice(THIRD, answer(500)))
    assert found_in([first, elsewhere], *both) == {"AUTH-001": "", "CTYPE-001": ""}


def test_the_reason_of_the_run_names_the_leaders_alone() -> None:
    cases = [row("AUTH-001", OTHER), row("CTYPE-001", OTHER, joins=("AUTH-001",))]
    found = result(cases, evidence(*seen_twice(OTHER, answer(500))), CONTRACT)
    assert (found.verdict, found.reason) == ("non-conformant", "unmet: AUTH-001")
    assert [one.verdict for one in found.cases] == ["failed", "failed"]
    assert [one.finding for one in found.cases] == [True, False]


def test_a_failure_never_hides_behind_a_warning() -> None:
    mild = row("AUTH-001", OTHER, level=catalogue.Level.SHOULD)
    cases = [mild, row("CTYPE-001", OTHER, joins=("AUTH-001",))]
    found = result(cases, evidence(*seen_twice(OTHER, refusal())), CONTRACT)
    assert [one.verdict for one in found.cases] == ["warning", "failed"]
    assert found.cases[1].follows == ""
    assert found.reason == "unmet: CTYPE-001"


@pytest.mark.parametrize(
    ("octets", "theirs", "follows"),
    [
        (answer(501, b"a"), answer(501, b"a"), "GRANT-001"),
        (answer(501, b"a"), answer(501, b"b"), ""),
        (answer(501, b"a"), answer(500, b"a"), ""),
        (refusal(400, "x"), refusal(400, "x"), ""),
    ],
)
def test_a_later_row_follows_the_crash_of_an_unknown_grant(octets: bytes, theirs: bytes, follows: str) -> None:
    both = (*seen_twice(OTHER, octets), *seen_twice(THIRD, theirs))
    assert found_in([row("GRANT-001", OTHER), row("GRANT-004", THIRD)], *both)["GRANT-004"] == follows
    assert found_in([row("AUTH-001", THIRD), row("GRANT-001", OTHER)], *both) == {"AUTH-001": "", "GRANT-001": ""}


def test_a_token_for_wrong_credentials_is_a_finding_beside_a_token_for_an_unknown_grant() -> None:
    requirements = catalogue.load().requirements
    wrong = turned_down("AUTH-026", THIRD, row=requirements["AUTH-026"])
    grant = turned_down("GRANT-001", OTHER, row=requirements["GRANT-001"])
    both = (*seen_twice(OTHER, token()), *seen_twice(THIRD, token()))
    found = result([wrong, grant], evidence(*both), CONTRACT)
    assert found.reason == "unmet: AUTH-026, GRANT-001"


def test_a_generated_failure_follows_the_row_of_its_deviation() -> None:
    def looks(judge: Judgement) -> None:
        drawn = (one for one in judge.answers if one.generated)
        judge.each(drawn, "a token", lambda one: None if one.granted else one.words())

    requirement = catalogue.load().requirements["GEN-001"]
    generated = replace(declared("GEN-001", looks, row=requirement), generated=("spelling",))
    drawn = exchange(THIRD, refusal(), role="spelling", how="CTYPE-002 the media type in capitals")
    both = (*seen_twice(OTHER, refusal(404)), YES, drawn, YES, replace(drawn, attempt=2), YES)
    assert found_in([row("CTYPE-002", OTHER), generated], *both)["GEN-001"] == "CTYPE-002"
    assert found_in([row("CTYPE-003", OTHER), generated], *both)["GEN-001"] == ""


def test_what_passed_follows_nothing() -> None:
    cases = [row("AUTH-001", OTHER), row("CTYPE-001", VALID, joins=("AUTH-001",))]
    assert found_in(cases, *seen_twice(OTHER, answer(500)))["CTYPE-001"] == ""
    verdicts = [Verdict(cases[0], "failed"), Verdict(cases[1], "failed")]
    assert [one.follows for one in joined(verdicts, evidence())] == ["", ""]


# The verdict of a run


def of(*verdicts: str, level: str = "MUST", undecidable: bool = False) -> list[Verdict]:
    cases = [granted(f"OWN-{at:03}", OTHER, level=level) for at, _ in enumerate(verdicts)]
    rows = [replace(case, requirement=replace(case.requirement, undecidable=undecidable)) for case in cases]
    return [Verdict(case, name, reason=f"because {name}") for case, name in zip(rows, verdicts, strict=True)]


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (of("passed", "observed", "waived", "not_applicable"), "conformant"),
        (of("passed", "failed", "inconclusive", "error"), "non-conformant"),
        (of("passed", "inconclusive"), "inconclusive"),
        (of("passed", "error"), "inconclusive"),
        (of("not_applicable", "not_applicable"), "inconclusive"),
        (of(), "inconclusive"),
        ([*of("passed"), *of("inconclusive", undecidable=True)], "conformant"),
        ([*of("passed"), *of("inconclusive", level="SHOULD")], "conformant"),
        ([*of("passed"), *of("inconclusive", level="MAY")], "conformant"),
        ([*of("passed"), *of("warning", level="SHOULD")], "conformant"),
        (of("inconclusive", level="MAY"), "inconclusive"),
        ([*of("passed"), *of("failed", level="MAY")], "non-conformant"),
    ],
)
def test_the_verdict_of_a_run_follows_from_those_of_its_cases(verdicts: list[Verdict], expected: str) -> None:
    found = concluded(verdicts, [one.case for one in verdicts], fail_on="must", stopped="")
    assert found.verdict == expected


def test_a_run_that_ended_early_is_never_conformant() -> None:
    verdicts = of("passed", "passed")
    found = concluded(verdicts, [one.case for one in verdicts], fail_on="must", stopped="interrupted")
    assert (found.verdict, found.reason) == ("inconclusive", "the run ended early: interrupted")
    verdicts = of("passed", "failed")
    assert concluded(verdicts, [], fail_on="must", stopped="interrupted").verdict == "non-conformant"


def test_what_may_stay_undecided_is_told_truly_where_nothing_else_was_asked() -> None:
    verdicts = of("inconclusive", level="MAY")
    assert (
        concluded(verdicts, [], fail_on="must", stopped="").reason == "nothing could be decided: because inconclusive"
    )
    verdicts = of("not_applicable")
    assert concluded(verdicts, [], fail_on="must", stopped="").reason == "no selected case applies to this target"


@pytest.mark.parametrize(
    ("fail_on", "expected"),
    [("must", "conformant"), ("should", "non-conformant"), ("never", "conformant")],
)
def test_warnings_count_where_they_are_asked_to(fail_on: judging.FailOn, expected: str) -> None:
    verdicts = [*of("passed"), *of("warning", level="SHOULD")]
    assert concluded(verdicts, [], fail_on=fail_on, stopped="").verdict == expected


def test_failures_are_told_also_where_they_do_not_fail_the_command() -> None:
    assert concluded(of("failed"), [], fail_on="never", stopped="").verdict == "non-conformant"


@pytest.mark.parametrize(
    ("endpoint", "edge", "expected"),
    [
        (("passed",), ("failed",), ("conformant", "non-conformant")),
        (("failed",), ("passed",), ("non-conformant", "conformant")),
        (("passed",), ("inconclusive",), ("conformant", "inconclusive")),
        (("passed",), (), ("conformant", "not-judged")),
        ((), ("failed",), ("non-conformant", "non-conformant")),
    ],
)
def test_the_edge_counts_for_itself(
    endpoint: tuple[str, ...], edge: tuple[str, ...], expected: tuple[str, str]
) -> None:
    beside = [
        replace(one, case=replace(one.case, requirement=replace(one.case.requirement, edge=True))) for one in of(*edge)
    ]
    verdicts = [*of(*endpoint), *beside]
    found = overall(verdicts, [one.case for one in verdicts], fail_on="must", stopped="")
    assert (found.verdict, found.edge) == expected
    assert found.cases == tuple(verdicts)


def test_an_unusable_target_decides_nothing() -> None:
    cases = [granted("OWN-001", VALID), turned_down("OWN-002", OTHER)]
    found = result(cases, evidence(NO), CONTRACT, closed="the valid request is refused")
    assert found.verdict == "unusable"
    assert {one.verdict for one in found.cases} == {"inconclusive"}
    assert {one.reason for one in found.cases} == {"the valid request is refused"}


def judged_behind_the_gate(*identifiers: str, octets: bytes = b"", **more: Any) -> judging.Result:
    """The verdict where the controls are refused, and a request fails twice beside them."""
    exchanges = (NO, exchange(OTHER, octets), exchange(OTHER, octets, attempt=2))
    found = evidence(*exchanges, stopped="401 invalid_client")
    return result([granted(one, OTHER) for one in identifiers], found, CONTRACT, closed="the gate is closed", **more)


def test_a_certificate_is_judged_although_no_valid_request_was_granted() -> None:
    found = judged_behind_the_gate("OWN-001", "TLS-004", octets=token())
    assert (found.verdict, found.reason, found.traits) == ("unusable", "the gate is closed", {"own": "unknown"})
    assert [one.verdict for one in found.cases] == ["inconclusive", "inconclusive"]
    assert {one.reason for one in found.cases} == {"the gate is closed"}

    def expired(judge: Judgement) -> None:
        judge.notes.append(Note("unmet", "a valid certificate", "an expired one"))

    cases = [declared(one, expired) for one in ("OWN-001", "TLS-004")]
    found = result(cases, evidence(NO), CONTRACT, closed="the gate is closed")
    assert [one.verdict for one in found.cases] == ["inconclusive", "failed"]
    assert (found.verdict, found.reason) == ("non-conformant", "unmet: TLS-004")
    assert found.cases[1].reason == "expected a valid certificate, got an expired one"


def test_a_certificate_is_judged_by_what_the_target_claims() -> None:
    def looks(judge: Judgement) -> None:
        judge.each([], "a name", lambda _: None) if judge.contract.loopback else judge.cannot_tell("not here")
        judge.notes.append(Note("unmet", "a name", judge.contract.token_path))

    found = result([declared("TLS-004", looks)], evidence(NO), CONTRACT, closed="the gate is closed")
    assert found.cases[0].actual == "/passport/oauth/token"


@pytest.mark.parametrize("gate", ["", "the gate is closed"])
def test_known_deviations_are_waived_whether_or_not_the_gate_is_open(gate: str) -> None:
    case = declared("TLS-004", lambda judge: judge.notes.append(Note("unmet", "this", "that")))
    seen: list[str] = []

    def waive(verdicts: Any) -> list[Verdict]:
        seen.extend(one.verdict for one in verdicts)
        return [replace(one, verdict="waived", unwaived=one.verdict) for one in verdicts]

    found = result([case], evidence(YES), CONTRACT, closed=gate, waive=waive)
    assert seen == ["failed"]
    assert [(one.verdict, one.unwaived) for one in found.cases] == [("waived", "failed")]
    assert (found.verdict, found.reason) == (
        ("unusable", gate) if gate else ("conformant", "every requirement that counts is met or waived")
    )


@pytest.mark.parametrize(
    ("verdicts", "stopped", "reason"),
    [
        (of("passed"), "", "every requirement that counts is met"),
        (of("passed", "waived"), "", "every requirement that counts is met or waived"),
        ([*of("passed"), *of("waived", level="MAY")], "", "every requirement that counts is met"),
        (of("failed", "passed", "failed"), "", "unmet: OWN-000, OWN-002"),
        (of("inconclusive", "error", "passed"), "", "2 could not be decided: because inconclusive"),
        (of("inconclusive", "passed"), "interrupted", "1 could not be decided: interrupted"),
        (of("error", "not_applicable"), "", "1 could not be decided: because error"),
        (
            [*of("not_applicable"), *of("inconclusive", level="MAY")],
            "",
            "nothing could be decided: because inconclusive",
        ),
        (of("not_applicable", "not_applicable"), "", "no selected case applies to this target"),
    ],
)
def test_the_verdict_of_a_run_has_a_reason(verdicts: list[Verdict], stopped: str, reason: str) -> None:
    cases = [one.case for one in verdicts]
    found = concluded(verdicts, cases, fail_on="must", stopped=stopped)
    assert found.reason == reason
    assert (found.cases, found.traits) == (tuple(verdicts), {"own": "unknown"})


@pytest.mark.parametrize("stopped", ["", "interrupted"])
@pytest.mark.parametrize("verdict_", judging.VERDICTS)
def test_whatever_the_verdict_of_a_run_it_shows_the_choices(verdict_: str, stopped: str) -> None:
    verdicts = [replace(one, traits={"own": "yes"}) for one in of(verdict_, level="MAY")]
    found = concluded(verdicts, [one.case for one in verdicts], fail_on="must", stopped=stopped)
    assert (found.traits, found.cases) == ({"own": "yes"}, tuple(verdicts))
    assert overall(verdicts, [], fail_on="must", stopped=stopped).traits == {"own": "yes"}


@pytest.mark.parametrize(
    ("fail_on", "expected"),
    [("must", "conformant"), ("should", "inconclusive"), ("never", "conformant")],
)
def test_what_counts_nowhere_may_stay_undecided(fail_on: judging.FailOn, expected: str) -> None:
    verdicts = [*of("passed"), *of("inconclusive", level="SHOULD")]
    assert concluded(verdicts, [], fail_on=fail_on, stopped="").verdict == expected
    assert concluded(of("passed", "inconclusive"), [], fail_on=fail_on, stopped="").verdict == "inconclusive"


def test_the_reason_of_warnings_that_count_names_the_leaders_alone() -> None:
    first, second = of("warning", "warning", level="SHOULD")
    found = concluded([first, replace(second, follows="OWN-000")], [], fail_on="should", stopped="")
    assert (found.verdict, found.reason) == ("non-conformant", "unmet: OWN-000")


@pytest.mark.parametrize("edge", [False, True])
def test_the_edge_ends_early_and_counts_warnings_as_the_run_does(edge: bool) -> None:
    passed, warned = of("passed"), of("warning", level="SHOULD")
    rows = [
        replace(one, case=replace(one.case, requirement=replace(one.case.requirement, edge=edge))) for one in warned
    ]
    early = overall([*passed, *rows], [], fail_on="must", stopped="interrupted")
    assert (early.verdict, early.edge) == ("inconclusive", "inconclusive" if edge else "not-judged")
    strict = overall([*passed, *rows], [], fail_on="should", stopped="")
    assert (strict.verdict, strict.edge) == (
        ("conformant", "non-conformant") if edge else ("non-conformant", "not-judged")
    )


# What a case expects, and what a reply compares


def test_what_a_case_expects_of_a_series_and_of_the_run_is_told_too() -> None:
    def looks(one: Reply, some: Replies, judge: Judgement) -> None:
        one.must_be(GRANTED)
        one.must_be(GRANTED)
        some.must_be(REFUSED)
        assert judge.contract is CONTRACT
        judge.cannot_tell("nothing is expected here")

    series = Series((THIRD,), 3).numbered("OWN-001 some")
    case = replace(declared("OWN-001", looks, one=OTHER), series=(("some", series),))
    assert expectation(case, CONTRACT) == ("one: a token", "some: any 4xx without a token")


def test_what_a_case_expects_is_not_told_where_it_needs_answers() -> None:
    def needy(one: Reply) -> None:
        one.must_be(GRANTED)
        assert one.answer is not None

    assert expectation(declared("OWN-001", needy, one=OTHER), CONTRACT) == ()


def test_what_a_case_expects_comes_from_what_judges() -> None:
    def two(one: Reply, other: Reply) -> None:
        one.must_be(GRANTED | INVALID_REQUEST)
        other.must_have_the_outcome_of(one)

    found = expectation(declared("OWN-001", two, one=OTHER, other=THIRD), CONTRACT)
    assert found == ("one: a token, or 400 invalid_request", "other: the outcome of one")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (token(), token(), "passed"),
        (refusal(400, "a"), refusal(400, "a"), "passed"),
        (refusal(400, "a"), refusal(400, "b"), "failed"),
        (refusal(400, "a"), refusal(401, "a"), "failed"),
        (refusal(400, "a"), token(), "failed"),
        (answer(429), token(), "inconclusive"),
        (token(), answer(429), "inconclusive"),
    ],
)
def test_two_answers_are_of_one_class_where_status_and_code_agree(one: bytes, other: bytes, expected: str) -> None:
    def alike(one: Reply, other: Reply) -> None:
        one.must_have_the_outcome_of(other)

    case = declared("OWN-001", alike, one=OTHER, other=THIRD)
    found = judge(case, evidence(YES, exchange(OTHER, one), exchange(THIRD, other), YES), CONTRACT)
    assert found.verdict == expected


def test_answers_know_the_cases_that_asked_for_them() -> None:
    cases = (granted("OWN-001", OTHER), turned_down("OWN-002", OTHER), granted("OWN-003", THIRD))
    found: tuple[Answer, ...] = evidence(YES, exchange(OTHER, token()), cases=cases).answers
    assert [sorted(one.cases) for one in found] == [[], ["OWN-001", "OWN-002"]]
    assert json.loads(found[1].body)["token_type"] == "Bearer"


# What concerns an invariant, and what stops an endpoint


def test_what_only_the_edge_sends_concerns_the_edge_alone() -> None:
    seen: dict[str, int] = {}

    def counting(name: str) -> Case:
        def judgement(judge: Judgement) -> None:
            seen[name] = len(judge.answers)
            judge.passes("counted")

        return declared(name, judgement)

    plain, own = counting("OWN-001"), granted("OWN-002", OTHER)
    edge = replace(counting("OWN-003"), requirement=replace(own.requirement, edge=True))
    malformed = replace(granted("OWN-004", THIRD), requirement=replace(own.requirement, edge=True))
    exchanges = (YES, exchange(OTHER, token()), exchange(THIRD, answer(400)), YES)
    for case in (plain, edge):
        judge(case, evidence(*exchanges, cases=(plain, own, edge, malformed)), CONTRACT)
    assert seen == {"OWN-001": 3, "OWN-003": 4}


@pytest.mark.parametrize(
    ("order", "fatal"),
    [
        ([YES, exchange(OTHER, b""), exchange(VALID, b""), YES], True),
        ([YES, exchange(OTHER, b""), YES], False),
        ([YES, exchange(OTHER, b""), exchange(THIRD, b""), exchange(VALID, b""), YES], True),
        ([YES, exchange(OTHER, b""), exchange(VALID, b""), exchange(VALID, b"")], False),
        ([YES, exchange(OTHER, b"")], False),
        ([YES, exchange(OTHER, answer(500)), exchange(VALID, b"")], False),
    ],
)
def test_a_request_after_which_nobody_answers_for_a_while_is_fatal(order: list[Exchange], fatal: bool) -> None:
    found = evidence(*order).answers
    assert next(one for one in found if one.exchange.template == OTHER.digest).fatal is fatal
    assert not any(one.fatal for one in found if one.exchange.template == VALID.digest)
