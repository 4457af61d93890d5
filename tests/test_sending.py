"""Sending: the gate, pace, controls, wrong secrets and every way in which a run ends early, on real sockets."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from conformance import sending as sending_module
from conformance.expression import SECRET as OWN_SECRET
from conformance.plan import WRONG_SECRETS, Plan, Stimulus, plan
from conformance.recording import Exchange, Header
from conformance.request import VALID
from conformance.sending import PATIENCE, Pace, Sender
from conformance.target import Credentials, Extra, Limits, Secret, target_at
from conformance.wire import WireError
from tests.servers import (
    CLIENT,
    HANG_UP,
    QUICK,
    SECRET,
    Asked,
    answer,
    decent,
    inquiry,
    probe,
    probes,
    refusal,
    serving,
    token,
    turned_down,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.servers import Script, Server

SPECIAL = "p+a/s=s%w ö&:x"
HEADER = Header("0" * 12, "0", 1, "passport", {}, True, {}, 0.0)
NOTHING = Plan((), (), (), {})


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits between repetitions are short; nothing else differs."""
    monkeypatch.setattr(sending_module, "APART", 0.05)


def sender(
    server: Server | str,
    profile: str = "passport",
    *,
    limits: Limits = QUICK,
    secret: str = SECRET,
    observe: Callable[[Exchange], None] = lambda _: None,
) -> Sender:
    asked = inquiry(server, (), profile, limits=limits, secret=secret)
    return Sender(asked.target, asked.profile, asked.limits, HEADER, observe)


def stimulus(number: int) -> Stimulus:
    template = probe(number)
    return Stimulus(template, template.digest, f"probe {number}")


def stimuli(count: int) -> tuple[Stimulus, ...]:
    return tuple(map(stimulus, range(1, count + 1)))


def wrong(count: int) -> tuple[Stimulus, ...]:
    templates = [VALID.authorized(OWN_SECRET + f"-{number}") for number in range(1, count + 1)]
    return tuple(Stimulus(template, template.digest, "wrong", spends=True) for template in templates)


def nobody_listens() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("sender-")]


def always(octets: bytes | None) -> Script:
    return lambda _: octets


def in_turn(*answers: bytes | None, then: Script = decent) -> Script:
    """The answers one after another, then the script."""
    left = list(answers)
    return lambda request: left.pop(0) if left else then(request)


# The gate


@pytest.mark.parametrize(
    ("octets", "reason", "advice", "times"),
    [
        (refusal(401, "invalid_client"), "refused: 401 invalid_client", "client id, the secret, the profile", 1),
        (refusal(400, "invalid_scope"), "refused: 400 invalid_scope", "the scope", 1),
        (answer(403, b"<h1>no</h1>", media_type="text/html"), "refused: 403 with text/html", "profile", 1),
        (answer(404), "refused: 404 without content", "--token-path: /passport/oauth/token is not", 1),
        (answer(405, b"", "Allow: GET"), "refused: 405", "--token-path", 1),
        (answer(301, b"", "Location: https://other.example/login"), "redirected: 301", "https://other.example/l", 1),
        (answer(304), "redirected: 304", "Check the base URL and the path.", 1),
        (answer(101), "refused: 101", "profile", 1),
        (b"HTTP/1.1 abc def\r\n\r\n", "refused: 0", "profile", 1),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "gave no HTTP answer: the peer closed", "base URL", 3),
        (b"\x15\x03\x01\x00\x02\x02\x50", "the peer speaks TLS, and plain HTTP was sent", "base URL", 3),
        (HANG_UP, "gave no HTTP answer: the peer closed the connection without an answer", "network", 3),
        (answer(500), "the server fails on the valid request: 500", "log", 3),
        (answer(429, b"", "Retry-After: 0"), "limits the rate: 429", "--max-rps", 6),
        (answer(503, b"", "Retry-After: 3600"), "limits the rate: 503", "--max-rps", 3),
        (None, "no octet of an answer within 0.5 s", "network", 1),
    ],
)
def test_a_closed_gate_says_why_and_what_to_do(octets: bytes | None, reason: str, advice: str, times: int) -> None:
    with serving(always(octets)) as server:
        gate = sender(server).open()
    assert gate.state == "closed"
    assert reason in gate.reason
    assert advice in gate.advice
    assert len(server.asked) == times


