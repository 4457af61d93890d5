"""Choices of the HTTP layer: what it mends, what it refuses, and how it says so."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import Behaviour, ahead, finishing, html, lines, misreading, without
from conformance.reference.message import REASONS, Answer, Malformed, Request, heading, page, standing
from conformance.reference.oauth import form_decoded
from conformance.reference.planting import variant

if TYPE_CHECKING:
    from conformance.reference.oauth import Site

BOUND = 2000
HOSTILE = re.compile(rb"[\x00\r'\"]")


def hanging_up(answer: Answer, _request: Request) -> Answer:
    """The connection ends with the answer."""
    return replace(answer, close=True)


@variant("other-methods-404")
def other_methods_404(correct: Behaviour) -> Behaviour:
    """Other methods than POST are answered 404."""
    return replace(correct, other_method=lambda _behaviour, _request, _site: page(404, "not found"))


@variant("waf")
def waf(correct: Behaviour) -> Behaviour:
    """A firewall in front answers hostile or huge input with a bare 403."""

    def step(request: Request, _site: Site) -> Answer | None:
        octets = form_decoded(request.body)
        huge = len(request.body) > BOUND or any(len(line.raw) > BOUND for line in request.fields)
        return html(403, "Forbidden") if huge or HOSTILE.search(octets) else None

    def refuse(malformed: Malformed) -> Answer:
        hostile = malformed.status in (413, 414, 431) or "CR or NUL" in malformed.reason
        return html(403, "Forbidden") if hostile else correct.refuse_message(malformed)

    return replace(ahead(correct, step), refuse_message=refuse)


@variant("closes-connections")
def closes_connections(correct: Behaviour) -> Behaviour:
    """The connection closes after each answer."""
    return finishing(correct, hanging_up)


@variant("empty-431")
def empty_431(correct: Behaviour) -> Behaviour:
    """Messages that are too large are answered without content, others by a page in HTML."""

    def refuse(malformed: Malformed) -> Answer:
        if malformed.status in (413, 414, 431):
            return Answer(malformed.status)
        return html(malformed.status, "Bad Request")

    return replace(correct, refuse_message=refuse)


@variant("chunked-answers")
def chunked_answers(correct: Behaviour) -> Behaviour:
    """Answers travel in chunks, and their field names are in lower case."""

    def frame(answer: Answer, *, close: bool, head: bool) -> bytes:
        fields = (*standing(answer, close=close), ("Transfer-Encoding", "chunked"))
        octets = heading(answer.status, tuple((name.lower(), value) for name, value in fields))
        parts = (answer.body[:7], answer.body[7:])
        chunks = b"".join(b"%X\r\n%b\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"
        return octets if head else octets + chunks

    return replace(correct, frame=frame)


@variant("lenient-edge")
def lenient_edge(correct: Behaviour) -> Behaviour:
    """The HTTP layer mends what it may: folds, stray lines, CR and NUL, equal lengths, a length beside chunks."""

    def mended(head: bytes) -> bytes:
        head = re.sub(rb"\A([^\r\n]*)(\r\n[ \t][^\r\n]*)+", rb"\1", head)
        head = re.sub(rb"[ \t]*\r\n[ \t]+|\r(?!\n)|\0", b" ", head)
        lengths = {one.strip() for value in lines(head, b"content-length") for one in value.split(b",")}
        if lines(head, b"transfer-encoding") and lengths:
            return without(head, b"content-length") + b"\r\nConnection: close"
        if len(lengths) == 1:
            return without(head, b"content-length") + b"\r\nContent-Length: " + lengths.pop()
        return head

    return misreading(correct, mended)


@variant("framework-edge")
def framework_edge(correct: Behaviour) -> Behaviour:
    """A length is required, no expectation is met, and the HTTP layer refuses in JSON with words of its own."""

    def measured(head: bytes) -> bytes:
        if head.startswith(b"POST ") and not lines(head, b"content-length"):
            raise Malformed(411, "a length is required")
        if lines(head, b"expect"):
            raise Malformed(417, "expectations are not met here")
        return head

    def refuse(malformed: Malformed) -> Answer:
        members = {"statusCode": malformed.status, "error": REASONS[malformed.status], "message": malformed.reason}
        fields = (("Content-Type", "application/json; charset=utf-8"),)
        return Answer(malformed.status, fields, json.dumps(members).encode(), close=True)

    return replace(misreading(correct, measured), refuse_message=refuse)
