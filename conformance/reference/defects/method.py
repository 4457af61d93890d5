"""Defects in how other methods than POST are answered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import Behaviour, finishing, with_field
from conformance.reference.message import Answer, Request, framed
from conformance.reference.oauth import FORM
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from conformance.reference.oauth import Site


def granting(correct: Behaviour, *methods: str) -> Behaviour:
    """Those methods are handled as POST is."""
    inner = correct.other_method

    def other_method(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        if request.method in methods:
            return behaviour.decide(behaviour, request, site)
        return inner(behaviour, request, site)

    return replace(correct, other_method=other_method)


@planted("method-get-granted", "METHOD-001", "GEN-002")
def get_granted(correct: Behaviour) -> Behaviour:
    """GET with the parameters in the query gets a token."""
    inner = correct.other_method

    def other_method(behaviour: Behaviour, request: Request, site: Site) -> Answer:
        if request.method != "GET":
            return inner(behaviour, request, site)
        labelled = replace(request, body=request.query.encode())
        return behaviour.decide(replace(behaviour, pick_media_type=lambda _values: FORM), labelled, site)

    return replace(correct, other_method=other_method)


@planted("method-no-allow", "METHOD-002")
def no_allow(correct: Behaviour) -> Behaviour:
    """A 405 has no Allow."""
    return finishing(correct, lambda answer, _: with_field(answer, "Allow") if answer.status == 405 else answer)


@planted("method-allow-get", "METHOD-002")
def allow_get(correct: Behaviour) -> Behaviour:
    """The Allow of a 405 lists GET and HEAD, but not POST."""
    return finishing(
        correct, lambda answer, _: with_field(answer, "Allow", "GET, HEAD") if answer.status == 405 else answer
    )


@planted("method-put-granted", "METHOD-003")
def put_granted(correct: Behaviour) -> Behaviour:
    """PUT, PATCH and DELETE get a token like POST."""
    return granting(correct, "PUT", "PATCH", "DELETE")


@planted("method-head-content", "METHOD-004", "WIRE-019")
def head_content(correct: Behaviour) -> Behaviour:
    """The answer to HEAD has content."""

    def frame(answer: Answer, *, close: bool, head: bool) -> bytes:
        del head
        return framed(answer, close=close, head=False)

    return replace(correct, frame=frame)