def test_a_gate_where_nobody_listens_says_so() -> None:
    gate = sender(nobody_listens()).open()
    assert gate.state == "closed"
    assert "refuses connections" in gate.reason


def test_a_gate_whose_name_is_unknown_is_not_knocked_at_twice() -> None:
    sending = sender("http://no-such-host.invalid:80")
    assert sending.open().state == "closed"
    assert len(sending.exchanges) == 1
    assert sending.exchanges[0].ending == "name"


def test_a_gate_without_tls_says_that_the_peer_does_not_speak_it() -> None:
    with serving(always(answer(400))) as server:
        sending = sender(server.base_url.replace("http:", "https:"))
        gate = sending.open()
    assert gate.state == "closed"
    assert "does not speak TLS" in gate.reason
    assert len(sending.exchanges) == 1


def test_an_unusable_ca_bundle_is_reported_before_anything_is_sent(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("nothing")
    asked = inquiry("https://127.0.0.1:1", ())
    with pytest.raises(WireError, match="no usable PEM"):
        Sender(replace(asked.target, ca_bundle=str(bundle)), asked.profile, QUICK, HEADER, lambda _: None)


def test_a_success_without_a_token_is_a_gate_of_its_own_kind() -> None:
    with serving(always(answer(200, b"{}"))) as server:
        sending = sender(server)
        gate = sending.open()
    assert gate.state == "tokenless"
    assert [exchange.attempt for exchange in sending.exchanges] == [1, 2]


def test_a_gate_that_limits_the_rate_once_is_waited_for() -> None:
    with serving(in_turn(answer(429, b"", "Retry-After: 0"))) as server:
        assert sender(server).open().state == "open"
    assert len(server.asked) == 2


def test_a_gate_that_fails_once_is_tried_again() -> None:
    with serving(in_turn(answer(502))) as server:
        assert sender(server).open().state == "open"


# Two spellings of Basic


def reading_basic(*, form_encoded: bool) -> Script:
    """A server that reads one spelling alone."""
    from urllib.parse import quote_plus  # noqa: PLC0415 - nobody else needs it

    expected = quote_plus(SPECIAL.encode(), safe="*-._") if form_encoded else SPECIAL

    def script(request: Asked) -> bytes:
        known = [secret.encode("latin-1") for _, secret in request.pairs]
        return token() if expected.encode() in known else refusal(401, "invalid_client")

    return script


@pytest.mark.parametrize(("form_encoded", "times"), [(True, 1), (False, 2)])
def test_the_spelling_that_opened_the_gate_is_used_throughout(form_encoded: bool, times: int) -> None:
    with serving(reading_basic(form_encoded=form_encoded), secret=SPECIAL) as server:
        sending = sender(server, "rfc6749", secret=SPECIAL)
        gate = sending.open()
        assert gate.state == "open"
        assert gate.form_encoded is form_encoded
        assert len(server.asked) == times
        sending.carry_out(replace(NOTHING, ordinary=stimuli(12)))
    later = server.asked[times:]
    assert len(later) > 12
    assert all(request.pairs == server.asked[times - 1].pairs for request in later)
    assert not sending.stopped


@pytest.mark.parametrize(
    ("refused", "times"),
    [(refusal(401, "invalid_client"), 2), (refusal(400, "invalid_client"), 2), (answer(401), 2), (answer(404), 1)],
)
def test_a_refused_secret_is_tried_in_both_spellings_at_the_most(refused: bytes, times: int) -> None:
    with serving(always(refused)) as server:
        assert sender(server, "rfc6749", secret=SPECIAL).open().state == "closed"
    assert len(server.asked) == times


def test_a_secret_that_both_spellings_write_alike_is_tried_once() -> None:
    with serving(always(refusal(401, "invalid_client"))) as server:
        assert sender(server, "rfc6749").open().state == "closed"
    assert len(server.asked) == 1


def test_the_spelling_that_was_refused_counts_as_a_wrong_secret() -> None:
    with serving(reading_basic(form_encoded=False), secret=SPECIAL) as server:
        sending = sender(server, "rfc6749", secret=SPECIAL)
        sending.open()
        sending.carry_out(replace(NOTHING, spending=wrong(WRONG_SECRETS)))
    assert len([one for one in sending.exchanges if one.spent]) == WRONG_SECRETS - 1


# Pace


def test_the_pace_is_kept_whatever_the_concurrency() -> None:
    with serving(decent) as server:
        sending = sender(server, limits=Limits(timeout=1, max_rps=50))
        sending.open()
        sending.carry_out(replace(NOTHING, ordinary=stimuli(20)))
    arrived = [request.at for request in server.asked]
    assert len(arrived) > 22
    assert arrived[-1] - arrived[0] >= 0.9 * (len(arrived) - 1) / 50
    # A busy machine lets as many come together as there are lanes, and no more.
    assert min(later - earlier for earlier, later in zip(arrived, arrived[10:], strict=False)) > 0.5 * 10 / 50


@pytest.mark.parametrize("concurrency", [1, 4])
def test_concurrency_is_reached_and_never_exceeded(concurrency: int) -> None:
    def slow(request: Asked) -> bytes:
        time.sleep(0.03)
        return decent(request)

    with serving(slow) as server:
        sending = sender(server, limits=Limits(timeout=2, concurrency=concurrency))
        sending.open()
        sending.carry_out(replace(NOTHING, ordinary=stimuli(16)))
    assert server.most_at_once == concurrency
    # What began while another one was under way is told, so that nobody takes it for later.
    begun = [one.begun - one.number for one in sending.recording().exchanges]
    assert min(begun) == 0
    assert (max(begun) > 0) == (concurrency > 1)


def test_a_pace_that_ended_does_not_wait() -> None:
    ended = threading.Event()
    ended.set()
    pace = Pace(0.01)
    began = time.monotonic()
    pace.wait(ended)
    pace.wait(ended)
    assert time.monotonic() - began < 1


def test_exchanges_that_are_held_at_the_same_time_share_the_patience() -> None:
    pace = Pace(None)
    assert all(pace.hold(PATIENCE - 1) for _ in range(4))
    assert not pace.hold(PATIENCE + 5)


def test_there_is_no_patience_for_more_than_its_bound() -> None:
    assert not Pace(None).hold(PATIENCE + 1)


def test_a_limited_request_waits_as_long_as_it_is_told() -> None:
    def script(request: Asked) -> bytes:
        return answer(429, b"", "Retry-After: 1") if request.number == 2 else decent(request)

    with serving(script) as server:
        sending = sender(server, limits=Limits(timeout=1, concurrency=1))
        sending.open()
        reading = sending.send(stimulus(1))
    assert reading is not None
    assert reading.granted
    assert 1 <= server.asked[2].at - server.asked[1].at < 1.5


# Controls


def roles(sending: Sender) -> list[str]:
    return [exchange.role for exchange in sorted(sending.exchanges, key=lambda exchange: exchange.started)]


def test_controls_go_first_last_and_after_every_ten() -> None:
    with serving(decent) as server:
        sending = sender(server, limits=Limits(timeout=1, concurrency=1))
        sending.open()
        sending.carry_out(replace(NOTHING, ordinary=stimuli(40)))
    found = roles(sending)
    assert found[0] == found[-1] == "control"
    assert found.count("stimulus") == 40
    assert found.count("control") == 6
    gaps = [len(gap) for gap in "".join(role[0] for role in found).split("c")]
    assert max(gaps) <= 10


@pytest.mark.parametrize("octets", [answer(500), answer(429, b"", "Retry-After: 0"), HANG_UP, None])
def test_a_control_follows_what_was_not_answered_properly(octets: bytes | None) -> None:
    def script(request: Asked) -> bytes | None:
        return octets if b"probe=2" in request.data else decent(request)

    with serving(script) as server:
        sending = sender(server, limits=Limits(timeout=0.3, concurrency=1))
        sending.open()
        sending.carry_out(replace(NOTHING, ordinary=stimuli(3)))
    labels = [exchange.label for exchange in sending.exchanges]
    at = len(labels) - labels[::-1].index("probe 2") - 1
    assert labels[at + 1 : at + 3] == ["control", "probe 3"]
    assert not sending.stopped


def test_intrusive_requests_go_last_one_by_one_each_before_a_control() -> None:
    with serving(decent) as server:
        sending = sender(server)
        sending.open()
        sending.carry_out(replace(NOTHING, ordinary=stimuli(8), intrusive=(stimulus(98), stimulus(99))))
    labels = [exchange.label for exchange in sending.exchanges]
    assert labels[-5:] == ["probe 98", "control", "probe 99", "control", "control"]


def test_generating_goes_on_while_the_first_requests_travel() -> None:
    arrived = threading.Event()

    def script(request: Asked) -> bytes:
        if b"probe=1" in request.data:
            arrived.set()
        return decent(request)

    def generate() -> Iterator[Stimulus]:
        assert arrived.wait(5)
        yield stimulus(2)

    with serving(script) as server:
        sending = sender(server)
        sending.open()
        sending.carry_out(replace(NOTHING, ordinary=stimuli(1), generate=generate))
    assert {"probe 1", "probe 2"} <= {exchange.label for exchange in sending.exchanges}


# Wrong secrets


def sequence(server: Server) -> str:
    """What the server saw: w for a wrong secret of its client, g for the plain valid request, o for others."""
    return "".join("w" if one.wrong else "g" if b"probe" not in one.data else "o" for one in server.asked)


def test_a_wrong_secret_never_follows_another_and_there_are_twelve_at_the_most() -> None:
    with serving(decent) as server:
        sending = sender(server)
        sending.open()
        sending.carry_out(replace(NOTHING, ordinary=stimuli(30), spending=wrong(15)))
    found = sequence(server)
    assert found.count("w") == WRONG_SECRETS
    assert "ww" not in found.replace("o", "")
    assert server.wrong_at_once == 1
    assert {*sending.skipped.values()} == {"not sent: the budget of 12 wrong secrets is spent"}
    assert len(sending.skipped) == 3


def test_confirming_wrong_secrets_spends_the_same_budget() -> None:
    with serving(decent) as server:
        sending = sender(server)
        sending.open()
        tried = wrong(7)
        sending.carry_out(replace(NOTHING, spending=tried))
        sending.confirm(tried)
    found = sequence(server)
    assert found.count("w") == WRONG_SECRETS
    assert "ww" not in found
    assert [exchange.attempt for exchange in sending.exchanges if exchange.spent] == [1] * 7 + [2] * 5
    assert len(sending.skipped) == 2


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (answer(423), "it locks clients"),
        (answer(429, b"", "Retry-After: 0"), "429 without content"),
        (answer(503, b"", "Retry-After: 0"), "503 without content"),
    ],
)
def test_a_sign_of_a_lock_ends_the_wrong_secrets_alone(octets: bytes, words: str) -> None:
    with serving(lambda request: octets if request.wrong else decent(request)) as server:
        sending = sender(server)
        sending.open()
        sending.carry_out(replace(NOTHING, spending=wrong(3), ordinary=stimuli(5)))
    assert sequence(server).count("w") == 1
    assert sequence(server).count("o") == 5
    assert len(sending.skipped) == 2
    assert all(words in why for why in sending.skipped.values())
    assert not sending.stopped


