"""Series: copies in an order or side by side, what ends them, and what the rows about load make of the answers."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from conformance import case, engine, pace, recording, rejudging
from conformance import sending as sending_module
from conformance.case import Case, CaseError
from conformance.cases.test_load import RETRY_AFTER, TRIES, throttled
from conformance.plan import WRONG_SECRETS, PlannedSeries, Stimulus, plan
from conformance.request import VALID
from conformance.sending import INTERRUPTED
from conformance.series import Series
from conformance.target import Client, Credentials, Limits, Secret
from tests.servers import HANG_UP, Asked, answer, decent, declared, inquiry, refusal, serving, token
from tests.test_plan import REMOTE, binder, target
from tests.test_sending import HEADER, NOTHING, sender

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.engine import Run
    from conformance.judging import Verdict
    from conformance.reply import Answer, Replies
    from conformance.sending import Sender
    from tests.servers import Script, Server

LAMB, SECRET_OF_IT = "lamb", "lamb-secret-0123456789"
ROWS = {one.id: one for one in case.built_in() if one.series or one.id == "LOAD-002"}
PATIENT = Limits(timeout=3)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits between repetitions and the patience with late answers are short; nothing else differs."""
    monkeypatch.setattr(sending_module, "APART", 0.02)
    monkeypatch.setattr(pace, "SILENCE", 0.1)


def planned(series: Series, name: str = "OWN-001 some") -> PlannedSeries:
    found = series.numbered(name)
    copies = (Stimulus(copy, copy.digest, f"{name} {at}") for at, copy in enumerate(found.copies, 1))
    return PlannedSeries("OWN-001", found, tuple(copies))


def probing(number: int) -> Any:
    return VALID.adding_parameters(f"probe={number}")


def sent(server: Server, series: Series, limits: Limits = PATIENT) -> Sender:
    """The sender that has sent a series behind an open gate."""
    sending = sender(server, limits=limits)
    assert sending.open().state == "open"
    sending.series(planned(series))
    return sending


def labels(sending: Sender) -> list[str]:
    return [one.label.removeprefix("OWN-001 ") for one in sorted(sending.exchanges, key=lambda one: one.number)]


# What is declared


def test_copies_have_the_octets_of_their_template_and_a_digest_of_their_own() -> None:
    one, other = VALID, probing(1)
    series = Series((one, other), 5).numbered("OWN-001 some")
    assert [copy.fields for copy in series.copies] == [VALID.fields] * 5
    assert [copy.parameters == one.parameters for copy in series.copies] == [True, False, True, False, True]
    digests = {copy.digest for copy in series.copies}
    assert len(digests | {VALID.digest, other.digest}) == 7
    assert digests.isdisjoint(copy.digest for copy in Series((one, other), 5).numbered("OWN-002 some").copies)
    assert digests == {copy.digest for copy in Series((one, other), 5).numbered("OWN-001 some").copies}


def test_a_series_is_a_parameter_like_a_stimulus() -> None:
    row = case.own_requirement("OWN-001", level="MUST", title="t", statement="s", remedy="r")

    @case.case("OWN-001", requirement=row, one=probing(1), many=Series((VALID,), 3, at_once=2))
    def test_it(one: object, many: object) -> None:
        del one, many

    found = case.case_of(test_it)
    assert found is not None
    assert [name for name, _ in found.stimuli] == ["one"]
    assert [(name, len(series.copies)) for name, series in found.series] == [("many", 3)]
    assert len(found.templates) == 4
    assert not found.invariant

    def test_odd(many: object, odd: object) -> None:
        del many, odd

    with pytest.raises(CaseError, match="odd must be both a stimulus and a parameter"):
        case.case("OWN-001", requirement=row, many=Series((VALID,), 3))(test_odd)


def test_a_series_is_told_in_words() -> None:
    assert str(Series((VALID,), 30, at_once=10)) == "10 side by side, 30 in all at the most"
    assert str(Series((VALID,), 18)) == "one after the other, 18 in all at the most"


# What is planned


def _ignored(**replies: object) -> None:
    """A case that says nothing."""
    del replies


def own(series: Series, *, on_demand: bool = False, identifier: str = "OWN-001") -> Case:
    found = declared(identifier, _ignored)
    row = replace(found.requirement, on_demand=on_demand)
    return replace(found, requirement=row, series=(("some", series.numbered(f"{identifier} some")),))


