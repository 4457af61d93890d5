"""Defects that only many requests at once bring out, and refusals that say wrongly when to come back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import Behaviour, Hangup, failing, finishing, html, pooled, with_field
from conformance.reference.message import Answer, Request, page
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from conformance.reference.oauth import Failure

GUESSES = 8


@planted("load-pool-500", "LOAD-001")
def pool_500(correct: Behaviour) -> Behaviour:
    """The seventh request at a time gets no connection to the database, and 500."""
    return pooled(correct, lambda: html(500, "Internal Server Error"))


@planted("load-pool-503", "LOAD-001")
def pool_503(correct: Behaviour) -> Behaviour:
    """The seventh request at a time gets 503, and is not told when to come back."""
    return pooled(correct, lambda: page(503, "no server is free"))


@planted("load-pool-closed", "LOAD-001")
def pool_closed(correct: Behaviour) -> Behaviour:
    """The seventh request at a time has its connection closed without an answer."""

    def hang_up() -> Answer:
        raise Hangup

    return pooled(correct, hang_up)


@planted("load-retry-word", "LOAD-002")
def retry_word(correct: Behaviour) -> Behaviour:
    """The seventh request at a time gets 429 with a word in Retry-After."""
    return pooled(correct, lambda: page(429, "too many requests", ("Retry-After", "soon")))


@planted("load-retry-date", "LOAD-002")
def retry_date(correct: Behaviour) -> Behaviour:
    """The seventh request at a time gets 503 with a Retry-After in the format of a log."""
    return pooled(correct, lambda: page(503, "no server is free", ("Retry-After", "2026-11-24T05:04:18Z")))


@planted("load-retry-fraction", "LOAD-002")
def retry_fraction(correct: Behaviour) -> Behaviour:
    """From the ninth wrong credentials on the refusal is 429 with a fraction of a second in Retry-After."""
    seen = 0

    def limited(failure: Failure, _request: Request) -> Failure:
        nonlocal seen
        seen += 1
        return failure if seen <= GUESSES else replace(failure, status=429)

    def explained(answer: Answer, _request: Request) -> Answer:
        return with_field(answer, "Retry-After", "0.5") if answer.status == 429 else answer

    return finishing(failing(correct, limited, "wrong-secret", "unknown-client"), explained)