def test_a_limit_anywhere_ends_the_wrong_secrets() -> None:
    with serving(lambda request: answer(429) if b"probe=1" in request.data else decent(request)) as server:
        sending = sender(server)
        sending.open()
        sending.send(stimulus(1))
        sending.carry_out(replace(NOTHING, spending=wrong(3)))
    assert sequence(server).count("w") == 0
    assert len(sending.skipped) == 3


def test_a_control_that_is_refused_once_ends_the_wrong_secrets_and_not_the_run() -> None:
    plain: list[int] = []

    def script(request: Asked) -> bytes:
        if request.plain and b"probe" not in request.data:
            plain.append(request.number)
            if len(plain) == 2:
                return refusal(401, "invalid_client")
        return decent(request)

    with serving(script) as server:
        sending = sender(server, limits=Limits(timeout=1, concurrency=1))
        sending.open()
        sending.carry_out(replace(NOTHING, spending=wrong(3), ordinary=stimuli(3)))
    assert sequence(server).count("w") == 1
    assert sequence(server).count("o") == 3
    assert {*sending.skipped.values()} == {"not sent: a control was refused"}
    assert not sending.stopped


def test_a_generated_request_that_would_try_a_wrong_secret_is_not_sent() -> None:
    template = VALID.authorized("drawn-by-chance")
    chance = Stimulus(template, template.digest, "generated: chance", "description")
    with serving(decent) as server:
        sending = sender(server)
        sending.open()
        sending.carry_out(replace(NOTHING, generate=lambda: [chance, stimulus(1)]))
    assert not server.wrong
    assert sending.skipped == {template.digest: "not sent: it would try a wrong secret of the real client"}