def test_a_series_is_counted_with_the_controls_around_it() -> None:
    for series, exchanges in ((Series((VALID,), 30, at_once=10), 34), (Series((VALID,), 18), 20)):
        found = plan([own(series)], binder())
        assert found.exchanges == 2 + exchanges
        assert [stimulus.label for stimulus in found.stimuli][::17] == ["OWN-001 some 1", "OWN-001 some 18"]
        assert (found.wrong_secrets, found.tokens) == (0, found.exchanges)


def test_what_may_lock_a_client_goes_last() -> None:
    cases = [own(Series((VALID,), 2, locks=True)), own(Series((VALID,), 2), identifier="OWN-002")]
    assert [one.case for one in plan(cases, binder()).series] == ["OWN-002", "OWN-001"]


def test_a_series_goes_to_another_host_only_on_demand() -> None:
    one = own(Series((VALID,), 3), on_demand=True)
    held = plan([one], binder(target(REMOTE)))
    assert held.series == ()
    assert set(held.skipped) == {copy.digest for copy in one.copies}
    assert all("--include OWN-001" in why for why in held.skipped.values())
    assert len(plan([one], binder(target(REMOTE)), ["OWN-001"]).series) == 1
    assert len(plan([one], binder()).series) == 1


def test_a_series_without_its_client_says_what_to_configure() -> None:
    for identifier in ("LOAD-003", "AUTH-037"):
        found = plan([ROWS[identifier]], binder())
        assert found.series == ()
        assert {why.partition(":")[0] for why in found.skipped.values()} == {"no sacrificial client is configured"}


# What is sent


def test_copies_go_one_after_the_other_between_two_controls() -> None:
    with serving(decent) as server:
        sending = sent(server, Series((probing(1), probing(2)), 4))
    assert labels(sending) == ["control", "control", *(f"some {number}" for number in (1, 2, 3, 4)), "control"]
    assert [request.body[-1:] for request in server.asked[2:6]] == [b"1", b"2", b"1", b"2"]
    assert server.most_at_once == 1
    assert sending.skipped == {}


@pytest.mark.parametrize("at_once", [3, 10])
def test_as_many_travel_side_by_side_as_are_meant_to(at_once: int) -> None:
    def slow(request: Asked) -> bytes:
        time.sleep(0.1 if b"probe" in request.body else 0)
        return decent(request)

    with serving(slow) as server:
        sending = sent(server, Series((probing(1),), 2 * at_once, at_once=at_once))
    assert server.most_at_once == at_once
    order = labels(sending)
    assert order[:2] == ["control"] * 2
    assert order[at_once + 2] == order[-1] == "control"
    assert sorted(order[2 : at_once + 2]) == sorted(f"some {number}" for number in range(1, at_once + 1))
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("sender-")]


def test_the_pace_is_kept_in_a_group_as_well() -> None:
    with serving(decent) as server:
        sent(server, Series((probing(1),), 10, at_once=10), Limits(timeout=3, max_rps=50))
    at = [request.at for request in server.asked]
    assert at[-1] - at[0] >= 0.9 * (len(at) - 1) / 50


def limiting(number: int, octets: bytes) -> Script:
    """A server that answers one copy, by its place among them, otherwise."""
    seen: list[Asked] = []

    def script(request: Asked) -> bytes:
        if b"probe" not in request.body:
            return decent(request)
        seen.append(request)
        return octets if len(seen) == number else decent(request)

    return script


@pytest.mark.parametrize("octets", [answer(429), answer(503, b"", "Retry-After: 9"), answer(423)])
def test_a_series_ends_at_its_first_sign_and_nothing_is_sent_again(octets: bytes) -> None:
    with serving(limiting(3, octets)) as server:
        sending = sent(server, Series((probing(1),), 6))
    assert labels(sending)[2:] == ["some 1", "some 2", "some 3", "control"]
    assert len(sending.skipped) == 3
    assert {why[:55] for why in sending.skipped.values()} == {"not sent: the series ended at its first sign: the serve"}
    assert not sending.stopped


def test_a_group_is_finished_before_the_series_ends() -> None:
    with serving(limiting(2, answer(429))) as server:
        sending = sent(server, Series((probing(1),), 12, at_once=4))
    assert sum(label.startswith("some") for label in labels(sending)) == 4
    assert len(sending.skipped) == 8


