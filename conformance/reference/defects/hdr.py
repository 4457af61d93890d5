"""Defects in how header fields are read."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import (
    Behaviour,
    Hangup,
    ahead,
    crashing,
    finishing,
    html,
    misreading,
    with_field,
    without,
)
from conformance.reference.message import OWS, TOO_MANY_FIELDS, Answer, Malformed, Request, page, trimmed
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.oauth import Site


def keeping(correct: Behaviour, value: Callable[[bytes], bytes]) -> Behaviour:
    """Field values are cut out of their line otherwise."""
    return replace(correct, field_value=value)


@planted("hdr-leading-space-kept", "HDR-001", "CTYPE-009", "GEN-001")
def leading_space_kept(correct: Behaviour) -> Behaviour:
    """One space after the colon is skipped; a second one belongs to the value."""
    return keeping(correct, lambda raw: raw[1:].rstrip(OWS) if raw.startswith(b"  ") else trimmed(raw))


@planted("hdr-space-demanded", "HDR-001", "HDR-011", "GEN-001")
def space_demanded(correct: Behaviour) -> Behaviour:
    """A field line without a space after its colon is refused as malformed."""

    def value(raw: bytes) -> bytes:
        if raw and not raw.startswith(b" "):
            raise Malformed(400, "a field line is malformed")
        return trimmed(raw)

    return keeping(correct, value)


def unseen(correct: Behaviour, name: str, condition: Callable[[bytes], bool]) -> Behaviour:
    """A line of that field is passed over where the octets after its colon meet the condition."""

    def receive(request: Request) -> Request:
        received = correct.receive(request)
        kept = (line for line in received.fields if line.name.lower() != name or not condition(line.raw))
        return replace(received, fields=tuple(kept))

    return replace(correct, receive=receive)


@planted("hdr-two-spaces-authorization", "HDR-001", "GEN-001")
def two_spaces_authorization(correct: Behaviour) -> Behaviour:
    """The Authorization field is found by a pattern that has room for one space after the colon."""
    return unseen(correct, "authorization", lambda raw: raw.startswith(b"  "))


@planted("hdr-trailing-space-403", "HDR-002", "GEN-001")
def trailing_space_403(correct: Behaviour) -> Behaviour:
    """An Authorization field that ends in a space is answered 403."""

    def step(request: Request, _site: Site) -> Answer | None:
        ends = any(line.raw.endswith(b" ") for line in request.fields if line.name.lower() == "authorization")
        return page(403, "forbidden") if ends else None

    return ahead(correct, step)


@planted("hdr-trailing-space-kept", "HDR-002", "GEN-001")
def trailing_space_kept(correct: Behaviour) -> Behaviour:
    """Spaces at the end of a field line belong to the value."""
    return keeping(correct, lambda raw: raw.lstrip(OWS) if raw.strip(OWS) and raw.endswith(b" ") else trimmed(raw))


@planted("hdr-tab-kept", "HDR-011")
def tab_kept(correct: Behaviour) -> Behaviour:
    """Only spaces are cut off around a field value, tabs are not."""
    return keeping(correct, lambda raw: raw.strip(b" "))


@planted("hdr-trailing-tab-kept", "HDR-011")
def trailing_tab_kept(correct: Behaviour) -> Behaviour:
    """A tab at the end of a field line belongs to the value."""
    return keeping(correct, lambda raw: raw.lstrip(OWS) if raw.endswith(b"\t") and raw.strip(OWS) else trimmed(raw))


@planted("hdr-length-case", "HDR-003", "GEN-001")
def length_case(correct: Behaviour) -> Behaviour:
    """Content-Length counts in three spellings, and in no other mixture of capitals and small letters."""
    spelled = (b"Content-Length", b"content-length", b"CONTENT-LENGTH")

    def change(head: bytes) -> bytes:
        found = re.findall(rb"(?im)^(content-length):", head)
        return head if all(name in spelled for name in found) else without(head, b"content-length")

    return misreading(correct, change)


@planted("hdr-name-case", "HDR-003", "GEN-001", "DOC-007")
def name_case(correct: Behaviour) -> Behaviour:
    """The application finds Authorization and Content-Type only in exactly that spelling."""
    spelled = ("Authorization", "Content-Type")
    misread = tuple(name.lower() for name in spelled)

    def receive(request: Request) -> Request:
        kept = tuple(line for line in request.fields if line.name in spelled or line.name.lower() not in misread)
        return replace(correct.receive(request), fields=kept)

    return replace(correct, receive=receive)


@planted("hdr-unknown-refused", "HDR-004")
def unknown_refused(correct: Behaviour) -> Behaviour:
    """A field whose name starts with X- is refused."""

    def step(request: Request, _site: Site) -> Answer | None:
        return page(400, "unknown field") if any(line.name.startswith("X-") for line in request.fields) else None

    return ahead(correct, step)


@planted("hdr-accept-exact", "HDR-005")
def accept_exact(correct: Behaviour) -> Behaviour:
    """Accept must hold */* or application/json word by word; ranges such as application/* are answered 406."""

    def step(request: Request, _site: Site) -> Answer | None:
        accept = ",".join(request.values("Accept"))
        known = not accept or "*/*" in accept or "json" in accept or "xml" in accept or "html" in accept
        return None if known else page(406, "not acceptable")

    return ahead(correct, step)