def test_what_the_plan_holds_back_is_told_with_its_reason() -> None:
    with serving(decent) as server:
        sending = sender(server)
        sending.open()
        sending.carry_out(replace(NOTHING, skipped={"digest": "no scope is configured"}))
    assert sending.recording().skipped == {"digest": "no scope is configured"}


# Ends


@pytest.mark.parametrize(
    ("last_words", "reason", "stopped_at"),
    [
        (refusal(401, "invalid_client"), "no longer granted: 401 invalid_client", 6),
        (answer(429), "no longer granted: 429", 3),
        (answer(200, b"{}"), "no longer granted: 200", 3),
        (HANG_UP, "no longer granted: no answer", 6),
        (answer(429, b"", "Retry-After: 60"), "no longer granted: 429", 3),
        (None, "no longer granted: no answer", 3),
    ],
)
def test_a_server_that_grants_no_more_ends_the_sending_soon(
    last_words: bytes | None, reason: str, stopped_at: float
) -> None:
    began = time.monotonic()
    with serving(lambda request: decent(request) if request.number <= 10 else last_words) as server:
        sending = sender(server, limits=Limits(timeout=0.3))
        sending.open()
        sending.carry_out(replace(NOTHING, ordinary=stimuli(60)))
        took = time.monotonic() - began
    assert reason in sending.stopped
    assert len(server.asked) < 55
    assert took < stopped_at
    assert not workers()