def test_late_answers_end_a_series_before_its_next_group_and_every_later_one() -> None:
    def late(request: Asked) -> bytes:
        time.sleep(0.6 if request.number > 2 else 0)
        return decent(request)

    with serving(late) as server:
        sending = sent(server, Series((probing(1),), 12, at_once=4), Limits(timeout=1))
        first = [label.partition(" ")[0] for label in labels(sending)]
        sending.series(planned(Series((probing(2),), 3), "OWN-001 later"))
    assert first == ["control", "control", *["some"] * 4, "control", *["some"] * 4, "control"]
    assert len(server.asked) == len(first)
    assert len(sending.skipped) == 4 + 3
    assert {why.partition(",")[0] for why in sending.skipped.values()} == {"not sent: answers came late or not at all"}


def test_a_series_that_must_not_lock_a_client_does_not_try_its_secret() -> None:
    with serving(decent) as server:
        sending = sent(server, Series((VALID.authorized("wrong"),), 3))
    assert server.wrong == []
    assert set(sending.skipped.values()) == {"not sent: it would try a wrong secret of the real client"}


def test_a_control_that_stays_refused_ends_the_sending() -> None:
    def banning(request: Asked) -> bytes:
        return answer(403) if request.number > 4 else decent(request)

    with serving(banning) as server:
        sending = sent(server, Series((probing(1),), 6, at_once=2))
    assert "no longer granted" in sending.stopped
    assert sum(label.startswith("some") for label in labels(sending)) <= 4


def test_what_may_lock_its_client_ends_nothing_but_itself() -> None:
    def banning(request: Asked) -> bytes:
        return answer(403) if request.number > 4 else decent(request)

    with serving(banning) as server:
        sending = sender(server, limits=PATIENT)
        sending.open()
        sending.series(planned(Series((probing(1),), 3, locks=True)))
        sending.series(planned(Series((probing(2),), 2, locks=True), "OWN-001 after"))
    assert sending.stopped == ""
    assert labels(sending)[2:] == ["some 1", "some 2", "some 3", "control", "control"]
    assert set(sending.skipped.values()) == {"not sent: a control was not granted"}


def test_an_interrupted_series_sends_no_further_copy() -> None:
    stopping: list[Sender] = []

    def script(request: Asked) -> bytes:
        if b"probe" in request.body and stopping:
            stopping[0].stop(INTERRUPTED)
        return decent(request)

    for at_once in (1, 4):
        stopping.clear()
        with serving(script) as server:
            sending = sender(server, limits=PATIENT)
            sending.open()
            stopping.append(sending)
            sending.series(planned(Series((probing(1),), 12, at_once=at_once)))
        assert sending.stopped == INTERRUPTED
        assert sum(label.startswith("some") for label in labels(sending)) <= at_once
        assert sending.recording().stopped == INTERRUPTED


def test_a_keyboard_interrupt_in_a_group_is_passed_on_and_leaves_no_thread() -> None:
    def raising(exchange: recording.Exchange) -> None:
        if exchange.label.startswith("OWN-001"):
            raise KeyboardInterrupt

    with serving(decent) as server:
        sending = sender(server, limits=PATIENT, observe=raising)
        sending.open()
        with pytest.raises(KeyboardInterrupt):
            sending.series(planned(Series((probing(1),), 8, at_once=4)))
    assert sending.stopped == INTERRUPTED
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("sender-")]


def test_doubtful_secrets_count_only_where_they_were_refused() -> None:
    doubtful = Stimulus(probing(1), probing(1).digest, "doubtful", doubtful=True)
    for octets, counted in ((token(), 0), (refusal(401, "invalid_client"), 1)):
        with serving(limiting(1, octets)) as server:
            sending = sender(server, limits=PATIENT)
            sending.open()
            sending.carry_out(replace(NOTHING, ordinary=(doubtful,)))
        assert sending._wrong_secrets == counted
        sending._wrong_secrets = WRONG_SECRETS
        assert sending.send(replace(doubtful, digest="another")) is None
    assert HEADER.run


# The rows


def asked_of(server: Server, *rows: str, **more: Any) -> engine.Inquiry:
    cases = tuple(ROWS[row] for row in rows)
    found = inquiry(server, cases, limits=more.pop("limits", PATIENT), **more)
    lamb = Client("sacrificial", Credentials(LAMB, Secret(SECRET_OF_IT)))
    return replace(found, target=replace(found.target, clients=(lamb,)))


def judged(script: Script, *rows: str, **more: Any) -> Run:
    with serving(script) as server:
        return engine.conduct(asked_of(server, *rows, **more))


