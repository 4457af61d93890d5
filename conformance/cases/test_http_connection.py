"""Connections at the HTTP edge: kept ones serve the next request, and no request stops the endpoint."""

import re
from dataclasses import replace

from conformance.case import case
from conformance.cases.stimuli import UNKNOWN_GRANT
from conformance.reply import GRANTED, Answer, Judgement, Outcome, Reading, Reply
from conformance.request import VALID, on_one_connection

IMF_FIXDATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3][0-9] (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4}"
    r" [0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT"
)
"""The format of Date (RFC 9110, section 5.6.7)."""

OPTIONS_STAR = VALID.with_method("OPTIONS").to("*").removing("Authorization", "Content-Type").without_body()


def first_of(answer: Reading) -> Reading:
    """The answer to the first of two requests on one connection."""
    sent, received = answer.exchange.preceding
    shown = answer.exchange.received[:received]
    return Reading(
        replace(answer.exchange, sent=answer.exchange.sent[:sent], received=shown, preceding=(0, 0), token=None)
    )


def closed_between(reading: Reading) -> bool:
    """Whether the server ended the connection behind its first answer, before the second request was sent."""
    message = first_of(reading).message
    second_sent = len(reading.exchange.sent) > reading.exchange.preceding[0]
    whole = message is not None and message.complete
    return not reading.answered and not second_sent and whole and reading.exchange.ending == "closed"


CLOSED_BETWEEN = Outcome("a close after the first answer", closed_between)


def spoke_first(reading: Reading) -> bool:
    """Whether an octet of the answer came before the request was whole, and a final answer in the end."""
    exchange = reading.exchange
    early = exchange.first_byte is not None and (exchange.sent_all is None or exchange.first_byte < exchange.sent_all)
    return early and 0 < reading.status < 500


SIGN = Outcome("100 or a final answer before the body is sent", spoke_first)


@case("WIRE-014", waiting=VALID.adding("Expect", "100-continue").holding_its_body())
def test_a_client_that_waits_gets_a_sign(waiting: Reply, judge: Judgement) -> None:
    waiting.must_be(SIGN)
    if waiting.was(SIGN) and waiting.answer is not None and waiting.answer.message is not None:
        judge.trait("expect.continue", "100" if 100 in waiting.answer.message.interim else "final")


@case(
    "WIRE-017",
    valid=VALID,
    unknown=UNKNOWN_GRANT,
    twice=on_one_connection(VALID, VALID),
    after_a_refusal=on_one_connection(UNKNOWN_GRANT, VALID),
)
def test_a_kept_connection_serves_the_next_request(
    valid: Reply, unknown: Reply, twice: Reply, after_a_refusal: Reply, judge: Judgement
) -> None:
    for pair, alone in ((twice, valid), (after_a_refusal, unknown)):
        pair.must_be(GRANTED | CLOSED_BETWEEN)
        if pair.was(GRANTED | CLOSED_BETWEEN) and alone.usable and alone.status:
            assert pair.answer is not None
            first_answer_as_alone(pair.answer, alone.status, judge)
    for outcome, value in ((GRANTED, "kept"), (CLOSED_BETWEEN, "closed")):
        if twice.was(outcome):
            judge.trait("connection.reuse", value)


def first_answer_as_alone(answer: Answer, status: int, judge: Judgement) -> None:
    """Says that the first of two answers is the one to that request alone, with nothing behind it."""
    first = first_of(answer)
    if first.rate_limited:
        judge.cannot_tell(f"the server limits the rate: {first.words()}")
        return
    flaw = None
    if first.status != status:
        flaw = f"the first answer is {first.status}, on a connection of its own {status}"
    elif first.message is not None and first.message.extra:
        flaw = "octets between the two answers"
    judge.each([answer], "the first answer as on a connection of its own, and nothing behind it", lambda _: flaw)


@case("WIRE-018", also=(UNKNOWN_GRANT,))
def test_answers_carry_date(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        values = answer.values("Date")
        if not values:
            return "no Date"
        return None if IMF_FIXDATE.fullmatch(values[0]) else "a Date in another format"

    # A refusal without an error code comes from the HTTP layer, which need not have a clock.
    processed = [one for one in judge.answers if one.granted or (400 <= one.status < 500 and one.error)]
    judge.each(processed, "Date in every answer", flaw)


@case("WIRE-022", also=(OPTIONS_STAR,))
def test_no_request_stops_the_endpoint(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        return "neither it nor the valid request after it was answered" if answer.fatal else None

    others = [one for one in judge.answers if not one.fatal]
    judge.each((*others, *judge.fatal), "an answer to the valid request after every other one", flaw)