def test_a_server_that_comes_back_in_time_is_asked_on() -> None:
    gone = []

    def script(request: Asked) -> bytes:
        if request.number == 8:
            gone.append(request.at)
        return HANG_UP if gone and time.monotonic() - gone[0] < 0.1 else decent(request)

    with serving(script) as server:
        sending = sender(server)
        sending.open()
        sending.carry_out(replace(NOTHING, ordinary=stimuli(30)))
    assert not sending.stopped
    assert sum(role == "stimulus" for role in roles(sending)) == 30


def test_what_the_observer_raises_in_a_worker_is_raised_to_the_caller() -> None:
    def full(exchange: Exchange) -> None:
        if exchange.label == "probe 3":
            raise OSError(28, "No space left on device")

    with serving(decent) as server:
        sending = sender(server, observe=full)
        sending.open()
        with pytest.raises(OSError, match="No space left"):
            sending.carry_out(replace(NOTHING, ordinary=stimuli(60)))
    assert sending.stopped == "the suite itself failed: OSError"
    assert len(server.asked) < 30
    assert not workers()


def test_an_interrupt_in_a_worker_ends_the_sending() -> None:
    def interrupted(exchange: Exchange) -> None:
        if exchange.label == "probe 3":
            raise KeyboardInterrupt

    with serving(decent) as server:
        sending = sender(server, observe=interrupted)
        sending.open()
        with pytest.raises(KeyboardInterrupt):
            sending.carry_out(replace(NOTHING, ordinary=stimuli(60)))
    assert sending.stopped == "interrupted"
    assert len(server.asked) < 30
    assert not workers()