def verdict(run: Run, row: str) -> Verdict:
    return next(one for one in run.result.cases if one.case.id == row)


def crowded(octets: bytes | None, most: int = 4, bursts: int = 9) -> Script:
    """A server that answers otherwise where more than some requests come at once, in its first bursts."""
    lock, state = threading.Lock(), {"now": 0, "bursts": 0}

    def script(request: Asked) -> bytes | None:
        with lock:
            state["now"] += 1
            many = state["now"] > most
            state["bursts"] += state["now"] == most + 1
            failing = many and state["bursts"] <= bursts
        time.sleep(0.04)
        with lock:
            state["now"] -= 1
        return octets if failing else decent(request)

    return script


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (token(), "passed"),
        (answer(429), "passed"),
        (answer(429, b"", "Retry-After: 1"), "passed"),
        (answer(503, b"", "Retry-After: 1"), "passed"),
        (answer(503), "failed"),
        (answer(500), "failed"),
        (HANG_UP, "failed"),
        (refusal(401, "invalid_client"), "failed"),
        (answer(200, b"{}"), "failed"),
    ],
)
def test_a_burst_is_served_or_limited(octets: bytes, found: str) -> None:
    run = judged(crowded(octets), "LOAD-001")
    one = verdict(run, "LOAD-001")
    assert one.verdict == found
    if found == "failed":
        assert {exchange.attempt for exchange in run.recording.exchanges if exchange.number in one.witnesses} == {1, 2}
    elif octets.startswith(b"HTTP/1.1 429"):
        assert "answers that limit the rate" in one.actual


def test_a_burst_that_failed_once_is_unstable() -> None:
    one = verdict(judged(crowded(answer(500), bursts=1), "LOAD-001"), "LOAD-001")
    assert one.verdict == "inconclusive"
    assert "unstable" in one.reason


def test_a_burst_after_which_the_control_fails_is_not_decided() -> None:
    def falling(request: Asked) -> bytes:
        return answer(500) if 5 < request.number < 13 else decent(request)

    one = verdict(judged(falling, "LOAD-001"), "LOAD-001")
    assert one.verdict == "inconclusive"


def test_ten_really_travel_side_by_side_three_times_over() -> None:
    def slow(request: Asked) -> bytes:
        time.sleep(0.1)
        return decent(request)

    with serving(slow) as server:
        run = engine.conduct(asked_of(server, "LOAD-001"))
    assert server.most_at_once == 10
    assert len(verdict(run, "LOAD-001").stimuli["burst"]) == 30


# LOAD-002


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (answer(429, b'{"error":"slow_down"}', "Retry-After: 0"), "passed"),
        (answer(429, b"slow down", "Retry-After: Tue, 24 Nov 2026 05:04:18 GMT"), "passed"),
        (answer(429, b"slow down"), "passed"),
        (answer(503), "passed"),
        (answer(429), "warning"),
        (answer(429, b"slow down", "Retry-After: soon"), "failed"),
        (answer(429, b"slow down", "Retry-After: 1.5"), "failed"),
        (answer(429, b"slow down", "Retry-After: -1"), "failed"),
        (answer(429, b"slow down", "Retry-After:"), "failed"),
        (answer(429, b"slow down", "Retry-After: 0", "Retry-After: 0"), "failed"),
        (answer(503, b"", "Retry-After: PT1S"), "failed"),
    ],
)
def test_an_answer_that_asks_for_less_is_looked_at_although_it_was_waited_out(octets: bytes, found: str) -> None:
    seen: list[Asked] = []

    def script(request: Asked) -> bytes:
        if b"probe" in request.body:
            seen.append(request)
            return octets if len(seen) % 2 else decent(request)
        return decent(request)

    probes = [declared(f"OWN-{at:03}", _ignored, one=probing(at)) for at in range(4)]
    with serving(script) as server:
        cases = (ROWS["LOAD-002"], *probes)
        run = engine.conduct(inquiry(server, cases, limits=Limits(timeout=3, concurrency=1)))
    one = verdict(run, "LOAD-002")
    assert one.verdict == found
    if found == "failed":
        assert one.actual == "a Retry-After that is neither a date nor seconds"


