"""Defects that only size brings out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import Behaviour, Hangup, ahead, crashing, html, silent
from conformance.reference.message import TOO_MANY_FIELDS, Answer, Malformed, Request
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from conformance.reference.oauth import Site

KIB = 1024


def parameters(request: Request) -> int:
    """How many parameters the body has."""
    return request.body.count(b"&") + 1


@planted("body-many-500", "BODY-013", "GEN-003")
def many_500(correct: Behaviour) -> Behaviour:
    """More than a thousand parameters make the parser die of its limit."""
    return crashing(correct, lambda request: parameters(request) > 1000)


@planted("body-many-silence", "BODY-013", "GEN-004")
def many_silence(correct: Behaviour) -> Behaviour:
    """The parser compares every name with every other, and is not done with five thousand in any useful time."""
    return silent(correct, lambda request: parameters(request) > 5000)


@planted("body-large-value-500", "BODY-013", "GEN-003")
def large_value_500(correct: Behaviour) -> Behaviour:
    """A value of more than 128 KiB makes the application die."""
    return crashing(correct, lambda request: max(map(len, request.body.split(b"&"))) > 128 * KIB)


@planted("body-large-closed", "BODY-013", "GEN-004")
def large_closed(correct: Behaviour) -> Behaviour:
    """A body of more than 512 KiB closes the connection without an answer."""

    def step(request: Request, _site: Site) -> None:
        if len(request.body) > 512 * KIB:
            raise Hangup

    return ahead(correct, step)


@planted("auth-16k-500", "AUTH-025", "GEN-003")
def auth_16k_500(correct: Behaviour) -> Behaviour:
    """An Authorization value of more than 15 KiB makes the application die."""
    return crashing(correct, lambda request: len(request.value("Authorization")) > 15 * KIB)


@planted("hdr-big-500", "HDR-008", "AUTH-025")
def big_500(correct: Behaviour) -> Behaviour:
    """A header section that is too large is answered 500."""

    def refuse(malformed: Malformed) -> Answer:
        if malformed.status == 431 and malformed.reason != TOO_MANY_FIELDS:
            return html(500, "Internal Server Error")
        return correct.refuse_message(malformed)

    return replace(correct, refuse_message=refuse)