def test_an_interrupt_while_generating_drops_what_was_queued() -> None:
    def generate() -> Iterator[Stimulus]:
        yield stimulus(1000)
        raise KeyboardInterrupt

    def slow(request: Asked) -> bytes:
        time.sleep(0.02)
        return decent(request)

    with serving(slow) as server:
        sending = sender(server)
        sending.open()
        with pytest.raises(KeyboardInterrupt):
            sending.carry_out(replace(NOTHING, ordinary=stimuli(100), generate=generate))
    assert sending.stopped == "interrupted"
    assert len(server.asked) < 20
    assert not workers()


def test_a_generation_that_fails_ends_the_sending() -> None:
    def generate() -> Iterable[Stimulus]:
        raise ValueError("the description cannot be used")

    with serving(decent) as server:
        sending = sender(server)
        sending.open()
        with pytest.raises(ValueError, match="cannot be used"):
            sending.carry_out(replace(NOTHING, ordinary=stimuli(100), generate=generate))
    assert sending.stopped == "the suite itself failed: ValueError"
    assert not workers()


def test_nothing_is_sent_after_the_end() -> None:
    with serving(decent) as server:
        sending = sender(server)
        sending.open()
        sending.stop("enough")
        assert sending.send(stimulus(1)) is None
        assert not sending.control()
        sending.confirm(stimuli(2))
        sending.carry_out(replace(NOTHING, ordinary=stimuli(5), spending=wrong(2), intrusive=stimuli(2)))
    assert len(server.asked) == 1
    assert sending.stopped == "enough"
    assert not sending.skipped


def test_the_first_reason_stays_unless_the_user_interrupts() -> None:
    sending = sender(nobody_listens())
    sending.stop("first")
    sending.stop("second")
    assert sending.recording().stopped == "first"
    sending.stop("interrupted")
    assert sending.recording().stopped == "interrupted"


# What is recorded


def test_a_recording_is_in_the_order_of_starting_and_holds_no_secret() -> None:
    with serving(lambda request: answer(400, b"you sent " + request.data)) as server:
        target = replace(
            target_at(server.base_url, "/passport/oauth/token", Credentials(CLIENT, Secret(SECRET))),
            headers=(Extra("X-Gateway-Key", Secret("gateway-key-0123456789")),),
        )
        sending = Sender(target, inquiry(server, ()).profile, QUICK, HEADER, lambda _: None)
        sending.open()
        for tried in (*wrong(2), *stimuli(3)):
            sending.send(tried)
    recording = sending.recording()
    assert [exchange.number for exchange in recording.exchanges] == [1, 2, 3, 4, 5, 6]
    assert [exchange.spent for exchange in recording.exchanges] == [False, True, True, False, False, False]
    text = repr(recording)
    assert SECRET not in text
    assert "gateway-key" not in text
    assert b"X-Gateway-Key: gateway-key-0123456789" in server.asked[0].data


def test_a_plan_is_made_with_the_settled_spelling() -> None:
    cases = (turned_down("OWN-001", VALID.authorized(OWN_SECRET + "x")), *probes(2))
    with serving(reading_basic(form_encoded=False), secret=SPECIAL) as server:
        sending = sender(server, "rfc6749", secret=SPECIAL)
        sending.open()
        made = plan(cases, sending.binder)
        sending.carry_out(made)
    assert len(made.spending) == 1
    assert len(made.ordinary) == 2
    assert [exchange.spent for exchange in sending.exchanges].count(True) == 1