def test_without_such_an_answer_there_is_nothing_to_judge() -> None:
    one = verdict(judged(decent, "LOAD-002"), "LOAD-002")
    assert (one.verdict, one.reason) == ("not_applicable", "no answer of the run is a 429 or 503")


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("0", True),
        ("86400", True),
        ("Tue, 24 Nov 2026 05:04:18 GMT", True),
        ("Tuesday, 24-Nov-26 05:04:18 GMT", True),
        ("Tue Nov 24 05:04:18 2026", True),
        ("Tue Nov  4 05:04:18 2026", True),
        ("", False),
        ("30s", False),
        ("1, 1", False),
        ("Tue, 24 Nov 2026 05:04:18 +0000", False),
        ("2026-11-24T05:04:18Z", False),
        ("٣", False),
    ],
)
def test_the_grammar_of_retry_after(value: str, *, right: bool) -> None:
    assert bool(RETRY_AFTER.fullmatch(value)) is right


# LOAD-003


def guarding(wrong: Callable[[int], bytes | None], right: Callable[[int], bytes] = lambda _: token()) -> Script:
    """A server that answers the client that may be locked by the number of its wrong secrets so far."""
    tries = [0]

    def script(request: Asked) -> bytes | None:
        secrets = [secret for client, secret in request.pairs if client == LAMB]
        if not secrets:
            return decent(request)
        if secrets[0] == SECRET_OF_IT:
            return right(tries[0])
        tries[0] += 1
        return wrong(tries[0])

    return script


WRONG = refusal(401, "invalid_client")


def from_sixth(octets: bytes | None) -> Callable[[int], bytes | None]:
    return lambda number: octets if number >= 6 else WRONG


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (from_sixth(answer(429)), "the server answered 429 without content, at try 6"),
        (from_sixth(answer(423)), "the server answered 423 without content, at try 6"),
        (from_sixth(answer(503, b"", "Retry-After: 60")), "the server answered 503 without content, at try 6"),
        (from_sixth(refusal(401, "account_locked")), "changed from 401 invalid_client to 401 account_locked, at try 6"),
        (from_sixth(refusal(400, "invalid_client")), "changed from 401 invalid_client to 400 invalid_client, at try 6"),
        (
            from_sixth(refusal(401, "invalid_client", "Retry-After: 60")),
            "401 invalid_client with Retry-After, at try 6",
        ),
    ],
)
def test_guessing_ends_at_the_first_sign(wrong: Callable[[int], bytes | None], said: str) -> None:
    run = judged(guarding(wrong), "LOAD-003")
    one = verdict(run, "LOAD-003")
    assert one.verdict == "passed"
    assert said in one.actual
    assert len(one.stimuli["tries"]) == 6
    assert run.recording.stopped == ""


def test_a_delay_that_grows_is_a_sign() -> None:
    def slower(number: int) -> bytes:
        time.sleep(0.3 if number > 5 else 0)
        return WRONG

    one = verdict(judged(guarding(slower), "LOAD-003"), "LOAD-003")
    assert one.verdict == "passed"
    assert "the answers take longer" in one.actual


def test_a_lock_that_only_the_right_secret_shows_is_a_sign() -> None:
    script = guarding(lambda _: WRONG, lambda tries: WRONG if tries > 10 else token())
    one = verdict(judged(script, "LOAD-003"), "LOAD-003")
    assert one.verdict == "passed"
    assert f"the right secret is refused after {TRIES} wrong ones" in one.actual


@pytest.mark.parametrize(
    ("script", "said", "tries"),
    [
        (guarding(lambda _: WRONG), "no sign in 30 wrong secrets", TRIES),
        (guarding(from_sixth(answer(500))), "500 without content at try 6", 6),
        (guarding(from_sixth(HANG_UP)), "no answer", 6),
        (guarding(lambda _: WRONG, lambda _: WRONG), "was refused before the first wrong secret", TRIES),
    ],
)
def test_what_shows_no_sign_stays_open_and_never_fails(script: Script, said: str, tries: int) -> None:
    run = judged(script, "LOAD-003", "LOAD-001")
    one = verdict(run, "LOAD-003")
    assert one.verdict == "inconclusive"
    assert said in one.reason
    assert len(one.stimuli["tries"]) == tries
    assert run.result.verdict == "conformant"


def test_every_try_has_another_secret_and_none_is_that_of_the_real_client() -> None:
    with serving(guarding(lambda _: WRONG)) as server:
        run = engine.conduct(asked_of(server, "LOAD-003"))
    tried = [secret for request in server.asked for client, secret in request.pairs if client == LAMB]
    assert len({secret for secret in tried if secret != SECRET_OF_IT}) == TRIES
    assert server.wrong == []
    assert sum(exchange.spent for exchange in run.recording.exchanges) == 0


