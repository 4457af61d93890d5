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


@planted("cache-no-cache", "CACHE-001", "GEN-006")
def no_cache(correct: Behaviour) -> Behaviour:
    """A success has to be checked before it is used again, and may be stored."""
    return success_with(correct, "Cache-Control", "no-cache, must-revalidate")


@planted("cache-misspelled", "CACHE-001", "GEN-006")
def misspelled(correct: Behaviour) -> Behaviour:
    """The directive of a success is misspelled, so nobody heeds it."""
    return success_with(correct, "Cache-Control", "no_store, max-age=0")


@planted("cache-content-location", "CACHE-004")
def content_location(correct: Behaviour) -> Behaviour:
    """A success says where it can be fetched again, and for how long it is fresh."""
    located = success_with(correct, "Content-Location", "/tokens/latest")
    return success_with(located, "Cache-Control", "no-store, max-age=600")
