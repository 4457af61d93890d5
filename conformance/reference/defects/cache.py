"""Defects in what may be cached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.behaviour import Behaviour, finishing, with_field
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from conformance.reference.message import Answer


def success_with(correct: Behaviour, name: str, *values: str) -> Behaviour:
    """Every success has that field."""

    def change(answer: Answer, _request: object) -> Answer:
        return with_field(answer, name, *values) if answer.status == 200 else answer

    return finishing(correct, change)


@planted("cache-storable", "CACHE-001", "GEN-006")
def storable(correct: Behaviour) -> Behaviour:
    """A success has no Cache-Control."""
    return success_with(correct, "Cache-Control")


@planted("cache-private", "CACHE-001", "GEN-006")
def private(correct: Behaviour) -> Behaviour:
    """A success is private, and may be stored."""
    return success_with(correct, "Cache-Control", "private, max-age=60")


@planted("cache-no-pragma", "CACHE-002")
def no_pragma(correct: Behaviour) -> Behaviour:
    """A success has no Pragma."""
    return success_with(correct, "Pragma")


@planted("cache-errors-storable", "CACHE-003")
def errors_storable(correct: Behaviour) -> Behaviour:
    """Errors have no Cache-Control."""
    return finishing(
        correct, lambda answer, _request: answer if answer.status == 200 else with_field(answer, "Cache-Control")
    )


@planted("cache-public", "CACHE-004")
def public(correct: Behaviour) -> Behaviour:
    """A success contradicts its no-store with public and s-maxage."""
    return success_with(correct, "Cache-Control", "no-store, public, s-maxage=60")


@planted("cache-age", "CACHE-004")
def age(correct: Behaviour) -> Behaviour:
    """A success has an Age above zero, so it came out of a cache."""
    return success_with(correct, "Age", "12")
