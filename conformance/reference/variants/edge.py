"""Choices of the HTTP layer: what it mends, what it refuses, and how it says so."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import (
    Behaviour,
    Hangup,
    ahead,
    finishing,
    html,
    lines,
    misreading,
    pooled,
    with_field,
    without,
)
from conformance.reference.message import REASONS, Answer, Malformed, Request, heading, http_date, page, standing
from conformance.reference.oauth import Form, Refused, form_decoded, refuse
from conformance.reference.planting import Needs, variant

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


@variant("obs-text-refused")
def obs_text_refused(correct: Behaviour) -> Behaviour:
    """A field value with octets above 0x7F is refused as malformed."""

    def value(raw: bytes) -> bytes:
        if not raw.isascii():
            raise Malformed(400, "a field value is not ASCII")
        return correct.field_value(raw)

    return replace(correct, field_value=value)


@variant("small-limits")
def small_limits(correct: Behaviour) -> Behaviour:
    """Header sections of more than 8 KiB and bodies of more than 100 kB or 1000 parameters are too large."""

    def bounded(head: bytes) -> bytes:
        if len(head.partition(b"\r\n")[0]) > 8 * 1024:
            raise Malformed(414, "the request target is too long")
        if len(head) > 8 * 1024:
            raise Malformed(431, "the header section is too large")
        return head

    def step(request: Request, _site: Site) -> Answer | None:
        large = len(request.body) > 100_000 or request.body.count(b"&") >= 1000
        return page(413, "the content is too large") if large else None

    return ahead(misreading(correct, bounded), step)


@variant("methods-after-authentication")
def methods_after_authentication(correct: Behaviour) -> Behaviour:
    """Whoever does not authenticate is answered 401, whatever the method."""
    inner = correct.other_method

    def other_method(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        try:
            behaviour.authenticate(behaviour, request, Form(()), site)
        except Refused as refused:
            return refuse(behaviour, replace(refused.failure, status=401), request, site)
        return inner(behaviour, request, site)

    return replace(correct, other_method=other_method)


@variant("pages-everywhere")
def pages_everywhere(correct: Behaviour) -> Behaviour:
    """A path that nobody serves gets the start page of an application, with 200."""
    return replace(correct, elsewhere=lambda _request, _site: html(200, "Welcome"))


# Many requests at once


@variant("limits-bursts")
def limits_bursts(correct: Behaviour) -> Behaviour:
    """More than six requests at a time are answered 429, with the seconds to wait."""
    return pooled(correct, lambda: page(429, "too many requests", ("Retry-After", "1")))


@variant("overloaded-503")
def overloaded_503(correct: Behaviour) -> Behaviour:
    """More than six requests at a time are answered 503, with the date to come back at."""
    return pooled(correct, lambda: page(503, "no server is free", ("Retry-After", http_date(time.time() + 1))))


# TLS

OVER_TLS = Needs(tls=True)


@variant("tls-plain-redirected", needs=OVER_TLS)
def tls_plain_redirected(correct: Behaviour) -> Behaviour:
    """A request without TLS is sent to https."""

    def plain(_behaviour: Behaviour, request: Request, site: Site) -> Answer:
        return page(308, "this port speaks TLS", ("Location", site.origin + request.path), close=True)

    return replace(correct, plain=plain)


@variant("tls-plain-closed", needs=OVER_TLS)
def tls_plain_closed(correct: Behaviour) -> Behaviour:
    """A connection that does not begin with TLS is closed."""

    def plain(_behaviour: Behaviour, _request: Request, _site: Site) -> Answer:
        raise Hangup

    return replace(correct, plain=plain)


@variant("tls-chained", needs=OVER_TLS)
def tls_chained(correct: Behaviour) -> Behaviour:
    """The certificate comes from an intermediate authority, whose certificate is sent along."""
    return replace(correct, tls=replace(correct.tls, certificate="chained"))


@variant("tls-strict-transport", needs=OVER_TLS)
def tls_strict_transport(correct: Behaviour) -> Behaviour:
    """Every answer says that the host speaks TLS alone, and suites of larger keys come first."""
    ciphers = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305"
    strict = finishing(
        correct,
        lambda answer, _: with_field(answer, "Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
    )
    return replace(strict, tls=replace(correct.tls, ciphers=ciphers))