def test_a_ban_of_everybody_is_a_sign_and_does_not_spoil_the_run() -> None:
    banned = [False]

    def script(request: Asked) -> bytes | None:
        if any(client == LAMB and secret != SECRET_OF_IT for client, secret in request.pairs):
            banned[0] = len([one for one in server.asked if one.pairs[0][0] == LAMB]) > 5
        if banned[0]:
            return answer(429, b"", "Retry-After: 600")
        return token() if request.pairs[0][0] == LAMB and request.pairs[0][1] == SECRET_OF_IT else decent(request)

    with serving(script) as server:
        run = engine.conduct(asked_of(server, "LOAD-001", "LOAD-003"))
    assert verdict(run, "LOAD-003").verdict == "passed"
    assert (run.result.verdict, run.recording.stopped) == ("conformant", "")


def test_no_answer_is_no_sign_by_itself() -> None:
    assert throttled(()) == ""


# AUTH-037


def timed(unknown: float, wrong: float) -> Script:
    def script(request: Asked) -> bytes:
        client = request.pairs[0][0]
        time.sleep(wrong if client == LAMB else unknown if client.startswith("conformance-unknown") else 0)
        return decent(request)

    return script


@pytest.mark.parametrize(
    ("unknown", "wrong", "found"),
    [(0, 0, "passed"), (0.002, 0.08, "warning"), (0.08, 0.002, "warning"), (0.08, 0.1, "passed")],
)
def test_times_that_differ_clearly_warn(unknown: float, wrong: float, found: str) -> None:
    one = verdict(judged(timed(unknown, wrong), "AUTH-037"), "AUTH-037")
    assert one.verdict == found
    assert one.actual in (
        one.expected,
        "a wrong secret takes more than 3 times as long",
        "an unknown client takes more than 3 times as long",
    )
    assert len(one.stimuli["pairs"]) == 18


def test_a_lock_in_the_middle_leaves_too_few_pairs() -> None:
    one = verdict(judged(guarding(lambda number: answer(429) if number > 3 else WRONG), "AUTH-037"), "AUTH-037")
    assert one.verdict == "inconclusive"
    assert "no more than 3 of 9 pairs" in one.reason


def test_the_two_of_a_pair_take_turns() -> None:
    with serving(timed(0, 0)) as server:
        engine.conduct(asked_of(server, "AUTH-037"))
    order = [request.pairs[0][0] == LAMB for request in server.asked if not request.right]
    assert len(order) == 18
    assert all(one != other for one, other in pairwise(order))
    assert server.most_at_once == 1


# Offline


@pytest.mark.parametrize(
    ("script", "row"),
    [
        (lambda: crowded(answer(500)), "LOAD-001"),
        (lambda: crowded(answer(500), bursts=1), "LOAD-001"),
        (lambda: guarding(from_sixth(answer(429))), "LOAD-003"),
        (lambda: guarding(lambda _: WRONG), "LOAD-003"),
        (lambda: timed(0.002, 0.08), "AUTH-037"),
    ],
)
def test_a_recording_of_a_series_is_judged_alike(script: Callable[[], Script], row: str, tmp_path: Path) -> None:
    file = tmp_path / "exchanges.jsonl"
    with serving(script()) as server:
        asked = asked_of(server, row)
        live = engine.conduct(asked, record=file)
    found = recording.read(file)
    offline = replace(rejudging.inquiry(found.header, asked.profile, case.built_in(), (row,)), known=asked.known)
    again = engine.judged(offline, found, rejudging.gate(found, offline.target), finished=0)
    for one, other in zip(live.result.cases, again.result.cases, strict=True):
        same = ("verdict", "reason", "actual", "witnesses", "stimuli")
        assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]
    assert offline.target.client("sacrificial") == Credentials(LAMB, Secret(""))


def test_the_answers_of_a_series_come_in_order() -> None:
    seen: list[list[Answer]] = []

    def look(some: Replies) -> None:
        seen.append(list(some.answers))

    looking = replace(own(Series((probing(1), probing(2)), 4)), function=look)
    with serving(decent) as server:
        engine.conduct(inquiry(server, (looking,), limits=PATIENT))
    order = [one.label for one in seen[-1]]
    assert order == [f"OWN-001 some {number}" for number in (1, 2, 3, 4)]
