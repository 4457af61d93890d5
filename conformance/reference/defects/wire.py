"""Defects in how HTTP/1.1 messages are read and framed."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import Behaviour, Hangup, Silence, crashing, failing, lines, misreading, without
from conformance.reference.message import Answer, Malformed, Request, framed, page
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.oauth import Site

OUTAGE = 0.8
"""Seconds that a server which died needs to come back."""


def dying(correct: Behaviour, condition: Callable[[bytes], object]) -> Behaviour:
    """The HTTP layer answers 500 to header sections that meet the condition."""

    def change(head: bytes) -> bytes:
        if condition(head):
            raise Malformed(500, "internal error")
        return head

    return misreading(correct, change)


def leaving(correct: Behaviour, condition: Callable[[bytes], object]) -> Behaviour:
    """Header sections that meet the condition are never answered."""

    def change(head: bytes) -> bytes:
        if condition(head):
            raise Silence
        return head

    return misreading(correct, change)


# Header sections


@planted("wire-space-before-colon", "WIRE-001")
def space_before_colon(correct: Behaviour) -> Behaviour:
    """Blanks between a field name and its colon are cut off."""
    return misreading(correct, lambda head: re.sub(rb"(?m)^([^\s:]+)[ \t]+:", rb"\1:", head))


@planted("wire-space-invalid-request", "WIRE-001")
def space_invalid_request(correct: Behaviour) -> Behaviour:
    """A field name that ends in a blank is passed on to the application, which says invalid_request."""

    def refuse(malformed: Malformed) -> Answer:
        if malformed.reason != "a field line is malformed":
            return correct.refuse_message(malformed)
        return Answer(400, (("Content-Type", "application/json"),), b'{"error": "invalid_request"}')

    return replace(correct, refuse_message=refuse)


@planted("wire-obs-fold-500", "WIRE-002")
def obs_fold_500(correct: Behaviour) -> Behaviour:
    """A field value that goes on in the next line makes the server answer 500."""
    return dying(correct, re.compile(rb"\r\n[^ \t\r\n][^\r\n]*\r\n[ \t]").search)


@planted("wire-first-line-honoured", "WIRE-003")
def first_line_honoured(correct: Behaviour) -> Behaviour:
    """A field line that begins with a blank counts as if it did not, where it is the first one."""
    return misreading(correct, lambda head: re.sub(rb"\A([^\r\n]*\r\n)[ \t]+", rb"\1", head))


@planted("wire-no-host-accepted", "WIRE-004")
def no_host_accepted(correct: Behaviour) -> Behaviour:
    """A request without Host is processed."""
    return misreading(correct, lambda head: head if lines(head, b"host") else head + b"\r\nHost: default")


@planted("wire-two-hosts-accepted", "WIRE-005")
def two_hosts_accepted(correct: Behaviour) -> Behaviour:
    """Of several Host lines the first counts."""

    def change(head: bytes) -> bytes:
        hosts = lines(head, b"host")
        return without(head, b"host") + b"\r\nHost: " + hosts[0] if len(hosts) > 1 else head

    return misreading(correct, change)


@planted("wire-cr-ends-a-line", "WIRE-012")
def cr_ends_a_line(correct: Behaviour) -> Behaviour:
    """A CR without LF ends a field line, so that a value can bring fields of its own."""
    return misreading(correct, lambda head: re.sub(rb"\r(?!\n)", b"\r\n", head))


@planted("wire-nul-500", "WIRE-012")
def nul_500(correct: Behaviour) -> Behaviour:
    """A NUL in a field that nobody needs makes the server answer 500."""
    return dying(correct, re.compile(rb"(?im)^x-[^\r\n]*\0").search)


@planted("wire-absolute-form-404", "WIRE-013")
def absolute_form_404(correct: Behaviour) -> Behaviour:
    """A request target with scheme and host is taken for a path, and not found."""
    return misreading(correct, lambda head: re.sub(rb"\A(\S+ )(https?:)", rb"\1/\2", head))


@planted("wire-long-target-500", "WIRE-016")
def long_target_500(correct: Behaviour) -> Behaviour:
    """A request target of more than 8000 octets makes the server answer 500."""
    return dying(correct, lambda head: len(head.partition(b"\r\n")[0]) > 8000)


@planted("wire-long-target-closed", "WIRE-016")
def long_target_closed(correct: Behaviour) -> Behaviour:
    """A request target of more than 8000 octets closes the connection without an answer."""

    def change(head: bytes) -> bytes:
        if len(head.partition(b"\r\n")[0]) > 8000:
            raise Hangup
        return head

    return misreading(correct, change)


def bad_host(head: bytes) -> bool:
    """Whether a Host value has a blank in it."""
    return any(b" " in value for value in lines(head, b"host"))


@planted("wire-bad-host-500", "WIRE-021")
def bad_host_500(correct: Behaviour) -> Behaviour:
    """A Host that is no host makes the server answer 500."""
    return dying(correct, bad_host)


@planted("wire-bad-host-accepted", "WIRE-021")
def bad_host_accepted(correct: Behaviour) -> Behaviour:
    """Nobody looks at the value of Host."""
    return misreading(correct, lambda head: without(head, b"host") + b"\r\nHost: any" if bad_host(head) else head)


# Connections and answers


@planted(
    *("wire-kept-500", "WIRE-017", "REQ-006"),
    *("DOC-002", "DOC-003", "DOC-004", "DOC-005", "DOC-006", "DOC-007"),
)
def kept_500(correct: Behaviour) -> Behaviour:
    """A request that does not ask for the end of its connection makes the application die."""
    return crashing(correct, lambda request: request.keep_alive and not request.values("Expect"))


@planted("wire-body-left-unread", "WIRE-017", "WIRE-019")
def body_left_unread(correct: Behaviour) -> Behaviour:
    """The body of a refused request is left on the connection, and refused as a request of its own."""

    def frame(answer: Answer, *, close: bool, head: bool) -> bytes:
        octets = correct.frame(answer, close=close, head=head)
        if close or answer.status != 400:
            return octets
        return octets + framed(page(400, "the request line is malformed"), close=False, head=False)

    return replace(correct, frame=frame)


@planted("wire-refusal-too-long", "WIRE-017", "DOC-002", "DOC-003", "DOC-005", "DOC-006")
def refusal_too_long(correct: Behaviour) -> Behaviour:
    """A refusal on a connection that is kept announces more octets than it has."""

    def frame(answer: Answer, *, close: bool, head: bool) -> bytes:
        octets = correct.frame(answer, close=close, head=head)
        if close or answer.status != 400:
            return octets
        return re.sub(rb"(?m)^Content-Length: ", rb"\g<0>9", octets, count=1)

    return replace(correct, frame=frame)


def dated(correct: Behaviour, line: bytes) -> Behaviour:
    """Another line stands in the place of Date."""

    def frame(answer: Answer, *, close: bool, head: bool) -> bytes:
        return re.sub(rb"Date: [^\r]*\r\n", line, correct.frame(answer, close=close, head=head), count=1)

    return replace(correct, frame=frame)


@planted("wire-no-date", "WIRE-018")
def no_date(correct: Behaviour) -> Behaviour:
    """Answers have no Date."""
    return dated(correct, b"")


@planted("wire-date-local", "WIRE-018")
def date_local(correct: Behaviour) -> Behaviour:
    """Date is in the format of a log, in local time."""
    return dated(correct, b"Date: 2026-11-24 05:04:18 +0100\r\n")


@planted("wire-octets-after-content", "WIRE-019")
def octets_after_content(correct: Behaviour) -> Behaviour:
    """A line end follows the content of every token answer, and Content-Length does not count it."""

    def frame(answer: Answer, *, close: bool, head: bool) -> bytes:
        octets = correct.frame(answer, close=close, head=head)
        return octets if head or answer.status != 200 else octets + b"\r\n"

    return replace(correct, frame=frame)


@planted("wire-length-in-characters", "WIRE-019", "WIRE-015", "ERR-001", "ERR-004", "GEN-006")
def length_in_characters(correct: Behaviour) -> Behaviour:
    """Content-Length counts characters, and the message about a missing Content-Type has one of two octets."""
    text = "Content-Type fehlt, er ist nötig"
    localised = failing(correct, lambda failure, _: replace(failure, description=text), "media-missing")

    def frame(answer: Answer, *, close: bool, head: bool) -> bytes:
        octets = correct.frame(answer, close=close, head=head)
        length = len(answer.body.decode("utf-8", "ignore"))
        return re.sub(rb"(?m)^Content-Length: \d+", b"Content-Length: %d" % length, octets, count=1)

    return replace(localised, frame=frame, encode=lambda members: json.dumps(members, ensure_ascii=False).encode())


@planted("wire-two-header-sections", "WIRE-019")
def two_header_sections(correct: Behaviour) -> Behaviour:
    """An OAuth error that ends its connection is sent twice, with two header sections."""

    def frame(answer: Answer, *, close: bool, head: bool) -> bytes:
        octets = correct.frame(answer, close=close, head=head)
        return octets * 2 if close and answer.status == 400 and b'"error"' in answer.body else octets

    return replace(correct, frame=frame)


def stopping(correct: Behaviour, fatal: Callable[[Request], bool]) -> Behaviour:
    """The process dies of some requests, and another one takes its place a moment later."""
    inner_elsewhere, inner_decide = correct.elsewhere, correct.decide

    def alive(request: Request, site: Site) -> None:
        if fatal(request):
            site.memory["back"] = time.monotonic() + OUTAGE
        if time.monotonic() < site.memory.get("back", 0):
            raise Hangup

    def elsewhere(request: Request, site: Site) -> Answer:
        alive(request, site)
        return inner_elsewhere(request, site)

    def decide(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        alive(request, site)
        return inner_decide(behaviour, request, site)

    return replace(correct, elsewhere=elsewhere, decide=decide)


@planted("wire-options-star-stops", "WIRE-022")
def options_star_stops(correct: Behaviour) -> Behaviour:
    """OPTIONS for the whole server ends its process, which is started anew."""
    return stopping(correct, lambda request: request.path == "*")


@planted("wire-absolute-form-stops", "WIRE-022", "WIRE-013")
def absolute_form_stops(correct: Behaviour) -> Behaviour:
    """A request target with scheme and host ends the process of the server, which is started anew."""
    marked = misreading(correct, lambda head: re.sub(rb"\A(\S+ )https?:[^\r\n]*", rb"\1* HTTP/1.1", head))
    return stopping(marked, lambda request: request.path == "*" and request.method == "POST")
