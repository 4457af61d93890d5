"""Where a message ends: lengths and chunks of requests at the HTTP edge, and the framing of answers."""

from dataclasses import replace

from conformance.case import case
from conformance.cases.test_http_header_section import REFUSED_BY_HTTP
from conformance.expression import LENGTH
from conformance.reply import (
    GRANTED,
    INVALID_CLIENT,
    INVALID_REQUEST,
    REFUSED,
    Answer,
    Judgement,
    Outcome,
    Reply,
    every,
    refused,
)
from conformance.request import VALID, Template

CLOSED = Outcome(
    "a close without a response",
    lambda reading: not reading.answered and reading.exchange.ending in ("closed", "reset"),
)
PLAIN = Outcome("a 4xx without an OAuth error", lambda reading: REFUSED.matches(reading) and reading.error is None)

AMBIGUOUS = frozenset({"WIRE-006", "WIRE-007", "WIRE-008", "WIRE-009", "WIRE-011", "WIRE-020"})
"""Rows about requests that may be read as two, so that two answers are no fault of their framing."""


def sized(length: str) -> Template:
    """The valid request with another Content-Length."""
    return VALID.replacing("Content-Length", length)


def coded(codings: str) -> Template:
    """The valid request in some transfer codings instead of a Content-Length; its body stays as it is."""
    return VALID.removing("Content-Length").adding("Transfer-Encoding", codings)


def end_with(reply: Reply, judge: Judgement) -> None:
    """Says that the connection should end with an answer."""

    def flaw(answer: Answer) -> str | None:
        return "the connection stays open" if answer.exchange.left_open else None

    judge.each([reply.answer] if reply.answer is not None else [], "the end of the connection", flaw, verdict="warning")


def anomalous(answer: Answer, word: str) -> bool:
    """Whether the reading of an answer noted an oddity."""
    return answer.message is not None and any(note.partition(":")[0] == word for note in answer.message.anomalies)


BOTH = replace(VALID.removing("Connection").adding("Transfer-Encoding", "chunked"), framing="chunked")
"""A body in chunks with its Content-Length beside it, on a connection that the client does not end."""


@case("WIRE-006", both=BOTH)
def test_a_length_beside_chunks_cannot_split_a_message(both: Reply, judge: Judgement) -> None:
    both.must_be(REFUSED_BY_HTTP | GRANTED)
    if both.was(REFUSED_BY_HTTP | GRANTED):
        assert both.answer is not None
        second = "octets after it" if anomalous(both.answer, "extra-octets") else None
        judge.each([both.answer], "nothing after the answer", lambda _: second, verdict="failed")
        end_with(both, judge)


@case("WIRE-007", differing=VALID.adding("Content-Length", "5"))
def test_two_different_lengths_are_refused(differing: Reply) -> None:
    differing.must_be(REFUSED_BY_HTTP, warn=CLOSED)


@case(
    "WIRE-008",
    lines=VALID.adding("Content-Length", LENGTH),
    one_line=VALID.replacing("Content-Length", LENGTH + ", " + LENGTH),
)
def test_a_repeated_equal_length_is_used_once_or_refused(lines: Reply, one_line: Reply, judge: Judgement) -> None:
    replies = every(lines, one_line)
    replies.must_be(GRANTED | refused(400))
    if all(reply.was(GRANTED | refused(400)) for reply in replies):
        seen = {"accepted" if reply.granted else "refused" for reply in replies}
        judge.trait("content_length.duplicate", seen.pop() if len(seen) == 1 else "mixed")


@case(
    "WIRE-009",
    word=sized("abc"),
    negative=sized("-1"),
    signed=VALID.replacing("Content-Length", "+" + LENGTH),
    hexadecimal=sized("0x1d"),
)
def test_a_length_that_is_no_number_is_refused(word: Reply, negative: Reply, signed: Reply, hexadecimal: Reply) -> None:
    every(word, negative, signed, hexadecimal).must_be(REFUSED_BY_HTTP | refused(413))


@case("WIRE-010", plain=VALID.chunked(), extended=VALID.extending_its_chunk(), two=VALID.in_two_chunks())
def test_a_body_in_chunks_is_read(plain: Reply, extended: Reply, two: Reply) -> None:
    every(plain, extended, two).must_be(GRANTED | refused(411))


@case("WIRE-011", unknown=coded("foo"), over_chunks=replace(coded("chunked, foo"), framing="chunked"))
def test_an_unknown_transfer_coding_is_refused(unknown: Reply, over_chunks: Reply) -> None:
    unknown.must_be(refused(501) | REFUSED_BY_HTTP)
    over_chunks.must_be(REFUSED_BY_HTTP | refused(501), fail=GRANTED)


@case("WIRE-015", bare=VALID.removing("Authorization", "Content-Type").without_body())
def test_a_post_without_a_length_is_answered(bare: Reply) -> None:
    bare.must_be(INVALID_CLIENT | INVALID_REQUEST | refused(411) | PLAIN)


@case("WIRE-019")
def test_an_answer_ends_where_its_framing_says(judge: Judgement) -> None:
    def flaw(answer: Answer) -> str | None:
        if anomalous(answer, "transfer-encoding-in-http-1.0"):
            return "Transfer-Encoding in an answer of HTTP/1.0"
        return "octets after the end of an answer" if anomalous(answer, "extra-octets") else None

    framed = [one for one in judge.answers if one.answered and not (one.cases and one.cases <= AMBIGUOUS)]
    judge.each(framed, "nothing after the end of each answer", flaw)


@case("WIRE-020", malformed=coded("chunked").with_body("zz\r\ngrant_type=client_credentials\r\n0\r\n\r\n"))
def test_a_malformed_chunk_size_is_refused(malformed: Reply, judge: Judgement) -> None:
    # Who reads no chunks at all says so whatever their size (RFC 9112, section 6.3).
    malformed.must_be(refused(400, 411))
    if malformed.was(refused(400, 411)):
        end_with(malformed, judge)