@planted("hdr-html-for-java", "HDR-005", "SUCC-002", "SUCC-003", "GEN-006", "DOC-007")
def html_for_java(correct: Behaviour) -> Behaviour:
    """A client that names text/html first gets its token in an HTML page."""

    def finish(answer: Answer, request: Request) -> Answer:
        if answer.status != 200 or not request.value("Accept").startswith("text/html"):
            return answer
        shown = html(200, "Token")
        body = shown.body.replace(b"</body>", b"<pre>" + answer.body + b"</pre></body>")
        return replace(with_field(answer, "Content-Type", "text/html"), body=body)

    return finishing(correct, finish)


@planted("hdr-weights-500", "HDR-005", "HDR-006", "ERR-010", "DOC-005", "DOC-007", "WIRE-015", "GEN-003")
def weights_500(correct: Behaviour) -> Behaviour:
    """A weight in Accept makes the application die."""
    return crashing(correct, lambda request: re.search(r";\s*q=", request.value("Accept")) is not None)


@planted("hdr-xml-token", "HDR-006", "GEN-006")
def xml_token(correct: Behaviour) -> Behaviour:
    """A client that accepts XML gets its token labelled as XML."""

    def finish(answer: Answer, request: Request) -> Answer:
        xml = answer.status == 200 and request.value("Accept").startswith("application/xml")
        return with_field(answer, "Content-Type", "application/xml") if xml else answer

    return finishing(correct, finish)


@planted("hdr-obs-text-500", "HDR-007", "GEN-003")
def obs_text_500(correct: Behaviour) -> Behaviour:
    """Octets above 0x7F in a field that nobody needs make the application die."""
    return crashing(
        correct,
        lambda request: any(not line.value.isascii() for line in request.fields if line.name.lower().startswith("x-")),
    )


@planted("hdr-many-500", "HDR-008", "GEN-003")
def many_500(correct: Behaviour) -> Behaviour:
    """More fields than the server has room for make it answer 500."""

    def refuse(malformed: Malformed) -> Answer:
        if malformed.reason == TOO_MANY_FIELDS:
            return html(500, "Internal Server Error")
        return correct.refuse_message(malformed)

    return replace(correct, refuse_message=refuse)


@planted("hdr-many-closed", "HDR-008")
def many_closed(correct: Behaviour) -> Behaviour:
    """More fields than the server has room for make it close the connection without an answer."""

    def refuse(malformed: Malformed) -> Answer:
        if malformed.reason == TOO_MANY_FIELDS:
            raise Hangup
        return correct.refuse_message(malformed)

    return replace(correct, refuse_message=refuse)


@planted("hdr-gzip-500", "HDR-009", "GEN-003")
def gzip_500(correct: Behaviour) -> Behaviour:
    """A body that claims to be gzip and is not makes the application die."""

    def broken(request: Request) -> bool:
        if request.value("Content-Encoding").lower() == "gzip":
            gzip.decompress(request.body)
        return False

    return crashing(correct, broken)


@planted("hdr-gzip-body-500", "HDR-009", "GEN-003")
def gzip_body_500(correct: Behaviour) -> Behaviour:
    """A body that is gzip is read as text, and the application dies of it."""
    return crashing(correct, lambda request: request.body.startswith(b"\x1f\x8b"))


def compressing(correct: Behaviour, change: Callable[[Answer, str], Answer]) -> Behaviour:
    """A success to a request with Accept-Encoding is changed."""

    def finish(answer: Answer, request: Request) -> Answer:
        asked = request.value("Accept-Encoding")
        return change(answer, asked) if asked and answer.status == 200 else answer

    return finishing(correct, finish)


@planted("hdr-gzip-unasked", "HDR-010")
def gzip_unasked(correct: Behaviour) -> Behaviour:
    """A success is compressed wherever there is an Accept-Encoding field, whatever that says."""
    return compressing(
        correct,
        lambda answer, _: replace(with_field(answer, "Content-Encoding", "gzip"), body=gzip.compress(answer.body)),
    )


@planted("hdr-brotli-label", "HDR-010", "GEN-006")
def brotli_label(correct: Behaviour) -> Behaviour:
    """To a client that takes br a success is labelled as compressed, and is not."""

    def change(answer: Answer, request: Request) -> Answer:
        codings = [coding.strip() for coding in request.value("Accept-Encoding").split(",")]
        return with_field(answer, "Content-Encoding", "br") if "br" in codings and answer.status == 200 else answer

    return finishing(correct, change)


@planted("hdr-gzip-twice", "HDR-010", "DOC-006", "DOC-007", "GEN-006")
def gzip_twice(correct: Behaviour) -> Behaviour:
    """A success is compressed by the application and by the proxy, and labelled once."""

    def change(answer: Answer, asked: str) -> Answer:
        if "gzip" not in asked:
            return answer
        return replace(
            with_field(answer, "Content-Encoding", "gzip"), body=gzip.compress(gzip.compress(answer.body, mtime=0))
        )

    return compressing(correct, change)
